// The level of a node, and its rank: a total order of nodes by level, then by a hash, on which the
// graph's reachability rests (docs/hnsw.md, "Reachability").
// Threads: immutable.
#ifndef ENGRAM_INDEX_NODE_KEY_H_
#define ENGRAM_INDEX_NODE_KEY_H_

#include <compare>
#include <cstdint>

#include <engram/types.h>

#include "index/node_view.h"

namespace engram {

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
constexpr std::uint64_t Mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

// floor(-ln(u) / ln(m)) for a u in (0, 1] that hangs on seed and id alone (arXiv 1603.09320,
// algorithm 1, line 4, with its mL = 1 / ln M), in integers, so that every machine gets the same.
std::uint32_t LevelOf(std::uint64_t seed, PatternId id, std::uint32_t m);

// Nodes of higher levels come before those of lower ones; within a level the order is random.
struct NodeKey {
  std::uint32_t level = 0;
  std::uint64_t hash = 0;
  Lsn version = Lsn::kNone;

  static NodeKey Of(const ConstNodeView& node) {
    return {node.level(), Mix(node.id()), node.version()};
  }
  // Two versions of one pattern have the same level and hash.
  friend auto operator<=>(const NodeKey&, const NodeKey&) = default;
};

}  // namespace engram

#endif  // ENGRAM_INDEX_NODE_KEY_H_
