#include "storage/slot_bits.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "storage/base/aligned_buffer.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

TEST(SlotBits, FourSlotsShareAByteAndPagesBeginBehindTheirHeader) {
  AlignedBuffer pages(2 * kBlockBytes);
  std::memset(pages.data(), 0, pages.size());
  StoreSlotState(pages.data(), 0, SlotState::kLive);
  StoreSlotState(pages.data(), 3, SlotState::kRetired);
  StoreSlotState(pages.data(), 5, SlotState::kDead);
  StoreSlotState(pages.data(), kSlotsPerPage - 1, SlotState::kLive);
  StoreSlotState(pages.data(), kSlotsPerPage, SlotState::kDead);
  EXPECT_EQ(pages.data()[kPageHeaderBytes], std::byte{0xc1});
  EXPECT_EQ(pages.data()[kPageHeaderBytes + 1], std::byte{0x08});
  EXPECT_EQ(pages.data()[kBlockBytes - 1], std::byte{0x40});
  EXPECT_EQ(pages.data()[kBlockBytes + kPageHeaderBytes], std::byte{0x02});
  EXPECT_EQ(SlotBitsPage(kSlotsPerPage), PageId{1});
  EXPECT_EQ(SlotBitsOffsetInPage(kSlotsPerPage), kPageHeaderBytes);
}

TEST(SlotBits, EachSlotHasItsOwnState) {
  std::mt19937_64 random(TestSeed(9));
  AlignedBuffer pages(3 * kBlockBytes);
  std::memset(pages.data(), 0, pages.size());
  std::vector<SlotState> expected(3 * kSlotsPerPage, SlotState::kFree);
  for (int i = 0; i < 200000; ++i) {
    const auto slot = static_cast<std::uint32_t>(random() % expected.size());
    expected[slot] = static_cast<SlotState>(random() % 4);
    StoreSlotState(pages.data(), slot, expected[slot]);
  }
  for (std::uint32_t slot = 0; slot < expected.size(); ++slot) {
    ASSERT_EQ(LoadSlotState(pages.data(), slot), expected[slot]) << slot;
    ASSERT_EQ(SlotStateIn(LoadSlotWord(pages.data(), slot), slot), expected[slot]) << slot;
  }
  for (std::size_t page = 0; page < 3; ++page) {
    for (std::size_t i = 0; i < kPageHeaderBytes; ++i) {
      EXPECT_EQ(pages.data()[page * kBlockBytes + i], std::byte{0});
    }
  }
}

// For TSan: what was written before a slot became live is seen by whoever sees it live, also where
// a later change of a neighbour in the same word is what the reader loads.
TEST(SlotBits, AStatePublishesWhatWasWrittenBefore) {
  AlignedBuffer pages(kBlockBytes);
  std::memset(pages.data(), 0, pages.size());
  std::vector<int> blocks(64, 0);
  std::thread reader([&] {
    // Until all are live, so that each block is read after it was written, whatever the scheduler.
    for (std::size_t live = 0; live < blocks.size();) {
      live = 0;
      for (std::uint32_t slot = 0; slot < blocks.size(); ++slot) {
        if (LoadSlotState(pages.data(), slot) != SlotState::kLive) continue;
        EXPECT_EQ(blocks[slot], 1);
        ++live;
      }
      std::this_thread::yield();
    }
  });
  for (std::uint32_t slot = 0; slot < blocks.size(); ++slot) {
    blocks[slot] = 1;
    StoreSlotState(pages.data(), slot, SlotState::kLive);
  }
  reader.join();
}

}  // namespace
}  // namespace engram
