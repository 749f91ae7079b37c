// Snapshots of now, of the past and with a name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/api/upkeep_fixture.h"

namespace engram {
namespace {

using testing::HasSubstr;

class SnapshotsTest : public UpkeepTest {};

TEST_F(SnapshotsTest, ThePastIsReadAsItWas) {
  options_.history = Seconds(3600);
  ASSERT_NO_FATAL_FAILURE(Open());
  std::vector<Timestamp> times;
  std::vector<std::set<PatternId>> states;
  std::vector<Lsn> lsns;
  for (int i = 0; i < 40; ++i) {
    Wait(Seconds(10));
    const PatternId id = Put();
    if (i % 3 == 2) {
      ASSERT_TRUE(store_->Erase(id - 2).ok());
    }
    times.push_back(Now());
    states.push_back(Ids());
    lsns.push_back(GetStats().last_lsn);
    Wait(Seconds(1));
  }
  Maintain();
  const auto check = [&] {
    for (std::size_t i = 0; i < times.size(); ++i) {
      const auto at_time = store_->SnapshotAt(times[i]);
      ASSERT_TRUE(at_time.ok()) << at_time.status();
      EXPECT_EQ(Ids(&*at_time), states[i]) << i;
      ExpectSearchesSee(states[i], &*at_time);
      const auto a_bit_later = store_->SnapshotAt(times[i] + Seconds(1));
      ASSERT_TRUE(a_bit_later.ok()) << a_bit_later.status();
      EXPECT_EQ(a_bit_later->lsn(), lsns[i]);
      const auto at_lsn = store_->SnapshotAt(lsns[i]);
      ASSERT_TRUE(at_lsn.ok()) << at_lsn.status();
      EXPECT_EQ(Ids(&*at_lsn), states[i]) << i;
    }
  };
  check();
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  check();
}

TEST_F(SnapshotsTest, ACommitIsSeenAsOfItsTimeAlsoWhileItIsTheNewest) {
  options_.history = Seconds(3600);
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::set<PatternId> both{Put(), Put({}, 0, Seconds(1))};
  const Lsn lsn = GetStats().last_lsn;
  const auto ids_then = [&] {
    const auto snapshot = store_->SnapshotAt(lsn);
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return snapshot.ok() ? Ids(&*snapshot) : std::set<PatternId>();
  };
  EXPECT_EQ(ids_then(), both);
  Wait(Seconds(3));
  EXPECT_EQ(Ids().size(), 1u);
  EXPECT_EQ(ids_then(), both);
  Put();
  EXPECT_EQ(ids_then(), both);
}

TEST_F(SnapshotsTest, ANamedStateHasWhatItsSnapshotHas) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::set<PatternId> both{Put(), Put({}, 0, Seconds(2))};
  const Timestamp taken_at = Now();
  {
    const auto snapshot = store_->GetSnapshot();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    Wait(Seconds(3));
    const auto named = store_->CreateNamedSnapshot("both", &*snapshot);
    ASSERT_TRUE(named.ok()) << named.status();
    EXPECT_EQ(named->taken_at, taken_at);
  }
  ASSERT_TRUE(store_->CreateNamedSnapshot("one").ok());
  Maintain();
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  const auto ids_of = [&](const std::string& name) {
    const auto snapshot = store_->OpenNamedSnapshot(name);
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return snapshot.ok() ? Ids(&*snapshot) : std::set<PatternId>();
  };
  EXPECT_EQ(ids_of("both"), both);
  EXPECT_EQ(ids_of("one").size(), 1u);
}

// A clock that went back: a name sees what there is now.
TEST_F(SnapshotsTest, ANameIsOfTheMomentThatTheClockSays) {
  ASSERT_NO_FATAL_FAILURE(Open());
  Put();
  Wait(-Seconds(100));
  Put({}, 0, Seconds(10));
  ASSERT_TRUE(store_->CreateNamedSnapshot("now").ok());
  const auto snapshot = store_->OpenNamedSnapshot("now");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(Ids(&*snapshot), Ids());
  EXPECT_EQ(Ids().size(), 2u);
}

TEST_F(SnapshotsTest, HistoryGoesAsTimeGoes) {
  options_.history = Seconds(100);
  ASSERT_NO_FATAL_FAILURE(Open());
  const PatternId id = Put();
  const Timestamp old = Now();
  const Lsn old_lsn = GetStats().last_lsn;
  Wait(Seconds(10));
  ASSERT_TRUE(store_->Erase(id).ok());
  Put();
  Wait(Seconds(80));
  Maintain();
  EXPECT_EQ(GetStats().dead, 1u);  // its state is kept
  EXPECT_TRUE(store_->SnapshotAt(old).ok());
  Wait(Seconds(30));
  Put();
  EXPECT_EQ(store_->SnapshotAt(old).code(), Code::kSnapshotExpired);
  EXPECT_EQ(store_->SnapshotAt(old_lsn).code(), Code::kSnapshotExpired);
  std::this_thread::sleep_for(std::chrono::milliseconds(120));  // what is known of it may lag
  Maintain();
  EXPECT_EQ(GetStats().dead, 0u);
  EXPECT_TRUE(store_->SnapshotAt(Now() - Seconds(90)).ok());
  ASSERT_NO_FATAL_FAILURE(CloseAndVerify());
}

TEST_F(SnapshotsTest, TheStateBeforeTheFirstCommitGetsNoName) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const auto empty = store_->GetSnapshot();
  ASSERT_TRUE(empty.ok());
  Put();
  EXPECT_EQ(store_->CreateNamedSnapshot("empty", &*empty).code(), Code::kInvalidArgument);
  EXPECT_TRUE(Ids(&*empty).empty());
  EXPECT_TRUE(store_->ListNamedSnapshots()->empty());
}

TEST_F(SnapshotsTest, TimesThatAreNotThereHaveTheirCodes) {
  ASSERT_NO_FATAL_FAILURE(Open());
  Put();
  const Lsn first = GetStats().last_lsn;
  Wait(Seconds(1));
  Put();
  EXPECT_EQ(store_->SnapshotAt(Now() + Seconds(1)).code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->SnapshotAt(Now() - Seconds(1)).code(), Code::kSnapshotExpired);
  EXPECT_EQ(store_->SnapshotAt(first).code(), Code::kSnapshotExpired);  // no history is kept
  EXPECT_EQ(store_->SnapshotAt(Timestamp::min()).code(), Code::kSnapshotExpired);
  EXPECT_EQ(store_->SnapshotAt(Timestamp::max()).code(), Code::kInvalidArgument);
  EXPECT_EQ(*store_->PruneBefore(Timestamp::min()), 0u);
  EXPECT_EQ(store_->PruneBefore(Timestamp::max()).code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->SnapshotAt(static_cast<Lsn>(1000)).code(), Code::kInvalidArgument);
  EXPECT_TRUE(store_->SnapshotAt(GetStats().last_lsn).ok());
  Reopen();
  options_.history = Seconds(1000);
  Reopen();
  // From here on, and not from before.
  EXPECT_EQ(store_->SnapshotAt(Now() - Seconds(1)).code(), Code::kSnapshotExpired);
  EXPECT_TRUE(store_->SnapshotAt(Now()).ok());
  options_.history = Seconds(0);
  Reopen();
  Put();
  options_.history = Seconds(1000);
  Wait(Seconds(5));
  Reopen();
  // Of the time in between nothing is known, and nothing wrong is said.
  EXPECT_EQ(store_->SnapshotAt(Now() - Seconds(2)).code(), Code::kSnapshotExpired);
}

TEST_F(SnapshotsTest, WhatIsNotKeptIsToldWithSinceWhenStatesAre) {
  const auto told = [this](Timestamp time) {
    const auto snapshot = store_->SnapshotAt(time);
    EXPECT_EQ(snapshot.code(), Code::kSnapshotExpired);
    return std::string(snapshot.status().message());
  };
  ASSERT_NO_FATAL_FAILURE(Open());
  Put();
  Wait(Seconds(2));
  EXPECT_THAT(told(Now() - Seconds(1)), HasSubstr("the state of 1000000 microseconds ago is not "
                                                  "kept, no earlier state is kept"));
  options_.history = Seconds(100);
  Reopen();
  Put();
  Wait(Seconds(30));
  EXPECT_THAT(told(Now() - Seconds(31)), HasSubstr("only those from 30000000 microseconds ago"));
  Put();
  Wait(Seconds(200));
  Put();
  EXPECT_THAT(told(Now() - Seconds(101)), HasSubstr("only those from 100000000 microseconds ago"));
  // What a history of no end is to the code is nobody's number.
  options_.history = Seconds(0);
  options_.keep_history = true;
  Reopen();
  const std::string kept = told(Now() - Seconds(1000));
  EXPECT_THAT(kept, HasSubstr("only those from 230000000 microseconds ago on are"));
  ASSERT_TRUE(store_->Close().ok());
  auto reader = Store::OpenReadOnly(Path(), options_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader->SnapshotAt(Now() - Seconds(1000)).status().message(), kept);
}

// For programs that open a store of another one.
TEST_F(SnapshotsTest, KeepHistoryGoesOnWithOneAndBeginsNone) {
  options_.keep_history = true;
  ASSERT_NO_FATAL_FAILURE(Open());
  Put();
  Wait(Seconds(1));
  const Timestamp before = Now();
  Wait(Seconds(1));
  Put();
  EXPECT_EQ(store_->SnapshotAt(before).code(), Code::kSnapshotExpired);

  options_.history = Seconds(100);
  Reopen();
  const PatternId id = Put();
  const Timestamp first = Now();
  const std::set<PatternId> first_state = Ids();
  options_.history = Seconds(0);
  Wait(Seconds(1000));
  Reopen();
  // However old it is, and what changes meanwhile is kept as well.
  ASSERT_TRUE(store_->Erase(id).ok());
  Maintain();
  EXPECT_EQ(GetStats().dead, 1u);
  const Timestamp second = Now();
  const std::set<PatternId> second_state = Ids();
  Wait(Seconds(10));
  Put();
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  const auto expect = [](Result<Snapshot> snapshot) {
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return snapshot;
  };
  {
    const auto at_first = expect(store_->SnapshotAt(first));
    const auto at_second = expect(store_->SnapshotAt(second));
    EXPECT_EQ(Ids(&*at_first), first_state);
    EXPECT_EQ(Ids(&*at_second), second_state);
  }
  // The same for who only reads.
  ASSERT_TRUE(store_->Close().ok());
  {
    auto reader = Store::OpenReadOnly(Path(), options_);
    ASSERT_TRUE(reader.ok()) << reader.status();
    const auto snapshot = expect(reader->SnapshotAt(first));
    EXPECT_TRUE(*reader->Contains(id, &*snapshot));
  }
  options_.keep_history = false;
  store_.reset();
  ASSERT_NO_FATAL_FAILURE(Open());
  EXPECT_EQ(store_->SnapshotAt(first).code(), Code::kSnapshotExpired);
}

TEST_F(SnapshotsTest, AnOldSnapshotGivesWayAndNeverAnswersTooLittle) {
  options_.max_snapshot_age = std::chrono::milliseconds(50);
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::vector<PatternId> ids = PutMany(300);
  const auto snapshot = store_->GetSnapshot();
  ASSERT_TRUE(snapshot.ok());
  Erase({ids.begin(), ids.begin() + 100});
  Maintain();
  EXPECT_EQ(GetStats().dead, 100u);
  EXPECT_EQ(Ids(&*snapshot).size(), 300u);
  EXPECT_GT(GetStats().oldest_snapshot_age.count(), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(80));
  EXPECT_EQ(Ids(&*snapshot).size(), 300u);  // nothing has wanted it to go yet
  Maintain();
  EXPECT_EQ(GetStats().dead, 0u);
  EXPECT_EQ(GetStats().expired_snapshots, 1u);
  GetOptions get;
  get.snapshot = &*snapshot;
  EXPECT_EQ(store_->Get(ids[0], get).code(), Code::kSnapshotExpired);
  EXPECT_EQ(store_->Get(ids[200], get).code(), Code::kSnapshotExpired);
  SearchOptions search;
  search.snapshot = &*snapshot;
  EXPECT_EQ(store_->Search(AnyVector(), search).code(), Code::kSnapshotExpired);
  EXPECT_EQ(store_->ForEach([](const Pattern&) { return true; }, get).code(),
            Code::kSnapshotExpired);
  EXPECT_EQ(store_->Contains(ids[0], &*snapshot).code(), Code::kSnapshotExpired);
  const auto batch = store_->SearchBatch({}, search);
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(GetStats().snapshots, 1u);  // until its owner lets it go
}

TEST_F(SnapshotsTest, AReadThatHasBegunKeepsWhatItsSnapshotLoses) {
  options_.max_snapshot_age = std::chrono::milliseconds(1);
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::vector<PatternId> ids = PutMany(300);
  const auto snapshot = store_->GetSnapshot();
  std::size_t seen = 0;
  GetOptions get;
  get.snapshot = &*snapshot;
  const Status status = store_->ForEach(
      [&](const Pattern&) {
        if (seen++ == 0) {
          Erase(ids);
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
          Maintain();
          EXPECT_EQ(GetStats().expired_snapshots, 1u);
        }
        return true;
      },
      get);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen, 300u);
  EXPECT_EQ(store_->ForEach([](const Pattern&) { return true; }, get).code(),
            Code::kSnapshotExpired);
  Maintain();
  EXPECT_EQ(GetStats().dead, 0u);
}

TEST_F(SnapshotsTest, ANameKeepsItsStateOverClosingAndCrashing) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::vector<PatternId> ids = PutMany(400);
  const auto before = store_->GetSnapshot();
  Erase({ids.begin(), ids.begin() + 50});
  const std::set<PatternId> now = Ids();
  const auto named = store_->CreateNamedSnapshot("now");
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(named->name, "now");
  EXPECT_EQ(named->taken_at, Now());
  const auto older = store_->CreateNamedSnapshot("before", &*before);
  ASSERT_TRUE(older.ok()) << older.status();
  EXPECT_EQ(older->lsn, before->lsn());
  Erase({ids.begin() + 50, ids.begin() + 200});
  Wait(Seconds(7));
  Maintain();
  const auto check = [&] {
    const auto list = store_->ListNamedSnapshots();
    ASSERT_TRUE(list.ok() && list->size() == 2u);
    EXPECT_EQ((*list)[0].name, "before");
    EXPECT_EQ((*list)[1].lsn, named->lsn);
    EXPECT_EQ(GetStats().named_snapshots, 2u);
    EXPECT_EQ(GetStats().oldest_named_snapshot_age, Seconds(7));
    const auto first = store_->OpenNamedSnapshot("before");
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_EQ(Ids(&*first).size(), 400u);
    ExpectSearchesSee(std::set<PatternId>(ids.begin(), ids.end()), &*first);
    const auto second = store_->OpenNamedSnapshot("now");
    ASSERT_TRUE(second.ok()) << second.status();
    EXPECT_EQ(Ids(&*second), now);
    EXPECT_EQ(Ids().size(), 200u);
  };
  check();
  {
    auto gone = store_->GetSnapshot();  // a handle that goes with the store's
  }
  { auto drop = std::move(const_cast<Result<Snapshot>&>(before)).value(); }
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  Maintain();
  check();
  ASSERT_TRUE(store_->DropNamedSnapshot("before").ok());
  ASSERT_TRUE(store_->DropNamedSnapshot("now").ok());
  Maintain();
  EXPECT_EQ(GetStats().dead, 0u);
  EXPECT_EQ(store_->OpenNamedSnapshot("now").code(), Code::kNotFound);
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  EXPECT_TRUE(store_->ListNamedSnapshots()->empty());
}

TEST_F(SnapshotsTest, NamesHaveTheirCodes) {
  options_.max_named_snapshots = 2;
  ASSERT_NO_FATAL_FAILURE(Open());
  Put();
  EXPECT_EQ(store_->CreateNamedSnapshot("").code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->CreateNamedSnapshot(std::string(256, 'x')).code(), Code::kInvalidArgument);
  ASSERT_TRUE(store_->CreateNamedSnapshot(std::string(255, 'x')).ok());
  ASSERT_TRUE(store_->CreateNamedSnapshot("a\nb\xff").ok());
  const auto twice = store_->CreateNamedSnapshot("a\nb\xff");
  EXPECT_EQ(twice.code(), Code::kAlreadyExists);
  const auto third = store_->CreateNamedSnapshot("third");
  EXPECT_EQ(third.code(), Code::kIndexFull);
  EXPECT_THAT(std::string(third.status().message()), HasSubstr("max_named_snapshots is 2"));
  EXPECT_EQ(store_->DropNamedSnapshot("third").code(), Code::kNotFound);
  EXPECT_EQ(store_->OpenNamedSnapshot("third").code(), Code::kNotFound);
  EXPECT_TRUE(store_->DropNamedSnapshot("a\nb\xff").ok());
  EXPECT_TRUE(store_->CreateNamedSnapshot("third").ok());
}

TEST_F(SnapshotsTest, AnyNumberOfThem) {
  ASSERT_NO_FATAL_FAILURE(Open());
  std::vector<Snapshot> held;
  for (int i = 0; i < 10'000; ++i) {
    if (i % 1000 == 0) Put();
    held.push_back(store_->GetSnapshot().value());
  }
  EXPECT_EQ(GetStats().snapshots, 10'000u);
  EXPECT_EQ(GetStats().oldest_snapshot, held[0].lsn());
  EXPECT_EQ(Ids(&held[0]).size(), 1u);
  EXPECT_EQ(Ids(&held.back()).size(), 10u);
  EXPECT_EQ(store_->Close().code(), Code::kBusy);
  held.erase(held.begin(), held.begin() + 5000);
  EXPECT_EQ(GetStats().oldest_snapshot, held[0].lsn());
  held.clear();
  EXPECT_EQ(GetStats().snapshots, 0u);
  EXPECT_EQ(GetStats().oldest_snapshot, Lsn::kNone);
}

}  // namespace
}  // namespace engram
