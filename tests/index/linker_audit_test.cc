// The linker's audit: that a round of it leaves a graph as it should be, however it was before and
// whatever goes on meanwhile; and that it finds nothing where nothing is wrong.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "index/linker.h"
#include "index/node_key.h"
#include "storage/base/coding.h"
#include "tests/index/graph_fixture.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

LinkerOptions SmallOptions() {
  LinkerOptions options;
  options.ef_construction = 24;
  return options;
}

// One step, as the engine makes it; the report of the round where it ended.
std::optional<AuditReport> Step(LinkedGraph& linked, std::size_t slots) {
  Linker& linker = linked.linker();
  const Graph graph = linked.graph();
  if (!linker.auditing()) linker.BeginAudit(graph);
  switch (linker.Audit(graph, slots)) {
    case Linker::AuditTask::kLook:
      return std::nullopt;
    case Linker::AuditTask::kMend:
      EXPECT_GT(linker.ListsToMend(graph), 0U);
      linker.Mend(graph, linked.memory());
      return std::nullopt;
    case Linker::AuditTask::kEnd:
      break;
  }
  const AuditReport report = linker.audit_report();
  linker.EndAudit();
  return report;
}

// The rest of the round that is on its way, or a whole one.
AuditReport FinishRound(LinkedGraph& linked, std::size_t slots = 50) {
  for (;;) {
    if (const auto report = Step(linked, slots)) return *report;
  }
}

std::uint64_t Wrong(const AuditReport& report) {
  return report.mended + report.links + report.counts + report.adopted + report.entries;
}

// m, kind of vectors, dimensions.
class LinkerAuditTest
    : public testing::TestWithParam<std::tuple<std::uint32_t, VectorKind, std::uint32_t>> {
 protected:
  static constexpr std::uint32_t kSlots = 300;

  MemoryGraphShape Shape() const {
    return {std::get<2>(GetParam()), std::get<0>(GetParam()), kSlots, 3 * kSlots};
  }
  VectorMaker MakeVectors(std::uint64_t seed) const {
    return {std::get<1>(GetParam()), std::get<2>(GetParam()), seed};
  }

  // A commit, or a step of a sweep.
  void LiveOn(LinkedGraph& linked, VectorMaker& maker, std::mt19937_64& random) {
    const std::vector<SlotId> live = linked.memory().Live();
    switch (random() % 8) {
      case 0:
        if (linked.room() >= 8) linked.Insert(maker.Many(1 + random() % 8));
        break;
      case 1:
      case 2:
        if (linked.room() > 0) linked.Insert(maker.Many(1));
        break;
      case 3:
      case 4:
      case 5:
        if (live.size() < 20) break;
        linked.End(random() % 4 == 0 ? linked.linker().entry().slot : live[random() % live.size()]);
        break;
      default:
        linked.Sweep(100);
    }
  }
};

// Damage behind the linker's back: each leaves slots and blocks as they are.

// Takes a node's last links away: nobody above it names it any more.
void LoseParents(LinkedGraph& linked, SlotId child) {
  const Graph graph = linked.graph();
  const NodeKey key = NodeKey::Of(graph.Node(child));
  for (const SlotId slot : linked.memory().Live()) {
    if (!(key < NodeKey::Of(graph.Node(slot)))) continue;
    Links links = linked.memory().LinksOf(slot, 0);
    for (std::uint32_t i = 0; i < links.count(); ++i) {
      if (links[i] == child) links.Set(i, SlotId::kNone);
    }
  }
}

// What a link of some list at `level` becomes. False where there is no such list.
bool Spoil(LinkedGraph& linked, std::mt19937_64& random, std::uint32_t level,
           const std::function<SlotId(SlotId base, SlotId other)>& becomes) {
  const std::vector<SlotId> live = linked.memory().Live();
  for (int tries = 0; tries < 300; ++tries) {
    const SlotId base = live[random() % live.size()];
    if (linked.graph().Node(base).level() < level) continue;
    Links links = linked.memory().LinksOf(base, level);
    if (links.count() < 2) continue;
    const auto at = static_cast<std::uint32_t>(random() % links.count());
    links.Set(at, becomes(base, links[at == 0 ? 1 : 0]));
    return true;
  }
  return false;
}

void Damage(LinkedGraph& linked, std::mt19937_64& random) {
  const std::vector<SlotId> live = linked.memory().Live();
  for (int i = 0; i < 4; ++i) LoseParents(linked, live[random() % live.size()]);
  const auto itself = [](SlotId base, SlotId) { return base; };
  const auto twice = [](SlotId, SlotId other) { return other; };
  const auto outside = [&](SlotId, SlotId) { return static_cast<SlotId>(4000 + random() % 100); };
  const auto unused = [](SlotId, SlotId) { return SlotId{299}; };
  for (const std::uint32_t level : {0U, 1U}) {
    for (int i = 0; i < 3; ++i) {
      Spoil(linked, random, level, itself);
      Spoil(linked, random, level, twice);
      Spoil(linked, random, level, outside);
      Spoil(linked, random, level, unused);
    }
  }
  const auto lower = [&](SlotId, SlotId other) {
    for (const SlotId slot : live) {
      if (linked.graph().Node(slot).level() == 0) return slot;
    }
    return other;
  };
  Spoil(linked, random, 1, lower);
  // Links behind the count.
  Links links = linked.memory().LinksOf(live[random() % live.size()], 0);
  if (links.count() > 2) links.SetCount(links.count() - 2);
}

// Counts as a damaged `graph.parents` might give them.
void SpoilCounts(LinkedGraph& linked, std::mt19937_64& random, std::uint32_t slots) {
  std::vector<std::uint32_t> counts = linked.linker().ParentCounts(linked.graph(), slots);
  for (std::uint32_t& count : counts) {
    if (count > 0 && random() % 2 == 0) count = 1 + static_cast<std::uint32_t>(random() % 6);
  }
  ASSERT_TRUE(linked.linker().Restore(linked.graph(), counts, linked.linker().entry()));
}

TEST_P(LinkerAuditTest, WhereNothingIsWrongItFindsNothing) {
  const std::uint64_t seed = TestSeed(31);
  std::mt19937_64 random(seed);
  VectorMaker maker = MakeVectors(seed);
  LinkedGraph linked(Shape(), SmallOptions());
  int rounds = 0;
  std::uint64_t looked_at = 0;
  for (int step = 0; step < 1500; ++step) {
    LiveOn(linked, maker, random);
    if (random() % 3 != 0) continue;
    const auto report = Step(linked, 1 + random() % 40);
    if (!report) continue;
    ++rounds;
    ASSERT_EQ(Wrong(*report), 0U) << "round " << rounds << ", step " << step << ": "
                                  << report->links << " links, " << report->counts << " counts";
    looked_at += report->looked_at;
  }
  EXPECT_GT(rounds, 5);
  EXPECT_GT(looked_at, 100U);
  EXPECT_EQ(linked.Check(), "");
}

TEST_P(LinkerAuditTest, ARoundMendsWhatIsBroken) {
  const std::uint64_t seed = TestSeed(32);
  std::mt19937_64 random(seed);
  for (int time = 0; time < 6; ++time) {
    VectorMaker maker = MakeVectors(seed + static_cast<std::uint64_t>(time));
    LinkedGraph linked(Shape(), SmallOptions());
    linked.Insert(maker.Many(200));
    Damage(linked, random);
    if (time % 2 == 0) SpoilCounts(linked, random, kSlots);
    ASSERT_NE(linked.Check(), "");
    const AuditReport report = FinishRound(linked);
    EXPECT_GT(report.links, 0U);
    EXPECT_GT(report.counts, 0U);
    EXPECT_GT(report.mended, 0U);
    ASSERT_EQ(linked.Check(), "");
    // And the next one finds nothing.
    EXPECT_EQ(Wrong(FinishRound(linked)), 0U);
    Linker other(SmallOptions());
    ASSERT_TRUE(other.Rebuild(linked.graph(), kSlots, linked.linker().entry()).ok());
    EXPECT_EQ(other.ParentCounts(linked.graph(), kSlots),
              linked.linker().ParentCounts(linked.graph(), kSlots));
  }
}

TEST_P(LinkerAuditTest, ItMendsWhileCommitsGoOn) {
  const std::uint64_t seed = TestSeed(33);
  std::mt19937_64 random(seed);
  for (int time = 0; time < 6; ++time) {
    VectorMaker maker = MakeVectors(seed + static_cast<std::uint64_t>(time));
    LinkedGraph linked(Shape(), SmallOptions());
    linked.Insert(maker.Many(150));
    for (int i = 0; i < 30; ++i) linked.End(linked.memory().Live()[random() % 100]);
    Damage(linked, random);
    SpoilCounts(linked, random, kSlots);
    std::optional<AuditReport> report;
    while (!report) {
      // Nodes come and go, and their slots are used again, while it is half through.
      for (std::uint64_t i = random() % 3; i > 0; --i) LiveOn(linked, maker, random);
      report = Step(linked, 1 + random() % 40);
    }
    EXPECT_GT(report->mended, 0U);
    linked.memory().ForgetWrong();  // lists that were changed before they were mended
    ASSERT_EQ(linked.Check(), "") << "time " << time;
    ASSERT_EQ(Wrong(FinishRound(linked)), 0U);
  }
}

const auto kKinds = testing::Values(VectorKind::kRandom, VectorKind::kDuplicates,
                                    VectorKind::kAllEqual, VectorKind::kClusters, VectorKind::kHub);

std::string NameOfAudit(
    const testing::TestParamInfo<std::tuple<std::uint32_t, VectorKind, std::uint32_t>>& info) {
  const auto& [m, kind, dimensions] = info.param;
  return std::string(NameOf(kind)) + "M" + std::to_string(m) + "D" + std::to_string(dimensions);
}

INSTANTIATE_TEST_SUITE_P(All, LinkerAuditTest,
                         testing::Combine(testing::Values(2, 3, 16), kKinds, testing::Values(5)),
                         NameOfAudit);

class LinkerAudit : public testing::Test {
 protected:
  LinkerAudit() { linked_.Insert(maker_.Many(200)); }

  SlotId SomeLowNode() {
    for (const SlotId slot : linked_.memory().Live()) {
      if (linked_.graph().Node(slot).level() == 0) return slot;
    }
    return SlotId::kNone;
  }

  VectorMaker maker_{VectorKind::kRandom, 4, TestSeed(34)};
  LinkedGraph linked_{{4, 4, 300, 600}, SmallOptions()};
};

TEST_F(LinkerAudit, ItSaysWhatItFound) {
  const AuditReport clean = FinishRound(linked_);
  EXPECT_EQ(Wrong(clean), 0U);
  EXPECT_EQ(clean.looked_at, 200U);

  const SlotId lost = SomeLowNode();
  LoseParents(linked_, lost);
  const AuditReport adopted = FinishRound(linked_);
  EXPECT_EQ(adopted.adopted, 1U);
  EXPECT_EQ(adopted.counts, 1U);
  EXPECT_EQ(adopted.mended, 1U);
  EXPECT_EQ(adopted.links, 0U);
  EXPECT_EQ(linked_.Check(), "");

  Links links = linked_.memory().LinksOf(lost, 0);
  links.Set(0, lost);
  EXPECT_EQ(FinishRound(linked_).links, 1U);
  EXPECT_EQ(linked_.Check(), "");
}

TEST_F(LinkerAudit, ARoundThatFindsNothingChangesNothing) {
  const std::vector<std::uint32_t> before = linked_.memory().AllLinks();
  const std::uint64_t changes = linked_.memory().changes();
  FinishRound(linked_);
  EXPECT_EQ(linked_.memory().changes(), changes);
  EXPECT_EQ(linked_.memory().AllLinks(), before);
}

TEST_F(LinkerAudit, TheHighestNodeBecomesTheEntryPoint) {
  const EntryPoint right = linked_.linker().entry();
  // As a wrong superblock would have it, with counts that could be.
  std::vector<std::uint32_t> counts = linked_.linker().ParentCounts(linked_.graph(), 300);
  const SlotId other = SomeLowNode();
  counts[Raw(other)] = 0;
  counts[Raw(right.slot)] = 1;
  ASSERT_TRUE(linked_.linker().Restore(linked_.graph(), counts, {other, 0}));
  ASSERT_NE(linked_.Check(), "");
  const AuditReport report = FinishRound(linked_);
  EXPECT_EQ(report.entries, 1U);
  EXPECT_EQ(linked_.linker().entry(), right);
  EXPECT_EQ(linked_.Check(), "");
}

// Every link above level 0 and at it is lost: what is left is found again by rank.
TEST_F(LinkerAudit, AGraphWithoutAnyLinkIsLinkedAgain) {
  for (const SlotId slot : linked_.memory().Live()) linked_.memory().SetList(slot, 0, {});
  const AuditReport report = FinishRound(linked_, 1000);
  EXPECT_EQ(report.adopted, 199U);
  EXPECT_EQ(linked_.Check(), "");
}

TEST_F(LinkerAudit, ACountOfLinksThatCannotBeIsPutRight) {
  const SlotId slot = SomeLowNode();
  const std::uint32_t before = linked_.graph().LinksAt(slot, 0).count();
  linked_.memory().LinksOf(slot, 0).SetCount(60'000);
  FinishRound(linked_);
  EXPECT_EQ(linked_.graph().LinksAt(slot, 0).said(), before);
  EXPECT_EQ(linked_.Check(), "");
}

TEST_F(LinkerAudit, AStepLooksAtNoMoreThanItIsAskedTo) {
  linked_.linker().BeginAudit(linked_.graph());
  EXPECT_EQ(linked_.linker().Audit(linked_.graph(), 10), Linker::AuditTask::kLook);
  EXPECT_EQ(linked_.linker().audit_report().looked_at, 10U);
  EXPECT_EQ(linked_.linker().Audit(linked_.graph(), 1), Linker::AuditTask::kLook);
  EXPECT_EQ(linked_.linker().audit_report().looked_at, 11U);
}

}  // namespace
}  // namespace engram
