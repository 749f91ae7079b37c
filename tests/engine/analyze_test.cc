#include "engine/analyze.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <random>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "storage/base/aligned_buffer.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

constexpr std::uint32_t kSlots = 64;
constexpr std::uint32_t kUpperBlocks = 8;
constexpr Lsn kNow{100};

// A graph in memory that no engine made: nodes and links as each test wants them.
class AnalyzeGraphTest : public ::testing::Test {
 protected:
  static NodeLayout Layout() {
    StoreParameters parameters{};
    parameters.dimensions = 4;
    parameters.m = 2;
    return std::move(NodeLayout::Create(parameters)).value();
  }

  AnalyzeGraphTest() {
    std::memset(nodes_.data(), 0, nodes_.size());
    std::memset(upper_.data(), 0, upper_.size());
    std::memset(slots_.data(), 0, slots_.size());
  }

  Graph graph() const {
    return Graph({.nodes = nodes_.data(),
                  .upper = upper_.data(),
                  .node_slots = slots_.data(),
                  .layout = &layout_,
                  .node_limit = kSlots,
                  .upper_limit = kUpperBlocks});
  }
  NodeView Node(std::uint32_t slot) {
    return {nodes_.data() + layout_.OffsetInSegment(SlotId{slot}), layout_};
  }
  UpperView Upper(std::uint32_t block) {
    return {upper_.data() +
                std::size_t{static_cast<std::uint32_t>(layout_.UpperPageOf(block))} *
                    layout_.page_bytes() +
                layout_.UpperOffsetInPage(block),
            layout_};
  }

  void Add(std::uint32_t slot, std::uint8_t level = 0, std::uint32_t upper = kNoUpper,
           Lsn from = Lsn{1}, const std::array<float, 4>& vector = {1, 2, 3, 4}) {
    Node(slot).WriteNode({.id = slot + 1,
                          .version = from,
                          .valid_from = from,
                          .upper = upper,
                          .level = level,
                          .vector = std::as_bytes(std::span(vector))});
    StoreSlotState(slots_.data(), slot, SlotState::kLive);
  }
  void End(std::uint32_t slot, Lsn lsn) {
    Node(slot).SetValidTo(lsn);
    StoreSlotState(slots_.data(), slot, SlotState::kDead);
  }
  static void Set(Links links, std::initializer_list<std::uint32_t> neighbours) {
    std::uint32_t at = 0;
    for (const std::uint32_t neighbour : neighbours) links.Set(at++, SlotId{neighbour});
    links.SetCount(at);
  }
  void Link(std::uint32_t slot, std::initializer_list<std::uint32_t> neighbours) {
    Set(Node(slot).links(), neighbours);
  }
  void AddVector(std::uint32_t slot, const std::array<float, 4>& vector) {
    Add(slot, 0, kNoUpper, Lsn{1}, vector);
  }
  GraphReport Analyze(std::uint32_t entry, Lsn at = kNow) const {
    return AnalyzeGraph(graph(), {SlotId{entry}, 0}, at);
  }

  const NodeLayout layout_ = Layout();
  AlignedBuffer nodes_{std::size_t{kSlots} * layout_.page_bytes()};
  AlignedBuffer upper_{std::size_t{kUpperBlocks} * layout_.page_bytes()};
  AlignedBuffer slots_{kBlockBytes};
};

constexpr std::uint32_t kClear = static_cast<std::uint32_t>(SlotId::kNone);

TEST_F(AnalyzeGraphTest, OfAnEmptyGraphNothingIsCounted) {
  const GraphReport report = Analyze(kClear);
  EXPECT_EQ(report.lsn, kNow);
  EXPECT_EQ(report.count, 0U);
  EXPECT_EQ(report.dead, 0U);
  EXPECT_EQ(report.unreachable, 0U);
  EXPECT_EQ(report.components, 0U);
  EXPECT_TRUE(report.levels.empty());
}

TEST_F(AnalyzeGraphTest, DegreesAreCountedBothWays) {
  for (std::uint32_t slot = 0; slot < 5; ++slot) Add(slot);
  Link(0, {1, 2, 3, 4});
  Link(1, {0});
  Link(2, {0, 1});
  Link(3, {kClear, 0, kClear});  // positions may be clear
  const GraphReport report = Analyze(0);
  EXPECT_EQ(report.count, 5U);
  EXPECT_EQ(report.out_degrees, (std::vector<std::uint64_t>{1, 2, 1, 0, 1}));
  ASSERT_EQ(report.in_degrees.size(), 17U);
  EXPECT_EQ(report.in_degrees[1], 3U);  // 2, 3, 4
  EXPECT_EQ(report.in_degrees[2], 1U);  // 1
  EXPECT_EQ(report.in_degrees[3], 1U);  // 0
  EXPECT_EQ(report.most_in_links, 3U);
  ASSERT_EQ(report.levels.size(), 1U);
  EXPECT_EQ(report.levels[0].nodes, 5U);
  EXPECT_EQ(report.levels[0].links, 8U);
  EXPECT_EQ(report.levels[0].least_links, 0U);
  EXPECT_EQ(report.levels[0].most_links, 4U);
  EXPECT_EQ(report.unreachable, 0U);
  EXPECT_EQ(report.components, 1U);
}

TEST_F(AnalyzeGraphTest, AHubBeyondTheHistogramIsCountedInItsLastElement) {
  for (std::uint32_t slot = 0; slot < 40; ++slot) Add(slot);
  for (std::uint32_t slot = 1; slot < 40; ++slot) Link(slot, {0});
  const GraphReport report = Analyze(0);
  EXPECT_EQ(report.in_degrees.back(), 1U);
  EXPECT_EQ(report.most_in_links, 39U);
}

TEST_F(AnalyzeGraphTest, WhatOnlyPointsAtOthersIsUnreachableAndNoPartOfItsOwn) {
  for (std::uint32_t slot = 0; slot < 6; ++slot) Add(slot);
  Link(0, {1});
  Link(1, {0});
  Link(2, {0});  // nothing leads to it
  Link(3, {4});  // these two have only each other
  Link(4, {3});
  const GraphReport report = Analyze(0);  // 5 has nobody
  EXPECT_EQ(report.unreachable, 4U);
  EXPECT_EQ(report.components, 3U);
}

TEST_F(AnalyzeGraphTest, WalksLeadOverDeadNodesButPartsDoNot) {
  for (std::uint32_t slot = 0; slot < 3; ++slot) Add(slot);
  Link(0, {1});
  Link(1, {2});
  End(1, Lsn{50});
  const GraphReport report = Analyze(0);
  EXPECT_EQ(report.count, 2U);
  EXPECT_EQ(report.dead, 1U);
  EXPECT_EQ(report.unreachable, 0U);
  EXPECT_EQ(report.components, 2U);
  EXPECT_EQ(report.levels[0].links, 0U);
  EXPECT_EQ(report.levels[0].links_to_dead, 1U);
  EXPECT_EQ(report.out_degrees[1], 1U);
  EXPECT_EQ(report.in_degrees[0], 2U);  // the link of a dead node does not count
}

TEST_F(AnalyzeGraphTest, ADeadEntryIsWhereWalksBegin) {
  Add(0);
  Add(1);
  Link(0, {1});
  End(0, Lsn{50});
  EXPECT_EQ(Analyze(0).unreachable, 0U);
  EXPECT_EQ(Analyze(1).unreachable, 0U);
  EXPECT_EQ(Analyze(kClear).unreachable, 1U);
}

TEST_F(AnalyzeGraphTest, CountsWhatTheStateSees) {
  Add(0);
  Add(1);
  Add(2, 0, kNoUpper, Lsn{60});
  End(1, Lsn{50});
  Link(0, {1, 2});
  const GraphReport early = Analyze(0, Lsn{40});
  EXPECT_EQ(early.count, 2U);  // 0 and 1
  EXPECT_EQ(early.dead, 0U);
  EXPECT_EQ(early.levels[0].links, 1U);
  const GraphReport late = Analyze(0, Lsn{60});
  EXPECT_EQ(late.count, 2U);  // 0 and 2
  EXPECT_EQ(late.dead, 1U);
  EXPECT_EQ(late.levels[0].links, 1U);
  EXPECT_EQ(late.levels[0].links_to_dead, 1U);
}

TEST_F(AnalyzeGraphTest, LevelsAreCountedFromUpperBlocks) {
  Add(0, 2, 0);
  Add(1, 1, 2);
  Add(2);
  Upper(0).Write(SlotId{0}, 1, 1);
  Upper(1).Write(SlotId{0}, 2, kNoUpper);
  Upper(2).Write(SlotId{1}, 1, kNoUpper);
  Set(Upper(0).links(), {1});
  Set(Upper(2).links(), {0});
  const GraphReport report = Analyze(0);
  ASSERT_EQ(report.levels.size(), 3U);
  EXPECT_EQ(report.levels[0].nodes, 3U);
  EXPECT_EQ(report.levels[1].nodes, 2U);
  EXPECT_EQ(report.levels[1].links, 2U);
  EXPECT_EQ(report.levels[1].least_links, 1U);
  EXPECT_EQ(report.levels[2].nodes, 1U);
  EXPECT_EQ(report.levels[2].most_links, 0U);
}

TEST_F(AnalyzeGraphTest, EachLevelIsWalkedByItself) {
  for (const std::uint32_t slot : {0U, 1U, 2U}) {
    Add(slot, 1, slot);
    Upper(slot).Write(SlotId{slot}, 1, kNoUpper);
  }
  Set(Upper(0).links(), {1});
  Set(Upper(1).links(), {0});
  Set(Upper(2).links(), {0});  // nothing leads to it at level 1
  Link(0, {2});                // nor to 1 at level 0
  const GraphReport report = Analyze(0);
  ASSERT_EQ(report.levels.size(), 2U);
  EXPECT_EQ(report.levels[1].unreached, 1U);
  EXPECT_EQ(report.levels[0].unreached, 1U);
  EXPECT_EQ(report.unreachable, 1U);
  EXPECT_EQ(Analyze(2).levels[1].unreached, 0U);  // by way of 0
}

TEST_F(AnalyzeGraphTest, ALinkAboveTheLevelOfItsNodeReachesNobody) {
  Add(0, 1, 0);
  Add(1, 1, 1);
  Add(2);  // is not at level 1, whatever the link says
  Upper(0).Write(SlotId{0}, 1, kNoUpper);
  Upper(1).Write(SlotId{1}, 1, kNoUpper);
  Set(Upper(0).links(), {2});
  const GraphReport report = Analyze(0);
  EXPECT_EQ(report.levels[1].nodes, 2U);
  EXPECT_EQ(report.levels[1].unreached, 1U);
}

TEST_F(AnalyzeGraphTest, HubsAreThoseWithTheMostLinksFromLiveNodes) {
  for (std::uint32_t slot = 0; slot < 30; ++slot) Add(slot, slot == 7 ? 1 : 0);
  for (std::uint32_t slot = 10; slot < 30; ++slot) Link(slot, {7});
  for (std::uint32_t slot = 10; slot < 15; ++slot) Link(slot, {7, 9, 8});
  Link(0, {9});  // a dead node's link makes nobody a hub
  End(0, Lsn{50});
  const GraphReport report = Analyze(7);
  ASSERT_EQ(report.hubs.size(), 3U);  // those without a link to them are none
  EXPECT_EQ(report.hubs[0].id, 8U);   // slot 7
  EXPECT_EQ(report.hubs[0].in_links, 20U);
  EXPECT_EQ(report.hubs[0].level, 1U);
  EXPECT_EQ(report.hubs[1].id, 9U);  // as many as 10: the lower id first
  EXPECT_EQ(report.hubs[1].in_links, 5U);
  EXPECT_EQ(report.hubs[2].id, 10U);
  EXPECT_EQ(report.hubs[2].in_links, 5U);
  EXPECT_EQ(report.most_in_links, 20U);
  EXPECT_EQ(report.hub_share, 20.0 / 30);  // of 29 nodes one is the hundredth
}

TEST_F(AnalyzeGraphTest, AGraphWithoutLinksHasNoHub) {
  Add(0);
  Add(1);
  const GraphReport report = Analyze(0);
  EXPECT_TRUE(report.hubs.empty());
  EXPECT_EQ(report.hub_share, 0);
  EXPECT_EQ(report.hanging, 2U);
}

// Links of live nodes to the live node `to`, counted in the plainest way.
std::uint32_t LinksTo(std::uint32_t to, const std::vector<std::vector<std::uint32_t>>& links,
                      const std::vector<bool>& live) {
  std::uint32_t count = 0;
  for (std::size_t from = 0; from < links.size(); ++from) {
    if (live[from]) {
      count += static_cast<std::uint32_t>(std::count(links[from].begin(), links[from].end(), to));
    }
  }
  return count;
}

TEST_F(AnalyzeGraphTest, HubsAndHangingNodesAreThoseThatBruteForceFinds) {
  std::mt19937_64 random(TestSeed(3));
  std::vector<std::vector<std::uint32_t>> links(kSlots);
  std::vector<bool> live(kSlots);
  for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
    Add(slot);
    // Low slots get more of them.
    for (std::uint64_t i = random() % 5; i > 0; --i) {
      const auto to = static_cast<std::uint32_t>(random() % (1 + random() % kSlots));
      if (std::find(links[slot].begin(), links[slot].end(), to) == links[slot].end()) {
        links[slot].push_back(to);
      }
    }
    std::uint32_t at = 0;
    for (const std::uint32_t to : links[slot]) Node(slot).links().Set(at++, SlotId{to});
    Node(slot).links().SetCount(at);
    live[slot] = random() % 8 != 0;
    if (!live[slot]) End(slot, Lsn{50});
  }
  std::vector<std::pair<std::uint32_t, PatternId>> expected;  // negated links, id
  std::uint64_t hanging = 0;
  std::uint32_t all = 0;
  for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
    if (!live[slot]) continue;
    const std::uint32_t count = LinksTo(slot, links, live);
    if (count <= 1) ++hanging;
    all += count;
    expected.emplace_back(kSlots - count, slot + 1);
  }
  std::sort(expected.begin(), expected.end());
  const GraphReport report = Analyze(0);
  EXPECT_EQ(report.hanging, hanging);
  EXPECT_GT(hanging, 0U);
  ASSERT_EQ(report.hubs.size(), 10U);
  for (std::size_t i = 0; i < report.hubs.size(); ++i) {
    EXPECT_EQ(report.hubs[i].in_links, kSlots - expected[i].first) << i;
    EXPECT_EQ(report.hubs[i].id, expected[i].second) << i;
  }
  EXPECT_EQ(report.hub_share, static_cast<double>(report.most_in_links) / all);
}

TEST_F(AnalyzeGraphTest, WhatEndedHasItsShareAndItsBytes) {
  for (std::uint32_t slot = 0; slot < 8; ++slot) Add(slot, slot < 2 ? 3 : 0);
  End(0, Lsn{50});
  End(7, Lsn{60});
  const GraphReport report = Analyze(1);
  EXPECT_EQ(report.dead_share, 0.25);
  const std::uint64_t block = layout_.block_bytes();
  EXPECT_EQ(report.space.live_node_bytes, 6 * block);
  EXPECT_EQ(report.space.dead_node_bytes, 2 * block);
  EXPECT_EQ(report.space.free_node_bytes, (kSlots - 8) * block);
  EXPECT_EQ(report.space.live_upper_bytes, 3 * layout_.upper_block_bytes());
  EXPECT_EQ(report.space.dead_upper_bytes, 3 * layout_.upper_block_bytes());
}

TEST_F(AnalyzeGraphTest, OnlyTheSameNumbersAreDuplicates) {
  AddVector(0, {1, 2, 3, 4});
  AddVector(1, {0, 2, 3, 4});
  AddVector(2, {-0.0F, 2, 3, 4});  // the same as 1
  AddVector(3, {1, 2, 3, std::nextafter(4.0F, 5.0F)});
  AddVector(4, {4, 3, 2, 1});
  AddVector(5, {1, 2, 3, 4});  // the same as 0, and so is 6
  AddVector(6, {1, 2, 3, 4});
  AddVector(7, {4, 3, 2, 1});  // the same as 4, but ended
  End(7, Lsn{50});
  Add(8, 0, kNoUpper, Lsn{200}, {4, 3, 2, 1});  // not there yet
  const Duplicates found = CountDuplicates(graph(), kNow);
  EXPECT_EQ(found.nodes, 3U);
  EXPECT_EQ(found.vectors, 2U);
  EXPECT_EQ(found.largest, 3U);
  const Duplicates later = CountDuplicates(graph(), Lsn{200});
  EXPECT_EQ(later.nodes, 4U);
  EXPECT_EQ(later.vectors, 3U);
  const Duplicates none = CountDuplicates(graph(), Lsn{0});
  EXPECT_EQ(none.nodes + none.vectors + none.largest, 0U);
}

TEST_F(AnalyzeGraphTest, VectorsOfOneHashAreTakenForOneOnlyWhereTheyAre) {
  for (std::uint32_t slot = 0; slot < 60; ++slot) {
    AddVector(slot, {static_cast<float>(slot < 50 ? slot % 20 : slot), 0, 0, 0});
  }
  // 20 vectors of 2 or 3 nodes each, and 10 of one.
  for (const VectorHash hash :
       {VectorHash{HashVector}, VectorHash{[](auto) { return std::uint64_t{7}; }},
        VectorHash{[](auto bytes) { return HashVector(bytes) % 3; }}}) {
    const Duplicates found = CountDuplicates(graph(), kNow, hash);
    EXPECT_EQ(found.nodes, 30U);
    EXPECT_EQ(found.vectors, 20U);
    EXPECT_EQ(found.largest, 3U);
  }
}

TEST_F(AnalyzeGraphTest, DamagedLinksLeadNowhere) {
  Add(0);
  Add(1, 7, 5);  // its upper block was never written
  Add(2, 3, 1000000);
  Link(0, {kSlots, 4000000000U, 63, 1});  // two outside, a free one, and 1
  Node(1).links().SetCount(60000);
  const GraphReport report = Analyze(0);
  EXPECT_EQ(report.count, 3U);
  EXPECT_EQ(report.levels[0].links, 1U);
  EXPECT_EQ(report.unreachable, 1U);
  ASSERT_EQ(report.levels.size(), 8U);
  EXPECT_EQ(report.levels[1].nodes, 2U);
  EXPECT_EQ(report.levels[1].links, 0U);
  EXPECT_EQ(Analyze(63).unreachable, 3U);
  EXPECT_EQ(Analyze(kSlots).unreachable, 3U);
}

TEST_F(AnalyzeGraphTest, TheSampleIsOfNodesThatAreSeenAndFollowsFromTheSeed) {
  const std::uint64_t seed = TestSeed(1);
  for (std::uint32_t slot = 0; slot < 50; ++slot) Add(slot);
  for (std::uint32_t slot = 0; slot < 20; ++slot) End(slot, Lsn{50});
  const std::vector<SlotId> sample = ChooseNodes(graph(), kNow, 10, seed);
  EXPECT_EQ(std::set(sample.begin(), sample.end()).size(), 10U);
  for (const SlotId slot : sample) EXPECT_GE(slot, SlotId{20});
  EXPECT_EQ(sample, ChooseNodes(graph(), kNow, 10, seed));
  EXPECT_NE(sample, ChooseNodes(graph(), kNow, 10, seed + 1));
  EXPECT_EQ(ChooseNodes(graph(), kNow, 1000, seed).size(), 30U);
  EXPECT_TRUE(ChooseNodes(graph(), kNow, 0, seed).empty());
}

TEST_F(AnalyzeGraphTest, EachNodeIsAsLikelyToBeSampled) {
  const std::uint64_t seed = TestSeed(2);
  for (std::uint32_t slot = 0; slot < 20; ++slot) Add(slot);
  std::array<int, 20> chosen{};
  constexpr int kTimes = 4000;
  for (std::uint64_t i = 0; i < kTimes; ++i) {
    for (const SlotId slot : ChooseNodes(graph(), kNow, 5, seed * kTimes + i)) {
      ++chosen[static_cast<std::uint32_t>(slot)];
    }
  }
  // 1,000 each; the standard deviation is 27.
  for (const int times : chosen) EXPECT_NEAR(times, kTimes / 4, 6 * 27);
}

}  // namespace
}  // namespace engram
