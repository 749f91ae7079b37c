#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/engram/command.h"
#include "tools/engram/json_values.h"
#include "tools/engram/past.h"
#include "tools/engram/text.h"

namespace engram::tool {
namespace {

struct SnapshotArguments {
  std::string directory;
  std::string name;
  std::string at;
  std::uint32_t most = Options().max_named_snapshots;
};

double AgeSeconds(const NamedSnapshot& snapshot) {
  return std::max(0.0, std::chrono::duration<double>(Now() - snapshot.taken_at).count());
}

Json SnapshotToJson(const NamedSnapshot& snapshot) {
  Json json;
  json["name"] = snapshot.name;
  json["lsn"] = static_cast<std::uint64_t>(snapshot.lsn);
  json["taken_at"] = FormatTime(snapshot.taken_at);
  return json;
}

int TakeSnapshot(Context& context, const SnapshotArguments& arguments) {
  Options options;
  options.max_named_snapshots = arguments.most;
  Store store = OpenForWriting(context, arguments.directory, options);
  std::optional<PastState> past;
  if (!arguments.at.empty()) past = OpenPast(store, arguments.at);
  const NamedSnapshot taken =
      Check(store.CreateNamedSnapshot(arguments.name, past ? &past->snapshot : nullptr));
  Json answer = SnapshotToJson(taken);
  std::string of;
  if (past) {
    answer["at"] = past->json;
    of = ", of " + past->what;
  }
  past.reset();  // before the store is closed
  Check(store.Close());
  if (context.json) {
    context.out << DumpJson(answer) << "\n";
  } else {
    context.out << "snapshot " << Bold(context, OneLine(taken.name)) << " at commit "
                << static_cast<std::uint64_t>(taken.lsn) << of << "\n";
  }
  return 0;
}

int ListSnapshots(Context& context, const SnapshotArguments& arguments) {
  const Store store = OpenForReading(context, arguments.directory);
  const std::vector<NamedSnapshot> named = Check(store.ListNamedSnapshots());
  if (context.json) {
    Json answer;
    answer["snapshots"] = Json::array();
    for (const NamedSnapshot& snapshot : named) {
      Json json = SnapshotToJson(snapshot);
      json["age_seconds"] = AgeSeconds(snapshot);
      answer["snapshots"].push_back(std::move(json));
    }
    context.out << DumpJson(answer) << "\n";
    return 0;
  }
  std::vector<std::pair<std::string, std::string>> lines;
  for (const NamedSnapshot& snapshot : named) {
    lines.emplace_back(OneLine(snapshot.name),
                       "commit " + std::to_string(static_cast<std::uint64_t>(snapshot.lsn)) +
                           ", taken at " + FormatTime(snapshot.taken_at) + ", " +
                           HumanSeconds(AgeSeconds(snapshot)) + " ago");
  }
  PrintFields(context, lines);
  context.out << Dim(context, std::to_string(named.size()) +
                                  (named.size() == 1 ? " snapshot" : " snapshots"))
              << "\n";
  return 0;
}

int DropSnapshot(Context& context, const SnapshotArguments& arguments) {
  Store store = OpenForWriting(context, arguments.directory);
  Check(store.DropNamedSnapshot(arguments.name));
  const std::size_t left = Check(store.ListNamedSnapshots()).size();
  Check(store.Close());
  if (context.json) {
    Json answer;
    answer["dropped"] = arguments.name;
    answer["snapshots"] = left;
    context.out << DumpJson(answer) << "\n";
  } else {
    context.out << "dropped " << Bold(context, OneLine(arguments.name)) << "; " << left
                << " left\n";
  }
  return 0;
}

CLI::App* AddWriter(CLI::App& app, Context& context, SnapshotArguments& arguments,
                    const std::string& name, const std::string& description) {
  CLI::App* sub = AddSubcommand(app, context, name, description, arguments.directory);
  AddResidency(sub, context);
  AddHistory(sub, context);
  sub->add_option("NAME", arguments.name, "Its name, 1 to 255 bytes")->required();
  return sub;
}

}  // namespace

Command AddSnapshot(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<SnapshotArguments>();
  CLI::App* sub = app.add_subcommand(
      "snapshot", "Named states of a store, which stay readable until they are dropped");
  sub->require_subcommand(1);
  CLI::App* const take = AddWriter(*sub, context, *arguments, "take", "Give a state a name");
  AddAtOption(take, arguments->at, "A state other than the newest");
  take->add_option("--most", arguments->most, "Refuse where there are so many")
      ->capture_default_str()
      ->check(CheckNotNegative);
  CLI::App* const list =
      AddSubcommand(*sub, context, "list", "Show the names there are", arguments->directory);
  AddResidency(list, context);
  CLI::App* const drop = AddWriter(*sub, context, *arguments, "drop", "Give a state free");
  return {sub, [&context, arguments, take, drop] {
            if (take->parsed()) return TakeSnapshot(context, *arguments);
            if (drop->parsed()) return DropSnapshot(context, *arguments);
            return ListSnapshots(context, *arguments);
          }};
}

}  // namespace engram::tool
