// Extents that go: what the file says of them, where new ones are placed, and what goes back to the
// file system, when.
#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/base/aligned_buffer.h"
#include "storage/base/test_hooks.h"
#include "storage/extent_table.h"
#include "storage/page_file.h"
#include "storage/superblock.h"
#include "tests/storage/page_file_fixture.h"
#include "tests/storage/recording_file_system.h"
#include "tests/support/counts.h"
#include "tests/support/sim_file_system.h"

namespace engram {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kNodes = SegmentKind::kNodes;
constexpr auto kUpper = SegmentKind::kUpper;
constexpr auto kNodeSlots = SegmentKind::kNodeSlots;

PageRef Node(std::uint32_t page) { return {kNodes, static_cast<PageId>(page)}; }
std::string Message(const Status& status) { return std::string(status.message()); }

class PageFileCutTest : public PageFileTest {
 protected:
  PageFileCutTest() : recorder_(std::make_shared<RecordingFileSystem>(fs_)) { fs_ = recorder_; }

  // Extents of 3 nodes pages, 2 slots pages, 4 and 5 nodes pages, all written, in checkpoint 2.
  void SetUp() override {
    Create();
    file_ = Open();
    Grow(*file_, kNodes, 3);
    Grow(*file_, kNodeSlots, 2);
    Grow(*file_, kNodes, 4);
    Grow(*file_, kNodes, 5);
    WriteNodes(0, 12);
    Checkpoint(*file_, 10);
    recorder_->TakeEvents();
  }

  void WriteNodes(std::uint32_t first, std::uint32_t end) {
    std::vector<std::vector<std::byte>> pages;
    std::vector<PageImage> images;
    for (std::uint32_t i = first; i < end; ++i) pages.push_back(MakePage(Node(i), 8192, 1));
    for (std::uint32_t i = first; i < end; ++i) images.push_back({Node(i), pages[i - first]});
    ASSERT_TRUE(file_->WritePages(images).ok());
    ASSERT_TRUE(file_->Sync().ok());
  }
  void ExpectNodesAreThere(const PageFile& file) {
    const std::uint32_t count = file.PageCount(kNodes);
    std::vector<std::byte> bytes(count * 8192);
    ASSERT_TRUE(file.ReadPages(kNodes, 0, count, bytes).ok());
    for (std::uint32_t i = 0; i < count; ++i) {
      EXPECT_TRUE(CheckPage(std::span(bytes).subspan(i * 8192, 8192), Node(i), kTestStoreId).ok())
          << i;
    }
  }
  void Cut(SegmentKind segment, std::uint32_t pages) {
    const Status status = file_->CutSegment(segment, pages);
    ASSERT_TRUE(status.ok()) << status;
  }
  void Release() {
    const Status status = file_->ReleaseUnused();
    ASSERT_TRUE(status.ok()) << status;
  }
  std::uint64_t Size() const { return fs_->Stat(path_)->size; }
  std::vector<std::uint32_t> PagesOfExtents() const {
    std::vector<std::uint32_t> pages;
    for (const ExtentEntry& extent : file_->Extents()) pages.push_back(extent.pages);
    return pages;
  }
  // Of the file: makes `slot` one that does not count.
  void SpoilSlot(unsigned slot) {
    WriteAt(path_, SuperblockOffset(slot), std::vector<std::byte>(100, std::byte{0x5a}));
  }

  std::shared_ptr<RecordingFileSystem> recorder_;
  std::unique_ptr<PageFile> file_;
};

constexpr std::uint64_t kSlotsAt = kFirstExtentOffset + 3 * 8192;
constexpr std::uint64_t kSecondAt = kSlotsAt + 2 * 4096;
constexpr std::uint64_t kThirdAt = kSecondAt + 4 * 8192;
constexpr std::uint64_t kEnd = kThirdAt + 5 * 8192;

TEST_F(PageFileCutTest, ExtentsBehindTheCutGoAndTheOneItEndsInIsShorter) {
  Cut(kNodes, 12);
  EXPECT_THAT(PagesOfExtents(), ElementsAre(3, 2, 4, 5)) << "nothing to cut";
  Cut(kNodes, 8);
  EXPECT_THAT(PagesOfExtents(), ElementsAre(3, 2, 4, 1));
  EXPECT_EQ(file_->PageCount(kNodes), 8u);
  EXPECT_EQ(file_->ExtentCount(kNodes), 3u);
  EXPECT_EQ(file_->FileOffset(Node(7)), kThirdAt);
  EXPECT_EQ(file_->BytesInExtents(), 8u * 8192 + 2 * 4096);
  EXPECT_EQ(*file_->UnusedBytes(), 4u * 8192);
  Cut(kNodes, 7);
  EXPECT_THAT(PagesOfExtents(), ElementsAre(3, 2, 4));
  Cut(kNodes, 1);
  EXPECT_THAT(PagesOfExtents(), ElementsAre(1, 2));
  Cut(kNodes, 0);
  EXPECT_THAT(PagesOfExtents(), ElementsAre(2));
  EXPECT_EQ(file_->ExtentCount(kNodes), 0u);
  EXPECT_EQ(file_->PageCount(kNodeSlots), 2u);
  EXPECT_THAT(recorder_->TakeEvents(), IsEmpty()) << "in memory alone";
}

TEST_F(PageFileCutTest, WhatHasGrownBehindACutIsNotOfTheCheckpoint) {
  EXPECT_EQ(file_->UncutPages(kNodes), 12u);
  Cut(kNodes, 8);
  EXPECT_EQ(file_->UncutPages(kNodes), 8u);
  Grow(*file_, kNodes, 5);
  EXPECT_EQ(file_->PageCount(kNodes), 13u);
  EXPECT_EQ(file_->UncutPages(kNodes), 8u);
  Cut(kNodes, 12);
  EXPECT_EQ(file_->UncutPages(kNodes), 8u);
  EXPECT_EQ(file_->UncutPages(kNodeSlots), 2u);
  Checkpoint(*file_, 20);
  EXPECT_EQ(file_->UncutPages(kNodes), 12u);
}

TEST_F(PageFileCutTest, ACutThatContradictsTheExtentsIsCorruption) {
  const Status more = file_->CutSegment(kNodes, 13);
  EXPECT_EQ(more.code(), Code::kCorruptedIndex);
  EXPECT_THAT(Message(more), HasSubstr("nodes pages 12, expected at least 13"));
  for (const int kind : {0, 5}) {
    const Status status = file_->CutSegment(static_cast<SegmentKind>(kind), 0);
    EXPECT_EQ(status.code(), Code::kCorruptedIndex);
    EXPECT_THAT(Message(status),
                HasSubstr("segment " + std::to_string(kind) + ", expected 1 to 4"));
  }
  EXPECT_THAT(PagesOfExtents(), ElementsAre(3, 2, 4, 5));
}

TEST_F(PageFileCutTest, ReadingPagesThatWereCutSaysSo) {
  Cut(kNodes, 8);
  std::vector<std::byte> bytes(2 * 8192);
  EXPECT_TRUE(file_->ReadPages(kNodes, 6, 2, bytes).ok());
  const Status status = file_->ReadPages(kNodes, 7, 2, bytes);
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_THAT(Message(status), HasSubstr("2 nodes pages from 7 on, there are 8"));
}

TEST_F(PageFileCutTest, ReopeningShowsTheCutOnceASuperblockDoes) {
  Cut(kNodes, 8);
  EXPECT_EQ(Open()->PageCount(kNodes), 12u);
  ExpectNodesAreThere(*Open());
  Checkpoint(*file_, 20);
  EXPECT_EQ(Open()->PageCount(kNodes), 8u);
  SpoilSlot(file_->superblock().slot);
  const auto older = Open();
  EXPECT_EQ(older->PageCount(kNodes), 12u);
  ExpectNodesAreThere(*older);
}

TEST_F(PageFileCutTest, NothingIsPlacedWhereASuperblockMayNameWhatIsGone) {
  Cut(kNodes, 3);
  EXPECT_EQ(file_->ReserveExtent(kUpper, 1)->file_offset, kEnd);
  EXPECT_EQ(file_->ReserveExtent(kUpper, 1)->file_offset, kEnd) << "the same again";
  Checkpoint(*file_, 20);
  EXPECT_EQ(file_->ReserveExtent(kUpper, 1)->file_offset, kEnd) << "the older one names it";
  file_ = Open();
  EXPECT_EQ(file_->ReserveExtent(kUpper, 1)->file_offset, kEnd) << "after reopening too";
  file_ = Open();
  Release();
  EXPECT_EQ(file_->ReserveExtent(kUpper, 1)->file_offset, kSecondAt);
  EXPECT_EQ(file_->ReserveExtent(kUpper, 1)->file_offset, kSecondAt);
}

TEST_F(PageFileCutTest, SegmentsGrowAgainAtAnotherPlace) {
  Cut(kNodes, 8);
  Grow(*file_, kNodes, 3);
  EXPECT_EQ(file_->PageCount(kNodes), 11u);
  EXPECT_EQ(file_->FileOffset(Node(7)), kThirdAt);
  EXPECT_EQ(file_->FileOffset(Node(8)), kEnd);
  WriteNodes(8, 11);
  Checkpoint(*file_, 20);
  Release();
  EXPECT_EQ(Size(), kEnd + 3 * 8192);
  const auto file = Open();
  EXPECT_EQ(file->PageCount(kNodes), 11u);
  ExpectNodesAreThere(*file);
}

TEST_F(PageFileCutTest, WhatNoSuperblockNamesGoesBack) {
  const std::uint64_t before = *file_->BytesOnDisk();
  Cut(kNodes, 1);
  Cut(kNodeSlots, 1);
  Grow(*file_, kUpper, 2);
  Checkpoint(*file_, 20);
  Release();
  // What is left: pages 0, a slots page, and the new extent behind all that was.
  EXPECT_EQ(Size(), kEnd + 2 * 8192);
  constexpr std::uint64_t kOfTheFileSystem = 16384;  // where it counts blocks of its own
  EXPECT_LE(*file_->BytesOnDisk(),
            before - (2 + 4 + 5) * 8192 - 4096 + 2 * 8192 + kOfTheFileSystem);
  const std::vector<std::byte> all = ReadAll(path_);
  EXPECT_TRUE(
      CheckPage(std::span(all).subspan(kFirstExtentOffset, 8192), Node(0), kTestStoreId).ok());
  EXPECT_TRUE(IsNeverWritten(std::span(all).subspan(kFirstExtentOffset + 8192, 2 * 8192)));
  EXPECT_TRUE(IsNeverWritten(std::span(all).subspan(kSlotsAt + 4096, kEnd - kSlotsAt - 4096)));
  // Either superblock does without it.
  for (const unsigned slot : {0u, 1u}) {
    file_ = Open();
    EXPECT_THAT(PagesOfExtents(), ElementsAre(1, 1, 2));
    ExpectNodesAreThere(*file_);
    SpoilSlot(file_->superblock().slot);
    if (slot == 1) {
      EXPECT_EQ(TryOpen().code(), Code::kCorruptedIndex) << "both are spoilt now";
    }
  }
}

TEST_F(PageFileCutTest, AFileWithoutExtentsIsAsNew) {
  Cut(kNodes, 0);
  Cut(kNodeSlots, 0);
  Checkpoint(*file_, 20);
  Release();
  EXPECT_EQ(Size(), kFirstExtentOffset);
  EXPECT_TRUE(file_->CheckLength().ok());
  file_ = Open();
  Grow(*file_, kNodes, 1);
  EXPECT_EQ(file_->FileOffset(Node(0)), kFirstExtentOffset);
}

TEST_F(PageFileCutTest, TheOlderSuperblockGoesFirstAndAllOfItOnce) {
  Cut(kNodes, 1);
  Checkpoint(*file_, 20);
  const std::uint64_t checkpoint = file_->superblock().checkpoint;
  recorder_->TakeEvents();
  Release();
  EXPECT_THAT(recorder_->TakeEvents(),
              ElementsAre("write graph.engram", "write graph.engram", "sync graph.engram",
                          "truncate graph.engram", "deallocate graph.engram", "sync graph.engram"));
  EXPECT_EQ(file_->superblock().checkpoint, checkpoint + 1);
  EXPECT_EQ(file_->superblock().lsn, Lsn{20});
  EXPECT_EQ(file_->older_lsn(), Lsn{20});
  Release();
  EXPECT_THAT(recorder_->TakeEvents(), IsEmpty());
  // The next checkpoint goes on from there.
  Checkpoint(*file_, 30);
  EXPECT_EQ(Open()->superblock().checkpoint, checkpoint + 2);
  // A gap that is there after opening may not have gone back: it follows from the table.
  file_ = Open();
  recorder_->TakeEvents();
  Release();
  Release();
  EXPECT_THAT(recorder_->TakeEvents(), ElementsAre("deallocate graph.engram"));
}

TEST_F(PageFileCutTest, OnlyWhatIsNewGoesBackTheSecondTime) {
  Cut(kNodes, 10);
  Grow(*file_, kUpper, 1);
  Checkpoint(*file_, 20);
  Checkpoint(*file_, 30);
  recorder_->TakeEvents();
  Release();
  EXPECT_THAT(recorder_->TakeEvents(), ElementsAre("deallocate graph.engram"))
      << "two checkpoints did without it";
  Cut(kNodes, 9);
  Checkpoint(*file_, 40);
  Checkpoint(*file_, 50);
  const std::uint64_t before = *file_->BytesOnDisk();
  recorder_->TakeEvents();
  Release();
  EXPECT_THAT(recorder_->TakeEvents(), ElementsAre("deallocate graph.engram"));
  EXPECT_LT(*file_->BytesOnDisk(), before);
}

TEST_F(PageFileCutTest, WhatASuperblockNamesStays) {
  Cut(kNodes, 3);
  Release();
  EXPECT_THAT(recorder_->TakeEvents(), IsEmpty());
  EXPECT_EQ(Size(), kEnd);
  ExpectNodesAreThere(*Open());
  // Nor does what was cut since the newest go with what was cut before it.
  Checkpoint(*file_, 20);
  Cut(kNodes, 1);
  Release();
  EXPECT_EQ(Size(), kSecondAt);
  EXPECT_EQ(Open()->PageCount(kNodes), 3u);
  ExpectNodesAreThere(*Open());
}

TEST_F(PageFileCutTest, WhatCameAndWentSinceTheCheckpointStaysUntilTheNext) {
  Cut(kNodes, 7);
  Checkpoint(*file_, 20);
  Grow(*file_, kUpper, 3);
  Cut(kUpper, 1);
  for (int again = 0; again < 2; ++again) {
    Release();
    EXPECT_EQ(Size(), kEnd + 3 * 8192) << "somebody may look at it";
  }
  Grow(*file_, kNodes, 1);
  EXPECT_EQ(file_->FileOffset(Node(7)), kEnd + 3 * 8192);
  Checkpoint(*file_, 30);
  Release();
  EXPECT_EQ(Size(), kEnd + 4 * 8192);
  Cut(kNodes, 7);
  Checkpoint(*file_, 40);
  Release();
  EXPECT_EQ(Size(), kEnd + 8192);
}

TEST_F(PageFileCutTest, RoomThatWasReservedStays) {
  Cut(kNodes, 3);
  Checkpoint(*file_, 20);
  const auto reserved = file_->ReserveExtent(kNodes, 2);
  ASSERT_TRUE(reserved.ok());
  Release();
  EXPECT_EQ(Size(), kEnd + 2 * 8192);
  EXPECT_EQ(*file_->ReserveExtent(kNodes, 2), *reserved);
  ASSERT_TRUE(file_->AddExtent(1, *reserved).ok());
  Cut(kNodes, 3);
  Checkpoint(*file_, 30);
  Release();
  EXPECT_EQ(Size(), kSecondAt);
}

TEST_F(PageFileCutTest, RoomThatNobodyAddedGoesAtTheLatestWithTheNextOpening) {
  ASSERT_TRUE(file_->ReserveExtent(kNodes, 2).ok());
  file_ = Open();
  Release();
  EXPECT_EQ(Size(), kEnd);
}

TEST_F(PageFileCutTest, LengthIsThatOfTheExtentsThatAreThere) {
  Cut(kNodes, 8);
  SetSize(path_, kThirdAt + 8192);
  EXPECT_TRUE(file_->CheckLength().ok());
  ASSERT_TRUE(file_->RestoreLength().ok());
  EXPECT_EQ(Size(), kThirdAt + 8192);
  SetSize(path_, kThirdAt + 8191);
  const Status status = file_->CheckLength();
  EXPECT_EQ(status.code(), Code::kIoError);
  EXPECT_THAT(Message(status), HasSubstr("it has 139263 bytes, expected at least 139264"));
  ASSERT_TRUE(file_->RestoreLength().ok());
  EXPECT_EQ(Size(), kThirdAt + 8192);
}

TEST_F(PageFileCutTest, AGapThatCameBackWithTheLengthGoesAgain) {
  Cut(kNodes, 3);
  Grow(*file_, kUpper, 1);
  Checkpoint(*file_, 20);
  Release();
  const std::uint64_t before = *file_->BytesOnDisk();
  SetSize(path_, kSecondAt);
  ASSERT_TRUE(file_->RestoreLength().ok());
  const std::uint64_t restored = *file_->BytesOnDisk();
  EXPECT_GT(restored, before);
  Release();
  EXPECT_LE(*file_->BytesOnDisk(), restored - 8 * 8192);
}

TEST_F(PageFileCutTest, LoggedExtentsMayLieAnywhereButOverOthers) {
  Cut(kNodes, 3);
  ExtentEntry extent{};
  extent.segment = kNodes;
  const auto add = [&](std::uint64_t offset, std::uint32_t pages) {
    extent.file_offset = offset;
    extent.pages = pages;
    return file_->AddExtent(file_->ExtentCount(kNodes), extent);
  };
  // Amid what was there once, before the place of the next one, and behind a gap.
  EXPECT_TRUE(add(kThirdAt, 1).ok());
  EXPECT_TRUE(add(kSecondAt, 2).ok());
  EXPECT_TRUE(add(kEnd + (1 << 20), 1).ok());
  EXPECT_EQ(add(kSlotsAt - 4096, 1).code(), Code::kCorruptedIndex);
  EXPECT_EQ(add(kThirdAt - 8192, 2).code(), Code::kCorruptedIndex);
  const Status status = add(kSecondAt + 8192, 1);
  EXPECT_THAT(Message(status),
              HasSubstr("overlaps the nodes extent from " + std::to_string(kSecondAt) + " to " +
                        std::to_string(kSecondAt + 2 * 8192)));
  EXPECT_EQ(file_->ReserveExtent(kUpper, 1)->file_offset, kEnd + (1 << 20) + 8192);
  // The table that follows opens.
  Checkpoint(*file_, 20);
  EXPECT_EQ(Open()->PageCount(kNodes), 7u);
}

TEST_F(PageFileCutTest, EntriesOfTheTableComeFree) {
  file_->CutSegment(kNodes, 3).IgnoreError();
  for (std::size_t i = file_->Extents().size(); i < kMaxExtents; ++i) Grow(*file_, kNodes, 1);
  EXPECT_EQ(file_->ReserveExtent(kNodes, 1).code(), Code::kIndexFull);
  Cut(kNodes, 4);
  EXPECT_TRUE(file_->ReserveExtent(kNodes, 1).ok());
}

TEST_F(PageFileCutTest, AFileSystemThatMakesNoHolesKeepsTheSpace) {
  recorder_->Refuse([](const std::string& event) {
    return event == "deallocate graph.engram" ? Status::NotSupported("no holes") : Status::Ok();
  });
  Cut(kNodes, 2);
  Checkpoint(*file_, 20);
  Release();
  EXPECT_EQ(Size(), kSecondAt) << "the end can be cut off all the same";
  recorder_->TakeEvents();
  Release();
  EXPECT_THAT(recorder_->TakeEvents(), IsEmpty());
}

TEST_F(PageFileCutTest, AFailureAnywhereIsReturnedAndLeavesBothSuperblocksRight) {
  for (std::size_t failing = 0; failing < 6; ++failing) {
    recorder_->Refuse({});
    Create();
    SetUp();
    Cut(kNodes, 2);
    Checkpoint(*file_, 20);
    std::size_t count = 0;
    recorder_->Refuse([&](const std::string&) {
      return count++ == failing ? Status::IoError("refused") : Status::Ok();
    });
    EXPECT_EQ(file_->ReleaseUnused().code(), Code::kIoError) << failing;
    EXPECT_EQ(count, failing + 1) << "nothing is done behind it";
    file_ = Open();
    EXPECT_EQ(file_->PageCount(kNodes), 2u);
    ExpectNodesAreThere(*file_);
    Release();
    EXPECT_EQ(Size(), kSecondAt);
    // The older one is whole, but where its own write stopped behind the table.
    if (failing == 1) Checkpoint(*file_, 30);
    SpoilSlot(file_->superblock().slot);
    const auto older = TryOpen();
    ASSERT_TRUE(older.ok()) << failing << ": " << older.status();
    ExpectNodesAreThere(**older);
  }
}

TEST_F(PageFileCutTest, GrowthBesideReleaseKeepsItsRoom) {
  std::atomic<bool> done{false};
  std::thread releasing([&] {
    while (!done.load(std::memory_order_acquire)) {  // pairs with the store below
      Superblock next = file_->superblock();
      ++next.checkpoint;
      EXPECT_TRUE(file_->WriteSuperblock(next, file_->Extents()).ok());
      EXPECT_TRUE(file_->ReleaseUnused().ok());
    }
  });
  std::mt19937_64 random(TestSeed(3));
  for (int i = 0; i < 300; ++i) {
    const auto pages = static_cast<std::uint32_t>(1 + random() % 8);
    const auto extent = file_->ReserveExtent(kNodes, pages);
    EXPECT_TRUE(extent.ok());
    if (random() % 3 == 0) continue;  // no room in the log
    const std::uint32_t first = file_->PageCount(kNodes);
    EXPECT_TRUE(file_->AddExtent(file_->ExtentCount(kNodes), *extent).ok());
    WriteNodes(first, first + pages);
    EXPECT_TRUE(file_->CheckLength().ok());
  }
  done.store(true, std::memory_order_release);
  releasing.join();
  ExpectNodesAreThere(*file_);
}

// --- Power failures ---

constexpr char kSimPath[] = "/store/graph.engram";

// What a superblock promises: of each page the salt it was written with.
using Promise = std::map<std::pair<SegmentKind, std::uint32_t>, std::uint32_t>;

// A random life of a page file on a simulated disk: growth, cuts, checkpoints, releases, kills.
// Each page is written once, before the checkpoint that names it first: there is no journal here.
class CutLife {
 public:
  explicit CutLife(std::uint64_t seed) : random_(seed) {
    EXPECT_TRUE(fs_.CreateDirectory("/store").ok());
    EXPECT_TRUE(PageFile::Create(fs_, kSimPath, FirstSuperblock()).ok());
    EXPECT_TRUE(fs_.SyncDirectory("/").ok());
    EXPECT_TRUE(fs_.SyncDirectory("/store").ok());
    made_ = fs_.OpCount();
    promises_[1] = {};
    Reopen();
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      switch (random_() % 8) {
        case 0:
        case 1:
          Grow();
          break;
        case 2:
        case 3:
          Cut();
          break;
        case 4:
        case 5:
          Checkpoint();
          break;
        case 6:
          Release();
          break;
        case 7:
          if (random_() % 4 == 0) Reopen();
          break;
      }
    }
  }

  // Empty, or what is wrong with an image: the file as it would be opened, and as it would be had
  // it lost its newest superblock.
  std::string Violation(SimImage image) const {
    const std::string newest = Check(image, nullptr);
    if (!newest.empty()) return "newest superblock: " + newest;
    unsigned slot = 0;
    Check(image, &slot);
    SimFileSystem fs(image);
    const auto raw = fs.Open(kSimPath, OpenMode::kRead);
    if (!ReadSuperblockSlot(**raw, 1 - slot, *(*raw)->Size()).ok()) return {};
    const std::vector<std::byte> spoilt(kBlockBytes, std::byte{0x5a});
    image.FindFile(kSimPath)->Write(SuperblockOffset(slot), spoilt);
    const std::string older = Check(image, nullptr);
    return older.empty() ? older : "older superblock: " + older;
  }

  const SimFileSystem& fs() const { return fs_; }
  std::size_t made() const { return made_; }
  std::uint64_t released() const { return released_; }

 private:
  SegmentKind AnySegment() { return static_cast<SegmentKind>(1 + random_() % 3); }

  void Reopen() {
    file_.reset();
    auto file = PageFile::Open(fs_, kSimPath, OpenMode::kReadWrite);
    ASSERT_TRUE(file.ok()) << file.status();
    file_ = std::move(*file);
    pages_ = promises_.at(file_->superblock().checkpoint);
    unwritten_.clear();
  }

  void Grow() {
    const SegmentKind segment = AnySegment();
    const auto pages = static_cast<std::uint32_t>(1 + random_() % 5);
    const std::uint32_t first = file_->PageCount(segment);
    const auto extent = file_->ReserveExtent(segment, pages);
    ASSERT_TRUE(extent.ok()) << extent.status();
    if (random_() % 4 == 0) return;  // no room in the log
    ASSERT_TRUE(file_->AddExtent(file_->ExtentCount(segment), *extent).ok());
    for (std::uint32_t page = first; page < first + pages; ++page) {
      pages_[{segment, page}] = ++salt_;
      unwritten_[{segment, page}] = salt_;
    }
  }

  void Cut() {
    const SegmentKind segment = AnySegment();
    const std::uint32_t have = file_->PageCount(segment);
    const auto left = static_cast<std::uint32_t>(random_() % (have + 1));
    ASSERT_TRUE(file_->CutSegment(segment, left).ok());
    const auto is_cut = [&](const auto& page) {
      return page.first.first == segment && page.first.second >= left;
    };
    std::erase_if(pages_, is_cut);
    std::erase_if(unwritten_, is_cut);
  }

  void Checkpoint() {
    std::vector<std::vector<std::byte>> bytes;
    std::vector<PageImage> images;
    for (const auto& [page, salt] : unwritten_) {
      const PageRef ref{page.first, static_cast<PageId>(page.second)};
      bytes.push_back(MakePage(ref, file_->PageBytes(page.first), salt));
      images.push_back({ref, bytes.back()});
    }
    ASSERT_TRUE(file_->WritePages(images).ok());
    ASSERT_TRUE(file_->Sync().ok());
    unwritten_.clear();
    Superblock next = file_->superblock();
    ++next.checkpoint;
    promises_[next.checkpoint] = pages_;
    ASSERT_TRUE(file_->WriteSuperblock(next, file_->Extents()).ok());
  }

  void Release() {
    const std::uint64_t before = file_->superblock().checkpoint;
    const std::uint64_t bytes = *file_->BytesOnDisk();
    promises_[before + 1] = promises_.at(before);  // should there be an equal
    const Status status = file_->ReleaseUnused();
    ASSERT_TRUE(status.ok()) << status;
    released_ += bytes - *file_->BytesOnDisk();
  }

  // Opens the image and compares; says which slot counted.
  std::string Check(const SimImage& image, unsigned* slot) const {
    SimFileSystem fs(image);
    const auto file = PageFile::Open(fs, kSimPath, OpenMode::kReadWrite);
    if (!file.ok()) return file.status().ToString();
    if (slot != nullptr) *slot = (*file)->superblock().slot;
    const Promise& promise = promises_.at((*file)->superblock().checkpoint);
    std::uint64_t count = 0;
    for (const ExtentEntry& extent : (*file)->Extents()) count += extent.pages;
    if (count != promise.size()) {
      return std::to_string(count) + " pages, expected " + std::to_string(promise.size());
    }
    for (const auto& [page, salt] : promise) {
      const PageRef ref{page.first, static_cast<PageId>(page.second)};
      const std::vector<std::byte> expected = MakePage(ref, (*file)->PageBytes(ref.segment), salt);
      std::vector<std::byte> found(expected.size());
      const Status read = (*file)->ReadPages(ref.segment, page.second, 1, found);
      if (!read.ok()) return read.ToString();
      if (found != expected) return Describe(ref) + " is not as it was written";
    }
    return (*file)->CheckLength().ok() ? "" : "shorter than its extents";
  }

  std::mt19937_64 random_;
  SimFileSystem fs_;
  std::size_t made_ = 0;
  std::unique_ptr<PageFile> file_;
  Promise pages_;                              // as in memory
  Promise unwritten_;                          // of them
  std::map<std::uint64_t, Promise> promises_;  // by checkpoint
  std::uint32_t salt_ = 0;
  std::uint64_t released_ = 0;
};

struct CutSweep {
  std::uint64_t images = 0;
  std::uint64_t released = 0;
  std::string violation;  // the first
};

// Every operation of several lives, with every policy.
CutSweep SweepCuts(std::uint64_t lives) {
  CutSweep sweep;
  const std::uint64_t seed = TestSeed(1);
  for (std::uint64_t i = 0; i < lives; ++i) {
    CutLife life(seed + i);
    life.Run(60);
    sweep.released += life.released();
    std::mt19937_64 random(seed + i);
    CrashReplayer replayer = life.fs().Replay();
    for (std::size_t op = life.made(); op <= life.fs().OpCount(); ++op) {
      replayer.AdvanceTo(op);
      for (const CrashPolicy policy : kAllCrashPolicies) {
        ++sweep.images;
        const std::string violation = life.Violation(replayer.PowerLoss(random, policy));
        if (violation.empty()) continue;
        sweep.violation = "life " + std::to_string(seed + i) + ", operation " + std::to_string(op) +
                          ": " + violation;
        return sweep;
      }
    }
  }
  return sweep;
}

TEST(PageFileCutCrash, WhateverAPowerFailureLeavesEitherSuperblockHasItsPages) {
  const CutSweep sweep = SweepCuts(12);
  EXPECT_EQ(sweep.violation, "");
  EXPECT_GT(sweep.released, 100u * 4096);
  PrintCounts({{"images", sweep.images}});
}

TEST(PageFileCutCrash, SpaceThatGoesWhileASuperblockNamesItIsNoticed) {
  SetMutant(Mutant::kReleasedWhileNamed);
  const CutSweep sweep = SweepCuts(12);
  SetMutant(Mutant::kNone);
  EXPECT_NE(sweep.violation, "");
}

}  // namespace
}  // namespace engram
