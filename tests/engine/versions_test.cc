#include "engine/versions.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "storage/base/coding.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

constexpr Lsn At(std::uint64_t lsn) { return static_cast<Lsn>(lsn); }
constexpr std::chrono::steady_clock::time_point kStart{std::chrono::seconds(100)};

Lsn LsnOf(const SnapshotLine& line) { return static_cast<Lsn>(line.lsn.load()); }

class VersionsTest : public ::testing::Test {
 protected:
  ~VersionsTest() override { ClearSyncPoints(); }

  // `act` runs the first time that a read reaches the point.
  template <typename Act>
  static void Once(const char* point, Act act) {
    SetSyncPoint(point, [act, point, reached = false]() mutable {
      if (std::exchange(reached, true)) return;
      SetSyncPoint(point, {});
      act();
    });
  }

  Versions versions_;
};

TEST_F(VersionsTest, AReadBeginsAtTheNewestVisibleCommit) {
  EXPECT_EQ(versions_.Begin().value().lsn(), Lsn::kNone);
  versions_.Publish(At(5));
  EXPECT_EQ(versions_.visible(), At(5));
  const Versions::Pin pin = versions_.Begin().value();
  versions_.Publish(At(6));
  EXPECT_EQ(pin.lsn(), At(5));
}

TEST_F(VersionsTest, TheHorizonIsTheNewestCommitWhereNobodyReads) {
  EXPECT_EQ(versions_.AdvanceHorizon(), Lsn::kNone);
  versions_.Publish(At(7));
  EXPECT_EQ(versions_.AdvanceHorizon(), At(7));
}

TEST_F(VersionsTest, AReadHoldsTheHorizonBackUntilItEnds) {
  versions_.Publish(At(3));
  std::optional<Versions::Pin> pin = versions_.Begin().value();
  versions_.Publish(At(9));
  EXPECT_EQ(versions_.AdvanceHorizon(), At(3));
  pin.reset();
  EXPECT_EQ(versions_.AdvanceHorizon(), At(9));
}

TEST_F(VersionsTest, TheOutermostPinOfAThreadCounts) {
  versions_.Publish(At(3));
  std::optional<Versions::Pin> outer = versions_.Begin().value();
  versions_.Publish(At(4));
  {
    const Versions::Pin inner = versions_.Begin().value();
    EXPECT_EQ(inner.lsn(), At(4));
  }
  EXPECT_EQ(versions_.AdvanceHorizon(), At(3));
  Versions::Pin moved = std::move(*outer);
  outer.reset();
  EXPECT_EQ(versions_.AdvanceHorizon(), At(3));
  moved = Versions::Pin();
  EXPECT_EQ(versions_.AdvanceHorizon(), At(4));
}

TEST_F(VersionsTest, TheOldestSnapshotHoldsTheHorizonBack) {
  versions_.Publish(At(3));
  SnapshotLine* const oldest = versions_.TakeSnapshot(kStart);
  SnapshotLine* const again = versions_.TakeSnapshot(kStart);
  versions_.Publish(At(5));
  SnapshotLine* const newer = versions_.TakeSnapshot(kStart);
  versions_.Publish(At(8));
  EXPECT_EQ(LsnOf(*oldest), At(3));
  EXPECT_EQ(LsnOf(*newer), At(5));
  EXPECT_EQ(versions_.snapshots().count, 3u);
  EXPECT_EQ(versions_.snapshots().lsn, At(3));
  versions_.DropSnapshot(again);
  EXPECT_EQ(versions_.AdvanceHorizon(), At(3));  // the other one at 3 is still there
  versions_.DropSnapshot(oldest);
  EXPECT_EQ(versions_.AdvanceHorizon(), At(5));
  versions_.DropSnapshot(newer);
  EXPECT_EQ(versions_.AdvanceHorizon(), At(8));
  EXPECT_EQ(versions_.snapshots().lsn, Lsn::kNone);
  EXPECT_EQ(versions_.snapshots().count, 0u);
}

TEST_F(VersionsTest, AReadOvertakenByTheHorizonBeginsAgainAtANewerCommit) {
  versions_.Publish(At(5));
  // It has read 5 and not published it: the horizon passes.
  Once("versions:lsn_read", [&] {
    versions_.Publish(At(6));
    EXPECT_EQ(versions_.AdvanceHorizon(), At(6));
  });
  const Versions::Pin pin = versions_.Begin().value();
  EXPECT_EQ(pin.lsn(), At(6));
  versions_.Publish(At(7));
  EXPECT_EQ(versions_.AdvanceHorizon(), At(6));
}

TEST_F(VersionsTest, AReadThatHasPublishedItsLsnIsSeenByTheHorizon) {
  versions_.Publish(At(5));
  Once("versions:pinned", [&] {
    versions_.Publish(At(6));
    EXPECT_EQ(versions_.AdvanceHorizon(), At(5));
  });
  EXPECT_EQ(versions_.Begin().value().lsn(), At(5));
}

TEST_F(VersionsTest, AReadThatSawTheOldHorizonIsSeenByTheSecondLook) {
  versions_.Publish(At(5));
  std::latch read(1), computed(1), pinned(1), done(1);
  Once("versions:lsn_read", [&] {
    read.count_down();
    computed.wait();
  });
  std::thread reader([&] {
    const Versions::Pin pin = versions_.Begin().value();
    EXPECT_EQ(pin.lsn(), At(5));
    pinned.count_down();
    done.wait();
  });
  read.wait();
  versions_.Publish(At(6));
  // The first look came before the reader published 5, the store of the horizon comes after.
  Once("versions:horizon_computed", [&] {
    computed.count_down();
    pinned.wait();
  });
  EXPECT_EQ(versions_.AdvanceHorizon(), At(5));
  done.count_down();
  reader.join();
  EXPECT_EQ(versions_.AdvanceHorizon(), At(6));
}

TEST_F(VersionsTest, OnlyPinsFromBeforeTheStepMakeItWait) {
  std::optional<Versions::Pin> before = versions_.Begin().value();
  const std::uint64_t step = versions_.StepEpoch();
  EXPECT_FALSE(versions_.QuietSince(step));
  before.reset();
  EXPECT_TRUE(versions_.QuietSince(step));
  const Versions::Pin after = versions_.Begin().value();
  EXPECT_TRUE(versions_.QuietSince(step));
}

TEST_F(VersionsTest, AStepWhileAReadBeginsIsPinnedAsTheNewEpoch) {
  std::uint64_t step = 0;
  // It has read the old epoch and not published it.
  Once("versions:epoch_read", [&] {
    step = versions_.StepEpoch();
    EXPECT_TRUE(versions_.QuietSince(step));
  });
  const Versions::Pin pin = versions_.Begin().value();
  ASSERT_NE(step, 0u);
  // The writer may have reused what was marked before the step, so this read must not count as
  // older.
  EXPECT_TRUE(versions_.QuietSince(step));
  EXPECT_FALSE(versions_.QuietSince(versions_.StepEpoch()));
}

// A writer that ends versions and reuses their slots as the engine does; readers that look.
TEST_F(VersionsTest, NoPinIsBelowAHorizonThatWasAcknowledged) {
  constexpr std::uint64_t kCommits = 20000;
  constexpr std::size_t kReaders = 3;
  std::atomic<std::uint64_t> acknowledged{0};
  std::vector<std::thread> readers;
  for (std::size_t i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      Lsn last = Lsn::kNone;
      while (versions_.visible() < At(kCommits)) {
        const Versions::Pin pin = versions_.Begin().value();
        EXPECT_GE(pin.lsn(), last);
        last = pin.lsn();
        for (int look = 0; look < 10; ++look) {
          // seq_cst: a horizon that was acknowledged before the pin, or while it lives.
          ASSERT_LE(acknowledged.load(std::memory_order_seq_cst), Raw(pin.lsn()));
        }
      }
    });
  }
  std::uint64_t horizon = 0;
  for (std::uint64_t commit = 1; commit <= kCommits; ++commit) {
    versions_.Publish(At(commit));
    const std::uint64_t next = Raw(versions_.AdvanceHorizon());
    if (next > horizon) horizon = next;
    acknowledged.store(horizon, std::memory_order_seq_cst);
  }
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace engram
