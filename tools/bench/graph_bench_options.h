// The command line of the graph benchmark. Threads: plain data.
#ifndef ENGRAM_TOOLS_BENCH_GRAPH_BENCH_OPTIONS_H_
#define ENGRAM_TOOLS_BENCH_GRAPH_BENCH_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <engram/types.h>

namespace engram::bench {

struct BenchOptions {
  // Which parts run; all of them where none is named.
  bool build = false;
  bool search = false;
  bool readers = false;
  bool writer_p99 = false;
  bool replay = false;

  std::string data;  // directory of the sets; default $ENGRAM_DATA
  std::string set = "sift-1m";
  Metric metric = Metric::kL2;  // kCosine: rows and queries are scaled to length 1 first
  std::size_t rows = 0;         // of the base; 0: all
  std::size_t queries = 0;      // 0: all
  std::size_t k = 10;

  std::uint32_t m = 16;
  std::uint32_t ef_construction = 200;
  std::uint32_t threads = 2;     // that build
  std::size_t batch = 1000;      // rows of one InsertBatch()
  std::size_t build_rounds = 1;  // both libraries build this often, one after the other

  std::vector<std::size_t> efs = {10, 20, 40, 60, 80, 100, 150, 200, 300};
  std::size_t ef = 100;    // of readers beside readers, and beside a writer
  std::size_t rounds = 5;  // of everything that alternates
  double seconds = 5;      // of one measurement in the parts for readers
  std::size_t replay_rows = 200'000;

  std::string keep;  // indexes and truth stay here for the next run; default: a temporary directory
  std::string json;  // the figures also go to this file
};

// Ends the process with a usage text where the command line is wrong.
BenchOptions ParseOptions(int argc, char** argv);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_GRAPH_BENCH_OPTIONS_H_
