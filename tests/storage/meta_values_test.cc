#include "storage/meta_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "storage/base/coding.h"
#include "storage/meta_keys.h"

namespace engram {
namespace {

using ::testing::HasSubstr;

Result<VersionRow> RoundTrip(const RowInsert& row) {
  return ParseVersionRow(MakeIdsKey(row.id, row.version).view(), MakeVersionValue(row).view());
}

Result<VersionRow> ParseVersion(std::span<const std::byte> value) {
  return ParseVersionRow(MakeIdsKey(7, Lsn{5}).view(), value);
}

TEST(MetaValues, TheLengthOfAVersionsRowTellsWhatItHas) {
  for (const bool timed : {false, true}) {
    for (const bool moved : {false, true}) {
      RowInsert row{.id = 7, .version = Lsn{5}, .slot = SlotId{40}};
      if (timed) row.inserted_us = -1;
      if (moved) {
        row.moved_from = SlotId{41};
        row.moved_at = Lsn{6};
      }
      EXPECT_EQ(MakeVersionValue(row).size, 4u + (timed ? 8 : 0) + (moved ? 12 : 0));
      const auto parsed = RoundTrip(row);
      ASSERT_TRUE(parsed.ok()) << parsed.status();
      EXPECT_EQ(parsed->id, 7u);
      EXPECT_EQ(parsed->version, Lsn{5});
      EXPECT_EQ(parsed->slot, SlotId{40});
      EXPECT_EQ(parsed->inserted_us, timed ? std::optional<std::int64_t>(-1) : std::nullopt);
      EXPECT_EQ(parsed->moved_from, moved ? SlotId{41} : SlotId::kNone);
      EXPECT_EQ(parsed->moved_at, moved ? Lsn{6} : Lsn::kNone);
    }
  }
}

// Stores made before versions could be moved.
TEST(MetaValues, ARowOfFourBytesIsASlot) {
  const auto parsed = ParseVersion(AsBytes(std::uint32_t{0x01020304}));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->slot, SlotId{0x01020304});
  EXPECT_FALSE(parsed->inserted_us.has_value());
  EXPECT_EQ(parsed->moved_at, Lsn::kNone);
}

TEST(MetaValues, AMovedVersionLiesWhereItWasForEarlierStates) {
  VersionRow row{.id = 7, .version = Lsn{5}, .slot = SlotId{40}};
  EXPECT_EQ(row.SlotAt(Lsn{5}), SlotId{40});
  row.moved_from = SlotId{41};
  row.moved_at = Lsn{9};
  EXPECT_EQ(row.SlotAt(Lsn{5}), SlotId{41});
  EXPECT_EQ(row.SlotAt(Lsn{8}), SlotId{41});
  EXPECT_EQ(row.SlotAt(Lsn{9}), SlotId{40});
  EXPECT_EQ(row.SlotAt(Lsn{10}), SlotId{40});
}

TEST(MetaValues, VersionRowsOfAnotherLengthAreCorruption) {
  const RowInsert row{.id = 7,
                      .version = Lsn{5},
                      .slot = SlotId{40},
                      .inserted_us = 3,
                      .moved_from = SlotId{41},
                      .moved_at = Lsn{6}};
  // Of the longest row any 4 bytes behind the first 12 would be a slot it was moved from.
  const VersionValue whole = MakeVersionValue(row);
  std::vector<std::byte> value(whole.view().begin(), whole.view().end());
  value.resize(40);
  for (std::size_t size = 0; size <= value.size(); ++size) {
    const Status status = ParseVersion(std::span(value).first(size)).status();
    if (size == 4 || size == 12 || size == 24) {
      EXPECT_TRUE(status.ok()) << status;
    } else if (size != 16) {
      EXPECT_EQ(status.code(), Code::kCorruptedIndex);
      EXPECT_EQ(status.message(), "version 5 of pattern 7: its row has " + std::to_string(size) +
                                      " bytes, expected 4, 12, 16 or 24");
    }
  }
}

TEST(MetaValues, AMoveThatCannotBeIsCorruption) {
  RowInsert row{.id = 7, .version = Lsn{5}, .slot = SlotId{40}};
  row.moved_from = SlotId{41};
  row.moved_at = Lsn{5};
  EXPECT_EQ(RoundTrip(row).code(), Code::kCorruptedIndex);
  EXPECT_THAT(std::string(RoundTrip(row).status().message()), HasSubstr("expected later than 5"));
  row.moved_at = Lsn{6};
  row.moved_from = SlotId::kNone;
  EXPECT_EQ(RoundTrip(row).code(), Code::kCorruptedIndex);
  row.moved_from = row.slot;
  EXPECT_EQ(RoundTrip(row).code(), Code::kCorruptedIndex);
  row.moved_from = SlotId{41};
  EXPECT_TRUE(RoundTrip(row).ok());
}

TEST(MetaValues, RowsOfTheClockAreChecked) {
  const ClockKey key = MakeClockKey(-3);
  const auto row = ParseClockRow(key.view(), AsBytes(std::uint64_t{9}));
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_EQ(*row, (ClockRow{-3, Lsn{9}}));
  const std::vector<std::byte> value(20, std::byte{1});
  for (std::size_t size = 0; size <= value.size(); ++size) {
    EXPECT_EQ(ParseClockRow(key.view(), std::span(value).first(size)).ok(), size == 8);
  }
  EXPECT_EQ(ParseClockRow(key.view(), AsBytes(std::uint64_t{0})).code(), Code::kCorruptedIndex);
  EXPECT_EQ(ParseClockRow("t", AsBytes(std::uint64_t{9})).code(), Code::kCorruptedIndex);
}

TEST(MetaValues, RowsOfSnapshotsAreChecked) {
  const SnapshotRow row{"before", Lsn{9}, -4};
  const auto parsed = ParseSnapshotRow(MakeSnapshotKey(row.name), MakeSnapshotValue(row).view());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(*parsed, row);
  const std::vector<std::byte> value(20, std::byte{1});
  for (std::size_t size = 0; size <= value.size(); ++size) {
    const Status status = ParseSnapshotRow("sname", std::span(value).first(size)).status();
    EXPECT_EQ(status.ok(), size == 16);
    EXPECT_EQ(status.message().find("name "), std::string_view::npos) << "names are the user's";
  }
  EXPECT_EQ(ParseSnapshotRow("s", std::span(value).first(16)).code(), Code::kCorruptedIndex);
}

}  // namespace
}  // namespace engram
