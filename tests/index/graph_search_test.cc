#include "index/graph_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include "index/linker.h"
#include "tests/index/allocation_counter.h"
#include "tests/index/graph_fixture.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

const WalkFilter kLiveFilter{WalkFilter::Kind::kLive, {}, true};

class GraphWalkerTest : public testing::Test {
 protected:
  static constexpr std::uint32_t kSlots = 1000;

  void Fill(std::uint32_t count) {
    VectorMaker maker(VectorKind::kRandom, 4, TestSeed(21));
    std::vector<std::vector<float>> vectors;
    for (std::uint32_t i = 0; i < count; ++i) {
      vectors.push_back(maker.Next());
      if (vectors.size() < 100 && i + 1 < count) continue;
      linked_.Insert(vectors);
      vectors.clear();
    }
    ASSERT_EQ(linked_.Check(), "");
  }

  std::vector<float> Query() {
    std::normal_distribution<float> normal;
    std::vector<float> query(4);
    for (float& component : query) component = normal(random_);
    return query;
  }

  std::vector<Candidate> Walk(const QueryScorer& query, std::size_t ef,
                              const WalkFilter& filter = kLiveFilter,
                              const WalkLimits& limits = {}) {
    stats_ = {};
    const auto start = walker_.Descend(graph(), query, linked_.linker().entry(), 0, stats_);
    if (!start) return {};
    return walker_.Search(graph(), query, 0, ef, *start, filter, limits, stats_);
  }

  Graph graph() const { return linked_.graph(); }

  std::mt19937_64 random_{TestSeed(22)};
  LinkedGraph linked_{{4, 6, kSlots, 2 * kSlots}, {Metric::kL2, 60, false}};
  GraphWalker walker_;
  WalkStats stats_;
};

std::vector<float> Distances(const std::vector<Candidate>& candidates) {
  std::vector<float> distances;
  for (const Candidate& candidate : candidates) distances.push_back(candidate.distance);
  return distances;
}

TEST_F(GraphWalkerTest, FindsEverythingByDistanceWhereEfIsAsMuch) {
  Fill(600);
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> vector = Query();
    const QueryScorer query(Metric::kL2, vector);
    const std::vector<Candidate> expected = linked_.memory().BruteForce(query);
    for (const std::size_t ef : {600U, 1000U}) {
      EXPECT_EQ(Distances(Walk(query, ef)), Distances(expected));
    }
    std::set<SlotId> slots;
    for (const Candidate& candidate : Walk(query, 600)) slots.insert(candidate.slot);
    EXPECT_EQ(slots.size(), 600U);
    EXPECT_GE(stats_.hops, 600U);
    EXPECT_FALSE(stats_.timed_out || stats_.exhausted || stats_.damaged);
  }
}

TEST_F(GraphWalkerTest, FindsMostOfTheNearest) {
  Fill(1000);
  std::size_t found = 0;
  constexpr std::size_t kQueries = 100;
  for (std::size_t i = 0; i < kQueries; ++i) {
    const std::vector<float> vector = Query();
    const QueryScorer query(Metric::kL2, vector);
    const std::vector<float> expected = Distances(linked_.memory().BruteForce(query));
    for (const Candidate& candidate : Walk(query, 40)) {
      if (candidate.distance <= expected[9]) ++found;
    }
  }
  EXPECT_GE(found, kQueries * 10 * 98 / 100);
}

TEST_F(GraphWalkerTest, AnEmptyGraphHasNowhereToBegin) {
  const std::vector<float> vector(4);
  const QueryScorer query(Metric::kL2, vector);
  EXPECT_FALSE(walker_.Descend(graph(), query, {}, 0, stats_).has_value());
  EXPECT_FALSE(stats_.damaged);
}

TEST_F(GraphWalkerTest, AnEntryPointOutsideIsDamage) {
  const std::vector<float> vector(4);
  const QueryScorer query(Metric::kL2, vector);
  EXPECT_FALSE(walker_.Descend(graph(), query, {SlotId{kSlots}, 0}, 0, stats_).has_value());
  EXPECT_TRUE(stats_.damaged);
}

TEST_F(GraphWalkerTest, DeadNodesAreWalkedOverAndNotReturned) {
  Fill(600);
  std::vector<SlotId> live = linked_.memory().Live();
  std::shuffle(live.begin(), live.end(), random_);
  for (int i = 0; i < 400; ++i) linked_.End(live[static_cast<std::size_t>(i)]);
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> vector = Query();
    const QueryScorer query(Metric::kL2, vector);
    EXPECT_EQ(Distances(Walk(query, 200)), Distances(linked_.memory().BruteForce(query)));
    for (const Candidate& candidate : Walk(query, 15)) {
      EXPECT_EQ(graph().state(candidate.slot), SlotState::kLive);
    }
  }
}

// A snapshot sees what was there then: the dead of today, and not what came later.
TEST_F(GraphWalkerTest, ASnapshotSeesItsOwnState) {
  Fill(300);
  const Lsn snapshot{3};  // three commits of 100
  std::vector<Candidate> expected;
  const std::vector<float> vector = Query();
  const QueryScorer query(Metric::kL2, vector);
  expected = linked_.memory().BruteForce(query);
  VectorMaker maker(VectorKind::kRandom, 4, TestSeed(23));
  std::vector<SlotId> live = linked_.memory().Live();
  for (int i = 0; i < 250; ++i) {
    linked_.Insert({maker.Next()});
    if (i % 2 == 0) linked_.End(live[static_cast<std::size_t>(i)]);
  }
  for (const bool newest : {false, true}) {
    const WalkFilter filter{WalkFilter::Kind::kVisible, {snapshot}, newest};
    const std::vector<Candidate> found = Walk(query, 550, filter);
    EXPECT_EQ(Distances(found), Distances(expected)) << newest;
    for (const Candidate& candidate : Walk(query, 10, filter)) {
      EXPECT_TRUE(graph().Node(candidate.slot).VisibleAt(snapshot));
    }
  }
  const WalkFilter before{WalkFilter::Kind::kVisible, {Lsn{0}}, false};
  EXPECT_TRUE(Walk(query, 550, before).empty());
}

TEST_F(GraphWalkerTest, ADeadlineInThePastEndsTheWalkEarly) {
  Fill(600);
  const std::vector<float> vector = Query();
  const QueryScorer query(Metric::kL2, vector);
  WalkLimits limits;
  limits.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  Walk(query, 600, kLiveFilter, limits);
  EXPECT_TRUE(stats_.timed_out);
  EXPECT_LT(stats_.hops, 100U);
  limits.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
  EXPECT_EQ(Walk(query, 600, kLiveFilter, limits).size(), 600U);
  EXPECT_FALSE(stats_.timed_out);
}

TEST_F(GraphWalkerTest, ABudgetOfDistancesEndsTheWalkEarly) {
  Fill(600);
  const std::vector<float> vector = Query();
  const QueryScorer query(Metric::kL2, vector);
  WalkLimits limits;
  limits.max_compared = 100;
  const std::vector<Candidate> found = Walk(query, 50, kLiveFilter, limits);
  EXPECT_TRUE(stats_.exhausted);
  EXPECT_FALSE(found.empty());
  // It ends behind the node whose neighbours were too many.
  EXPECT_LT(stats_.compared, 100 + graph().layout().max_links0());
  EXPECT_TRUE(std::is_sorted(found.begin(), found.end(),
                             [](const auto& a, const auto& b) { return a.distance < b.distance; }));
  limits.max_compared = 1000000;
  Walk(query, 50, kLiveFilter, limits);
  EXPECT_FALSE(stats_.exhausted);
}

TEST_F(GraphWalkerTest, DamagedLinksAreSaidAndLeadNowhere) {
  Fill(400);
  for (const SlotId slot : linked_.memory().Live()) {
    for (std::uint32_t level = 0; level <= graph().Node(slot).level(); ++level) {
      Links links = linked_.memory().LinksOf(slot, level);
      for (std::uint32_t i = 0; i < links.count(); ++i) {
        if (random_() % 8 == 0) {
          links.Set(i, SlotId{static_cast<std::uint32_t>(kSlots + random_() % 0x80000000)});
        }
      }
      if (random_() % 4 == 0) links.SetCount(0xffff);
    }
  }
  for (int i = 0; i < 50; ++i) {
    const std::vector<float> vector = Query();
    const QueryScorer query(Metric::kL2, vector);
    for (const Candidate& candidate : Walk(query, 100)) EXPECT_TRUE(graph().Has(candidate.slot));
    EXPECT_TRUE(stats_.damaged);
  }
}

// Bytes that no checksum vouches for could say anything of a free slot's vector.
TEST_F(GraphWalkerTest, AVectorThatIsNoNumberEndsNoWalkInACircle) {
  Fill(300);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const SlotId slot : linked_.memory().Live()) {
    if (random_() % 2 == 0) const_cast<float&>(graph().Node(slot).vector()[0]) = nan;
  }
  for (int i = 0; i < 50; ++i) {
    const std::vector<float> vector = Query();
    Walk(QueryScorer(Metric::kL2, vector), 20);
  }
}

TEST_F(GraphWalkerTest, AWarmWalkerAllocatesNothing) {
  Fill(1000);
  std::vector<SlotId> live = linked_.memory().Live();
  // Many dead ones: the walks go far beyond what their ef lets expect.
  for (std::size_t i = 0; i < 900; ++i) linked_.End(live[i]);
  std::vector<std::vector<float>> queries;
  for (int i = 0; i < 50; ++i) queries.push_back(Query());
  QueryScorer query;
  const auto walk_all = [&] {
    for (const std::vector<float>& vector : queries) {
      query.Prepare(Metric::kL2, vector);
      for (const std::size_t ef : {1U, 10U, 50U, 100U}) {
        const auto start = walker_.Descend(graph(), query, linked_.linker().entry(), 0, stats_);
        walker_.Search(graph(), query, 0, ef, *start, kLiveFilter, {}, stats_);
      }
    }
  };
  walk_all();
  const std::uint64_t before = Allocations();
  walk_all();
  EXPECT_EQ(Allocations(), before);
}

TEST_F(GraphWalkerTest, DescendsToTheNearestOfTheLevelAbove) {
  Fill(1000);
  const EntryPoint entry = linked_.linker().entry();
  ASSERT_GE(entry.level, 2U);
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> vector = Query();
    const QueryScorer query(Metric::kL2, vector);
    for (std::uint32_t level = 0; level < entry.level; ++level) {
      const auto nearest = walker_.Descend(graph(), query, entry, level, stats_);
      ASSERT_TRUE(nearest.has_value());
      // A local minimum of the level above.
      EXPECT_GT(graph().Node(nearest->slot).level(), level);
      const ConstLinks links = graph().LinksAt(nearest->slot, level + 1);
      for (std::uint32_t at = 0; at < links.count(); ++at) {
        if (!graph().Has(links[at])) continue;
        const ConstNodeView node = graph().Node(links[at]);
        EXPECT_GE(query.Distance(node.vector().data(), node.norm()), nearest->distance);
      }
    }
    EXPECT_EQ(walker_.Descend(graph(), query, entry, entry.level, stats_)->slot, entry.slot);
  }
}

}  // namespace
}  // namespace engram
