#include "engine/maintenance.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/engine/engine_fixture.h"
#include "tests/support/watchdog.h"

namespace engram {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class MaintenanceTest : public EngineTest {
 protected:
  MaintenanceTest() { config_.options.durability = Durability::kInterval; }

  Status RunRound(std::chrono::microseconds budget = seconds(1)) {
    return engine_->RunMaintenance(budget);
  }
  bool durable() { return GetStats().durable_lsn == visible(); }
};

TEST_F(MaintenanceTest, ARoundSyncsWhatIsUnsynced) {
  ASSERT_NO_FATAL_FAILURE(Open());
  Insert(1, Durability::kInterval);  // syncs for the ids it reserves
  Insert(2, Durability::kInterval);
  ASSERT_FALSE(durable());
  ASSERT_TRUE(RunRound().ok());
  EXPECT_TRUE(durable());
}

TEST_F(MaintenanceTest, ARoundLeavesUnsyncedWhatAsksForNoSync) {
  config_.options.durability = Durability::kNone;
  ASSERT_NO_FATAL_FAILURE(Open());
  Insert(1, Durability::kNone);
  Insert(2, Durability::kNone);
  ASSERT_TRUE(RunRound().ok());
  EXPECT_FALSE(durable());
}

TEST_F(MaintenanceTest, WithoutAThreadTheNextCommitSyncsWhatIsOld) {
  config_.options.sync_interval = milliseconds(500);
  ASSERT_NO_FATAL_FAILURE(Open());
  Insert(1, Durability::kInterval);  // syncs for the ids it reserves
  clock_.Advance(milliseconds(10'000));
  Insert(2, Durability::kInterval);  // nothing is old yet
  EXPECT_FALSE(durable());
  clock_.Advance(milliseconds(499));
  Insert(3, Durability::kNone);
  EXPECT_FALSE(durable());
  clock_.Advance(milliseconds(1));
  Insert(4, Durability::kNone);  // whatever it asks for: 2 is due
  EXPECT_TRUE(durable());
  clock_.Advance(milliseconds(500));
  Insert(5, Durability::kNone);
  EXPECT_FALSE(durable());
}

TEST_F(MaintenanceTest, AWallClockThatGoesBackDelaysNoSync) {
  config_.options.sync_interval = milliseconds(500);
  ASSERT_NO_FATAL_FAILURE(Open());
  Insert(1, Durability::kInterval);
  Insert(2, Durability::kInterval);
  ASSERT_FALSE(durable());
  clock_.SetNow(kStartUs - 3'600'000'000);
  clock_.Advance(milliseconds(500));
  Insert(3, Durability::kInterval);
  EXPECT_TRUE(durable());
}

TEST_F(MaintenanceTest, ARoundSyncsAWriteThatAsksForItWhateverTheStoreDefault) {
  config_.options.durability = Durability::kNone;
  ASSERT_NO_FATAL_FAILURE(Open());
  Insert(1, Durability::kNone);
  Insert(2, Durability::kInterval);
  Insert(3, Durability::kNone);
  ASSERT_FALSE(durable());
  ASSERT_TRUE(RunRound().ok());
  EXPECT_TRUE(durable());
}

TEST_F(MaintenanceTest, ARoundFreesWhatNobodySees) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const PatternId id = Insert(1);
  const KeptState snapshot = engine_->TakeSnapshot();
  ASSERT_TRUE(Update(id, 2).ok());
  ASSERT_TRUE(RunRound().ok());
  EXPECT_EQ(GetStats().dead, 1u);
  EXPECT_EQ(GetStats().sweep_rounds, 0u);  // it is seen still
  EXPECT_EQ(First(id, snapshot), 1);
  engine_->DropSnapshot(snapshot);
  ASSERT_TRUE(RunRound().ok());
  EXPECT_EQ(GetStats().dead, 0u);
  EXPECT_EQ(GetStats().sweep_rounds, 1u);
  EXPECT_EQ(First(id), 2);
}

TEST_F(MaintenanceTest, ASlotIsNotReusedWhileAnOlderPinExists) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const PatternId id = Insert(1);
  ASSERT_TRUE(Erase(id).ok());
  Core& core = engine_->core();
  // Sees the pattern no more, but may have found its slot before that.
  std::optional<Versions::Pin> older = core.versions.Begin().value();
  ASSERT_TRUE(RunRound().ok());
  EXPECT_EQ(core.slots->state(SlotId{0}), SlotState::kRetired);
  EXPECT_FALSE(core.meta->FindVersion(id, visible())->has_value());  // its rows are gone
  Insert(2);
  EXPECT_EQ(core.slots->state(SlotId{1}), SlotState::kLive);
  EXPECT_EQ(core.Node(SlotId{0}).id(), id);  // I7
  older.reset();
  const Versions::Pin newer = core.versions.Begin().value();  // began after the retirement
  Insert(3);
  EXPECT_EQ(core.slots->state(SlotId{0}), SlotState::kLive);
  EXPECT_NE(core.Node(SlotId{0}).id(), id);
}

TEST_F(MaintenanceTest, AThreadThatReadsAtAnOlderStateKeepsVersionsAndRows) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const PatternId id = Insert(1);
  const Lsn before = visible();
  const Versions::Pin pin = engine_->core().versions.Begin().value();
  ASSERT_TRUE(Update(id, 2).ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(RunRound().ok());
  EXPECT_EQ(GetStats().dead, 1u);
  EXPECT_EQ(First(id, KeptState{nullptr, before}), 1);
}

TEST_F(MaintenanceTest, ManyDeadAreFreedInOneRoundAndNoneWithoutABudget) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const KeptState snapshot = engine_->TakeSnapshot();
  std::vector<PendingOp> inserts, erases;
  const std::vector<float> vector = Vector(1);
  for (int i = 0; i < 1000; ++i) inserts.emplace_back(InsertOf(vector));
  for (const PatternId id : Commit(std::move(inserts)).ids) erases.emplace_back(PendingErase{id});
  ASSERT_TRUE(Commit(std::move(erases)).status.ok());
  ASSERT_EQ(GetStats().dead, 1000u);
  engine_->DropSnapshot(snapshot);
  ASSERT_TRUE(RunRound(seconds(0)).ok());
  EXPECT_EQ(GetStats().dead, 1000u);
  ASSERT_TRUE(RunRound().ok());  // the test's clock stands still: no budget is used up
  EXPECT_EQ(GetStats().dead, 0u);
}

TEST_F(MaintenanceTest, TheGraphIsAuditedOnceAnInterval) {
  config_.options.audit_interval = seconds(10);
  ASSERT_NO_FATAL_FAILURE(Open());
  for (int i = 0; i < 20; ++i) Insert(static_cast<float>(i));
  const auto rounds = [&] {
    EXPECT_TRUE(RunRound().ok());
    return GetStats().audit_rounds;
  };
  EXPECT_EQ(rounds(), 0u);
  clock_.Advance(seconds(10) - milliseconds(1));
  EXPECT_EQ(rounds(), 0u);
  clock_.Advance(milliseconds(1));
  EXPECT_EQ(rounds(), 1u);
  EXPECT_EQ(rounds(), 1u);
  EXPECT_EQ(GetStats().audited_nodes, 20u);
  clock_.Advance(seconds(9));
  EXPECT_EQ(rounds(), 1u);
  clock_.Advance(seconds(1));
  EXPECT_TRUE(RunRound(seconds(0)).ok());
  EXPECT_EQ(GetStats().audit_rounds, 1u) << "without a budget there is none";
  EXPECT_EQ(rounds(), 2u);
  EXPECT_EQ(GetStats().audited_nodes, 40u);
  EXPECT_EQ(GetStats().mended_nodes, 0u);
}

TEST_F(MaintenanceTest, AnIntervalOfZeroMeansNoAudit) {
  config_.options.audit_interval = seconds(0);
  ASSERT_NO_FATAL_FAILURE(Open());
  Insert(1);
  clock_.Advance(std::chrono::hours(10'000));
  ASSERT_TRUE(RunRound().ok());
  EXPECT_EQ(GetStats().audit_rounds, 0u);
}

TEST_F(MaintenanceTest, WhatAnAuditPutsRightIsTold) {
  std::vector<std::string> told;
  config_.options.audit_interval = seconds(10);
  config_.options.log = [&](LogLevel level, std::string_view message) {
    if (level == LogLevel::kWarning) told.emplace_back(message);
  };
  ASSERT_NO_FATAL_FAILURE(Open());
  for (int i = 0; i < 20; ++i) Insert(static_cast<float>(i));
  {
    Core& core = engine_->core();
    MutexLock role(core.writer_role);
    const SlotId slot{7};
    std::byte* page =
        core.pages->MutablePage({SegmentKind::kNodes, core.layout->PageOf(slot)}, visible());
    NodeView(page + core.layout->OffsetInPage(slot), *core.layout).links().Set(0, slot);
  }
  clock_.Advance(seconds(10));
  ASSERT_TRUE(RunRound().ok());
  ASSERT_EQ(told.size(), 1u);
  EXPECT_NE(told[0].find("1 links cleared"), std::string::npos) << told[0];
  EXPECT_GE(GetStats().mended_nodes, 1u);
  clock_.Advance(seconds(10));
  ASSERT_TRUE(RunRound().ok());
  EXPECT_EQ(told.size(), 1u);
  EXPECT_EQ(GetStats().audit_rounds, 2u);
}

TEST_F(MaintenanceTest, TheThreadAuditsToo) {
  const Watchdog watchdog("the maintenance thread", seconds(120));
  config_.clock = nullptr;
  config_.options.background_threads = 1;
  config_.options.audit_interval = seconds(1);
  ASSERT_NO_FATAL_FAILURE(Open());
  Insert(1);
  while (GetStats().audit_rounds == 0) std::this_thread::yield();
  EXPECT_EQ(GetStats().audited_nodes, 1u);
}

TEST_F(MaintenanceTest, TheThreadSyncsFreesAndMakesCheckpoints) {
  const Watchdog watchdog("the maintenance thread", seconds(120));
  config_.clock = nullptr;
  config_.options.background_threads = 1;
  config_.options.sync_interval = milliseconds(1);
  config_.options.dirty_page_bytes = 1;
  ASSERT_NO_FATAL_FAILURE(Open());
  const PatternId id = Insert(1, Durability::kInterval);
  ASSERT_TRUE(Update(id, 2).ok());
  while (!durable() || GetStats().dead != 0 || GetStats().checkpoint_lsn != visible()) {
    std::this_thread::yield();
  }
  EXPECT_EQ(First(id), 2);
  const Status closed = engine_->Close();
  EXPECT_TRUE(closed.ok()) << closed;
}

TEST_F(MaintenanceTest, AnIntervalWriteIsSyncedWhileACheckpointGoesOn) {
  const Watchdog watchdog("a sync during a checkpoint", seconds(120));
  config_.clock = nullptr;
  config_.options.background_threads = 1;
  config_.options.sync_interval = milliseconds(1);
  config_.options.dirty_page_bytes = 1;
  ASSERT_NO_FATAL_FAILURE(Open());
  std::atomic<bool> synced{false};
  SetSyncPoint("checkpoint:journal", [&] {
    if (synced.load(std::memory_order_relaxed)) return;
    Insert(2, Durability::kInterval);
    const Lsn lsn = visible();
    while (GetStats().durable_lsn < lsn) std::this_thread::yield();
    synced.store(true, std::memory_order_relaxed);
  });
  Insert(1, Durability::kInterval);
  while (!synced.load(std::memory_order_relaxed)) std::this_thread::yield();
  ClearSyncPoints();
  const Status closed = engine_->Close();
  EXPECT_TRUE(closed.ok()) << closed;
}

TEST_F(MaintenanceTest, OpeningSaysSoWhereTheSystemGivesNoThread) {
  config_.options.background_threads = 1;
  SetSyncPoint("maintenance:start_thread", [] {
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
  });
  const auto opened = Engine::Open(dir_.File("store"), config_, Engine::Access::kReadWrite);
  EXPECT_EQ(opened.code(), Code::kIoError);
  EXPECT_NE(opened.status().message().find("background_threads"), std::string::npos);
  ClearSyncPoints();
  ASSERT_NO_FATAL_FAILURE(Open());
}

TEST_F(MaintenanceTest, TheThreadTellsOfAFailureOnce) {
  const Watchdog watchdog("the maintenance thread", seconds(120));
  std::mutex mutex;
  std::vector<std::string> told;
  config_.clock = nullptr;
  config_.options.background_threads = 1;
  config_.options.sync_interval = milliseconds(1);
  config_.options.log = [&](LogLevel level, std::string_view message) {
    const std::lock_guard lock(mutex);
    if (level == LogLevel::kError) told.emplace_back(message);
  };
  ASSERT_NO_FATAL_FAILURE(Open());
  Insert(1);
  files_->SetPlan({.fault = Fault::kSyncFail,
                   .repeat = FaultRepeat::kSticky,
                   .kinds = {IoKind::kSync},
                   .path_contains = "/wal/"});
  const std::vector<float> vector = Vector(2);
  while (Commit({InsertOf(vector)}, Durability::kInterval).status.ok()) std::this_thread::yield();
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return told.size();
  };
  while (count() == 0) std::this_thread::yield();
  engine_.reset();  // ends the thread
  EXPECT_EQ(count(), 1u) << told[1];
  EXPECT_NE(told[0].find("syncs of"), std::string::npos) << told[0];
}

}  // namespace
}  // namespace engram
