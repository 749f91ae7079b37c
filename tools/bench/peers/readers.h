// The parts `readers` and `latency`: searches beside other searches, and beside a writer.
// Threads: one thread, which starts others and waits for them.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_READERS_H_
#define ENGRAM_TOOLS_BENCH_PEERS_READERS_H_

#include "tools/bench/peers/build.h"
#include "tools/bench/peers/json.h"

namespace engram::bench {

// By peer: queries a second of one thread, of two together, and their ratio. Needs two processors.
Json RunReaders(const Bench& bench);

// Microseconds of a search of Engram, "idle" and "busy": p50, p99, p99.9. The reader is alone on
// the last processor; the writer and every other thread of the process share the first. Works on a
// copy of the store, since it inserts. Needs two processors.
Json RunLatency(const Bench& bench);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_READERS_H_
