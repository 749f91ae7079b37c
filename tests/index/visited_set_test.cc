#include "index/visited_set.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_set>

#include "tests/support/temp_dir.h"

namespace engram {
namespace {

TEST(VisitedSet, TakesEachSlotOnce) {
  VisitedSet visited;
  visited.Reset(10);
  EXPECT_TRUE(visited.Insert(SlotId{0}));
  EXPECT_TRUE(visited.Insert(SlotId{0xfffffffe}));
  EXPECT_FALSE(visited.Insert(SlotId{0}));
  EXPECT_FALSE(visited.Insert(SlotId{0xfffffffe}));
}

TEST(VisitedSet, ResetForgetsAllWhateverItsSizeBefore) {
  VisitedSet visited;
  for (const std::size_t expected : {0U, 5000U, 10U, 100U}) {
    visited.Reset(expected);
    for (std::uint32_t slot = 0; slot < 3000; ++slot) EXPECT_TRUE(visited.Insert(SlotId{slot}));
    for (std::uint32_t slot = 0; slot < 3000; ++slot) EXPECT_FALSE(visited.Insert(SlotId{slot}));
  }
}

TEST(VisitedSet, GrowsFarBeyondWhatWasExpectedAndForgetsNone) {
  std::mt19937_64 random(TestSeed(2));
  VisitedSet visited;
  visited.Reset(1);
  std::unordered_set<std::uint32_t> expected;
  for (int i = 0; i < 200000; ++i) {
    // Runs that collide, and strangers.
    const auto slot = static_cast<std::uint32_t>(random() % 2 == 0 ? random() % 50000
                                                                   : (random() % 0xffff) << 16);
    ASSERT_EQ(visited.Insert(SlotId{slot}), expected.insert(slot).second) << slot;
  }
  for (const std::uint32_t slot : expected) ASSERT_FALSE(visited.Insert(SlotId{slot}));
}

}  // namespace
}  // namespace engram
