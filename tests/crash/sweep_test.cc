// Power failures at every operation of scripted histories (I1 to I4).
#include <cstdint>
#include <cstdlib>
#include <iostream>
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

// How many images a shard looks at, at least; it ends with the history that reaches it.
std::uint64_t ImagesOfAShard() {
  const char* value = std::getenv("ENGRAM_SWEEP_IMAGES");
  return value != nullptr ? std::strtoull(value, nullptr, 10) : 13'000;
}

// Shards run side by side under ctest.
class CrashSweep : public testing::TestWithParam<std::uint64_t> {};

TEST_P(CrashSweep, HoldsWhatItMayAfterEachOperation) {
  std::uint64_t seed = TestSeed(1) * 100 * kSeedsOfAShard + GetParam() * kSeedsOfAShard;
  SweepCounts total;
  std::uint64_t histories = 0;
  while (total.images < ImagesOfAShard()) {
    History history(++seed);
    ASSERT_TRUE(history.Play(kLives, kStepsOfALife)) << history.failure();
    Sweeper sweeper(seed, history.shape(), history.now_us());
    for (const Life& life : history.lives()) {
      ASSERT_TRUE(sweeper.SweepLife(life)) << "seed " << seed << ": " << sweeper.failure();
    }
    total += sweeper.counts();
    ++histories;
  }
  std::cout << "histories " << histories << ", " << total.ToString() << std::endl;
}

INSTANTIATE_TEST_SUITE_P(Shard, CrashSweep, testing::Range<std::uint64_t>(0, 8));

}  // namespace
}  // namespace engram
