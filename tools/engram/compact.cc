#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "tools/engram/command.h"
#include "tools/engram/interrupt.h"
#include "tools/engram/json_values.h"
#include "tools/engram/progress.h"
#include "tools/engram/text.h"

namespace engram::tool {
namespace {

struct CompactArguments {
  std::string directory;
  bool no_metadata = false;
};

std::string NameOf(CompactProgress::Phase phase) {
  switch (phase) {
    case CompactProgress::Phase::kSweeping:
      return "compact: taking the dead out of the graph";
    case CompactProgress::Phase::kMoving:
      return "compact: moving patterns";
    case CompactProgress::Phase::kReturning:
      return "compact: returning pages";
    case CompactProgress::Phase::kMetadata:
      return "compact: metadata";
  }
  return "compact";
}

// A line for each phase, one after the other.
class Phases {
 public:
  explicit Phases(Context& context) : context_(context) {}

  void Update(const CompactProgress& now) {
    if (!line_ || now.phase != phase_) {
      line_.reset();  // takes its line off the screen
      line_.emplace(context_, NameOf(now.phase));
      line_->Begin();
      phase_ = now.phase;
    }
    line_->UpdateOf(now.done, now.total);
  }

 private:
  Context& context_;
  CompactProgress::Phase phase_ = CompactProgress::Phase::kSweeping;
  std::optional<Progress> line_;
};

CompactReport CompactWithProgress(Context& context, Store& store, bool metadata) {
  const Interrupt interrupt;
  Phases phases(context);
  CompactOptions options;
  options.metadata = metadata;
  options.progress = [&](const CompactProgress& now) {
    phases.Update(now);
    return !interrupt.seen();
  };
  return Check(store.Compact(options));
}

void PrintReport(Context& context, const CompactReport& report, double seconds) {
  context.out << Bold(context,
                      HumanBytes(report.bytes_before) + " became " + HumanBytes(report.bytes_after))
              << " in " << HumanSeconds(seconds) << "\n";
  std::vector<std::pair<std::string, std::string>> fields = {
      {"places that became free", WithSeparators(report.reclaimed)},
      {"patterns moved", WithSeparators(report.moved)}};
  if (report.held > 0) {
    fields.emplace_back(
        "dead patterns that stay",
        WithSeparators(report.held) + ": snapshots, or the history that is kept, still see them");
  }
  PrintFields(context, fields);
  if (report.gave_way) context.out << "inserts needed places that were to go: call it again\n";
}

int Compact(Context& context, const CompactArguments& arguments) {
  Store store = OpenForWriting(context, arguments.directory);
  const auto begin = std::chrono::steady_clock::now();
  const CompactReport report = CompactWithProgress(context, store, !arguments.no_metadata);
  const double seconds = SecondsSince(begin);
  Check(store.Close());
  if (!context.json) {
    PrintReport(context, report, seconds);
    return 0;
  }
  Json answer;
  answer["bytes_before"] = report.bytes_before;
  answer["bytes_after"] = report.bytes_after;
  answer["reclaimed"] = report.reclaimed;
  answer["moved"] = report.moved;
  answer["held"] = report.held;
  answer["gave_way"] = report.gave_way;
  answer["seconds"] = seconds;
  context.out << DumpJson(answer) << "\n";
  return 0;
}

}  // namespace

Command AddCompact(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<CompactArguments>();
  CLI::App* sub = AddSubcommand(app, context, "compact",
                                "Give back the space that erased patterns have left; Ctrl-C ends "
                                "it, and what was done stays done",
                                arguments->directory);
  AddResidency(sub, context);
  AddHistory(sub, context);
  sub->add_flag("--no-metadata", arguments->no_metadata, "Leave the metadata store as it is");
  return {sub, [&context, arguments] { return Compact(context, *arguments); }};
}

}  // namespace engram::tool
