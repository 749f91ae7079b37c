// The part `written`: what an insert costs the disk, by kind of file.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_WRITTEN_H_
#define ENGRAM_TOOLS_BENCH_PEERS_WRITTEN_H_

#include "tools/bench/peers/build.h"
#include "tools/bench/peers/json.h"

namespace engram::bench {

// For made-up points of 128 and of 768 dimensions with a little metadata, 1,000 a commit: bytes of
// log, journal, pages and rows from an empty store to its closing, divided by the points.
Json RunWritten(const Bench& bench);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_WRITTEN_H_
