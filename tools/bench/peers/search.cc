#include "tools/bench/peers/search.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "tools/bench/peers/child.h"

namespace engram::bench {
namespace {

double TimedSearch(const DataSet& data, const PeerIndex& index, std::size_t first,
                   std::size_t count, std::size_t k, std::span<std::uint64_t> found) {
  const auto begin = Clock::now();
  index.Search(data.queries(first, count), k, found.subspan(first * k, count * k));
  return SecondsSince(begin);
}

// One round of one width. Leaves in `found` what each peer found.
void AddRound(const BenchOptions& options, const DataSet& data, std::span<PeerIndex* const> peers,
              std::vector<std::vector<std::uint64_t>>& found,
              const std::function<CurvePoint&(std::size_t peer)>& point) {
  std::vector<double> seconds(peers.size());
  const std::size_t round = point(0).queries_per_second.size();
  std::size_t turn = round;
  for (std::size_t first = 0; first < data.query_count(); first += options.slice, ++turn) {
    const std::size_t count = std::min(options.slice, data.query_count() - first);
    for (std::size_t i = 0; i < peers.size(); ++i) {
      // Who goes first changes, so that what one leaves in the caches helps none.
      const std::size_t p = (i + turn) % peers.size();
      seconds[p] += TimedSearch(data, *peers[p], first, count, options.k, found[p]);
    }
  }
  for (std::size_t p = 0; p < peers.size(); ++p) {
    point(p).queries_per_second.push_back(static_cast<double>(data.query_count()) / seconds[p]);
    if (round == 0) point(p).recall = data.Recall(found[p]);
  }
}

void SetWidth(std::span<PeerIndex* const> peers, std::size_t ef) {
  for (PeerIndex* peer : peers) peer->SetEf(ef);
}

double MedianSpeed(const CurvePoint& point) { return Median(point.queries_per_second); }

// By round, where the curve reached the recall.
std::vector<double> SpeedsAt(const Curve& curve, double recall) {
  std::vector<double> speeds;
  for (std::size_t round = 0; round < curve.front().queries_per_second.size(); ++round) {
    if (const auto speed = SpeedAt(curve, recall, round)) speeds.push_back(*speed);
  }
  return speeds;
}

}  // namespace

std::vector<Curve> Sweep(const BenchOptions& options, const DataSet& data,
                         std::span<PeerIndex* const> peers) {
  std::vector<Curve> curves(peers.size());
  for (Curve& curve : curves) {
    for (const std::size_t ef : options.efs) curve.push_back({.ef = ef});
  }
  std::vector<std::vector<std::uint64_t>> found(
      peers.size(), std::vector<std::uint64_t>(data.query_count() * options.k));
  PinThisThread(Processors().back());
  SetWidth(peers, options.at_ef);
  for (std::size_t p = 0; p < peers.size(); ++p) {  // warms caches and pools
    TimedSearch(data, *peers[p], 0, data.query_count(), options.k, found[p]);
  }
  for (std::size_t round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < options.efs.size(); ++i) {
      SetWidth(peers, options.efs[i]);
      AddRound(options, data, peers, found,
               [&](std::size_t peer) -> CurvePoint& { return curves[peer][i]; });
    }
  }
  PinAllThreads(Processors());
  return curves;
}

// Logarithms of speeds lie nearly on a line over recall, speeds do not.
std::optional<double> SpeedAt(const Curve& curve, double recall, std::size_t round) {
  for (std::size_t i = 1; i < curve.size(); ++i) {
    const CurvePoint& low = curve[i - 1];
    const CurvePoint& high = curve[i];
    if (low.recall > recall || high.recall < recall || high.recall <= low.recall) continue;
    const double share = (recall - low.recall) / (high.recall - low.recall);
    return std::exp((1 - share) * std::log(low.queries_per_second[round]) +
                    share * std::log(high.queries_per_second[round]));
  }
  return std::nullopt;
}

Json CurveFigures(const Curve& curve) {
  Json points = Json::array();
  for (const CurvePoint& point : curve) {
    points.push_back({{"ef", point.ef},
                      {"recall", point.recall},
                      {"qps", MedianSpeed(point)},
                      {"rounds", point.queries_per_second}});
  }
  Json at_recall = Json::array();
  for (const double recall : kRecalls) {
    const std::vector<double> speeds = SpeedsAt(curve, recall);
    at_recall.push_back(
        {{"recall", recall}, {"qps", speeds.empty() ? Json(nullptr) : Json(Median(speeds))}});
  }
  return {{"curve", points}, {"at_recall", at_recall}};
}

Json RatioFigures(const Curve& first, const Curve& other) {
  Json figures = Json::array();
  for (const double recall : kRecalls) {
    const std::vector<double> firsts = SpeedsAt(first, recall);
    const std::vector<double> others = SpeedsAt(other, recall);
    if (firsts.empty() || others.empty()) continue;
    std::vector<double> ratios;
    for (std::size_t i = 0; i < firsts.size(); ++i) ratios.push_back(firsts[i] / others[i]);
    Json figure = Repeated(ratios);
    figure["recall"] = recall;
    figures.push_back(figure);
  }
  return figures;
}

Json RunSearch(Bench& bench) {
  bench.data.LoadTruth();
  return InChild([&] {
    std::vector<OpenPeer> opened = OpenAll(bench);
    std::vector<PeerIndex*> indexes;
    for (const OpenPeer& each : opened) indexes.push_back(each.index.get());
    const std::vector<Curve> curves = Sweep(bench.options, bench.data, indexes);
    Json figures = {{"peers", Json::object()}, {"ratios", Json::object()}};
    for (std::size_t p = 0; p < opened.size(); ++p) {
      Json& own = figures["peers"][opened[p].peer->name] = CurveFigures(curves[p]);
      own["open_seconds"] = opened[p].seconds;
      own["memory_bytes"] = opened[p].memory_bytes;
    }
    for (std::size_t e = 0; e < opened.size(); ++e) {
      if (opened[e].peer->name != "engram") continue;
      for (std::size_t p = 0; p < opened.size(); ++p) {
        if (p == e) continue;
        figures["ratios"][opened[p].peer->name] = RatioFigures(curves[e], curves[p]);
      }
    }
    return figures;
  });
}

}  // namespace engram::bench
