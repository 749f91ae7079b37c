// A small engine on real files, with a clock that the test moves, and no thread of its own.
#ifndef ENGRAM_TESTS_ENGINE_ENGINE_FIXTURE_H_
#define ENGRAM_TESTS_ENGINE_ENGINE_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/vector_rules.h"
#include "storage/base/test_hooks.h"
#include "storage/base/uring_file_system.h"
#include "storage/meta_codec.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_dir.h"

namespace engram {

class EngineTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kDimensions = 4;
  static constexpr std::int64_t kStartUs = 1'700'000'000'000'000;

  EngineTest() : files_(std::make_shared<FaultFileSystem>(MakeBestFileSystem())) {
    config_.file_system = files_;
    config_.clock = &clock_;
    config_.min_extent_bytes = 16 << 10;
    config_.checkpoint_slice_bytes = 16 << 10;
    config_.options.dimensions = kDimensions;
    config_.options.journal_bytes = 256 << 10;
    config_.options.log_segment_bytes = 64 << 10;
    config_.options.background_threads = 0;
  }
  ~EngineTest() override { ClearSyncPoints(); }

  void Open() {
    auto opened = Engine::Open(dir_.File("store"), config_, Engine::Access::kReadWrite);
    ASSERT_TRUE(opened.ok()) << opened.status();
    engine_ = std::move(opened).value();
  }
  // As after the death of the process: nothing is flushed, no checkpoint is made.
  void KillAndOpen() {
    engine_.reset();
    Open();
  }
  void CloseAndOpen() {
    const Status closed = engine_->Close();
    ASSERT_TRUE(closed.ok()) << closed;
    KillAndOpen();
  }

  static std::vector<float> Vector(float first) { return {first, 1, 2, 3}; }

  // `vector` must outlive the commit.
  static PendingInsert InsertOf(VectorView vector, const Metadata& metadata = {}) {
    PendingInsert insert;
    insert.vector = vector;
    insert.norm = VectorNorm(vector);
    insert.metadata = EncodedMetadata(metadata).value();
    return insert;
  }
  static PendingUpdate UpdateOf(PatternId id, VectorView vector) {
    PendingUpdate update;
    update.id = id;
    update.vector = vector;
    update.norm = VectorNorm(vector);
    return update;
  }

  // What became of a transaction.
  struct Done {
    Status status;
    Lsn lsn = Lsn::kNone;
    std::vector<PatternId> ids;
  };
  Done Commit(std::vector<PendingOp> ops, Durability durability = Durability::kSync) {
    Transaction transaction;
    transaction.ops = std::move(ops);
    transaction.durability = durability;
    engine_->Commit(transaction);
    return {std::move(transaction.status), transaction.lsn, std::move(transaction.ids)};
  }
  PatternId Insert(float first, Durability durability = Durability::kSync) {
    const std::vector<float> vector = Vector(first);
    std::vector<PendingOp> ops;
    ops.emplace_back(InsertOf(vector));
    const Done done = Commit(std::move(ops), durability);
    EXPECT_TRUE(done.status.ok()) << done.status;
    return done.status.ok() ? done.ids[0] : 0;
  }
  Status Update(PatternId id, float first) {
    const std::vector<float> vector = Vector(first);
    return Commit({UpdateOf(id, vector)}).status;
  }
  Status Erase(PatternId id) { return Commit({PendingErase{id}}).status; }

  // The first component of what the store holds; unset where it does not.
  std::optional<float> First(PatternId id, const std::optional<KeptState>& at = std::nullopt) {
    ReadRequest request;
    request.snapshot = at;
    const auto got = engine_->Get(id, request);
    if (!got.ok()) {
      EXPECT_EQ(got.code(), Code::kNotFound) << got.status();
      return std::nullopt;
    }
    return got->vector[0];
  }
  Stats GetStats() {
    const auto stats = engine_->GetStats();
    EXPECT_TRUE(stats.ok()) << stats.status();
    return stats.ok() ? *stats : Stats();
  }
  Lsn visible() { return engine_->core().versions.visible(); }

  TempDir dir_;
  ManualClock clock_{kStartUs};
  std::shared_ptr<FaultFileSystem> files_;
  EngineOptions config_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_ENGINE_ENGINE_FIXTURE_H_
