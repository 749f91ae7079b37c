// Every operation of a history, and of an opening, fails in turn, in every way, once or for good.
// The store never answers wrong, says so with the right code, and after a power failure opens with
// all that was acknowledged.
#include <atomic>
#include <cstdint>
#include <iostream>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "storage/base/mutex.h"
#include "tests/crash/history.h"
#include "tests/crash/sweep.h"
#include "tests/support/counts.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

// Built a second time for the slow tests.
#ifdef ENGRAM_LONG_SWEEPS
constexpr std::uint64_t kFirstShard = 2;
constexpr std::uint64_t kShards = 37;
constexpr std::uint64_t kStrideOfUpkeep = 1;
#else
constexpr std::uint64_t kFirstShard = 0;
constexpr std::uint64_t kShards = 2;
constexpr std::uint64_t kStrideOfUpkeep = 5;
#endif

constexpr std::size_t kStepsBefore = 14;
constexpr std::uint64_t kImagesAfterReopening = 3;
constexpr Step kSteps[] = {
    Step::kInsert,       Step::kBatch,     Step::kMixed,    Step::kErase,    Step::kCheckpoint,
    Step::kUpdateVector, Step::kFlushRows, Step::kMaintain, Step::kBatch,    Step::kUpdateMetadata,
    Step::kCheckpoint,   Step::kMixed,     Step::kClose,    Step::kInsert,   Step::kKill,
    Step::kBatch,        Step::kFlush,     Step::kErase,    Step::kMaintain, Step::kCheckpoint,
    Step::kInsert};

// Upkeep: what there is to be done, and all of it.
constexpr Step kUpkeepSteps[] = {
    Step::kName,    Step::kErase,        Step::kTake,  Step::kEraseMatching, Step::kSweepStep,
    Step::kCompact, Step::kEraseForever, Step::kBatch, Step::kWait,          Step::kMaintain,
    Step::kUnname,  Step::kPrune,        Step::kKill,  Step::kCompact,       Step::kInsert};

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

// A store of a seed as a crash left it: where each run begins.
struct Beginning {
  SimImage image;
  Known known;
  StoreShape shape{0};
  std::int64_t now_us = 0;
};

// One fault, and what the store makes of it. Empty: all as it must be.
struct Outcome {
  std::string wrong;
  bool hit = false;  // else there are no more operations
  bool poisoned = false;
};

FaultPlan PlanOf(const Way& way, std::uint64_t nth) {
  return {.fault = way.fault, .repeat = way.repeat, .kinds = way.kinds, .nth = nth};
}

// What the process, and a loss of power, leave of `disk`; each must open.
std::string CheckRemains(const SimFileSystem& disk, const Known& known, const Beginning& from,
                         std::int64_t now_us, std::uint64_t seed) {
  CrashReplayer replayer = disk.Replay();
  replayer.AdvanceTo(disk.OpCount());
  std::mt19937_64 random(seed);
  const std::size_t steps = random() % 8 == 0 ? 4 : 0;
  std::string wrong = CheckCrashed(disk.LiveImage(), known, from.shape, now_us, seed, steps);
  if (!wrong.empty()) return "killed: " + wrong;
  for (const CrashPolicy policy :
       {CrashPolicy::kLoseAll, CrashPolicy::kKeepAll,
        random() % 2 == 0 ? CrashPolicy::kRandomSectors : CrashPolicy::kGarbage}) {
    const SimImage image = replayer.PowerLoss(random, policy);
    wrong = CheckCrashed(image, known, from.shape, now_us, seed, steps);
    if (!wrong.empty())
      return "power loss " + std::to_string(static_cast<int>(policy)) + ": " + wrong;
  }
  return {};
}
constexpr std::uint64_t kImagesOfAFault = 4;

// The power goes somewhere after the last opening, which had found what a failure left in the
// system's memory.
std::string CheckAfterReopening(const SimFileSystem& disk, const Player& player,
                                const Beginning& from, std::int64_t now_us, std::uint64_t seed) {
  const std::size_t first = player.reopened_at();
  if (disk.OpCount() <= first) return {};
  std::mt19937_64 random(seed);
  for (std::uint64_t i = 0; i < kImagesAfterReopening; ++i) {
    CrashReplayer replayer = disk.Replay();
    replayer.AdvanceTo(first + random() % (disk.OpCount() - first));
    const CrashPolicy policy = kAllCrashPolicies[random() % kAllCrashPolicies.size()];
    const std::string wrong = CheckCrashed(replayer.PowerLoss(random, policy),
                                           player.KnownAt(replayer), from.shape, now_us, seed, 0);
    if (!wrong.empty()) {
      return "power loss " + std::to_string(static_cast<int>(policy)) + " after operation " +
             std::to_string(replayer.position()) + ": " + wrong;
    }
  }
  return {};
}

Outcome FailInSteps(std::span<const Step> steps, const Beginning& from, const Way& way,
                    std::uint64_t nth, std::uint64_t seed) {
  ManualClock clock(from.now_us);
  const auto disk = std::make_shared<SimFileSystem>(from.image);
  const auto faults = std::make_shared<FaultFileSystem>(disk);
  Player player({from.shape, seed, &clock, disk, faults}, from.known);
  Outcome outcome;
  bool fine = player.Open();
  faults->SetPlan(PlanOf(way, nth));
  for (const Step step : steps) fine = fine && player.Run(step);
  fine = fine && player.Check();
  outcome.hit = faults->faults_hit() > 0;
  outcome.poisoned = player.poisoned();
  outcome.wrong = player.failure();
  const Known known = player.known();
  player.Die();
  if (fine) outcome.wrong = CheckRemains(*disk, known, from, clock.NowMicros(), seed + nth);
  if (fine && outcome.wrong.empty()) {
    outcome.wrong = CheckAfterReopening(*disk, player, from, clock.NowMicros(), seed + nth);
  }
  return outcome;
}

Outcome FailInHistory(const Beginning& from, const Way& way, std::uint64_t nth,
                      std::uint64_t seed) {
  return FailInSteps(kSteps, from, way, nth, seed);
}

Outcome FailInUpkeep(const Beginning& from, const Way& way, std::uint64_t nth, std::uint64_t seed) {
  return FailInSteps(kUpkeepSteps, from, way, nth, seed);
}

Outcome FailInOpening(const Beginning& from, const Way& way, std::uint64_t nth,
                      std::uint64_t seed) {
  ManualClock clock(from.now_us);
  const auto disk = std::make_shared<SimFileSystem>(from.image);
  const auto faults = std::make_shared<FaultFileSystem>(disk);
  faults->SetPlan(PlanOf(way, nth));
  Player player({from.shape, seed, &clock, disk, faults, true}, from.known);
  Outcome outcome;
  const bool opened = player.Open();
  outcome.hit = faults->faults_hit() > 0;
  faults->ClearPlan();
  const bool fine = opened && player.Check();
  outcome.wrong = player.failure();
  const Known known = player.known();
  player.Die();
  if (fine) outcome.wrong = CheckRemains(*disk, known, from, clock.NowMicros(), seed + nth);
  return outcome;
}

using FailFunction = Outcome (*)(const Beginning&, const Way&, std::uint64_t, std::uint64_t);

// Every operation in turn, until there is none left. Several at a time: RocksDB sleeps for a second
// where a flush failed.
class Runs {
 public:
  Runs(FailFunction fail, const Beginning& from, std::uint64_t seed)
      : fail_(fail), from_(from), seed_(seed) {}

  // `stride`: one operation of so many fails.
  void Sweep(const Way& way, std::uint64_t stride = 1) {
    next_ = seed_ % stride;
    stride_ = stride;
    done_ = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back([&] { Work(way); });
    for (std::thread& thread : threads) thread.join();
  }

  // Empty: all was as it must be.
  std::string wrong() const {
    MutexLock lock(mutex_);
    return wrong_;
  }
  std::uint64_t faults() const { return faults_; }
  std::uint64_t poisoned() const { return poisoned_; }

 private:
  static constexpr int kThreads = 6;

  void Work(const Way& way) {
    while (!done_) {
      const std::uint64_t nth = next_.fetch_add(stride_);
      const Outcome outcome = fail_(from_, way, nth, seed_);
      if (outcome.hit) ++faults_;
      if (outcome.poisoned) ++poisoned_;
      if (!outcome.hit || !outcome.wrong.empty()) done_ = true;
      MutexLock lock(mutex_);
      if (outcome.wrong.empty() || !wrong_.empty()) continue;
      wrong_ =
          std::string(way.name) + " at operation " + std::to_string(nth) + ": " + outcome.wrong;
    }
  }

  const FailFunction fail_;
  const Beginning& from_;
  const std::uint64_t seed_;
  std::uint64_t stride_ = 1;
  // Sequentially consistent: counters of a test.
  std::atomic<std::uint64_t> next_{0};
  std::atomic<std::uint64_t> faults_{0};
  std::atomic<std::uint64_t> poisoned_{0};
  std::atomic<bool> done_{false};
  mutable Mutex mutex_;
  std::string wrong_ ENGRAM_GUARDED_BY(mutex_);
};

class FaultSweep : public testing::TestWithParam<std::uint64_t> {};

TEST_P(FaultSweep, EveryFaultOfAHistoryIsSurvived) {
  const std::uint64_t seed = TestSeed(1) * 1000 + GetParam();
  History history(seed);
  ASSERT_TRUE(history.Play(1, kStepsBefore)) << history.failure();
  const Life& life = history.lives().back();
  const Beginning from{life.disk->LiveImage(), life.player->known(), history.shape(),
                       history.now_us()};
  Runs runs(FailInHistory, from, seed);
  for (const Way& way : kWays) {
    const std::uint64_t before = runs.faults();
    runs.Sweep(way);
    ASSERT_EQ(runs.wrong(), "") << "seed " << seed;
    std::cout << way.name << ": " << runs.faults() - before << " operations" << std::endl;
  }
  PrintCounts({{"faults", runs.faults()},
               {"stores poisoned", runs.poisoned()},
               {"images", runs.faults() * (kImagesOfAFault + kImagesAfterReopening)}});
}

TEST_P(FaultSweep, FaultsOfUpkeepAreSurvived) {
  const std::uint64_t seed = TestSeed(1) * 1000 + 250 + GetParam();
  History history(seed);
  ASSERT_TRUE(history.Play(1, kStepsBefore)) << history.failure();
  const Life& life = history.lives().back();
  const Beginning from{life.disk->LiveImage(), life.player->known(), history.shape(),
                       history.now_us()};
  Runs runs(FailInUpkeep, from, seed);
  for (const Way& way : kWays) {
    const std::uint64_t before = runs.faults();
    runs.Sweep(way, kStrideOfUpkeep);
    ASSERT_EQ(runs.wrong(), "") << "seed " << seed;
    std::cout << way.name << ": " << runs.faults() - before << " operations" << std::endl;
  }
  PrintCounts({{"faults", runs.faults()},
               {"stores poisoned", runs.poisoned()},
               {"images", runs.faults() * (kImagesOfAFault + kImagesAfterReopening)}});
}

TEST_P(FaultSweep, EveryFaultOfAnOpeningIsSurvived) {
  const std::uint64_t seed = TestSeed(1) * 1000 + 500 + GetParam();
  std::mt19937_64 random(seed);
  History history(seed);
  ASSERT_TRUE(history.Play(1, kStepsBefore)) << history.failure();
  const Life& life = history.lives().back();
  std::vector<Way> ways(std::begin(kWays), std::end(kWays));
  ways.insert(ways.end(), std::begin(kReadingWays), std::end(kReadingWays));
  std::uint64_t faults = 0;
  // What an opening does depends on what it finds.
  CrashReplayer replayer = life.disk->Replay();
  const std::size_t ops = life.disk->OpCount();
  for (std::size_t at = 20 + random() % 20; at < ops; at += ops / 4) {
    replayer.AdvanceTo(at);
    const Beginning from{replayer.PowerLoss(random, CrashPolicy::kRandomSectors),
                         life.player->KnownAt(replayer), history.shape(), history.now_us()};
    Runs runs(FailInOpening, from, seed);
    for (const Way& way : ways) runs.Sweep(way);
    ASSERT_EQ(runs.wrong(), "") << "seed " << seed << ", crash after operation " << at;
    faults += runs.faults();
  }
  PrintCounts({{"faults while opening", faults}, {"images", faults * kImagesOfAFault}});
}

INSTANTIATE_TEST_SUITE_P(Shard, FaultSweep, testing::Range(kFirstShard, kFirstShard + kShards));

}  // namespace
}  // namespace engram
