// New links for nodes that are in the graph: the rules hold, harm is undone, health is left alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "index/linker.h"
#include "index/node_key.h"
#include "storage/base/coding.h"
#include "tests/index/graph_fixture.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

LinkerOptions SmallOptions() {
  LinkerOptions options;
  options.ef_construction = 40;
  return options;
}

bool Relink(LinkedGraph& linked, SlotId slot) {
  const FoundLevels found =
      Linker::FindFor(linked.graph(), linked.linker().entry(), linked.linker().options(), slot);
  return linked.linker().Relink(linked.graph(), slot, found, linked.memory());
}

// The share of `k` nearest that a walk of `ef` finds.
double Recall(LinkedGraph& linked, VectorMaker& maker, std::size_t k, std::size_t ef) {
  std::size_t found = 0;
  constexpr int kQueries = 60;
  const Graph graph = linked.graph();
  GraphWalker walker;
  for (int i = 0; i < kQueries; ++i) {
    const QueryScorer query(Metric::kL2, maker.Next());
    const auto exact = linked.memory().BruteForce(query);
    WalkStats stats;
    const auto start = walker.Descend(graph, query, linked.linker().entry(), 0, stats);
    const WalkFilter filter{WalkFilter::Kind::kLive, {}, true};
    const auto& near = walker.Search(graph, query, 0, ef, *start, filter, {}, stats);
    for (std::size_t at = 0; at < std::min(k, near.size()); ++at) {
      found += near[at].distance <= exact[k - 1].distance ? 1U : 0U;
    }
  }
  return static_cast<double>(found) / static_cast<double>(k * kQueries);
}

class LinkerRelinkTest
    : public testing::TestWithParam<std::tuple<std::uint32_t, VectorKind, Metric>> {};

TEST_P(LinkerRelinkTest, TheRulesHoldAfterEachNode) {
  const auto [m, kind, metric] = GetParam();
  const std::uint64_t seed = TestSeed(41);
  std::mt19937_64 random(seed);
  VectorMaker maker(kind, 5, seed);
  LinkerOptions options = SmallOptions();
  options.metric = metric;
  LinkedGraph linked({5, m, 300, 900}, options);
  std::uint64_t relinked = 0;
  for (int step = 0; step < 600; ++step) {
    const std::vector<SlotId> live = linked.memory().Live();
    switch (random() % 6) {
      case 0:
        if (linked.room() >= 6) linked.Insert(maker.Many(1 + random() % 6));
        break;
      case 1:
        if (live.size() > 40) linked.End(live[random() % live.size()]);
        break;
      case 2:
        linked.Sweep(80);
        break;
      default:
        if (live.empty()) break;
        relinked += Relink(linked, live[random() % live.size()]) ? 1U : 0U;
    }
    ASSERT_EQ(linked.Check(), "") << "after step " << step;
  }
  EXPECT_GT(relinked, 20U);
  // Counted on the way as the lists say.
  Linker other(options);
  ASSERT_TRUE(other.Rebuild(linked.graph(), 300, linked.linker().entry()).ok());
  EXPECT_EQ(other.ParentCounts(linked.graph(), 300),
            linked.linker().ParentCounts(linked.graph(), 300));
}

std::string NameOfRelink(
    const testing::TestParamInfo<std::tuple<std::uint32_t, VectorKind, Metric>>& info) {
  const auto& [m, kind, metric] = info.param;
  return std::string(NameOf(kind)) + "M" + std::to_string(m) + "Metric" +
         std::to_string(static_cast<int>(metric));
}

const auto kKinds = testing::Values(VectorKind::kRandom, VectorKind::kDuplicates,
                                    VectorKind::kAllEqual, VectorKind::kClusters);

INSTANTIATE_TEST_SUITE_P(All, LinkerRelinkTest,
                         testing::Combine(testing::Values(2U, 3U, 16U), kKinds,
                                          testing::Values(Metric::kL2, Metric::kCosine,
                                                          Metric::kInnerProduct)),
                         NameOfRelink);

// Nearly all links are gone but those that reachability needs: what was good is good again.
TEST(LinkerRelink, AHarmedGraphIsAsGoodAsNewAgain) {
  const std::uint64_t seed = TestSeed(42);
  VectorMaker maker(VectorKind::kRandom, 8, seed);
  VectorMaker queries(VectorKind::kRandom, 8, seed + 1);
  LinkedGraph linked({8, 8, 1000, 1000}, SmallOptions());
  for (int i = 0; i < 10; ++i) linked.Insert(maker.Many(100));
  VectorMaker first = queries;
  const double healthy = Recall(linked, first, 10, 20);

  const Graph graph = linked.graph();
  std::vector<bool> has_parent(1000);
  for (const SlotId slot : linked.memory().Live()) {
    Links links = linked.memory().LinksOf(slot, 0);
    for (std::uint32_t i = 0; i < links.count(); ++i) {
      const SlotId to = links[i];
      if (to == SlotId::kNone) continue;
      const bool lower = NodeKey::Of(graph.Node(to)) < NodeKey::Of(graph.Node(slot));
      const bool keep = lower && !has_parent[Raw(to)];
      if (keep) has_parent[Raw(to)] = true;
      if (!keep) links.Set(i, SlotId::kNone);
    }
    while (links.count() > 0 && links[links.count() - 1] == SlotId::kNone) {
      links.SetCount(links.count() - 1);
    }
  }
  ASSERT_TRUE(linked.linker().Rebuild(graph, 1000, linked.linker().entry()).ok());
  VectorMaker second = queries;
  const double harmed = Recall(linked, second, 10, 20);
  ASSERT_LT(harmed, healthy - 0.2);

  std::size_t relinked = 0;
  for (const SlotId slot : linked.memory().Live()) relinked += Relink(linked, slot) ? 1U : 0U;
  EXPECT_GT(relinked, 900U);
  EXPECT_EQ(linked.Check(), "");
  VectorMaker third = queries;
  EXPECT_GT(Recall(linked, third, 10, 20), healthy - 0.03);
}

TEST(LinkerRelink, OfAHealthyGraphItLeavesTheLinksThatAreThere) {
  VectorMaker maker(VectorKind::kRandom, 8, TestSeed(43));
  LinkedGraph linked({8, 8, 500, 500}, SmallOptions());
  for (int i = 0; i < 500; ++i) linked.Insert(maker.Many(1));
  const auto links = [&] {
    std::size_t count = 0;
    for (const SlotId slot : linked.memory().Live()) {
      linked.graph().ForEachNeighbour(slot, 0, [&](SlotId) { ++count; });
    }
    return count;
  };
  const std::size_t before = links();
  VectorMaker queries(VectorKind::kRandom, 8, TestSeed(44));
  VectorMaker again = queries;
  const double recall = Recall(linked, queries, 10, 20);
  for (const SlotId slot : linked.memory().Live()) Relink(linked, slot);
  EXPECT_EQ(linked.Check(), "");
  EXPECT_GE(links(), before);
  EXPECT_GT(Recall(linked, again, 10, 20), recall - 0.02);
}

}  // namespace
}  // namespace engram
