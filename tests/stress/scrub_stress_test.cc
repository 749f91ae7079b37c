// The scrubber beside writers, checkpoints and maintenance on several threads: it never takes a
// page that is being written for a bad one, and finds one that is bad.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/vector_rules.h"
#include "storage/base/posix_file_system.h"
#include "tests/support/sound_store.h"
#include "tests/support/temp_dir.h"
#include "tests/support/watchdog.h"

namespace engram {
namespace {

constexpr std::uint32_t kDimensions = 32;

class ScrubStressTest : public ::testing::Test {
 protected:
  void SetUp() override {
    EngineOptions config;
    config.min_extent_bytes = 64 << 10;
    config.checkpoint_slice_bytes = 16 << 10;
    config.scrub_rest = std::chrono::seconds(0);
    config.options.dimensions = kDimensions;
    config.options.m = 4;
    config.options.journal_bytes = 256 << 10;
    config.options.search_threads = 1;
    config.options.scrub_bytes_per_second = 1ull << 34;
    auto opened = Engine::Open(dir_.File("store"), config, Engine::Access::kReadWrite);
    ASSERT_TRUE(opened.ok()) << opened.status();
    engine_ = std::move(opened).value();
  }

  void Insert(std::mt19937_64& random, std::size_t count) {
    std::vector<std::vector<float>> vectors(count, std::vector<float>(kDimensions));
    Transaction transaction;
    transaction.durability = Durability::kNone;
    for (std::vector<float>& vector : vectors) {
      for (float& x : vector) x = static_cast<float>(random() % 1000);
      PendingInsert insert;
      insert.vector = vector;
      insert.norm = VectorNorm(vector);
      transaction.ops.emplace_back(std::move(insert));
    }
    engine_->Commit(transaction);
    ASSERT_TRUE(transaction.status.ok()) << transaction.status;
  }

  TempDir dir_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(ScrubStressTest, PagesThatAreBeingWrittenAreNotTakenForBadOnes) {
  const Watchdog watchdog("scrubbing beside writers", std::chrono::seconds(300));
  const std::uint64_t seed = TestSeed(41);
  std::mt19937_64 first(seed);
  ASSERT_NO_FATAL_FAILURE(Insert(first, 500));
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    std::mt19937_64 random(seed + 1);
    while (!stop.load(std::memory_order_relaxed)) Insert(random, 1 + random() % 20);
  });
  threads.emplace_back([&] {
    while (!stop.load(std::memory_order_relaxed)) EXPECT_TRUE(engine_->Checkpoint().ok());
  });
  threads.emplace_back([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      EXPECT_TRUE(engine_->RunMaintenance(std::chrono::milliseconds(20)).ok());
    }
  });
  const auto stats = [&] { return engine_->GetStats().value(); };
  const std::uint64_t checkpoints = stats().checkpoints;
  while (stats().scrub_rounds < 15 || stats().checkpoints < checkpoints + 15) {
    std::this_thread::yield();
  }
  stop.store(true, std::memory_order_relaxed);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(stats().bad_pages, 0u);

  const PageRef ref{SegmentKind::kNodes, PageId{2}};
  ASSERT_TRUE(engine_->Checkpoint().ok());
  {
    const std::uint64_t offset = engine_->core().page_file->FileOffset(ref) + 500;
    std::fstream file(engine_->core().GraphPath(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write("rot", 3);
  }
  while (stats().healed_pages == 0) std::this_thread::yield();
  EXPECT_EQ(stats().bad_pages, 1u);
  EXPECT_EQ(stats().first_bad_page, 2u);
  const Status closed = engine_->Close();
  ASSERT_TRUE(closed.ok()) << closed;
  engine_.reset();
  ExpectSoundStore(MakePosixFileSystem(), dir_.File("store"));
}

}  // namespace
}  // namespace engram
