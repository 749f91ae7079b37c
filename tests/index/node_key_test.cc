#include "index/node_key.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "index/graph.h"
#include "tests/index/graph_fixture.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

// Test vectors of the reference implementation (splitmix64.c, Vigna), seed 0.
TEST(Mix, IsSplitMix64) {
  EXPECT_EQ(Mix(0), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(Mix(0x9e3779b97f4a7c15), 0x6e789e6aa1b965f4ULL);
  EXPECT_EQ(Mix(2 * 0x9e3779b97f4a7c15), 0x06c45d188009454fULL);
}

// Levels are on disk, and replay must give them again: on any machine, for ever.
TEST(LevelOf, IsTheSameOnEveryMachine) {
  constexpr std::uint64_t kSeed = 0x656e6772616d;
  std::map<std::uint32_t, std::uint64_t> sums;
  for (const std::uint32_t m : {2U, 3U, 5U, 16U, 31U, 128U}) {
    for (PatternId id = 1; id <= 100000; ++id) sums[m] += id * LevelOf(kSeed, id, m);
  }
  // Computed by another program, in another language.
  const std::map<std::uint32_t, std::uint64_t> expected = {{2, 5057080696}, {3, 2525286187},
                                                           {5, 1262758110}, {16, 345541066},
                                                           {31, 170083965}, {128, 39728894}};
  EXPECT_EQ(sums, expected);
}

// The same in 128-bit integers: the level is the largest l with u * m^l < 2^64.
TEST(LevelOf, IsTheLogarithmOfItsHashExactly) {
  __extension__ using Wide = unsigned __int128;
  const std::uint64_t seed = TestSeed(3);
  for (std::uint32_t m = kMinM; m <= kMaxM; ++m) {
    for (PatternId id = 0; id < 3000; ++id) {
      const std::uint64_t u = Mix(Mix(seed) ^ id);
      std::uint32_t level = 0;
      // floor(floor(x / m) / m) = floor(x / m^2): u < floor((2^64 - 1) / m^l).
      for (Wide power = m; power <= ~std::uint64_t{0}; power *= m) {
        if (u >= ~std::uint64_t{0} / static_cast<std::uint64_t>(power)) break;
        ++level;
      }
      ASSERT_EQ(LevelOf(seed, id, m), std::min(level, kMaxLevel)) << "m " << m << ", id " << id;
    }
  }
}

TEST(LevelOf, IsDistributedAsInThePaper) {
  constexpr double kIds = 200000;
  const std::uint64_t seed = TestSeed(4);
  for (const std::uint32_t m : {2U, 3U, 16U, 64U, 128U}) {
    std::vector<double> reaching(kMaxLevel + 2);
    for (PatternId id = 1; id <= static_cast<PatternId>(kIds); ++id) {
      const std::uint32_t level = LevelOf(seed, id, m);
      ASSERT_LE(level, kMaxLevel);
      for (std::uint32_t at = 0; at <= level; ++at) ++reaching[at];
    }
    for (std::uint32_t level = 1; level < 6; ++level) {
      const double share = std::pow(m, -static_cast<double>(level));
      const double expected = kIds * share;
      // Six standard deviations, and two whole nodes where hardly any is expected.
      EXPECT_NEAR(reaching[level], expected, 6 * std::sqrt(expected) + 2)
          << "m " << m << ", level " << level;
    }
  }
}

TEST(LevelOf, FollowsFromSeedAndId) {
  std::uint32_t differing_seed = 0;
  for (PatternId id = 1; id <= 10000; ++id) {
    EXPECT_EQ(LevelOf(1, id, 4), LevelOf(1, id, 4));
    if (LevelOf(1, id, 4) != LevelOf(2, id, 4)) ++differing_seed;
  }
  EXPECT_GT(differing_seed, 1000U);
}

TEST(NodeKey, RanksByLevelThenHashThenVersion) {
  const NodeKey base{1, 100, Lsn{5}};
  EXPECT_LT(base, (NodeKey{2, 0, Lsn{0}}));
  EXPECT_LT(base, (NodeKey{1, 101, Lsn{0}}));
  EXPECT_LT(base, (NodeKey{1, 100, Lsn{6}}));
  EXPECT_EQ(base, (NodeKey{1, 100, Lsn{5}}));
}

TEST(NodeKey, NoTwoNodesRankAlike) {
  constexpr std::uint32_t kNodes = 4000;
  MemoryGraph memory({.dimensions = 1, .m = 2, .slots = kNodes, .upper_blocks = kNodes});
  const std::vector<float> vector{1};
  const std::uint64_t seed = TestSeed(5);
  std::vector<NodeKey> keys;
  for (std::uint32_t i = 0; i < kNodes; ++i) {
    // Two versions of each pattern.
    const PatternId id = 1 + i / 2;
    memory.Write(SlotId{i}, id, vector, LevelOf(seed, id, 3), Lsn{10 + i % 2});
    keys.push_back(NodeKey::Of(memory.graph().Node(SlotId{i})));
    EXPECT_EQ(keys.back().level, LevelOf(seed, id, 3));
    EXPECT_EQ(keys.back().version, Lsn{10 + i % 2});
  }
  for (std::uint32_t i = 0; i < kNodes; i += 2) EXPECT_LT(keys[i], keys[i + 1]);
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end());
}

}  // namespace
}  // namespace engram
