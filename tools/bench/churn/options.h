// The command line of engram_churn_bench. Threads: plain data.
#ifndef ENGRAM_TOOLS_BENCH_CHURN_OPTIONS_H_
#define ENGRAM_TOOLS_BENCH_CHURN_OPTIONS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "tools/bench/churn/population.h"
#include "tools/bench/peers/options.h"

namespace engram::bench {

// What is measured; `turnover` where none is named.
struct ChurnParts {
  bool turnover = false;
  bool sweep_cost = false;
  bool readers = false;
  bool snapshots = false;
  bool shrink = false;
};

struct ChurnOptions {
  ChurnParts parts;
  // What both benchmarks have, under the same names: the set, what is searched for, with what
  // indexes are made, rounds and seconds, the file for the figures.
  BenchOptions common;
  // Beside Engram: of "hnswlib", "hnswlib-growing"; empty: none.
  std::vector<std::string> peers = {"hnswlib"};

  std::size_t patterns = 100'000;  // that live
  std::size_t changed = 100;       // patterns of one erase or insert, on average
  Leaving leaving = Leaving::kOldest;
  std::size_t turnovers = 10;
  std::vector<std::size_t> looks = {1, 2, 5, 10};        // turnovers after which is looked
  std::vector<double> shares = {1, 10, 20, 30, 40, 50};  // percent that a sweep takes out
  std::size_t snapshots = 1'000'000;                     // of one mean
};

// Ends the process with a usage text where the command line is wrong.
ChurnOptions ParseChurnOptions(int argc, char** argv);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_CHURN_OPTIONS_H_
