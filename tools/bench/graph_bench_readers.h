// The parts --readers and --writer-p99: searches beside other searches, and beside a writer.
// Threads: one thread, which starts others and waits for them.
#ifndef ENGRAM_TOOLS_BENCH_GRAPH_BENCH_READERS_H_
#define ENGRAM_TOOLS_BENCH_GRAPH_BENCH_READERS_H_

#include <vector>

#include "tools/bench/graph_bench_build.h"

namespace engram::bench {

// Queries a second.
struct ReadersRound {
  double one = 0;
  double two = 0;  // both together
};

struct ReadersFigures {
  std::vector<ReadersRound> peer;
  std::vector<ReadersRound> store;
};

// Needs two processors.
ReadersFigures RunReaders(const Bench& bench, OpenIndexes& indexes);

struct WriterRound {
  double idle_p50_us = 0;
  double idle_p99_us = 0;
  double busy_p50_us = 0;
  double busy_p99_us = 0;
  double inserts_per_second = 0;  // while busy
};

// The reader is alone on the last processor; the writer and every other thread of the process share
// the first. Works on a copy of the store, since it inserts. Needs two processors.
std::vector<WriterRound> RunWriterP99(const Bench& bench);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_GRAPH_BENCH_READERS_H_
