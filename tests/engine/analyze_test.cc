#include "engine/analyze.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "storage/base/aligned_buffer.h"
#include "tests/engine/engine_fixture.h"
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
           Lsn from = Lsn{1}) {
    const std::array<float, 4> vector = {1, 2, 3, 4};
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

std::vector<Hit> Hits(std::initializer_list<std::pair<PatternId, float>> hits) {
  std::vector<Hit> made;
  for (const auto& [id, distance] : hits) {
    made.emplace_back();
    made.back().id = id;
    made.back().distance = distance;
  }
  return made;
}

TEST(RecallMeter, CountsByDistanceWithoutThePatternItself) {
  RecallMeter meter(2);
  // 4 is as near as 3, so it does not matter which of them was found; 5 is too far.
  meter.Add(Hits({{1, 0}, {2, 1}, {4, 2}}), Hits({{1, 0}, {2, 1}, {3, 2}}), 1);
  EXPECT_EQ(meter.recall(), 1);
  meter.Add(Hits({{1, 0}, {2, 1}, {5, 3}}), Hits({{1, 0}, {2, 1}, {3, 2}}), 1);
  EXPECT_EQ(meter.recall(), 0.75);
  EXPECT_EQ(meter.searches(), 2U);
}

TEST(RecallMeter, ThatThePatternItselfWasMissedGivesNoOtherHitItsPlace) {
  RecallMeter meter(2);
  meter.Add(Hits({{2, 1}, {3, 2}, {4, 2}}), Hits({{1, 0}, {2, 1}, {3, 2}}), 1);
  EXPECT_EQ(meter.recall(), 1);
}

TEST(RecallMeter, WhereThereAreFewerThanKThoseCount) {
  RecallMeter meter(10);
  meter.Add(Hits({{1, 0}}), Hits({{1, 0}, {2, 1}}), 1);
  EXPECT_EQ(meter.recall(), 0);
  EXPECT_EQ(meter.searches(), 1U);
}

TEST(RecallMeter, APatternAloneHasNothingToFind) {
  RecallMeter meter(10);
  meter.Add(Hits({{1, 0}}), Hits({{1, 0}}), 1);
  EXPECT_EQ(meter.searches(), 0U);
  EXPECT_EQ(meter.recall(), 0);
  EXPECT_EQ(meter.error(), 0);
}

TEST(RecallMeter, TheIntervalFollowsTheSpreadBetweenSearchesAndIsNeverNothing) {
  RecallMeter all(10);
  RecallMeter halves(1);
  std::vector<Hit> found;
  std::vector<Hit> exact;
  for (PatternId id = 2; id < 12; ++id) {
    exact.emplace_back();
    exact.back().id = id;
    exact.back().distance = 1;
  }
  for (int i = 0; i < 100; ++i) {
    all.Add(exact, exact, 1);
    halves.Add(i % 2 == 0 ? exact : found, exact, 1);
  }
  EXPECT_NEAR(all.error(), 1.96 * 1.96 / (2 * 1000), 1e-12);
  EXPECT_NEAR(halves.error(), 1.96 * 0.5 / 10, 0.005);
  // Where whole searches fail, ten neighbours of each say no more than one.
  RecallMeter together(10);
  for (int i = 0; i < 100; ++i) together.Add(i % 2 == 0 ? exact : found, exact, 1);
  EXPECT_NEAR(together.error(), halves.error(), 0.005);
}

class AnalyzeTest : public EngineTest {
 protected:
  GraphReport Analyze(const AnalyzeOptions& options = {}) {
    const auto report = engine_->Analyze(options);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : GraphReport();
  }
};

TEST_F(AnalyzeTest, AStoreReachesAllThatItHolds) {
  Open();
  for (int i = 0; i < 300; ++i) Insert(static_cast<float>(i * i % 97), Durability::kNone);
  const GraphReport report = Analyze();
  EXPECT_EQ(report.lsn, visible());
  EXPECT_EQ(report.count, 300U);
  EXPECT_EQ(report.dead, 0U);
  EXPECT_EQ(report.unreachable, 0U);
  EXPECT_EQ(report.components, 1U);
  EXPECT_EQ(report.levels[0].nodes, 300U);
  EXPECT_GE(report.levels[0].least_links, 1U);
  EXPECT_LE(report.in_degrees[0], 1U);  // the entry may have none
  EXPECT_EQ(report.bytes_on_disk, GetStats().bytes_on_disk);
  EXPECT_GT(report.memory_bytes, 0U);
  EXPECT_EQ(report.sampled, 100U);
  EXPECT_GE(report.recall, 0.95);
  EXPECT_GT(report.mean_compared, 0);
}

TEST_F(AnalyzeTest, TheSameStoreGivesTheSameReport) {
  Open();
  for (int i = 0; i < 100; ++i) Insert(static_cast<float>(i), Durability::kNone);
  AnalyzeOptions options;
  options.sample = 20;
  options.k = 5;
  const GraphReport first = Analyze(options);
  CloseAndOpen();
  const GraphReport again = Analyze(options);
  EXPECT_EQ(first.sampled, 20U);
  EXPECT_EQ(first.recall, again.recall);
  EXPECT_EQ(first.mean_compared, again.mean_compared);
  EXPECT_EQ(first.out_degrees, again.out_degrees);
  EXPECT_EQ(first.in_degrees, again.in_degrees);
}

TEST_F(AnalyzeTest, WhatASnapshotKeepsCountsAsDead) {
  Open();
  std::vector<PatternId> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(Insert(static_cast<float>(i), Durability::kNone));
  const Lsn snapshot = engine_->TakeSnapshot();
  for (std::size_t i = 0; i < 20; ++i) ASSERT_TRUE(Erase(ids[i]).ok());
  const GraphReport report = Analyze();
  EXPECT_EQ(report.count, 30U);
  EXPECT_EQ(report.dead, 20U);
  EXPECT_EQ(report.unreachable, 0U);
  EXPECT_EQ(report.sampled, 30U);
  engine_->DropSnapshot(snapshot);
}

TEST_F(AnalyzeTest, OnePatternHasNoNeighbourToFind) {
  Open();
  Insert(1);
  const GraphReport report = Analyze();
  EXPECT_EQ(report.count, 1U);
  EXPECT_EQ(report.unreachable, 0U);
  EXPECT_EQ(report.components, 1U);
  EXPECT_EQ(report.sampled, 0U);
}

TEST_F(AnalyzeTest, AnEmptyStoreIsNoFailure) {
  Open();
  const GraphReport report = Analyze();
  EXPECT_EQ(report.count, 0U);
  EXPECT_EQ(report.sampled, 0U);
}

}  // namespace
}  // namespace engram
