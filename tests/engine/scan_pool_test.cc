#include "engine/scan_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "storage/base/test_hooks.h"

namespace engram {
namespace {

TEST(ScanPool, EachTaskRunsOnceWhateverTheHelpers) {
  for (const std::size_t helpers : {0u, 1u, 3u}) {
    ScanPool pool(helpers);
    EXPECT_EQ(pool.helpers(), helpers);
    for (const std::size_t tasks : {0u, 1u, 2u, 7u, 1000u}) {
      std::vector<int> runs(tasks);  // each element written by one task
      pool.Run(tasks, [&](std::size_t task) { ++runs[task]; });
      EXPECT_EQ(runs, std::vector<int>(tasks, 1));
    }
  }
}

TEST(ScanPool, DoesWithTheThreadsThatTheSystemGives) {
  for (const std::size_t given : {0u, 2u}) {
    std::size_t asked = 0;
    SetSyncPoint("scan_pool:start_thread", [&] {
      if (asked++ < given) return;
      throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
    });
    ScanPool pool(5);
    ClearSyncPoints();
    EXPECT_EQ(pool.helpers(), given);
    std::vector<int> runs(100);
    pool.Run(100, [&](std::size_t task) { ++runs[task]; });
    EXPECT_EQ(runs, std::vector<int>(100, 1));
  }
}

TEST(ScanPool, CallersShareTheHelpers) {
  constexpr std::size_t kCallers = 4, kRounds = 200, kTasks = 16;
  ScanPool pool(2);
  std::vector<std::thread> callers;
  std::atomic<std::size_t> runs{0};
  for (std::size_t i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      for (std::size_t round = 0; round < kRounds; ++round) {
        std::vector<std::size_t> done(kTasks);
        pool.Run(kTasks, [&](std::size_t task) { done[task] = task + 1; });
        // What tasks wrote is seen when Run() returns.
        for (std::size_t task = 0; task < kTasks; ++task) EXPECT_EQ(done[task], task + 1);
        runs.fetch_add(kTasks, std::memory_order_relaxed);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(runs.load(), kCallers * kRounds * kTasks);
}

TEST(ScanPool, AHelperWorksBesideTheCaller) {
  ScanPool pool(1);
  std::latch both(2);
  std::atomic<int> runs{0};
  pool.Run(2, [&](std::size_t) {  // neither task ends without the other
    both.arrive_and_wait();
    runs.fetch_add(1);
  });
  EXPECT_EQ(runs.load(), 2);
}

TEST(ScanPool, ACallerNeedsNoHelper) {
  ScanPool pool(1);
  std::latch busy(2), release(1);
  // The helper and this caller are both held by their tasks.
  std::thread other([&] {
    pool.Run(2, [&](std::size_t) {
      busy.count_down();
      release.wait();
    });
  });
  busy.wait();
  std::vector<int> runs(100);
  pool.Run(runs.size(), [&](std::size_t task) { ++runs[task]; });
  EXPECT_EQ(runs, std::vector<int>(100, 1));
  release.count_down();
  other.join();
}

}  // namespace
}  // namespace engram
