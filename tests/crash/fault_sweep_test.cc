// Every operation of a history, and of an opening, fails in turn, in every way, once or for good.
// The store never answers wrong, says so with the right code, and after a power failure opens with
// all that was acknowledged.
#include <cstdint>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/crash/history.h"
#include "tests/crash/sweep.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

constexpr std::size_t kStepsBefore = 14;
constexpr Step kSteps[] = {
    Step::kInsert,      Step::kBatch,        Step::kMixed,      Step::kErase,
    Step::kBusyCheckpoint, Step::kUpdateVector, Step::kFlushRows, Step::kMaintain,
    Step::kBatch,       Step::kUpdateMetadata, Step::kCheckpoint, Step::kMixed,
    Step::kClose,       Step::kInsert,       Step::kKill,       Step::kBatch,
    Step::kFlush,       Step::kErase,        Step::kMaintain,   Step::kCheckpoint,
    Step::kInsert};

constexpr IoKinds kTakesSpace = {IoKind::kCreate, IoKind::kAllocate, IoKind::kWrite,
                                 IoKind::kMkdir};

struct Way {
  const char* name;
  Fault fault;
  FaultRepeat repeat;
  IoKinds kinds;
};
constexpr Way kWays[] = {
    {"error once", Fault::kError, FaultRepeat::kOnce, kMutatingIo},
    {"errors from then on", Fault::kError, FaultRepeat::kSticky, kMutatingIo},
    {"no space once", Fault::kNoSpace, FaultRepeat::kOnce, kTakesSpace},
    {"no space from then on", Fault::kNoSpace, FaultRepeat::kSticky, kTakesSpace},
    {"short write", Fault::kShort, FaultRepeat::kOnce, {IoKind::kWrite}},
    {"short writes from then on", Fault::kShort, FaultRepeat::kSticky, {IoKind::kWrite}},
    {"sync fails once", Fault::kSyncFail, FaultRepeat::kOnce, {IoKind::kSync}},
    {"syncs fail from then on", Fault::kSyncFail, FaultRepeat::kSticky, {IoKind::kSync}},
    {"crash", Fault::kCrash, FaultRepeat::kOnce, kMutatingIo}};
constexpr Way kReadingWays[] = {
    {"read error once", Fault::kError, FaultRepeat::kOnce, kReadingIo},
    {"read errors from then on", Fault::kError, FaultRepeat::kSticky, kReadingIo}};

struct FaultCounts {
  std::uint64_t faults = 0;
  std::uint64_t poisoned = 0;
  std::uint64_t images = 0;
};

class FaultSweep : public testing::TestWithParam<std::uint64_t> {
 protected:
  // What the process, and a loss of power, leave of `disk`; each must open.
  std::string CheckRemains(const SimFileSystem& disk, const Known& known, const StoreShape& shape,
                           std::int64_t now_us) {
    CrashReplayer replayer = disk.Replay();
    replayer.AdvanceTo(disk.OpCount());
    const std::size_t steps = random_() % 8 == 0 ? 4 : 0;
    const std::uint64_t seed = random_();
    counts_.images += 4;
    std::string wrong = CheckCrashed(disk.LiveImage(), known, shape, now_us, seed, steps);
    if (!wrong.empty()) return "killed: " + wrong;
    for (const CrashPolicy policy :
         {CrashPolicy::kLoseAll, CrashPolicy::kKeepAll,
          random_() % 2 == 0 ? CrashPolicy::kRandomSectors : CrashPolicy::kGarbage}) {
      wrong = CheckCrashed(replayer.PowerLoss(random_, policy), known, shape, now_us, seed, steps);
      if (!wrong.empty()) {
        return "power loss " + std::to_string(static_cast<int>(policy)) + ": " + wrong;
      }
    }
    return {};
  }

  std::mt19937_64 random_;
  FaultCounts counts_;
};

// A store of a seed as a crash left it: where each run begins.
struct Beginning {
  explicit Beginning(std::uint64_t seed) : history(seed) {
    played = history.Play(1, kStepsBefore);
    if (!played) return;
    const Life& life = history.lives().back();
    known = life.player->known();
    image = life.disk->LiveImage();
    shape = history.shape();
  }

  History history;
  bool played = false;
  SimImage image;
  Known known;
  StoreShape shape{0};
};

TEST_P(FaultSweep, EveryFaultOfAHistoryIsSurvived) {
  const std::uint64_t seed = TestSeed(1) * 1000 + GetParam();
  random_.seed(seed);
  Beginning from(seed);
  ASSERT_TRUE(from.played) << from.history.failure();
  for (const Way& way : kWays) {
    std::uint64_t nth = 0;
    for (bool hit = true; hit; ++nth) {
      const std::string where = "seed " + std::to_string(seed) + ", " + way.name +
                                " at operation " + std::to_string(nth) + ": ";
      ManualClock clock(from.history.now_us());
      const auto disk = std::make_shared<SimFileSystem>(from.image);
      const auto faults = std::make_shared<FaultFileSystem>(disk);
      Player player({from.shape, seed, &clock, disk, faults}, from.known);
      ASSERT_TRUE(player.Open()) << where << player.failure();
      faults->SetPlan({.fault = way.fault, .repeat = way.repeat, .kinds = way.kinds, .nth = nth});
      for (const Step step : kSteps) {
        ASSERT_TRUE(player.Run(step)) << where << "step " << static_cast<int>(step) << ": "
                                      << player.failure();
      }
      ASSERT_TRUE(player.Check()) << where << player.failure();
      hit = faults->faults_hit() > 0;
      ++counts_.faults;
      if (player.poisoned()) ++counts_.poisoned;
      const Known known = player.known();
      player.Die();
      const std::string wrong = CheckRemains(*disk, known, from.shape, clock.NowMicros());
      ASSERT_EQ(wrong, "") << where;
    }
    std::cout << way.name << ": " << nth - 1 << " operations" << std::endl;
  }
  std::cout << "faults " << counts_.faults << ", stores poisoned " << counts_.poisoned
            << ", images " << counts_.images << std::endl;
}

TEST_P(FaultSweep, EveryFaultOfAnOpeningIsSurvived) {
  const std::uint64_t seed = TestSeed(1) * 1000 + 500 + GetParam();
  random_.seed(seed);
  Beginning from(seed);
  ASSERT_TRUE(from.played) << from.history.failure();
  // What an opening does depends on what it finds: the disk as it was after a few of its operations.
  const Life& life = from.history.lives().back();
  std::vector<Way> ways(std::begin(kWays), std::end(kWays));
  ways.insert(ways.end(), std::begin(kReadingWays), std::end(kReadingWays));
  CrashReplayer replayer = life.disk->Replay();
  const std::size_t ops = life.disk->OpCount();
  for (std::size_t at = random_() % 20 + 20; at < ops; at += ops / 4) {
    replayer.AdvanceTo(at);
    const SimImage image = replayer.PowerLoss(random_, CrashPolicy::kRandomSectors);
    const Known known = life.player->KnownAt(replayer);
    for (const Way& way : ways) {
      std::uint64_t nth = 0;
      for (bool hit = true; hit; ++nth) {
        const std::string where = "seed " + std::to_string(seed) + ", crash after operation " +
                                  std::to_string(at) + ", " + way.name + " at operation " +
                                  std::to_string(nth) + " of the opening: ";
        ManualClock clock(from.history.now_us());
        const auto disk = std::make_shared<SimFileSystem>(image);
        const auto faults = std::make_shared<FaultFileSystem>(disk);
        faults->SetPlan({.fault = way.fault, .repeat = way.repeat, .kinds = way.kinds, .nth = nth});
        Player player({from.shape, seed, &clock, disk, faults}, known);
        ASSERT_TRUE(player.Open()) << where << player.failure();
        hit = faults->faults_hit() > 0;
        faults->ClearPlan();
        ASSERT_TRUE(player.Check()) << where << player.failure();
        ++counts_.faults;
        player.Die();
        const std::string wrong = CheckRemains(*disk, known, from.shape, clock.NowMicros());
        ASSERT_EQ(wrong, "") << where;
      }
    }
  }
  std::cout << "faults " << counts_.faults << ", images " << counts_.images << std::endl;
}

INSTANTIATE_TEST_SUITE_P(Shard, FaultSweep, testing::Range<std::uint64_t>(0, 4));

}  // namespace
}  // namespace engram
