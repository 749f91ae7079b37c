#include "index/node_key.h"

#include "index/graph.h"

namespace engram {

std::uint32_t LevelOf(std::uint64_t seed, PatternId id, std::uint32_t m) {
  const std::uint64_t u = Mix(Mix(seed) ^ id);
  std::uint32_t level = 0;
  // u < m^-level, as shares of 2^64.
  for (std::uint64_t limit = ~std::uint64_t{0} / m; u < limit && level < kMaxLevel; limit /= m) {
    ++level;
  }
  return level;
}

}  // namespace engram
