// Rules of linking and sweeping, each with the mutant that breaks it: the check of the graph that
// the right code passes must see the mutant.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/test_hooks.h"
#include "tests/engine/population_fixture.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

class GraphMutantsTest : public PopulationTest {
 protected:
  GraphMutantsTest() : PopulationTest(TestSeed(5)) {
    config_.options.m = 2;  // many levels, little room
    config_.options.ef_construction = 40;
  }
  ~GraphMutantsTest() override { SetMutant(Mutant::kNone); }

  // Patterns in a few clusters.
  void InsertMany(std::size_t count) {
    std::vector<std::vector<float>> vectors;
    for (std::size_t i = 0; i < count; ++i) {
      const auto center = static_cast<float>(random_() % 5 * 100);
      std::vector<float> vector(kDimensions);
      for (float& component : vector) {
        component = center + static_cast<float>(random_() % 1000) / 100;
      }
      vectors.push_back(std::move(vector));
    }
    InsertAll(vectors);
  }

  void Sweep() {
    ASSERT_TRUE(engine_->RunMaintenance(std::chrono::seconds(100)).ok());
    ASSERT_EQ(GetStats().dead, 0u);
  }

  // Turnover: the graph as it stands after many sweeps.
  std::string Live() {
    InsertMany(600);
    for (int round = 0; round < 4; ++round) {
      EraseSome(200);
      const std::string dead = CheckGraphNow();
      if (!dead.empty()) return dead;
      Sweep();
      const std::string swept = CheckGraphNow();
      if (!swept.empty()) return swept;
      InsertMany(200);
    }
    return CheckGraphNow();
  }
};

TEST_F(GraphMutantsTest, TheRightCodePasses) {
  ASSERT_NO_FATAL_FAILURE(Open());
  EXPECT_EQ(Live(), "");
  EXPECT_EQ(shape_.live, 600u);
  EXPECT_GT(shape_.upper_blocks, 200u);
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  EXPECT_EQ(CheckGraphNow(), "");
  EXPECT_EQ(Live(), "");
}

TEST_F(GraphMutantsTest, ANodeThatLosesItsLastParentWouldBeSeen) {
  ASSERT_NO_FATAL_FAILURE(Open());
  SetMutant(Mutant::kParentNotKept);
  InsertMany(600);
  EXPECT_NE(CheckGraphNow().find("no live node above it links to it"), std::string::npos);
}

TEST_F(GraphMutantsTest, ListsAboveLevelZeroThatASweepForgetsWouldBeSeen) {
  ASSERT_NO_FATAL_FAILURE(Open());
  InsertMany(600);
  EraseSome(300);
  SetMutant(Mutant::kRoundForgetsUppers);
  Sweep();
  EXPECT_NE(CheckGraphNow().find("which holds no node"), std::string::npos);
}

TEST_F(GraphMutantsTest, LinksThatAreNotLoggedWouldBeMissed) {
  ASSERT_NO_FATAL_FAILURE(Open());
  SetMutant(Mutant::kLinksNotLogged);
  InsertMany(600);
  EXPECT_EQ(CheckGraphNow(), "");
  engine_.reset();
  const auto opened = Engine::Open(dir_.File("store"), config_, Engine::Access::kReadWrite);
  EXPECT_EQ(opened.code(), Code::kCorruptedIndex) << opened.status();
}

TEST_F(GraphMutantsTest, AnAuditThatMissesAChangeWouldBeSeen) {
  ASSERT_NO_FATAL_FAILURE(Open());
  InsertMany(300);
  for (const Mutant mutant : {Mutant::kNone, Mutant::kChangeNotAudited}) {
    SetMutant(mutant);
    std::optional<AuditReport> ended;
    while (!ended) {
      InsertMany(5);
      MutexLock role(engine_->core().writer_role);
      const auto step = Writer(engine_->core()).Audit(100);
      ASSERT_TRUE(step.ok()) << step.status();
      ended = *step;
    }
    SetMutant(Mutant::kNone);
    EXPECT_EQ(ended->mended > 0, mutant != Mutant::kNone);
    EXPECT_EQ(CheckGraphNow(), "");
  }
}

// Pages of a checkpoint hold more than the commit from which the log is replayed onto them: links
// are set again on nodes that have gone, whose upper blocks are others' by now.
TEST_F(GraphMutantsTest, ReplayMeetsUpperBlocksThatALaterCommitUsedAgain) {
  ASSERT_NO_FATAL_FAILURE(Open());
  InsertMany(600);
  SetSyncPoint("checkpoint:slice", [&] {
    ClearSyncPoints();
    InsertMany(200);
    EraseSome(600);
    Sweep();
    InsertMany(400);
  });
  const Status checkpoint = engine_->Checkpoint();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint;
  ASSERT_FALSE(HasFailure());
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  EXPECT_GT(engine_->core().counters.replayed_commits.load(std::memory_order_relaxed), 3u);
  EXPECT_EQ(CheckGraphNow(), "");
  EXPECT_EQ(GetStats().count, 600u);
}

// A round frees more than one commit takes: between these, nodes that are still there lead to
// nothing that is gone.
TEST_F(GraphMutantsTest, ARoundThatIsCutShortByACrashLeavesAGraph) {
  ASSERT_NO_FATAL_FAILURE(Open());
  InsertMany(2000);
  EraseSome(1400);
  bool more = true;
  for (int steps = 0; more; ++steps) {
    Result<bool> step = true;
    {
      MutexLock role(engine_->core().writer_role);
      Writer writer(engine_->core());
      step = writer.Sweep(400, 1);
    }
    ASSERT_TRUE(step.ok()) << step.status();
    more = *step;
    EXPECT_EQ(CheckGraphNow(), "") << "after step " << steps;
    if (HasFailure()) return;
    if (shape_.dead > 0 && shape_.dead < 1000) break;
  }
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  EXPECT_EQ(CheckGraphNow(), "");
  EXPECT_GT(shape_.dead, 0u);
  InsertMany(400);
  Sweep();
  EXPECT_EQ(CheckGraphNow(), "");
}

}  // namespace
}  // namespace engram
