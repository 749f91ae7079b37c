// Everything that waits for something else at once: RocksDB with hardly any memory stalls writers
// until slow flushes are done, flushes wait for the log, checkpoints for both, and eight writers
// fill the line. All of it must come to an end.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "engine/vector_rules.h"
#include "storage/base/uring_file_system.h"
#include "storage/meta_codec.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/sound_store.h"
#include "tests/support/temp_dir.h"
#include "tests/support/watchdog.h"

namespace engram {
namespace {

constexpr std::uint32_t kDimensions = 16;
constexpr std::size_t kWriters = 8;
constexpr std::size_t kEach = 120;
constexpr std::size_t kMetadataBytes = 4000;

class HangTest : public ::testing::Test {
 protected:
  HangTest() : files_(std::make_shared<FaultFileSystem>(MakeBestFileSystem())) {
    config_.file_system = files_;
    config_.min_extent_bytes = 16 << 10;
    config_.checkpoint_slice_bytes = 16 << 10;
    Options& options = config_.options;
    options.dimensions = kDimensions;
    options.log_segment_bytes = 64 << 10;
    options.checkpoint_log_bytes = 64 << 10;
    options.journal_bytes = 256 << 10;
    options.metadata_buffer_bytes = 64 << 10;  // far below what Options allow
    options.sync_interval = std::chrono::milliseconds(1);
  }

  void Open() {
    auto opened = Engine::Open(dir_.File("store"), config_, Engine::Access::kReadWrite);
    ASSERT_TRUE(opened.ok()) << opened.status();
    engine_ = std::move(opened).value();
  }

  void Write(std::size_t writer) {
    for (std::size_t i = 0; i < kEach && !HasFailure(); ++i) {
      const std::vector<float> vector(kDimensions, static_cast<float>(writer * kEach + i));
      const Metadata metadata = {
          {"text", std::string(kMetadataBytes, static_cast<char>('a' + i % 26))}};
      PendingInsert insert;
      insert.vector = vector;
      insert.norm = VectorNorm(vector);
      insert.metadata = EncodeMetadata(metadata).value();
      Transaction transaction;
      transaction.ops.emplace_back(std::move(insert));
      transaction.bytes = kMetadataBytes;
      transaction.durability = writer % 2 == 0 ? Durability::kSync : Durability::kInterval;
      engine_->Commit(transaction);
      ASSERT_TRUE(transaction.status.ok()) << transaction.status;
      const auto got = engine_->Get(transaction.ids[0], {});
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_EQ(got->vector, vector);
      EXPECT_EQ(got->metadata, metadata);
    }
    writers_left_.fetch_sub(1, std::memory_order_acq_rel);
  }

  void Checkpoint() {
    do {
      const Status status = engine_->Checkpoint();
      ASSERT_TRUE(status.ok()) << status;
    } while (writers_left_.load(std::memory_order_acquire) > 0 && !HasFailure());
  }

  void RunThreads() {
    std::vector<std::thread> threads;
    threads.emplace_back([this] { Checkpoint(); });
    for (std::size_t i = 0; i < kWriters; ++i) threads.emplace_back([this, i] { Write(i); });
    for (std::thread& thread : threads) thread.join();
  }

  TempDir dir_;
  std::shared_ptr<FaultFileSystem> files_;
  EngineOptions config_;
  std::unique_ptr<Engine> engine_;
  std::atomic<std::size_t> writers_left_{kWriters};
};

TEST_F(HangTest, WritersStalledBySlowFlushesGoOnUntilAllIsDone) {
  const Watchdog watchdog("writers stalled by flushes", std::chrono::seconds(120));
  ASSERT_NO_FATAL_FAILURE(Open());
  files_->SetSyncDelay(std::chrono::milliseconds(3), "/meta/");
  RunThreads();
  EXPECT_EQ(engine_->GetStats()->count, kWriters * kEach);
  const Status closed = engine_->Close();
  ASSERT_TRUE(closed.ok()) << closed;
  engine_.reset();
  ExpectSoundStore(files_, dir_.File("store"), kWriters * kEach);
}

}  // namespace
}  // namespace engram
