// Segments that become shorter, and longer again, in memory: resident and mapped.
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/base/coding.h"
#include "storage/page_file.h"
#include "storage/slot_bits.h"
#include "tests/storage/page_space_fixture.h"

namespace engram {
namespace {

constexpr auto kNodes = SegmentKind::kNodes;
constexpr auto kUpper = SegmentKind::kUpper;
constexpr auto kNodeSlots = SegmentKind::kNodeSlots;

class PageSpaceCutTest : public PageSpaceTest {
 protected:
  bool mapped() const { return GetParam() == Residency::kMapped; }

  void Cut(SegmentKind segment, std::uint32_t pages) {
    ASSERT_TRUE(file_->CutSegment(segment, pages).ok());
    space_->Cut(segment, pages);
  }
  void ReleaseMemory(SegmentKind segment) {
    const Status status = space_->ReleaseMemory(segment);
    ASSERT_TRUE(status.ok()) << status;
  }
  // Bytes of the page as memory has them. The compiler knows nothing of a view that changes.
  std::byte Seen(PageRef ref, std::size_t at = 200) const {
    return const_cast<const volatile std::byte*>(space_->page(ref))[at];
  }
  void Put(PageRef ref, std::uint8_t value) {
    space_->MutablePage(ref, static_cast<Lsn>(1))[200] = std::byte{value};
  }
  void PutAll(SegmentKind segment, std::uint32_t first, std::uint32_t end, std::uint8_t value) {
    for (std::uint32_t i = first; i < end; ++i) Put({segment, static_cast<PageId>(i)}, value);
  }
  // All that is dirty, in place, and a superblock; copies dropped.
  void MakeCheckpoint() {
    auto images = TakeAll(1 << 20);
    WriteImages(images);
    Checkpoint(*file_, Raw(file_->superblock().lsn) + 1);
    Drop(images);
  }
  bool IsInMemory(const std::byte* page) const {
    unsigned char in_memory = 0;
    EXPECT_EQ(::mincore(const_cast<std::byte*>(page), 4096, &in_memory), 0);
    return (in_memory & 1) != 0;
  }
};

INSTANTIATE_TEST_SUITE_P(Residencies, PageSpaceCutTest, kResidencies, NameOfResidency);

TEST_P(PageSpaceCutTest, PagesThatWereCutAreNotDirtyAndInNoImage) {
  Extend(kNodes, 300);
  Extend(kNodeSlots, 2);
  std::vector<PageRef> left;
  for (const std::uint32_t page : {0u, 63u, 64u, 69u, 70u, 127u, 128u, 192u, 299u}) {
    Put(Node(page), 1);
    if (page < 70) left.push_back(Node(page));
  }
  Put({kNodeSlots, PageId{1}}, 1);
  Cut(kNodes, 70);
  EXPECT_EQ(space_->page_count(kNodes), 70u);
  EXPECT_EQ(space_->dirty_pages(), 5u);
  EXPECT_EQ(space_->dirty_bytes(), 4u * 8192 + 4096);
  EXPECT_EQ(space_->copied_bytes(), mapped() ? 4u * 8192 : 0u);
  Cut(kNodes, 70);
  left.push_back({kNodeSlots, PageId{1}});
  EXPECT_EQ(TakeAll(1 << 20).refs, left);
  Extend(kNodes, 310);
  EXPECT_EQ(space_->dirty_pages(), 0u) << "what comes again is clean";
  EXPECT_TRUE(TakeAll(1 << 20).refs.empty());
}

TEST_P(PageSpaceCutTest, WhatWasCutStaysUntilItIsReleased) {
  for (const SegmentKind segment : {kNodes, kUpper}) {
    Extend(segment, 20);
    PutAll(segment, 0, 20, 7);
    const std::uint64_t before = space_->memory_bytes();
    Cut(segment, 5);
    const PageRef last{segment, PageId{4}};
    const PageRef gone{segment, PageId{19}};
    EXPECT_EQ(Seen(gone), std::byte{7});
    const bool views = space_->IsMapped(segment);
    EXPECT_EQ(space_->memory_bytes(), views ? before - 15 * 8192 : before)
        << "copies that nobody writes are not counted, memory is";
    ReleaseMemory(segment);
    EXPECT_EQ(space_->memory_bytes(), before - 15 * 8192);
    EXPECT_EQ(Seen(last), std::byte{7});
    EXPECT_FALSE(IsInMemory(space_->page(gone)));
    ReleaseMemory(segment);
    EXPECT_EQ(Seen(last), std::byte{7});
  }
}

TEST_P(PageSpaceCutTest, WhatComesAgainBeforeTheReleaseIsZeroAndOutlivesIt) {
  for (const SegmentKind segment : {kNodes, kUpper, kNodeSlots}) {
    const std::uint32_t size = file_->PageBytes(segment);
    Extend(segment, 40);
    PutAll(segment, 0, 40, 7);
    Cut(segment, 10);
    Extend(segment, 25);
    for (std::uint32_t i = 10; i < 25; ++i) {
      const PageRef ref{segment, static_cast<PageId>(i)};
      const std::byte* page = space_->IsMapped(segment) ? space_->MutablePage(ref, Lsn{2})
                                                        : space_->page(ref) + kPageHeaderBytes;
      const std::size_t header = space_->IsMapped(segment) ? kPageHeaderBytes : 0;
      EXPECT_TRUE(IsNeverWritten({page + header, size - kPageHeaderBytes})) << i;
    }
    PutAll(segment, 10, 25, 8);
    ReleaseMemory(segment);
    EXPECT_EQ(Seen({segment, PageId{9}}), std::byte{7});
    EXPECT_EQ(Seen({segment, PageId{24}}), std::byte{8});
    // And behind the release.
    Extend(segment, 60);
    PutAll(segment, 25, 60, 9);
    EXPECT_EQ(Seen({segment, PageId{24}}), std::byte{8});
    EXPECT_EQ(Seen({segment, PageId{59}}), std::byte{9});
  }
  EXPECT_TRUE(space_->CheckFaults().ok());
}

TEST_P(PageSpaceCutTest, GrowingTwiceOverWhatWasCutGivesZerosEachTime) {
  Extend(kUpper, 40);
  PutAll(kUpper, 0, 40, 7);
  Cut(kUpper, 10);
  Extend(kUpper, 20);
  PutAll(kUpper, 10, 20, 8);
  Cut(kUpper, 15);
  Extend(kUpper, 60);
  for (std::uint32_t i = 15; i < 60; ++i) {
    EXPECT_TRUE(IsNeverWritten({space_->page({kUpper, static_cast<PageId>(i)}), 8192})) << i;
  }
  EXPECT_EQ(Seen({kUpper, PageId{14}}), std::byte{8});
}

TEST_P(PageSpaceCutTest, WhoStillLooksAtStatesThatWereCutFindsThemFree) {
  Extend(kNodeSlots, 3);
  std::byte* base = space_->mutable_base(kNodeSlots);
  PutAll(kNodeSlots, 0, 3, 0);
  StoreSlotState(base, 5, SlotState::kLive);
  const std::uint32_t slot = 2 * kSlotsPerPage + 7;
  StoreSlotState(base, slot, SlotState::kDead);
  StoreSlotState(base, slot, SlotState::kFree);
  Cut(kNodeSlots, 1);
  EXPECT_EQ(LoadSlotState(base, slot), SlotState::kFree);
  Extend(kNodeSlots, 3);
  EXPECT_EQ(LoadSlotState(base, slot), SlotState::kFree);
  EXPECT_EQ(LoadSlotState(base, 5), SlotState::kLive);
  Put({kNodeSlots, PageId{2}}, 0);
  StoreSlotState(base, slot, SlotState::kLive);
  EXPECT_EQ(LoadSlotState(base, slot), SlotState::kLive);
}

TEST_P(PageSpaceCutTest, SpaceGoesBackAndTheSegmentGrowsAgainAtTheSamePlace) {
  Extend(kNodes, 8);
  Extend(kNodes, 16);
  PutAll(kNodes, 0, 16, 7);
  MakeCheckpoint();
  const std::uint64_t place = file_->FileOffset(Node(8));
  Cut(kNodes, 8);
  MakeCheckpoint();
  ReleaseMemory(kNodes);
  ASSERT_TRUE(file_->ReleaseUnused().ok());
  // The very extent that was there, as far as numbers say: it is mapped anew.
  Extend(kNodes, 16);
  EXPECT_EQ(file_->FileOffset(Node(8)), place);
  PutAll(kNodes, 8, 16, 9);
  EXPECT_EQ(Seen(Node(7)), std::byte{7});
  EXPECT_EQ(Seen(Node(15)), std::byte{9});
  MakeCheckpoint();
  EXPECT_EQ(Seen(Node(15)), std::byte{9});
  EXPECT_TRUE(space_->CheckFaults().ok());
  EXPECT_TRUE(space_->writer_errors().first().ok());
}

// What only views of a file do.
class MappedCutTest : public PageSpaceCutTest {
 protected:
  // Eight pages that a checkpoint has written, as an opening finds them.
  void SetUp() override {
    PageSpaceCutTest::SetUp();
    Extend(kNodes, 8);
    PutAll(kNodes, 0, 8, 7);
    MakeCheckpoint();
    file_ = Open();
    MakeSpace(8);
  }
  bool MayUse(std::uint32_t page) {
    PageErrors errors;
    const bool may = space_->Guard(errors).MayUse(static_cast<PageId>(page));
    EXPECT_FALSE(errors.any()) << errors.first();
    return may;
  }
  // Something that looks like the page lies in the file, as an unfinished checkpoint leaves it.
  void LeaveInFile(std::uint32_t page) {
    WriteAt(path_, file_->FileOffset(Node(page)), MakePage(Node(page), 8192, 77));
  }
};

INSTANTIATE_TEST_SUITE_P(Residencies, MappedCutTest, testing::Values(Residency::kMapped));

TEST_P(MappedCutTest, APageThatComesAgainShowsNothingThatLiesInTheFile) {
  EXPECT_TRUE(MayUse(5));  // found right: of the page that goes
  Put(Node(6), 8);
  EXPECT_EQ(space_->copied_bytes(), 8192u);
  Cut(kNodes, 4);
  EXPECT_EQ(space_->copied_bytes(), 0u);
  Extend(kNodes, 8);
  for (std::uint32_t page = 4; page < 8; ++page) LeaveInFile(page);
  EXPECT_TRUE(MayUse(3));
  for (std::uint32_t page = 4; page < 8; ++page) {
    EXPECT_TRUE(space_->IsUnwritten(static_cast<PageId>(page))) << page;
    EXPECT_FALSE(MayUse(page)) << page;
    const std::byte* bytes = space_->MutablePage(Node(page), Lsn{5});
    EXPECT_TRUE(IsNeverWritten({bytes + kPageHeaderBytes, 8192 - kPageHeaderBytes})) << page;
    EXPECT_TRUE(MayUse(page)) << page;
  }
  EXPECT_EQ(space_->copied_bytes(), 4u * 8192);
  EXPECT_TRUE(space_->writer_errors().first().ok());
  PutAll(kNodes, 4, 8, 9);
  MakeCheckpoint();
  EXPECT_EQ(space_->copied_bytes(), 0u);
  for (std::uint32_t page = 4; page < 8; ++page) EXPECT_EQ(Seen(Node(page)), std::byte{9});
}

TEST_P(MappedCutTest, APageThatComesAgainIsNotHeldAgainstTheOneThatWent) {
  WriteAt(path_, file_->FileOffset(Node(6)) + 4000, std::vector<std::byte>(1, std::byte{1}));
  Cut(kNodes, 6);
  Extend(kNodes, 8);
  EXPECT_FALSE(MayUse(6));
  Put(Node(6), 3);
  EXPECT_TRUE(MayUse(6));
  EXPECT_EQ(Seen(Node(6)), std::byte{3});
  // Where it did not go, it is.
  MakeSpace(8);
  WriteAt(path_, file_->FileOffset(Node(5)) + 4000, std::vector<std::byte>(1, std::byte{1}));
  PageErrors errors;
  EXPECT_FALSE(space_->Guard(errors).MayUse(PageId{5}));
  EXPECT_EQ(errors.first().code(), Code::kCorruptedIndex);
}

TEST_P(MappedCutTest, CopiesOfPagesThatWentAreNotDropped) {
  PutAll(kNodes, 0, 8, 8);
  auto images = TakeAll(1 << 20);
  WriteImages(images);
  Cut(kNodes, 4);
  Extend(kNodes, 8);
  Put(Node(5), 9);
  Drop(images);
  EXPECT_EQ(space_->copied_bytes(), 8192u);
  EXPECT_EQ(Seen(Node(5)), std::byte{9});
  EXPECT_EQ(Seen(Node(3)), std::byte{8});
}

TEST_P(MappedCutTest, TheEndOfTheFileGoesUnderNoViewThatWasReleased) {
  Cut(kNodes, 3);
  MakeCheckpoint();
  ReleaseMemory(kNodes);
  ASSERT_TRUE(file_->ReleaseUnused().ok());
  EXPECT_EQ(fs_->Stat(path_)->size, kFirstExtentOffset + 3 * 8192);
  for (std::uint32_t page = 0; page < 3; ++page) {
    EXPECT_TRUE(MayUse(page));
    EXPECT_EQ(Seen(Node(page)), std::byte{7});
  }
  EXPECT_TRUE(space_->CheckFaults().ok());
}

// Segments live and die at random beside a plain model; what is seen is always what the model has,
// after a reopening what it had at the checkpoint.
TEST_P(PageSpaceCutTest, RandomHistoryAgreesWithAPlainModel) {
  struct Model {
    std::vector<std::uint8_t> values;  // of pages in use: the first ones, as with slots
  };
  std::mt19937_64 random(TestSeed(21));
  std::map<SegmentKind, Model> now = {{kNodes, {}}, {kUpper, {}}};
  std::map<SegmentKind, Model> durable = now;
  const auto check = [&](int step) {
    for (const auto& [segment, model] : now) {
      for (std::size_t i = 0; i < model.values.size(); ++i) {
        const PageRef ref{segment, static_cast<PageId>(i)};
        PageErrors errors;
        if (space_->IsMapped(segment)) {
          ASSERT_TRUE(space_->Guard(errors).MayUse(ref.page)) << step << ": " << errors.first();
        }
        ASSERT_EQ(Seen(ref), std::byte{model.values[i]}) << step << ": " << Describe(ref);
      }
      for (std::size_t i = model.values.size(); i < space_->page_count(segment); ++i) {
        const PageRef ref{segment, static_cast<PageId>(i)};
        if (space_->IsMapped(segment)) {
          ASSERT_TRUE(space_->IsUnwritten(ref.page)) << step << ": " << Describe(ref);
        } else {
          ASSERT_EQ(Seen(ref), std::byte{0}) << step << ": " << Describe(ref);
        }
      }
    }
    ASSERT_TRUE(space_->CheckFaults().ok()) << step;
    ASSERT_TRUE(space_->writer_errors().first().ok()) << step;
  };
  for (int step = 0; step < 400; ++step) {
    const SegmentKind segment = random() % 3 == 0 ? kUpper : kNodes;
    std::vector<std::uint8_t>& values = now[segment].values;
    const std::uint32_t pages = file_->PageCount(segment);
    switch (random() % 12) {
      case 0:
      case 1:
        Extend(segment, pages + 1 + static_cast<std::uint32_t>(random() % 40));
        break;
      case 2:
      case 3:
      case 4:
      case 5:  // into new pages and old ones
        for (std::uint64_t n = random() % 30; n > 0 && values.size() < pages; --n) {
          values.push_back(0);
          values.back() = static_cast<std::uint8_t>(1 + random() % 255);
          Put({segment, static_cast<PageId>(values.size() - 1)}, values.back());
        }
        for (std::uint64_t n = random() % 10; n > 0 && !values.empty(); --n) {
          const std::size_t i = random() % values.size();
          values[i] = static_cast<std::uint8_t>(1 + random() % 255);
          Put({segment, static_cast<PageId>(i)}, values[i]);
        }
        break;
      case 6:
      case 7: {
        const auto left = static_cast<std::uint32_t>(random() % (pages + 1));
        Cut(segment, left);
        values.resize(std::min<std::size_t>(values.size(), left));
        break;
      }
      case 8:
        MakeCheckpoint();
        durable = now;
        break;
      case 9:
        ReleaseMemory(segment);
        break;
      case 10:  // in the order of a store that compacts
        MakeCheckpoint();
        durable = now;
        ReleaseMemory(kNodes);
        ReleaseMemory(kUpper);
        ASSERT_TRUE(file_->ReleaseUnused().ok());
        break;
      case 11: {
        if (random() % 3 != 0) break;
        file_ = Open();
        now = durable;
        MakeSpace(static_cast<std::uint32_t>(now[kNodes].values.size()));
        for (const auto& [kind, model] : now) {
          const auto count = static_cast<std::uint32_t>(model.values.size());
          if (space_->IsMapped(kind) || count == 0) continue;
          const std::span<std::byte> bytes(space_->mutable_base(kind), count * 8192);
          ASSERT_TRUE(file_->ReadPages(kind, 0, count, bytes).ok());
        }
        break;
      }
    }
    check(step);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace engram
