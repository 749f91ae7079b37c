// The part `open`: opening a store that was closed, one whose process was killed with everything in
// its log, and how long a checkpoint takes. All files are in the page cache.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_OPENING_H_
#define ENGRAM_TOOLS_BENCH_PEERS_OPENING_H_

#include "tools/bench/peers/build.h"
#include "tools/bench/peers/json.h"

namespace engram::bench {

Json RunOpening(const Bench& bench);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_OPENING_H_
