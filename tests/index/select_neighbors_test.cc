#include "index/select_neighbors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "tests/index/graph_fixture.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

// Nodes of one dimension: distances can be told by looking.
class SelectNeighborsTest : public testing::Test {
 protected:
  // The base lies at 0.
  std::vector<std::uint32_t> Select(const std::vector<float>& places, std::size_t most,
                                    bool keep_pruned = false) {
    MemoryGraph memory({.dimensions = 1, .m = 2, .slots = 100, .upper_blocks = 0});
    std::vector<Candidate> candidates;
    for (std::uint32_t i = 0; i < places.size(); ++i) {
      memory.Write(SlotId{i}, i + 1, VectorView(&places[i], 1));
      candidates.push_back({places[i] * places[i], SlotId{i}});
    }
    std::vector<std::uint32_t> selected;
    SelectNeighbors(memory.graph(), RowScorer(Metric::kL2, 1), candidates, 0, most, keep_pruned,
                    selected);
    return selected;
  }
};

using Places = std::vector<std::uint32_t>;

TEST_F(SelectNeighborsTest, TakesTheNearestInEachDirection) {
  EXPECT_EQ(Select({1, -1.5F, 2, -3, 4}, 5), (Places{0, 1}));
}

TEST_F(SelectNeighborsTest, TakesNoMoreThanIsWanted) {
  EXPECT_EQ(Select({1, -1.5F, 2}, 1), (Places{0}));
  EXPECT_EQ(Select({1, -1.5F, 2}, 0), (Places{}));
  EXPECT_EQ(Select({}, 3), (Places{}));
}

TEST_F(SelectNeighborsTest, LeavesOutWhatIsAsNearToASelectedAsToTheBase) {
  EXPECT_EQ(Select({1, 2}, 5), (Places{0}));
}

TEST_F(SelectNeighborsTest, TakesOneOfManyCopies) {
  EXPECT_EQ(Select({1, 1, 1, -1, -1}, 5), (Places{0, 3}));
  // Also of the base itself, which keep nobody else out.
  EXPECT_EQ(Select({0, 0, 0, 1, 2, -1}, 5), (Places{0, 3, 5}));
}

TEST_F(SelectNeighborsTest, KeepPrunedFillsUpWithTheNearestLeftOut) {
  EXPECT_EQ(Select({1, -1.5F, 2, -3, 4}, 4, true), (Places{0, 1, 2, 3}));
  EXPECT_EQ(Select({1, 1, 1, -1, -1}, 3, true), (Places{0, 3, 1}));
  EXPECT_EQ(Select({1, 2}, 5, true), (Places{0, 1}));
}

TEST_F(SelectNeighborsTest, AppendsToWhatIsThereWithoutLookingAtIt) {
  MemoryGraph memory({.dimensions = 1, .m = 2, .slots = 2, .upper_blocks = 0});
  const std::vector<float> places{1, 1.5F};
  memory.Write(SlotId{0}, 1, VectorView(&places[0], 1));
  memory.Write(SlotId{1}, 2, VectorView(&places[1], 1));
  const std::vector<Candidate> candidates{{2.25F, SlotId{1}}};
  for (const bool keep_pruned : {false, true}) {
    std::vector<std::uint32_t> selected{7};
    SelectNeighbors(memory.graph(), RowScorer(Metric::kL2, 1), candidates, 0, 1, keep_pruned,
                    selected);
    EXPECT_EQ(selected, (Places{7, 0}));
  }
}

// Algorithm 4 of the paper, line by line, with its queue of candidates W, its result R and its
// queue of discarded candidates W_d; "closer" as docs/hnsw.md has it.
std::vector<std::uint32_t> Algorithm4(const Graph& graph, const RowScorer& scorer,
                                      const std::vector<Candidate>& candidates, float self,
                                      std::size_t most, bool keep_pruned) {
  std::vector<std::uint32_t> result;
  std::vector<std::uint32_t> discarded;
  for (std::uint32_t e = 0; e < candidates.size(); ++e) {
    if (result.size() == most) break;
    const bool copy = candidates[e].distance == self;
    bool closer = true;
    for (const std::uint32_t r : result) {
      if (copy != (candidates[r].distance == self)) continue;
      const float to_selected =
          scorer.Distance(RowOf(graph, candidates[e].slot), RowOf(graph, candidates[r].slot));
      closer = closer && !copy && candidates[e].distance < to_selected;
    }
    (closer ? result : discarded).push_back(e);
  }
  for (const std::uint32_t e : discarded) {
    if (keep_pruned && result.size() < most) result.push_back(e);
  }
  return result;
}

TEST_F(SelectNeighborsTest, DoesWhatAlgorithm4Says) {
  std::mt19937_64 random(TestSeed(6));
  for (int round = 0; round < 400; ++round) {
    const auto dimensions = static_cast<std::uint32_t>(1 + random() % 6);
    const auto metric = static_cast<Metric>(static_cast<int>(Metric::kL2) + round % 3);
    const auto count = static_cast<std::uint32_t>(random() % 60);
    MemoryGraph memory({.dimensions = dimensions, .m = 2, .slots = 61, .upper_blocks = 0});
    std::vector<float> vector(dimensions);
    for (std::uint32_t i = 0; i <= count; ++i) {
      // Few values: ties and copies.
      for (float& component : vector) component = static_cast<float>(1 + random() % 4);
      memory.Write(SlotId{i}, i + 1, vector);
    }
    const Graph graph = memory.graph();
    const RowScorer scorer(metric, dimensions);
    std::vector<Candidate> candidates;
    for (std::uint32_t i = 0; i < count; ++i) {
      candidates.push_back(
          {scorer.Distance(RowOf(graph, SlotId{count}), RowOf(graph, SlotId{i})), SlotId{i}});
    }
    std::stable_sort(
        candidates.begin(), candidates.end(),
        [](const Candidate& a, const Candidate& b) { return a.distance < b.distance; });
    const std::size_t most = random() % 20;
    for (const bool keep_pruned : {false, true}) {
      std::vector<std::uint32_t> selected;
      const Row base = RowOf(graph, SlotId{count});
      const float self = scorer.Distance(base, base);
      SelectNeighbors(graph, scorer, candidates, self, most, keep_pruned, selected);
      std::vector<std::uint32_t> expected =
          Algorithm4(graph, scorer, candidates, self, most, keep_pruned);
      std::sort(selected.begin(), selected.end());
      std::sort(expected.begin(), expected.end());
      EXPECT_EQ(selected, expected);
    }
  }
}

}  // namespace
}  // namespace engram
