// What is compared: an index in which patterns come and go. One implementation a library:
// store_index.h, and tools/bench/peers/hnswlib_peer.h.
// Threads: Search() by any number of them, everything else by one while none searches, unless the
// library allows more.
#ifndef ENGRAM_TOOLS_BENCH_CHURN_CHURN_INDEX_H_
#define ENGRAM_TOOLS_BENCH_CHURN_CHURN_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tools/bench/peers/peer.h"

namespace engram::bench {

class ChurnIndex {
 public:
  virtual ~ChurnIndex() = default;

  // Row n of `rows` is pattern n. Pre: ascending, and above all that were ever inserted.
  virtual void Insert(const RowSource& rows, std::span<const std::uint64_t> patterns) = 0;
  // Pre: they are there.
  virtual void Erase(std::span<const std::uint64_t> patterns) = 0;
  // Returns when nothing that the last calls started is going on.
  virtual void Settle() {}

  // For each query (they lie one behind the other) the `k` nearest patterns in any order; kNoRow in
  // the places that are left. How many vectors were compared, where the library counts them.
  virtual std::optional<std::uint64_t> Search(std::span<const float> queries, std::size_t k,
                                              std::size_t ef,
                                              std::span<std::uint64_t> found) const = 0;
  // Live patterns to which no walk at level 0 leads from the entry point.
  virtual std::uint64_t Unreachable() const = 0;
};

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_CHURN_CHURN_INDEX_H_
