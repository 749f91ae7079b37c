#include "storage/byte_ranges.h"

#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace engram {
namespace {

using testing::ElementsAre;

TEST(ByteRanges, RangesThatTouchOrOverlapAreOne) {
  const ByteRanges ranges({{50, 60}, {10, 20}, {20, 30}, {55, 58}, {59, 70}, {40, 40}, {9, 5}});
  EXPECT_THAT(ranges.ranges(), ElementsAre(ByteRange{10, 30}, ByteRange{50, 70}));
  EXPECT_EQ(ranges.end(), 70u);
  EXPECT_TRUE(ByteRanges({{3, 3}}).empty());
}

TEST(ByteRanges, WithoutLeavesWhatTheOtherHasNot) {
  const ByteRanges ranges({{10, 30}, {50, 70}});
  EXPECT_THAT(
      ranges.Without(ByteRanges({{0, 12}, {15, 18}, {29, 51}, {60, 65}})).ranges(),
      ElementsAre(ByteRange{12, 15}, ByteRange{18, 29}, ByteRange{51, 60}, ByteRange{65, 70}));
  EXPECT_EQ(ranges.Without({}).ranges(), ranges.ranges());
  EXPECT_TRUE(ranges.Without(ByteRanges({{0, 100}})).empty());
  EXPECT_TRUE(ranges.Contains(ByteRanges({{12, 14}, {50, 70}})));
  EXPECT_FALSE(ranges.Contains(ByteRanges({{12, 14}, {50, 71}})));
  EXPECT_TRUE(ranges.Contains({}));
}

TEST(ByteRanges, RandomSetsAgreeWithABitABit) {
  std::mt19937_64 random(TestSeed(5));
  constexpr std::size_t kBytes = 60;
  for (int i = 0; i < 2000; ++i) {
    std::vector<bool> bits[2] = {std::vector<bool>(kBytes), std::vector<bool>(kBytes)};
    ByteRanges sets[2];
    for (int s = 0; s < 2; ++s) {
      for (std::uint64_t n = random() % 6; n > 0; --n) {
        const std::uint64_t begin = random() % kBytes;
        const std::uint64_t end = begin + random() % (kBytes - begin);
        sets[s].Add({begin, end});
        for (std::uint64_t at = begin; at < end; ++at) bits[s][at] = true;
      }
    }
    const ByteRanges left = sets[0].Without(sets[1]);
    ByteRanges both = sets[0];
    both.Add(sets[1]);
    const auto has = [](const ByteRanges& set, std::uint64_t at) {
      return set.Contains(ByteRanges({{at, at + 1}}));
    };
    for (std::size_t at = 0; at < kBytes; ++at) {
      ASSERT_EQ(has(left, at), bits[0][at] && !bits[1][at]) << at;
      ASSERT_EQ(has(both, at), bits[0][at] || bits[1][at]) << at;
    }
    for (std::size_t r = 1; r < both.ranges().size(); ++r) {
      ASSERT_GT(both.ranges()[r].begin, both.ranges()[r - 1].end);
    }
  }
}

}  // namespace
}  // namespace engram
