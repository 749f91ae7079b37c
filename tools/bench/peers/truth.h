// The exact nearest neighbours, by looking at every row with a loop of its own: nothing of Engram
// judges Engram. Threads: pure functions.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_TRUTH_H_
#define ENGRAM_TOOLS_BENCH_PEERS_TRUTH_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tools/bench/peers/peer.h"

namespace engram::bench {

// Squared Euclidean. Between rows of length 1 it orders as the cosine does.
float Distance(std::span<const float> a, std::span<const float> b);

// For each query (they lie one behind the other) the `k` nearest of rows 0 to `count` - 1, nearest
// first, ties by lower row. Uses every processor.
std::vector<std::int32_t> NearestRows(std::span<const float> queries, const RowSource& rows,
                                      std::size_t count, std::size_t k);

// `numbers`, `width` a row, as .ivecs.
void WriteNumbers(const std::string& path, std::span<const std::int32_t> numbers,
                  std::size_t width);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_TRUTH_H_
