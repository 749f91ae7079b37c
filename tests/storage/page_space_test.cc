#include "storage/page_space.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/base/coding.h"
#include "storage/page_file.h"
#include "storage/slot_bits.h"
#include "tests/storage/page_space_fixture.h"

namespace engram {
namespace {

INSTANTIATE_TEST_SUITE_P(Residencies, PageSpaceTest, kResidencies, NameOfResidency);

// What only views of a file do.
class MappedSpaceTest : public PageSpaceTest {};

INSTANTIATE_TEST_SUITE_P(Residencies, MappedSpaceTest, testing::Values(Residency::kMapped));

TEST_P(PageSpaceTest, NewPagesAreZeroAndCleanAndStayWhereTheyAre) {
  Extend(SegmentKind::kNodes, 3);
  const std::byte* base = space_->base(SegmentKind::kNodes);
  EXPECT_TRUE(IsNeverWritten({base, 3 * 8192}));
  Extend(SegmentKind::kNodes, 5000);
  EXPECT_EQ(space_->base(SegmentKind::kNodes), base);
  EXPECT_EQ(space_->page(Node(4999)), base + 4999 * 8192);
  EXPECT_TRUE(IsNeverWritten({space_->page(Node(4999)), 8192}));
  EXPECT_EQ(space_->page_count(SegmentKind::kNodes), 5000u);
  EXPECT_EQ(space_->dirty_pages(), 0u);
  const bool mapped = GetParam() == Residency::kMapped;
  EXPECT_EQ(space_->memory_bytes(), mapped ? 0u : 5000u * 8192);
}

TEST_P(PageSpaceTest, ExtendingToLessChangesNothing) {
  Extend(SegmentKind::kUpper, 3);
  ASSERT_TRUE(space_->Extend(SegmentKind::kUpper, 2).ok());
  EXPECT_EQ(space_->page_count(SegmentKind::kUpper), 3u);
}

TEST_P(PageSpaceTest, MorePagesThanAddressesIsIndexFull) {
  ExtentEntry extent{};
  extent.file_offset = kFirstExtentOffset;
  extent.pages = 1u << 31;
  extent.segment = SegmentKind::kNodes;
  EXPECT_EQ(space_->AddExtent(0, extent).code(), Code::kIndexFull);
  EXPECT_EQ(space_->page_count(SegmentKind::kNodes), 0u);
}

TEST_P(PageSpaceTest, SlotsSegmentHasRoomForEverySlotOfTheNodes) {
  const std::uint32_t nodes = (64 << 20) / 64;
  EXPECT_TRUE(space_->Extend(SegmentKind::kNodeSlots, nodes / kSlotsPerPage + 1).ok());
}

TEST_P(PageSpaceTest, ChangedPageGetsItsIdentityAndPassesTheCheckOnceSealed) {
  Extend(SegmentKind::kNodes, 3);
  std::byte* page = space_->MutablePage(Node(2), static_cast<Lsn>(9));
  page[100] = std::byte{1};
  auto images = TakeAll(1);
  ASSERT_EQ(images.refs.size(), 1u);
  EXPECT_EQ(images.refs[0], Node(2));
  SealPage(images.pages[0], kStoreId);
  EXPECT_TRUE(CheckPage(images.pages[0], Node(2), kStoreId).ok());
  EXPECT_EQ(LoadAs<PageHeader>(images.pages[0].data()).lsn, static_cast<Lsn>(9));
  EXPECT_EQ(images.pages[0].data()[100], std::byte{1});
}

TEST_P(PageSpaceTest, PageChangedTwiceIsDirtyOnceWithTheLaterLsn) {
  Extend(SegmentKind::kNodes, 3);
  space_->MutablePage(Node(1), static_cast<Lsn>(1));
  space_->MutablePage(Node(1), static_cast<Lsn>(2));
  EXPECT_EQ(space_->dirty_pages(), 1u);
  EXPECT_EQ(space_->dirty_bytes(), 8192u);
  EXPECT_EQ(LoadAs<PageHeader>(space_->page(Node(1))).lsn, static_cast<Lsn>(2));
}

TEST_P(PageSpaceTest, SlicesTogetherHoldEveryDirtyPageOnce) {
  Extend(SegmentKind::kNodes, 300);
  Extend(SegmentKind::kUpper, 70);
  Extend(SegmentKind::kNodeSlots, 2);
  std::vector<PageRef> expected;
  const auto change = [&](PageRef ref) {
    space_->MutablePage(ref, static_cast<Lsn>(1));
    expected.push_back(ref);
  };
  for (std::uint32_t i = 0; i < 300; i += 7) change(Node(i));
  for (const std::uint32_t i : {0u, 63u, 64u, 69u}) {
    change({SegmentKind::kUpper, static_cast<PageId>(i)});
  }
  change({SegmentKind::kNodeSlots, static_cast<PageId>(1)});
  EXPECT_EQ(space_->dirty_pages(), expected.size());
  const PageSpace::Images images = TakeAll(20'000);
  EXPECT_EQ(images.refs, expected);
  EXPECT_EQ(images.bytes, (expected.size() - 1) * 8192 + 4096);
  EXPECT_EQ(space_->dirty_pages(), 0u);
  EXPECT_EQ(space_->dirty_bytes(), 0u);
  EXPECT_TRUE(TakeAll(20'000).refs.empty());
}

TEST_P(PageSpaceTest, PageChangedBehindTheCursorIsForTheNextCheckpoint) {
  Extend(SegmentKind::kNodes, 200);
  for (std::uint32_t i = 0; i < 200; ++i) space_->MutablePage(Node(i), static_cast<Lsn>(1));
  PageSpace::Images images;
  PageSpace::Cursor cursor;
  ASSERT_FALSE(space_->TakeImages(cursor, 100 * 8192, images));
  EXPECT_EQ(images.refs.size(), 100u);
  space_->MutablePage(Node(3), static_cast<Lsn>(2));    // behind
  space_->MutablePage(Node(150), static_cast<Lsn>(2));  // ahead
  Extend(SegmentKind::kNodes, 400);                     // more words than when it began
  space_->MutablePage(Node(399), static_cast<Lsn>(2));
  while (!space_->TakeImages(cursor, 8192, images)) {
  }
  EXPECT_EQ(images.refs.size(), 201u);
  EXPECT_EQ(LoadAs<PageHeader>(images.pages[150].data()).lsn, static_cast<Lsn>(2));
  EXPECT_EQ(LoadAs<PageHeader>(images.pages[3].data()).lsn, static_cast<Lsn>(1));
  EXPECT_EQ(images.refs.back(), Node(399));
  EXPECT_EQ(TakeAll(1 << 20).refs, std::vector<PageRef>{Node(3)});
}

TEST_P(PageSpaceTest, ImageHoldsWhatThePageHeldWhenItWasTaken) {
  Extend(SegmentKind::kNodes, 1);
  space_->MutablePage(Node(0), static_cast<Lsn>(1))[200] = std::byte{1};
  const PageSpace::Images images = TakeAll(1);
  space_->MutablePage(Node(0), static_cast<Lsn>(2))[200] = std::byte{2};
  EXPECT_EQ(images.pages[0].data()[200], std::byte{1});
}

TEST_P(PageSpaceTest, RetiredSlotsAreFreeInImagesOnly) {
  Extend(SegmentKind::kNodeSlots, 1);
  std::byte* base = space_->mutable_base(SegmentKind::kNodeSlots);
  space_->MutablePage({SegmentKind::kNodeSlots, PageId{0}}, static_cast<Lsn>(1));
  for (std::uint32_t slot = 0; slot < 1000; ++slot) {
    StoreSlotState(base, slot, static_cast<SlotState>(slot % 4));
  }
  const PageSpace::Images images = TakeAll(1);
  for (std::uint32_t slot = 0; slot < 1000; ++slot) {
    const auto state = static_cast<SlotState>(slot % 4);
    EXPECT_EQ(LoadSlotState(base, slot), state);
    EXPECT_EQ(LoadSlotState(images.pages[0].data(), slot),
              state == SlotState::kRetired ? SlotState::kFree : state);
  }
}

TEST_P(PageSpaceTest, ResidentPagesAreNeverDropped) {
  Extend(SegmentKind::kUpper, 2);
  const PageRef ref{SegmentKind::kUpper, PageId{1}};
  space_->MutablePage(ref, static_cast<Lsn>(1))[200] = std::byte{7};
  const PageSpace::Images images = TakeAll(1 << 20);
  Drop(images);
  EXPECT_EQ(space_->page(ref)[200], std::byte{7});
  EXPECT_EQ(space_->copied_bytes(), 0u);
}

TEST_P(MappedSpaceTest, ADroppedPageIsWhatTheFileHolds) {
  Extend(SegmentKind::kNodes, 100);
  for (const std::uint32_t page : {3u, 4u, 5u, 90u}) {
    space_->MutablePage(Node(page), static_cast<Lsn>(1))[200] = std::byte{7};
  }
  EXPECT_EQ(space_->copied_bytes(), 4u * 8192);
  auto images = TakeAll(1 << 20);
  EXPECT_EQ(space_->copied_bytes(), 4u * 8192);
  WriteImages(images);
  images.pages[0].data()[200] = std::byte{8};  // to tell one from the other
  SealPage(images.pages[0], kStoreId);
  const PageImage other{images.refs[0], images.pages[0]};
  ASSERT_TRUE(file_->WritePages({&other, 1}).ok());
  EXPECT_EQ(space_->page(Node(3))[200], std::byte{7});
  Drop(images, 8192);
  EXPECT_EQ(space_->copied_bytes(), 0u);
  EXPECT_EQ(space_->page(Node(3))[200], std::byte{8});
  for (const std::uint32_t page : {4u, 5u, 90u}) {
    EXPECT_EQ(space_->page(Node(page))[200], std::byte{7}) << page;
  }
}

TEST_P(MappedSpaceTest, APageThatChangedSinceItsImageStays) {
  Extend(SegmentKind::kNodes, 10);
  for (const std::uint32_t page : {1u, 2u, 3u}) {
    space_->MutablePage(Node(page), static_cast<Lsn>(1))[200] = std::byte{1};
  }
  auto images = TakeAll(1 << 20);
  WriteImages(images);
  space_->MutablePage(Node(2), static_cast<Lsn>(2))[200] = std::byte{2};
  Drop(images);
  EXPECT_EQ(space_->page(Node(2))[200], std::byte{2});
  EXPECT_EQ(space_->copied_bytes(), 8192u);
  auto again = TakeAll(1 << 20);
  EXPECT_EQ(again.refs, std::vector<PageRef>{Node(2)});
  WriteImages(again);
  Drop(again);
  EXPECT_EQ(space_->page(Node(2))[200], std::byte{2});
  EXPECT_EQ(space_->copied_bytes(), 0u);
}

TEST_P(MappedSpaceTest, PagesAreCheckedAtTheirFirstTouchAndABadOneIsNamedEachTime) {
  Extend(SegmentKind::kNodes, 20);
  for (std::uint32_t page = 0; page < 20; ++page) {
    space_->MutablePage(Node(page), static_cast<Lsn>(1));
  }
  auto images = TakeAll(1 << 20);
  WriteImages(images);
  const std::array<std::byte, 1> rot = {std::byte{1}};
  WriteAt(path_, file_->FileOffset(Node(7)) + 4000, rot);
  MakeSpace(20);
  PageErrors errors;
  const PageGuard guard = space_->Guard(errors);
  EXPECT_TRUE(guard.MayUse(PageId{6}));
  EXPECT_FALSE(guard.failed());
  for (int again = 0; again < 2; ++again) EXPECT_FALSE(guard.MayUse(PageId{7}));
  EXPECT_EQ(errors.first().code(), Code::kCorruptedIndex);
  EXPECT_NE(errors.first().message().find("nodes page 7"), std::string_view::npos);
  // One that was found right is not looked at again.
  WriteAt(path_, file_->FileOffset(Node(6)) + 4000, rot);
  PageErrors none;
  EXPECT_TRUE(space_->Guard(none).MayUse(PageId{6}));
  EXPECT_FALSE(none.any());
}

TEST_P(MappedSpaceTest, TheWriterDoesNotChangeABadPage) {
  Extend(SegmentKind::kNodes, 4);
  WriteAt(path_, file_->FileOffset(Node(1)) + 100, std::vector<std::byte>(10, std::byte{3}));
  MakeSpace(4);
  std::byte* page = space_->MutablePage(Node(1), static_cast<Lsn>(5));
  page[200] = std::byte{9};
  EXPECT_EQ(space_->writer_errors().first().code(), Code::kCorruptedIndex);
  EXPECT_EQ(space_->page(Node(1))[200], std::byte{0});
  EXPECT_EQ(space_->dirty_pages(), 0u);
}

TEST_P(MappedSpaceTest, APageThatWasNotInUseIsZeroWhateverLiesInTheFile) {
  Extend(SegmentKind::kNodes, 4);
  WriteAt(path_, file_->FileOffset(Node(2)), std::vector<std::byte>(8192, std::byte{3}));
  MakeSpace(2);
  PageErrors errors;
  EXPECT_FALSE(space_->Guard(errors).MayUse(PageId{2}));
  EXPECT_FALSE(errors.any());
  const std::byte* page = space_->MutablePage(Node(2), static_cast<Lsn>(1));
  EXPECT_TRUE(IsNeverWritten({page + kPageHeaderBytes, 8192 - kPageHeaderBytes}));
  EXPECT_TRUE(space_->Guard(errors).MayUse(PageId{2}));
}

TEST_P(MappedSpaceTest, AnExtentThatDidNotComeToBeGivesItsPlaceToAnother) {
  Extend(SegmentKind::kNodes, 4);
  const auto first = file_->ReserveExtent(SegmentKind::kNodes, 8);
  ASSERT_TRUE(first.ok() && space_->AddExtent(4, *first).ok());
  // No room in the log: the place is another segment's now.
  Extend(SegmentKind::kUpper, 8);
  Extend(SegmentKind::kNodes, 6);
  space_->MutablePage(Node(5), static_cast<Lsn>(1))[200] = std::byte{7};
  auto images = TakeAll(1 << 20);
  WriteImages(images);
  Drop(images);
  EXPECT_EQ(space_->page(Node(5))[200], std::byte{7});
  Extend(SegmentKind::kNodes, 20);
  space_->MutablePage(Node(19), static_cast<Lsn>(1))[200] = std::byte{8};
  images = TakeAll(1 << 20);
  WriteImages(images);
  Drop(images);
  EXPECT_EQ(space_->page(Node(19))[200], std::byte{8});
  EXPECT_EQ(space_->page_count(SegmentKind::kNodes), 20u);
}

TEST_P(MappedSpaceTest, AFileThatWasCutIsAnErrorThatNamesThePage) {
  Extend(SegmentKind::kNodes, 8);
  EXPECT_TRUE(space_->CheckFaults().ok());
  SetSize(path_, file_->FileOffset(Node(4)));
  EXPECT_EQ(space_->page(Node(5))[0], std::byte{0});
  EXPECT_EQ(space_->CheckFaults().code(), Code::kIoError);
  EXPECT_NE(space_->CheckFaults().message().find("nodes page 5"), std::string_view::npos);
}

}  // namespace
}  // namespace engram
