// The part `sweep-cost`: what it takes to get erased patterns out of the graph.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_CHURN_SWEEP_COST_H_
#define ENGRAM_TOOLS_BENCH_CHURN_SWEEP_COST_H_

#include "tools/bench/churn/bench.h"
#include "tools/bench/peers/json.h"

namespace engram::bench {

// By share of the patterns: so many are erased, swept by Store::RunMaintenance() in a store without
// threads, and as many inserted. Microseconds a pattern of the one thread that does it all, by the
// processor's time and by the clock, and the ratios of sweeping, and of sweeping and erasing, to
// inserting.
Json RunSweepCost(const ChurnBench& bench);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_CHURN_SWEEP_COST_H_
