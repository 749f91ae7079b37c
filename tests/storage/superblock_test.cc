#include "storage/superblock.h"

#include <cstddef>
#include <cstring>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/page_file_fixture.h"

namespace engram {
namespace {

using testing::HasSubstr;

// Every field whose range can be checked, with a value outside it.
constexpr BadField kBadFields[] = {
    {"magic", offsetof(Superblock, magic), 8, 1, "magic 0x1, expected 0x"},
    {"format_version", offsetof(Superblock, format_version), 4, 3,
     "format version 3, this build reads versions 1 to 2"},
    {"format_version", offsetof(Superblock, format_version), 4, 0, "format version 0"},
    {"slot", offsetof(Superblock, slot), 4, 0, "slot 0, expected 1"},
    {"required_features", offsetof(Superblock, required_features), 8, 4, "features 0x4"},
    {"store_id", offsetof(Superblock, store_id), 8, 0, "store id 0"},
    {"checkpoint", offsetof(Superblock, checkpoint), 8, 0, "checkpoint 0, expected at least 1"},
    {"dimensions", 80 + offsetof(StoreParameters, dimensions), 4, 16385, "dimensions 16385"},
    {"dimensions", 80 + offsetof(StoreParameters, dimensions), 4, 0, "dimensions 0"},
    {"m", 80 + offsetof(StoreParameters, m), 4, 1, "m 1, expected 2 to 128"},
    {"m", 80 + offsetof(StoreParameters, m), 4, 129, "m 129"},
    {"metric", 80 + offsetof(StoreParameters, metric), 1, 4, "metric 4, expected 1 to 3"},
    {"metric", 80 + offsetof(StoreParameters, metric), 1, 0, "metric 0"},
    {"code_bits", 80 + offsetof(StoreParameters, code_bits), 1, 9, "code bits 9"},
    {"reserved0", 80 + offsetof(StoreParameters, reserved0), 2, 1, "reserved bytes"},
    {"page_bytes", 80 + offsetof(StoreParameters, page_bytes), 4, 0, "page bytes 0"},
    {"page_bytes", 80 + offsetof(StoreParameters, page_bytes), 4, 5000, "page bytes 5000"},
    {"page_bytes", 80 + offsetof(StoreParameters, page_bytes), 4, 8u << 20, "page bytes 8388608"},
    {"journal_blocks", 80 + offsetof(StoreParameters, journal_blocks), 4, 3, "journal blocks 3"},
    {"reserved1", 80 + offsetof(StoreParameters, reserved1), 4, 1, "reserved bytes"},
    {"live", 112 + offsetof(StoreState, live), 8, ~0ull, "patterns 18446744073709551615 live"},
    {"dead", 112 + offsetof(StoreState, dead), 8, 5, "6 live and 5 dead, expected at most 10"},
    {"next_id", 112 + offsetof(StoreState, next_id), 8, 2, "next id 2, expected at most 1"},
    {"reserved_id", 112 + offsetof(StoreState, reserved_id), 8, 0, "expected at most 0"},
    {"node_slots", 112 + offsetof(StoreState, node_slots), 4, 8, "expected at most 8"},
    {"entry_point", 112 + offsetof(StoreState, entry_point), 4, 10, "entry point 10"},
    {"top_level", 112 + offsetof(StoreState, top_level), 4, 32, "top level 32"},
    {"horizon", 200 + offsetof(StoreProgress, horizon), 8, 91, "horizon 91, expected at most 90"},
    {"sweep_through", 200 + offsetof(StoreProgress, sweep_through), 8, ~0ull,
     "doomed through 18446744073709551615, expected at most 90"},
    {"sweep_next", 200 + offsetof(StoreProgress, sweep_next), 4, 11,
     "swept slots 11, expected at most 10"},
    {"reserved", 200 + offsetof(StoreProgress, reserved), 4, 1, "reserved bytes of the progress 1"},
    {"reserved", offsetof(Superblock, reserved), 1, 1, "reserved bytes"},
    {"reserved", offsetof(Superblock, reserved) + 3000, 1, 1, "reserved bytes"},
};

Superblock With(const BadField& field) {
  Superblock superblock = ValidSuperblock();
  std::memcpy(reinterpret_cast<std::byte*>(&superblock) + field.offset, &field.value, field.bytes);
  return superblock;
}

TEST(Superblock, SealedOnePassesTheCheck) {
  const Status status = CheckSuperblock(ValidSuperblock(), 1, "graph.engram");
  EXPECT_TRUE(status.ok()) << status;
}

TEST(Superblock, EachFieldOutOfItsRangeIsNamedThoughTheChecksumIsRight) {
  static_assert(offsetof(Superblock, parameters) == 80 && offsetof(Superblock, state) == 112 &&
                offsetof(Superblock, progress) == 200);
  for (const BadField& field : kBadFields) {
    Superblock superblock = With(field);
    SealSuperblock(superblock);
    const Status status = CheckSuperblock(superblock, 1, "dir/graph.engram");
    const bool other_version = field.offset == offsetof(Superblock, format_version) ||
                               field.offset == offsetof(Superblock, required_features);
    EXPECT_EQ(status.code(), other_version ? Code::kNotSupported : Code::kCorruptedIndex)
        << field.name << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(field.says)) << field.name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("dir/graph.engram: superblock 1"));
  }
}

// What came with version 2 is zero in version 1.
TEST(Superblock, OneOfVersion1HasNoProgress) {
  Superblock superblock = ValidSuperblock();
  superblock.format_version = 1;
  SealSuperblock(superblock);
  EXPECT_TRUE(CheckSuperblock(superblock, 1, "graph.engram").ok());
  for (const std::size_t offset :
       {offsetof(StoreProgress, horizon), offsetof(StoreProgress, sweep_through),
        offsetof(StoreProgress, sweep_next), offsetof(StoreProgress, reserved)}) {
    Superblock wrong = superblock;
    reinterpret_cast<unsigned char*>(&wrong.progress)[offset] = 1;
    SealSuperblock(wrong);
    const Status status = CheckSuperblock(wrong, 1, "graph.engram");
    EXPECT_EQ(status.code(), Code::kCorruptedIndex) << offset;
    EXPECT_THAT(std::string(status.message()), HasSubstr("progress of a store of version 1"));
  }
}

TEST(Superblock, ProgressAtItsEndsIsAccepted) {
  Superblock superblock = ValidSuperblock();
  superblock.progress = {superblock.lsn, superblock.lsn, superblock.state.node_slots, 0};
  SealSuperblock(superblock);
  EXPECT_TRUE(CheckSuperblock(superblock, 1, "graph.engram").ok());
}

TEST(Superblock, EveryFlippedByteIsFound) {
  for (std::size_t at = 0; at < sizeof(Superblock); ++at) {
    Superblock superblock = ValidSuperblock();
    reinterpret_cast<unsigned char*>(&superblock)[at] ^= 0x40;
    const Status status = CheckSuperblock(superblock, 1, "graph.engram");
    // Never "another version": bytes that rotted say nothing of who wrote them.
    ASSERT_EQ(status.code(), Code::kCorruptedIndex) << at << ": " << status;
    const bool in_magic = at >= 8 && at < 16;
    ASSERT_THAT(std::string(status.message()), HasSubstr(in_magic ? "magic" : "checksum")) << at;
  }
}

TEST(Superblock, ZerosSayThatNothingWasWritten) {
  const Status status = CheckSuperblock(Superblock{}, 0, "graph.engram");
  EXPECT_EQ(status.code(), Code::kCorruptedIndex);
  EXPECT_THAT(std::string(status.message()), HasSubstr("superblock 0: never written"));
}

TEST(Superblock, UnknownOptionalFeatureIsAccepted) {
  Superblock superblock = ValidSuperblock();
  superblock.optional_features = ~0ull;
  SealSuperblock(superblock);
  EXPECT_TRUE(CheckSuperblock(superblock, 1, "graph.engram").ok());
}

// Two slots in one file.
class SuperblockPair : public PageFileTest {
 protected:
  void SetUp() override {
    Create();
    auto file = Open();
    Checkpoint(*file, 10);  // number 2, slot 0
  }

  void Replace(unsigned slot, Superblock superblock) {
    SealSuperblock(superblock);
    WriteAt(path_, SuperblockOffset(slot), std::as_bytes(std::span(&superblock, 1)));
  }
  Superblock Slot(unsigned slot) const { return ReadStruct<Superblock>(SuperblockOffset(slot)); }
};

TEST_F(SuperblockPair, LargerCheckpointCounts) {
  EXPECT_EQ(Open()->superblock().checkpoint, 2u);
  EXPECT_EQ(Open()->superblock().lsn, static_cast<Lsn>(10));
}

TEST_F(SuperblockPair, LaterFormatInEitherSlotRefusesToOpen) {
  Superblock superblock = Slot(0);
  superblock.format_version = 9;
  Replace(0, superblock);
  EXPECT_EQ(TryOpen().code(), Code::kNotSupported);
}

TEST_F(SuperblockPair, SlotsOfTwoStoresAreCorruption) {
  Superblock superblock = Slot(1);
  superblock.parameters.seed = 8;
  Replace(1, superblock);
  const Status status = TryOpen().status();
  EXPECT_EQ(status.code(), Code::kCorruptedIndex);
  EXPECT_THAT(std::string(status.message()), HasSubstr("superblocks: parameters differ"));
}

TEST_F(SuperblockPair, LaterCheckpointWithSmallerLsnIsCorruption) {
  Superblock superblock = Slot(1);
  superblock.lsn = static_cast<Lsn>(11);
  Replace(1, superblock);
  const Status status = TryOpen().status();
  EXPECT_EQ(status.code(), Code::kCorruptedIndex);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("LSN of the newer 10, expected at least 11"));
}

}  // namespace
}  // namespace engram
