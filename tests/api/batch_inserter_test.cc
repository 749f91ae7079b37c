#include "api/src/batch_inserter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "tests/engine/engine_fixture.h"

namespace engram {
namespace {

class BatchInserterTest : public EngineTest {
 protected:
  // `count` patterns, all of one vector.
  std::vector<NewPattern> Patterns(std::size_t count) const {
    std::vector<NewPattern> patterns(count);
    for (NewPattern& pattern : patterns) pattern.vector = vector_;
    return patterns;
  }
  BatchResult Run(const std::vector<NewPattern>& patterns,
                  Durability durability = Durability::kSync) {
    return BatchInserter(*engine_, durability).Run(patterns);
  }

  // Each position has an id that the store knows, or one failure.
  void ExpectComplete(const BatchResult& result, std::size_t count) {
    ASSERT_EQ(result.ids.size(), count);
    std::set<std::size_t> failed;
    for (const BatchResult::Failure& failure : result.failures) {
      EXPECT_TRUE(failed.insert(failure.position).second) << failure.position;
      EXPECT_FALSE(failure.status.ok());
    }
    std::uint64_t stored = 0;
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(result.ids[i] == 0, failed.contains(i)) << i;
      if (result.ids[i] == 0) continue;
      ++stored;
      const auto there = engine_->Contains(result.ids[i], std::nullopt);
      ASSERT_TRUE(there.ok() && *there) << i;
    }
    EXPECT_EQ(GetStats().count, stored);
  }

  const std::vector<float> vector_ = Vector(1);
};

TEST_F(BatchInserterTest, UsedIdsCostNoCommitOfTheirOwn) {
  Open();
  std::vector<NewPattern> patterns = Patterns(3000);
  for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i].id = i + 1;
  for (const std::size_t used : {10u, 1500u, 2999u}) patterns[used].id = 1;
  const Stats before = GetStats();
  const BatchResult result = Run(patterns);
  const Stats after = GetStats();
  ExpectComplete(result, patterns.size());
  ASSERT_EQ(result.failures.size(), 3u);
  EXPECT_EQ(result.failures[1].position, 1500u);
  EXPECT_EQ(result.failures[1].status.code(), Code::kAlreadyExists);
  EXPECT_EQ(result.ids[2998], 2999u);
  // Three sub-batches, and what growing takes.
  EXPECT_LE(after.log_syncs - before.log_syncs, 10u);
}

TEST_F(BatchInserterTest, ASubBatchIsOneCommitAlsoAroundUsedIds) {
  Open();
  std::vector<NewPattern> patterns = Patterns(5);
  patterns[1].id = 100;
  patterns[2].id = 7;
  const BatchResult result = Run(patterns);
  EXPECT_EQ(result.ids, (std::vector<PatternId>{1, 100, 0, 101, 102}));
  std::set<Lsn> versions;
  for (const PatternId id : result.ids) {
    if (id != 0) versions.insert(engine_->Get(id, {})->version);
  }
  EXPECT_EQ(versions, std::set<Lsn>{result.lsn});
}

TEST_F(BatchInserterTest, WhereAllIdsAreUsedNothingIsCommitted) {
  Open();
  Insert(1);
  std::vector<NewPattern> patterns = Patterns(3);
  for (NewPattern& pattern : patterns) pattern.id = 1;
  const Lsn before = visible();
  const BatchResult result = Run(patterns);
  EXPECT_EQ(result.failures.size(), 3u);
  EXPECT_EQ(result.lsn, Lsn::kNone);
  EXPECT_EQ(visible(), before);
}

TEST_F(BatchInserterTest, WhatFitsIsStoredAndTheTailRefused) {
  config_.options.max_elements = 1500;
  Open();
  const Stats before = GetStats();
  const BatchResult result = Run(Patterns(2500));
  ExpectComplete(result, 2500);
  ASSERT_EQ(result.failures.size(), 1000u);
  EXPECT_EQ(result.failures.front().position, 1500u);
  EXPECT_EQ(result.failures.front().status.code(), Code::kIndexFull);
  EXPECT_LE(GetStats().log_syncs - before.log_syncs, 10u);
}

TEST_F(BatchInserterTest, WhereThePageFileCannotGrowTheTailSaysWhy) {
  Open();
  files_->SetPlan({.fault = Fault::kNoSpace,
                   .repeat = FaultRepeat::kSticky,
                   .kinds = {IoKind::kAllocate, IoKind::kTruncate},
                   .path_contains = "graph.engram",
                   .nth = 3});
  const BatchResult result = Run(Patterns(3000));
  ASSERT_GT(files_->faults_hit(), 0u);
  ExpectComplete(result, 3000);
  ASSERT_FALSE(result.failures.empty());
  EXPECT_EQ(result.failures.front().status.code(), Code::kNoSpace);
  EXPECT_EQ(result.failures.back().status.code(), Code::kNoSpace);
  files_->ClearPlan();
  EXPECT_TRUE(Run(Patterns(10)).failures.empty()) << "the store goes on when there is room";
}

TEST_F(BatchInserterTest, AFailureOnTheWayKeepsTheIdsOfWhatWasStored) {
  int partial = 0;
  std::uint64_t nth = 0;
  for (bool hit = true; hit; ++nth) {
    TempDir dir;
    auto opened = Engine::Open(dir.File("store"), config_, Engine::Access::kReadWrite);
    ASSERT_TRUE(opened.ok()) << opened.status();
    engine_ = std::move(opened).value();
    files_->SetPlan({.fault = Fault::kError,
                     .repeat = FaultRepeat::kSticky,
                     .kinds = {IoKind::kWrite, IoKind::kAllocate, IoKind::kCreate},
                     .path_contains = "wal",
                     .nth = nth});
    const std::uint64_t hits_before = files_->faults_hit();
    std::vector<NewPattern> patterns = Patterns(2500);
    patterns[2400].vector = VectorView(vector_).first(2);
    const BatchResult result = Run(patterns);
    hit = files_->faults_hit() > hits_before;
    files_->ClearPlan();
    ExpectComplete(result, patterns.size());
    if (HasFatalFailure()) return;
    const auto stored =
        std::count_if(result.ids.begin(), result.ids.end(), [](PatternId id) { return id != 0; });
    if (stored > 0 && hit) ++partial;
    if (!hit) {
      EXPECT_EQ(result.failures.size(), 1u);
    }
  }
  EXPECT_GT(partial, 0) << "after " << nth << " faults";
}

}  // namespace
}  // namespace engram
