// Random histories of a store, each ended again and again by closing or by a kill: the graph that
// is left keeps every rule that verify knows.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/vector_rules.h"
#include "storage/base/uring_file_system.h"
#include "tests/support/sound_store.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

// A microsecond for each look: a budget is a number of steps.
class TickingClock : public Clock {
 public:
  std::int64_t NowMicros() override { return 1'700'000'000'000'000 + Tick(); }
  std::chrono::steady_clock::time_point Steady() override {
    return std::chrono::steady_clock::time_point(std::chrono::microseconds(Tick()));
  }

 private:
  // relaxed: a number that grows, which carries nothing.
  std::int64_t Tick() { return ticks_.fetch_add(1, std::memory_order_relaxed); }

  std::atomic<std::int64_t> ticks_{0};
};

enum class Cloud { kSpread, kCopies, kSorted, kClusters };

class History {
 public:
  History(std::uint64_t seed, Metric metric, std::uint32_t m)
      : random_(seed), files_(MakeBestFileSystem()) {
    config_.file_system = files_;
    config_.clock = &clock_;
    config_.min_extent_bytes = 16 << 10;
    Options& options = config_.options;
    options.dimensions = 1 + Below(8);
    options.m = m;
    options.metric = metric;
    options.seed = random_();
    options.ef_construction = m + Below(30);
    options.keep_pruned = Below(2) == 0;
    options.journal_bytes = 256 << 10;
    options.log_segment_bytes = 256 << 10;
    options.metadata_buffer_bytes = 1 << 20;
    options.background_threads = 0;
    options.search_threads = 1 + Below(2);
    options.durability = Durability::kNone;
    cloud_ = static_cast<Cloud>(Below(4));
  }

  std::string Describe() const {
    return "m " + std::to_string(config_.options.m) + ", metric " +
           std::string(MetricName(*config_.options.metric)) + ", " +
           std::to_string(config_.options.dimensions) + " dimensions, ef construction " +
           std::to_string(config_.options.ef_construction) + ", cloud " +
           std::to_string(static_cast<int>(cloud_));
  }

  // Ends most of a store's patterns, then sweeps one to three steps between kills, until all are
  // gone.
  void SweepWithKills(std::uint32_t count) {
    Open();
    for (std::uint32_t made = 0; made < count; made += 100) Insert(100);
    Erase(count - 100);
    bool half_retired = false;
    for (int steps = 1; !testing::Test::HasFailure(); ++steps) {
      Check(engine_->RunMaintenance(std::chrono::microseconds(1 + steps % 3)));
      // New nodes take freed slots, and sweep in passing.
      Insert(3);
      const auto stats = engine_->GetStats();
      ASSERT_TRUE(stats.ok()) << stats.status();
      half_retired |= stats->dead > 0 && stats->dead < count - 100;
      engine_.reset();
      Verify();
      if (stats->dead == 0) break;
      Open();
    }
    EXPECT_TRUE(half_retired) << "no kill came between two commits that free slots";
  }

  int audits() const { return audits_; }

  void Run(int openings, int steps) {
    for (int i = 0; i < openings; ++i) {
      Open();
      if (testing::Test::HasFatalFailure()) return;
      for (int step = 0; step < steps; ++step) {
        Step();
        if (testing::Test::HasFailure()) return;
      }
      End();
      Verify();
      if (testing::Test::HasFailure()) {
        ADD_FAILURE() << "after opening " << i;
        return;
      }
    }
  }

 private:
  std::uint32_t Below(std::size_t n) { return static_cast<std::uint32_t>(random_() % n); }

  void Open() {
    auto opened = Engine::Open(dir_.File("store"), config_, Engine::Access::kReadWrite);
    ASSERT_TRUE(opened.ok()) << opened.status();
    engine_ = std::move(*opened);
  }

  void End() {
    if (snapshot_) ChangeSnapshot();
    if (Below(3) > 0) {
      const Status closed = engine_->Close();
      EXPECT_TRUE(closed.ok()) << closed;
    }
    engine_.reset();
  }

  void Verify() { ExpectSoundStore(files_, dir_.File("store"), ids_.size()); }

  void Step() {
    const std::uint32_t kind = Below(23);
    if (kind < 8 || ids_.empty()) {
      Insert(1 + Below(4));
    } else if (kind < 10) {
      Insert(10 + Below(60));
    } else if (kind < 12) {
      Update(1 + Below(4));
    } else if (kind < 15) {
      Erase(1 + Below(4));
    } else if (kind == 15) {
      // Down to a few, or to none.
      Erase(static_cast<std::uint32_t>(ids_.size()) * (4 + Below(7)) / 10);
    } else if (kind == 16) {
      Mixed();
    } else if (kind == 17 && Below(3) == 0) {
      ChangeSnapshot();
    } else if (kind < 19) {
      Check(engine_->RunMaintenance(std::chrono::microseconds(1 + Below(Below(2) == 0 ? 4 : 200))));
    } else if (kind == 19) {
      Check(engine_->Checkpoint());
    } else if (kind < 22) {
      Audit();
    } else {
      Rebalance();
    }
  }

  // Some steps of a round, which is broken off where the store is closed or killed. It must agree
  // with what was counted on the way.
  void Audit() {
    MutexLock role(engine_->core().writer_role);
    Writer writer(engine_->core());
    for (std::uint32_t steps = 1 + Below(12); steps > 0; --steps) {
      const auto step = writer.Audit(1 + Below(200));
      ASSERT_TRUE(step.ok()) << step.status();
      if (!step->has_value()) continue;
      EXPECT_EQ((*step)->mended, 0u) << (*step)->links << " links, " << (*step)->counts
                                     << " counts, " << (*step)->adopted << " adopted";
      ++audits_;
    }
  }

  void Rebalance() {
    RebalanceOptions options;
    options.worst_share = Below(2) == 0 ? 1 : 0.1;
    options.sample = 0;
    const auto report = engine_->Rebalance(options);
    EXPECT_TRUE(report.ok()) << report.status();
  }

  // While there is one, the dead stay.
  void ChangeSnapshot() {
    if (snapshot_) {
      engine_->DropSnapshot(*std::exchange(snapshot_, std::nullopt));
    } else {
      snapshot_ = engine_->TakeSnapshot();
    }
  }

  static void Check(const Status& status) { EXPECT_TRUE(status.ok()) << status; }

  VectorView NextVector() {
    const std::uint32_t dimensions = config_.options.dimensions;
    const auto step = static_cast<float>(vectors_.size());
    std::vector<float> vector(dimensions);
    std::normal_distribution<float> normal;
    for (std::uint32_t i = 0; i < dimensions; ++i) {
      switch (cloud_) {
        case Cloud::kSpread:
          vector[i] = normal(random_);
          break;
        case Cloud::kCopies:
          vector[i] = static_cast<float>(Below(3));
          break;
        case Cloud::kSorted:
          vector[i] = step + static_cast<float>(i);
          break;
        case Cloud::kClusters:
          vector[i] = static_cast<float>(Below(4)) * 1e4F + normal(random_);
          break;
      }
    }
    if (!vectors_.empty() && Below(10) == 0) vector = vectors_[Below(vectors_.size())];
    const bool zero = std::all_of(vector.begin(), vector.end(), [](float x) { return x == 0; });
    if (zero) vector[0] = 1;  // cosine takes none
    return vectors_.emplace_back(std::move(vector));
  }

  PendingInsert NextInsert() {
    PendingInsert insert;
    insert.vector = NextVector();
    insert.norm = VectorNorm(insert.vector);
    return insert;
  }

  PendingUpdate NextUpdate(PatternId id) {
    PendingUpdate update;
    update.id = id;
    if (Below(4) == 0) {
      update.type = 7;  // the same vector once more
    } else {
      update.vector = NextVector();
      update.norm = VectorNorm(*update.vector);
    }
    return update;
  }

  PatternId TakeId() {
    std::swap(ids_[Below(ids_.size())], ids_.back());
    const PatternId id = ids_.back();
    ids_.pop_back();
    return id;
  }

  void Commit(std::vector<PendingOp> ops) {
    Transaction transaction;
    transaction.durability = Durability::kNone;
    transaction.ops = std::move(ops);
    engine_->Commit(transaction);
    ASSERT_TRUE(transaction.status.ok()) << transaction.status;
    ids_.insert(ids_.end(), transaction.ids.begin(), transaction.ids.end());
  }

  void Insert(std::uint32_t count) {
    std::vector<PendingOp> ops;
    for (std::uint32_t i = 0; i < count; ++i) ops.emplace_back(NextInsert());
    Commit(std::move(ops));
  }
  void Update(std::uint32_t count) {
    std::vector<PendingOp> ops;
    for (std::uint32_t i = 0; i < count; ++i)
      ops.emplace_back(NextUpdate(ids_[Below(ids_.size())]));
    Commit(std::move(ops));
  }
  void Erase(std::uint32_t count) {
    std::vector<PendingOp> ops;
    for (std::uint32_t i = 0; i < count && !ids_.empty(); ++i) {
      ops.emplace_back(PendingErase{TakeId()});
    }
    if (!ops.empty()) Commit(std::move(ops));
  }
  // Everything in one commit.
  void Mixed() {
    std::vector<PendingOp> ops;
    for (std::uint32_t i = Below(8); i > 0 && ids_.size() > 1; --i) {
      ops.emplace_back(PendingErase{TakeId()});
    }
    for (std::uint32_t i = Below(8); i > 0; --i) {
      ops.emplace_back(NextUpdate(ids_[Below(ids_.size())]));
    }
    for (std::uint32_t i = 1 + Below(8); i > 0; --i) ops.emplace_back(NextInsert());
    Commit(std::move(ops));
  }

  std::mt19937_64 random_;
  TempDir dir_;
  TickingClock clock_;
  std::shared_ptr<FileSystem> files_;
  EngineOptions config_;
  Cloud cloud_ = Cloud::kSpread;
  std::unique_ptr<Engine> engine_;
  std::optional<KeptState> snapshot_;
  std::deque<std::vector<float>> vectors_;  // all ever made
  std::vector<PatternId> ids_;              // live ones
  int audits_ = 0;                          // rounds that were finished
};

class GraphVerifyTest : public testing::TestWithParam<Metric> {};

TEST_P(GraphVerifyTest, RandomHistoriesLeaveAGraphThatKeepsEveryRule) {
  std::uint64_t seed = TestSeed(41) * 1000 + static_cast<std::uint64_t>(GetParam());
  int audits = 0;
  for (const std::uint32_t m : {2u, 4u, 16u}) {
    for (int i = 0; i < 3; ++i) {
      History history(seed, GetParam(), m);
      SCOPED_TRACE("seed of the history " + std::to_string(seed) + ": " + history.Describe());
      history.Run(6, 35);
      if (HasFailure()) return;
      audits += history.audits();
      seed += 10;
    }
  }
  EXPECT_GT(audits, 20);
}

TEST(GraphVerify, KillsBetweenTheStepsOfASweepLeaveAGraphThatKeepsEveryRule) {
  History history(TestSeed(43), Metric::kL2, 4);
  history.SweepWithKills(1500);
}

INSTANTIATE_TEST_SUITE_P(Metrics, GraphVerifyTest,
                         testing::Values(Metric::kL2, Metric::kCosine, Metric::kInnerProduct),
                         [](const auto& metric) {
                           return "Metric" + std::to_string(static_cast<int>(metric.param));
                         });

}  // namespace
}  // namespace engram
