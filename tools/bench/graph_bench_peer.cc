#include "tools/bench/graph_bench_peer.h"

#include <hnswlib/hnswlib.h>

#include <atomic>
#include <thread>
#include <vector>

namespace engram::bench {
namespace {

std::unique_ptr<hnswlib::SpaceInterface<float>> MakeSpace(const PeerOptions& options) {
  if (options.metric == Metric::kCosine) {
    return std::make_unique<hnswlib::InnerProductSpace>(options.dimensions);
  }
  return std::make_unique<hnswlib::L2Space>(options.dimensions);
}

class Hnswlib final : public PeerIndex {
 public:
  Hnswlib(const PeerOptions& options, std::size_t capacity)
      : space_(MakeSpace(options)),
        graph_(space_.get(), capacity, options.m, options.ef_construction) {}
  Hnswlib(const PeerOptions& options, const std::string& path)
      : space_(MakeSpace(options)), graph_(space_.get(), path) {}

  // As hnswlib's own Python binding does it: the first row alone, the others by all threads.
  void Insert(const PeerOptions& options, const RowSource& rows, std::size_t count) {
    std::vector<float> first(options.dimensions);
    rows.copy(0, first);
    graph_.addPoint(first.data(), 0);
    std::atomic<std::size_t> next{1};
    const auto insert = [&] {
      std::vector<float> vector(options.dimensions);
      // relaxed: it only hands out numbers; what it carries is joined with the threads
      for (std::size_t row; (row = next.fetch_add(1, std::memory_order_relaxed)) < count;) {
        rows.copy(row, vector);
        graph_.addPoint(vector.data(), row);
      }
    };
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < options.threads; ++i) threads.emplace_back(insert);
  }

  void SetEf(std::size_t ef) override { graph_.setEf(ef); }

  void Search(VectorView query, std::span<std::uint64_t> rows) const override {
    auto found = graph_.searchKnn(query.data(), rows.size());
    for (std::uint64_t& row : rows) {
      if (found.empty()) break;
      row = found.top().second;
      found.pop();
    }
  }

  void Save(const std::string& path) const override {
    // saveIndex() changes nothing, though hnswlib does not say so.
    const_cast<Graph&>(graph_).saveIndex(path);
  }

 private:
  using Graph = hnswlib::HierarchicalNSW<float>;

  std::unique_ptr<hnswlib::SpaceInterface<float>> space_;
  Graph graph_;
};

}  // namespace

std::unique_ptr<PeerIndex> BuildPeer(const PeerOptions& options, const RowSource& rows,
                                     std::size_t count) {
  auto index = std::make_unique<Hnswlib>(options, count);
  index->Insert(options, rows, count);
  return index;
}

std::unique_ptr<PeerIndex> LoadPeer(const PeerOptions& options, const std::string& path) {
  return std::make_unique<Hnswlib>(options, path);
}

}  // namespace engram::bench
