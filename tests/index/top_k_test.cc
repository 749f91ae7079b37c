#include "index/top_k.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "tests/support/temp_dir.h"

namespace engram {
namespace {

std::vector<PatternId> Ids(TopK* top) {
  std::vector<PatternId> ids;
  for (const ScoredSlot& scored : top->Sort()) ids.push_back(scored.id);
  return ids;
}

TEST(TopK, KeepsTheNearestInOrder) {
  TopK top(3);
  for (const PatternId id : {5U, 1U, 4U, 2U, 3U}) top.Push({static_cast<float>(id), SlotId{0}, id});
  EXPECT_EQ(Ids(&top), (std::vector<PatternId>{1, 2, 3}));
}

TEST(TopK, TiesGoToTheLowerId) {
  TopK top(2);
  for (const PatternId id : {9U, 7U, 8U, 6U}) top.Push({1.0F, SlotId{0}, id});
  EXPECT_EQ(Ids(&top), (std::vector<PatternId>{6, 7}));
}

TEST(TopK, KeepsInfiniteDistancesToo) {
  TopK top(2);
  top.Push({INFINITY, SlotId{0}, 2});
  top.Push({INFINITY, SlotId{0}, 1});
  top.Push({-INFINITY, SlotId{0}, 3});
  EXPECT_EQ(Ids(&top), (std::vector<PatternId>{3, 1}));
}

TEST(TopK, ResetForgets) {
  TopK top(2);
  top.Push({1.0F, SlotId{0}, 1});
  (void)top.Sort();
  top.Reset(1);
  EXPECT_EQ(top.size(), 0U);
  top.Push({2.0F, SlotId{4}, 2});
  EXPECT_EQ(Ids(&top), (std::vector<PatternId>{2}));
}

TEST(TopK, MergedPartsGiveTheSameAsOneHeapAndTheSameAsSorting) {
  std::mt19937_64 random(TestSeed(8));
  for (int round = 0; round < 50; ++round) {
    const std::size_t k = 1 + random() % 20;
    TopK whole(k), left(k), right(k);
    std::vector<ScoredSlot> all;
    for (PatternId id = 1; id <= random() % 100; ++id) {
      const ScoredSlot scored{static_cast<float>(random() % 10), SlotId{0}, id};
      all.push_back(scored);
      whole.Push(scored);
      (random() % 2 == 0 ? left : right).Push(scored);
    }
    std::sort(all.begin(), all.end());
    if (all.size() > k) all.resize(k);
    std::vector<PatternId> expected;
    for (const ScoredSlot& scored : all) expected.push_back(scored.id);
    left.Merge(right);
    EXPECT_EQ(Ids(&left), expected);
    EXPECT_EQ(Ids(&whole), expected);
  }
}

}  // namespace
}  // namespace engram
