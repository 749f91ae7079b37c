#include <memory>

#include "tools/engram/command.h"
#include "tools/engram/json_values.h"
#include "tools/engram/text.h"

namespace engram::tool {
namespace {

struct GetArguments {
  std::string directory;
  PatternId id = 0;
};

int Get(Context& context, const GetArguments& arguments) {
  const Store store = OpenForReading(context, arguments.directory);
  const Pattern pattern = Check(store.Get(arguments.id));
  const auto version = static_cast<std::uint64_t>(pattern.version);
  if (context.json) {
    Json answer;
    answer["id"] = pattern.id;
    answer["timestamp"] = FormatTime(pattern.timestamp);
    answer["inserted_at"] = FormatTime(pattern.inserted_at);
    answer["type"] = pattern.type;
    answer["version"] = version;
    answer["metadata"] = MetadataToJson(pattern.metadata);
    answer["vector"] = VectorToJson(pattern.vector);
    context.out << DumpJson(answer) << "\n";
    return 0;
  }
  PrintFields(context, {{"id", std::to_string(pattern.id)},
                        {"time", FormatTime(pattern.timestamp)},
                        {"inserted at", FormatTime(pattern.inserted_at)},
                        {"type", std::to_string(pattern.type)},
                        {"version", std::to_string(version)},
                        {"metadata", DumpJson(MetadataToJson(pattern.metadata))},
                        {"vector", DumpJson(VectorToJson(pattern.vector))}});
  return 0;
}

}  // namespace

Command AddGet(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<GetArguments>();
  CLI::App* sub = AddSubcommand(app, context, "get", "Show one pattern", arguments->directory);
  AddResidency(sub, context);
  sub->add_option("ID", arguments->id, "Id of the pattern")->required()->check(CheckNotNegative);
  return {sub, [&context, arguments] { return Get(context, *arguments); }};
}

}  // namespace engram::tool
