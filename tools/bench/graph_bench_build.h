// The part --build, and where its results lie for the other parts.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_GRAPH_BENCH_BUILD_H_
#define ENGRAM_TOOLS_BENCH_GRAPH_BENCH_BUILD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tools/bench/graph_bench_data.h"
#include "tools/bench/graph_bench_options.h"
#include "tools/bench/graph_bench_peer.h"
#include "tools/bench/graph_bench_store.h"
#include "tools/bench/graph_bench_system.h"

namespace engram::bench {

// What a part works on.
struct Bench {
  explicit Bench(const BenchOptions& given) : options(given), data(given), directory(given.keep) {}

  // Their names tell what they were built from and with.
  std::string StorePath() const { return IndexPath() + ".store"; }
  std::string PeerPath() const { return IndexPath() + ".hnswlib"; }
  PeerOptions ForPeer() const;

  BenchOptions options;
  DataSet data;
  Directory directory;

 private:
  std::string IndexPath() const;
};

struct BuildRound {
  double peer_seconds = 0;
  double store_seconds = 0;  // until all is inserted and Flush() returned
};

struct BuildFigures {
  std::vector<BuildRound> rounds;
  // Of the last round, right after it.
  std::uint64_t peer_memory_bytes = 0;
  std::uint64_t store_memory_bytes = 0;
  Stats store;
};

// Leaves both indexes in the bench's directory, in place of what was there.
BuildFigures RunBuild(const Bench& bench);

// Both indexes, opened from the bench's directory.
struct OpenIndexes {
  // Pre: both were built.
  explicit OpenIndexes(const Bench& bench);

  std::unique_ptr<PeerIndex> peer;
  std::uint64_t peer_memory_bytes = 0;
  std::unique_ptr<Store> store;
  std::uint64_t store_memory_bytes = 0;
  double store_open_seconds = 0;
};

bool IndexesAreThere(const Bench& bench);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_GRAPH_BENCH_BUILD_H_
