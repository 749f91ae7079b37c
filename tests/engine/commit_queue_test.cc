#include "engine/commit_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "storage/base/coding.h"
#include "tests/engine/engine_fixture.h"
#include "tests/support/watchdog.h"

namespace engram {
namespace {

// The first writer is stopped with its commit in pages; meanwhile others line up. So it is known
// who is in the group that follows.
class CommitQueueTest : public EngineTest {
 protected:
  void SetUp() override {
    config_.min_extent_bytes = 1 << 20;
    Open();
    Insert(0);  // makes room for all that follows, so that groups are the only commits
  }

  // Commits all of them behind one that is on its way, in this order.
  void CommitBehindOne(std::deque<Transaction>& transactions) {
    const Watchdog watchdog("the commit queue", std::chrono::seconds(120));
    std::latch stopped(1), go(1);
    std::atomic<bool> first{true};
    std::atomic<std::size_t> joined{0};
    SetSyncPoint("writer:linked", [&] {
      if (!first.exchange(false)) return;
      stopped.count_down();
      go.wait();
    });
    std::thread leader([&] { Insert(0); });
    stopped.wait();
    SetSyncPoint("writer:linked", {});
    SetSyncPoint("queue:joined", [&] {
      joined.fetch_add(1);
      joined.notify_all();
    });
    SetSyncPoint("log:appended", [&] { ++appends_; });
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < transactions.size(); ++i) {
      threads.emplace_back([&, i] { engine_->Commit(transactions[i]); });
      for (std::size_t seen = joined.load(); seen <= i; seen = joined.load()) joined.wait(seen);
    }
    // The leader's own append comes when it goes on.
    appends_ = 0;
    syncs_ = GetStats().log_syncs;
    go.count_down();
    leader.join();
    for (std::thread& thread : threads) thread.join();
    appends_ -= 1;
    syncs_ = GetStats().log_syncs - syncs_ - 1;
    ClearSyncPoints();
  }

  Transaction& AddInsert(std::deque<Transaction>& to, Durability durability = Durability::kSync) {
    Transaction& transaction = to.emplace_back();
    transaction.durability = durability;
    transaction.ops.emplace_back(InsertOf(vector_));
    return transaction;
  }

  const std::vector<float> vector_ = Vector(9);
  std::atomic<std::uint64_t> appends_{0};  // of the groups behind the leader
  std::uint64_t syncs_ = 0;
};

TEST_F(CommitQueueTest, AGroupTakesOneAppendAndOneSync) {
  std::deque<Transaction> transactions;
  for (int i = 0; i < 20; ++i) AddInsert(transactions);
  CommitBehindOne(transactions);
  EXPECT_EQ(appends_, 1u);
  EXPECT_EQ(syncs_, 1u);
  Lsn lsn = static_cast<Lsn>(Raw(visible()) - transactions.size());
  for (const Transaction& transaction : transactions) {
    ASSERT_TRUE(transaction.status.ok()) << transaction.status;
    lsn = Next(lsn);
    EXPECT_EQ(transaction.lsn, lsn);  // one each, in the order of the line
  }
}

TEST_F(CommitQueueTest, EachMemberHasItsOwnStatus) {
  const PatternId id = Insert(1);
  std::deque<Transaction> transactions;
  AddInsert(transactions);
  transactions.emplace_back().ops.emplace_back(PendingErase{12345});
  auto& taken = std::get<PendingInsert>(AddInsert(transactions).ops[0]);
  taken.id = id;
  transactions.emplace_back().ops.emplace_back(PendingErase{id});
  CommitBehindOne(transactions);
  EXPECT_TRUE(transactions[0].status.ok()) << transactions[0].status;
  EXPECT_EQ(transactions[1].status.code(), Code::kNotFound);
  EXPECT_EQ(transactions[2].status.code(), Code::kAlreadyExists);
  EXPECT_TRUE(transactions[3].status.ok()) << transactions[3].status;
  EXPECT_EQ(transactions[3].lsn, Next(transactions[0].lsn));  // failed ones take no LSN
  EXPECT_EQ(First(id), std::nullopt);
  EXPECT_EQ(First(transactions[0].ids[0]), 9);
}

TEST_F(CommitQueueTest, AMemberSeesThoseBeforeIt) {
  const PatternId id = Insert(1);
  const std::vector<float> vector = Vector(2);
  std::deque<Transaction> transactions;
  transactions.emplace_back().ops.emplace_back(UpdateOf(id, vector));
  PendingUpdate type;
  type.id = id;
  type.type = 77;
  transactions.emplace_back().ops.emplace_back(type);
  transactions.emplace_back().ops.emplace_back(PendingErase{id});
  transactions.emplace_back().ops.emplace_back(type);
  const KeptState before = engine_->TakeSnapshot();
  CommitBehindOne(transactions);
  EXPECT_EQ(appends_, 1u);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_TRUE(transactions[i].status.ok()) << transactions[i].status;
  EXPECT_EQ(transactions[3].status.code(), Code::kNotFound);
  EXPECT_EQ(First(id), std::nullopt);
  // Each commit of the group is a state of its own.
  EXPECT_EQ(First(id, before), 1);
  ReadRequest request;
  request.snapshot = KeptState{nullptr, transactions[1].lsn};  // kept by the older one
  const auto between = engine_->Get(id, request);
  ASSERT_TRUE(between.ok()) << between.status();
  EXPECT_EQ(between->vector, vector);
  EXPECT_EQ(between->type, 77u);
  EXPECT_EQ(First(id, KeptState{nullptr, transactions[2].lsn}), std::nullopt);
  engine_->DropSnapshot(before);
}

TEST_F(CommitQueueTest, AGroupIsAsDurableAsItsMostDemandingMember) {
  Insert(1, Durability::kNone);  // reserves ids
  std::deque<Transaction> none;
  for (int i = 0; i < 3; ++i) AddInsert(none, Durability::kNone);
  CommitBehindOne(none);
  EXPECT_EQ(syncs_, 0u);
  EXPECT_LT(GetStats().durable_lsn, visible());
  std::deque<Transaction> mixed;
  AddInsert(mixed, Durability::kNone);
  AddInsert(mixed, Durability::kSync);
  AddInsert(mixed, Durability::kNone);
  CommitBehindOne(mixed);
  EXPECT_EQ(syncs_, 1u);
  EXPECT_EQ(GetStats().durable_lsn, visible());
}

TEST_F(CommitQueueTest, AGroupTakesAboutFourMegabytes) {
  std::deque<Transaction> transactions;
  for (int i = 0; i < 4; ++i) AddInsert(transactions).bytes = 2 << 20;
  AddInsert(transactions).bytes = 100 << 20;  // goes alone rather than never
  CommitBehindOne(transactions);
  EXPECT_EQ(appends_, 3u);
  for (const Transaction& transaction : transactions) {
    EXPECT_TRUE(transaction.status.ok()) << transaction.status;
  }
}

TEST_F(CommitQueueTest, AGroupTakesAtMost256Transactions) {
  std::deque<Transaction> transactions;
  for (int i = 0; i < 300; ++i) AddInsert(transactions);
  CommitBehindOne(transactions);
  EXPECT_EQ(appends_, 2u);
  EXPECT_EQ(GetStats().count, 302u);
}

TEST_F(CommitQueueTest, AFailedSyncFailsTheWholeGroupAndNothingOfItIsSeen) {
  std::deque<Transaction> transactions;
  for (int i = 0; i < 5; ++i) AddInsert(transactions);
  // The second sync from now on: the first is the leader's.
  files_->SetPlan(
      {.fault = Fault::kSyncFail, .kinds = {IoKind::kSync}, .path_contains = "/wal/", .nth = 1});
  const Watchdog watchdog("a failed group", std::chrono::seconds(120));
  CommitBehindOne(transactions);
  const std::uint64_t count = GetStats().count;
  EXPECT_EQ(count, 2u);
  for (const Transaction& transaction : transactions) {
    EXPECT_EQ(transaction.status.code(), Code::kIoError) << transaction.status;
  }
  std::uint64_t visited = 0;
  const auto visit = [&](const Pattern&) { return ++visited > 0; };
  EXPECT_TRUE(engine_->ForEach(visit, {}).ok());
  EXPECT_EQ(visited, count);
  EXPECT_EQ(Erase(1).code(), Code::kReadOnly);
}

}  // namespace
}  // namespace engram
