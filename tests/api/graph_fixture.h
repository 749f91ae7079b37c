// Stores with generated vectors, and how much of the truth their searches find.
#ifndef ENGRAM_TESTS_API_GRAPH_FIXTURE_H_
#define ENGRAM_TESTS_API_GRAPH_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <engram/store.h>

#include "storage/base/posix_file_system.h"
#include "tests/support/sound_store.h"
#include "tests/support/temp_dir.h"

namespace engram {

using Vectors = std::vector<std::vector<float>>;

// `count` vectors around `clusters` centres, none of them zero.
inline Vectors GaussianMixture(std::size_t count, std::uint32_t dimensions, std::size_t clusters,
                               std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  Vectors centres(clusters, std::vector<float>(dimensions));
  for (auto& centre : centres) {
    for (float& component : centre) component = 2 * normal(random);
  }
  Vectors vectors;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<float> vector = centres[random() % clusters];
    for (float& component : vector) component += normal(random);
    vectors.push_back(std::move(vector));
  }
  return vectors;
}

// Threads: one thread.
class GraphStoreTest : public ::testing::Test {
 protected:
  GraphStoreTest() {
    options_.journal_bytes = 4 << 20;
    options_.log_segment_bytes = 4 << 20;
    options_.background_threads = 0;
    options_.durability = Durability::kNone;  // what a power cut leaves is tested elsewhere
    options_.ef_construction = 100;
  }

  std::string Path() const { return dir_.File("store"); }

  void Open() {
    auto opened = Store::Open(Path(), options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_.emplace(std::move(opened).value());
  }
  void Close() {
    const Status closed = store_->Close();
    ASSERT_TRUE(closed.ok()) << closed;
    store_.reset();
  }
  void Reopen() {
    Close();
    Open();
  }

  PatternId Insert(const std::vector<float>& vector) {
    NewPattern pattern;
    pattern.vector = vector;
    const auto id = store_->Insert(pattern);
    EXPECT_TRUE(id.ok()) << id.status();
    return id.ok() ? *id : 0;
  }
  std::vector<PatternId> InsertBatch(std::span<const std::vector<float>> vectors) {
    std::vector<NewPattern> patterns(vectors.size());
    for (std::size_t i = 0; i < vectors.size(); ++i) patterns[i].vector = vectors[i];
    auto result = store_->InsertBatch(patterns);
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) return {};
    EXPECT_TRUE(result->failures.empty());
    return std::move(result->ids);
  }

  // The share of the true k nearest that searches find; hits as near as the k-th count.
  double Recall(const Vectors& queries, std::size_t k = 10, std::size_t ef = 0) {
    double sum = 0;
    for (const std::vector<float>& query : queries) {
      SearchOptions options;
      options.k = k;
      options.ef = ef;
      const auto found = store_->Search(query, options);
      options.ef = 0;
      options.exact = true;
      const auto exact = store_->Search(query, options);
      EXPECT_TRUE(found.ok() && exact.ok()) << found.status() << exact.status();
      if (!found.ok() || !exact.ok()) return 0;
      EXPECT_FALSE(found->exact || found->degraded || found->partial);
      EXPECT_TRUE(exact->exact);
      const float kth = exact->hits.back().distance;
      const auto hits = std::count_if(found->hits.begin(), found->hits.end(),
                                      [&](const Hit& hit) { return hit.distance <= kth; });
      sum += static_cast<double>(hits) / static_cast<double>(exact->hits.size());
    }
    return sum / static_cast<double>(queries.size());
  }

  // How many of these, which are all in the store, a search for themselves does not find. Under L2.
  std::size_t CountLost(std::span<const std::vector<float>> vectors) {
    std::size_t lost = 0;
    for (const std::vector<float>& vector : vectors) {
      SearchOptions options;
      options.k = 1;
      const auto found = store_->Search(vector, options);
      EXPECT_TRUE(found.ok()) << found.status();
      if (found.ok() && found->hits.front().distance != 0) ++lost;
    }
    return lost;
  }

  void CheckReachable() {
    AnalyzeOptions options;
    options.sample = 0;
    const auto report = store_->Analyze(options);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->unreachable, 0U);
    EXPECT_EQ(report->components, report->count > 0 ? 1U : 0U);
  }

  // Closes the store, looks at it from outside, opens it again.
  void CheckVerifies() {
    Close();
    ExpectSoundStore(MakePosixFileSystem(), Path());
    Open();
  }

  // Until nothing is left to sweep. The last step may wait for a look at the readers.
  void SweepAll() {
    for (int i = 0; i < 100; ++i) {
      const Status status = store_->RunMaintenance(std::chrono::seconds(1));
      ASSERT_TRUE(status.ok()) << status;
      const auto stats = store_->GetStats();
      ASSERT_TRUE(stats.ok()) << stats.status();
      if (stats->dead == 0) return;
    }
  }

  TempDir dir_;
  Options options_;
  std::optional<Store> store_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_API_GRAPH_FIXTURE_H_
