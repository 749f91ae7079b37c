#include "tools/bench/peers/hnswlib_peer.h"

#include <hnswlib/hnswlib.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <unordered_map>
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

class ChurnHnswlib final : public ChurnIndex {
 public:
  ChurnHnswlib(const PeerOptions& options, ErasedPlaces places)
      : dimensions_(options.dimensions),
        places_(places),
        space_(MakeSpace(options)),
        graph_(space_.get(), options.capacity, options.m, options.ef_construction) {}

  void Insert(const RowSource& rows, std::span<const std::uint64_t> patterns) override {
    std::vector<float> vector(dimensions_);
    for (const std::uint64_t pattern : patterns) {
      const std::size_t label = TakeLabel();
      rows.copy(pattern, vector);
      graph_.addPoint(vector.data(), label);
      pattern_at_[label] = pattern;
      label_of_[pattern] = label;
    }
  }

  void Erase(std::span<const std::uint64_t> patterns) override {
    for (const std::uint64_t pattern : patterns) {
      const auto found = label_of_.find(pattern);
      graph_.markDelete(found->second);
      if (places_ == ErasedPlaces::kReused) free_.push_back(found->second);
      label_of_.erase(found);
    }
  }

  std::optional<std::uint64_t> Search(std::span<const float> queries, std::size_t k, std::size_t ef,
                                      std::span<std::uint64_t> found) const override {
    graph_.setEf(ef);
    std::fill(found.begin(), found.end(), kNoRow);
    for (std::size_t q = 0; q * k < found.size(); ++q) {
      auto nearest = graph_.searchKnn(queries.data() + q * dimensions_, k);
      for (std::size_t i = 0; !nearest.empty(); ++i, nearest.pop()) {
        found[q * k + i] = pattern_at_[nearest.top().second];
      }
    }
    return std::nullopt;  // it counts neighbours, compared or not
  }

  std::uint64_t Unreachable() const override {
    std::vector<bool> seen(graph_.cur_element_count);
    std::vector<hnswlib::tableint> queue = {graph_.enterpoint_node_};
    seen[queue.front()] = true;
    for (std::size_t i = 0; i < queue.size(); ++i) {
      hnswlib::linklistsizeint* list = graph_.get_linklist0(queue[i]);
      const std::size_t count = graph_.getListCount(list);
      for (std::size_t n = 1; n <= count; ++n) {
        if (seen[list[n]]) continue;
        seen[list[n]] = true;
        queue.push_back(list[n]);
      }
    }
    std::uint64_t unreachable = 0;
    for (std::size_t place = 0; place < seen.size(); ++place) {
      const auto id = static_cast<hnswlib::tableint>(place);
      if (!seen[place] && !graph_.isMarkedDeleted(id)) ++unreachable;
    }
    return unreachable;
  }

 private:
  std::size_t TakeLabel() {
    if (free_.empty()) {
      pattern_at_.push_back(kNoRow);
      return pattern_at_.size() - 1;
    }
    const std::size_t label = free_.back();
    free_.pop_back();
    return label;
  }

  std::size_t dimensions_;
  ErasedPlaces places_;
  std::unique_ptr<hnswlib::SpaceInterface<float>> space_;
  mutable hnswlib::HierarchicalNSW<float> graph_;  // the width of a search is set in it
  std::vector<std::uint64_t> pattern_at_;          // by label
  std::unordered_map<std::uint64_t, std::size_t> label_of_;
  std::vector<std::size_t> free_;  // labels of erased patterns
};

}  // namespace

std::unique_ptr<PeerIndex> MakeHnswlib(const PeerOptions& options) {
  return std::make_unique<Hnswlib>(options);
}

std::unique_ptr<PeerIndex> OpenHnswlib(const PeerOptions& options) {
  return std::make_unique<Hnswlib>(options, Hnswlib::FromFile{});
}

std::unique_ptr<ChurnIndex> MakeChurnHnswlib(const PeerOptions& options, ErasedPlaces places) {
  return std::make_unique<ChurnHnswlib>(options, places);
}

}  // namespace engram::bench
