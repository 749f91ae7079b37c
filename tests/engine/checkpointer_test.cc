#include "engine/checkpointer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/engine/engine_fixture.h"

namespace engram {
namespace {

using Contents = std::map<PatternId, float>;

class CheckpointerTest : public EngineTest {
 protected:
  void SetUp() override {
    // Nothing syncs and nothing is due by itself.
    config_.options.durability = Durability::kNone;
    config_.options.checkpoint_log_bytes = 1 << 30;
    Open();
  }

  Contents All() {
    Contents contents;
    const Status status = engine_->ForEach(
        [&](const Pattern& pattern) {
          EXPECT_TRUE(contents.emplace(pattern.id, pattern.vector[0]).second);
          return true;
        },
        {});
    EXPECT_TRUE(status.ok()) << status;
    return contents;
  }

  // One round of maintenance makes one where it is due.
  bool MakesOne() {
    const std::uint64_t before = GetStats().checkpoints;
    const Status status = engine_->RunMaintenance(std::chrono::microseconds(0));
    EXPECT_TRUE(status.ok()) << status;
    return GetStats().checkpoints > before;
  }
};

TEST_F(CheckpointerTest, CoversEverythingVisible) {
  for (int i = 0; i < 20; ++i) Insert(1, Durability::kNone);
  const std::uint64_t before = GetStats().checkpoints;
  ASSERT_TRUE(engine_->Checkpoint().ok());
  const Stats stats = GetStats();
  EXPECT_EQ(stats.checkpoints, before + 1);
  EXPECT_EQ(stats.checkpoint_lsn, visible());
  EXPECT_EQ(stats.durable_lsn, visible());
  EXPECT_EQ(stats.dirty_page_bytes, 0u);
  EXPECT_GT(stats.journal_bytes_written, 0u);
}

TEST_F(CheckpointerTest, WritesNothingWhereNothingHasChanged) {
  Insert(1);
  ASSERT_TRUE(engine_->Checkpoint().ok());
  const Stats before = GetStats();
  ASSERT_TRUE(engine_->Checkpoint().ok());
  const Stats after = GetStats();
  EXPECT_EQ(after.checkpoints, before.checkpoints);
  EXPECT_EQ(after.page_bytes_written, before.page_bytes_written);
}

TEST_F(CheckpointerTest, WritersGoOnInEachOfItsPhases) {
  for (const char* phase : {"checkpoint:slice", "checkpoint:captured", "checkpoint:journal",
                            "checkpoint:pages", "checkpoint:superblock"}) {
    SCOPED_TRACE(phase);
    std::vector<PatternId> ids;
    for (int i = 0; i < 300; ++i) ids.push_back(Insert(1, Durability::kNone));
    int reached = 0;
    SetSyncPoint(phase, [&] {
      ++reached;
      // A new pattern, a change of an old page, and an end.
      Insert(2);
      EXPECT_TRUE(Update(ids[0], 3).ok());
      EXPECT_TRUE(Erase(ids.back()).ok());
      ids.pop_back();
    });
    const Status status = engine_->Checkpoint();
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_GT(reached, 0);
    ClearSyncPoints();
    // They are behind the checkpoint, and nothing is lost whichever way they came to the disk.
    EXPECT_LT(GetStats().checkpoint_lsn, visible());
    const Contents before = All();
    ASSERT_NO_FATAL_FAILURE(KillAndOpen());
    EXPECT_EQ(All(), before);
  }
}

TEST_F(CheckpointerTest, WhatChangesBehindTheCursorStaysDirty) {
  const PatternId id = Insert(1);
  SetSyncPoint("checkpoint:captured", [&] { EXPECT_TRUE(Update(id, 2).ok()); });
  ASSERT_TRUE(engine_->Checkpoint().ok());
  ClearSyncPoints();
  EXPECT_GT(GetStats().dirty_page_bytes, 0u);
  ASSERT_TRUE(engine_->Checkpoint().ok());
  EXPECT_EQ(GetStats().dirty_page_bytes, 0u);
}

TEST_F(CheckpointerTest, MoreThanTheJournalHoldsGoesInRounds) {
  int rounds = 0;
  SetSyncPoint("checkpoint:journal", [&] { ++rounds; });
  // About 300 bytes each; the journal has 256 KiB.
  for (int batch = 0; batch < 40; ++batch) {
    const std::vector<float> vector = Vector(1);
    std::vector<PendingOp> ops;
    for (int i = 0; i < 100; ++i) ops.emplace_back(InsertOf(vector));
    ASSERT_TRUE(Commit(std::move(ops)).status.ok());
  }
  ASSERT_TRUE(engine_->Checkpoint().ok());
  EXPECT_GT(rounds, 2);
  ClearSyncPoints();
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  EXPECT_EQ(GetStats().count, 4000u);
  EXPECT_EQ(GetStats().replayed_commits, 0u);
}

TEST_F(CheckpointerTest, SeveralAtOnceFollowOneAnother) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) {
        Insert(1, Durability::kNone);
        const Status status = engine_->Checkpoint();
        EXPECT_TRUE(status.ok()) << status;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(GetStats().checkpoint_lsn, visible());
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  EXPECT_EQ(GetStats().count, 20u);
}

TEST_F(CheckpointerTest, IsDueWhenTheLogIsLong) {
  config_.options.checkpoint_log_bytes = 64 << 10;
  ASSERT_NO_FATAL_FAILURE(CloseAndOpen());
  Insert(1, Durability::kNone);
  EXPECT_FALSE(MakesOne());
  // A quarter of the page file counts too; that is about 16 KiB here.
  for (int i = 0; i < 1000; ++i) Insert(1, Durability::kNone);
  EXPECT_TRUE(MakesOne());
  EXPECT_FALSE(MakesOne());
}

TEST_F(CheckpointerTest, CountsTheLogFromTheCutAndNotFromTheSegment) {
  config_.options.checkpoint_log_bytes = 4 << 20;
  config_.options.log_segment_bytes = 64 << 20;
  ASSERT_NO_FATAL_FAILURE(CloseAndOpen());
  const Metadata metadata = {{"text", std::string(32 << 10, 'x')}};
  const std::vector<float> vector = Vector(1);
  const std::uint64_t before = GetStats().log_bytes_written;
  int checkpoints = 0, idle = 0;
  while (GetStats().log_bytes_written - before < 17 << 20) {
    ASSERT_TRUE(Commit({InsertOf(vector, metadata)}, Durability::kNone).status.ok());
    checkpoints += MakesOne();
    idle += MakesOne();
  }
  EXPECT_EQ(checkpoints, 4);
  EXPECT_EQ(idle, 0);
}

TEST_F(CheckpointerTest, ALogThatWasLongAtOpeningMakesOneDue) {
  config_.options.checkpoint_log_bytes = 1 << 20;
  ASSERT_NO_FATAL_FAILURE(CloseAndOpen());
  const Metadata metadata = {{"text", std::string(32 << 10, 'x')}};
  const std::vector<float> vector = Vector(1);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(Commit({InsertOf(vector, metadata)}, Durability::kNone).status.ok());
  }
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  EXPECT_TRUE(MakesOne());
  Insert(1, Durability::kNone);
  EXPECT_FALSE(MakesOne());
}

TEST_F(CheckpointerTest, AWallClockThatJumpsMakesNoneDueAndHoldsNoneBack) {
  config_.options.checkpoint_interval = std::chrono::seconds(60);
  ASSERT_NO_FATAL_FAILURE(CloseAndOpen());
  Insert(1, Durability::kNone);
  clock_.SetNow(kStartUs + 3'600'000'000);
  EXPECT_FALSE(MakesOne());
  clock_.SetNow(kStartUs - 3'600'000'000);
  clock_.Advance(std::chrono::seconds(60));
  EXPECT_TRUE(MakesOne());
}

TEST_F(CheckpointerTest, IsDueWhenMuchIsDirty) {
  config_.options.dirty_page_bytes = 16 << 10;
  ASSERT_NO_FATAL_FAILURE(CloseAndOpen());
  Insert(1, Durability::kNone);
  EXPECT_FALSE(MakesOne());
  for (int i = 0; i < 100; ++i) Insert(1, Durability::kNone);
  EXPECT_TRUE(MakesOne());
  EXPECT_FALSE(MakesOne());
}

TEST_F(CheckpointerTest, IsDueWhenTheLastIsOldAndSomethingHasChanged) {
  config_.options.checkpoint_interval = std::chrono::seconds(60);
  ASSERT_NO_FATAL_FAILURE(CloseAndOpen());
  clock_.Advance(std::chrono::seconds(61));
  Insert(1, Durability::kNone);
  EXPECT_TRUE(MakesOne());
  Insert(1, Durability::kNone);
  clock_.Advance(std::chrono::seconds(59));
  EXPECT_FALSE(MakesOne());
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_TRUE(MakesOne());
  clock_.Advance(std::chrono::seconds(600));
  EXPECT_FALSE(MakesOne());
}

}  // namespace
}  // namespace engram
