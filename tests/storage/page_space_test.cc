#include "storage/page_space.h"

#include <cstring>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "storage/base/coding.h"
#include "storage/page_file.h"
#include "storage/slot_bits.h"

namespace engram {
namespace {

constexpr std::uint64_t kStoreId = 42;

PageRef Node(std::uint32_t page) { return {SegmentKind::kNodes, static_cast<PageId>(page)}; }

class PageSpaceTest : public testing::Test {
 protected:
  PageSpaceTest()
      : space_(std::move(PageSpace::Create(kStoreId, {8192, 8192, 4096, 4096}, 64 << 20)).value()) {
  }

  void Extend(SegmentKind segment, std::uint32_t pages) {
    const Status status = space_->Extend(segment, pages);
    ASSERT_TRUE(status.ok()) << status;
  }

  // Takes everything in slices of `slice` bytes.
  PageSpace::Images TakeAll(std::uint64_t slice) {
    PageSpace::Images images;
    PageSpace::Cursor cursor;
    while (!space_->TakeImages(cursor, slice, images)) {
    }
    return images;
  }

  std::unique_ptr<PageSpace> space_;
};

TEST_F(PageSpaceTest, NewPagesAreZeroAndCleanAndStayWhereTheyAre) {
  Extend(SegmentKind::kNodes, 3);
  const std::byte* base = space_->base(SegmentKind::kNodes);
  EXPECT_TRUE(IsNeverWritten({base, 3 * 8192}));
  Extend(SegmentKind::kNodes, 5000);
  EXPECT_EQ(space_->base(SegmentKind::kNodes), base);
  EXPECT_EQ(space_->page(Node(4999)), base + 4999 * 8192);
  EXPECT_TRUE(IsNeverWritten({space_->page(Node(4999)), 8192}));
  EXPECT_EQ(space_->page_count(SegmentKind::kNodes), 5000u);
  EXPECT_EQ(space_->dirty_pages(), 0u);
  EXPECT_EQ(space_->memory_bytes(), 5000u * 8192);
}

TEST_F(PageSpaceTest, ExtendingToLessChangesNothing) {
  Extend(SegmentKind::kUpper, 3);
  Extend(SegmentKind::kUpper, 2);
  EXPECT_EQ(space_->page_count(SegmentKind::kUpper), 3u);
}

TEST_F(PageSpaceTest, MorePagesThanAddressesIsIndexFull) {
  EXPECT_EQ(space_->Extend(SegmentKind::kNodes, 1u << 31).code(), Code::kIndexFull);
  EXPECT_EQ(space_->page_count(SegmentKind::kNodes), 0u);
}

TEST_F(PageSpaceTest, SlotsSegmentHasRoomForEverySlotOfTheNodes) {
  const std::uint32_t nodes = (64 << 20) / 64;
  EXPECT_TRUE(space_->Extend(SegmentKind::kNodeSlots, nodes / kSlotsPerPage + 1).ok());
}

TEST_F(PageSpaceTest, ChangedPageGetsItsIdentityAndPassesTheCheckOnceSealed) {
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

TEST_F(PageSpaceTest, PageChangedTwiceIsDirtyOnceWithTheLaterLsn) {
  Extend(SegmentKind::kNodes, 3);
  space_->MutablePage(Node(1), static_cast<Lsn>(1));
  space_->MutablePage(Node(1), static_cast<Lsn>(2));
  EXPECT_EQ(space_->dirty_pages(), 1u);
  EXPECT_EQ(space_->dirty_bytes(), 8192u);
  EXPECT_EQ(LoadAs<PageHeader>(space_->page(Node(1))).lsn, static_cast<Lsn>(2));
}

TEST_F(PageSpaceTest, SlicesTogetherHoldEveryDirtyPageOnce) {
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

TEST_F(PageSpaceTest, PageChangedBehindTheCursorIsForTheNextCheckpoint) {
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

TEST_F(PageSpaceTest, ImageHoldsWhatThePageHeldWhenItWasTaken) {
  Extend(SegmentKind::kNodes, 1);
  space_->MutablePage(Node(0), static_cast<Lsn>(1))[200] = std::byte{1};
  const PageSpace::Images images = TakeAll(1);
  space_->MutablePage(Node(0), static_cast<Lsn>(2))[200] = std::byte{2};
  EXPECT_EQ(images.pages[0].data()[200], std::byte{1});
}

TEST_F(PageSpaceTest, RetiredSlotsAreFreeInImagesOnly) {
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

}  // namespace
}  // namespace engram
