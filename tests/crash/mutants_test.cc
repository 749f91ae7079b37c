// Each deliberate break of the protocol (storage/base/test_hooks.h) must be seen by the same checks
// that the right code passes. Most are caught by a sweep over a short history; some only by a fault,
// or by bytes that rot.
#include <array>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/base/test_hooks.h"
#include "tests/crash/history.h"
#include "tests/crash/oracle.h"
#include "tests/crash/sweep.h"
#include "tests/support/fault_file_system.h"

namespace engram {
namespace {

// What a mutant may take to be caught; the right code passes them all.
constexpr std::uint64_t kMostImages = 3000;
constexpr SweepRates kRates = {.verify_one_in = 0,
                               .live_on_one_in = 4,
                               .crash_again_one_in = 30,
                               .crash_again_restored_one_in = 2};

struct Hunt {
  std::string caught;  // what was seen; empty: nothing
  std::uint64_t images = 0;
};

class MutantTest : public testing::Test {
 protected:
  ~MutantTest() override {
    SetMutant(Mutant::kNone);
    ClearSyncPoints();
  }
};

// Commits that nobody syncs between checkpoints, rows flushed at any time, recoveries of all kinds.
const std::vector<Step> kAnyTrouble = {
    Step::kBatch,          Step::kInsert,         Step::kFlushRows,      Step::kMixed,
    Step::kCheckpoint,     Step::kUpdateVector,   Step::kInsert,         Step::kBatch,
    Step::kErase,          Step::kBusyCheckpoint, Step::kUpdateMetadata, Step::kInsert,
    Step::kFlushRows,      Step::kKill,           Step::kBatch,          Step::kMaintain,
    Step::kBusyCheckpoint, Step::kInsert,         Step::kMixed,          Step::kClose,
    Step::kBatch,          Step::kUpdateBoth,     Step::kCheckpoint,     Step::kInsert};

// A history that goes wrong by itself is caught as well: with the mutant, reopening lost something.
Hunt HuntByPowerLoss(std::uint64_t seed, const std::vector<Step>& steps) {
  History history(seed);
  Hunt hunt;
  if (!history.Play(steps)) {
    hunt.caught = history.failure();
    return hunt;
  }
  Sweeper sweeper(seed, history.shape(), history.now_us(), kRates);
  sweeper.set_most_images(kMostImages);
  for (const Life& life : history.lives()) {
    if (!sweeper.SweepLife(life)) hunt.caught = sweeper.failure();
  }
  hunt.images = sweeper.counts().images;
  return hunt;
}

// Each sync of a history fails in turn, once; afterwards the power goes.
Hunt HuntByFailedSyncs(std::uint64_t seed, const std::vector<Step>& steps) {
  Hunt hunt;
  std::mt19937_64 random(seed);
  const StoreShape shape(seed);
  for (std::uint64_t nth = 0; hunt.images < kMostImages; ++nth) {
    ManualClock clock(1'700'000'000'000'000);
    const auto disk = std::make_shared<SimFileSystem>();
    const auto faults = std::make_shared<FaultFileSystem>(disk);
    Player player({shape, seed, &clock, disk, faults}, Known());
    faults->SetPlan({.fault = Fault::kSyncFail, .kinds = {IoKind::kSync}, .nth = nth});
    bool fine = player.Open();
    for (const Step step : steps) fine = fine && player.Run(step);
    const bool hit = faults->faults_hit() > 0;
    const Known known = player.known();
    player.Die();
    if (!fine) {
      hunt.caught = player.failure();
      return hunt;
    }
    CrashReplayer replayer = disk->Replay();
    replayer.AdvanceTo(disk->OpCount());
    ++hunt.images;
    hunt.caught = CheckCrashed(replayer.PowerLoss(random, CrashPolicy::kLoseAll), known, shape,
                               clock.NowMicros(), seed, 0);
    if (!hunt.caught.empty() || !hit) return hunt;
  }
  return hunt;
}

// The journal's writes of the last checkpoint were lost by a disk that said otherwise, and a page
// rots: what the journal has of that page is too old, and must not come back. Caught: it does.
Hunt HuntByRot(std::uint64_t seed) {
  History history(seed);
  history.shape().journal_bytes = 256 << 10;  // one round a checkpoint
  ManualClock clock(1'700'000'000'000'000);
  const auto disk = std::make_shared<SimFileSystem>();
  Player player({history.shape(), seed, &clock, disk, nullptr}, Known());
  Hunt hunt;
  bool fine = player.Open() && player.Run(Step::kBatch) && player.Run(Step::kCheckpoint);
  const std::string journal = disk->LiveImage().FindFile("/store/graph.journal")->ToString();
  for (int i = 0; i < 4; ++i) fine = fine && player.Run(Step::kUpdateBoth);
  fine = fine && player.Run(Step::kCheckpoint);
  const std::uint64_t page = fine ? player.engine()->core().page_file->FileOffset(
                                        {SegmentKind::kNodes, static_cast<PageId>(0)})
                                  : 0;
  const Known known = player.known();
  player.Die();
  if (!fine) {
    hunt.caught = player.failure();
    return hunt;
  }
  SimImage image = disk->LiveImage();
  image.FindFile("/store/graph.journal")->Write(0, std::as_bytes(std::span(journal)));
  const std::array<std::byte, 8> rot = {std::byte{0xff}, std::byte{0xff}};
  image.FindFile("/store/graph.engram")->Write(page + 512, rot);
  ++hunt.images;
  const std::string opened =
      CheckCrashed(image, known, history.shape(), clock.NowMicros(), seed, 0);
  const bool refused = opened.find("kCorruptedIndex") != opened.npos &&
                       opened.find("the journal has no image") != opened.npos;
  if (!refused) hunt.caught = opened.empty() ? "a rotten page went unnoticed" : opened;
  return hunt;
}

enum class Means : std::uint8_t { kPowerLoss, kHugeBatches, kRace, kFailedSyncs, kRot };

struct Case {
  const char* name;
  Mutant mutant;
  Means means = Means::kPowerLoss;
};

Hunt RunHunt(Means means, std::uint64_t seed) {
  switch (means) {
    case Means::kPowerLoss:
      return HuntByPowerLoss(seed, kAnyTrouble);
    case Means::kHugeBatches:
      return HuntByPowerLoss(seed, {Step::kInsert, Step::kHugeBatch, Step::kInsert});
    case Means::kRace:
      return HuntByPowerLoss(seed, {Step::kBatch, Step::kRacedCheckpoint, Step::kInsert});
    case Means::kFailedSyncs:
      return HuntByFailedSyncs(seed, kAnyTrouble);
    case Means::kRot:
      return HuntByRot(seed);
  }
  return {};
}

#define ENGRAM_CASE(name, ...) Case{#name, Mutant::name __VA_OPT__(,) __VA_ARGS__}
const Case kCases[] = {
    ENGRAM_CASE(kLogNotSyncedBeforePages),
    ENGRAM_CASE(kLogSyncedOnlyToS),
    ENGRAM_CASE(kImageBeforeAppend, Means::kRace),
    ENGRAM_CASE(kJournalSkipped),
    ENGRAM_CASE(kJournalNotSynced),
    ENGRAM_CASE(kJournalReusedEarly),
    ENGRAM_CASE(kPagesNotSyncedBeforeSuperblock),
    ENGRAM_CASE(kSuperblockOneSlot),
    ENGRAM_CASE(kSuperblockNotSynced),
    ENGRAM_CASE(kLogCutBeforeSuperblock),
    ENGRAM_CASE(kLogCutIgnoresFamilies),
    ENGRAM_CASE(kRedoGatedByPageLsn),
    ENGRAM_CASE(kOneLsnForAllFamilies),
    ENGRAM_CASE(kBarrierSkipped),
    ENGRAM_CASE(kFailedSyncRetried, Means::kFailedSyncs),
    ENGRAM_CASE(kPoisonIgnored, Means::kFailedSyncs),
    ENGRAM_CASE(kSegmentDirectoryNotSynced),
    ENGRAM_CASE(kTornTailAsCorruption),
    ENGRAM_CASE(kCommitWithoutLastFrame, Means::kHugeBatches),
    ENGRAM_CASE(kOldGenerationRead),
    ENGRAM_CASE(kGrowthNotLogged),
    ENGRAM_CASE(kJournalOlderRestored, Means::kRot),
    ENGRAM_CASE(kRestoreNotSynced),
    ENGRAM_CASE(kAcknowledgeBeforeSync)};
#undef ENGRAM_CASE

class EachMutant : public MutantTest, public testing::WithParamInterface<Case> {};

TEST_P(EachMutant, IsCaught) {
  constexpr std::uint64_t kMostSeeds = 6;
  std::uint64_t images = 0;
  for (std::uint64_t seed = 1; seed <= kMostSeeds; ++seed) {
    SetMutant(GetParam().mutant);
    const Hunt hunt = RunHunt(GetParam().means, seed);
    SetMutant(Mutant::kNone);
    images += hunt.images;
    if (hunt.caught.empty()) continue;
    std::cout << GetParam().name << " caught with seed " << seed << " after " << images
              << " images: " << hunt.caught << std::endl;
    return;
  }
  FAIL() << "not caught in " << images << " images";
}

INSTANTIATE_TEST_SUITE_P(Mutants, EachMutant, testing::ValuesIn(kCases),
                         [](const auto& mutant) { return std::string(mutant.param.name); });

// The hunts have no other prey.
TEST_F(MutantTest, RightCodePassesEachHunt) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    for (const Means means :
         {Means::kPowerLoss, Means::kHugeBatches, Means::kFailedSyncs, Means::kRot}) {
      const Hunt hunt = RunHunt(means, seed);
      EXPECT_EQ(hunt.caught, "") << "seed " << seed << ", means " << static_cast<int>(means);
    }
  }
}

}  // namespace
}  // namespace engram
