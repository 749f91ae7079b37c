#include "tools/bench/graph_bench_search.h"

#include <cmath>
#include <limits>

namespace engram::bench {
namespace {

constexpr double kRecalls[] = {0.90, 0.95, 0.99};

// One pass over all queries.
double QueriesPerSecond(const Bench& bench, const SearchIndex& index,
                        std::vector<std::uint64_t>& found) {
  const std::size_t k = bench.options.k;
  // Where fewer are found, the rest must not look like hits of an earlier pass.
  found.assign(bench.data.query_count() * k, std::numeric_limits<std::uint64_t>::max());
  const auto begin = Clock::now();
  for (std::size_t q = 0; q < bench.data.query_count(); ++q) {
    index.Search(bench.data.query(q), std::span(found).subspan(q * k, k));
  }
  return static_cast<double>(bench.data.query_count()) / SecondsSince(begin);
}

void AddPass(const Bench& bench, SearchIndex& index, SweepPoint& point) {
  std::vector<std::uint64_t> found;
  index.SetEf(point.ef);
  point.queries_per_second.push_back(QueriesPerSecond(bench, index, found));
  if (point.queries_per_second.size() == 1) point.recall = bench.data.Recall(found);
}

// Logarithms of speeds lie nearly on a line over recall, speeds do not.
std::optional<double> SpeedAt(const std::vector<SweepPoint>& points, double recall,
                              std::size_t round) {
  for (std::size_t i = 1; i < points.size(); ++i) {
    const SweepPoint& low = points[i - 1];
    const SweepPoint& high = points[i];
    if (low.recall > recall || high.recall < recall || high.recall <= low.recall) continue;
    const double share = (recall - low.recall) / (high.recall - low.recall);
    return std::exp((1 - share) * std::log(low.queries_per_second[round]) +
                    share * std::log(high.queries_per_second[round]));
  }
  return std::nullopt;
}

AtRecall Compare(const SearchFigures& figures, double recall, std::size_t rounds) {
  std::vector<double> peers;
  std::vector<double> stores;
  std::vector<double> ratios;
  for (std::size_t round = 0; round < rounds; ++round) {
    const auto peer = SpeedAt(figures.peer, recall, round);
    const auto store = SpeedAt(figures.store, recall, round);
    if (peer) peers.push_back(*peer);
    if (store) stores.push_back(*store);
    if (peer && store) ratios.push_back(*store / *peer);
  }
  AtRecall result{.recall = recall};
  if (!peers.empty()) result.peer = Median(peers);
  if (!stores.empty()) result.store = Median(stores);
  if (!ratios.empty()) result.ratio = Median(ratios);
  return result;
}

}  // namespace

SearchFigures RunSearch(const Bench& bench, OpenIndexes& indexes) {
  StoreIndex store(*indexes.store);
  SearchFigures figures;
  for (const std::size_t ef : bench.options.efs) {
    figures.peer.push_back({.ef = ef});
    figures.store.push_back({.ef = ef});
  }
  PinThisThread(Processors().back());
  for (SearchIndex* index :
       {static_cast<SearchIndex*>(indexes.peer.get()), static_cast<SearchIndex*>(&store)}) {
    std::vector<std::uint64_t> found;
    index->SetEf(bench.options.ef);
    QueriesPerSecond(bench, *index, found);  // warms caches and pools
  }
  for (std::size_t round = 0; round < bench.options.rounds; ++round) {
    for (std::size_t i = 0; i < figures.peer.size(); ++i) {
      // Who goes first changes, so that what one leaves in the caches helps neither.
      if (round % 2 == 0) AddPass(bench, *indexes.peer, figures.peer[i]);
      AddPass(bench, store, figures.store[i]);
      if (round % 2 == 1) AddPass(bench, *indexes.peer, figures.peer[i]);
    }
  }
  PinAllThreads(Processors());
  for (const double recall : kRecalls) {
    figures.at_recall.push_back(Compare(figures, recall, bench.options.rounds));
  }
  return figures;
}

}  // namespace engram::bench
