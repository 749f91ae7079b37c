#include "storage/base/clock.h"

#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"

namespace engram {
namespace {

using std::chrono::microseconds;

TEST(Clock, TheSystemsClockAgreesWithTheStandardLibrary) {
  const auto now = [] {
    return std::chrono::duration_cast<microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  const std::int64_t before = now();
  const std::int64_t told = SystemClock()->NowMicros();
  EXPECT_GE(told, before - 1'000'000);  // the clock may be set meanwhile, but hardly so far
  EXPECT_LE(told, now() + 1'000'000);
  const auto steady = SystemClock()->Steady();
  EXPECT_LE(steady, SystemClock()->Steady());
}

TEST(Clock, AManualClockStandsUntilItIsMoved) {
  ManualClock clock(1000);
  const auto steady = clock.Steady();
  EXPECT_EQ(clock.NowMicros(), 1000);
  clock.Advance(microseconds(5));
  EXPECT_EQ(clock.NowMicros(), 1005);
  clock.SetNow(7);
  EXPECT_EQ(clock.NowMicros(), 7);
  EXPECT_EQ(clock.Steady() - steady, microseconds(5));
}

}  // namespace
}  // namespace engram
