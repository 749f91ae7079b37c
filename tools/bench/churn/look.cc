#include "tools/bench/churn/look.h"

#include <algorithm>

namespace engram::bench {
namespace {

class Turns {
 public:
  Turns(const ChurnBench& bench, std::span<const NamedIndex> indexes)
      : bench_(bench),
        indexes_(indexes),
        found_(indexes.size(),
               std::vector<std::uint64_t>(bench.data.query_count() * bench.options.common.k)) {}

  // Every query by that index: what it finds, and how much it compares.
  Looked Judge(std::size_t i, const LiveTruth& truth) {
    Looked looked;
    const auto compared = Search(i, 0, bench_.data.query_count());
    looked.recall = truth.Recall(indexes_[i].name, found_[i]);
    if (compared) {
      looked.compared =
          static_cast<double>(*compared) / static_cast<double>(bench_.data.query_count());
    }
    return looked;
  }

  // Seconds of each index for all queries.
  std::vector<double> Round(std::size_t round) {
    std::vector<double> seconds(indexes_.size());
    const std::size_t slice = bench_.options.common.slice;
    std::size_t turn = round;
    for (std::size_t first = 0; first < bench_.data.query_count(); first += slice, ++turn) {
      const std::size_t count = std::min(slice, bench_.data.query_count() - first);
      for (std::size_t i = 0; i < indexes_.size(); ++i) {
        // Who goes first changes, so that what one leaves in the caches helps none.
        const std::size_t own = (i + turn) % indexes_.size();
        const auto begin = Clock::now();
        Search(own, first, count);
        seconds[own] += SecondsSince(begin);
      }
    }
    return seconds;
  }

 private:
  std::optional<std::uint64_t> Search(std::size_t i, std::size_t first, std::size_t count) {
    const BenchOptions& common = bench_.options.common;
    return indexes_[i].index->Search(
        bench_.data.queries(first, count), common.k, common.at_ef,
        std::span(found_[i]).subspan(first * common.k, count * common.k));
  }

  const ChurnBench& bench_;
  std::span<const NamedIndex> indexes_;
  std::vector<std::vector<std::uint64_t>> found_;  // by index
};

}  // namespace

std::vector<Looked> LookAt(const ChurnBench& bench, const LiveTruth& truth,
                           std::span<const NamedIndex> indexes) {
  Turns turns(bench, indexes);
  PinThisThread(Processors().back());
  std::vector<Looked> looked;
  // Warms caches and pools, too.
  for (std::size_t i = 0; i < indexes.size(); ++i) looked.push_back(turns.Judge(i, truth));
  for (std::size_t round = 0; round < bench.options.common.rounds; ++round) {
    const std::vector<double> seconds = turns.Round(round);
    for (std::size_t i = 0; i < indexes.size(); ++i) {
      looked[i].queries_per_second.push_back(static_cast<double>(bench.data.query_count()) /
                                             seconds[i]);
    }
  }
  PinAllThreads(Processors());
  return looked;
}

}  // namespace engram::bench
