#include "tests/crash/oracle.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "engine/verify.h"
#include "storage/base/coding.h"
#include "tests/support/graph_check.h"

namespace engram {
namespace {

std::string Named(PatternId id, const std::string& what) {
  return "pattern " + std::to_string(id) + ": " + what;
}

std::string Unequal(PatternId id, const std::string& what, std::int64_t found,
                    std::int64_t expected) {
  if (found == expected) return {};
  return Named(id,
               what + " is " + std::to_string(found) + ", expected " + std::to_string(expected));
}

std::string ComparePattern(const Pattern& found, const PatternModel& expected, bool metadata) {
  const auto lsn = [](Lsn value) { return static_cast<std::int64_t>(Raw(value)); };
  const auto us = [](Timestamp time) { return time.time_since_epoch().count(); };
  const std::int64_t expires = found.expires_at ? us(*found.expires_at) : kNeverExpires;
  for (std::string what :
       {Unequal(found.id, "end", expires, expected.expires_us),
        Unequal(found.id, "version", lsn(found.version), lsn(expected.version)),
        Unequal(found.id, "timestamp", us(found.timestamp), expected.timestamp_us),
        Unequal(found.id, "inserted_at", us(found.inserted_at), expected.inserted_us),
        Unequal(found.id, "type", found.type, expected.type)}) {
    if (!what.empty()) return what;
  }
  if (found.vector != expected.vector) return Named(found.id, "another vector");
  if (metadata && found.metadata != expected.metadata) return Named(found.id, "other metadata");
  return {};
}

using Kept = std::optional<KeptState>;

std::string CheckPages(Engine& engine, const ModelState& state, const Kept& kept) {
  std::size_t seen = 0;
  std::string wrong;
  const Status status = engine.ForEach(
      [&](const Pattern& pattern) {
        ++seen;
        const auto expected = state.find(pattern.id);
        wrong = expected == state.end() ? Named(pattern.id, "is there and should not")
                                        : ComparePattern(pattern, *expected->second, false);
        return wrong.empty();
      },
      {.include_vector = true, .include_metadata = false, .snapshot = kept});
  if (!status.ok()) return "ForEach: " + status.ToString();
  if (!wrong.empty()) return wrong;
  if (seen == state.size()) return {};
  return "ForEach visits " + std::to_string(seen) + " patterns, expected " +
         std::to_string(state.size());
}

std::string CheckGets(Engine& engine, const ModelState& state, const Kept& kept) {
  for (const auto& [id, expected] : state) {
    const auto pattern = engine.Get(id, {.snapshot = kept});
    if (!pattern.ok()) return Named(id, pattern.status().ToString());
    if (std::string wrong = ComparePattern(*pattern, *expected, true); !wrong.empty()) return wrong;
  }
  return {};
}

// Rows of versions, by what names them.
using VersionSlots = std::map<std::pair<PatternId, Lsn>, SlotId>;

// Each row of the ids names a block that holds its version, and no block is without one.
std::string CheckIdRows(Core& core, VersionSlots* versions) {
  const Status status = core.meta->ForEachVersion([&](const VersionRow& row) -> Status {
    const bool used = Raw(row.slot) < core.slots->used();
    const SlotState slot = used ? core.slots->state(row.slot) : SlotState::kFree;
    if (slot != SlotState::kLive && slot != SlotState::kDead) {
      return Status::CorruptedIndex(Named(row.id, "its row names a slot that is not in use"));
    }
    const ConstNodeView node = core.Node(row.slot);
    if (node.id() != row.id || node.version() != row.version) {
      return Status::CorruptedIndex(Named(row.id, "its row names another version's slot"));
    }
    versions->emplace(std::pair(row.id, row.version), row.slot);
    return Status::Ok();
  });
  if (!status.ok()) return "ids: " + status.ToString();
  // Those of which a version was moved have no row.
  std::uint64_t blocks = core.slots->live();
  for (std::uint32_t i = 0; i < core.slots->used(); ++i) {
    const auto slot = static_cast<SlotId>(i);
    const bool dead = core.slots->state(slot) == SlotState::kDead;
    if (dead && !core.Node(slot).is_moved()) ++blocks;
  }
  if (versions->size() == blocks) return {};
  return "ids: " + std::to_string(versions->size()) + " rows for " + std::to_string(blocks) +
         " versions in the pages";
}

// The rows of an index agree with the blocks; `expected`: how many there are. Unset: not known.
std::string CheckIndexRows(Core& core, Family family, const VersionSlots& versions,
                           std::optional<std::size_t> expected) {
  const std::string name = "family " + std::to_string(static_cast<int>(family)) + ": ";
  std::size_t rows = 0;
  const Status status =
      core.meta->ForEachIndexRow(family, [&](const MetaStore::IndexRow& row) -> Status {
        ++rows;
        const auto version = versions.find({row.id, row.version});
        if (version == versions.end()) {
          return Status::CorruptedIndex(Named(row.id, "a row of a version that is not there"));
        }
        const ConstNodeView node = core.Node(version->second);
        const bool timed = family == Family::kTime || family == Family::kType;
        if ((timed && row.timestamp_us != node.timestamp_us()) ||
            (family == Family::kType && row.type != node.type()) ||
            (family == Family::kState && row.timestamp_us != node.expires_us())) {
          return Status::CorruptedIndex(Named(row.id, "a row with another time or type"));
        }
        return Status::Ok();
      });
  if (!status.ok()) return name + status.ToString();
  if (!expected.has_value() || rows == *expected) return {};
  return name + std::to_string(rows) + " rows, expected " + std::to_string(*expected);
}

std::string CheckRows(Core& core) {
  VersionSlots versions;
  std::string wrong = CheckIdRows(core, &versions);
  if (!wrong.empty()) return wrong;
  const auto typed = static_cast<std::size_t>(
      std::count_if(versions.begin(), versions.end(),
                    [&](const auto& row) { return core.Node(row.second).type() != 0; }));
  const auto expiring = static_cast<std::size_t>(
      std::count_if(versions.begin(), versions.end(),
                    [&](const auto& row) { return core.Node(row.second).has_expiry(); }));
  wrong = CheckIndexRows(core, Family::kTime, versions, versions.size());
  if (wrong.empty()) wrong = CheckIndexRows(core, Family::kState, versions, expiring);
  if (wrong.empty()) wrong = CheckIndexRows(core, Family::kType, versions, typed);
  if (wrong.empty()) wrong = CheckIndexRows(core, Family::kMeta, versions, std::nullopt);
  if (wrong.empty()) wrong = CheckIndexRows(core, Family::kField, versions, std::nullopt);
  return wrong;
}

double Distance(Metric metric, const std::vector<float>& a, const std::vector<float>& b) {
  double dot = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += double{a[i]} * b[i];
    aa += double{a[i]} * a[i];
    bb += double{b[i]} * b[i];
  }
  if (metric == Metric::kL2) return aa + bb - 2 * dot;
  if (metric == Metric::kCosine) return 1 - dot / std::sqrt(aa * bb);
  return 1 - dot;
}

// By brute force over the model.
std::string CheckSearch(Engine& engine, const ModelState& state, const std::vector<float>& query,
                        const Kept& kept) {
  constexpr std::size_t kHits = 5;
  constexpr double kTolerance = 1e-4;  // float sums against double ones
  std::vector<double> expected;
  for (const auto& [id, pattern] : state) {
    expected.push_back(Distance(engine.metric(), query, pattern->vector));
  }
  std::sort(expected.begin(), expected.end());
  expected.resize(std::min(expected.size(), kHits));
  SearchRequest request;
  request.query = query;
  request.k = kHits;
  request.snapshot = kept;
  const auto result = engine.Search(request);
  if (!result.ok()) return "Search: " + result.status().ToString();
  if (result->hits.size() != expected.size()) {
    return "Search: " + std::to_string(result->hits.size()) + " hits, expected " +
           std::to_string(expected.size());
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Hit& hit = result->hits[i];
    const auto pattern = state.find(hit.id);
    if (pattern == state.end()) return "Search: " + Named(hit.id, "found and should not be there");
    const double own = Distance(engine.metric(), query, pattern->second->vector);
    if (std::abs(double{hit.distance} - own) > kTolerance ||
        std::abs(own - expected[i]) > kTolerance) {
      return "Search: " + Named(hit.id, "distance " + std::to_string(hit.distance) + ", expected " +
                                            std::to_string(expected[i]));
    }
  }
  return {};
}

}  // namespace

std::string CheckAnswers(Engine& engine, const ModelState& state, const Kept& kept) {
  std::string wrong = CheckPages(engine, state, kept);
  if (wrong.empty()) wrong = CheckGets(engine, state, kept);
  if (!wrong.empty() || state.empty()) return wrong;
  return CheckSearch(engine, state, state.rbegin()->second->vector, kept);
}

std::string CheckHoldsNothingOf(const SimImage& image, std::span<const std::string> secrets) {
  for (const std::string& path : image.Paths()) {
    const SimBytes* file = image.FindFile(path);
    if (file == nullptr) continue;
    const std::string bytes = file->ToString();
    for (const std::string& secret : secrets) {
      const std::size_t at = bytes.find(secret);
      if (at == bytes.npos) continue;
      return path + " holds at byte " + std::to_string(at) + " what was erased for ever";
    }
  }
  return {};
}

std::string CheckHolds(Engine& engine, const ModelState& state) {
  std::string wrong = CheckAnswers(engine, state);
  if (wrong.empty()) wrong = CheckRows(engine.core());
  return wrong.empty() ? CheckGraph(engine.core()) : wrong;
}

std::string CheckVerifies(const std::shared_ptr<FileSystem>& files, const std::string& directory) {
  const auto report = VerifyStore(files, directory);
  if (report.code() == Code::kNotFound) return {};
  if (!report.ok()) return "verify: " + report.status().ToString();
  if (report->findings.empty()) return {};
  const Finding& first = report->findings.front();
  return "verify: " + std::to_string(report->findings.size()) +
         " findings, the first: " + first.where + ": " + first.what;
}

}  // namespace engram
