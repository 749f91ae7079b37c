// Power failures at every operation of scripted histories (I1 to I4).
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "tests/crash/history.h"
#include "tests/crash/sweep.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

constexpr std::size_t kLives = 2;
constexpr std::size_t kStepsOfALife = 32;
constexpr std::uint64_t kSeedsOfAShard = 1000;
// A shard ends with the history that reaches so many images. Built a second time for the slow
// tests.
#ifdef ENGRAM_LONG_SWEEPS
constexpr std::uint64_t kFirstShard = 6;
constexpr std::uint64_t kShards = 40;
constexpr std::uint64_t kImagesOfAShard = 25'000;
#else
constexpr std::uint64_t kFirstShard = 0;
constexpr std::uint64_t kShards = 6;
constexpr std::uint64_t kImagesOfAShard = 6'000;
#endif

// Side by side under ctest.
class CrashSweep : public testing::TestWithParam<std::uint64_t> {};

TEST_P(CrashSweep, HoldsWhatItMayAfterEachOperation) {
  std::uint64_t seed = TestSeed(1) * 100 * kSeedsOfAShard + GetParam() * kSeedsOfAShard;
  SweepCounts total;
  std::uint64_t histories = 0;
  while (total.images < kImagesOfAShard) {
    History history(++seed);
    ASSERT_TRUE(history.Play(kLives, kStepsOfALife)) << history.failure();
    Sweeper sweeper(seed, history.shape(), history.now_us());
    for (const Life& life : history.lives()) {
      ASSERT_TRUE(sweeper.SweepLife(life)) << "seed " << seed << ": " << sweeper.failure();
    }
    total += sweeper.counts();
    ++histories;
  }
  total.Print(histories);
}

INSTANTIATE_TEST_SUITE_P(Shard, CrashSweep, testing::Range(kFirstShard, kFirstShard + kShards));

}  // namespace
}  // namespace engram
