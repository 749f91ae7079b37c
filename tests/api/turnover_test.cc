// As good as new: a store in which everything was replaced again and again, beside a fresh one.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <set>
#include <vector>

#include "tests/api/upkeep_fixture.h"

namespace engram {
namespace {

constexpr std::size_t kPatterns = 2000;
constexpr int kTurnovers = 4;
constexpr std::size_t kQueries = 200;
constexpr std::size_t kK = 10;

class TurnoverTest : public UpkeepTest, public testing::WithParamInterface<Residency> {
 protected:
  TurnoverTest() {
    options_.residency = GetParam();
    options_.dimensions = 24;
    options_.ef = 40;
  }

  // The share of the true nearest that walks find.
  static double RecallOf(const Store& store, const std::vector<std::vector<float>>& queries) {
    std::size_t found = 0;
    for (const std::vector<float>& query : queries) {
      SearchOptions options;
      options.k = kK;
      options.exact = true;
      const auto exact = store.Search(query, options);
      options.exact = false;
      const auto walked = store.Search(query, options);
      EXPECT_TRUE(exact.ok() && walked.ok()) << exact.status() << walked.status();
      if (!exact.ok() || !walked.ok()) return 0;
      EXPECT_FALSE(walked->exact);
      for (const Hit& hit : walked->hits) {
        if (hit.distance <= exact->hits.back().distance) ++found;
      }
    }
    return static_cast<double>(found) / static_cast<double>(queries.size() * kK);
  }
};

INSTANTIATE_TEST_SUITE_P(Residencies, TurnoverTest,
                         testing::Values(Residency::kResident, Residency::kMapped),
                         [](const auto& test) { return std::string(ResidencyName(test.param)); });

TEST_P(TurnoverTest, RecallSizeAndReachabilityAreThoseOfAFreshStore) {
  ASSERT_NO_FATAL_FAILURE(Open());
  std::deque<PatternId> live;
  for (const PatternId id : PutMany(kPatterns)) live.push_back(id);
  std::vector<std::vector<float>> queries;
  for (std::size_t i = 0; i < kQueries; ++i) queries.push_back(AnyVector());
  for (int turnover = 0; turnover < kTurnovers; ++turnover) {
    for (std::size_t left = kPatterns; left > 0;) {
      const std::size_t some = std::min<std::size_t>(left, 1 + random_() % 100);
      // Some expire in the order in which they came, some in any.
      if (turnover % 2 == 1) std::shuffle(live.begin(), live.end(), random_);
      Erase({live.begin(), live.begin() + static_cast<std::ptrdiff_t>(some)});
      live.erase(live.begin(), live.begin() + static_cast<std::ptrdiff_t>(some));
      for (const PatternId id : PutMany(some)) live.push_back(id);
      left -= some;
    }
  }
  Maintain();
  EXPECT_EQ(Ids(), std::set<PatternId>(live.begin(), live.end()));
  const auto report = store_->Analyze();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->unreachable, 0u);
  EXPECT_EQ(report->dead, 0u);

  Options fresh_options = options_;
  auto fresh = Store::Open(dir_.File("fresh"), fresh_options);
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  for (const PatternId id : live) {
    const auto pattern = store_->Get(id);
    ASSERT_TRUE(pattern.ok()) << pattern.status();
    NewPattern copy;
    copy.vector = pattern->vector;
    ASSERT_TRUE(fresh->Insert(copy, WriteOptions::With(Durability::kNone)).ok());
  }
  const double recall = RecallOf(*store_, queries);
  const double fresh_recall = RecallOf(*fresh, queries);
  EXPECT_GE(recall, fresh_recall - 0.01);
  EXPECT_LE(GetStats().free_slots, kPatterns / 2);
  ASSERT_TRUE(store_->Compact().ok());
  EXPECT_GE(RecallOf(*store_, queries), fresh_recall - 0.01);
  ASSERT_TRUE(fresh->Checkpoint().ok());
  EXPECT_LE(GetStats().page_file_bytes, fresh->GetStats()->page_file_bytes);
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  EXPECT_GE(RecallOf(*store_, queries), fresh_recall - 0.01);
}

}  // namespace
}  // namespace engram
