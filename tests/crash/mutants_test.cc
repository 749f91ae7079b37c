// Each deliberate break of the protocol (storage/base/test_hooks.h) must be seen by the same checks
// that the right code passes. Most are caught by a sweep over a short history; some only by a
// fault, or by bytes that rot.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/base/test_hooks.h"
#include "tests/crash/history.h"
#include "tests/crash/mutant_scripts.h"
#include "tests/crash/oracle.h"
#include "tests/crash/sweep.h"
#include "tests/support/counts.h"
#include "tests/support/fault_file_system.h"

namespace engram {
namespace {

// What one hunt may take.
constexpr std::uint64_t kMostImages = 4000;

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

// A history that goes wrong by itself is caught as well: with the mutant, reopening lost something.
Hunt HuntByPowerLoss(std::uint64_t seed, const Script& script) {
  History history(seed);
  if (script.journal_bytes != 0) history.shape().journal_bytes = script.journal_bytes;
  history.shape().residency = script.residency;
  if (script.history) history.shape().history = *script.history;
  Hunt hunt;
  if (!history.Play(script.steps)) {
    hunt.caught = history.failure();
    return hunt;
  }
  Sweeper sweeper(seed, history.shape(), history.now_us(), script.rates, script.diet);
  sweeper.set_most_images(kMostImages);
  for (const Life& life : history.lives()) {
    if (!sweeper.SweepLife(life)) hunt.caught = sweeper.failure();
  }
  hunt.images = sweeper.counts().images;
  return hunt;
}

// One life of a store on a disk with faults.
struct FaultyLife {
  FaultyLife(const StoreShape& shape, std::uint64_t seed)
      : player({shape, seed, &clock, disk, faults}, Known()) {}

  void FailSync(std::uint64_t nth) {
    faults->SetPlan({.fault = Fault::kSyncFail, .kinds = {IoKind::kSync}, .nth = nth});
  }
  // All of them, or up to the first that goes wrong.
  bool Run(const std::vector<Step>& steps) {
    return std::all_of(steps.begin(), steps.end(), [this](Step step) { return player.Run(step); });
  }

  ManualClock clock{1'700'000'000'000'000};
  const std::shared_ptr<SimFileSystem> disk = std::make_shared<SimFileSystem>();
  const std::shared_ptr<FaultFileSystem> faults = std::make_shared<FaultFileSystem>(disk);
  Player player;
};

// Each sync of a history fails in turn, once; afterwards the power goes.
Hunt HuntByFailedSyncs(std::uint64_t seed, const std::vector<Step>& steps,
                       std::optional<Residency> residency = std::nullopt) {
  Hunt hunt;
  std::mt19937_64 random(seed);
  StoreShape shape(seed);
  shape.residency = residency;
  for (std::uint64_t nth = 0; hunt.images < kMostImages; ++nth) {
    FaultyLife life(shape, seed);
    life.FailSync(nth);
    const bool fine = life.player.Open() && life.Run(steps) && life.player.Check();
    const bool hit = life.faults->faults_hit() > 0;
    const Known known = life.player.known();
    life.player.Die();
    if (!fine) {
      hunt.caught = life.player.failure();
      return hunt;
    }
    CrashReplayer replayer = life.disk->Replay();
    replayer.AdvanceTo(life.disk->OpCount());
    ++hunt.images;
    hunt.caught = CheckCrashed(replayer.PowerLoss(random, CrashPolicy::kLoseAll), known, shape,
                               life.clock.NowMicros(), seed, 0);
    if (!hunt.caught.empty() || !hit) return hunt;
  }
  return hunt;
}

// Commits of several frames, cut in the middle of the write that brings them.
Hunt HuntByCutCommits(std::uint64_t seed) {
  constexpr int kCuts = 12;
  Hunt hunt;
  History history(seed);
  if (!history.Play({Step::kInsert, Step::kHugeBatch, Step::kInsert, Step::kHugeBatch})) {
    hunt.caught = history.failure();
    return hunt;
  }
  const Life& life = history.lives().back();
  std::mt19937_64 random(seed);
  CrashReplayer replayer = life.disk->Replay();
  for (std::size_t op = 0; op < life.disk->OpCount() && hunt.caught.empty(); ++op) {
    replayer.AdvanceTo(op + 1);
    if (!life.disk->DescribeOp(op).starts_with("write /store/wal/")) continue;
    const Known known = life.player->KnownAt(replayer);
    for (int i = 0; i < kCuts && hunt.caught.empty(); ++i) {
      ++hunt.images;
      hunt.caught = CheckCrashed(replayer.PowerLoss(random, CrashPolicy::kPrefix), known,
                                 history.shape(), history.now_us(), seed, 0);
    }
  }
  return hunt;
}

// A sync of a checkpoint fails; the store is opened again over what the system still has in memory,
// and makes a checkpoint, in which the power goes.
Hunt HuntByReopening(std::uint64_t seed) {
  Hunt hunt;
  StoreShape shape(seed);
  shape.journal_bytes = 12 << 10;
  bool hit = true;
  for (std::uint64_t nth = 0; hit && hunt.images < kMostImages; ++nth) {
    FaultyLife life(shape, seed);
    bool fine = life.player.Open() &&
                life.Run({Step::kBatch, Step::kBatch, Step::kBatch, Step::kCheckpoint, Step::kErase,
                          Step::kUpdateVector, Step::kUpdateBoth, Step::kBatch});
    life.FailSync(nth);
    fine = fine && life.player.Run(Step::kCheckpoint);
    hit = life.faults->faults_hit() > 0;
    life.faults->ClearPlan();
    fine = fine && life.Run({Step::kKill, Step::kCheckpoint});
    life.player.Die();
    if (!fine) {
      hunt.caught = life.player.failure();
      return hunt;
    }
    Sweeper sweeper(seed + nth, shape, life.clock.NowMicros(), kNothingMore);
    if (!sweeper.SweepFrom(*life.disk, life.player, life.player.reopened_at())) {
      hunt.caught = sweeper.failure();
    }
    hunt.images += sweeper.counts().images;
    if (!hunt.caught.empty()) return hunt;
  }
  return hunt;
}

// The journal's writes of the last checkpoint were lost by a disk that said otherwise, and a page
// rots: what the journal has of that page is too old, and must not come back. Caught: it does.
Hunt HuntByRot(std::uint64_t seed) {
  History history(seed);
  history.shape().journal_bytes = 256 << 10;         // one round a checkpoint
  history.shape().residency = Residency::kResident;  // looks at every page when it is opened
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

struct Case {
  const char* name;
  Mutant mutant;
  Hunt (*hunt)(std::uint64_t seed);
};

template <const Script& kScript>
Hunt PowerLoss(std::uint64_t seed) {
  return HuntByPowerLoss(seed, kScript);
}

Hunt FailedSyncs(std::uint64_t seed) { return HuntByFailedSyncs(seed, kAnyTrouble.steps); }

Hunt FailedSyncsOfDrops(std::uint64_t seed) {
  return HuntByFailedSyncs(seed, kBusyDrops.steps, kBusyDrops.residency);
}

#define ENGRAM_CASE(name, hunt) \
  Case { #name, Mutant::name, hunt }
const Case kCases[] = {ENGRAM_CASE(kLogNotSyncedBeforePages, PowerLoss<kAnyTrouble>),
                       ENGRAM_CASE(kLogSyncedOnlyToS, PowerLoss<kBusyCheckpoints>),
                       ENGRAM_CASE(kImageBeforeAppend, PowerLoss<kRaces>),
                       ENGRAM_CASE(kJournalSkipped, PowerLoss<kManyRounds>),
                       ENGRAM_CASE(kJournalNotSynced, PowerLoss<kManyRounds>),
                       ENGRAM_CASE(kJournalReusedEarly, PowerLoss<kManyRounds>),
                       ENGRAM_CASE(kPagesNotSyncedBeforeSuperblock, PowerLoss<kAnyTrouble>),
                       ENGRAM_CASE(kSuperblockOneSlot, PowerLoss<kAnyTrouble>),
                       ENGRAM_CASE(kSuperblockNotSynced, PowerLoss<kAnyTrouble>),
                       ENGRAM_CASE(kLogCutBeforeSuperblock, PowerLoss<kAnyTrouble>),
                       ENGRAM_CASE(kLogCutIgnoresFamilies, PowerLoss<kAnyTrouble>),
                       ENGRAM_CASE(kRedoGatedByPageLsn, PowerLoss<kManyRounds>),
                       ENGRAM_CASE(kOneLsnForAllFamilies, PowerLoss<kAnyTrouble>),
                       ENGRAM_CASE(kBarrierSkipped, PowerLoss<kAnyTrouble>),
                       ENGRAM_CASE(kFailedSyncRetried, FailedSyncs),
                       ENGRAM_CASE(kPoisonIgnored, FailedSyncs),
                       ENGRAM_CASE(kSegmentDirectoryNotSynced, PowerLoss<kAnyTrouble>),
                       ENGRAM_CASE(kTornTailAsCorruption, PowerLoss<kAnyTrouble>),
                       ENGRAM_CASE(kCommitWithoutLastFrame, HuntByCutCommits),
                       ENGRAM_CASE(kOldGenerationRead, PowerLoss<kTornTails>),
                       ENGRAM_CASE(kGrowthNotLogged, PowerLoss<kAnyTrouble>),
                       ENGRAM_CASE(kJournalOlderRestored, HuntByRot),
                       ENGRAM_CASE(kRestoreNotSynced, PowerLoss<kRestores>),
                       ENGRAM_CASE(kRoundNotRepeated, HuntByReopening),
                       ENGRAM_CASE(kSuperblockNotRepeated, HuntByReopening),
                       ENGRAM_CASE(kAcknowledgeBeforeSync, PowerLoss<kAnyTrouble>),
                       ENGRAM_CASE(kDropBeforeWrite, FailedSyncsOfDrops),
                       ENGRAM_CASE(kDropBeforeSync, FailedSyncsOfDrops),
                       ENGRAM_CASE(kDropRedirtied, PowerLoss<kBusyDrops>),
                       ENGRAM_CASE(kParentNotKept, PowerLoss<kSweeps>),
                       ENGRAM_CASE(kLinksNotLogged, PowerLoss<kSweeps>),
                       ENGRAM_CASE(kRoundForgetsUppers, PowerLoss<kSweeps>),
                       ENGRAM_CASE(kCutBeforeCheckpoint, PowerLoss<kCompactions>),
                       ENGRAM_CASE(kCutNotLogged, PowerLoss<kCompactions>),
                       ENGRAM_CASE(kMovedRowForgetsOld, PowerLoss<kCompactions>),
                       ENGRAM_CASE(kHistoryIgnored, PowerLoss<kPasts>),
                       ENGRAM_CASE(kNamedForgotten, PowerLoss<kNames>),
                       ENGRAM_CASE(kSnapshotUnchecked, PowerLoss<kRacedSnapshots>),
                       ENGRAM_CASE(kSweepAheadOfHealing, PowerLoss<kSweepKills>),
                       ENGRAM_CASE(kVoidKeepsSweep, PowerLoss<kVoidsInRounds>)};
#undef ENGRAM_CASE

class EachMutant : public MutantTest, public testing::WithParamInterface<Case> {};

TEST_P(EachMutant, IsCaught) {
  constexpr std::uint64_t kMostSeeds = 8;
  std::uint64_t images = 0;
  for (std::uint64_t seed = 1; seed <= kMostSeeds; ++seed) {
    SetMutant(GetParam().mutant);
    const Hunt hunt = GetParam().hunt(seed);
    SetMutant(Mutant::kNone);
    images += hunt.images;
    if (hunt.caught.empty()) continue;
    std::cout << GetParam().name << " caught with seed " << seed << " after " << images
              << " images: " << hunt.caught << std::endl;
    PrintCounts({{"mutants caught", 1}, {"images", images}});
    return;
  }
  FAIL() << "not caught in " << images << " images";
}

INSTANTIATE_TEST_SUITE_P(Mutants, EachMutant, testing::ValuesIn(kCases),
                         [](const auto& mutant) { return std::string(mutant.param.name); });

// The hunts have no other prey. (In kRaces the right code waits for itself, for ever.)
TEST_F(MutantTest, RightCodePassesEachHunt) {
  Hunt (*const kHunts[])(std::uint64_t) = {PowerLoss<kAnyTrouble>,
                                           PowerLoss<kManyRounds>,
                                           PowerLoss<kBusyCheckpoints>,
                                           PowerLoss<kBusyDrops>,
                                           FailedSyncsOfDrops,
                                           PowerLoss<kRestores>,
                                           PowerLoss<kTornTails>,
                                           PowerLoss<kSweeps>,
                                           PowerLoss<kCompactions>,
                                           PowerLoss<kPasts>,
                                           PowerLoss<kNames>,
                                           PowerLoss<kVoidsInRounds>,
                                           PowerLoss<kSweepKills>,
                                           PowerLoss<kRacedSnapshots>,
                                           HuntByCutCommits,
                                           FailedSyncs,
                                           HuntByReopening,
                                           HuntByRot};
  for (std::size_t i = 0; i < std::size(kHunts); ++i) {
    const Hunt hunt = kHunts[i](1);
    EXPECT_EQ(hunt.caught, "") << "hunt " << i;
  }
}

}  // namespace
}  // namespace engram
