#include <memory>
#include <string>

#include "tools/engram/command.h"
#include "tools/engram/json_values.h"
#include "tools/engram/text.h"

namespace engram::tool {
namespace {

struct PruneArguments {
  std::string directory;
  std::string before;
};

int Prune(Context& context, const PruneArguments& arguments) {
  const Timestamp before = Check(ParseMoment(arguments.before, Now()));
  Store store = OpenForWriting(context, arguments.directory);
  const std::uint64_t patterns = Check(store.GetStats()).count;
  const std::uint64_t erased = Check(store.PruneBefore(before));
  Check(store.Close());
  if (context.json) {
    Json answer;
    answer["erased"] = erased;
    answer["patterns_before"] = patterns;
    answer["before"] = FormatTime(before);
    context.out << DumpJson(answer) << "\n";
  } else {
    context.out << "erased " << WithSeparators(erased) << " of " << WithSeparators(patterns)
                << " patterns: those of before " << FormatTime(before) << "\n";
  }
  return 0;
}

}  // namespace

Command AddPrune(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<PruneArguments>();
  CLI::App* sub = AddSubcommand(app, context, "prune", "End old patterns, some hundreds a commit",
                                arguments->directory);
  AddResidency(sub, context);
  AddHistory(sub, context);
  sub->add_option("--before", arguments->before,
                  "Patterns whose own time is before it: " + std::string(kMomentForms))
      ->required()
      ->check(CheckMoment);
  return {sub, [&context, arguments] { return Prune(context, *arguments); }};
}

}  // namespace engram::tool
