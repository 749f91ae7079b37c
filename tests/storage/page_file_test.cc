#include "storage/page_file.h"

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/base/checksum.h"
#include "storage/base/coding.h"
#include "storage/extent_table.h"
#include "storage/superblock.h"
#include "tests/storage/page_file_fixture.h"
#include "tests/storage/recording_file_system.h"

namespace engram {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

PageRef Node(std::uint32_t page) { return {SegmentKind::kNodes, static_cast<PageId>(page)}; }
PageRef NodeSlots(std::uint32_t page) {
  return {SegmentKind::kNodeSlots, static_cast<PageId>(page)};
}
std::string Message(const Status& status) { return std::string(status.message()); }

TEST_F(PageFileTest, NewFileOpensWithWhatItWasMadeWith) {
  Create();
  const auto file = Open();
  EXPECT_EQ(file->superblock().checkpoint, 1u);
  EXPECT_EQ(file->superblock().slot, 1u);
  EXPECT_EQ(file->superblock().store_id, kTestStoreId);
  EXPECT_EQ(file->superblock().parameters, FirstSuperblock().parameters);
  EXPECT_EQ(file->superblock().state, FirstSuperblock().state);
  EXPECT_EQ(file->PageBytes(SegmentKind::kNodes), 8192u);
  EXPECT_EQ(file->PageBytes(SegmentKind::kNodeSlots), 4096u);
  EXPECT_EQ(file->PageCount(SegmentKind::kNodes), 0u);
}

TEST_F(PageFileTest, LeftOverTemporaryFileDoesNotMatter) {
  {
    auto file = fs_->Open(path_ + ".tmp", OpenMode::kCreate);
    ASSERT_TRUE(file.ok());
  }
  const std::vector<std::byte> junk(100'000, std::byte{7});
  WriteAt(path_ + ".tmp", 0, junk);
  Create();
  EXPECT_EQ(ReadAll(path_).size(), kFirstExtentOffset);
  Open();
}

TEST_F(PageFileTest, MissingFileIsNotFound) { EXPECT_EQ(TryOpen().code(), Code::kNotFound); }

TEST_F(PageFileTest, PagesOfSeveralExtentsComeBackAfterReopening) {
  Create();
  std::vector<std::vector<std::byte>> pages;
  {
    auto file = Open();
    Grow(*file, SegmentKind::kNodes, 3);
    Grow(*file, SegmentKind::kNodeSlots, 2);
    Grow(*file, SegmentKind::kNodes, 4);
    EXPECT_EQ(file->PageCount(SegmentKind::kNodes), 7u);
    std::vector<PageImage> images;
    for (std::uint32_t i = 0; i < 7; ++i) pages.push_back(MakePage(Node(i), 8192, i));
    pages.push_back(MakePage(NodeSlots(1), 4096, 9));
    // In no order of places, and with neighbours that end with an extent.
    for (const std::uint32_t i : {6u, 2u, 0u, 4u, 1u, 3u, 5u})
      images.push_back({Node(i), pages[i]});
    images.push_back({NodeSlots(1), pages[7]});
    ASSERT_TRUE(file->WritePages(images).ok());
    EXPECT_EQ(file->bytes_written(), 7u * 8192 + 4096);
    ASSERT_TRUE(file->Sync().ok());
    Checkpoint(*file, 1);
  }
  const auto file = Open();
  EXPECT_EQ(file->PageCount(SegmentKind::kNodes), 7u);
  EXPECT_EQ(file->ExtentCount(SegmentKind::kNodes), 2u);
  std::vector<std::byte> read(7 * 8192);
  ASSERT_TRUE(file->ReadPages(SegmentKind::kNodes, 0, 7, read).ok());
  for (std::uint32_t i = 0; i < 7; ++i) {
    const auto page = std::span(read).subspan(i * 8192, 8192);
    EXPECT_TRUE(std::ranges::equal(page, pages[i])) << i;
    EXPECT_TRUE(CheckPage(page, Node(i), kTestStoreId).ok()) << i;
  }
  std::vector<std::byte> slots(2 * 4096);
  ASSERT_TRUE(file->ReadPages(SegmentKind::kNodeSlots, 0, 2, slots).ok());
  EXPECT_TRUE(std::ranges::equal(std::span(slots).subspan(4096), pages[7]));
  EXPECT_TRUE(IsNeverWritten(std::span(slots).first(4096)));
}

TEST_F(PageFileTest, RandomWritesReadBackAsWritten) {
  Create();
  auto file = Open();
  std::mt19937_64 random(TestSeed(3));
  constexpr std::uint32_t kPages = 1500;
  for (std::uint32_t left = kPages; left > 0;) {
    const auto pages =
        std::min<std::uint32_t>(left, 1 + static_cast<std::uint32_t>(random() % 400));
    Grow(*file, SegmentKind::kNodes, pages);
    Grow(*file, SegmentKind::kNodeSlots, 1);
    left -= pages;
  }
  std::vector<std::vector<std::byte>> expected(kPages, std::vector<std::byte>(8192));
  for (std::uint32_t round = 0; round < 3; ++round) {
    std::vector<PageImage> images;
    for (std::uint32_t i = 0; i < kPages; ++i) {
      if (random() % 3 == 0) continue;  // long runs, and gaps
      expected[i] = MakePage(Node(i), 8192, round);
      images.push_back({Node(i), expected[i]});
    }
    std::shuffle(images.begin(), images.end(), random);
    ASSERT_TRUE(file->WritePages(images).ok());
  }
  std::vector<std::byte> read(kPages * 8192);
  ASSERT_TRUE(file->ReadPages(SegmentKind::kNodes, 0, kPages, read).ok());
  for (std::uint32_t i = 0; i < kPages; ++i) {
    ASSERT_TRUE(std::ranges::equal(std::span(read).subspan(i * 8192, 8192), expected[i])) << i;
  }
  std::vector<std::byte> part(5 * 8192);
  ASSERT_TRUE(file->ReadPages(SegmentKind::kNodes, 700, 5, part).ok());
  EXPECT_TRUE(std::ranges::equal(part, std::span(read).subspan(700 * 8192, 5 * 8192)));
}

TEST_F(PageFileTest, ImageThatFitsNoPageIsRefused) {
  Create();
  auto file = Open();
  Grow(*file, SegmentKind::kNodes, 2);
  const auto page = MakePage(Node(1), 8192, 1);
  const std::vector<std::vector<PageImage>> bad = {
      {{Node(1), page}, {Node(2), page}},                              // behind the end
      {{Node(1), std::span(page).first(4096)}},                        // of another size
      {{Node(1), page}, {Node(1), page}},                              // twice
      {{Node(1), page}, {NodeSlots(0), std::span(page).first(4096)}},  // an empty segment
  };
  for (const auto& images : bad) {
    EXPECT_EQ(file->WritePages(images).code(), Code::kCorruptedIndex);
  }
  EXPECT_EQ(file->bytes_written(), 0u);
}

TEST_F(PageFileTest, ReservingAgainGivesTheSamePlaceAlsoAfterReopening) {
  Create();
  auto file = Open();
  const auto first = file->ReserveExtent(SegmentKind::kNodes, 5);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->file_offset, kFirstExtentOffset);
  EXPECT_EQ(file->PageCount(SegmentKind::kNodes), 0u);
  EXPECT_EQ(*file->ReserveExtent(SegmentKind::kNodes, 5), *first);
  // The file is longer now than anything in it says.
  file = Open();
  EXPECT_EQ(file->ReserveExtent(SegmentKind::kNodeSlots, 1)->file_offset, kFirstExtentOffset);
  EXPECT_EQ(*file->ReserveExtent(SegmentKind::kNodes, 5), *first);
}

TEST_F(PageFileTest, LoggedExtentMakesTheFileLongEnough) {
  Create();
  ExtentEntry extent{};
  extent.file_offset = kFirstExtentOffset;
  extent.pages = 4;
  extent.segment = SegmentKind::kNodes;
  auto file = Open();
  ASSERT_TRUE(file->AddExtent(0, extent).ok());
  EXPECT_EQ(ReadAll(path_).size(), kFirstExtentOffset + 4 * 8192);
  // Replay may say it again.
  ASSERT_TRUE(file->AddExtent(0, extent).ok());
  EXPECT_EQ(file->PageCount(SegmentKind::kNodes), 4u);
}

TEST_F(PageFileTest, ExtentThatContradictsTheTableIsCorruption) {
  Create();
  auto file = Open();
  Grow(*file, SegmentKind::kNodes, 2);
  const ExtentEntry first = file->Extents()[0];
  ExtentEntry next = first;
  next.file_offset += 2 * 8192;
  const auto with = [&](auto change) {
    ExtentEntry extent = next;
    change(extent);
    return extent;
  };
  struct {
    std::uint32_t index;
    ExtentEntry extent;
    const char* says;
  } bad[] = {
      {2, next, "extent 2, expected 1"},
      {0, next, "extent 0, expected 1"},
      {1, first, "offset 65536, expected none that overlaps the nodes extent from 65536 to 81920"},
      {1, with([](auto& e) { e.file_offset -= 4096; }),
       "offset 77824, expected none that overlaps"},
      {1, with([](auto& e) { e.file_offset = ~0ull - 4095; }), "expected an end"},
      {1, with([](auto& e) { e.file_offset += 1; }), "multiple of 4096"},
      {1, with([](auto& e) { e.pages = 0; }), "pages 0"},
      {1, with([](auto& e) { e.pages = 0xffffffff; }), "less than 2^32"},
      {1, with([](auto& e) { e.segment = static_cast<SegmentKind>(5); }), "segment 5"},
      {0, with([](auto& e) { e.segment = static_cast<SegmentKind>(0); }), "segment 0"},
      {1, with([](auto& e) { e.reserved[1] = 1; }), "reserved bytes"},
  };
  for (const auto& [index, extent, says] : bad) {
    const Status status = file->AddExtent(index, extent);
    EXPECT_EQ(status.code(), Code::kCorruptedIndex) << says;
    EXPECT_THAT(Message(status), HasSubstr(says));
  }
  EXPECT_EQ(file->Extents().size(), 1u);
  EXPECT_TRUE(file->AddExtent(1, next).ok());
}

TEST_F(PageFileTest, FullTableIsIndexFull) {
  Create();
  auto file = Open();
  for (std::size_t i = 0; i < kMaxExtents; ++i) Grow(*file, SegmentKind::kNodeSlots, 1);
  EXPECT_EQ(file->ReserveExtent(SegmentKind::kNodeSlots, 1).code(), Code::kIndexFull);
  Checkpoint(*file, 1);
  EXPECT_EQ(Open()->Extents().size(), kMaxExtents);
}

TEST_F(PageFileTest, SuperblocksAlternate) {
  Create();
  auto file = Open();
  for (std::uint64_t checkpoint = 2; checkpoint < 7; ++checkpoint) {
    Grow(*file, SegmentKind::kNodes, 1);
    Checkpoint(*file, checkpoint * 10);
    EXPECT_EQ(ReadStruct<Superblock>(SuperblockOffset(checkpoint % 2)).checkpoint, checkpoint);
    EXPECT_EQ(ReadStruct<Superblock>(SuperblockOffset(1 - checkpoint % 2)).checkpoint,
              checkpoint - 1);
    file = Open();
    EXPECT_EQ(file->superblock().checkpoint, checkpoint);
    EXPECT_EQ(file->superblock().lsn, static_cast<Lsn>(checkpoint * 10));
    EXPECT_EQ(file->PageCount(SegmentKind::kNodes), checkpoint - 1);
  }
}

// The same with a disk that a test can fail.
class PageFileFaults : public PageFileTest {
 protected:
  PageFileFaults() : recorder_(std::make_shared<RecordingFileSystem>(fs_)) { fs_ = recorder_; }

  void Refuse(const std::string& event, Status status) {
    recorder_->Refuse([event, status](const std::string& found) {
      return found == event ? status : Status::Ok();
    });
  }

  std::shared_ptr<RecordingFileSystem> recorder_;
};

TEST_F(PageFileFaults, NewFileIsDurableBeforeItGetsItsName) {
  Create();
  EXPECT_THAT(
      recorder_->TakeEvents(),
      ElementsAre("create graph.engram.tmp", "truncate graph.engram.tmp",
                  "allocate graph.engram.tmp", "write graph.engram.tmp", "write graph.engram.tmp",
                  "sync graph.engram.tmp", "rename graph.engram"));
}

TEST_F(PageFileFaults, CreationThatFailsAnywhereLeavesNoFileAndCanBeRepeated) {
  for (std::size_t failing = 0; failing < 7; ++failing) {
    std::size_t count = 0;
    recorder_->Refuse([&](const std::string&) {
      return count++ == failing ? Status::IoError("refused") : Status::Ok();
    });
    EXPECT_EQ(PageFile::Create(*fs_, path_, FirstSuperblock()).code(), Code::kIoError) << failing;
    EXPECT_EQ(TryOpen().code(), Code::kNotFound) << failing;
  }
  recorder_->Refuse({});
  Create();
  Open();
}

TEST_F(PageFileFaults, SuperblockIsSyncedOnceBehindItsTable) {
  Create();
  auto file = Open();
  recorder_->TakeEvents();
  Checkpoint(*file, 1);
  EXPECT_THAT(recorder_->TakeEvents(),
              ElementsAre("write graph.engram", "write graph.engram", "sync graph.engram"));
}

TEST_F(PageFileFaults, FailedSyncOfTheSuperblockIsReportedAndDoesNotCount) {
  Create();
  auto file = Open();
  Refuse("sync graph.engram", Status::IoError("refused"));
  Superblock next = file->superblock();
  next.checkpoint = 2;
  EXPECT_EQ(file->WriteSuperblock(next, {}).code(), Code::kIoError);
  EXPECT_EQ(file->superblock().checkpoint, 1u);
}

TEST_F(PageFileFaults, FullDiskChangesNothingAndGrowthWorksOnceThereIsRoom) {
  Create();
  auto file = Open();
  Refuse("allocate graph.engram", Status::NoSpace("full"));
  EXPECT_EQ(file->ReserveExtent(SegmentKind::kNodes, 3).code(), Code::kNoSpace);
  EXPECT_EQ(file->PageCount(SegmentKind::kNodes), 0u);
  recorder_->Refuse({});
  Grow(*file, SegmentKind::kNodes, 3);
  EXPECT_EQ(file->FileOffset(Node(0)), kFirstExtentOffset);
}

TEST_F(PageFileFaults, FailedWriteOfPagesIsReported) {
  Create();
  auto file = Open();
  Grow(*file, SegmentKind::kNodes, 3);
  const auto page = MakePage(Node(1), 8192, 1);
  Refuse("write graph.engram", Status::IoError("refused"));
  const PageImage images[] = {{Node(1), page}};
  EXPECT_EQ(file->WritePages(images).code(), Code::kIoError);
}

// A file with checkpoint 3 (two extents, slot 1) and checkpoint 2 (one extent, slot 0).
class PageFileDamage : public PageFileTest {
 protected:
  void SetUp() override {
    Create();
    auto file = Open();
    Grow(*file, SegmentKind::kNodes, 2);
    Checkpoint(*file, 20);
    Grow(*file, SegmentKind::kNodeSlots, 1);
    Checkpoint(*file, 30);
    whole_ = ReadAll(path_);
  }

  void Flip(std::uint64_t offset) {
    const std::byte flipped[] = {whole_[offset] ^ std::byte{0x10}};
    WriteAt(path_, offset, flipped);
  }
  void Restore() { WriteAt(path_, 0, whole_); }

  // Writes a table into the area of slot 1, and a superblock that names it.
  void ReplaceTable(std::span<const std::byte> header_and_entries) {
    auto superblock = ReadStruct<Superblock>(SuperblockOffset(1));
    std::vector<std::byte> table(header_and_entries.begin(), header_and_entries.end());
    StoreAs(table.data(), Checksum64(std::span(table).subspan(8), kTestStoreId));
    superblock.extent_table_checksum = LoadAs<std::uint64_t>(table.data());
    SealSuperblock(superblock);
    WriteAt(path_, ExtentTableOffset(1), table);
    WriteAt(path_, SuperblockOffset(1), AsBytes(superblock));
  }

  std::vector<std::byte> whole_;
};

TEST_F(PageFileDamage, DamagedNewerSuperblockFallsBackToTheOlder) {
  for (std::size_t at = 0; at < sizeof(Superblock); at += 61) {
    Flip(SuperblockOffset(1) + at);
    EXPECT_EQ(Open()->superblock().checkpoint, 2u) << at;
    EXPECT_EQ(Open()->Extents().size(), 1u) << at;
    Restore();
  }
}

TEST_F(PageFileDamage, DamagedTableTakesItsSuperblockWithIt) {
  const std::size_t used = sizeof(ExtentTableHeader) + 2 * sizeof(ExtentEntry);
  for (std::size_t at = 0; at < used; ++at) {
    Flip(ExtentTableOffset(1) + at);
    EXPECT_EQ(Open()->superblock().checkpoint, 2u) << at;
    Restore();
  }
}

TEST_F(PageFileDamage, TableOfTheNextCheckpointWithoutItsSuperblockChangesNothing) {
  // The write of checkpoint 4 was cut off behind its table: slot 0's area has a table that no
  // superblock names.
  auto file = Open();
  Checkpoint(*file, 40);
  WriteAt(path_, SuperblockOffset(0), std::span(whole_).subspan(SuperblockOffset(0), kBlockBytes));
  EXPECT_EQ(Open()->superblock().checkpoint, 3u);
}

TEST_F(PageFileDamage, SuperblockWithoutItsTableChangesNothing) {
  auto file = Open();
  Grow(*file, SegmentKind::kNodes, 1);
  Checkpoint(*file, 40);
  WriteAt(path_, ExtentTableOffset(0), std::span(whole_).subspan(ExtentTableOffset(0), 4096));
  EXPECT_EQ(Open()->superblock().checkpoint, 3u);
  // And the next checkpoint goes over the slot that does not count.
  file = Open();
  Checkpoint(*file, 40);
  EXPECT_EQ(file->superblock().slot, 0u);
  EXPECT_EQ(Open()->superblock().checkpoint, 4u);
}

TEST_F(PageFileDamage, BothSlotsDamagedGivesBothReasons) {
  Flip(SuperblockOffset(0) + offsetof(Superblock, lsn));
  Flip(ExtentTableOffset(1) + offsetof(ExtentTableHeader, checkpoint));
  const Status status = TryOpen().status();
  EXPECT_EQ(status.code(), Code::kCorruptedIndex);
  EXPECT_THAT(Message(status), HasSubstr("superblock 0: checksum"));
  EXPECT_THAT(Message(status), HasSubstr("extent table 1: checksum"));
  EXPECT_THAT(Message(status), Not(HasSubstr("is not an Engram page file")));
}

TEST_F(PageFileDamage, FileOfSomethingElseSaysSo) {
  const std::vector<std::byte> junk(whole_.size(), std::byte{'x'});
  WriteAt(path_, 0, junk);
  const Status status = TryOpen().status();
  EXPECT_EQ(status.code(), Code::kCorruptedIndex);
  EXPECT_THAT(Message(status), HasSubstr("is not an Engram page file"));
}

TEST_F(PageFileDamage, FileCutAnywhereBeforeItsLastExtentFallsBackOrFails) {
  const std::uint64_t older_end = kFirstExtentOffset + 2 * 8192;
  ASSERT_EQ(whole_.size(), older_end + 4096);
  for (std::uint64_t size = 0; size < whole_.size(); size += 1024) {
    SetSize(path_, size);
    const auto file = TryOpen();
    if (size >= older_end) {
      ASSERT_TRUE(file.ok()) << size << ": " << file.status();
      EXPECT_EQ((*file)->superblock().checkpoint, 2u) << size;
    } else {
      EXPECT_EQ(file.code(), Code::kCorruptedIndex) << size;
    }
    SetSize(path_, whole_.size());
    Restore();
  }
}

TEST_F(PageFileDamage, GrowthThatWasInterruptedLeavesAnyLength) {
  SetSize(path_, whole_.size() + 1024);
  auto file = Open();
  EXPECT_EQ(file->superblock().checkpoint, 3u);
  Grow(*file, SegmentKind::kNodes, 1);
  EXPECT_EQ(file->FileOffset(Node(2)), whole_.size());
}

TEST_F(PageFileDamage, EachFieldOfTheTableIsCheckedThoughTheChecksumsAreRight) {
  constexpr std::size_t kEntry = sizeof(ExtentTableHeader);
  constexpr BadField kBad[] = {
      {"magic", offsetof(ExtentTableHeader, magic), 8, 1, "magic 0x1"},
      {"store_id", offsetof(ExtentTableHeader, store_id), 8, 2, "store id 0x2"},
      {"checkpoint", offsetof(ExtentTableHeader, checkpoint), 8, 9, "checkpoint 9, expected 3"},
      {"count", offsetof(ExtentTableHeader, count), 4, 1025, "count 1025, expected at most 1024"},
      {"reserved", offsetof(ExtentTableHeader, reserved), 4, 1, "reserved bytes 1"},
      {"file_offset", kEntry, 8, 65537, "entry 0: offset 65537"},
      {"file_offset", kEntry, 8, 4096, "entry 0: offset 4096"},
      {"file_offset", kEntry, 8, 1ull << 40, "an end at or before"},
      {"file_offset", kEntry, 8, ~0ull - 4095, "an end at or before"},
      {"file_offset", kEntry + 16, 8, 65536 + 8192, "it overlaps another"},
      {"pages", kEntry + offsetof(ExtentEntry, pages), 4, 0, "entry 0: pages 0"},
      {"pages", kEntry + offsetof(ExtentEntry, pages), 4, ~0u, "an end at or before"},
      {"segment", kEntry + offsetof(ExtentEntry, segment), 1, 0, "segment 0, expected 1 to 4"},
      {"segment", kEntry + offsetof(ExtentEntry, segment), 1, 5, "segment 5"},
      {"reserved", kEntry + offsetof(ExtentEntry, reserved) + 2, 1, 1, "reserved bytes"},
  };
  const auto table = std::span(whole_).subspan(ExtentTableOffset(1),
                                               sizeof(ExtentTableHeader) + 2 * sizeof(ExtentEntry));
  for (const BadField& field : kBad) {
    std::vector<std::byte> bad(table.begin(), table.end());
    std::memcpy(bad.data() + field.offset, &field.value, field.bytes);
    ReplaceTable(bad);
    const auto file = fs_->Open(path_, OpenMode::kRead);
    const Status status = ReadSuperblockSlot(**file, 1, whole_.size()).status();
    EXPECT_EQ(status.code(), Code::kCorruptedIndex) << field.name;
    EXPECT_THAT(Message(status), HasSubstr(field.says)) << field.name;
    EXPECT_EQ(Open()->superblock().checkpoint, 2u) << field.name;
    Restore();
  }
}

TEST_F(PageFileDamage, StateWithMoreSlotsThanTheExtentsHoldDoesNotCount) {
  auto superblock = ReadStruct<Superblock>(SuperblockOffset(1));
  superblock.state.node_slots = kSlotsPerPage + 1;
  SealSuperblock(superblock);
  WriteAt(path_, SuperblockOffset(1), AsBytes(superblock));
  const auto file = fs_->Open(path_, OpenMode::kRead);
  EXPECT_THAT(Message(ReadSuperblockSlot(**file, 1, whole_.size()).status()),
              HasSubstr("node slots 16129, expected at most 16128"));
}

TEST(Page, EveryFlippedByteIsFound) {
  auto page = MakePage(Node(3), 4096, 1);
  for (std::size_t at = 0; at < page.size(); ++at) {
    page[at] ^= std::byte{1};
    ASSERT_EQ(CheckPage(page, Node(3), kTestStoreId).code(), Code::kCorruptedIndex) << at;
    page[at] ^= std::byte{1};
  }
  EXPECT_TRUE(CheckPage(page, Node(3), kTestStoreId).ok());
}

TEST(Page, EachHeaderFieldIsCheckedThoughTheChecksumIsRight) {
  constexpr BadField kBad[] = {
      {"page", offsetof(PageHeader, page), 4, 4, "nodes page 3: number 4, expected 3"},
      {"segment", offsetof(PageHeader, segment), 1, 3, "nodes page 3: segment 3, expected 1"},
      {"reserved0", offsetof(PageHeader, reserved0), 1, 1, "reserved bytes"},
      {"reserved1", offsetof(PageHeader, reserved1) + 31, 1, 1, "reserved bytes"},
  };
  for (const BadField& field : kBad) {
    auto page = MakePage(Node(3), 4096, 1);
    std::memcpy(page.data() + field.offset, &field.value, field.bytes);
    SealPage(page, kTestStoreId);
    const Status status = CheckPage(page, Node(3), kTestStoreId);
    EXPECT_EQ(status.code(), Code::kCorruptedIndex) << field.name;
    EXPECT_THAT(Message(status), HasSubstr(field.says));
  }
}

TEST(Page, PageOfAnotherStoreSaysSo) {
  const auto page = MakePage(Node(3), 4096, 1);
  const Status status = CheckPage(page, Node(3), 5);
  EXPECT_EQ(status.code(), Code::kCorruptedIndex);
  EXPECT_THAT(Message(status), HasSubstr("store id 0x1122334455667788, expected 0x5"));
}

TEST(Page, ZerosAreAPageThatWasNeverWritten) {
  const std::vector<std::byte> page(4096);
  EXPECT_TRUE(IsNeverWritten(page));
  EXPECT_THAT(Message(CheckPage(page, NodeSlots(2), kTestStoreId)),
              HasSubstr("node slots page 2: never written"));
  EXPECT_FALSE(IsNeverWritten(MakePage(Node(0), 4096, 0)));
}

}  // namespace
}  // namespace engram
