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
constexpr std::size_t kStepsOfUpkeep = 24;
constexpr std::uint64_t kSeedsOfAShard = 1000;
// A shard ends with the history that reaches so many images. Built a second time for the slow
// tests.
#ifdef ENGRAM_LONG_SWEEPS
constexpr std::uint64_t kFirstShard = 6;
constexpr std::uint64_t kShards = 40;
constexpr std::uint64_t kImagesOfAShard = 25'000;
constexpr std::uint64_t kUpkeepImagesOfAShard = 25'000;
#else
constexpr std::uint64_t kFirstShard = 0;
constexpr std::uint64_t kShards = 6;
constexpr std::uint64_t kImagesOfAShard = 6'000;
constexpr std::uint64_t kUpkeepImagesOfAShard = 1'500;
#endif

// Side by side under ctest.
class CrashSweep : public testing::TestWithParam<std::uint64_t> {};

void Sweep(std::uint64_t seed, Diet diet, std::size_t steps, std::uint64_t images) {
  SweepCounts total;
  std::uint64_t histories = 0;
  while (total.images < images) {
    History history(++seed, diet);
    ASSERT_TRUE(history.Play(kLives, steps)) << history.failure();
    SweepRates rates;
    // A compaction of rows is many operations.
    if (diet == Diet::kUpkeep) rates.point_one_in = 6;
    Sweeper sweeper(seed, history.shape(), history.now_us(), rates, diet);
    for (const Life& life : history.lives()) {
      ASSERT_TRUE(sweeper.SweepLife(life)) << "seed " << seed << ": " << sweeper.failure();
    }
    total += sweeper.counts();
    ++histories;
  }
  total.Print(histories);
}

std::uint64_t FirstSeed(std::uint64_t shard) {
  return TestSeed(1) * 100 * kSeedsOfAShard + shard * kSeedsOfAShard;
}

TEST_P(CrashSweep, HoldsWhatItMayAfterEachOperation) {
  Sweep(FirstSeed(GetParam()), Diet::kWrites, kStepsOfALife, kImagesOfAShard);
}

TEST_P(CrashSweep, HoldsWhatItMayWhateverUpkeepGoesOn) {
  Sweep(FirstSeed(GetParam()) + kSeedsOfAShard / 2, Diet::kUpkeep, kStepsOfUpkeep,
        kUpkeepImagesOfAShard);
}

INSTANTIATE_TEST_SUITE_P(Shard, CrashSweep, testing::Range(kFirstShard, kFirstShard + kShards));

}  // namespace
}  // namespace engram
