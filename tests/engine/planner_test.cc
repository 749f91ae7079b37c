#include "engine/planner.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "storage/base/coding.h"
#include "tests/engine/engine_fixture.h"

namespace engram {
namespace {

constexpr std::uint64_t kPlenty = 1000;

// A planner over a small store; plans are looked at, not committed.
class PlannerTest : public EngineTest {
 protected:
  void SetUp() override { Open(); }

  Result<CommitPlan> Plan(Planner& planner, Transaction& transaction,
                          std::uint64_t available = kPlenty)
      ENGRAM_REQUIRES(engine_->core().writer_role) {
    return planner.Add(transaction, engine_->core().writer.durable_ids, available, kPlenty);
  }
  Planner MakePlanner() ENGRAM_REQUIRES(engine_->core().writer_role) {
    return Planner(engine_->core(), Next(engine_->core().log->appended()),
                   engine_->core().writer.state, engine_->core().writer.ids);
  }

  struct Of : Transaction {
    explicit Of(std::vector<PendingOp> wanted, Durability how = Durability::kSync) {
      ops = std::move(wanted);
      durability = how;
    }
  };

  const std::vector<float> first_ = Vector(1);
  const std::vector<float> second_ = Vector(2);
};

TEST_F(PlannerTest, InsertsGetTheNextIdsAndSlots) {
  MutexLock role(engine_->core().writer_role);
  Planner planner = MakePlanner();
  const PatternId next = engine_->core().writer.state.next_id;
  PendingInsert given = InsertOf(second_);
  given.id = next + 10;
  Of transaction({InsertOf(first_), given, InsertOf(first_)});
  const auto plan = Plan(planner, transaction);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(transaction.ids, (std::vector<PatternId>{next, next + 10, next + 11}));
  EXPECT_EQ(plan->lsn, Next(visible()));
  ASSERT_EQ(plan->record.inserts.size(), 3u);
  EXPECT_EQ(plan->record.inserts[1].slot, static_cast<SlotId>(1));
  EXPECT_EQ(plan->record.inserts[1].timestamp_us, kStartUs);
  EXPECT_EQ(plan->record.state.next_id, next + 12);
  EXPECT_EQ(plan->record.state.live, 3u);
  EXPECT_TRUE(plan->record.ends.empty());
}

TEST_F(PlannerTest, WhatIsInsertedAndErasedInOneTransactionLeavesOnlyItsId) {
  MutexLock role(engine_->core().writer_role);
  Planner planner = MakePlanner();
  const PatternId next = engine_->core().writer.state.next_id;
  Of transaction({InsertOf(first_), UpdateOf(next, second_), PendingErase{next}});
  const auto plan = Plan(planner, transaction);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->record.inserts.empty());
  EXPECT_TRUE(plan->record.ends.empty());
  EXPECT_EQ(plan->record.state.next_id, next + 1);
  EXPECT_EQ(plan->record.state.node_slots, 0u);
}

TEST_F(PlannerTest, UpdatesOfOneIdBecomeOneVersion) {
  const PatternId id = Insert(5);
  MutexLock role(engine_->core().writer_role);
  Planner planner = MakePlanner();
  PendingUpdate type;
  type.id = id;
  type.type = 3;
  PendingUpdate time;
  time.id = id;
  time.timestamp_us = 17;
  time.metadata = EncodedMetadata({{"a", 1}}).value();
  Of transaction({UpdateOf(id, second_), type, time, UpdateOf(id, first_)});
  const auto plan = Plan(planner, transaction);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->record.inserts.size(), 1u);
  ASSERT_EQ(plan->record.ends.size(), 1u);
  const InsertRecord& insert = plan->record.inserts[0];
  EXPECT_EQ(insert.id, id);
  EXPECT_EQ(insert.type, 3u);
  EXPECT_EQ(insert.timestamp_us, 17);
  EXPECT_EQ(insert.vector.data(), std::as_bytes(VectorView(first_)).data());
  EXPECT_EQ(insert.metadata.size(), time.metadata->size());
  EXPECT_EQ(plan->record.ends[0].id, id);
  EXPECT_EQ(plan->record.state.live, 1u);
  EXPECT_EQ(plan->record.state.dead, 1u);
}

TEST_F(PlannerTest, AnUpdateKeepsWhatItDoesNotName) {
  PendingInsert insert = InsertOf(second_, {{"name", "x"}});
  insert.type = 9;
  insert.timestamp_us = 1234;
  const Done done = Commit({insert});
  ASSERT_TRUE(done.status.ok()) << done.status;
  MutexLock role(engine_->core().writer_role);
  Planner planner = MakePlanner();
  Of transaction({UpdateOf(done.ids[0], first_)});
  const auto plan = Plan(planner, transaction);
  ASSERT_TRUE(plan.ok()) << plan.status();
  const InsertRecord& updated = plan->record.inserts.at(0);
  EXPECT_EQ(updated.type, 9u);
  EXPECT_EQ(updated.timestamp_us, 1234);
  EXPECT_EQ(std::vector<std::byte>(updated.metadata.begin(), updated.metadata.end()),
            insert.metadata);
}

TEST_F(PlannerTest, AFailedTransactionNamesThePositionAndTakesNothing) {
  MutexLock role(engine_->core().writer_role);
  Core& core = engine_->core();
  Planner planner = MakePlanner();
  Of bad({InsertOf(first_), InsertOf(second_), PendingErase{4711}});
  const auto plan = Plan(planner, bad);
  EXPECT_EQ(plan.code(), Code::kNotFound);
  EXPECT_NE(plan.status().message().find("operation 2"), std::string::npos) << plan.status();
  EXPECT_EQ(core.slots->used(), 0u);
  // Nor an LSN, nor ids.
  Of good({InsertOf(first_)});
  const auto next = Plan(planner, good);
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(next->lsn, Next(visible()));
  EXPECT_EQ(good.ids[0], engine_->core().writer.state.next_id);
}

TEST_F(PlannerTest, TransactionsOfAGroupSeeThoseBeforeThem) {
  const PatternId id = Insert(5);
  MutexLock role(engine_->core().writer_role);
  Planner planner = MakePlanner();
  Of insert({InsertOf(first_)});
  const auto inserted = Plan(planner, insert);
  ASSERT_TRUE(inserted.ok()) << inserted.status();
  Of update({UpdateOf(insert.ids[0], second_), PendingErase{id}});
  const auto updated = Plan(planner, update);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->lsn, Next(inserted->lsn));
  ASSERT_EQ(updated->record.ends.size(), 2u);
  EXPECT_EQ(updated->record.ends[0].slot, inserted->record.inserts[0].slot);
  EXPECT_EQ(updated->record.ends[0].version, inserted->lsn);
  Of late({UpdateOf(id, first_)});
  EXPECT_EQ(Plan(planner, late).code(), Code::kNotFound);
}

TEST_F(PlannerTest, TooFewSlotsOrTooManyPatternsAreRefusedBeforeAnyIsTaken) {
  MutexLock role(engine_->core().writer_role);
  Core& core = engine_->core();
  core.config.options.max_elements = 2;
  Planner planner = MakePlanner();
  Of three({InsertOf(first_), InsertOf(first_), InsertOf(first_)});
  EXPECT_EQ(Plan(planner, three).code(), Code::kIndexFull);
  Of two({InsertOf(first_), InsertOf(first_)});
  EXPECT_EQ(Plan(planner, two, 1).code(), Code::kIndexFull);
  EXPECT_EQ(core.slots->used(), 0u);
  EXPECT_TRUE(Plan(planner, two, 2).ok());
  // A full store still takes updates.
  Of update({UpdateOf(two.ids[0], second_)});
  EXPECT_TRUE(Plan(planner, update).ok());
}

TEST_F(PlannerTest, AStoreWithMoreThanItsLimitTakesWhatDoesNotAddToIt) {
  const PatternId id = Insert(1);
  Insert(2);
  MutexLock role(engine_->core().writer_role);
  engine_->core().config.options.max_elements = 1;
  Planner planner = MakePlanner();
  Of update({UpdateOf(id, second_)});
  EXPECT_TRUE(Plan(planner, update).ok());
  Of exchange({PendingErase{id}, InsertOf(first_)});
  EXPECT_TRUE(Plan(planner, exchange).ok());
  Of insert({InsertOf(first_)});
  EXPECT_EQ(Plan(planner, insert).code(), Code::kIndexFull);
}

TEST_F(PlannerTest, IdsThatTheStoreGivesToCommitsThatMayBeLostAreReservedFirst) {
  MutexLock role(engine_->core().writer_role);
  Planner planner = MakePlanner();
  Of first({InsertOf(first_)}, Durability::kNone);
  const auto reserving = Plan(planner, first);
  ASSERT_TRUE(reserving.ok()) << reserving.status();
  EXPECT_TRUE(reserving->needs_sync);
  const StateRecord& state = reserving->record.state;
  EXPECT_GT(state.next_id, first.ids[0] + 1000) << "nobody uses them again";
  EXPECT_EQ(state.reserved_id, state.next_id);
  // With the reservation on disk others need no sync, until it is used up.
  const DurableIds durable = {state.next_id, state.reserved_id};
  Of second({InsertOf(first_)}, Durability::kNone);
  const auto free = planner.Add(second, durable, kPlenty, kPlenty);
  ASSERT_TRUE(free.ok()) << free.status();
  EXPECT_EQ(second.ids[0], first.ids[0] + 1) << "the reservation is for after a crash";
  EXPECT_FALSE(free->needs_sync);
  EXPECT_EQ(free->record.state.reserved_id, durable.reserved);
  PendingInsert far = InsertOf(first_);
  far.id = durable.reserved;
  Of beyond({far}, Durability::kNone);
  const auto again = planner.Add(beyond, durable, kPlenty, kPlenty);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->needs_sync);
  EXPECT_GT(again->record.state.reserved_id, durable.reserved + 1);
}

TEST_F(PlannerTest, IdsThatTheCallerGivesAreReservedAgainstTheStoreAlone) {
  MutexLock role(engine_->core().writer_role);
  Planner planner = MakePlanner();
  PendingInsert given = InsertOf(first_);
  given.id = 10;
  Of first({given}, Durability::kNone);
  const auto own = Plan(planner, first);
  ASSERT_TRUE(own.ok()) << own.status();
  EXPECT_TRUE(own->needs_sync);
  EXPECT_EQ(own->record.state.next_id, 11u);
  EXPECT_GT(own->record.state.reserved_id, 1000u);
  const DurableIds durable = {own->record.state.next_id, own->record.state.reserved_id};
  given.id = 11;
  Of second({given}, Durability::kNone);
  const auto free = planner.Add(second, durable, kPlenty, kPlenty);
  ASSERT_TRUE(free.ok()) << free.status();
  EXPECT_FALSE(free->needs_sync);
  // Once the store gives one, nobody may use it again.
  Of third({InsertOf(first_)}, Durability::kNone);
  const auto gave = planner.Add(third, durable, kPlenty, kPlenty);
  ASSERT_TRUE(gave.ok()) << gave.status();
  EXPECT_EQ(third.ids[0], 12u);
  EXPECT_TRUE(gave->needs_sync);
  EXPECT_GT(gave->record.state.next_id, 1000u);
}

TEST_F(PlannerTest, ATransactionThatSkipsIsPlannedWithoutWhatIsRefused) {
  MutexLock role(engine_->core().writer_role);
  Planner planner = MakePlanner();
  PendingInsert five = InsertOf(first_), used = InsertOf(first_);
  five.id = 5;
  used.id = 2;
  Of transaction({five, used, InsertOf(second_), InsertOf(second_)});
  transaction.on_refusal = OnRefusal::kSkip;
  const auto plan = Plan(planner, transaction, 2);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(transaction.ids, (std::vector<PatternId>{5, 6}));
  ASSERT_EQ(transaction.refused.size(), 2u);
  EXPECT_EQ(transaction.refused[0].position, 1u);
  EXPECT_EQ(transaction.refused[0].status.code(), Code::kAlreadyExists);
  EXPECT_EQ(transaction.refused[1].position, 3u);
  EXPECT_EQ(transaction.refused[1].status.code(), Code::kIndexFull);
  EXPECT_EQ(plan->record.inserts.size(), 2u);
  Of nothing({used});
  nothing.on_refusal = OnRefusal::kSkip;
  EXPECT_EQ(Plan(planner, nothing).code(), Code::kAlreadyExists);
}

TEST_F(PlannerTest, ADefaultTimeIsTheClocksOwnAlsoWhereThatWentBack) {
  Insert(1);
  clock_.SetNow(kStartUs + 1'000'000'000'000);  // a wrong reading
  Insert(2);
  clock_.SetNow(kStartUs + 5);
  MutexLock role(engine_->core().writer_role);
  Planner planner = MakePlanner();
  Of transaction({InsertOf(first_)});
  const auto plan = Plan(planner, transaction);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->record.inserts[0].timestamp_us, kStartUs + 5);
  EXPECT_EQ(plan->record.state.clock_us, kStartUs + 1'000'000'000'000) << "never goes back";
}

TEST_F(PlannerTest, UndoGivesSlotsBack) {
  MutexLock role(engine_->core().writer_role);
  Core& core = engine_->core();
  Planner planner = MakePlanner();
  Of one({InsertOf(first_), InsertOf(second_)});
  Of two({InsertOf(first_)});
  const auto first = Plan(planner, one);
  const auto second = Plan(planner, two);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(core.slots->used(), 3u);
  planner.Undo(*second);
  planner.Undo(*first);
  EXPECT_EQ(core.slots->used() - core.slots->free(), 0u);
}

}  // namespace
}  // namespace engram
