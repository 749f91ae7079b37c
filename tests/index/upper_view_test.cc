#include "index/upper_view.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "storage/base/aligned_buffer.h"

namespace engram {
namespace {

class UpperViewTest : public testing::Test {
 protected:
  static NodeLayout Layout() {
    StoreParameters parameters{};
    parameters.dimensions = 3;
    parameters.m = 5;
    return std::move(NodeLayout::Create(parameters)).value();
  }

  const NodeLayout layout_ = Layout();
  AlignedBuffer memory_{layout_.upper_block_bytes()};
  UpperView upper_{memory_.data(), layout_};
};

TEST_F(UpperViewTest, GivesBackWhatWasWritten) {
  upper_.Write(SlotId{12}, 3, 77);
  EXPECT_EQ(upper_.node(), SlotId{12});
  EXPECT_EQ(upper_.level(), 3);
  EXPECT_EQ(upper_.above(), 77U);
  EXPECT_EQ(upper_.links().capacity(), 5U);
  EXPECT_EQ(upper_.links().count(), 0U);
  for (std::uint32_t i = 0; i < 5; ++i) EXPECT_EQ(upper_.links()[i], SlotId::kNone);
}

TEST_F(UpperViewTest, EveryByteOfTheBlockIsSetAlike) {
  AlignedBuffer other(layout_.upper_block_bytes());
  std::memset(memory_.data(), 0x5a, memory_.size());
  std::memset(other.data(), 0xc3, other.size());
  upper_.Write(SlotId{1}, 1, kNoUpper);
  UpperView(other.data(), layout_).Write(SlotId{1}, 1, kNoUpper);
  EXPECT_EQ(std::memcmp(memory_.data(), other.data(), memory_.size()), 0);
}

TEST_F(UpperViewTest, NothingOutsideOfTheBlockIsWritten) {
  AlignedBuffer wide(layout_.upper_block_bytes() + 128);
  std::memset(wide.data(), 0x5a, wide.size());
  UpperView inner(wide.data() + 64, layout_);
  inner.Write(SlotId{1}, 1, 2);
  for (std::uint32_t i = 0; i < 5; ++i) inner.links().Set(i, SlotId{i});
  inner.links().SetCount(5);
  for (std::size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(wide.data()[i], std::byte{0x5a});
    EXPECT_EQ(wide.data()[wide.size() - 1 - i], std::byte{0x5a});
  }
}

TEST_F(UpperViewTest, LinksLeaveTheHeaderAlone) {
  upper_.Write(SlotId{12}, 3, 77);
  for (std::uint32_t i = 0; i < 5; ++i) upper_.links().Set(i, SlotId{100 + i});
  upper_.links().SetCount(5);
  EXPECT_EQ(upper_.node(), SlotId{12});
  EXPECT_EQ(upper_.level(), 3);
  EXPECT_EQ(upper_.above(), 77U);
  EXPECT_EQ(upper_.links().count(), 5U);
  EXPECT_EQ(upper_.links()[4], SlotId{104});
}

// For TSan: links change while a reader looks.
TEST_F(UpperViewTest, MayBeLinkedUnderReaders) {
  upper_.Write(SlotId{12}, 1, kNoUpper);
  std::atomic<bool> reading{false};  // relaxed: must not order what it is to show unordered
  std::thread reader([&] {
    const ConstUpperView upper(memory_.data(), layout_);
    for (bool done = false; !done; std::this_thread::yield()) {
      const ConstLinks links = upper.links();
      done = links[4] == SlotId{999};
      EXPECT_LE(links.count(), 5U);
      EXPECT_EQ(upper.node(), SlotId{12});
      reading.store(true, std::memory_order_relaxed);
    }
  });
  while (!reading.load(std::memory_order_relaxed)) std::this_thread::yield();
  for (std::uint32_t i = 0; i < 1000; ++i) {
    upper_.links().Set(i % 5, SlotId{i});
    upper_.links().SetCount(i % 5 + 1);
  }
  reader.join();
}

}  // namespace
}  // namespace engram
