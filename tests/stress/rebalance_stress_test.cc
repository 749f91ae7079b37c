// Rebalancing and audits beside writers and searches: nothing is lost, no search fails, and the
// graph that is left keeps every rule.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "engine/vector_rules.h"
#include "storage/base/uring_file_system.h"
#include "tests/support/sound_store.h"
#include "tests/support/temp_dir.h"
#include "tests/support/watchdog.h"

namespace engram {
namespace {

constexpr std::uint32_t kDimensions = 6;
constexpr std::size_t kKept = 500;  // patterns; from then on each insert ends the oldest one

std::vector<float> SomeVector(std::mt19937_64& random) {
  std::vector<float> vector(kDimensions);
  for (float& component : vector) component = static_cast<float>(random() % 1000);
  return vector;
}

class RebalanceStress : public testing::TestWithParam<Residency> {
 protected:
  void Open() {
    config_.file_system = files_;
    config_.min_extent_bytes = 16 << 10;
    config_.options.dimensions = kDimensions;
    config_.options.m = 4;
    config_.options.ef_construction = 30;
    config_.options.journal_bytes = 256 << 10;
    config_.options.search_threads = 2;
    config_.options.durability = Durability::kNone;
    config_.options.residency = GetParam();
    auto opened = Engine::Open(dir_.File("store"), config_, Engine::Access::kReadWrite);
    ASSERT_TRUE(opened.ok()) << opened.status();
    engine_ = std::move(*opened);
  }

  void Write() {
    std::mt19937_64 random(seed_);
    std::deque<PatternId> ids;
    while (!stop_.load(std::memory_order_relaxed)) {
      const std::vector<float> vector = SomeVector(random);
      Transaction transaction;
      transaction.durability = Durability::kNone;
      PendingInsert insert;
      insert.vector = vector;
      insert.norm = VectorNorm(vector);
      transaction.ops.emplace_back(std::move(insert));
      if (ids.size() >= kKept) {
        transaction.ops.emplace_back(PendingErase{ids.front()});
        ids.pop_front();
      }
      engine_->Commit(transaction);
      ASSERT_TRUE(transaction.status.ok()) << transaction.status;
      ids.push_back(transaction.ids.front());
      live_.store(ids.size(), std::memory_order_relaxed);
    }
  }
  void Search() {
    std::mt19937_64 random(seed_ + 1);
    while (!stop_.load(std::memory_order_relaxed)) {
      const std::vector<float> query = SomeVector(random);
      SearchRequest request;
      request.query = query;
      const auto result = engine_->Search(request);
      ASSERT_TRUE(result.ok() || result.code() == Code::kEmptyIndex) << result.status();
      EXPECT_FALSE(result.ok() && result->degraded);
    }
  }
  void Audit() {
    while (!stop_.load(std::memory_order_relaxed)) {
      engine_->core().LetLeadersIn();
      MutexLock role(engine_->core().writer_role);
      const auto step = Writer(engine_->core()).Audit(64);
      ASSERT_TRUE(step.ok()) << step.status();
      if (!step->has_value()) continue;
      EXPECT_EQ((*step)->mended, 0U);
      audits_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  const std::uint64_t seed_ = TestSeed(81);
  TempDir dir_;
  std::shared_ptr<FileSystem> files_ = MakeBestFileSystem();
  EngineOptions config_;
  std::unique_ptr<Engine> engine_;
  // Relaxed, all three: the threads are joined before anything rests on them.
  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> live_{0};
  std::atomic<int> audits_{0};
};

TEST_P(RebalanceStress, WritersReadersAndTheAuditGoOn) {
  const Watchdog watchdog("rebalancing beside others", std::chrono::seconds(300));
  ASSERT_NO_FATAL_FAILURE(Open());
  std::vector<std::thread> others;
  others.emplace_back([this] { Write(); });
  others.emplace_back([this] { Search(); });
  others.emplace_back([this] { Audit(); });
  while (live_.load(std::memory_order_relaxed) < kKept && !HasFailure()) std::this_thread::yield();
  RebalanceOptions options;
  options.worst_share = 1;
  options.sample = 10;
  std::uint64_t relinked = 0;
  for (int i = 0; i < 5 || audits_.load(std::memory_order_relaxed) < 3; ++i) {
    const auto report = engine_->Rebalance(options);
    EXPECT_TRUE(report.ok()) << report.status();
    if (HasFailure()) break;
    relinked += report->relinked;
  }
  stop_.store(true, std::memory_order_relaxed);
  for (std::thread& other : others) other.join();
  EXPECT_GT(relinked, 0U);
  EXPECT_EQ(engine_->GetStats()->count, kKept);
  const Status closed = engine_->Close();
  ASSERT_TRUE(closed.ok()) << closed;
  engine_.reset();
  ExpectSoundStore(files_, dir_.File("store"));
}

INSTANTIATE_TEST_SUITE_P(Residencies, RebalanceStress,
                         testing::Values(Residency::kResident, Residency::kMapped),
                         [](const auto& residency) {
                           return std::string(ResidencyName(residency.param));
                         });

}  // namespace
}  // namespace engram
