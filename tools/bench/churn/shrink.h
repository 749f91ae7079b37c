// The part `shrink`: what compaction gives back after most was erased.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_CHURN_SHRINK_H_
#define ENGRAM_TOOLS_BENCH_CHURN_SHRINK_H_

#include "tools/bench/churn/bench.h"
#include "tools/bench/peers/json.h"

namespace engram::bench {

// Of a full store, when nine tenths were erased in random order, when it was compacted, and of a
// fresh store of the rest: bytes by file, and recall; and how long compacting took, against
// inserting what is left.
Json RunShrink(const ChurnBench& bench);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_CHURN_SHRINK_H_
