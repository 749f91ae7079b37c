#include "engine/reader_slots.h"

#include <gtest/gtest.h>

#include <barrier>
#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace engram {
namespace {

TEST(ReaderSlots, AThreadKeepsItsLine) {
  ReaderSlots slots;
  ReaderLine* const line = slots.LineOfThisThread();
  ASSERT_NE(line, nullptr);
  EXPECT_EQ(slots.LineOfThisThread(), line);
  EXPECT_EQ(line->epoch.load(), kIdle);
  EXPECT_EQ(line->lsn.load(), kIdle);
}

TEST(ReaderSlots, EachStoreHasLinesOfItsOwn) {
  ReaderSlots first, second;
  ReaderLine* const line = first.LineOfThisThread();
  EXPECT_NE(second.LineOfThisThread(), line);
  EXPECT_EQ(first.LineOfThisThread(), line);
}

TEST(ReaderSlots, ThreadsThatReadTogetherShareNoLine) {
  constexpr std::size_t kThreads = 200;  // several chunks
  ReaderSlots slots;
  std::vector<ReaderLine*> lines(kThreads);
  std::barrier all_have_one(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      lines[i] = slots.LineOfThisThread();
      all_have_one.arrive_and_wait();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<ReaderLine*>(lines.begin(), lines.end()).size(), kThreads);
  EXPECT_FALSE(std::set<ReaderLine*>(lines.begin(), lines.end()).contains(nullptr));
}

TEST(ReaderSlots, AThreadThatEndsGivesItsLineBack) {
  ReaderSlots slots;
  std::set<ReaderLine*> lines;
  for (int i = 0; i < 2000; ++i) {
    std::thread([&] { lines.insert(slots.LineOfThisThread()); }).join();
  }
  EXPECT_EQ(lines.size(), 1u);
}

TEST(ReaderSlots, AThreadMayOutliveTheStore) {
  auto slots = std::make_unique<ReaderSlots>();
  std::barrier taken(2), gone(2);
  std::thread thread([&] {
    EXPECT_NE(slots->LineOfThisThread(), nullptr);
    taken.arrive_and_wait();
    gone.arrive_and_wait();
    // Perhaps where the old one lay: its lines are not taken for those.
    ReaderSlots next;
    ReaderLine* const line = next.LineOfThisThread();
    line->epoch.store(1);
    EXPECT_EQ(next.MinEpoch(), 1u);
    line->epoch.store(kIdle);
  });
  taken.arrive_and_wait();
  slots.reset();
  gone.arrive_and_wait();
  thread.join();
}

TEST(ReaderSlots, TheSmallestOfAllLinesCounts) {
  constexpr std::uint64_t kThreads = 150;
  ReaderSlots slots;
  EXPECT_EQ(slots.MinEpoch(), kIdle);
  EXPECT_EQ(slots.MinLsn(), kIdle);
  std::barrier pinned(kThreads + 1), looked(kThreads + 1);
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      ReaderLine* const line = slots.LineOfThisThread();
      line->epoch.store(1000 - i);
      line->lsn.store(2000 + (i * 7) % kThreads);
      pinned.arrive_and_wait();
      looked.arrive_and_wait();
      line->epoch.store(kIdle);
      line->lsn.store(kIdle);
    });
  }
  pinned.arrive_and_wait();
  EXPECT_EQ(slots.MinEpoch(), 1000 - kThreads + 1);
  EXPECT_EQ(slots.MinLsn(), 2000u);
  looked.arrive_and_wait();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(slots.MinEpoch(), kIdle);
  EXPECT_EQ(slots.MinLsn(), kIdle);
}

TEST(ReaderSlots, EpochsStepByOne) {
  ReaderSlots slots;
  const std::uint64_t first = slots.epoch();
  EXPECT_EQ(slots.StepEpoch(), first + 1);
  EXPECT_EQ(slots.epoch(), first + 1);
}

}  // namespace
}  // namespace engram
