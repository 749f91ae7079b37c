#include "index/linker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "index/node_key.h"
#include "tests/index/graph_fixture.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

LinkerOptions SmallOptions(Metric metric = Metric::kL2) {
  LinkerOptions options;
  options.metric = metric;
  options.ef_construction = 24;
  return options;
}

// m, kind of vectors, dimensions.
class LinkerHistoryTest
    : public testing::TestWithParam<std::tuple<std::uint32_t, VectorKind, std::uint32_t>> {
 protected:
  static constexpr std::uint32_t kSlots = 300;

  std::uint32_t m() const { return std::get<0>(GetParam()); }
  VectorMaker MakeVectors(std::uint64_t seed) const {
    return {std::get<1>(GetParam()), std::get<2>(GetParam()), seed};
  }
  MemoryGraphShape Shape(std::uint32_t slots = kSlots) const {
    return {std::get<2>(GetParam()), m(), slots, 3 * slots};
  }
};

TEST_P(LinkerHistoryTest, TheRulesHoldAfterEachOperation) {
  const std::uint64_t seed = TestSeed(8);
  std::mt19937_64 random(seed);
  VectorMaker maker = MakeVectors(seed);
  LinkerOptions options = SmallOptions();
  options.keep_pruned = m() == 3;
  LinkedGraph linked(Shape(), options);
  std::uint32_t retired = 0;
  // Candidates that somebody found some time ago.
  std::optional<std::pair<std::vector<float>, FoundNear>> waiting;
  for (int step = 0; step < 1200; ++step) {
    const std::vector<SlotId> live = linked.memory().Live();
    // Fills up, empties, fills up.
    const bool filling = step / 300 % 2 == 0;
    switch (random() % 10) {
      case 0:
      case 1:
        if (linked.room() >= 12) linked.Insert(maker.Many(1 + random() % 12));
        break;
      case 2:
        // The candidates' slots are pinned, so no sweep may go on while somebody waits.
        if (!waiting) {
          const std::vector<float> vector = maker.Next();
          waiting.emplace(vector, linked.FindNear(vector));
        } else {
          if (linked.room() > 0) linked.Insert({waiting->first}, {waiting->second});
          waiting.reset();
        }
        break;
      case 3:
      case 4:
      case 5:
        if (filling && linked.room() > 0) linked.Insert(maker.Many(1));
        [[fallthrough]];
      case 6:
      case 7:
        if (filling || live.empty()) break;
        // Often the entry point, and those it has just been followed by.
        linked.End(random() % 4 == 0 ? linked.linker().entry().slot : live[random() % live.size()]);
        break;
      default:
        if (waiting) break;
        if (linked.sweeping()) ++retired;
        linked.Sweep(100);
    }
    ASSERT_EQ(linked.Check(), "") << "after step " << step;
  }
  EXPECT_GT(retired, 20U);
  EXPECT_GT(linked.linker().linked(), 300U);

  // To the last one.
  for (std::vector<SlotId> live = linked.memory().Live(); !live.empty();
       live = linked.memory().Live()) {
    linked.End(live[random() % live.size()]);
    ASSERT_EQ(linked.Check(), "");
  }
  EXPECT_EQ(linked.linker().entry(), EntryPoint{});
  linked.Insert(maker.Many(1));
  EXPECT_EQ(linked.Check(), "");
}

TEST_P(LinkerHistoryTest, WhatCountsParentsAnewGoesOnAsIfNothingHadBeen) {
  const std::uint64_t seed = TestSeed(9);
  std::mt19937_64 random(seed);
  VectorMaker maker = MakeVectors(seed);
  LinkedGraph linked(Shape(), SmallOptions());
  for (int round = 0; round < 12; ++round) {
    linked.Insert(maker.Many(20));
    for (int i = 0; i < 8; ++i) {
      const std::vector<SlotId> live = linked.memory().Live();
      linked.End(live[random() % live.size()]);
    }
    const EntryPoint entry = linked.linker().entry();
    const Status rebuilt = linked.linker().Rebuild(linked.graph(), kSlots, entry);
    EXPECT_TRUE(rebuilt.ok()) << rebuilt;
    EXPECT_EQ(linked.linker().entry(), entry);
    ASSERT_EQ(linked.Check(), "");
  }
}

TEST_P(LinkerHistoryTest, WhatIsCountedOnTheWayIsWhatTheListsSay) {
  const std::uint64_t seed = TestSeed(19);
  std::mt19937_64 random(seed);
  VectorMaker maker = MakeVectors(seed);
  LinkedGraph linked(Shape(), SmallOptions());
  for (int round = 0; round < 12; ++round) {
    linked.Insert(maker.Many(20));
    for (int i = 0; i < 8; ++i) {
      const std::vector<SlotId> live = linked.memory().Live();
      linked.End(live[random() % live.size()]);
    }
    if (round % 3 == 2) linked.Sweep(100);
    const EntryPoint entry = linked.linker().entry();
    const std::vector<std::uint32_t> counts = linked.linker().ParentCounts(linked.graph(), kSlots);
    Linker other(SmallOptions());
    ASSERT_TRUE(other.Rebuild(linked.graph(), kSlots, entry).ok());
    ASSERT_EQ(other.ParentCounts(linked.graph(), kSlots), counts);
    // And so it goes on from there.
    ASSERT_TRUE(linked.linker().Restore(linked.graph(), counts, entry));
    EXPECT_EQ(linked.linker().entry(), entry);
    ASSERT_EQ(linked.Check(), "");
  }
}

// Rules may be broken then, but nothing is touched that is not there, and nothing ends the process.
TEST_P(LinkerHistoryTest, WrongCountsDoNoHarmBeyondReachability) {
  const std::uint64_t seed = TestSeed(20);
  std::mt19937_64 random(seed);
  for (const std::uint32_t most : {1U, 3U, 200U}) {
    VectorMaker maker = MakeVectors(seed);
    LinkedGraph linked(Shape(), SmallOptions());
    linked.Insert(maker.Many(150));
    const EntryPoint entry = linked.linker().entry();
    std::vector<std::uint32_t> counts = linked.linker().ParentCounts(linked.graph(), kSlots);
    for (std::uint32_t& count : counts) {
      if (count > 0) count = 1 + static_cast<std::uint32_t>(random() % most);
    }
    ASSERT_TRUE(linked.linker().Restore(linked.graph(), counts, entry));
    for (std::vector<SlotId> live = linked.memory().Live(); !live.empty();
         live = linked.memory().Live()) {
      linked.End(live[random() % live.size()]);
      if (random() % 3 == 0 && live.size() > 60 && linked.room() > 0) linked.Insert(maker.Many(1));
      if (random() % 10 == 0) linked.Sweep(300);
    }
    EXPECT_EQ(linked.linker().entry(), EntryPoint{});
  }
}

TEST_P(LinkerHistoryTest, TheNumberOfThreadsChangesNoLink) {
  const std::uint64_t seed = TestSeed(10);
  std::vector<std::uint32_t> expected;
  for (const std::size_t threads : {1U, 2U, 4U}) {
    VectorMaker maker = MakeVectors(seed);
    LinkedGraph linked(Shape(700), SmallOptions());
    const RunTasks run = RunOnThreads(threads);
    linked.Insert(maker.Many(30), {}, run);
    linked.Insert(maker.Many(512), {}, run);
    linked.Insert(maker.Many(100), {}, run);
    ASSERT_EQ(linked.Check(), "");
    if (threads == 1) expected = linked.memory().AllLinks();
    EXPECT_EQ(linked.memory().AllLinks(), expected) << threads << " threads";
  }
}

// With room in the lists: those of small m may be full of links that others need more.
class LinkerWayUpTest : public LinkerHistoryTest {};

// Whoever has a way up keeps one, as long as nothing ends.
TEST_P(LinkerWayUpTest, AListKeepsItsWayUpWhileNodesCome) {
  VectorMaker maker = MakeVectors(TestSeed(11));
  LinkedGraph linked(Shape(), SmallOptions());
  for (int i = 0; i < 60; ++i) {
    linked.Insert(maker.Many(1 + static_cast<std::size_t>(i % 7)));
    ASSERT_EQ(linked.memory().CheckWaysUp(linked.linker().entry()), "");
  }
}

const auto kKinds =
    testing::Values(VectorKind::kRandom, VectorKind::kDuplicates, VectorKind::kAllEqual,
                    VectorKind::kClusters, VectorKind::kSorted, VectorKind::kHub);

std::string NameOfHistory(
    const testing::TestParamInfo<std::tuple<std::uint32_t, VectorKind, std::uint32_t>>& info) {
  const auto& [m, kind, dimensions] = info.param;
  return std::string(NameOf(kind)) + "M" + std::to_string(m) + "D" + std::to_string(dimensions);
}

INSTANTIATE_TEST_SUITE_P(All, LinkerHistoryTest,
                         testing::Combine(testing::Values(2, 3, 16), kKinds, testing::Values(1, 5)),
                         NameOfHistory);
INSTANTIATE_TEST_SUITE_P(All, LinkerWayUpTest,
                         testing::Combine(testing::Values(16), kKinds, testing::Values(1, 5)),
                         NameOfHistory);

TEST(Linker, TheFirstNodeIsTheEntryPointAndHasNoLinks) {
  LinkedGraph linked({2, 2, 4, 8}, SmallOptions());
  const SlotId only = linked.Insert({{1, 2}}).front();
  EXPECT_EQ(linked.linker().entry().slot, only);
  EXPECT_EQ(linked.graph().LinksAt(only, 0).count(), 0U);
  EXPECT_EQ(linked.linker().linked(), 1U);
}

TEST(Linker, EachMetricIsLinkedByTheSameRules) {
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
    VectorMaker maker(VectorKind::kRandom, 4, TestSeed(12));
    LinkedGraph linked({4, 3, 200, 400}, SmallOptions(metric));
    for (int i = 0; i < 20; ++i) linked.Insert(maker.Many(10));
    EXPECT_EQ(linked.Check(), "");
  }
}

// All at once, one by one, and with candidates found ahead: found ahead or not is the same.
TEST(Linker, CandidatesFoundAheadGiveTheLinksOfASearchByTheLeader) {
  std::vector<std::vector<std::uint32_t>> links;
  for (const bool ahead : {false, true}) {
    VectorMaker maker(VectorKind::kRandom, 6, TestSeed(13));
    LinkedGraph linked({6, 4, 300, 600}, SmallOptions());
    for (int i = 0; i < 300; ++i) {
      const std::vector<float> vector = maker.Next();
      std::vector<FoundNear> near;
      if (ahead) near.push_back(linked.FindNear(vector));
      linked.Insert({vector}, near);
    }
    links.push_back(linked.memory().AllLinks());
  }
  EXPECT_EQ(links[0], links[1]);
}

// Search, erase, sweep, reuse, link: who searched first links to none of the dead, nor to those who
// lie in their places unknowingly.
TEST(Linker, CandidatesThatDiedSinceAreNotLinkedTo) {
  VectorMaker maker(VectorKind::kRandom, 3, TestSeed(14));
  LinkedGraph linked({3, 3, 100, 200}, SmallOptions());
  linked.Insert(maker.Many(60));
  const std::vector<float> vector = maker.Next();
  const FoundNear near = linked.FindNear(vector);
  ASSERT_EQ(near.nodes.size(), 24U);
  for (std::size_t i = 0; i < 20; ++i) linked.End(near.nodes[i].slot);
  const SlotId late = linked.Insert({vector}, {near}).front();
  EXPECT_EQ(linked.Check(), "");
  const ConstLinks links = linked.graph().LinksAt(late, 0);
  ASSERT_GT(links.count(), 0U);
  for (std::uint32_t i = 0; i < links.count(); ++i) {
    EXPECT_EQ(linked.graph().state(links[i]), SlotState::kLive);
  }
}

TEST(Linker, NodesLinkedSinceTheSearchBeganAreFoundToo) {
  VectorMaker maker(VectorKind::kRandom, 3, TestSeed(15));
  LinkedGraph linked({3, 3, 2000, 4000}, SmallOptions());
  linked.Insert(maker.Many(30));
  for (const std::size_t between : {1U, 100U, 1400U}) {  // the last: more than are remembered
    const std::vector<float> vector = maker.Next();
    const FoundNear near = linked.FindNear(vector);
    std::vector<float> twin = vector;
    twin[0] += 0.001F;
    const SlotId twin_slot = linked.Insert({twin}).front();
    while (linked.linker().linked() < near.linked + between) linked.Insert(maker.Many(1));
    const SlotId late = linked.Insert({vector}, {near}).front();
    const ConstLinks links = linked.graph().LinksAt(late, 0);
    bool found = false;
    for (std::uint32_t i = 0; i < links.count(); ++i) found = found || links[i] == twin_slot;
    EXPECT_TRUE(found) << between;
    EXPECT_EQ(linked.Check(), "");
  }
}

// The few that rank above a node have lists full of links that others need, and the entry point's
// children all rank above it too.
TEST(Linker, ANodeFindsAParentHoweverFullTheListsAboveItAre) {
  // Ranks by level: the entry point, four below it, each with a way up and three children; the
  // first child of the first has two children, and ends.
  MemoryGraph memory({.dimensions = 1, .m = 2, .slots = 30, .upper_blocks = 100});
  const auto write = [&](std::uint32_t slot, std::uint32_t level) {
    const std::vector<float> vector{static_cast<float>(slot)};
    memory.Write(SlotId{slot}, slot + 1, vector, level);
  };
  const auto list = [&](std::uint32_t slot, const std::vector<std::uint32_t>& neighbours) {
    std::vector<SlotId> slots;
    for (const std::uint32_t neighbour : neighbours) slots.push_back(SlotId{neighbour});
    memory.SetList(SlotId{slot}, 0, slots);
  };
  constexpr std::uint32_t kLast = 5, kLow = 6, kHigh = 7;
  write(0, 5);
  for (std::uint32_t slot = 1; slot <= 4; ++slot) write(slot, 4);
  write(kLast, 3);
  write(kLow, 1);
  write(kHigh, 2);
  for (std::uint32_t slot = 8; slot <= 18; ++slot) write(slot, 0);
  list(0, {1, 2, 3, 4});
  list(1, {0, kLast, 8, 9});
  list(kLast, {1, kLow, kHigh});
  list(kLow, {kLast});
  list(kHigh, {kLast});
  for (std::uint32_t slot = 2; slot <= 4; ++slot) {
    list(slot, {0, 3 * slot + 4, 3 * slot + 5, 3 * slot + 6});
  }
  for (std::uint32_t slot = 8; slot <= 18; ++slot) list(slot, {slot < 10 ? 1 : (slot - 4) / 3});
  const EntryPoint entry{SlotId{0}, 5};
  ASSERT_EQ(memory.Check(entry), "");

  Linker linker(SmallOptions());
  ASSERT_TRUE(linker.Rebuild(memory.graph(), 30, entry).ok());
  memory.End(SlotId{kLast}, Lsn{9});
  linker.Unlink(memory.graph(), SlotId{kLast}, memory);
  EXPECT_EQ(memory.Check(linker.entry()), "");
}

TEST(Linker, HealingLeavesNoLinkToTheDoomedAndFindsOthers) {
  VectorMaker maker(VectorKind::kRandom, 4, TestSeed(16));
  LinkedGraph linked({4, 4, 400, 800}, SmallOptions());
  linked.Insert(maker.Many(400));
  std::mt19937_64 random(TestSeed(17));
  for (int i = 0; i < 150; ++i) {
    const std::vector<SlotId> live = linked.memory().Live();
    linked.End(live[random() % live.size()]);
  }
  do {
    linked.Sweep(1000);
  } while (linked.sweeping());
  EXPECT_EQ(linked.Check(), "");
  // Live nodes have lost about three links of eight each; of what is left by that, healing fills
  // up.
  std::uint64_t links = 0;
  for (const SlotId slot : linked.memory().Live()) links += linked.graph().LinksAt(slot, 0).count();
  EXPECT_GT(links, 250U * 4);
}

TEST(Linker, HealingWhatIsWellChangesNothing) {
  VectorMaker maker(VectorKind::kClusters, 4, TestSeed(18));
  LinkedGraph linked({4, 4, 100, 200}, SmallOptions());
  linked.Insert(maker.Many(100));
  const std::uint64_t changes = linked.memory().changes();
  const std::function<bool(SlotId)> nobody = [](SlotId) { return false; };
  for (const SlotId slot : linked.memory().Live()) {
    EXPECT_FALSE(linked.linker().Heal(linked.graph(), slot, nobody, linked.memory()));
  }
  EXPECT_EQ(linked.memory().changes(), changes);
}

TEST(Linker, CountsThatCannotBeAreNotTaken) {
  VectorMaker maker(VectorKind::kRandom, 3, TestSeed(25));
  LinkedGraph linked({3, 3, 100, 200}, SmallOptions());
  linked.Insert(maker.Many(50));
  const EntryPoint entry = linked.linker().entry();
  const std::vector<std::uint32_t> good = linked.linker().ParentCounts(linked.graph(), 100);
  Linker other(SmallOptions());
  const auto refuses = [&](SlotId slot, std::uint32_t count) {
    std::vector<std::uint32_t> counts = good;
    counts[static_cast<std::uint32_t>(slot)] = count;
    return !other.Restore(linked.graph(), counts, entry);
  };
  for (const SlotId slot : linked.memory().Live()) {
    EXPECT_TRUE(slot == entry.slot ? refuses(slot, 1) : refuses(slot, 0));
    EXPECT_TRUE(refuses(slot, 100));
    EXPECT_TRUE(refuses(slot, ~0U));
  }
  EXPECT_TRUE(refuses(SlotId{99}, 1));  // free
  EXPECT_FALSE(other.Restore(linked.graph(), std::vector<std::uint32_t>(101), entry));
  EXPECT_EQ(other.entry(), EntryPoint{});  // nothing was changed
  EXPECT_TRUE(other.Restore(linked.graph(), good, entry));
}

TEST(Linker, AGraphThatBreaksTheRulesIsRefused) {
  VectorMaker maker(VectorKind::kRandom, 3, TestSeed(24));
  LinkedGraph linked({3, 3, 100, 200}, SmallOptions());
  linked.Insert(maker.Many(50));
  const EntryPoint entry = linked.linker().entry();
  Linker other(SmallOptions());
  EXPECT_TRUE(other.Rebuild(linked.graph(), 100, entry).ok());
  EXPECT_EQ(other.Rebuild(linked.graph(), 100, {}).code(), Code::kCorruptedIndex);
  for (const SlotId slot : linked.memory().Live()) {
    if (slot == entry.slot) continue;
    EXPECT_EQ(other.Rebuild(linked.graph(), 100, {slot, linked.graph().Node(slot).level()}).code(),
              Code::kCorruptedIndex);
  }
  linked.memory().SetList(entry.slot, 0, {});  // whoever ranks next hung on it alone
  EXPECT_EQ(other.Rebuild(linked.graph(), 100, entry).code(), Code::kCorruptedIndex);
}

// A graph as it may come from a damaged page: no crash, and nothing outside is touched.
TEST(Linker, DamagedLinksAreSteppedOver) {
  VectorMaker maker(VectorKind::kRandom, 3, TestSeed(19));
  std::mt19937_64 random(TestSeed(20));
  LinkedGraph linked({3, 3, 200, 400}, SmallOptions());
  linked.Insert(maker.Many(100));
  for (const SlotId slot : linked.memory().Live()) {
    Links links = linked.memory().Node(slot).links();
    if (slot == linked.linker().entry().slot || links.count() < 2) continue;
    links.Set(links.count() - 1, SlotId{static_cast<std::uint32_t>(1000 + random() % 100000)});
  }
  // It may say what is wrong: then nobody links on, but nothing comes of it either.
  linked.linker().Rebuild(linked.graph(), 200, linked.linker().entry()).IgnoreError();
  for (int i = 0; i < 50; ++i) linked.Insert(maker.Many(2));
  EXPECT_EQ(linked.memory().Live().size(), 200U);
}

}  // namespace
}  // namespace engram
