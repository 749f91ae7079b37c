// What indexes that hold the same patterns find, and how fast, taking turns.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_CHURN_LOOK_H_
#define ENGRAM_TOOLS_BENCH_CHURN_LOOK_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tools/bench/churn/bench.h"
#include "tools/bench/churn/churn_index.h"

namespace engram::bench {

struct Looked {
  double recall = 0;
  std::optional<double> compared;          // by a search, where the library counts them
  std::vector<double> queries_per_second;  // by round
};

struct NamedIndex {
  std::string name;
  const ChurnIndex* index;
};

// In each round every index searches for all queries, slice by slice, which they take one after
// another, another one first each time. The calling thread is bound to the last processor
// meanwhile.
std::vector<Looked> LookAt(const ChurnBench& bench, const LiveTruth& truth,
                           std::span<const NamedIndex> indexes);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_CHURN_LOOK_H_
