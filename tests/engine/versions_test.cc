#include "engine/versions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
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
  ~VersionsTest() override {
    ClearSyncPoints();
    SetMutant(Mutant::kNone);
  }

  // `act` runs the first time that a read reaches the point.
  template <typename Act>
  static void Once(const char* point, Act act) {
    SetSyncPoint(point, [act, point, reached = false]() mutable {
      if (std::exchange(reached, true)) return;
      SetSyncPoint(point, {});
      act();
    });
  }

  // A snapshot of commit 5, where 8 is visible by now.
  SnapshotLine* TakeAtFiveOfEight() {
    versions_.Publish(At(5));
    SnapshotLine* const line = versions_.TakeSnapshot(kStart);
    versions_.Publish(At(8));
    return line;
  }
  // By which that snapshot gives way.
  static Versions::HorizonLimits LimitsThatRevoke() {
    Versions::HorizonLimits limits;
    limits.oldest_taken = kStart + std::chrono::seconds(1);
    return limits;
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

// G8: it has read the newest commit and not said so: the horizon passes.
TEST_F(VersionsTest, ASnapshotOvertakenByTheHorizonIsOfANewerCommit) {
  versions_.Publish(At(5));
  Once("versions:snapshot_lsn_read", [&] {
    versions_.Publish(At(6));
    EXPECT_EQ(versions_.AdvanceHorizon(), At(6));
  });
  SnapshotLine* const line = versions_.TakeSnapshot(kStart);
  EXPECT_EQ(LsnOf(*line), At(6));
  versions_.Publish(At(7));
  EXPECT_EQ(versions_.AdvanceHorizon(), At(6));
  versions_.DropSnapshot(line);
}

TEST_F(VersionsTest, ASnapshotThatIsNotCheckedWouldBeSeen) {
  SetMutant(Mutant::kSnapshotUnchecked);
  versions_.Publish(At(5));
  Once("versions:snapshot_lsn_read", [&] {
    versions_.Publish(At(6));
    EXPECT_EQ(versions_.AdvanceHorizon(), At(6));
  });
  SnapshotLine* const line = versions_.TakeSnapshot(kStart);
  SetMutant(Mutant::kNone);
  EXPECT_EQ(LsnOf(*line), At(5));  // below what may be gone already
  versions_.DropSnapshot(line);
}

TEST_F(VersionsTest, ASnapshotOfThePastIsTakenWholeOrNotAtAll) {
  versions_.Publish(At(5));
  versions_.Publish(At(9));
  const auto kept = versions_.TakeSnapshotAt(At(5), kStart);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(versions_.AdvanceHorizon(), At(5));
  versions_.DropSnapshot(*kept);
  EXPECT_EQ(versions_.AdvanceHorizon(), At(9));
  const auto late = versions_.TakeSnapshotAt(At(8), kStart);
  EXPECT_EQ(late.code(), Code::kSnapshotExpired);
  EXPECT_EQ(versions_.snapshots().count, 0u);
  EXPECT_EQ(versions_.AdvanceHorizon(), At(9));
}

// G9: revoked before it has said what it reads at: it does not begin.
TEST_F(VersionsTest, AReadOfASnapshotThatGivesWayMeanwhileDoesNotBegin) {
  SnapshotLine* const line = TakeAtFiveOfEight();
  const Versions::HorizonLimits limits = LimitsThatRevoke();
  Once("versions:epoch_read", [&] { EXPECT_EQ(versions_.AdvanceHorizon(limits), At(8)); });
  EXPECT_EQ(versions_.Begin(*line).code(), Code::kSnapshotExpired);
  EXPECT_EQ(versions_.expired_snapshots(), 1u);
  EXPECT_EQ(versions_.AdvanceHorizon(), At(8));
  EXPECT_TRUE(versions_.QuietSince(versions_.StepEpoch()));  // no pin is left of it
  EXPECT_EQ(versions_.Begin(*line).code(), Code::kSnapshotExpired);
  versions_.DropSnapshot(line);
}

// G9: pinned before: it goes on, or sees that it was revoked; the writer keeps what it pins.
TEST_F(VersionsTest, AReadOfASnapshotThatIsPinnedIsSeenByTheWriterThatRevokes) {
  SnapshotLine* const line = TakeAtFiveOfEight();
  const Versions::HorizonLimits limits = LimitsThatRevoke();
  Once("versions:snapshot_pinned", [&] { EXPECT_EQ(versions_.AdvanceHorizon(limits), At(5)); });
  EXPECT_EQ(versions_.Begin(*line).code(), Code::kSnapshotExpired);
  EXPECT_EQ(versions_.AdvanceHorizon(), At(8));
  versions_.DropSnapshot(line);
}

TEST_F(VersionsTest, AReadThatHasBegunKeepsItsStateThoughItsSnapshotGaveWay) {
  SnapshotLine* const line = TakeAtFiveOfEight();
  const Versions::HorizonLimits limits = LimitsThatRevoke();
  {
    const auto pin = versions_.Begin(*line);
    ASSERT_TRUE(pin.ok()) << pin.status();
    EXPECT_EQ(pin->lsn(), At(5));
    EXPECT_EQ(versions_.AdvanceHorizon(limits), At(5));
    EXPECT_EQ(versions_.Begin(*line).code(), Code::kSnapshotExpired);  // a second one does not
    EXPECT_EQ(versions_.AdvanceHorizon(), At(5));
  }
  EXPECT_EQ(versions_.AdvanceHorizon(), At(8));
  versions_.DropSnapshot(line);
}

// A thread that reads an older state while it reads a newer one, and the other way round.
TEST_F(VersionsTest, TheOlderOfTwoStatesThatAThreadReadsCounts) {
  versions_.Publish(At(5));
  SnapshotLine* const line = versions_.TakeSnapshot(kStart);
  versions_.Publish(At(8));
  std::optional<Versions::Pin> outer = versions_.Begin().value();
  {
    const auto inner = versions_.Begin(*line);
    ASSERT_TRUE(inner.ok()) << inner.status();
    EXPECT_EQ(inner->lsn(), At(5));
    versions_.DropSnapshot(line);
    EXPECT_EQ(versions_.AdvanceHorizon(), At(5));
  }
  EXPECT_EQ(versions_.AdvanceHorizon(), At(5));  // until the outer one ends
  outer.reset();
  EXPECT_EQ(versions_.AdvanceHorizon(), At(8));

  SnapshotLine* const older = versions_.TakeSnapshot(kStart);
  versions_.Publish(At(9));
  outer = versions_.Begin(*older).value();
  versions_.DropSnapshot(older);
  EXPECT_EQ(versions_.Begin().value().lsn(), At(9));
  EXPECT_EQ(versions_.AdvanceHorizon(), At(8));
  outer.reset();
  EXPECT_EQ(versions_.AdvanceHorizon(), At(9));
}

TEST_F(VersionsTest, NamesAndHistoryHoldTheHorizonBack) {
  versions_.Publish(At(3));
  versions_.AddNamed({"three", At(3), Timestamp()});
  versions_.Publish(At(9));
  EXPECT_EQ(versions_.AdvanceHorizon(), At(3));
  versions_.RemoveNamed("three");
  Versions::HorizonLimits limits;
  limits.history = At(6);
  EXPECT_EQ(versions_.AdvanceHorizon(limits), At(6));
  limits.history = At(4);  // never back
  EXPECT_EQ(versions_.AdvanceHorizon(limits), At(6));
  EXPECT_EQ(versions_.AdvanceHorizon(), At(9));
}

// Handles that are taken, read and given back beside a writer that revokes those of a moment ago.
TEST_F(VersionsTest, NoSnapshotReadIsBelowAHorizonThatWasAcknowledged) {
  constexpr std::uint64_t kCommits = 20000;
  std::atomic<std::uint64_t> acknowledged{0};
  std::atomic<std::int64_t> clock{0};
  const auto at = [](std::int64_t tick) { return kStart + std::chrono::nanoseconds(tick); };
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (versions_.visible() < At(kCommits)) {
        // Relaxed: only ages differ.
        SnapshotLine* const line =
            versions_.TakeSnapshot(at(clock.load(std::memory_order_relaxed)));
        for (int read = 0; read < 4; ++read) {
          const auto pin = versions_.Begin(*line);
          if (!pin.ok()) break;
          // seq_cst: as in the test above.
          ASSERT_LE(acknowledged.load(std::memory_order_seq_cst), Raw(pin->lsn()));
        }
        versions_.DropSnapshot(line);
      }
    });
  }
  std::uint64_t horizon = 0;
  for (std::uint64_t commit = 1; commit <= kCommits; ++commit) {
    const auto tick = static_cast<std::int64_t>(commit);
    versions_.Publish(At(commit));
    clock.store(tick, std::memory_order_relaxed);
    Versions::HorizonLimits limits;
    limits.oldest_taken = at(tick - 3);
    horizon = std::max(horizon, Raw(versions_.AdvanceHorizon(limits)));
    acknowledged.store(horizon, std::memory_order_seq_cst);
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(versions_.snapshots().count, 0u);
}

}  // namespace
}  // namespace engram
