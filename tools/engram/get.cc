#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/engram/command.h"
#include "tools/engram/json_values.h"
#include "tools/engram/past.h"
#include "tools/engram/text.h"

namespace engram::tool {
namespace {

struct GetArguments {
  std::string directory;
  PatternId id = 0;
  std::string at;
};

void PrintPattern(Context& context, const Pattern& pattern) {
  std::vector<std::pair<std::string, std::string>> fields = {
      {"id", std::to_string(pattern.id)},
      {"time", FormatTime(pattern.timestamp)},
      {"inserted at", FormatTime(pattern.inserted_at)},
      {"type", std::to_string(pattern.type)},
      {"version", std::to_string(static_cast<std::uint64_t>(pattern.version))},
      {"metadata", DumpJson(MetadataToJson(pattern.metadata))},
      {"vector", DumpJson(VectorToJson(pattern.vector))}};
  if (pattern.expires_at) {
    fields.insert(fields.begin() + 3, {"expires at", FormatTime(*pattern.expires_at)});
  }
  PrintFields(context, fields);
}

int Get(Context& context, const GetArguments& arguments) {
  const Store store = OpenForReading(context, arguments.directory);
  std::optional<PastState> past;
  if (!arguments.at.empty()) past = OpenPast(store, arguments.at);
  GetOptions options;
  if (past) options.snapshot = &past->snapshot;
  const Pattern pattern = Check(store.Get(arguments.id, options));
  if (context.json) {
    Json answer;
    if (past) answer["at"] = past->json;
    answer["id"] = pattern.id;
    answer["timestamp"] = FormatTime(pattern.timestamp);
    answer["inserted_at"] = FormatTime(pattern.inserted_at);
    if (pattern.expires_at) answer["expires_at"] = FormatTime(*pattern.expires_at);
    answer["type"] = pattern.type;
    answer["version"] = static_cast<std::uint64_t>(pattern.version);
    answer["metadata"] = MetadataToJson(pattern.metadata);
    answer["vector"] = VectorToJson(pattern.vector);
    context.out << DumpJson(answer) << "\n";
    return 0;
  }
  if (past) context.out << Dim(context, "at " + past->what) << "\n";
  PrintPattern(context, pattern);
  return 0;
}

}  // namespace

Command AddGet(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<GetArguments>();
  CLI::App* sub = AddSubcommand(app, context, "get", "Show one pattern", arguments->directory);
  AddResidency(sub, context);
  sub->add_option("ID", arguments->id, "Id of the pattern")->required()->check(CheckNotNegative);
  AddAtOption(sub, arguments->at, "The pattern as it was in a state of the past");
  return {sub, [&context, arguments] { return Get(context, *arguments); }};
}

}  // namespace engram::tool
