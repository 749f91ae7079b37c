// Engram's side of the graph benchmark, through the public interface alone.
#ifndef ENGRAM_TOOLS_BENCH_GRAPH_BENCH_STORE_H_
#define ENGRAM_TOOLS_BENCH_GRAPH_BENCH_STORE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include <engram/store.h>

#include "tools/bench/graph_bench_index.h"
#include "tools/bench/graph_bench_options.h"

namespace engram::bench {

// What all parts open stores with; warnings go to standard error.
Options StoreOptions(const BenchOptions& options, std::uint32_t dimensions);

Store MustOpen(const std::string& directory, const Options& options);
Stats MustGetStats(const Store& store);

// `count` rows from `first` on, by InsertBatch() of `batch` at a time. A row's id is its number
// plus one.
void InsertRows(Store& store, const RowSource& rows, std::size_t first, std::size_t count,
                std::size_t batch);

// Threads: as SearchIndex. The store must outlive it.
class StoreIndex final : public SearchIndex {
 public:
  explicit StoreIndex(const Store& store) : store_(store) {}

  void SetEf(std::size_t ef) override { ef_ = ef; }
  void Search(VectorView query, std::span<std::uint64_t> rows) const override;

 private:
  const Store& store_;
  std::size_t ef_ = 0;
};

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_GRAPH_BENCH_STORE_H_
