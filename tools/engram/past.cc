#include "tools/engram/past.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "tools/engram/text.h"
#include "tools/engram/times.h"

namespace engram::tool {
namespace {

enum class Kind { kName, kCommit, kTime };

// A text, and what it is taken for.
struct Reading {
  Kind kind = Kind::kName;
  std::string_view text;
  bool prefixed = false;  // whether the text said so itself
};

std::optional<Lsn> ParseLsn(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc() || at != end) return std::nullopt;
  return static_cast<Lsn>(number);
}

Reading Read(std::string_view text) {
  constexpr std::pair<std::string_view, Kind> kPrefixes[] = {
      {"name:", Kind::kName}, {"lsn:", Kind::kCommit}, {"time:", Kind::kTime}};
  for (const auto& [prefix, kind] : kPrefixes) {
    if (text.starts_with(prefix)) return {kind, text.substr(prefix.size()), true};
  }
  if (ParseLsn(text)) return {Kind::kCommit, text};
  if (ParseMoment(text, Now()).ok()) return {Kind::kTime, text};
  return {Kind::kName, text};
}

std::string CheckAt(const std::string& text) {
  const Reading reading = Read(text);
  if (reading.kind == Kind::kCommit && !ParseLsn(reading.text)) {
    return "\"" + text + "\" is no commit, expected lsn: and a whole number";
  }
  if (reading.kind == Kind::kTime) return CheckMoment(std::string(reading.text));
  return reading.text.empty() ? "it names no state" : "";
}

std::string NumberOf(Lsn lsn) { return std::to_string(static_cast<std::uint64_t>(lsn)); }

std::optional<NamedSnapshot> FindNamed(const Store& store, std::string_view name) {
  const std::vector<NamedSnapshot> named = Check(store.ListNamedSnapshots());
  const auto found = std::find_if(named.begin(), named.end(),
                                  [name](const NamedSnapshot& one) { return one.name == name; });
  return found == named.end() ? std::nullopt : std::optional(*found);
}

// What a person can do about it goes with what the store says.
template <typename T>
T CheckPast(Result<T> result) {
  if (result.code() != Code::kSnapshotExpired) return Check(std::move(result));
  throw Failure(Status(Code::kSnapshotExpired,
                       std::string(result.status().message()) +
                           "; a command that writes with --history begins to keep states, and "
                           "`engram snapshot take` keeps one"));
}

PastState OpenNamed(const Store& store, const Reading& reading) {
  const std::string name(reading.text);
  Result<Snapshot> opened = store.OpenNamedSnapshot(name);
  if (opened.code() == Code::kNotFound && !reading.prefixed) {
    throw Failure(Status::NotFound(std::string(opened.status().message()) +
                                   ", and it is neither a commit's number nor a time (as in " +
                                   std::string(kMomentForms) + ")"));
  }
  Snapshot snapshot = Check(std::move(opened));
  const auto named = FindNamed(store, name);
  Json json = {{"taken_for", "snapshot"}, {"name", name}};
  std::string what = "snapshot \"" + OneLine(name) + "\": commit " + NumberOf(snapshot.lsn());
  if (named) {
    json["taken_at"] = FormatTime(named->taken_at);
    what += ", taken at " + FormatTime(named->taken_at);
  }
  json["lsn"] = static_cast<std::uint64_t>(snapshot.lsn());
  return {std::move(snapshot), std::move(what), std::move(json)};
}

PastState OpenTime(const Store& store, const Reading& reading) {
  const Timestamp time = Check(ParseMoment(reading.text, Now()));
  Snapshot snapshot = CheckPast(store.SnapshotAt(time));
  const std::string text = FormatTime(time);
  Json json = {
      {"taken_for", "time"}, {"time", text}, {"lsn", static_cast<std::uint64_t>(snapshot.lsn())}};
  std::string what = "time " + text + ": commit " + NumberOf(snapshot.lsn());
  return {std::move(snapshot), std::move(what), std::move(json)};
}

PastState OpenCommit(const Store& store, const Reading& reading) {
  Snapshot snapshot = CheckPast(store.SnapshotAt(*ParseLsn(reading.text)));
  Json json = {{"taken_for", "commit"}, {"lsn", static_cast<std::uint64_t>(snapshot.lsn())}};
  std::string what = "commit " + NumberOf(snapshot.lsn());
  return {std::move(snapshot), std::move(what), std::move(json)};
}

}  // namespace

void AddAtOption(CLI::App* sub, std::string& at, const std::string& what) {
  sub->add_option("--at", at,
                  what + ": the name of a snapshot, the number of a commit, or a time (" +
                      std::string(kMomentForms) + "); name:, lsn: or time: before it says which")
      ->check(CheckAt);
}

PastState OpenPast(const Store& store, const std::string& at) {
  const Reading reading = Read(at);
  if (reading.kind == Kind::kName) return OpenNamed(store, reading);
  const bool commit = reading.kind == Kind::kCommit;
  if (!reading.prefixed && FindNamed(store, at)) {
    const std::string kind = commit ? "lsn" : "time";
    throw Failure(Status::InvalidArgument("\"" + at + "\" is the name of a snapshot and also a " +
                                          (commit ? "commit's number" : "time") +
                                          ": write name:" + at + " or " + kind + ":" + at));
  }
  return commit ? OpenCommit(store, reading) : OpenTime(store, reading);
}

}  // namespace engram::tool
