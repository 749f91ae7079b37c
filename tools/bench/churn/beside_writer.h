// The parts `readers` and `snapshots`: one thread that reads, alone on the first processor, while
// the writer and every other thread of the process share the last.
// Threads: one thread, which starts others and waits for them.
#ifndef ENGRAM_TOOLS_BENCH_CHURN_BESIDE_WRITER_H_
#define ENGRAM_TOOLS_BENCH_CHURN_BESIDE_WRITER_H_

#include "tools/bench/churn/bench.h"
#include "tools/bench/peers/json.h"

namespace engram::bench {

// Both take turns: idle, then beside a writer that erases and inserts without a pause, so that the
// store sweeps. Both need two processors.

// Percentiles of a search, in microseconds: "idle", "busy", "compacting" (beside the writer and a
// compaction that begins again whenever it ends), and their ratios to idle; by the "clock", and by
// the "processor"'s time of the reader, in which what other processes take is not.
Json RunReaders(const ChurnBench& bench);
// Nanoseconds of taking a snapshot and dropping it: means of ChurnOptions::snapshots, one behind
// the other: "idle", "busy", and their ratio.
Json RunSnapshots(const ChurnBench& bench);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_CHURN_BESIDE_WRITER_H_
