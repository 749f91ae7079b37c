#include "engine/dump.h"

#include <memory>
#include <optional>

#include "storage/base/posix_file_system.h"
#include "tools/engram/command.h"
#include "tools/engram/json_values.h"
#include "tools/engram/text.h"

namespace engram::tool {
namespace {

struct DumpArguments {
  std::string directory;
  std::optional<std::uint64_t> page;
  bool superblock = false;
  bool log = false;
};

std::vector<DumpSection> Read(const DumpArguments& arguments) {
  const std::shared_ptr<FileSystem> files = MakePosixFileSystem();
  if (arguments.page) return Check(DumpPage(files, arguments.directory, *arguments.page));
  if (arguments.superblock) return Check(DumpSuperblock(files, arguments.directory));
  return Check(DumpLog(files, arguments.directory));
}

int Dump(Context& context, const DumpArguments& arguments) {
  const std::vector<DumpSection> sections = Read(arguments);
  Json answer = Json::array();
  for (const DumpSection& section : sections) {
    if (!context.json) {
      std::vector<std::pair<std::string, std::string>> fields;
      for (const auto& [name, value] : section.fields) {
        fields.emplace_back(OneLine(name), OneLine(value));
      }
      context.out << Bold(context, OneLine(section.title)) << "\n";
      PrintFields(context, fields);
      continue;
    }
    Json fields = Json::object();
    for (const auto& [name, value] : section.fields) fields[name] = value;
    answer.push_back({{"title", section.title}, {"fields", std::move(fields)}});
  }
  if (context.json) context.out << DumpJson(Json{{"sections", std::move(answer)}}) << "\n";
  return 0;
}

}  // namespace

Command AddDump(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<DumpArguments>();
  CLI::App* sub = AddSubcommand(app, context, "dump", "Show the raw bytes of a store, decoded",
                                arguments->directory);
  CLI::Option_group* what = sub->add_option_group("what", "One of");
  what->add_option("--page", arguments->page, "A page of the page file, by number")
      ->check(CheckNotNegative);
  what->add_flag("--superblock", arguments->superblock, "Both superblocks and the extents");
  what->add_flag("--log", arguments->log, "Segments and frames of the log");
  what->require_option(1);
  return {sub, [&context, arguments] { return Dump(context, *arguments); }};
}

}  // namespace engram::tool
