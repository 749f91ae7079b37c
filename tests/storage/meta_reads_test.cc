// Rows by expiry, of the clock, of named snapshots and of moved versions, as MetaStore shows them.
#include "storage/meta_reads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "storage/base/coding.h"
#include "storage/base/posix_file_system.h"
#include "storage/meta_codec.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Lsn kEnd{1ull << 60};
constexpr std::int64_t kMinTime = std::numeric_limits<std::int64_t>::min();
const FamilySet kAll = FamilySet().set();

class MetaReadsTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  void Reopen() {
    store_.reset();
    MetaStoreOptions options;
    options.file_system = MakePosixFileSystem();
    options.directory = dir_.File("meta");
    options.buffer_bytes = 1 << 20;
    auto store = MetaStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = std::move(*store);
  }
  void Apply(const RowBatch& batch, FamilySet families = kAll) {
    const Status status = store_->Apply(batch, static_cast<Lsn>(++lsn_), families);
    ASSERT_TRUE(status.ok()) << status;
  }
  void Change(std::vector<StateChange> changes) {
    RowBatch batch;
    batch.state = std::move(changes);
    Apply(batch);
  }
  VersionRow Find(PatternId id, Lsn at = kEnd) {
    const auto found = store_->FindVersion(id, at);
    EXPECT_TRUE(found.ok() && found->has_value()) << found.status();
    return found.ok() ? found->value_or(VersionRow{}) : VersionRow{};
  }

  using Row = std::tuple<std::int64_t, PatternId, std::uint64_t>;
  // Collects what a walk visits, up to `most` rows.
  template <typename Walk>
  std::vector<Row> Rows(Walk walk, std::size_t most = 1000) {
    std::vector<Row> rows;
    const Status status = walk([&](const MetaStore::IndexRow& row) -> Result<bool> {
      rows.emplace_back(row.timestamp_us, row.id, Raw(row.version));
      return rows.size() < most;
    });
    EXPECT_TRUE(status.ok()) << status;
    return rows;
  }
  std::vector<Row> InTime(std::int64_t from_us, std::int64_t to_us, std::size_t most = 1000) {
    return Rows([&](auto visit) { return store_->ForEachInTime(from_us, to_us, visit); }, most);
  }
  std::vector<Row> OfType(TypeTag type, std::int64_t from_us, std::int64_t to_us) {
    return Rows([&](auto visit) { return store_->ForEachOfType(type, from_us, to_us, visit); });
  }
  std::vector<Row> Expiring(std::int64_t by_us, std::size_t most = 1000) {
    return Rows(
        [&](auto visit) {
          return store_->ForEachExpiry(kMinTime, by_us == kNeverExpires ? by_us : by_us + 1, visit);
        },
        most);
  }
  std::vector<ClockRow> Clock(std::int64_t to_us, std::size_t most = 1000) {
    std::vector<ClockRow> rows;
    const Status status = store_->ForEachClock(to_us, [&](const ClockRow& row) -> Result<bool> {
      rows.push_back(row);
      return rows.size() < most;
    });
    EXPECT_TRUE(status.ok()) << status;
    return rows;
  }

  TempDir dir_;
  std::unique_ptr<MetaStore> store_;
  std::uint64_t lsn_ = 0;
};

TEST_F(MetaReadsTest, TimesBoundAWalkFromTheFirstOnAndBeforeTheSecond) {
  RowBatch batch;
  PatternId id = 0;
  for (const std::int64_t time :
       {kMinTime, std::int64_t{-10}, std::int64_t{0}, std::int64_t{10}, kNeverExpires - 1}) {
    batch.inserts.push_back(
        {.id = ++id, .version = Lsn{1}, .timestamp_us = time, .type = id % 2 == 0 ? 7u : 8u});
  }
  Apply(batch);
  for (int flushed = 0; flushed < 2; ++flushed) {
    EXPECT_EQ(InTime(kMinTime, kNeverExpires).size(), 5u);
    EXPECT_THAT(InTime(-10, 10), ElementsAre(Row(-10, 2, 1), Row(0, 3, 1)));
    EXPECT_THAT(InTime(-9, 11), ElementsAre(Row(0, 3, 1), Row(10, 4, 1)));
    EXPECT_THAT(InTime(5, 5), IsEmpty());
    EXPECT_THAT(InTime(11, -11), IsEmpty());
    EXPECT_THAT(InTime(kMinTime, 0, 1), ElementsAre(Row(kMinTime, 1, 1)));
    EXPECT_THAT(OfType(7, kMinTime, kNeverExpires), ElementsAre(Row(-10, 2, 1), Row(10, 4, 1)));
    EXPECT_THAT(OfType(7, -10, 10), ElementsAre(Row(-10, 2, 1)));
    EXPECT_THAT(OfType(8, kMinTime, 1), ElementsAre(Row(kMinTime, 1, 1), Row(0, 3, 1)));
    EXPECT_THAT(OfType(6, kMinTime, kNeverExpires), IsEmpty());
    EXPECT_THAT(OfType(9, kMinTime, kNeverExpires), IsEmpty());
    ASSERT_TRUE(store_->Flush().ok());
  }
}

TEST_F(MetaReadsTest, AVisitorsFailureEndsTheWalk) {
  RowBatch batch;
  batch.inserts = {{.id = 1, .version = Lsn{1}, .expires_us = 5}};
  batch.state = {ClockRow{1, Lsn{1}}};
  Apply(batch);
  const auto fail = [](const auto&) -> Result<bool> { return Status::Cancelled("enough"); };
  EXPECT_EQ(store_->ForEachInTime(0, 1, fail).code(), Code::kCancelled);
  EXPECT_EQ(store_->ForEachExpiry(kMinTime, 6, fail).code(), Code::kCancelled);
  EXPECT_EQ(store_->ForEachClock(5, fail).code(), Code::kCancelled);
}

TEST_F(MetaReadsTest, ExpiriesComeInOrderUpToATime) {
  RowBatch batch;
  batch.inserts = {{.id = 1, .version = Lsn{1}, .expires_us = 30},
                   {.id = 2, .version = Lsn{1}, .expires_us = -30},
                   {.id = 3, .version = Lsn{1}},
                   {.id = 4, .version = Lsn{1}, .expires_us = kNeverExpires - 1},
                   {.id = 5, .version = Lsn{1}, .expires_us = 20}};
  // Neighbours in their family.
  batch.field_names = {{0, "color"}};
  batch.state = {ClockRow{20, Lsn{1}}, SnapshotRow{"zz", Lsn{1}, 20}};
  Apply(batch);
  EXPECT_THAT(Expiring(20), ElementsAre(Row(-30, 2, 1), Row(20, 5, 1)));
  EXPECT_THAT(Expiring(19), ElementsAre(Row(-30, 2, 1)));
  EXPECT_THAT(Expiring(kMinTime), IsEmpty());
  EXPECT_THAT(Expiring(kNeverExpires - 1, 1), ElementsAre(Row(-30, 2, 1)));
  EXPECT_EQ(Expiring(kNeverExpires).size(), 4u);
  EXPECT_EQ(Expiring(kNeverExpires - 1).size(), 4u);
  batch.Clear();
  batch.erases = {{.id = 2, .version = Lsn{1}, .expires_us = -30},
                  {.id = 3, .version = Lsn{1}},
                  {.id = 1, .version = Lsn{1}, .expires_us = 30}};
  Apply(batch);
  EXPECT_THAT(Expiring(30), ElementsAre(Row(20, 5, 1)));
}

TEST_F(MetaReadsTest, VerifyWalksOverExpiriesAndLooksAtTheOtherRowsOfState) {
  RowBatch batch;
  batch.inserts = {{.id = 1, .version = Lsn{1}, .expires_us = 30}};
  batch.field_names = {{3, "color"}};
  batch.state = {ClockRow{20, Lsn{1}}, SnapshotRow{"zz", Lsn{1}, 20}};
  Apply(batch);
  std::vector<Row> rows;
  const auto visit = [&](const MetaStore::IndexRow& row) {
    rows.emplace_back(row.timestamp_us, row.id, Raw(row.version));
    return Status::Ok();
  };
  EXPECT_TRUE(store_->ForEachIndexRow(Family::kState, visit).ok());
  EXPECT_THAT(rows, ElementsAre(Row(30, 1, 1)));
  Change({ClockRow{21, Lsn::kNone}});  // no commit has this number
  const Status status = store_->ForEachIndexRow(Family::kState, visit);
  EXPECT_EQ(status.code(), Code::kCorruptedIndex);
  EXPECT_THAT(std::string(status.message()), HasSubstr("names commit 0, expected one from 1 on"));
}

TEST_F(MetaReadsTest, TheClockGivesTheNewestCommitAtOrBeforeATime) {
  EXPECT_FALSE(store_->FindClock(kNeverExpires)->has_value());
  EXPECT_FALSE(store_->FindClockOf(kEnd)->has_value());
  // Neighbours in their family, on both sides.
  Change({SnapshotRow{"\xff", Lsn{1}, 0}, ClockRow{-5, Lsn{3}}, ClockRow{10, Lsn{4}},
          ClockRow{10, Lsn{6}}, ClockRow{kNeverExpires, Lsn{9}}});
  RowBatch batch;
  batch.inserts = {{.id = 1, .version = Lsn{1}, .expires_us = kMinTime}};
  Apply(batch);
  const auto at = [&](std::int64_t time) { return *store_->FindClock(time); };
  EXPECT_FALSE(at(kMinTime).has_value());
  EXPECT_FALSE(at(-6).has_value());
  EXPECT_EQ(at(-5), (ClockRow{-5, Lsn{3}}));
  EXPECT_EQ(at(9), (ClockRow{-5, Lsn{3}}));
  EXPECT_EQ(at(10), (ClockRow{10, Lsn{6}}));
  EXPECT_EQ(at(kNeverExpires - 1), (ClockRow{10, Lsn{6}}));
  EXPECT_EQ(at(kNeverExpires), (ClockRow{kNeverExpires, Lsn{9}}));
  const auto of = [&](std::uint64_t lsn) { return *store_->FindClockOf(static_cast<Lsn>(lsn)); };
  EXPECT_FALSE(of(2).has_value());
  EXPECT_EQ(of(3), (ClockRow{-5, Lsn{3}}));
  EXPECT_EQ(of(5), (ClockRow{-5, Lsn{3}}));
  EXPECT_EQ(of(6), (ClockRow{10, Lsn{6}}));
  EXPECT_EQ(of(8), (ClockRow{10, Lsn{6}}));
  EXPECT_EQ(of(~0ull), (ClockRow{kNeverExpires, Lsn{9}}));
  EXPECT_THAT(Clock(10), ElementsAre(ClockRow{-5, Lsn{3}}));
  EXPECT_THAT(Clock(11), ElementsAre(ClockRow{-5, Lsn{3}}, ClockRow{10, Lsn{6}}));
  EXPECT_THAT(Clock(kNeverExpires, 1), ElementsAre(ClockRow{-5, Lsn{3}}));
  EXPECT_THAT(Clock(-5), IsEmpty());
}

TEST_F(MetaReadsTest, RandomTimesAndCommitsAgreeWithAModel) {
  std::mt19937_64 random(TestSeed(3));
  // Times one after the other, some way apart, and very unevenly far apart.
  for (const int spread : {1, 1000, 0}) {
    lsn_ = 0;
    store_.reset();
    std::filesystem::remove_all(dir_.File("meta"));
    Reopen();
    std::map<std::int64_t, Lsn> model;
    std::uint64_t lsn = 1;
    std::int64_t time = spread == 0 ? kMinTime / 2 : -500;
    const auto step = [&]() -> std::uint64_t {
      if (spread == 0) return 1 + (random() >> (random() % 10 == 0 ? 8 : 30));
      return 1 + random() % static_cast<unsigned>(spread);
    };
    std::vector<StateChange> changes;
    for (int i = 0; i < 300; ++i) {
      lsn += 1 + random() % 3;
      time += static_cast<std::int64_t>(step());
      changes.emplace_back(ClockRow{time, static_cast<Lsn>(lsn)});
      model[time] = static_cast<Lsn>(lsn);
    }
    // The oldest go, as what they lead to goes.
    for (int i = 0; i < 50; ++i) {
      changes.emplace_back(ClockErase{model.begin()->first});
      model.erase(model.begin());
    }
    Change(std::move(changes));
    for (std::uint64_t of = 0; of < lsn + 3; ++of) {
      std::optional<ClockRow> expected;
      for (const auto& [at, commit] : model) {
        if (Raw(commit) <= of) expected = ClockRow{at, commit};
      }
      const auto found = store_->FindClockOf(static_cast<Lsn>(of));
      ASSERT_TRUE(found.ok()) << found.status();
      ASSERT_EQ(*found, expected) << of;
    }
    for (const auto& [at, commit] : model) {
      for (const std::int64_t near : {at - 1, at, at + 1}) {
        const auto after = model.upper_bound(near);
        std::optional<ClockRow> expected;
        if (after != model.begin()) {
          expected = ClockRow{std::prev(after)->first, std::prev(after)->second};
        }
        ASSERT_EQ(*store_->FindClock(near), expected) << near;
      }
    }
  }
}

TEST_F(MetaReadsTest, ACommitAtAnEarlierTimeThanOneBeforeItIsCorruption) {
  Change({ClockRow{10, Lsn{3}}, ClockRow{20, Lsn{9}}, ClockRow{25, Lsn{4}}, ClockRow{30, Lsn{10}}});
  const auto found = store_->FindClockOf(Lsn{9});
  EXPECT_EQ(found.code(), Code::kCorruptedIndex);
  EXPECT_THAT(std::string(found.status().message()), HasSubstr("expected one from"));
}

TEST_F(MetaReadsTest, SnapshotsAreReadByName) {
  EXPECT_THAT(*store_->ReadSnapshots(), IsEmpty());
  const std::string longest(255, '\xff');
  const std::string zeros("a\0b", 3);
  Change({SnapshotRow{longest, Lsn{5}, -7}, SnapshotRow{"b", Lsn{6}, 8}, ClockRow{1, Lsn{5}},
          SnapshotRow{zeros, Lsn{7}, 9}});
  RowBatch batch;
  batch.field_names = {{0, "s"}};
  Apply(batch);
  const std::vector<SnapshotRow> expected = {
      {zeros, Lsn{7}, 9}, {"b", Lsn{6}, 8}, {longest, Lsn{5}, -7}};
  EXPECT_EQ(*store_->ReadSnapshots(), expected);
  ASSERT_TRUE(store_->Flush().ok());
  Reopen();
  EXPECT_EQ(*store_->ReadSnapshots(), expected);
  EXPECT_THAT(store_->field_names(), ElementsAre("s"));
  Change({SnapshotErase{"b"}, SnapshotErase{"never was"}});
  EXPECT_EQ(store_->ReadSnapshots()->size(), 2u);
}

TEST_F(MetaReadsTest, ASnapshotsNameIsNeitherEmptyNorTooLong) {
  for (const std::string& name : {std::string(), std::string(256, 'x')}) {
    for (const StateChange& change :
         {StateChange(SnapshotRow{name, Lsn{5}, 0}), StateChange(SnapshotErase{name})}) {
      RowBatch batch;
      batch.state = {change};
      EXPECT_EQ(store_->Apply(batch, Lsn{5}, kAll).code(), Code::kInvalidArgument);
    }
  }
  EXPECT_THAT(*store_->ReadSnapshots(), IsEmpty());
}

// Replay puts many commits into one batch.
TEST_F(MetaReadsTest, ChangesOfStateInOneBatchKeepTheirOrder) {
  Change({SnapshotRow{"again", Lsn{1}, 0}, SnapshotErase{"again"}, SnapshotRow{"again", Lsn{3}, 0},
          SnapshotRow{"gone", Lsn{1}, 0}, SnapshotErase{"gone"}, SnapshotRow{"newer", Lsn{1}, 0},
          SnapshotRow{"newer", Lsn{2}, 0}, ClockRow{5, Lsn{1}}, ClockErase{5}, ClockRow{6, Lsn{1}},
          ClockErase{6}, ClockRow{6, Lsn{2}}});
  EXPECT_THAT(*store_->ReadSnapshots(),
              ElementsAre(SnapshotRow{"again", Lsn{3}, 0}, SnapshotRow{"newer", Lsn{2}, 0}));
  EXPECT_THAT(Clock(kNeverExpires), ElementsAre(ClockRow{6, Lsn{2}}));
}

TEST_F(MetaReadsTest, AMoveWritesTheRowOfTheVersionAndNothingElse) {
  RowBatch batch;
  batch.field_names = {{0, "color"}};
  const std::vector<std::byte> metadata = *EncodeMetadata({{"color", "red"}});
  RowInsert row{.id = 7,
                .version = Lsn{1},
                .slot = SlotId{3},
                .timestamp_us = 5,
                .type = 2,
                .metadata = metadata,
                .expires_us = 50,
                .inserted_us = 40};
  batch.inserts = {row};
  Apply(batch);
  EXPECT_EQ(Find(7).inserted_us, 40);
  batch.Clear();
  row.slot = SlotId{9};
  row.moved_from = SlotId{3};
  row.moved_at = Lsn{2};
  // What only its other rows would say, had it any.
  row.timestamp_us = 6;
  row.type = 4;
  row.expires_us = 60;
  batch.inserts = {row};
  Apply(batch);
  const VersionRow found = Find(7);
  EXPECT_EQ(found.version, Lsn{1});
  EXPECT_EQ(found.inserted_us, 40);
  EXPECT_EQ(found.SlotAt(Lsn{1}), SlotId{3});
  EXPECT_EQ(found.SlotAt(Lsn{2}), SlotId{9});
  EXPECT_THAT(InTime(kMinTime, kNeverExpires), ElementsAre(Row(5, 7, 1)));
  EXPECT_THAT(OfType(2, kMinTime, kNeverExpires), ElementsAre(Row(5, 7, 1)));
  EXPECT_THAT(OfType(4, kMinTime, kNeverExpires), IsEmpty());
  EXPECT_THAT(Expiring(kNeverExpires), ElementsAre(Row(50, 7, 1)));
  const FamilyLsns applied = store_->applied();
  EXPECT_EQ(applied[static_cast<std::size_t>(Family::kIds)], Lsn{2});
  EXPECT_EQ(applied[static_cast<std::size_t>(Family::kTime)], Lsn{1});
  EXPECT_EQ(applied[static_cast<std::size_t>(Family::kState)], Lsn{1});
}

TEST_F(MetaReadsTest, InsertMoveAndRetirementOfOneVersionFitInOneBatch) {
  for (const bool retired : {false, true}) {
    RowBatch batch;
    RowInsert row{.id = retired ? 8u : 7u,
                  .version = Lsn{1},
                  .slot = SlotId{3},
                  .timestamp_us = 5,
                  .type = 2,
                  .expires_us = 50};
    batch.inserts.push_back(row);
    row.slot = SlotId{9};
    row.moved_from = SlotId{3};
    row.moved_at = Lsn{2};
    batch.inserts.push_back(row);
    row.slot = SlotId{4};
    row.moved_from = SlotId{9};
    row.moved_at = Lsn{3};
    batch.inserts.push_back(row);
    if (retired) {
      batch.erases = {{.id = 8,
                       .version = Lsn{1},
                       .timestamp_us = 5,
                       .type = 2,
                       .fields = {},
                       .expires_us = 50}};
    }
    Apply(batch);
  }
  EXPECT_EQ(Find(7).slot, SlotId{4});
  EXPECT_EQ(Find(7).moved_from, SlotId{9});
  EXPECT_FALSE(store_->FindVersion(8, kEnd)->has_value());
  EXPECT_THAT(InTime(kMinTime, kNeverExpires), ElementsAre(Row(5, 7, 1)));
  EXPECT_THAT(OfType(2, kMinTime, kNeverExpires), ElementsAre(Row(5, 7, 1)));
  EXPECT_THAT(Expiring(kNeverExpires), ElementsAre(Row(50, 7, 1)));
}

// A family that lost its rows gets them again, and no other does.
TEST_F(MetaReadsTest, FamiliesLeftOutGetNoRowOfStateEither) {
  RowBatch batch;
  batch.inserts = {{.id = 1, .version = Lsn{1}, .expires_us = 5}};
  batch.state = {ClockRow{1, Lsn{1}}, SnapshotRow{"a", Lsn{1}, 1}};
  FamilySet ids;
  ids.set(static_cast<std::size_t>(Family::kIds));
  Apply(batch, ids);
  EXPECT_THAT(Expiring(kNeverExpires), IsEmpty());
  EXPECT_THAT(Clock(kNeverExpires), IsEmpty());
  EXPECT_THAT(*store_->ReadSnapshots(), IsEmpty());
  EXPECT_EQ(store_->applied()[static_cast<std::size_t>(Family::kState)], Lsn::kNone);
}

}  // namespace
}  // namespace engram
