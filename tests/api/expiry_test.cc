// Erasing by what patterns are, and expiry.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "storage/base/test_hooks.h"
#include "tests/api/upkeep_fixture.h"

namespace engram {
namespace {

class ExpiryTest : public UpkeepTest {};

TEST_F(ExpiryTest, WhatAFilterMeansGoesAtOnce) {
  ASSERT_NO_FATAL_FAILURE(Open());
  std::set<PatternId> stay;
  std::uint64_t meant = 0;
  for (int i = 0; i < 300; ++i) {
    const TypeTag type = static_cast<TypeTag>(i % 3);
    const PatternId id = Put(Now() + Seconds(i), type);
    const bool gone = type == 1 && i >= 50 && i < 200;
    meant += gone ? 1 : 0;
    if (!gone) stay.insert(id);
  }
  const Lsn before = GetStats().last_lsn;
  PatternFilter filter;
  filter.type = 1;
  filter.from = Now() + Seconds(50);
  filter.before = Now() + Seconds(200);
  const auto erased = store_->EraseMatching(filter);
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_EQ(*erased, meant);
  EXPECT_EQ(Ids(), stay);
  EXPECT_EQ(static_cast<std::uint64_t>(GetStats().last_lsn),
            static_cast<std::uint64_t>(before) + 1);
  EXPECT_EQ(*store_->EraseMatching(filter), 0u);
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  EXPECT_EQ(Ids(), stay);
  // Those without a type.
  PatternFilter none;
  none.type = 0;
  EXPECT_EQ(*store_->EraseMatching(none), 100u);
  EXPECT_EQ(store_->EraseMatching({}).code(), Code::kInvalidArgument);
}

TEST_F(ExpiryTest, OldVersionsOfAnUpdatedPatternDoNotCount) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const PatternId id = Put(Now(), 5);
  PatternChange change;
  change.type = 6;
  ASSERT_TRUE(store_->Update(id, change).ok());
  PatternFilter filter;
  filter.type = 5;
  EXPECT_EQ(*store_->EraseMatching(filter), 0u);
  filter.type = 6;
  EXPECT_EQ(*store_->EraseMatching(filter), 1u);
  EXPECT_TRUE(Ids().empty());
}

TEST_F(ExpiryTest, OfTheLastMomentThereIsToo) {
  ASSERT_NO_FATAL_FAILURE(Open());
  constexpr std::chrono::microseconds kLast{std::numeric_limits<std::int64_t>::max()};
  Put(Timestamp(kLast), 5);
  Put(Timestamp(kLast));
  PatternFilter filter;
  filter.type = 5;
  EXPECT_EQ(*store_->EraseMatching(filter), 1u);
  filter = {};
  filter.from = Timestamp(-kLast);
  EXPECT_EQ(*store_->EraseMatching(filter), 1u);
}

// Ends 100 patterns that others write meanwhile; expects that none is passed over.
class BusyExpiryTest : public ExpiryTest {
 protected:
  using Action = std::function<void()>;

  void Fill(std::optional<std::chrono::microseconds> ttl) {
    ASSERT_NO_FATAL_FAILURE(Open());
    others_ = PutMany(600);
    for (int i = 0; i < 100; ++i) meant_.push_back(Put(Now(), 7, ttl));
    stay_.insert(others_.begin(), others_.end());
    Wait(Seconds(2));
  }
  // Their slots are dead, and their rows say so: a move is amid of its commit.
  void EndWhileTheyMove(std::optional<std::chrono::microseconds> ttl, const Action& end) {
    ASSERT_NO_FATAL_FAILURE(Fill(ttl));
    Erase({others_.begin(), others_.begin() + 500});
    stay_.erase(stay_.begin(), stay_.lower_bound(others_[500]));
    std::atomic<bool> begun{false};
    std::atomic<bool> moving{false};
    std::atomic<bool> collected{false};
    std::atomic<bool> move_next{false};
    SetSyncPoint("eraser:found_row", [&] {
      begun.store(true);
      while (!moving.load()) std::this_thread::yield();
    });
    SetSyncPoint("eraser:collected", [&] { collected.store(true); });
    SetSyncPoint("writer:appended", [&] {
      if (!move_next.exchange(false)) return;
      moving.store(true);
      while (!collected.load()) std::this_thread::yield();
    });
    std::thread ender([&] {
      end();
      begun.store(true);
      collected.store(true);  // it may have found nothing
    });
    while (!begun.load()) std::this_thread::yield();
    CompactOptions options;
    options.progress = [&, first = true](const CompactProgress& progress) mutable {
      if (first && progress.phase == CompactProgress::Phase::kMoving) {
        move_next.store(true);
        first = false;
      }
      return true;
    };
    EXPECT_TRUE(store_->Compact(options).ok());
    moving.store(true);
    ender.join();
    ClearSyncPoints();
    EXPECT_GT(GetStats().moved, 0u);
    ExpectEnded();
  }
  // Their rows are those of versions that have ended since the walk began.
  void EndWhileTheyAreUpdated(const Action& end) {
    ASSERT_NO_FATAL_FAILURE(Fill({}));
    SetSyncPoint("eraser:found_row", [&] {
      ClearSyncPoints();
      PatternChange change;
      change.metadata = Metadata{{"seen", Value(true)}};
      WriteBatch batch;
      for (const PatternId id : meant_) batch.Update(id, change);
      const auto written = store_->Write(batch);
      EXPECT_TRUE(written.ok()) << written.status();
    });
    end();
    ClearSyncPoints();
    ExpectEnded();
  }
  void ExpectEnded() {
    EXPECT_EQ(Ids(), stay_);
    EXPECT_EQ(GetStats().count, stay_.size());
    ASSERT_NO_FATAL_FAILURE(CloseAndVerify());
  }

  std::vector<PatternId> others_;
  std::vector<PatternId> meant_;
  std::set<PatternId> stay_;
};

TEST_F(BusyExpiryTest, AFilterMeansWhatIsBeingMoved) {
  EndWhileTheyMove({}, [&] {
    PatternFilter filter;
    filter.type = 7;
    EXPECT_EQ(*store_->EraseMatching(filter), 100u);
  });
}

TEST_F(BusyExpiryTest, WhatExpiredEndsThoughItIsBeingMoved) {
  EndWhileTheyMove(Seconds(1), [&] { EXPECT_TRUE(store_->RunMaintenance(Seconds(1)).ok()); });
}

TEST_F(BusyExpiryTest, AFilterMeansWhatIsUpdatedMeanwhile) {
  EndWhileTheyAreUpdated([&] {
    PatternFilter filter;
    filter.type = 7;
    EXPECT_EQ(*store_->EraseMatching(filter), 100u);
  });
}

TEST_F(ExpiryTest, PruningGoesInStepsAndCounts) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const Timestamp start = Now();
  std::set<PatternId> stay;
  for (int i = 0; i < 1000; ++i) {
    // Many have the very same time.
    const PatternId id = Put(start + Seconds(i / 300));
    if (i >= 600) stay.insert(id);
  }
  Wait(Seconds(10));
  const std::uint64_t commits = GetStats().commits;
  const auto pruned = store_->PruneBefore(start + Seconds(2));
  ASSERT_TRUE(pruned.ok()) << pruned.status();
  EXPECT_EQ(*pruned, 600u);
  EXPECT_EQ(Ids(), stay);
  EXPECT_GE(GetStats().commits, commits + 3);  // others get their turn
  EXPECT_EQ(GetStats().durable_lsn, GetStats().last_lsn);
  EXPECT_EQ(*store_->PruneBefore(start + Seconds(2)), 0u);
  EXPECT_EQ(store_->PruneBefore(Now() + Seconds(1)).code(), Code::kInvalidArgument);
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  EXPECT_EQ(Ids(), stay);
}

TEST_F(ExpiryTest, BatchesKeepTtls) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const PatternId id = Put();
  const std::vector<float> vector = AnyVector();
  NewPattern pattern;
  pattern.vector = vector;
  pattern.ttl = Seconds(10);
  PatternChange change;
  change.ttl = Seconds(20);
  WriteBatch batch;
  batch.Insert(pattern);
  batch.Update(id, change);
  const auto commit = store_->Write(batch);
  ASSERT_TRUE(commit.ok()) << commit.status();
  EXPECT_EQ(store_->Get(commit->ids[0])->expires_at, Now() + Seconds(10));
  EXPECT_EQ(store_->Get(id)->expires_at, Now() + Seconds(20));
  change.ttl = Seconds(0);
  batch.Clear();
  batch.Update(id, change);
  ASSERT_TRUE(store_->Write(batch).ok());
  EXPECT_EQ(store_->Get(id)->expires_at, std::nullopt);
}

TEST_F(ExpiryTest, ATtlHidesAtOnceAndEndsSoon) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const PatternId stays = Put();
  const PatternId goes = Put({}, 0, Seconds(10));
  const Timestamp inserted = Now();
  const auto got = store_->Get(goes);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->expires_at, inserted + Seconds(10));
  EXPECT_EQ(got->inserted_at, inserted);
  EXPECT_EQ(store_->Get(stays)->expires_at, std::nullopt);
  const auto snapshot = store_->GetSnapshot();
  Wait(Seconds(9));
  EXPECT_EQ(Ids().size(), 2u);
  Wait(Seconds(1));
  // Nothing has ended it yet, and nobody sees it any more.
  EXPECT_EQ(GetStats().count, 2u);
  EXPECT_EQ(Ids(), std::set<PatternId>{stays});
  ExpectSearchesSee({stays});
  EXPECT_EQ(store_->Get(goes).code(), Code::kNotFound);
  EXPECT_FALSE(*store_->Contains(goes));
  EXPECT_EQ(store_->Erase(goes).code(), Code::kNotFound);
  PatternChange change;
  change.type = 3;
  EXPECT_EQ(store_->Update(goes, change).code(), Code::kNotFound);
  // A snapshot stays as it was when it was taken.
  EXPECT_EQ(Ids(&*snapshot).size(), 2u);
  Maintain();
  EXPECT_EQ(GetStats().count, 1u);
  EXPECT_EQ(GetStats().expired, 1u);
  EXPECT_EQ(Ids(&*snapshot).size(), 2u);
}

TEST_F(ExpiryTest, ATtlOfABatchCounts) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const PatternId updated = Put();
  WriteBatch batch;
  const std::vector<float> vector = AnyVector();
  NewPattern pattern;
  pattern.vector = vector;
  pattern.ttl = Seconds(10);
  batch.Insert(pattern);
  PatternChange change;
  change.ttl = Seconds(20);
  batch.Update(updated, change);
  const auto written = store_->Write(batch);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(store_->Get(written->ids.at(0))->expires_at, Now() + Seconds(10));
  EXPECT_EQ(store_->Get(updated)->expires_at, Now() + Seconds(20));
}

TEST_F(ExpiryTest, ATtlIsKeptTakenAwayAndRenewedByUpdates) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const PatternId kept = Put({}, 0, Seconds(10));
  const PatternId freed = Put({}, 0, Seconds(10));
  const PatternId renewed = Put({}, 0, Seconds(10));
  Wait(Seconds(5));
  PatternChange change;
  change.type = 1;
  ASSERT_TRUE(store_->Update(kept, change).ok());
  change.ttl = Seconds(0);
  ASSERT_TRUE(store_->Update(freed, change).ok());
  change.ttl = Seconds(10);
  ASSERT_TRUE(store_->Update(renewed, change).ok());
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  Wait(Seconds(5));
  EXPECT_EQ(Ids(), (std::set<PatternId>{freed, renewed}));
  Maintain();
  EXPECT_EQ(GetStats().expired, 1u);
  Wait(Seconds(5));
  EXPECT_EQ(Ids(), (std::set<PatternId>{freed}));
  Maintain();
  EXPECT_EQ(GetStats().count, 1u);
  Wait(Seconds(100'000));
  EXPECT_EQ(Ids(), (std::set<PatternId>{freed}));
  ASSERT_NO_FATAL_FAILURE(CloseAndVerify());
}

TEST_F(ExpiryTest, BadTtlsAreRefused) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::vector<float> vector = AnyVector();
  NewPattern pattern;
  pattern.vector = vector;
  pattern.ttl = Seconds(0);
  EXPECT_EQ(store_->Insert(pattern).code(), Code::kInvalidArgument);
  pattern.ttl = std::chrono::microseconds(-1);
  EXPECT_EQ(store_->Insert(pattern).code(), Code::kInvalidArgument);
  pattern.ttl = std::chrono::microseconds::max();
  EXPECT_EQ(store_->Insert(pattern).code(), Code::kInvalidArgument);
  const PatternId id = Put();
  PatternChange change;
  change.ttl = std::chrono::microseconds(-1);
  EXPECT_EQ(store_->Update(id, change).code(), Code::kInvalidArgument);
}

TEST_F(ExpiryTest, PatternsAgeByTypeOrAll) {
  options_.max_age = Seconds(100);
  options_.max_age_by_type[1] = Seconds(10);
  options_.max_age_by_type[2] = Seconds(1000);
  options_.max_age_by_type[3] = Seconds(0);  // for ever
  ASSERT_NO_FATAL_FAILURE(Open());
  const PatternId none = Put(Now(), 0), one = Put(Now(), 1), two = Put(Now(), 2),
                  three = Put(Now(), 3), four = Put(Now(), 4);
  Wait(Seconds(10));
  EXPECT_EQ(Ids(), (std::set<PatternId>{none, two, three, four}));
  Maintain();
  EXPECT_EQ(GetStats().count, 4u);
  Wait(Seconds(90));
  EXPECT_EQ(Ids(), (std::set<PatternId>{two, three}));
  Maintain();
  EXPECT_EQ(GetStats().count, 2u);
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  // One that comes with a time of long ago is not overlooked.
  Put(Now() - Seconds(500), 4);
  const PatternId old_two = Put(Now() - Seconds(950), 2);
  EXPECT_EQ(Ids(), (std::set<PatternId>{two, three, old_two}));
  Maintain();
  EXPECT_EQ(GetStats().count, 3u);
  Put(Now() - Seconds(600), 0);
  Maintain();
  EXPECT_EQ(GetStats().count, 3u);
  Wait(Seconds(50));
  EXPECT_EQ(Ids(), (std::set<PatternId>{two, three}));
  Maintain();
  EXPECT_EQ(GetStats().count, 2u);
  EXPECT_EQ(one + 1, two);
}

TEST_F(ExpiryTest, ATypeThatIsNoneMayHaveALimitOfItsOwn) {
  options_.max_age = Seconds(10);
  options_.max_age_by_type[0] = Seconds(100);
  ASSERT_NO_FATAL_FAILURE(Open());
  const PatternId none = Put(Now(), 0);
  Put(Now(), 7);
  Wait(Seconds(50));
  Maintain();
  EXPECT_EQ(Ids(), std::set<PatternId>{none});
  EXPECT_EQ(GetStats().count, 1u);
  Wait(Seconds(50));
  Maintain();
  EXPECT_EQ(GetStats().count, 0u);
}

// More than are collected at a time share one moment, and none of them has expired: what has is
// found behind them, and a filter that does not mean them does not count them.
TEST_F(ExpiryTest, ManyOfOneMomentThatStayHideNothing) {
  options_.max_age = Seconds(100);
  options_.max_age_by_type[5] = Seconds(100'000);
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::vector<std::vector<float>> vectors{AnyVector(), AnyVector(), AnyVector()};
  std::vector<NewPattern> stay(17'000);
  for (std::size_t i = 0; i < stay.size(); ++i) {
    stay[i].vector = vectors[i % vectors.size()];
    stay[i].timestamp = Now();
    stay[i].type = 5;
  }
  const auto inserted = store_->InsertBatch(stay, WriteOptions::With(Durability::kNone));
  ASSERT_TRUE(inserted.ok()) << inserted.status();
  Put(Now(), 0);
  Put(Now() + Seconds(1), 0);
  Wait(Seconds(200));
  Maintain();
  EXPECT_EQ(GetStats().expired, 2u);
  EXPECT_EQ(GetStats().count, stay.size());
}

TEST_F(ExpiryTest, ManyExpireInSteps) {
  ASSERT_NO_FATAL_FAILURE(Open());
  for (int i = 0; i < 2000; ++i) Put({}, 0, Seconds(1 + i % 2));
  Wait(Seconds(1));
  EXPECT_EQ(Ids().size(), 1000u);
  for (int i = 0; GetStats().count > 1000 && i < 1000; ++i) {
    ASSERT_TRUE(store_->RunMaintenance(std::chrono::microseconds(100)).ok());
  }
  EXPECT_EQ(GetStats().count, 1000u);
  Wait(Seconds(1));
  Maintain();
  EXPECT_EQ(GetStats().count, 0u);
  EXPECT_EQ(GetStats().expired, 2000u);
  ASSERT_NO_FATAL_FAILURE(CloseAndVerify());
}

}  // namespace
}  // namespace engram
