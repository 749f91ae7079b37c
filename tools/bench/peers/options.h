// The command line of engram-bench-peers. Threads: plain data.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_OPTIONS_H_
#define ENGRAM_TOOLS_BENCH_PEERS_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <engram/options.h>
#include <engram/types.h>

#include "tools/bench/peers/peer.h"

namespace engram::bench {

// What is measured; `compare` where none is named.
struct Parts {
  bool compare = false;
  bool readers = false;
  bool latency = false;
  bool insert = false;
  bool open = false;
  bool written = false;
  bool growth = false;
};

struct BenchOptions {
  Parts parts;

  std::string data;  // directory of the sets; default $ENGRAM_DATA
  std::string set = "sift-1m";
  Metric metric = Metric::kL2;  // kCosine: rows and queries are scaled to length 1 first
  Residency residency = Residency::kResident;  // of Engram
  std::size_t points = 0;                      // of the base; 0: all
  std::size_t queries = 0;                     // 0: all
  std::size_t k = 10;

  std::vector<std::string> peers;  // names of AllPeers()
  std::uint32_t m = 16;
  std::uint32_t ef_construction = 200;
  std::uint32_t threads = 1;  // that build
  std::size_t batch = 1000;   // rows of one InsertBatch()
  FaissKernels faiss_kernels = FaissKernels::kNative;

  std::vector<std::size_t> efs = {10, 20, 40, 60, 80, 100, 150, 200, 300};
  std::size_t at_ef = 100;  // where one width is measured, not the curve
  std::size_t rounds = 5;   // of everything that alternates
  std::size_t slice = 200;  // queries before the next peer's turn
  double seconds = 3;       // of one measurement of readers, latency and insert
  std::vector<std::size_t> batches = {1, 100, 10'000};  // of insert
  std::size_t replayed = 200'000;
  std::size_t written = 20'000;
  std::vector<std::size_t> sizes = {10'000, 30'000, 100'000, 300'000, 1'000'000};

  std::string keep;  // indexes and truth stay here for the next run; default: a directory that goes
  std::string json;  // file for the figures
  std::string plots;  // directory for plots
};

// Ends the process with a usage text where the command line is wrong.
BenchOptions ParseOptions(int argc, char** argv);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_OPTIONS_H_
