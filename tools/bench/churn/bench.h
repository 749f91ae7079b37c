// What the parts of this benchmark share: the set, how indexes are made, the truth about who lives.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_CHURN_BENCH_H_
#define ENGRAM_TOOLS_BENCH_CHURN_BENCH_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tools/bench/churn/options.h"
#include "tools/bench/churn/population.h"
#include "tools/bench/peers/data.h"
#include "tools/bench/system.h"

namespace engram::bench {

// What a part works on.
struct ChurnBench {
  explicit ChurnBench(const ChurnOptions& given);

  const ChurnOptions options;
  const Directory directory;
  DataSet data;
  const RowSource rows;  // of patterns, by their numbers

  // For an index of at most `capacity` patterns.
  PeerOptions ForPeers(std::size_t capacity) const;
  // For one of Engram's.
  Options ForStore() const;
  // Where a new store may lie.
  std::string Scratch(const std::string& name) const;
};

// The nearest of those who live, found by looking at each. Pre: the bench outlives it.
class LiveTruth {
 public:
  // Pre: `live` is ascending.
  LiveTruth(const ChurnBench& bench, std::vector<std::uint64_t> live);

  // The share of true nearest among `found`, k for each query; a pattern as near as the k-th
  // nearest is one of them. Ends the process where somebody does not live, or is found twice.
  double Recall(const std::string& index, std::span<const std::uint64_t> found) const;

 private:
  double DistanceTo(std::size_t query, std::uint64_t pattern) const;

  const ChurnBench& bench_;
  std::vector<std::uint64_t> live_;
  std::vector<double> borders_;  // of each query: the distance of its k-th nearest
};

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_CHURN_BENCH_H_
