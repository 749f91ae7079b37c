// Store::Rebalance(), as a program sees it; what it does to a graph is in
// tests/engine/rebalance_test.cc.
#include <engram/rebalance.h>

#include <limits>
#include <span>
#include <string>
#include <vector>

#include <engram/store.h>

#include "tests/api/store_fixture.h"

namespace engram {
namespace {

class StoreRebalance : public StoreTest {
 protected:
  void Fill(int count) {
    for (int i = 0; i < count; ++i) Insert(Vector(static_cast<float>(i * 7 % 100)));
  }

  // Most of the store ends before, and is given back in the middle of the look at it.
  void RebalanceAroundCompaction() {
    std::vector<PatternId> ids;
    for (int i = 0; i < 3000; ++i) ids.push_back(Insert(Vector(static_cast<float>(i * 7 % 100))));
    for (std::size_t i = 300; i < ids.size(); ++i) ASSERT_TRUE(store_->Erase(ids[i]).ok());
    const std::uint64_t bytes = store_->GetStats()->page_file_bytes;
    RebalanceOptions options;
    options.worst_share = 1;
    int calls = 0;
    options.progress = [&](const RebalanceProgress&) {
      if (++calls != 2) return true;
      const auto compacted = store_->Compact();
      EXPECT_TRUE(compacted.ok()) << compacted.status();
      EXPECT_LT(store_->GetStats()->page_file_bytes, bytes);
      EXPECT_TRUE(store_->EraseForever(std::span(ids).first(1)).ok());
      return true;
    };
    const auto report = store_->Rebalance(options);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_GT(calls, 2);
    EXPECT_EQ(report->before.count, 300U);
    EXPECT_EQ(report->after.count, 299U);
    EXPECT_GT(report->after.finds_itself, 0.9);
  }
};

TEST_F(StoreRebalance, BadOptionsAreNamed) {
  Open();
  Fill(3);
  RebalanceOptions options;
  for (const double share : {-0.01, 1.01, std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity()}) {
    options.worst_share = share;
    const auto report = store_->Rebalance(options);
    EXPECT_EQ(report.code(), Code::kInvalidArgument);
    EXPECT_NE(report.status().message().find("worst_share"), std::string::npos) << report.status();
  }
  options.worst_share = 1;
  options.sample = 100'001;
  const auto report = store_->Rebalance(options);
  EXPECT_EQ(report.code(), Code::kInvalidArgument);
  EXPECT_NE(report.status().message().find("sample is 100001"), std::string::npos);
  options.sample = 100'000;
  EXPECT_TRUE(store_->Rebalance(options).ok());
  options.worst_share = 0;
  options.sample = 0;
  EXPECT_TRUE(store_->Rebalance(options).ok());
}

TEST_F(StoreRebalance, ItSaysHowTheGraphIs) {
  Open();
  Fill(400);
  const auto report = store_->Rebalance();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->looked_at, 400U);
  EXPECT_LE(report->relinked, 20U);
  EXPECT_LE(report->relinked, report->bad);
  for (const GraphHealth& health : {report->before, report->after}) {
    EXPECT_EQ(health.count, 400U);
    EXPECT_EQ(health.sampled, 100U);
    EXPECT_GT(health.mean_links_out, 2);
    EXPECT_EQ(health.mean_links_in, health.mean_links_out);  // nothing has ended
    EXPECT_GE(health.least_links_in, 1U);
    EXPECT_GT(health.finds_itself, 0.9);
    EXPECT_GT(health.recall, 0.9);
  }
}

TEST_F(StoreRebalance, TheCallbackMayCallTheStoreAndEndIt) {
  Open();
  Fill(400);
  RebalanceOptions options;
  int calls = 0;
  options.progress = [&](const RebalanceProgress& progress) {
    EXPECT_LE(progress.done, progress.total);
    EXPECT_TRUE(store_->Search(Vector(3)).ok());
    Insert(Vector(4));
    return ++calls < 3;
  };
  EXPECT_EQ(store_->Rebalance(options).code(), Code::kCancelled);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(store_->GetStats()->count, 403U);
}

// Slots that were not looked at yet are gone then, and what was found may lie elsewhere.
TEST_F(StoreRebalance, TheCallbackMayCompactAndEraseForEver) {
  options_.durability = Durability::kNone;
  options_.residency = Residency::kResident;
  Open();
  RebalanceAroundCompaction();
}

TEST_F(StoreRebalance, TheCallbackMayCompactAMappedStore) {
  options_.durability = Durability::kNone;
  options_.residency = Residency::kMapped;
  Open();
  RebalanceAroundCompaction();
}

TEST_F(StoreRebalance, AStoreThatIsOnlyReadIsRefused) {
  Open();
  Fill(3);
  ASSERT_TRUE(store_->Close().ok());
  auto opened = Store::OpenReadOnly(Path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->Rebalance().code(), Code::kReadOnly);
}

}  // namespace
}  // namespace engram
