#include "storage/meta_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace engram {
namespace {

TEST(ReopenGate, WhoIsInsideMayEnterAgainWhileSomebodyWaitsToClose) {
  ReopenGate gate;
  std::atomic<bool> closed = false;
  std::thread closer;
  {
    const ReopenGate::Hold outer(gate);
    closer = std::thread([&] {
      gate.Close();
      closed.store(true, std::memory_order_release);
      gate.Open();
    });
    for (int i = 0; i < 1000; ++i) {
      const ReopenGate::Hold inner(gate);
      std::this_thread::yield();
    }
    EXPECT_FALSE(closed.load(std::memory_order_acquire));
  }
  closer.join();
  EXPECT_TRUE(closed.load(std::memory_order_acquire));
}

TEST(ReopenGate, AThreadInsideOneGateIsNotInsideAnother) {
  ReopenGate one;
  ReopenGate other;
  const ReopenGate::Hold hold(one);
  other.Close();  // would end the process if this thread counted as inside
  other.Open();
  const ReopenGate::Hold second(other);
  const ReopenGate::Hold again(one);
}

// What the closer changes is not guarded by anything else: the thread sanitizer would tell.
TEST(ReopenGate, NobodyIsInsideWhileItIsClosed) {
  constexpr int kRounds = 2000;
  ReopenGate gate;
  int first = 0;
  int second = 0;
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      int seen = 0;
      // relaxed: it ends the loop, and nothing follows from it.
      while (!done.load(std::memory_order_relaxed)) {
        const ReopenGate::Hold hold(gate);
        ASSERT_EQ(first, second);
        ASSERT_GE(first, seen);
        seen = first;
      }
    });
  }
  for (int round = 0; round < kRounds; ++round) {
    gate.Close();
    ++first;
    std::this_thread::yield();
    ++second;
    gate.Open();
  }
  done.store(true, std::memory_order_relaxed);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(second, kRounds);
}

}  // namespace
}  // namespace engram
