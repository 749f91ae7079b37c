#include "engine/writer.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "index/node_key.h"
#include "tests/engine/engine_fixture.h"
#include "tests/support/graph_check.h"

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

TEST_F(WriterTest, AFullStoreTakesThePlacesOfTheDeadBeforeItRefuses) {
  config_.options.memory_budget_bytes = 512 << 10;
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::vector<float> vector = Vector(1);
  PatternId last = 0;
  for (;;) {
    const Done done = Commit({InsertOf(vector)}, Durability::kNone);
    if (!done.status.ok()) break;
    last = done.ids[0];
  }
  std::vector<PendingOp> erases;
  for (PatternId id = 1; id <= last; ++id) erases.emplace_back(PendingErase{id});
  ASSERT_TRUE(Commit(std::move(erases), Durability::kNone).status.ok());
  for (PatternId i = 0; i < last; ++i) {
    const Done done = Commit({InsertOf(vector)}, Durability::kNone);
    ASSERT_TRUE(done.status.ok()) << i << " of " << last << ": " << done.status;
  }
}

// In a heap of copies whose lists are full, one that ends can move the parents of many others:
// far more log than a commit of its kind takes as a rule, also where the segment ends.
TEST_F(WriterTest, AnEraseThatChangesManyListsFindsRoomInTheLog) {
  constexpr std::uint32_t kCopies = 3000;
  config_.options.m = 2;
  config_.options.ef_construction = 1;
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::vector<float> vector = Vector(1);
  std::vector<PendingOp> ops;
  for (std::uint32_t i = 0; i < kCopies; ++i) ops.emplace_back(InsertOf(vector));
  ASSERT_TRUE(Commit(std::move(ops), Durability::kNone).status.ok());
  const Core& core = engine_->core();
  std::vector<std::pair<NodeKey, PatternId>> ranks;
  for (std::uint32_t i = 0; i < kCopies; ++i) {
    const ConstNodeView node = core.Node(static_cast<SlotId>(i));
    ranks.emplace_back(NodeKey::Of(node), node.id());
  }
  std::sort(ranks.begin(), ranks.end(),
            [](const auto& a, const auto& b) { return b.first < a.first; });
  for (std::uint32_t i = 0; i < kCopies / 2; ++i) {
    const Done done = Commit({PendingErase{ranks[i].second}}, Durability::kNone);
    ASSERT_TRUE(done.status.ok()) << done.status;
  }
  {
    MutexLock role(engine_->core().writer_role);
    EXPECT_EQ(CheckGraph(engine_->core()), "");
  }
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  EXPECT_EQ(GetStats().count, kCopies - kCopies / 2);
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
