#include "index/node_view.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <numeric>
#include <span>
#include <thread>
#include <vector>

#include "storage/base/aligned_buffer.h"

namespace engram {
namespace {

class NodeViewTest : public testing::Test {
 protected:
  static NodeLayout Layout() {
    StoreParameters parameters{};
    parameters.dimensions = 21;
    parameters.m = 3;
    parameters.code_bits = 2;
    return std::move(NodeLayout::Create(parameters)).value();
  }

  NodeViewTest() : vector_(21) { std::iota(vector_.begin(), vector_.end(), -7.5F); }

  NodeContents Contents() const {
    return {.id = 11,
            .version = Lsn{5},
            .valid_from = Lsn{9},
            .timestamp_us = -3,
            .inserted_us = 77,
            .type = 4,
            .upper = 6,
            .level = 2,
            .norm = 12.5F,
            .vector = std::as_bytes(std::span(vector_))};
  }

  const NodeLayout layout_ = Layout();
  std::vector<float> vector_;
  AlignedBuffer memory_{layout_.block_bytes()};
  NodeView node_{memory_.data(), layout_};
};

TEST_F(NodeViewTest, GivesBackWhatWasWritten) {
  node_.WriteNode(Contents());
  EXPECT_EQ(node_.id(), 11U);
  EXPECT_EQ(node_.version(), Lsn{5});
  EXPECT_EQ(node_.valid_from(), Lsn{9});
  EXPECT_EQ(node_.valid_to(), kForever);
  EXPECT_EQ(node_.timestamp_us(), -3);
  EXPECT_EQ(node_.inserted_us(), 77);
  EXPECT_EQ(node_.type(), 4U);
  EXPECT_EQ(node_.upper(), 6U);
  EXPECT_EQ(node_.level(), 2);
  EXPECT_EQ(node_.norm(), 12.5F);
  EXPECT_EQ(node_.links().count(), 0u);
  for (std::uint32_t i = 0; i < layout_.max_links0(); ++i)
    EXPECT_EQ(node_.links()[i], SlotId::kNone);
  ASSERT_EQ(node_.vector().size(), vector_.size());
  EXPECT_EQ(std::memcmp(node_.vector().data(), vector_.data(), vector_.size() * 4), 0);
}

TEST_F(NodeViewTest, EveryByteOfTheBlockIsSetAlike) {
  std::memset(memory_.data(), 0x5a, memory_.size());
  node_.WriteNode(Contents());
  AlignedBuffer other(layout_.block_bytes());
  std::memset(other.data(), 0xc3, other.size());
  NodeView(other.data(), layout_).WriteNode(Contents());
  EXPECT_EQ(std::memcmp(memory_.data(), other.data(), memory_.size()), 0);
}

TEST_F(NodeViewTest, NothingOutsideOfTheBlockIsWritten) {
  AlignedBuffer wide(layout_.block_bytes() + 128);
  std::memset(wide.data(), 0x5a, wide.size());
  NodeView(wide.data() + 64, layout_).WriteNode(Contents());
  for (std::size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(wide.data()[i], std::byte{0x5a});
    EXPECT_EQ(wide.data()[wide.size() - 1 - i], std::byte{0x5a});
  }
}

TEST_F(NodeViewTest, IsVisibleFromItsFirstCommitUntilItsEnd) {
  node_.WriteNode(Contents());
  EXPECT_FALSE(node_.VisibleAt(Lsn{8}));
  EXPECT_TRUE(node_.VisibleAt(Lsn{9}));
  EXPECT_TRUE(node_.VisibleAt(Lsn{1000000}));
  node_.SetValidTo(Lsn{12});
  EXPECT_TRUE(node_.VisibleAt(Lsn{11}));
  EXPECT_FALSE(node_.VisibleAt(Lsn{12}));
}

TEST_F(NodeViewTest, LinksAreKeptByPosition) {
  node_.WriteNode(Contents());
  for (std::uint32_t i = 0; i < layout_.max_links0(); ++i) node_.links().Set(i, SlotId{100 + i});
  node_.links().SetCount(6);
  EXPECT_EQ(node_.links().count(), 6u);
  for (std::uint32_t i = 0; i < layout_.max_links0(); ++i)
    EXPECT_EQ(node_.links()[i], SlotId{100 + i});
  EXPECT_EQ(node_.vector().back(), vector_.back());
  EXPECT_EQ(memory_.data()[layout_.codes_offset()], std::byte{0});
}

// For TSan: a node ends and is linked while others read it.
TEST_F(NodeViewTest, MayEndAndBeLinkedUnderReaders) {
  node_.WriteNode(Contents());
  std::atomic<bool> reading{false};  // relaxed: must not order what it is to show unordered
  std::thread reader([&] {
    const ConstNodeView node(memory_.data(), layout_);
    for (bool ended = false; !ended; std::this_thread::yield()) {
      ended = node.valid_to() == Lsn{20};
      EXPECT_TRUE(node.VisibleAt(Lsn{10}));
      const SlotId link = node.links()[0];
      EXPECT_TRUE(link == SlotId::kNone || link == SlotId{3});
      EXPECT_LE(node.links().count(), 1u);
      reading.store(true, std::memory_order_relaxed);
    }
  });
  while (!reading.load(std::memory_order_relaxed)) std::this_thread::yield();
  node_.links().Set(0, SlotId{3});
  node_.links().SetCount(1);
  node_.SetValidTo(Lsn{20});
  reader.join();
}

}  // namespace
}  // namespace engram
