#include "index/candidate_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "tests/support/temp_dir.h"

namespace engram {
namespace {

std::vector<float> Distances(const CandidatePool& pool) {
  std::vector<float> distances;
  for (const PoolEntry& entry : pool.entries()) distances.push_back(entry.distance);
  return distances;
}

void Offer(CandidatePool& pool, float distance, bool counts = true) {
  if (pool.Wants(distance)) {
    pool.Insert(distance, static_cast<SlotId>(static_cast<std::uint32_t>(distance * 100)), counts);
  }
}

TEST(CandidatePool, KeepsTheNearestThatCountInOrder) {
  CandidatePool pool;
  pool.Reset(3);
  for (const float distance : {5.F, 1.F, 4.F, 2.F, 3.F}) Offer(pool, distance);
  EXPECT_EQ(Distances(pool), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(pool.counting(), 3U);
  EXPECT_FALSE(pool.Wants(3));
  EXPECT_TRUE(pool.Wants(2.9F));
}

TEST(CandidatePool, WhatDoesNotCountTakesNoPlaceOfWhatDoes) {
  CandidatePool pool;
  pool.Reset(2);
  for (const float distance : {1.F, 2.F, 3.F}) Offer(pool, distance, false);
  Offer(pool, 4);
  EXPECT_TRUE(pool.Wants(100));
  Offer(pool, 5);
  EXPECT_EQ(Distances(pool), (std::vector<float>{1, 2, 3, 4, 5}));
  EXPECT_FALSE(pool.Wants(5));
}

TEST(CandidatePool, WhatDoesNotCountGoesWhenItIsBehindTheLastThatDoes) {
  CandidatePool pool;
  pool.Reset(2);
  Offer(pool, 9, false);
  Offer(pool, 1);
  Offer(pool, 2);
  EXPECT_EQ(Distances(pool), (std::vector<float>{1, 2}));
  Offer(pool, 1.8F, false);
  Offer(pool, 1.5F);
  EXPECT_EQ(Distances(pool), (std::vector<float>{1, 1.5}));
}

TEST(CandidatePool, ADiscountedEntryMakesRoomForAnother) {
  CandidatePool pool;
  pool.Reset(2);
  Offer(pool, 1);
  Offer(pool, 2);
  PoolEntry* nearest = pool.TakeNext();
  ASSERT_NE(nearest, nullptr);
  pool.Discount(*nearest);
  EXPECT_EQ(pool.counting(), 1U);
  EXPECT_TRUE(pool.Wants(7));
  Offer(pool, 7);
  EXPECT_EQ(Distances(pool), (std::vector<float>{1, 2, 7}));
  EXPECT_FALSE(pool.entries()[0].counts);
}

TEST(CandidatePool, TakesEachOnceTheNearestFirst) {
  CandidatePool pool;
  pool.Reset(4);
  EXPECT_EQ(pool.TakeNext(), nullptr);
  EXPECT_EQ(pool.PeekNext(), nullptr);
  Offer(pool, 3);
  Offer(pool, 5);
  EXPECT_EQ(pool.TakeNext()->distance, 3);
  Offer(pool, 1);
  Offer(pool, 4);
  EXPECT_EQ(pool.PeekNext()->distance, 1);
  EXPECT_EQ(pool.TakeNext()->distance, 1);
  EXPECT_EQ(pool.TakeNext()->distance, 4);
  EXPECT_EQ(pool.TakeNext()->distance, 5);
  EXPECT_EQ(pool.TakeNext(), nullptr);
  EXPECT_EQ(pool.PeekNext(), nullptr);
}

TEST(CandidatePool, ResetForgetsEverything) {
  CandidatePool pool;
  pool.Reset(1);
  Offer(pool, 3);
  pool.TakeNext();
  pool.Reset(2);
  EXPECT_TRUE(pool.entries().empty());
  EXPECT_EQ(pool.counting(), 0U);
  EXPECT_EQ(pool.TakeNext(), nullptr);
  Offer(pool, 8);
  EXPECT_EQ(pool.TakeNext()->distance, 8);
}

// What the pool is, written down as simply as can be.
class NaivePool {
 public:
  explicit NaivePool(std::size_t ef) : ef_(ef) {}

  bool Wants(float distance) const {
    return Counting() < ef_ || distance < entries_.back().distance;
  }
  void Insert(float distance, SlotId slot, bool counts) {
    entries_.push_back({distance, slot, false, counts});
    std::stable_sort(entries_.begin(), entries_.end(), [](const PoolEntry& a, const PoolEntry& b) {
      return a.distance < b.distance;
    });
    std::size_t counting = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].counts) ++counting;
      if (counting == ef_) entries_.resize(i + 1);
    }
  }
  PoolEntry* Next() {
    for (PoolEntry& entry : entries_) {
      if (!entry.expanded) return &entry;
    }
    return nullptr;
  }
  std::size_t Counting() const {
    return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(),
                                                  [](const PoolEntry& e) { return e.counts; }));
  }
  const std::vector<PoolEntry>& entries() const { return entries_; }

 private:
  const std::size_t ef_;
  std::vector<PoolEntry> entries_;
};

TEST(CandidatePool, DoesWhatItsNaiveTwinDoes) {
  std::mt19937_64 random(TestSeed(1));
  CandidatePool pool;
  for (int round = 0; round < 300; ++round) {
    const std::size_t ef = 1 + random() % 12;
    pool.Reset(ef);
    NaivePool naive(ef);
    for (std::uint32_t step = 0; step < 120; ++step) {
      if (random() % 3 != 0) {
        const float distance = static_cast<float>(random() % 40);  // with ties
        ASSERT_EQ(pool.Wants(distance), naive.Wants(distance));
        if (!pool.Wants(distance)) continue;
        const bool counts = random() % 4 != 0;
        const bool next = pool.Insert(distance, SlotId{step}, counts);
        naive.Insert(distance, SlotId{step}, counts);
        // A hint for fetching ahead: it may keep still, but never say so of another entry.
        if (next) {
          EXPECT_EQ(naive.Next()->slot, SlotId{step});
        }
      } else {
        const PoolEntry* peeked = pool.PeekNext();
        PoolEntry* expected = naive.Next();
        ASSERT_EQ(peeked == nullptr, expected == nullptr);
        if (expected == nullptr) continue;
        EXPECT_EQ(peeked->slot, expected->slot);
        PoolEntry* taken = pool.TakeNext();
        ASSERT_EQ(taken->slot, expected->slot);
        expected->expanded = true;
        if (taken->counts && random() % 3 == 0) {
          pool.Discount(*taken);
          expected->counts = false;
        }
      }
      ASSERT_EQ(pool.counting(), naive.Counting());
      ASSERT_EQ(pool.entries().size(), naive.entries().size());
      for (std::size_t i = 0; i < naive.entries().size(); ++i) {
        EXPECT_EQ(pool.entries()[i].slot, naive.entries()[i].slot);
        EXPECT_EQ(pool.entries()[i].expanded, naive.entries()[i].expanded);
        EXPECT_EQ(pool.entries()[i].counts, naive.entries()[i].counts);
      }
    }
  }
}

}  // namespace
}  // namespace engram
