// The part `growth`: what a larger set costs, from the first of BenchOptions::sizes to the last.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_GROWTH_H_
#define ENGRAM_TOOLS_BENCH_PEERS_GROWTH_H_

#include "tools/bench/peers/build.h"
#include "tools/bench/peers/json.h"

namespace engram::bench {

// By peer, for each size: points a second from the size before on, and the curve at that size.
// Every peer's index grows, all in one process; none is built anew for a size.
Json RunGrowth(const Bench& bench);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_GROWTH_H_
