// Linking the worst nodes anew: a harmed graph is as good as before, a healthy one stays so, and
// whatever happens meanwhile leaves a sound store.
#include "engine/rebalancer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "index/node_key.h"
#include "storage/base/coding.h"
#include "tests/engine/population_fixture.h"
#include "tests/support/sound_store.h"

namespace engram {
namespace {

class RebalanceTest : public PopulationTest, public ::testing::WithParamInterface<Residency> {
 protected:
  static constexpr std::uint32_t kWide = 12;

  RebalanceTest() : PopulationTest(TestSeed(71)) {
    config_.options.dimensions = kWide;
    config_.options.m = 8;
    config_.options.ef_construction = 60;
    config_.options.ef = 30;
    config_.options.residency = GetParam();
    config_.options.log_segment_bytes = 1 << 20;
  }

  // Patterns around a few hundred centers.
  std::vector<float> NextVector() {
    if (centers_.empty()) {
      for (int i = 0; i < 200; ++i) centers_.push_back(Around(std::vector<float>(kWide), 10));
    }
    return Around(centers_[random_() % centers_.size()], 1);
  }
  std::vector<float> Around(const std::vector<float>& center, float spread) {
    std::normal_distribution<float> normal(0, spread);
    std::vector<float> vector(center);
    for (float& component : vector) component += normal(random_);
    return vector;
  }
  void InsertMany(std::size_t count) {
    std::vector<std::vector<float>> vectors;
    for (std::size_t i = 0; i < count; ++i) vectors.push_back(NextVector());
    InsertAll(vectors);
  }

  // Takes every link of a share of the nodes away but those that somebody's reachability needs.
  void Harm(double share) {
    Core& core = engine_->core();
    MutexLock role(core.writer_role);
    const Graph graph = core.GraphNow();
    const std::uint32_t used = core.slots->used();
    std::vector<bool> has_parent(used);
    for (std::uint32_t i = 0; i < used; ++i) {
      const auto slot = static_cast<SlotId>(i);
      if (graph.state(slot) != SlotState::kLive) continue;
      const bool harmed = std::uniform_real_distribution<double>()(random_) < share;
      std::byte* page = core.pages->MutablePage({SegmentKind::kNodes, core.layout->PageOf(slot)},
                                                core.versions.visible());
      Links links = NodeView(page + core.layout->OffsetInPage(slot), *core.layout).links();
      std::uint32_t count = 0;
      for (std::uint32_t at = 0; at < links.count(); ++at) {
        const SlotId to = links[at];
        if (to == SlotId::kNone) continue;
        const bool lower = NodeKey::Of(graph.Node(to)) < NodeKey::Of(graph.Node(slot));
        if (!harmed || (lower && !has_parent[Raw(to)])) {
          if (lower) has_parent[Raw(to)] = true;
          count = at + 1;
        } else {
          links.Set(at, SlotId::kNone);
        }
      }
      links.SetCount(count);
    }
    const Status status = core.linker->Rebuild(graph, used, core.entry());
    ASSERT_TRUE(status.ok()) << status;
  }

  RebalanceReport Rebalance(double worst_share = 1) {
    RebalanceOptions options;
    options.worst_share = worst_share;
    options.sample = 200;
    const auto report = engine_->Rebalance(options);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : RebalanceReport();
  }

  void ExpectSound() {
    EXPECT_EQ(CheckGraphNow(), "");
    ASSERT_TRUE(engine_->Close().ok());
    engine_.reset();
    ExpectSoundStore(files_, dir_.File("store"));
  }

  std::vector<std::vector<float>> centers_;
};

TEST_P(RebalanceTest, AHarmedGraphIsGoodAgain) {
  ASSERT_NO_FATAL_FAILURE(Open());
  InsertMany(2000);
  const RebalanceReport healthy = Rebalance(0);
  EXPECT_EQ(healthy.relinked, 0u);
  EXPECT_GT(healthy.before.recall, 0.9);
  EXPECT_GT(healthy.before.finds_itself, 0.97);

  ASSERT_NO_FATAL_FAILURE(Harm(0.9));
  const RebalanceReport report = Rebalance();
  EXPECT_EQ(report.looked_at, 2000u);
  EXPECT_GT(report.bad, 1000u);
  EXPECT_GT(report.relinked, 1000u);
  EXPECT_LT(report.before.recall, healthy.before.recall - 0.1);
  EXPECT_LT(report.before.finds_itself, healthy.before.finds_itself - 0.1);
  EXPECT_GT(report.before.one_link_in, report.after.one_link_in);
  EXPECT_GT(report.after.recall, healthy.before.recall - 0.02);
  EXPECT_GT(report.after.finds_itself, healthy.before.finds_itself - 0.02);
  EXPECT_GT(report.after.mean_links_out, report.before.mean_links_out);
  EXPECT_GT(report.after.mean_links_in, report.before.mean_links_in);
  EXPECT_GE(report.after.least_links_in, 1u);
  EXPECT_GT(report.after.recall_error, 0);
  EXPECT_EQ(report.after.sampled, 200u);
  ExpectSound();
}

// The worst come first: a small share of the work does a large share of the good.
TEST_P(RebalanceTest, NoMoreThanTheWorstShareIsLinkedAnew) {
  ASSERT_NO_FATAL_FAILURE(Open());
  InsertMany(1500);
  ASSERT_NO_FATAL_FAILURE(Harm(0.5));
  const RebalanceReport report = Rebalance(0.1);
  EXPECT_LE(report.relinked, 150u);
  EXPECT_GT(report.relinked, 100u);
  EXPECT_GT(report.bad, report.relinked);
  EXPECT_GT(report.after.finds_itself, report.before.finds_itself);
  ExpectSound();
}

TEST_P(RebalanceTest, AHealthyGraphStaysAsGood) {
  ASSERT_NO_FATAL_FAILURE(Open());
  InsertMany(1500);
  const RebalanceReport report = Rebalance();
  EXPECT_LT(report.bad, report.looked_at / 4);
  EXPECT_GT(report.after.recall, report.before.recall - 0.01);
  EXPECT_GE(report.after.finds_itself, report.before.finds_itself);
  ExpectSound();
}

TEST_P(RebalanceTest, AfterLargeDeletionsItIsNoWorse) {
  ASSERT_NO_FATAL_FAILURE(Open());
  InsertMany(1500);
  for (int round = 0; round < 4; ++round) {
    EraseSome(1000);
    ASSERT_TRUE(engine_->RunMaintenance(std::chrono::seconds(10)).ok());
    InsertMany(1000);
  }
  const RebalanceReport report = Rebalance();
  EXPECT_GE(report.after.recall, report.before.recall - 0.01);
  EXPECT_GE(report.after.finds_itself, report.before.finds_itself);
  ExpectSound();
}

TEST_P(RebalanceTest, WhatItDidIsThereAfterACrash) {
  ASSERT_NO_FATAL_FAILURE(Open());
  InsertMany(1000);
  ASSERT_NO_FATAL_FAILURE(Harm(0.9));
  ASSERT_TRUE(engine_->Checkpoint().ok());
  const RebalanceReport report = Rebalance();
  ASSERT_TRUE(engine_->Flush().ok());
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  EXPECT_EQ(CheckGraphNow(), "");
  const RebalanceReport again = Rebalance(0);
  EXPECT_EQ(again.before.recall, report.after.recall);
  EXPECT_EQ(again.before.mean_links_out, report.after.mean_links_out);
  ExpectSound();
}

TEST_P(RebalanceTest, CancelledItLeavesWhatItHasDone) {
  ASSERT_NO_FATAL_FAILURE(Open());
  InsertMany(1000);
  ASSERT_NO_FATAL_FAILURE(Harm(0.9));
  RebalanceOptions options;
  options.worst_share = 1;
  options.sample = 0;
  std::vector<RebalanceProgress> seen;
  // At once, in the look, and in the work.
  for (const std::uint64_t relinked : {0u, 50u}) {
    seen.clear();
    options.progress = [&](const RebalanceProgress& progress) {
      seen.push_back(progress);
      return progress.relinked < relinked;
    };
    const Status status = engine_->Rebalance(options).status();
    EXPECT_EQ(status.code(), Code::kCancelled) << status;
    EXPECT_NE(status.message().find("cancelled"), std::string::npos);
    EXPECT_EQ(CheckGraphNow(), "");
  }
  EXPECT_GE(seen.back().relinked, 50u);
  EXPECT_LT(seen.back().relinked, 100u);
  for (std::size_t i = 1; i < seen.size(); ++i) {
    EXPECT_GE(seen[i].done, seen[i - 1].done);
    EXPECT_LE(seen[i].done, seen[i].total);
    EXPECT_LE(seen[i].total, seen[0].total);
  }
  InsertMany(10);
  EraseSome(10);
  options.progress = [&](const RebalanceProgress& progress) {
    seen.push_back(progress);
    return true;
  };
  EXPECT_TRUE(engine_->Rebalance(options).ok());
  EXPECT_EQ(seen.back().done, seen.back().total);
  ExpectSound();
}

// Nodes end, their slots are used again, and new ones come between the look and the commit.
TEST_P(RebalanceTest, WhatEndsOrComesMeanwhileIsNoTrouble) {
  ASSERT_NO_FATAL_FAILURE(Open());
  InsertMany(800);
  ASSERT_NO_FATAL_FAILURE(Harm(0.9));
  RebalanceOptions options;
  options.worst_share = 1;
  options.sample = 0;
  int steps = 0;
  options.progress = [&](const RebalanceProgress&) {
    if (++steps % 3 == 0) {
      EraseSome(20);
      EXPECT_TRUE(engine_->RunMaintenance(std::chrono::seconds(10)).ok());
      InsertMany(20);
    }
    return true;
  };
  int between = 0;
  SetSyncPoint("rebalance:searched", [&] {
    if (++between % 4 == 0) EraseSome(10);
    if (between % 5 == 0) InsertMany(5);
  });
  const auto report = engine_->Rebalance(options);
  ClearSyncPoints();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_GT(report->relinked, 100u);
  EXPECT_GT(between, 10);
  ExpectSound();
}

TEST_P(RebalanceTest, AnEmptyStoreAndOneOfOnePatternAreLeftAlone) {
  ASSERT_NO_FATAL_FAILURE(Open());
  EXPECT_EQ(Rebalance().before.count, 0u);
  InsertMany(1);
  const RebalanceReport report = Rebalance();
  EXPECT_EQ(report.before.count, 1u);
  EXPECT_EQ(report.after.finds_itself, 1);
  EXPECT_EQ(report.relinked, 0u);
  EraseSome(1);
  EXPECT_EQ(Rebalance().looked_at, 0u);
  ExpectSound();
}

TEST_P(RebalanceTest, OtherMetricsAndCopiesAreNoTrouble) {
  for (const Metric metric : {Metric::kCosine, Metric::kInnerProduct}) {
    SCOPED_TRACE(std::string(MetricName(metric)));
    std::filesystem::remove_all(dir_.File("store"));
    config_.options.metric = metric;
    ASSERT_NO_FATAL_FAILURE(Open());
    InsertMany(500);
    std::vector<float> copy = NextVector();
    std::vector<PendingOp> ops;
    for (int i = 0; i < 100; ++i) ops.emplace_back(InsertOf(copy));
    ASSERT_TRUE(Commit(std::move(ops), Durability::kNone).status.ok());
    ASSERT_NO_FATAL_FAILURE(Harm(0.8));
    const RebalanceReport report = Rebalance();
    EXPECT_GE(report.after.recall, report.before.recall);
    EXPECT_GT(report.after.finds_itself, 0.95);
    ExpectSound();
    ids_.clear();
  }
}

INSTANTIATE_TEST_SUITE_P(Residencies, RebalanceTest,
                         testing::Values(Residency::kResident, Residency::kMapped),
                         [](const auto& residency) {
                           return std::string(ResidencyName(residency.param));
                         });

}  // namespace
}  // namespace engram
