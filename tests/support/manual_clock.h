// A clock that stands still until a test moves it.
// Threads: any thread.
#ifndef ENGRAM_TESTS_SUPPORT_MANUAL_CLOCK_H_
#define ENGRAM_TESTS_SUPPORT_MANUAL_CLOCK_H_

#include <atomic>
#include <chrono>
#include <cstdint>

#include "storage/base/clock.h"

namespace engram {

class ManualClock : public Clock {
 public:
  explicit ManualClock(std::int64_t now_us = 0) : now_us_(now_us) {}

  // Acquire: pairs with the releases below, so that a thread that sees the time sees what was done
  // before it.
  std::int64_t NowMicros() override { return now_us_.load(std::memory_order_acquire); }
  std::chrono::steady_clock::time_point Steady() override {
    return std::chrono::steady_clock::time_point(
        std::chrono::microseconds(steady_us_.load(std::memory_order_acquire)));
  }

  // Both clocks go on.
  void Advance(std::chrono::microseconds by) {
    now_us_.fetch_add(by.count(), std::memory_order_acq_rel);
    steady_us_.fetch_add(by.count(), std::memory_order_acq_rel);
  }
  // The wall clock jumps, perhaps backwards; the steady one does not notice.
  void SetNow(std::int64_t now_us) { now_us_.store(now_us, std::memory_order_release); }

 private:
  std::atomic<std::int64_t> now_us_;
  std::atomic<std::int64_t> steady_us_{0};
};

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_MANUAL_CLOCK_H_
