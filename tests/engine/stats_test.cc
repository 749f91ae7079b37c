// What an engine says of its graph and of its bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "engine/analyze.h"
#include "tests/engine/engine_fixture.h"

namespace engram {
namespace {

class AnalyzeTest : public EngineTest {
 protected:
  GraphReport Analyze(const AnalyzeOptions& options = {}) {
    const auto report = engine_->Analyze(options);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : GraphReport();
  }
};

TEST_F(AnalyzeTest, AStoreReachesAllThatItHolds) {
  Open();
  for (int i = 0; i < 300; ++i) Insert(static_cast<float>(i * i % 97), Durability::kNone);
  const GraphReport report = Analyze();
  EXPECT_EQ(report.lsn, visible());
  EXPECT_EQ(report.count, 300U);
  EXPECT_EQ(report.dead, 0U);
  EXPECT_EQ(report.unreachable, 0U);
  EXPECT_EQ(report.components, 1U);
  EXPECT_EQ(report.levels[0].nodes, 300U);
  EXPECT_GE(report.levels[0].least_links, 1U);
  EXPECT_LE(report.in_degrees[0], 1U);  // the entry may have none
  EXPECT_EQ(report.levels[0].unreached, 0U);
  ASSERT_EQ(report.hubs.size(), 10U);
  EXPECT_EQ(report.hubs[0].in_links, report.most_in_links);
  EXPECT_GT(report.hub_share, 0.01);
  EXPECT_EQ(report.hanging, report.in_degrees[0] + report.in_degrees[1]);
  EXPECT_EQ(report.sampled, 100U);
  EXPECT_GE(report.recall, 0.95);
  EXPECT_LE(report.recall_low, report.recall);
  EXPECT_GE(report.recall_high, report.recall);
  EXPECT_EQ(report.recall_error,
            std::max(report.recall - report.recall_low, report.recall_high - report.recall));
  EXPECT_GT(report.mean_compared, 0);
}

TEST_F(AnalyzeTest, PartsMakeUpWhatTheFilesAndTheMemoryTake) {
  Open();
  for (int i = 0; i < 300; ++i) Insert(static_cast<float>(i), Durability::kNone);
  for (PatternId id = 1; id <= 40; ++id) ASSERT_TRUE(Erase(id).ok());
  const GraphReport report = Analyze();
  const SpaceReport& space = report.space;
  const Stats stats = GetStats();
  EXPECT_EQ(report.bytes_on_disk, stats.bytes_on_disk);
  EXPECT_EQ(report.memory_bytes, stats.memory_bytes);
  EXPECT_EQ(report.free_slots, stats.free_slots);
  EXPECT_EQ(space.page_file_bytes, stats.page_file_bytes);
  EXPECT_EQ(space.page_file_bytes + space.journal_bytes + space.log_bytes + space.metadata_bytes,
            report.bytes_on_disk);
  EXPECT_EQ(space.page_memory_bytes + space.page_copy_bytes + space.metadata_memory_bytes,
            report.memory_bytes);
  // Superblocks and tables come before the first page; the file system may need some blocks of its
  // own for a file.
  const std::uint64_t parts =
      kFirstExtentOffset + space.node_bytes + space.upper_bytes + space.slot_state_bytes;
  EXPECT_LE(parts, space.page_file_bytes);
  EXPECT_GE(parts + kFirstExtentOffset, space.page_file_bytes);
  EXPECT_EQ(space.dead_node_bytes, 40 * engine_->core().layout->block_bytes());
  EXPECT_EQ(report.dead_share, 40.0 / 300);
  // Headers of pages and what no block fits into: at most a quarter (index/node_layout.h).
  const std::uint64_t blocks =
      space.live_node_bytes + space.dead_node_bytes + space.free_node_bytes;
  EXPECT_LT(blocks, space.node_bytes);
  EXPECT_GE(blocks, space.node_bytes / 4 * 3);
  EXPECT_GT(space.live_upper_bytes, 0U);
  EXPECT_LT(space.live_upper_bytes + space.dead_upper_bytes + space.free_upper_bytes,
            space.upper_bytes);
}

TEST_F(AnalyzeTest, ThousandsOfCopiesAreOneHeap) {
  Open();
  const std::array<std::vector<float>, 3> vectors = {std::vector<float>{0, 1, 2, 3},
                                                     {-0.0F, 1, 2, 3},  // the same as the first
                                                     {1, 1, 2, 3}};
  std::vector<PendingOp> ops;
  for (std::size_t i = 0; i < 3000; ++i) ops.emplace_back(InsertOf(vectors[i % 2]));
  for (int i = 0; i < 5; ++i) ops.emplace_back(InsertOf(vectors[2]));
  ASSERT_TRUE(Commit(std::move(ops), Durability::kNone).status.ok());
  for (int i = 2; i < 50; ++i) Insert(static_cast<float>(i), Durability::kNone);
  for (PatternId id = 1; id <= 10; ++id) ASSERT_TRUE(Erase(id).ok());
  const GraphReport report = Analyze();
  EXPECT_EQ(report.count, 3043U);
  EXPECT_EQ(report.duplicates, 2989U + 4U);
  EXPECT_EQ(report.duplicated_vectors, 2U);
  EXPECT_EQ(report.largest_heap, 2990U);
}

TEST_F(AnalyzeTest, TheSameStoreGivesTheSameReport) {
  Open();
  for (int i = 0; i < 100; ++i) Insert(static_cast<float>(i), Durability::kNone);
  AnalyzeOptions options;
  options.sample = 20;
  options.k = 5;
  const GraphReport first = Analyze(options);
  CloseAndOpen();
  const GraphReport again = Analyze(options);
  EXPECT_EQ(first.sampled, 20U);
  EXPECT_EQ(first.recall, again.recall);
  EXPECT_EQ(first.mean_compared, again.mean_compared);
  EXPECT_EQ(first.out_degrees, again.out_degrees);
  EXPECT_EQ(first.in_degrees, again.in_degrees);
}

TEST_F(AnalyzeTest, WhatASnapshotKeepsCountsAsDead) {
  Open();
  std::vector<PatternId> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(Insert(static_cast<float>(i), Durability::kNone));
  const KeptState snapshot = engine_->TakeSnapshot();
  for (std::size_t i = 0; i < 20; ++i) ASSERT_TRUE(Erase(ids[i]).ok());
  const GraphReport report = Analyze();
  EXPECT_EQ(report.count, 30U);
  EXPECT_EQ(report.dead, 20U);
  EXPECT_EQ(report.unreachable, 0U);
  EXPECT_EQ(report.sampled, 30U);
  engine_->DropSnapshot(snapshot);
}

TEST_F(AnalyzeTest, OnePatternHasNoNeighbourToFind) {
  Open();
  Insert(1);
  const GraphReport report = Analyze();
  EXPECT_EQ(report.count, 1U);
  EXPECT_EQ(report.unreachable, 0U);
  EXPECT_EQ(report.components, 1U);
  EXPECT_EQ(report.sampled, 0U);
}

TEST_F(AnalyzeTest, AnEmptyStoreIsNoFailure) {
  Open();
  const GraphReport report = Analyze();
  EXPECT_EQ(report.count, 0U);
  EXPECT_EQ(report.sampled, 0U);
}

}  // namespace
}  // namespace engram
