// The graph through the public API: recall whatever was done to the store, and what a search may be
// asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <engram/store.h>

#include "tests/api/graph_fixture.h"

namespace engram {
namespace {

using testing::HasSubstr;

constexpr std::size_t kPatterns = 3000;
constexpr std::size_t kQueries = 100;
constexpr double kLeastRecall = 0.97;

struct Case {
  Metric metric;
  std::uint32_t dimensions;
};

class GraphRecallTest : public GraphStoreTest, public testing::WithParamInterface<Case> {
 protected:
  GraphRecallTest() {
    options_.metric = GetParam().metric;
    options_.dimensions = GetParam().dimensions;
    Vectors all = GaussianMixture(kPatterns + kQueries, GetParam().dimensions, 20, TestSeed(31));
    queries_.assign(all.begin() + kPatterns, all.end());
    all.resize(kPatterns);
    base_ = std::move(all);
  }

  Vectors base_;
  Vectors queries_;
};

TEST_P(GraphRecallTest, ABatchBuildFindsAsMuchAsSingleInserts) {
  Open();
  for (const std::vector<float>& vector : base_) Insert(vector);
  const double single = Recall(queries_);
  const double single_low = Recall(queries_, 10, 20);
  EXPECT_GE(single, kLeastRecall);
  CheckReachable();
  Close();
  options_.create_if_missing = true;
  std::filesystem::remove_all(Path());
  Open();
  InsertBatch(base_);
  EXPECT_GE(Recall(queries_), kLeastRecall);
  EXPECT_GE(Recall(queries_), single - 0.01);
  // Where there is room for a difference.
  EXPECT_GE(Recall(queries_, 10, 20), single_low - 0.01);
  CheckReachable();
}

TEST_P(GraphRecallTest, SurvivesEraseUpdateCrashAndReopen) {
  Open();
  std::vector<PatternId> ids = InsertBatch(base_);
  ASSERT_TRUE(store_->Checkpoint().ok());
  std::mt19937_64 random(TestSeed(32));
  std::shuffle(ids.begin(), ids.end(), random);
  const std::size_t erased = ids.size() * 3 / 10;
  for (std::size_t i = 0; i < erased; ++i) ASSERT_TRUE(store_->Erase(ids[i]).ok());
  EXPECT_GE(Recall(queries_), kLeastRecall) << "dead ones not swept";
  CheckReachable();
  const Vectors others = GaussianMixture(300, GetParam().dimensions, 20, TestSeed(33));
  for (std::size_t i = 0; i < others.size(); ++i) {
    PatternChange change;
    change.vector = others[i];
    ASSERT_TRUE(store_->Update(ids[erased + i], change).ok());
  }
  EXPECT_GE(Recall(queries_), kLeastRecall) << "after updates";
  options_.checkpoint_on_close = false;
  Reopen();
  EXPECT_GE(Recall(queries_), kLeastRecall) << "replayed";
  SweepAll();
  EXPECT_GE(Recall(queries_), kLeastRecall) << "swept";
  CheckReachable();
  options_.checkpoint_on_close = true;
  CheckVerifies();
  EXPECT_GE(Recall(queries_), kLeastRecall) << "reopened";
  EXPECT_EQ(store_->GetStats()->count, kPatterns - erased);
}

TEST_P(GraphRecallTest, SeveralThreadsMayInsert) {
  options_.background_threads = 1;
  Open();
  std::vector<std::thread> threads;
  constexpr std::size_t kThreads = 4;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = t; i < base_.size(); i += kThreads) Insert(base_[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(Recall(queries_), kLeastRecall);
  CheckReachable();
  CheckVerifies();
}

INSTANTIATE_TEST_SUITE_P(All, GraphRecallTest,
                         testing::Values(Case{Metric::kL2, 16}, Case{Metric::kL2, 64},
                                         Case{Metric::kCosine, 32},
                                         Case{Metric::kInnerProduct, 16}),
                         [](const auto& parameters) {
                           return std::string(parameters.param.metric == Metric::kL2 ? "L2"
                                              : parameters.param.metric == Metric::kCosine
                                                  ? "Cosine"
                                                  : "Ip") +
                                  std::to_string(parameters.param.dimensions);
                         });

// A store of 1,000 patterns: too many for a scan to be the right way.
class GraphSearchTest : public GraphStoreTest {
 protected:
  GraphSearchTest() { options_.dimensions = 16; }

  void Fill(std::size_t count = 1000) {
    Open();
    ids_ = InsertBatch(base_ = GaussianMixture(count, 16, 10, TestSeed(34)));
    queries_ = GaussianMixture(50, 16, 10, TestSeed(34));
  }

  Vectors base_;
  Vectors queries_;
  std::vector<PatternId> ids_;
};

std::vector<std::pair<PatternId, float>> HitsOf(const SearchResult& result) {
  std::vector<std::pair<PatternId, float>> hits;
  for (const Hit& hit : result.hits) hits.emplace_back(hit.id, hit.distance);
  return hits;
}

TEST_F(GraphSearchTest, KeepPrunedMakesMoreLinksAndFindsNoLess) {
  std::vector<std::uint64_t> links;
  for (const bool keep_pruned : {false, true}) {
    options_.keep_pruned = keep_pruned;
    std::filesystem::remove_all(Path());
    Fill();
    EXPECT_GE(Recall(queries_), kLeastRecall);
    CheckReachable();
    links.push_back(store_->Analyze()->levels.at(0).links);
    Close();
  }
  EXPECT_GT(links[1], links[0]);
}

TEST_F(GraphSearchTest, AnswersSayHowTheyWereFound) {
  Fill();
  auto walked = store_->Search(queries_[0]);
  ASSERT_TRUE(walked.ok()) << walked.status();
  EXPECT_FALSE(walked->exact || walked->partial || walked->exhausted || walked->degraded);
  EXPECT_GT(walked->hops, 0U);
  EXPECT_GT(walked->compared, walked->hops);
  EXPECT_LT(walked->compared, 1000U);
  SearchOptions options;
  options.exact = true;
  auto exact = store_->Search(queries_[0], options);
  ASSERT_TRUE(exact.ok()) << exact.status();
  EXPECT_TRUE(exact->exact);
  EXPECT_FALSE(exact->degraded);
  EXPECT_EQ(exact->hops, 0U);
  EXPECT_EQ(exact->compared, 1000U);
}

TEST_F(GraphSearchTest, AFewPatternsAreLookedThroughWhole) {
  Fill(100);
  const auto found = store_->Search(queries_[0]);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->exact);
  EXPECT_FALSE(found->degraded);
}

TEST_F(GraphSearchTest, EfBelowKIsRefused) {
  Fill();
  SearchOptions options;
  options.k = 10;
  options.ef = 9;
  const auto found = store_->Search(queries_[0], options);
  EXPECT_EQ(found.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(found.status().message(), HasSubstr("ef is 9, allowed is k, here 10, to 65536"));
  options.ef = kMaxEf + 1;
  EXPECT_EQ(store_->Search(queries_[0], options).status().code(), Code::kInvalidArgument);
}

TEST_F(GraphSearchTest, EfOfZeroIsTheStoresOrKWhereThatIsMore) {
  options_.ef = 50;
  Fill();
  SearchOptions options;
  const auto by_default = store_->Search(queries_[0], options);
  options.ef = 50;
  const auto said = store_->Search(queries_[0], options);
  ASSERT_TRUE(by_default.ok() && said.ok());
  EXPECT_EQ(by_default->compared, said->compared);
  options.ef = 0;
  options.k = 200;
  const auto many = store_->Search(queries_[0], options);
  ASSERT_TRUE(many.ok()) << many.status();
  EXPECT_EQ(many->hits.size(), 200U);
  EXPECT_FALSE(many->exact);
}

TEST_F(GraphSearchTest, KAboveTheCountBringsAllThereAre) {
  Fill();
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(store_->Erase(ids_[static_cast<std::size_t>(i)]).ok());
  for (const std::size_t k : {700U, 701U, 5000U, 65536U, 100000U}) {
    SearchOptions options;
    options.k = k;
    const auto found = store_->Search(queries_[0], options);
    ASSERT_TRUE(found.ok()) << found.status();
    std::set<PatternId> ids;
    for (const Hit& hit : found->hits) ids.insert(hit.id);
    EXPECT_EQ(ids.size(), 700U) << k;
    EXPECT_EQ(found->hits.size(), 700U) << k;
  }
}

TEST_F(GraphSearchTest, KOfZeroIsRefused) {
  Fill();
  SearchOptions options;
  options.k = 0;
  EXPECT_EQ(store_->Search(queries_[0], options).status().code(), Code::kInvalidArgument);
}

TEST_F(GraphSearchTest, AnEmptyIndexSaysSoAlsoWhenItWasFull) {
  Open();
  const std::vector<float> query(16, 1);
  EXPECT_EQ(store_->Search(query).status().code(), Code::kEmptyIndex);
  Close();
  Fill(400);
  for (const PatternId id : ids_) ASSERT_TRUE(store_->Erase(id).ok());
  EXPECT_EQ(store_->Search(query).status().code(), Code::kEmptyIndex);
  SweepAll();
  EXPECT_EQ(store_->Search(query).status().code(), Code::kEmptyIndex);
  Reopen();
  EXPECT_EQ(store_->Search(query).status().code(), Code::kEmptyIndex);
  const PatternId id = Insert(query);
  const auto found = store_->Search(query);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(HitsOf(*found), (std::vector<std::pair<PatternId, float>>{{id, 0.F}}));
}

TEST_F(GraphSearchTest, ADeadlineInThePastIsATimeout) {
  Fill();
  for (const bool exact : {false, true}) {
    SearchOptions options;
    options.exact = exact;
    options.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
    for (const std::vector<float>& query : queries_) {
      const auto found = store_->Search(query, options);
      EXPECT_EQ(found.status().code(), Code::kSearchTimeout) << exact;
    }
    options.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
    const auto found = store_->Search(queries_[0], options);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_FALSE(found->partial);
  }
}

TEST_F(GraphSearchTest, AVisitBudgetExhaustsASearch) {
  Fill();
  SearchOptions options;
  options.max_compared = 60;
  const auto found = store_->Search(queries_[0], options);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->exhausted);
  EXPECT_FALSE(found->exact);
  EXPECT_FALSE(found->hits.empty());
  EXPECT_LT(found->compared, 60 + 2 * kDefaultM + 1);
}

TEST_F(GraphSearchTest, ABudgetThatEndsBeforeTheFirstHitIsNoEmptyStore) {
  Fill(20);
  const auto before = store_->GetSnapshot();
  ASSERT_TRUE(before.ok()) << before.status();
  InsertBatch(GaussianMixture(3000, 16, 10, TestSeed(35)));
  SearchOptions options;
  options.snapshot = &*before;
  options.max_compared = 1;
  const Status status = store_->Search(queries_[0], options).status();
  EXPECT_EQ(status.code(), Code::kSearchTimeout) << status;
  EXPECT_THAT(status.message(), HasSubstr("max_compared, 1,"));
  options.max_compared = 0;
  const auto found = store_->Search(queries_[0], options);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->hits.size(), 10u);
}

TEST_F(GraphSearchTest, BadQueriesAreToldApart) {
  Fill();
  std::vector<float> query(15, 1);
  EXPECT_EQ(store_->Search(query).status().code(), Code::kDimensionMismatch);
  query.assign(16, 1);
  query[3] = std::numeric_limits<float>::quiet_NaN();
  const Status nan = store_->Search(query).status();
  EXPECT_EQ(nan.code(), Code::kInvalidVector);
  EXPECT_THAT(nan.message(), HasSubstr("component 3 is NaN"));
  query[3] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(store_->Search(query).status().code(), Code::kInvalidVector);
}

TEST_F(GraphSearchTest, ABatchAnswersEachQueryAsASearchDoes) {
  options_.search_threads = 3;
  Fill();
  std::vector<float> short_query(15, 1);
  std::vector<float> bad_query(16, std::numeric_limits<float>::quiet_NaN());
  std::vector<VectorView> queries;
  for (std::size_t i = 0; i < queries_.size(); ++i) {
    if (i % 7 == 3) queries.emplace_back(short_query);
    if (i % 11 == 5) queries.emplace_back(bad_query);
    queries.emplace_back(queries_[i]);
  }
  SearchOptions options;
  options.k = 5;
  options.include_vector = true;
  const auto results = store_->SearchBatch(queries, options);
  ASSERT_EQ(results.size(), queries.size());
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const auto single = store_->Search(queries[i], options);
    EXPECT_EQ(results[i].status().code(), single.status().code());
    EXPECT_EQ(results[i].status().message(), single.status().message());
    if (!single.ok() || !results[i].ok()) continue;
    EXPECT_EQ(HitsOf(*results[i]), HitsOf(*single));
    EXPECT_EQ(results[i]->hits[0].vector, single->hits[0].vector);
    EXPECT_EQ(results[i]->lsn, single->lsn);
    EXPECT_EQ(results[i]->compared, single->compared);
  }
  EXPECT_TRUE(store_->SearchBatch({}).empty());
  options.ef = 4;
  for (const auto& result : store_->SearchBatch(queries, options)) {
    EXPECT_EQ(result.status().code(), Code::kInvalidArgument);
  }
}

TEST_F(GraphSearchTest, ASnapshotIsSearchedAsItWas) {
  Fill();
  auto snapshot = store_->GetSnapshot();
  ASSERT_TRUE(snapshot.ok());
  SearchOptions options;
  options.exact = true;
  std::vector<std::vector<std::pair<PatternId, float>>> before;
  for (const auto& query : queries_) before.push_back(HitsOf(*store_->Search(query, options)));
  for (std::size_t i = 0; i < 900; ++i) ASSERT_TRUE(store_->Erase(ids_[i]).ok());
  for (const auto& vector : GaussianMixture(500, 16, 10, TestSeed(35))) Insert(vector);
  ASSERT_TRUE(store_->RunMaintenance(std::chrono::seconds(1)).ok());
  options.snapshot = &*snapshot;
  std::size_t found = 0;
  for (std::size_t i = 0; i < queries_.size(); ++i) {
    options.exact = true;
    EXPECT_EQ(HitsOf(*store_->Search(queries_[i], options)), before[i]);
    options.exact = false;
    const auto result = store_->Search(queries_[i], options);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->hits.size(), 10U);
    for (const Hit& hit : result->hits) {
      EXPECT_LE(hit.id, ids_.back());
      if (hit.distance <= before[i].back().second) ++found;
    }
  }
  EXPECT_GE(static_cast<double>(found), kLeastRecall * 10 * static_cast<double>(queries_.size()));
}

TEST_F(GraphSearchTest, AWalkThroughWhatASnapshotDoesNotSeeIsGivenUpForAScan) {
  options_.m = 4;
  Fill(300);
  const auto snapshot = store_->GetSnapshot();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  // The old ones lie far away; the new ones are where the queries are.
  const std::vector<float> query(16, 1000);
  std::mt19937_64 random(TestSeed(36));
  std::normal_distribution<float> noise;
  std::vector<std::vector<float>> near(6000, query);
  for (std::vector<float>& vector : near) {
    for (float& component : vector) component += noise(random);
  }
  InsertBatch(near);
  SearchOptions options;
  options.snapshot = &*snapshot;
  options.ef = 10;
  options.exact = true;
  const auto exact = store_->Search(query, options);
  ASSERT_TRUE(exact.ok()) << exact.status();
  options.exact = false;
  const auto found = store_->Search(query, options);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->exact);
  EXPECT_FALSE(found->exhausted);
  EXPECT_EQ(HitsOf(*found), HitsOf(*exact));
  // The limit of a caller is kept.
  options.max_compared = 2000;
  const Status status = store_->Search(query, options).status();
  EXPECT_EQ(status.code(), Code::kSearchTimeout) << status;
  // What is there now is found by walking.
  const auto now = store_->Search(query, {.ef = 100});
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_FALSE(now->exact);
  EXPECT_LT(now->compared, 2000u);
}

TEST_F(GraphSearchTest, AStoreOpenedForReadingIsSearchedThroughItsGraph) {
  Fill();
  std::vector<std::vector<std::pair<PatternId, float>>> before;
  for (const auto& query : queries_) before.push_back(HitsOf(*store_->Search(query)));
  Close();
  auto opened = Store::OpenReadOnly(Path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  store_.emplace(std::move(opened).value());
  for (std::size_t i = 0; i < queries_.size(); ++i) {
    const auto found = store_->Search(queries_[i]);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_FALSE(found->exact);
    EXPECT_EQ(HitsOf(*found), before[i]);
  }
}

TEST_F(GraphSearchTest, TheSameInputGivesTheSameAnswersWhateverTheThreads) {
  std::vector<std::vector<std::pair<PatternId, float>>> answers;
  for (const std::uint32_t threads : {1U, 4U}) {
    options_.search_threads = threads;
    std::filesystem::remove_all(Path());
    Fill(2500);
    SearchOptions options;
    options.ef = 10;
    std::vector<std::pair<PatternId, float>> all;
    for (const auto& query : queries_) {
      for (const auto& hit : HitsOf(*store_->Search(query, options))) all.push_back(hit);
    }
    answers.push_back(all);
    Close();
  }
  EXPECT_EQ(answers[0], answers[1]);
}

}  // namespace
}  // namespace engram
