#include "tools/bench/peers/store.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "tools/bench/system.h"

namespace engram::bench {

Options StoreOptions(const PeerOptions& options) {
  Options result;
  result.dimensions = static_cast<std::uint32_t>(options.dimensions);
  result.metric = options.metric;
  result.m = options.m;
  result.ef_construction = options.ef_construction;
  result.durability = Durability::kInterval;
  result.residency = options.residency;
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
                std::size_t batch, const WriteOptions& write) {
  std::vector<float> vectors(std::min(batch, count) * rows.dimensions);
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
    const auto result = store.InsertBatch(patterns, write);
    MustBeOk(result.status());
    if (!result->failures.empty()) MustBeOk(result->failures.front().status);
  }
}

StoreIndex::StoreIndex(const PeerOptions& options)
    : options_(options), store_(MustOpen(options.path, StoreOptions(options))) {}

void StoreIndex::Add(const RowSource& rows, std::size_t first, std::size_t count) {
  InsertRows(store_, rows, first, count, options_.batch);
  MustBeOk(store_.Flush());
}

// A checkpoint that runs by itself would hold memory and a processor.
void StoreIndex::Settle() { MustBeOk(store_.Checkpoint()); }

void StoreIndex::Save() { MustBeOk(store_.Close()); }

void StoreIndex::Search(std::span<const float> queries, std::size_t k,
                        std::span<std::uint64_t> rows) const {
  std::fill(rows.begin(), rows.end(), kNoRow);
  SearchOptions options;
  options.k = k;
  options.ef = ef_;
  for (std::size_t q = 0; q * k < rows.size(); ++q) {
    const auto result =
        store_.Search(queries.subspan(q * options_.dimensions, options_.dimensions), options);
    MustBeOk(result.status());
    for (std::size_t i = 0; i < result->hits.size(); ++i) rows[q * k + i] = result->hits[i].id - 1;
  }
}

}  // namespace engram::bench
