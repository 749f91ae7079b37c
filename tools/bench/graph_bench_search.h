// The part --search: recall and queries a second of both libraries, one thread, over several ef.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_GRAPH_BENCH_SEARCH_H_
#define ENGRAM_TOOLS_BENCH_GRAPH_BENCH_SEARCH_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "tools/bench/graph_bench_build.h"

namespace engram::bench {

struct SweepPoint {
  std::size_t ef = 0;
  double recall = 0;
  std::vector<double> queries_per_second;  // by round
};

// Queries a second at one recall, between the two nearest points.
struct AtRecall {
  double recall = 0;
  // Medians of the rounds; unset where no ef reached that recall, or every one passed it.
  std::optional<double> peer;
  std::optional<double> store;
  std::optional<double> ratio;  // store to peer, the median of the rounds' own ratios
};

struct SearchFigures {
  std::vector<SweepPoint> peer;
  std::vector<SweepPoint> store;
  std::vector<AtRecall> at_recall;
};

SearchFigures RunSearch(const Bench& bench, OpenIndexes& indexes);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_GRAPH_BENCH_SEARCH_H_
