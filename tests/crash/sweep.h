// Walks over the trace of a store's life and takes away the power after each operation: each image
// that may be left is opened and must hold what it may; some live on, and lose power again.
// Threads: one thread.
#ifndef ENGRAM_TESTS_CRASH_SWEEP_H_
#define ENGRAM_TESTS_CRASH_SWEEP_H_

#include <cstdint>
#include <random>
#include <string>

#include "tests/crash/history.h"
#include "tests/crash/player.h"
#include "tests/support/crash_replayer.h"
#include "tests/support/sim_image.h"

namespace engram {

// One image in so many gets more than an opening.
struct SweepRates {
  std::uint64_t point_one_in = 1;  // of the operations after which the power may go
  std::uint64_t verify_one_in = 16;
  std::uint64_t live_on_one_in = 16;
  std::uint64_t crash_again_one_in = 400;
  std::uint64_t crash_again_restored_one_in = 8;  // of those with pages restored
};

struct SweepCounts {
  std::uint64_t images = 0;
  std::uint64_t crash_points = 0;
  std::uint64_t restored = 0;  // images with a page from the journal
  std::uint64_t replayed = 0;  // images with commits from the log
  std::uint64_t verified = 0;
  std::uint64_t lived_on = 0;
  std::uint64_t second_images = 0;  // of the images: after a crash in recovery or soon after
  std::uint64_t second_points = 0;
  std::uint64_t from_restored = 0;  // recoveries with restored pages that crashed again

  SweepCounts& operator+=(const SweepCounts& other);
  void Print(std::uint64_t histories) const;
};

class Sweeper {
 public:
  Sweeper(std::uint64_t seed, const StoreShape& shape, std::int64_t now_us,
          const SweepRates& rates = {}, Diet diet = Diet::kWrites)
      : random_(seed), shape_(shape), now_us_(now_us), rates_(rates), diet_(diet) {}

  // Every crash point of a life. False: failure() says where and what.
  bool SweepLife(const Life& life) { return SweepFrom(*life.disk, *life.player, 1); }
  // Those from an operation on. Pre: `player` has died, and last opened before that operation.
  bool SweepFrom(const SimFileSystem& disk, const Player& player, std::size_t first) {
    return SweepTrace(disk, player, first, Depth::kFirst);
  }
  // Stops with success after this many images.
  void set_most_images(std::uint64_t images) { most_images_ = images; }

  const SweepCounts& counts() const { return counts_; }
  const std::string& failure() const { return failure_; }

 private:
  enum class Depth : std::uint8_t { kFirst, kSecond };

  bool SweepTrace(const SimFileSystem& disk, const Player& player, std::size_t first, Depth depth);
  bool CrashWith(const CrashReplayer& replayer, CrashPolicy policy, const Player& player,
                 Depth depth);
  // Empty where all is well.
  std::string CheckImage(const SimImage& image, const Known& known, Depth depth);
  bool OneIn(std::uint64_t n) { return n != 0 && random_() % n == 0; }

  std::mt19937_64 random_;
  const StoreShape shape_;
  const std::int64_t now_us_;
  const SweepRates rates_;
  const Diet diet_;  // of images that live on
  std::uint64_t most_images_ = ~std::uint64_t{0};
  SweepCounts counts_;
  std::string failure_;
};

// Opens the store that an image holds, lets it live on where `steps` is not 0, and checks all
// along. Empty where all is well.
std::string CheckCrashed(const SimImage& image, const Known& known, const StoreShape& shape,
                         std::int64_t now_us, std::uint64_t seed, std::size_t steps,
                         Diet diet = Diet::kWrites);

}  // namespace engram

#endif  // ENGRAM_TESTS_CRASH_SWEEP_H_
