// The part `turnover`: everything is replaced, again and again.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_CHURN_TURNOVER_H_
#define ENGRAM_TOOLS_BENCH_CHURN_TURNOVER_H_

#include "tools/bench/churn/bench.h"
#include "tools/bench/peers/json.h"

namespace engram::bench {

// Looks before the first turnover and after those of ChurnOptions::looks: an array of
// {"turnovers", "indexes": by name}. "fresh" is a store that got the live patterns just then. Rates
// are of all changes since the look before; memory is what grew while an index was worked on.
Json RunTurnover(const ChurnBench& bench);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_CHURN_TURNOVER_H_
