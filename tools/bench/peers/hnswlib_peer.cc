#include "tools/bench/peers/hnswlib_peer.h"

#include <hnswlib/hnswlib.h>

#include <algorithm>
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
  struct FromFile {};

  explicit Hnswlib(const PeerOptions& options)
      : options_(options),
        space_(MakeSpace(options)),
        graph_(space_.get(), options.capacity, options.m, options.ef_construction) {}
  Hnswlib(const PeerOptions& options, FromFile)
      : options_(options), space_(MakeSpace(options)), graph_(space_.get(), options.path) {}

  // As hnswlib's own Python binding does it: the very first row alone, the others by all threads.
  void Add(const RowSource& rows, std::size_t first, std::size_t count) override {
    std::atomic<std::size_t> next{first};
    const std::size_t end = first + count;
    const auto insert = [&](std::size_t until) {
      std::vector<float> vector(options_.dimensions);
      // relaxed: it only hands out numbers; what it carries is joined with the threads
      for (std::size_t row; (row = next.fetch_add(1, std::memory_order_relaxed)) < until;) {
        rows.copy(row, vector);
        graph_.addPoint(vector.data(), row);
      }
    };
    if (first == 0 && count > 0) {
      insert(1);
      next.store(1, std::memory_order_relaxed);  // relaxed: no other thread yet
    }
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < options_.threads; ++i) threads.emplace_back(insert, end);
  }

  void Save() override { graph_.saveIndex(options_.path); }

  void SetEf(std::size_t ef) override { graph_.setEf(ef); }

  void Search(std::span<const float> queries, std::size_t k,
              std::span<std::uint64_t> rows) const override {
    std::fill(rows.begin(), rows.end(), kNoRow);
    for (std::size_t q = 0; q * k < rows.size(); ++q) {
      auto found = graph_.searchKnn(queries.data() + q * options_.dimensions, k);
      for (std::size_t i = 0; !found.empty(); ++i, found.pop())
        rows[q * k + i] = found.top().second;
    }
  }

 private:
  PeerOptions options_;
  std::unique_ptr<hnswlib::SpaceInterface<float>> space_;
  hnswlib::HierarchicalNSW<float> graph_;
};

}  // namespace

std::unique_ptr<PeerIndex> MakeHnswlib(const PeerOptions& options) {
  return std::make_unique<Hnswlib>(options);
}

std::unique_ptr<PeerIndex> OpenHnswlib(const PeerOptions& options) {
  return std::make_unique<Hnswlib>(options, Hnswlib::FromFile{});
}

}  // namespace engram::bench
