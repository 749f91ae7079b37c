#include "tools/bench/peers/growth.h"

#include <algorithm>
#include <filesystem>

#include "tools/bench/peers/child.h"
#include "tools/bench/peers/search.h"

namespace engram::bench {
namespace {

std::vector<std::size_t> Sizes(const Bench& bench) {
  std::vector<std::size_t> sizes;
  for (const std::size_t size : bench.options.sizes) {
    if (size <= bench.data.rows()) sizes.push_back(size);
  }
  if (sizes.empty()) sizes.push_back(bench.data.rows());
  return sizes;
}

BenchOptions OfSize(BenchOptions options, std::size_t size) {
  options.points = size;
  return options;
}

// The widths of the curve, and the one at which growth is shown.
BenchOptions WithWidth(BenchOptions options) {
  options.efs.push_back(options.at_ef);
  std::sort(options.efs.begin(), options.efs.end());
  options.efs.erase(std::unique(options.efs.begin(), options.efs.end()), options.efs.end());
  return options;
}

std::vector<std::unique_ptr<PeerIndex>> MakeAll(const Bench& bench, const std::string& scratch) {
  std::vector<std::unique_ptr<PeerIndex>> indexes;
  for (const Peer* peer : bench.peers) {
    PeerOptions options = bench.ForPeer(*peer);
    options.path = scratch + "/" + peer->name;
    indexes.push_back(peer->make(options));
  }
  return indexes;
}

// What is said of one size, but for its seconds. Pre: BenchOptions::at_ef is among the widths.
Json SizeFigures(const BenchOptions& options, std::size_t size, const Curve& curve) {
  Json figures = CurveFigures(curve);
  const Json points = figures["curve"];
  figures["at_ef"] = *std::find_if(points.begin(), points.end(), [&](const Json& point) {
    return point["ef"].get<std::size_t>() == options.at_ef;
  });
  figures["points"] = size;
  return figures;
}

Json Measure(const Bench& bench, std::vector<DataSet>& sets, const std::string& scratch) {
  const BenchOptions options = WithWidth(bench.options);
  const auto indexes = MakeAll(bench, scratch);
  std::vector<PeerIndex*> borrowed;
  for (const auto& index : indexes) borrowed.push_back(index.get());
  Json figures;
  std::size_t before = 0;
  for (DataSet& set : sets) {
    std::vector<double> seconds;
    for (PeerIndex* index : borrowed) {
      const auto begin = Clock::now();
      index->Add(set.StoredRows(), before, set.rows() - before);
      seconds.push_back(SecondsSince(begin));
      index->Settle();
    }
    const std::vector<Curve> curves = Sweep(options, set, borrowed);
    for (std::size_t p = 0; p < borrowed.size(); ++p) {
      Json size = SizeFigures(options, set.rows(), curves[p]);
      size["built_per_second"] = static_cast<double>(set.rows() - before) / seconds[p];
      figures[bench.peers[p]->name].push_back(size);
    }
    before = set.rows();
  }
  return figures;
}

}  // namespace

Json RunGrowth(const Bench& bench) {
  const std::string scratch = bench.Scratch("growth");
  std::filesystem::remove_all(scratch);
  std::filesystem::create_directories(scratch);
  std::vector<DataSet> sets;
  for (const std::size_t size : Sizes(bench)) {
    sets.emplace_back(OfSize(bench.options, size), bench.directory.path());
    sets.back().LoadTruth();
  }
  Json figures = InChild([&] { return Measure(bench, sets, scratch); });
  std::filesystem::remove_all(scratch);
  return figures;
}

}  // namespace engram::bench
