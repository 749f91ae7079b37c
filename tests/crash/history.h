// Scripted histories: a store of a shape that follows from a seed lives through random steps, loses
// power, is recovered and lives on. Each life leaves a disk with its trace for the sweeps.
// Threads: one thread.
#ifndef ENGRAM_TESTS_CRASH_HISTORY_H_
#define ENGRAM_TESTS_CRASH_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/crash/player.h"

namespace engram {

// What a random history mostly consists of.
enum class Diet : std::uint8_t {
  kWrites,  // little of anything else
  kUpkeep,  // sweeps, compactions, names, expiry, erasing for ever
};

// The next of a random history; keeps the store small.
Step AnyStep(std::mt19937_64& random, const ModelState& state, Diet diet = Diet::kWrites);

// From one opening to the next power loss.
struct Life {
  std::shared_ptr<SimFileSystem> disk;
  std::unique_ptr<Player> player;  // has died
};

class History {
 public:
  explicit History(std::uint64_t seed, Diet diet = Diet::kWrites)
      : seed_(seed), diet_(diet), shape_(seed), random_(seed) {}

  // Lives through `lives` lives of `steps` random steps each. False: failure() says why.
  bool Play(std::size_t lives, std::size_t steps);
  // One life of these steps.
  bool Play(const std::vector<Step>& steps);

  std::uint64_t seed() const { return seed_; }
  StoreShape& shape() { return shape_; }  // before Play()
  const std::vector<Life>& lives() const { return lives_; }
  std::int64_t now_us() { return clock_.NowMicros(); }
  const std::string& failure() const { return failure_; }

 private:
  // Opens the store that the life before left.
  Player* Begin();
  // The power goes.
  void End();
  bool Fail(const std::string& what);

  const std::uint64_t seed_;
  const Diet diet_;
  StoreShape shape_;
  std::mt19937_64 random_;
  ManualClock clock_{1'700'000'000'000'000};
  std::vector<Life> lives_;
  SimImage image_;  // what the next life finds
  Known known_;     // and may hold
  std::string failure_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_CRASH_HISTORY_H_
