#include "engine/recovery.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "storage/base/coding.h"
#include "tests/engine/engine_fixture.h"
#include "tests/support/crash_replayer.h"
#include "tests/support/sim_file_system.h"

namespace engram {
namespace {

using Contents = std::map<PatternId, Pattern>;

class RecoveryTest : public EngineTest {
 protected:
  void SetUp() override { Open(); }

  Contents All() {
    Contents contents;
    const Status status = engine_->ForEach(
        [&](const Pattern& pattern) {
          EXPECT_TRUE(contents.emplace(pattern.id, pattern).second);
          return true;
        },
        {});
    EXPECT_TRUE(status.ok()) << status;
    return contents;
  }

  static void ExpectSame(const Contents& found, const Contents& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (const auto& [id, pattern] : expected) {
      ASSERT_TRUE(found.contains(id)) << id;
      const Pattern& other = found.at(id);
      EXPECT_EQ(other.vector, pattern.vector);
      EXPECT_EQ(other.metadata, pattern.metadata);
      EXPECT_EQ(other.timestamp, pattern.timestamp);
      EXPECT_EQ(other.inserted_at, pattern.inserted_at);
      EXPECT_EQ(other.type, pattern.type);
      EXPECT_EQ(other.version, pattern.version);
    }
  }

  // Inserts, updates and erases, one commit each; time passes between them.
  void Live(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      clock_.Advance(std::chrono::milliseconds(7));
      const std::vector<float> vector = Vector(static_cast<float>(i));
      PendingInsert insert = InsertOf(vector, {{"round", i}});
      insert.type = static_cast<TypeTag>(i);
      const Done done = Commit({insert});
      ASSERT_TRUE(done.status.ok()) << done.status;
      if (i % 3 == 1) {
        ASSERT_TRUE(Update(done.ids[0] - 1, 1000).ok());
      }
      if (i % 5 == 4) {
        ASSERT_TRUE(Erase(done.ids[0] - 2).ok());
      }
    }
  }
};

TEST_F(RecoveryTest, ReplaysEachCommitAndNothingElse) {
  ASSERT_NO_FATAL_FAILURE(Live(50));
  const Contents before = All();
  const Lsn last = visible();
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  EXPECT_EQ(visible(), last);
  EXPECT_EQ(GetStats().replayed_commits, Raw(last));
  ExpectSame(All(), before);
}

TEST_F(RecoveryTest, StartsAtTheCheckpoint) {
  ASSERT_NO_FATAL_FAILURE(Live(20));
  ASSERT_TRUE(engine_->Checkpoint().ok());
  const Lsn checkpoint = visible();
  ASSERT_NO_FATAL_FAILURE(Live(11));
  const Contents before = All();
  const Lsn last = visible();
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  EXPECT_EQ(GetStats().replayed_commits, Raw(last) - Raw(checkpoint));
  ExpectSame(All(), before);
}

TEST_F(RecoveryTest, ACleanCloseLeavesNothingToReplay) {
  ASSERT_NO_FATAL_FAILURE(Live(50));
  const Contents before = All();
  ASSERT_NO_FATAL_FAILURE(CloseAndOpen());
  EXPECT_EQ(GetStats().replayed_commits, 0u);
  EXPECT_EQ(GetStats().restored_pages, 0u);
  EXPECT_EQ(GetStats().dirty_page_bytes, 0u);
  ExpectSame(All(), before);
}

TEST_F(RecoveryTest, ACloseWithoutACheckpointLeavesAllOfItToTheLog) {
  config_.options.checkpoint_on_close = false;
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  ASSERT_NO_FATAL_FAILURE(Live(20));
  const Contents before = All();
  ASSERT_NO_FATAL_FAILURE(CloseAndOpen());
  EXPECT_EQ(GetStats().replayed_commits, Raw(visible()));
  ExpectSame(All(), before);
}

TEST_F(RecoveryTest, MayBeRepeatedWithoutAnyWriteBetween) {
  ASSERT_NO_FATAL_FAILURE(Live(30));
  const Contents before = All();
  const Lsn last = visible();
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t generation = engine_->core().generation;
    ASSERT_NO_FATAL_FAILURE(KillAndOpen());
    EXPECT_EQ(engine_->core().generation, generation + 1);
    EXPECT_EQ(visible(), last);
    ExpectSame(All(), before);
  }
}

TEST_F(RecoveryTest, FindsTheDeadAgainAndTheirSlotsAreReused) {
  for (int i = 0; i < 10; ++i) {
    const PatternId id = Insert(1);
    ASSERT_TRUE(Erase(id).ok());
  }
  const std::uint64_t dead = GetStats().dead;
  ASSERT_GT(dead, 0u);
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  EXPECT_EQ(GetStats().dead, dead);
  ASSERT_TRUE(engine_->RunMaintenance(std::chrono::seconds(1)).ok());
  EXPECT_EQ(GetStats().dead, 0u);
  const std::uint32_t used = engine_->core().slots->used();
  for (std::uint64_t i = 0; i < dead; ++i) Insert(1);
  EXPECT_EQ(engine_->core().slots->used(), used);
}

TEST_F(RecoveryTest, NobodyReadsSoRetiredSlotsAreFreeAtOnce) {
  const PatternId id = Insert(1);
  Versions::Pin pin = engine_->core().versions.Begin().value();
  ASSERT_TRUE(Erase(id).ok());
  pin = Versions::Pin();
  pin = engine_->core().versions.Begin().value();  // sees it no more, but may still look
  ASSERT_TRUE(engine_->RunMaintenance(std::chrono::seconds(1)).ok());
  EXPECT_EQ(engine_->core().slots->state(SlotId{0}), SlotState::kRetired);
  pin = Versions::Pin();
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  EXPECT_EQ(engine_->core().slots->state(SlotId{0}), SlotState::kFree);
  EXPECT_EQ(GetStats().free_slots, 1u);
}

TEST_F(RecoveryTest, IdsThatMayHaveBeenHandedOutAreNotGivenAgain) {
  PatternId last = 0;
  for (int i = 0; i < 10; ++i) last = Insert(1, Durability::kNone);
  const std::uint64_t reserved = [&] {
    MutexLock role(engine_->core().writer_role);
    return engine_->core().writer.durable_ids.reserved;
  }();
  ASSERT_GT(reserved, last);
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  EXPECT_EQ(Insert(1), reserved);
}

// The ids that a caller gave, unsynced, and what a power cut leaves of them.
class OwnIdsTest : public EngineTest {
 protected:
  OwnIdsTest() { config_.file_system = sim_; }

  Status Give(PatternId id, Durability durability) {
    const std::vector<float> vector = Vector(1);
    PendingInsert insert = InsertOf(vector);
    insert.id = id;
    return Commit({insert}, durability).status;
  }
  void OpenOnSim() {
    auto opened = Engine::Open("/store", config_, Engine::Access::kReadWrite);
    ASSERT_TRUE(opened.ok()) << opened.status();
    engine_ = std::move(opened).value();
  }
  // Only what was synced is left.
  void LosePower() {
    CrashReplayer replayer = sim_->Replay();
    replayer.AdvanceTo(sim_->OpCount());
    engine_.reset();
    std::mt19937_64 unused;
    sim_ = std::make_shared<SimFileSystem>(replayer.PowerLoss(unused, CrashPolicy::kLoseAll));
    config_.file_system = sim_;
    ASSERT_NO_FATAL_FAILURE(OpenOnSim());
  }

  std::shared_ptr<SimFileSystem> sim_ = std::make_shared<SimFileSystem>();
};

TEST_F(OwnIdsTest, NoneIsLockedOutByACrash) {
  OpenOnSim();
  for (PatternId id = 1; id <= 10; ++id) ASSERT_TRUE(Give(id, Durability::kInterval).ok());
  ASSERT_TRUE(engine_->Flush().ok());
  LosePower();
  EXPECT_EQ(GetStats().count, 10u);
  EXPECT_EQ(Give(10, Durability::kInterval).code(), Code::kAlreadyExists);
  const Status next = Give(11, Durability::kInterval);
  EXPECT_TRUE(next.ok()) << next;
}

TEST_F(OwnIdsTest, ALostOneMayBeGivenAgainByTheCallerButNeverByTheStore) {
  OpenOnSim();
  for (PatternId id = 1; id <= 10; ++id) ASSERT_TRUE(Give(id, Durability::kNone).ok());
  LosePower();
  const std::uint64_t left = GetStats().count;
  ASSERT_LT(left, 10u) << "nothing was lost";
  const Status again = Give(10, Durability::kNone);
  EXPECT_TRUE(again.ok()) << again;
  ASSERT_TRUE(Give(20, Durability::kNone).ok());
  LosePower();
  ASSERT_TRUE(engine_->Close().ok());  // which does not forget what a crash lost
  OpenOnSim();
  EXPECT_GT(Insert(1), 20u);
}

TEST_F(OwnIdsTest, WhatTheStoreMayHaveGivenIsNobodysAnyMore) {
  OpenOnSim();
  PatternId last = 0;
  for (int i = 0; i < 10; ++i) last = Insert(1, Durability::kNone);
  LosePower();
  ASSERT_LT(GetStats().count, 10u) << "nothing was lost";
  EXPECT_EQ(Give(last, Durability::kSync).code(), Code::kAlreadyExists);
  EXPECT_GT(Insert(1), last);
}

TEST_F(RecoveryTest, TheClockOfTheStoreNeverGoesBack) {
  const PatternId before = Insert(1);
  const Timestamp inserted = engine_->Get(before, {})->inserted_at;
  clock_.SetNow(kStartUs - 1'000'000'000);
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  const PatternId after = Insert(2);
  EXPECT_GE(engine_->Get(after, {})->inserted_at, inserted);
}

}  // namespace
}  // namespace engram
