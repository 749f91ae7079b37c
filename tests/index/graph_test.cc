#include "index/graph.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "index/graph_search.h"
#include "tests/index/graph_fixture.h"

namespace engram {
namespace {

class GraphTest : public testing::Test {
 protected:
  GraphTest() {
    for (std::uint32_t slot = 0; slot < 6; ++slot) {
      const std::vector<float> vector{static_cast<float>(slot)};
      memory_.Write(SlotId{slot}, slot + 1, vector, slot % 4);
    }
  }

  // The header of an upper block, as a damaged page might have it.
  UpperHeader& Header(SlotId slot, std::uint32_t level) {
    const std::uint32_t block = graph_.UpperBlock(slot, level).value();
    return const_cast<UpperHeader&>(*reinterpret_cast<const UpperHeader*>(
        reinterpret_cast<const std::byte*>(graph_.Upper(block).links().data()) -
        sizeof(UpperHeader)));
  }
  NodeHeader& Header(SlotId slot) {
    return const_cast<NodeHeader&>(*reinterpret_cast<const NodeHeader*>(graph_.Block(slot)));
  }

  MemoryGraph memory_{{.dimensions = 1, .m = 3, .slots = 10, .upper_blocks = 12}};
  const Graph graph_ = memory_.graph();
};

TEST_F(GraphTest, FindsNodesTheirStatesAndTheirLists) {
  memory_.SetList(SlotId{3}, 0, {SlotId{1}, SlotId{2}});
  memory_.SetList(SlotId{3}, 2, {SlotId{2}});
  EXPECT_EQ(graph_.Node(SlotId{3}).id(), 4U);
  EXPECT_EQ(graph_.state(SlotId{3}), SlotState::kLive);
  EXPECT_EQ(graph_.state(SlotId{9}), SlotState::kFree);
  EXPECT_EQ(graph_.LinksAt(SlotId{3}, 0).count(), 2U);
  EXPECT_EQ(graph_.LinksAt(SlotId{3}, 0).capacity(), 6U);
  EXPECT_EQ(graph_.LinksAt(SlotId{3}, 1).count(), 0U);
  EXPECT_EQ(graph_.LinksAt(SlotId{3}, 1).capacity(), 3U);
  EXPECT_EQ(graph_.LinksAt(SlotId{3}, 2)[0], SlotId{2});
}

TEST_F(GraphTest, HasWhatLiesInMemoryAlone) {
  EXPECT_TRUE(graph_.Has(SlotId{9}));
  EXPECT_FALSE(graph_.Has(SlotId{10}));
  EXPECT_FALSE(graph_.Has(SlotId::kNone));
  EXPECT_TRUE(graph_.HasUpper(11));
  EXPECT_FALSE(graph_.HasUpper(12));
  EXPECT_FALSE(graph_.HasUpper(kNoUpper));
}

TEST_F(GraphTest, ANodeHasNoListAboveItsLevel) {
  EXPECT_FALSE(graph_.UpperBlock(SlotId{0}, 1).has_value());
  EXPECT_FALSE(graph_.UpperBlock(SlotId{2}, 3).has_value());
  EXPECT_FALSE(graph_.UpperBlock(SlotId{2}, 31).has_value());
  EXPECT_EQ(graph_.LinksAt(SlotId{2}, 3).capacity(), 0U);
}

TEST_F(GraphTest, EachLevelHasABlockOfItsOwn) {
  const auto low = graph_.UpperBlock(SlotId{3}, 1);
  const auto middle = graph_.UpperBlock(SlotId{3}, 2);
  const auto high = graph_.UpperBlock(SlotId{3}, 3);
  ASSERT_TRUE(low && middle && high);
  EXPECT_EQ(graph_.Upper(*low).above(), *middle);
  EXPECT_EQ(graph_.Upper(*middle).above(), *high);
  EXPECT_EQ(graph_.Upper(*high).above(), kNoUpper);
  EXPECT_EQ(graph_.Upper(*high).level(), 3);
}

// A chain of upper blocks, damaged: the list is then missing, and nothing outside is looked at.
TEST_F(GraphTest, ADamagedChainOfUpperBlocksEndsWhereItIsDamaged) {
  const SlotId node{3};
  const std::vector<std::function<void()>> damages = {
      [&] { Header(node).upper = kNoUpper; },
      [&] { Header(node).upper = 12; },
      [&] { Header(node).upper = 0x7fffffff; },
      [&] { Header(node).upper = graph_.UpperBlock(SlotId{2}, 1).value(); },  // another's
      [&] { Header(node).upper = graph_.UpperBlock(SlotId{3}, 2).value(); },  // of level 2
      [&] { Header(node, 1).node = 2; },
      [&] { Header(node, 1).level = 2; },
      [&] { Header(node, 1).above = kNoUpper; },
      [&] { Header(node, 1).above = 4000; },
      [&] { Header(node, 1).above = graph_.UpperBlock(SlotId{3}, 1).value(); },  // a ring
      [&] { Header(node, 2).level = 0; },
  };
  for (std::size_t i = 0; i < damages.size(); ++i) {
    const NodeHeader header = Header(node);
    UpperHeader& low = Header(node, 1);
    UpperHeader& middle = Header(node, 2);
    const UpperHeader old_low = low;
    const UpperHeader old_middle = middle;
    damages[i]();
    EXPECT_FALSE(graph_.UpperBlock(node, 2).has_value()) << i;
    EXPECT_FALSE(graph_.UpperBlock(node, 3).has_value()) << i;
    EXPECT_EQ(graph_.LinksAt(node, 2).count(), 0U) << i;
    Header(node) = header;
    low = old_low;
    middle = old_middle;
    EXPECT_TRUE(graph_.UpperBlock(node, 3).has_value()) << i;
  }
}

TEST_F(GraphTest, ALevelBeyondAllIsAnEmptyList) {
  Header(SlotId{3}).level = 255;
  EXPECT_EQ(graph_.LinksAt(SlotId{3}, 200).count(), 0U);
  EXPECT_FALSE(graph_.UpperBlock(SlotId{3}, 255).has_value());
}

TEST_F(GraphTest, ALinkCountBeyondTheListIsTheListsLength) {
  Header(SlotId{1}).link_count = 0xffff;
  Header(SlotId{1}, 1).link_count = 0xffff;
  EXPECT_EQ(graph_.LinksAt(SlotId{1}, 0).count(), 6U);
  EXPECT_EQ(graph_.LinksAt(SlotId{1}, 1).count(), 3U);
}

}  // namespace
}  // namespace engram
