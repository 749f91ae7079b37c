#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>

#include "tools/engram/command.h"
#include "tools/engram/filter.h"
#include "tools/engram/json_values.h"
#include "tools/engram/text.h"

namespace engram::tool {
namespace {

constexpr std::size_t kErasedTogether = 1000;

struct EraseArguments {
  std::string directory;
  std::vector<std::string> which;
  FilterArguments filter;
  bool forever = false;
  bool dry_run = false;
};

struct Range : IdRange {
  bool single = false;  // one id, which must be there; a range may have holes
};

std::optional<Range> ParseRange(const std::string& text) {
  Range range;
  const char* const end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, range.first);
  if (error != std::errc()) return std::nullopt;
  range.single = at == end;
  range.last = range.first;
  if (range.single) return range;
  if (*at != '-') return std::nullopt;
  const auto [last_end, last_error] = std::from_chars(at + 1, end, range.last);
  if (last_error != std::errc() || last_end != end || range.last < range.first) return std::nullopt;
  return range;
}

std::string CheckRange(const std::string& text) {
  return ParseRange(text) ? "" : "\"" + text + "\" is neither an id nor a range FROM-TO";
}

std::vector<PatternId> IdsWithin(const Store& store, const Range& range) {
  std::vector<PatternId> ids;
  Check(store.ForEach(
      [&](const Pattern& pattern) {
        if (pattern.id >= range.first && pattern.id <= range.last) ids.push_back(pattern.id);
        return true;
      },
      HeaderOnly()));
  std::sort(ids.begin(), ids.end());
  return ids;
}

// A single id, or those of a range that may be there. Ids are given in order: none at or above
// next_id exists. But callers may give such as are far apart: a range of more numbers than there
// are patterns is not counted through.
template <typename Visit>
void ForEachId(const Store& store, const Range& range, const Visit& visit) {
  if (range.single) return visit(range.first);
  const Stats stats = Check(store.GetStats());
  const PatternId last = stats.next_id == 0 ? 0 : std::min(range.last, stats.next_id - 1);
  if (range.first > last) return;
  if (last - range.first < stats.count) {
    for (PatternId id = range.first; id <= last; ++id) visit(id);
  } else {
    for (const PatternId id : IdsWithin(store, range)) visit(id);
  }
}

// Collects ids and erases them a batch at a time, or only counts them.
class Eraser {
 public:
  Eraser(Store& store, bool dry_run) : store_(store), dry_run_(dry_run) {}

  void Add(const Range& range) {
    ForEachId(store_, range, [&](PatternId id) {
      if (Check(store_.Contains(id))) {
        batch_.Erase(id);
      } else if (range.single) {
        missing_.push_back(id);
      }
      if (batch_.size() == kErasedTogether) Write();
    });
  }

  void Write() {
    if (batch_.empty()) return;
    if (!dry_run_) Check(store_.Write(batch_));
    erased_ += batch_.size();
    batch_.Clear();
  }

  std::uint64_t erased() const { return erased_; }
  const std::vector<PatternId>& missing() const { return missing_; }

 private:
  Store& store_;
  const bool dry_run_;
  WriteBatch batch_;
  std::uint64_t erased_ = 0;
  std::vector<PatternId> missing_;
};

Store OpenToErase(const Context& context, const EraseArguments& arguments) {
  return arguments.dry_run ? OpenForReading(context, arguments.directory)
                           : OpenForWriting(context, arguments.directory);
}

int EraseIds(Context& context, const EraseArguments& arguments) {
  Store store = OpenToErase(context, arguments);
  Eraser eraser(store, arguments.dry_run);
  for (const std::string& text : arguments.which) {
    eraser.Add(*ParseRange(text));
    eraser.Write();  // the next argument may name the same ids
  }
  Check(store.Close());
  Json answer;
  answer[arguments.dry_run ? "would_erase" : "erased"] = eraser.erased();
  if (!eraser.missing().empty()) {
    throw Failure(Status::NotFound("pattern " + std::to_string(eraser.missing().front()) +
                                   " is not in the store; " + std::to_string(eraser.erased()) +
                                   " others " + (arguments.dry_run ? "are" : "were erased")),
                  answer);
  }
  if (context.json) {
    context.out << DumpJson(answer) << "\n";
  } else {
    context.out << (arguments.dry_run ? "would erase " : "erased ")
                << WithSeparators(eraser.erased()) << "\n";
  }
  return 0;
}

int EraseByFilter(Context& context, const EraseArguments& arguments) {
  const PatternFilter filter = MakeFilter(arguments.filter);
  Store store = OpenToErase(context, arguments);
  const std::uint64_t patterns = Check(store.GetStats()).count;
  const std::uint64_t meant =
      arguments.dry_run ? CountMatching(store, filter) : Check(store.EraseMatching(filter));
  Check(store.Close());
  if (context.json) {
    Json answer;
    answer[arguments.dry_run ? "would_erase" : "erased"] = meant;
    answer["patterns_before"] = patterns;
    context.out << DumpJson(answer) << "\n";
  } else {
    context.out << (arguments.dry_run ? "would erase " : "erased ") << WithSeparators(meant)
                << " of " << WithSeparators(patterns) << " patterns\n";
  }
  return 0;
}

std::vector<IdRange> ParseRanges(const std::vector<std::string>& which) {
  std::vector<IdRange> ranges;
  for (const std::string& text : which) {
    Range range = *ParseRange(text);
    if (range.first == 0 && range.last > 0) range.first = 1;  // the first there is
    ranges.push_back(range);
  }
  return ranges;
}

int EraseForever(Context& context, const EraseArguments& arguments) {
  const auto begin = std::chrono::steady_clock::now();
  Store store = OpenForWriting(context, arguments.directory);
  const EraseForeverReport report = Check(store.EraseForever(ParseRanges(arguments.which)));
  Check(store.Close());
  const double seconds = SecondsSince(begin);
  if (context.json) {
    Json answer;
    answer["erased"] = report.patterns;
    answer["versions"] = report.versions;
    answer["log_bytes"] = report.log_bytes;
    answer["journal_bytes"] = report.journal_bytes;
    answer["metadata_bytes"] = report.metadata_bytes;
    answer["seconds"] = seconds;
    context.out << DumpJson(answer) << "\n";
    return 0;
  }
  context.out << Bold(context, "erased " + WithSeparators(report.patterns) + " for ever") << " in "
              << HumanSeconds(seconds) << "\n";
  PrintFields(context, {{"places zeroed", WithSeparators(report.versions)},
                        {"log removed", HumanBytes(report.log_bytes)},
                        {"journal written anew", HumanBytes(report.journal_bytes)},
                        {"metadata written anew", HumanBytes(report.metadata_bytes)}});
  return 0;
}

int Erase(Context& context, const EraseArguments& arguments) {
  if (arguments.which.empty() && arguments.filter.empty()) {
    throw CLI::ValidationError(
        "what to erase is missing: ids, or one of --type, --from, --before, --filter");
  }
  if (!arguments.filter.empty()) return EraseByFilter(context, arguments);
  return arguments.forever ? EraseForever(context, arguments) : EraseIds(context, arguments);
}

}  // namespace

Command AddErase(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<EraseArguments>();
  CLI::App* sub = AddSubcommand(app, context, "erase", "End patterns", arguments->directory);
  AddResidency(sub, context);
  AddHistory(sub, context);
  CLI::Option* const ids =
      sub->add_option("ID|FROM-TO", arguments->which,
                      "Ids, and ranges of ids, both ends included, which may have holes")
          ->check(CheckRange);
  CLI::Option* const forever = sub->add_flag(
      "--forever", arguments->forever,
      "Take the ids out of snapshots and the past too, and their bytes out of all files");
  for (CLI::Option* const condition : AddFilterOptions(sub, arguments->filter)) {
    condition->excludes(ids)->excludes(forever);
  }
  sub->add_flag("--dry-run", arguments->dry_run, "Only say how many it would be")
      ->excludes(forever);
  return {sub, [&context, arguments] { return Erase(context, *arguments); }};
}

}  // namespace engram::tool
