// The part `insert`: inserts a second of one thread into a store that has its points already, by
// durability and size of a batch.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_INSERT_H_
#define ENGRAM_TOOLS_BENCH_PEERS_INSERT_H_

#include "tools/bench/peers/build.h"
#include "tools/bench/peers/json.h"

namespace engram::bench {

// All combinations take turns on one copy of the store, so that they meet it at like sizes.
Json RunInsert(const Bench& bench);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_INSERT_H_
