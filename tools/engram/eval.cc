#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "tools/engram/command.h"
#include "tools/engram/evaluation.h"
#include "tools/engram/json_values.h"
#include "tools/engram/progress.h"
#include "tools/engram/text.h"
#include "tools/engram/vector_file.h"

namespace engram::tool {
namespace {

constexpr std::array<std::size_t, 8> kUsualEfs = {10, 20, 40, 80, 100, 160, 320, 640};

struct EvalArguments {
  std::string directory;
  std::string query_file;
  std::string truth_file;
  std::vector<std::size_t> efs;
  EvalSetting setting;
};

std::vector<std::size_t> EfsOf(const EvalArguments& arguments) {
  const std::size_t k = arguments.setting.k;
  if (k < 1 || k > kMaxEf) {
    throw Failure(Status::InvalidArgument("k is " + std::to_string(k) + ", allowed is 1 to " +
                                          std::to_string(kMaxEf)));
  }
  for (const std::size_t ef : arguments.efs) {
    if (ef >= k && ef <= kMaxEf) continue;
    throw Failure(Status::InvalidArgument("ef is " + std::to_string(ef) +
                                          ", allowed is k, which is " + std::to_string(k) +
                                          ", to " + std::to_string(kMaxEf)));
  }
  if (!arguments.efs.empty()) return arguments.efs;
  std::vector<std::size_t> efs;
  std::copy_if(kUsualEfs.begin(), kUsualEfs.end(), std::back_inserter(efs),
               [k](std::size_t ef) { return ef >= k; });
  if (efs.empty()) efs.push_back(k);
  return efs;
}

Json RowToJson(const EvalRow& row) {
  return {{"ef", row.ef},         {"recall", row.recall}, {"qps", row.queries_per_second},
          {"p50_us", row.p50_us}, {"p95_us", row.p95_us}, {"p99_us", row.p99_us}};
}

void PrintLine(Context& context, const std::array<std::string, 6>& cells) {
  constexpr std::array<std::size_t, 6> kWidths = {7, 9, 12, 10, 10, 10};
  for (std::size_t i = 0; i < cells.size(); ++i) context.out << AlignRight(cells[i], kWidths[i]);
  context.out << "\n" << std::flush;  // the next line takes its time
}

void PrintHead(Context& context, const EvalArguments& arguments, std::size_t queries,
               std::uint64_t patterns) {
  const std::size_t threads = arguments.setting.threads;
  context.out << Bold(context, "recall@" + std::to_string(arguments.setting.k)) << " and speed of "
              << WithSeparators(queries) << " queries on " << WithSeparators(patterns)
              << " patterns, " << threads << (threads == 1 ? " thread" : " threads")
              << ", best of three rounds\n";
  PrintLine(context, {"ef", "recall", "queries/s", "p50", "p95", "p99"});
}

void PrintRow(Context& context, const EvalRow& row) {
  PrintLine(context, {std::to_string(row.ef), Fixed(row.recall, 4),
                      WithSeparators(static_cast<std::uint64_t>(row.queries_per_second)),
                      HumanSeconds(row.p50_us / 1e6), HumanSeconds(row.p95_us / 1e6),
                      HumanSeconds(row.p99_us / 1e6)});
}

int Eval(Context& context, const EvalArguments& arguments) {
  const std::vector<std::size_t> efs = EfsOf(arguments);
  const Vectors queries = ReadVectors(arguments.query_file);
  if (queries.empty()) {
    throw Failure(Status::InvalidArgument(arguments.query_file + ": no row, expected queries"));
  }
  const Truth truth = ReadTruth(arguments.truth_file);
  const Store store = OpenForReading(context, arguments.directory);
  const std::vector<float> distances = TrueDistances(store, queries, truth, arguments.setting);

  if (!context.json) {
    PrintHead(context, arguments, queries.size(), Check(store.GetStats()).count);
  }
  Json rows = Json::array();
  bool exact = false;
  bool degraded = false;
  for (const std::size_t ef : efs) {
    const EvalRow row = [&] {
      Progress progress(context, "ef " + std::to_string(ef));
      return Measure(
          store, queries, distances, arguments.setting, ef,
          [&progress](std::size_t done, std::size_t of) { progress.UpdateOf(done, of); });
    }();
    exact = exact || row.exact;
    degraded = degraded || row.degraded;
    if (context.json) {
      rows.push_back(RowToJson(row));
    } else {
      PrintRow(context, row);
    }
  }
  if (context.json) {
    Json answer;
    answer["k"] = arguments.setting.k;
    answer["queries"] = queries.size();
    answer["threads"] = arguments.setting.threads;
    answer["exact"] = exact;
    answer["degraded"] = degraded;
    answer["rows"] = std::move(rows);
    context.out << DumpJson(answer) << "\n";
  } else if (degraded) {
    context.out << "the graph is damaged, so every pattern was compared: run `engram verify`\n";
  } else if (exact) {
    context.out << "the store is so small that every pattern was compared\n";
  }
  return 0;
}

}  // namespace

Command AddEval(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<EvalArguments>();
  CLI::App* sub = AddSubcommand(app, context, "eval",
                                "Measure how much of the true nearest searches find, and how fast",
                                arguments->directory);
  AddResidency(sub, context);
  sub->add_option("--query", arguments->query_file,
                  "File of vectors (.fvecs, .bvecs, .npy, .jsonl), one search a row")
      ->required();
  sub->add_option("--truth", arguments->truth_file,
                  "File (.ivecs) of the nearest rows of the data for each query, 0 the first row")
      ->required();
  sub->add_option("--k", arguments->setting.k, "Hits wanted of each search")
      ->capture_default_str()
      ->check(CheckNotNegative);
  sub->add_option("--ef", arguments->efs,
                  "Candidates kept by a search, one line for each; default: 10,20,40,80,100,160,"
                  "320,640, from k on")
      ->delimiter(',')
      ->check(CheckNotNegative);
  sub->add_option("--threads", arguments->setting.threads, "Threads that search at the same time")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  sub->add_option("--first-id", arguments->setting.first_id,
                  "Pattern of the data's first row; the others follow without a gap, as one import "
                  "leaves them")
      ->capture_default_str()
      ->check(CLI::Range(PatternId{1}, std::numeric_limits<PatternId>::max()));
  return {sub, [&context, arguments] { return Eval(context, *arguments); }};
}

}  // namespace engram::tool
