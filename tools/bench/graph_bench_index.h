// What the graph benchmark measures of either library, and where both take their vectors from.
#ifndef ENGRAM_TOOLS_BENCH_GRAPH_BENCH_INDEX_H_
#define ENGRAM_TOOLS_BENCH_GRAPH_BENCH_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include <engram/types.h>

namespace engram::bench {

// Threads: any thread.
struct RowSource {
  std::size_t dimensions = 0;
  std::function<void(std::size_t row, std::span<float> out)> copy;  // of `dimensions` floats
};

// Threads: Search() by any number of them, SetEf() while none searches.
class SearchIndex {
 public:
  virtual ~SearchIndex() = default;

  virtual void SetEf(std::size_t ef) = 0;
  // The rows of as many of the nearest as `rows` has room for, in any order.
  virtual void Search(VectorView query, std::span<std::uint64_t> rows) const = 0;
};

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_GRAPH_BENCH_INDEX_H_
