// The part --replay: opening a store whose process died, with everything in its log.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_GRAPH_BENCH_REPLAY_H_
#define ENGRAM_TOOLS_BENCH_GRAPH_BENCH_REPLAY_H_

#include <cstdint>
#include <vector>

#include "tools/bench/graph_bench_build.h"

namespace engram::bench {

struct ReplayFigures {
  std::uint64_t rows = 0;
  std::vector<double> open_seconds;  // by round, each on a copy of the same dead store
};

// Pre: this process has one thread, for it forks: the child must be able to start the store's.
ReplayFigures RunReplay(const Bench& bench);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_GRAPH_BENCH_REPLAY_H_
