// Data that graphs are known to break on: nothing gets lost, and searches find what they should.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <engram/store.h>

#include "tests/api/graph_fixture.h"

namespace engram {
namespace {

struct HardData {
  const char* name;
  std::uint32_t dimensions;
  std::function<Vectors(std::uint64_t seed)> make;

  friend void PrintTo(const HardData& data, std::ostream* out) { *out << data.name; }
};

Vectors Duplicates(std::uint64_t seed) {
  // Three heaps of a thousand copies among others.
  Vectors vectors = GaussianMixture(1000, 8, 5, seed);
  for (int heap = 0; heap < 3; ++heap) {
    const std::vector<float> copy = vectors[static_cast<std::size_t>(heap)];
    vectors.insert(vectors.end(), 1000, copy);
  }
  std::shuffle(vectors.begin() + 10, vectors.end(), std::mt19937_64(seed));
  return vectors;
}

Vectors DuplicatesInARow(std::uint64_t seed) {
  Vectors vectors = GaussianMixture(500, 8, 5, seed);
  vectors.insert(vectors.end(), 2000, vectors[7]);
  const Vectors more = GaussianMixture(500, 8, 5, seed + 1);
  vectors.insert(vectors.end(), more.begin(), more.end());
  return vectors;
}

Vectors FarOutliers(std::uint64_t seed) {
  Vectors vectors = GaussianMixture(3000, 8, 3, seed);
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  // Near the beginning, in the middle and at the end, each in a direction of its own.
  for (const std::size_t at : {3U, 50U, 200U, 1000U, 1500U, 1501U, 2000U, 2990U, 2999U}) {
    for (float& component : vectors[at]) component = 1e4F * normal(random);
  }
  return vectors;
}

Vectors Clusters(std::uint64_t seed) {
  // Tight, far from each other, one after the other.
  Vectors vectors;
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  for (int cluster = 0; cluster < 30; ++cluster) {
    std::vector<float> centre(8);
    for (float& component : centre) component = 1000 * normal(random);
    for (int i = 0; i < 100; ++i) {
      std::vector<float> vector = centre;
      for (float& component : vector) component += normal(random);
      vectors.push_back(std::move(vector));
    }
  }
  return vectors;
}

Vectors Sorted(std::uint64_t seed) {
  Vectors vectors = GaussianMixture(3000, 8, 3, seed);
  std::sort(vectors.begin(), vectors.end());
  return vectors;
}

Vectors OneDimension(std::uint64_t seed) { return GaussianMixture(3000, 1, 3, seed); }

Vectors OneDimensionSorted(std::uint64_t) {
  Vectors vectors;
  for (int i = 0; i < 3000; ++i) vectors.push_back({static_cast<float>(i)});
  return vectors;
}

Vectors AllEqual(std::uint64_t) { return Vectors(3000, std::vector<float>(8, 1.5F)); }

class RobustGraphTest : public GraphStoreTest, public testing::WithParamInterface<HardData> {
 protected:
  RobustGraphTest() {
    options_.dimensions = GetParam().dimensions;
    options_.metric = Metric::kL2;
  }

  // Sample of the patterns themselves, moved a little.
  Vectors Queries(const Vectors& vectors) const {
    std::mt19937_64 random(TestSeed(41));
    std::normal_distribution<float> normal;
    Vectors queries;
    for (int i = 0; i < 100; ++i) {
      queries.push_back(vectors[random() % vectors.size()]);
      if (i % 2 == 0) continue;
      for (float& component : queries.back()) component += 0.1F * normal(random);
    }
    return queries;
  }

  void CheckAll(const Vectors& there, const char* when) {
    SCOPED_TRACE(when);
    CheckReachable();
    // Everything is reachable, but a walk may end in a heap of copies or a cluster before it comes
    // by.
    EXPECT_LE(CountLost(there), there.size() / 25);
    EXPECT_GE(Recall(Queries(there)), 0.95);
  }
};

TEST_P(RobustGraphTest, NothingIsLostAfterSingleInserts) {
  Open();
  const Vectors vectors = GetParam().make(TestSeed(42));
  for (const std::vector<float>& vector : vectors) Insert(vector);
  CheckAll(vectors, "built");
  CheckVerifies();
}

TEST_P(RobustGraphTest, NothingIsLostAfterABatchBuild) {
  Open();
  const Vectors vectors = GetParam().make(TestSeed(42));
  InsertBatch(vectors);
  CheckAll(vectors, "built");
  CheckVerifies();
}

TEST_P(RobustGraphTest, NothingIsLostWhenManyGo) {
  Open();
  Vectors vectors = GetParam().make(TestSeed(42));
  const std::vector<PatternId> ids = InsertBatch(vectors);
  Vectors left;
  std::mt19937_64 random(TestSeed(43));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (random() % 2 == 0) {
      ASSERT_TRUE(store_->Erase(ids[i]).ok());
    } else {
      left.push_back(vectors[i]);
    }
  }
  CheckAll(left, "not swept");
  SweepAll();
  CheckAll(left, "swept");
  CheckVerifies();
  EXPECT_EQ(store_->GetStats()->count, left.size());
  InsertBatch(vectors);
  CheckAll(vectors, "filled again");
}

INSTANTIATE_TEST_SUITE_P(All, RobustGraphTest,
                         testing::Values(HardData{"Duplicates", 8, Duplicates},
                                         HardData{"DuplicatesInARow", 8, DuplicatesInARow},
                                         HardData{"FarOutliers", 8, FarOutliers},
                                         HardData{"Clusters", 8, Clusters},
                                         HardData{"Sorted", 8, Sorted},
                                         HardData{"OneDimension", 1, OneDimension},
                                         HardData{"OneDimensionSorted", 1, OneDimensionSorted},
                                         HardData{"AllEqual", 8, AllEqual}),
                         [](const auto& parameters) { return std::string(parameters.param.name); });

}  // namespace
}  // namespace engram
