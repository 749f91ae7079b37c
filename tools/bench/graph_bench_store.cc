#include "tools/bench/graph_bench_store.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "tools/bench/graph_bench_system.h"

namespace engram::bench {

Options StoreOptions(const BenchOptions& options, std::uint32_t dimensions) {
  Options result;
  result.dimensions = dimensions;
  result.metric = options.metric;
  result.m = options.m;
  result.ef_construction = options.ef_construction;
  result.durability = Durability::kInterval;
  result.search_threads = options.threads;
  result.log = [](LogLevel level, std::string_view message) {
    if (level == LogLevel::kInfo) return;
    std::fprintf(stderr, "store: %.*s\n", static_cast<int>(message.size()), message.data());
  };
  return result;
}

Store MustOpen(const std::string& directory, const Options& options) {
  auto store = Store::Open(directory, options);
  MustBeOk(store.status());
  return std::move(store).value();
}

Stats MustGetStats(const Store& store) {
  auto stats = store.GetStats();
  MustBeOk(stats.status());
  return *stats;
}

void InsertRows(Store& store, const RowSource& rows, std::size_t first, std::size_t count,
                std::size_t batch) {
  std::vector<float> vectors(batch * rows.dimensions);
  std::vector<NewPattern> patterns;
  for (std::size_t done = 0; done < count; done += patterns.size()) {
    patterns.clear();
    for (std::size_t i = 0; i < std::min(batch, count - done); ++i) {
      const auto vector = std::span(vectors).subspan(i * rows.dimensions, rows.dimensions);
      rows.copy(first + done + i, vector);
      NewPattern pattern;
      pattern.vector = vector;
      pattern.id = first + done + i + 1;
      patterns.push_back(std::move(pattern));
    }
    const auto result = store.InsertBatch(patterns);
    MustBeOk(result.status());
    if (!result->failures.empty()) MustBeOk(result->failures.front().status);
  }
}

void StoreIndex::Search(VectorView query, std::span<std::uint64_t> rows) const {
  SearchOptions options;
  options.k = rows.size();
  options.ef = ef_;
  const auto result = store_.Search(query, options);
  MustBeOk(result.status());
  for (std::size_t i = 0; i < result->hits.size(); ++i) rows[i] = result->hits[i].id - 1;
}

}  // namespace engram::bench
