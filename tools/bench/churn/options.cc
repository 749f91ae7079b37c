#include "tools/bench/churn/options.h"

#include <stdlib.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "tools/bench/peers/command_line.h"

namespace engram::bench {
namespace {

constexpr char kUsage[] =
    R"(usage: engram_churn_bench [PART...] [OPTION VALUE...]
Engram, and hnswlib beside it, where patterns come and go.

parts (default: turnover)
  turnover    recall, speed, size and lost patterns while everything is replaced again and again,
              beside a fresh index of the same patterns
  sweep-cost  Engram: what it takes to sweep erased patterns, against inserting as many
  readers     Engram: percentiles of a search, idle and beside a writer that inserts and erases
  snapshots   Engram: how long it takes to take and drop a snapshot, idle and beside that writer
  shrink      Engram: what compaction gives back when nine tenths were erased
  all         all of these

what comes and goes
  --data DIR              directory of data sets ($ENGRAM_DATA)
  --set NAME              as of engram-bench-peers (sift-1m); round and round
  --metric l2|cosine      (l2)
  --patterns N            that live (100000)
  --changed N             patterns of one erase or insert, on average (100)
  --leaving oldest|random who is erased (oldest); whoever it is, a turnover replaces all

with what
  --peers NAME[,...]      of hnswlib (this), hnswlib-growing; none
  --residency resident|mapped  how Engram holds its pages (resident)
  --m N                   links (16)
  --ef-construction N     (200)
  --threads N             that insert into Engram (1); hnswlib has one

how it is measured
  --quick                 20,000 patterns, 3 turnovers, 3 rounds of 1 s, 100,000 snapshots, where
                          nothing else is said
  --turnovers N           (10)
  --looks N[,N...]        turnovers after which is looked (1,2,5,10), and after the last
  --shares P[,P...]       percent of the patterns that a sweep takes out (1,10,20,30,40,50)
  --queries N             (1000)
  --k N                   neighbours wanted (10)
  --at-ef N               width of searches (100)
  --rounds N              of everything that alternates (5)
  --slice N               queries before the next index's turn (200)
  --seconds S             of one measurement of readers (3)
  --snapshots N           of one mean (1000000)

where it goes, beside the tables on the terminal
  --json FILE             every figure
)";

std::map<std::string_view, bool*> PartNames(ChurnParts& parts) {
  return {{"turnover", &parts.turnover},
          {"sweep-cost", &parts.sweep_cost},
          {"readers", &parts.readers},
          {"snapshots", &parts.snapshots},
          {"shrink", &parts.shrink}};
}

std::map<std::string, Setter> Values(ChurnOptions& options) {
  BenchOptions& common = options.common;
  return {
      {"data", SetText(common.data)},
      {"set", SetText(common.set)},
      {"metric", SetChoice(common.metric, "l2", Metric::kL2, "cosine", Metric::kCosine)},
      {"patterns", SetNumber(options.patterns)},
      {"changed", SetNumber(options.changed)},
      {"leaving",
       SetChoice(options.leaving, "oldest", Leaving::kOldest, "random", Leaving::kRandom)},
      {"peers",
       [&](auto, auto value) {
         options.peers = value == "none" ? std::vector<std::string>() : Split(value);
       }},
      {"residency",
       SetChoice(common.residency, "resident", Residency::kResident, "mapped", Residency::kMapped)},
      {"m", SetNumber(common.m)},
      {"ef-construction", SetNumber(common.ef_construction)},
      {"threads", SetNumber(common.threads)},
      {"turnovers", SetNumber(options.turnovers)},
      {"looks", SetNumbers(options.looks)},
      {"shares", SetNumbers(options.shares)},
      {"queries", SetNumber(common.queries)},
      {"k", SetNumber(common.k)},
      {"at-ef", SetNumber(common.at_ef)},
      {"rounds", SetNumber(common.rounds)},
      {"slice", SetNumber(common.slice)},
      {"seconds", SetNumber(common.seconds)},
      {"snapshots", SetNumber(options.snapshots)},
      {"json", SetText(common.json)},
  };
}

void MakeQuick(ChurnOptions& options) {
  options.patterns = 20'000;
  options.turnovers = 3;
  options.common.rounds = 3;
  options.common.seconds = 1;
  options.snapshots = 100'000;
}

void CheckOptions(const ChurnOptions& options) {
  for (const std::string& peer : options.peers) {
    if (peer != "hnswlib" && peer != "hnswlib-growing") Refuse("there is no peer " + peer);
  }
  if (options.common.data.empty() && !options.common.set.starts_with("random-")) {
    Refuse("--data or ENGRAM_DATA must name the directory of the sets, or --set be random-D-N");
  }
  if (options.common.at_ef < options.common.k) Refuse("ef must be at least k");
  const std::size_t least = options.common.k + Population::MostAhead(options.changed);
  if (options.patterns < least) {
    Refuse("--patterns must be at least k and " + std::to_string(Population::MostAhead(1)) +
           " times --changed, " + std::to_string(least) + ", found " +
           std::to_string(options.patterns));
  }
  if (options.shares.back() > 100) Refuse("--shares are percent, at most 100");
}

}  // namespace

ChurnOptions ParseChurnOptions(int argc, char** argv) {
  ChurnOptions options;
  if (const char* data = getenv("ENGRAM_DATA")) options.common.data = data;
  options.common.queries = 1000;
  // First, so that what else is said holds, wherever it stands.
  bool quick =
      std::any_of(argv, argv + argc, [](std::string_view word) { return word == "--quick"; });
  if (quick) MakeQuick(options);
  const auto words = ParseOptionValues(
      argc, argv, {.usage = kUsage, .values = Values(options), .flags = {{"quick", &quick}}});
  if (!ParseParts(words, PartNames(options.parts))) options.parts.turnover = true;
  CheckOptions(options);
  return options;
}

}  // namespace engram::bench
