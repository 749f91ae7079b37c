#include "engine/writer.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <string>
#include <vector>

#include "tests/engine/engine_fixture.h"

namespace engram {
namespace {

class WriterTest : public EngineTest {};

TEST_F(WriterTest, GrowthNearTheBudgetTakesOnlyWhatIsNeeded) {
  constexpr std::uint64_t kBudget = 512 << 10;
  config_.min_extent_bytes = 1 << 20;
  config_.options.memory_budget_bytes = kBudget;
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::vector<float> vector = Vector(1);
  Done done;
  std::uint64_t inserted = 0;
  for (;; ++inserted) {
    done = Commit({InsertOf(vector)}, Durability::kNone);
    if (!done.status.ok()) break;
  }
  EXPECT_EQ(done.status.code(), Code::kIndexFull) << done.status;
  EXPECT_NE(done.status.message().find(std::to_string(kBudget)), std::string::npos) << done.status;
  EXPECT_GT(inserted, 100u);
  EXPECT_LE(engine_->core().pages->memory_bytes(), kBudget);
  EXPECT_EQ(GetStats().count, inserted);
}

TEST_F(WriterTest, OneHugeBatchDoesNotKeepItsMemory) {
  // Pages are not of the heap, and a vector is in no row: what is left are the writer's buffers and
  // the log's.
  constexpr std::uint32_t kMany = 16384;
  config_.options.dimensions = kMany;
  config_.options.log_segment_bytes = 1 << 20;
  ASSERT_NO_FATAL_FAILURE(Open());
  const auto in_use = [] {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const std::vector<float> vector(kMany, 1);
  ASSERT_TRUE(Commit({InsertOf(vector)}).status.ok());
  const std::size_t before = in_use();
  std::vector<PendingOp> ops;
  for (int i = 0; i < 256; ++i) ops.emplace_back(InsertOf(vector));  // 16 MiB of log
  ASSERT_TRUE(Commit(std::move(ops)).status.ok());
  EXPECT_LT(in_use(), before + (6 << 20));
}

}  // namespace
}  // namespace engram
