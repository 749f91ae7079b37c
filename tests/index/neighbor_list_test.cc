#include "index/neighbor_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "index/node_key.h"
#include "tests/index/graph_fixture.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

// A base in slot 0 at the origin; the others where a test puts them. m = 2: four places at level 0.
class NeighborListTest : public testing::Test {
 protected:
  static constexpr SlotId kBase{0};

  NeighborListTest() { Write(0, 0, 0); }

  void Write(std::uint32_t slot, float x, float y, std::uint32_t level = 0) {
    const std::vector<float> vector{x, y};
    memory_.Write(SlotId{slot}, slot + 1, vector, level);
  }

  Addition Add(std::uint32_t slot, bool must = false) const {
    const VectorView vector = memory_.graph().Node(SlotId{slot}).vector();
    return {{vector[0] * vector[0] + vector[1] * vector[1], SlotId{slot}}, must};
  }

  ListPlan Plan(const std::vector<Addition>& additions, const PlanRules& rules = {}) const {
    return PlanList(memory_.graph(), RowScorer(Metric::kL2, 2), kBase, 0, additions, rules);
  }

  static std::set<std::uint32_t> Selected(const ListPlan& plan) {
    std::set<std::uint32_t> selected;
    for (const Member& member : plan.members) {
      if (member.selected) selected.insert(static_cast<std::uint32_t>(member.slot));
    }
    return selected;
  }
  static const Member& Of(const ListPlan& plan, std::uint32_t slot) {
    return *std::find_if(plan.members.begin(), plan.members.end(),
                         [&](const Member& member) { return member.slot == SlotId{slot}; });
  }
  bool RanksAboveBase(std::uint32_t slot) const {
    return NodeKey::Of(memory_.graph().Node(kBase)) <
           NodeKey::Of(memory_.graph().Node(SlotId{slot}));
  }

  MemoryGraph memory_{{.dimensions = 2, .m = 2, .slots = 20, .upper_blocks = 20}};
};

TEST_F(NeighborListTest, AListWithRoomTakesAll) {
  for (std::uint32_t slot = 1; slot <= 4; ++slot) Write(slot, 1.F * static_cast<float>(slot), 0);
  memory_.SetList(kBase, 0, {SlotId{1}, SlotId{2}});
  const ListPlan plan = Plan({Add(3), Add(4)});
  EXPECT_EQ(plan.capacity, 4U);
  EXPECT_EQ(Selected(plan), (std::set<std::uint32_t>{1, 2, 3, 4}));
}

TEST_F(NeighborListTest, AFullListIsChosenAnewByTheHeuristic) {
  Write(1, 1, 0);
  Write(2, 2, 0);  // behind 1
  Write(3, 0, 1);
  Write(4, 0, 3);  // behind 3
  Write(5, -1, 0);
  memory_.SetList(kBase, 0, {SlotId{1}, SlotId{2}, SlotId{3}, SlotId{4}});
  const ListPlan plan = Plan({Add(5)});
  EXPECT_EQ(Selected(plan), (std::set<std::uint32_t>{1, 3, 5}));
  // keep_pruned fills up, with the nearest of those left out.
  EXPECT_EQ(Selected(Plan({Add(5)}, {true, nullptr})), (std::set<std::uint32_t>{1, 2, 3, 5}));
}

TEST_F(NeighborListTest, WhoIsWhatToTheBaseIsSaid) {
  for (std::uint32_t slot = 1; slot <= 5; ++slot) Write(slot, 1.F * static_cast<float>(slot), 0);
  memory_.SetList(kBase, 0, {SlotId{1}, SlotId{2}, SlotId{3}, SlotId{4}});
  memory_.End(SlotId{2}, Lsn{9});
  const ListPlan plan = Plan({Add(5)});
  for (std::uint32_t slot = 1; slot <= 5; ++slot) {
    const Member& member = Of(plan, slot);
    EXPECT_EQ(member.lower, !RanksAboveBase(slot));
    EXPECT_EQ(member.live, slot != 2);
    EXPECT_EQ(member.position, slot == 5 ? Member::kNoPosition : slot - 1);
    EXPECT_EQ(member.distance, static_cast<float>(slot * slot));
  }
}

TEST_F(NeighborListTest, TheDeadGoWhenThereIsNoRoom) {
  Write(1, 1, 0);
  Write(2, -1, 0);
  Write(3, 0, 1);
  Write(4, 0, -1);
  Write(5, 9, 9);
  memory_.SetList(kBase, 0, {SlotId{1}, SlotId{2}, SlotId{3}, SlotId{4}});
  memory_.End(SlotId{1}, Lsn{9});
  EXPECT_FALSE(Selected(Plan({Add(5)})).contains(1));
}

TEST_F(NeighborListTest, TheDoomedGoThoughThereIsRoom) {
  Write(1, 1, 0);
  Write(2, -1, 0);
  memory_.SetList(kBase, 0, {SlotId{1}, SlotId{2}});
  memory_.End(SlotId{1}, Lsn{9});
  memory_.End(SlotId{2}, Lsn{9});
  const std::function<bool(SlotId)> doomed = [](SlotId slot) { return slot == SlotId{1}; };
  const ListPlan plan = Plan({}, {false, &doomed});
  EXPECT_FALSE(Selected(plan).contains(1));
  EXPECT_FALSE(Of(plan, 1).must);
}

TEST_F(NeighborListTest, TheLastWayUpMustStay) {
  // The nearest are of level 0 as the base is; the way up hides behind one of them.
  Write(1, 1, 0);
  Write(2, -1, 0);
  Write(3, 0, 1);
  Write(4, 3, 0, 1);
  Write(5, 0, -1);
  ASSERT_TRUE(RanksAboveBase(4));
  memory_.SetList(kBase, 0, {SlotId{1}, SlotId{2}, SlotId{3}, SlotId{4}});
  const ListPlan plan = Plan({Add(5)});
  int ways_up = 0;
  for (const Member& member : plan.members) {
    if (RanksAboveBase(static_cast<std::uint32_t>(member.slot)) && member.must) ++ways_up;
  }
  EXPECT_EQ(ways_up, 1);
}

TEST_F(NeighborListTest, LinksThatLeadOutsideAreNoMembers) {
  Write(1, 1, 0);
  memory_.SetList(kBase, 0, {SlotId{0xfffffff0}, SlotId{1}, SlotId{20}});
  const ListPlan plan = Plan({});
  ASSERT_EQ(plan.members.size(), 1U);
  EXPECT_EQ(plan.members[0].slot, SlotId{1});
}

TEST_F(NeighborListTest, ALevelThatIsNotThereTakesNothing) {
  Write(1, 1, 0, 1);
  const Addition addition = Add(1);
  ListPlan plan =
      PlanList(memory_.graph(), RowScorer(Metric::kL2, 2), kBase, 1, {&addition, 1}, {});
  ListChange change;
  ChangeFor(plan, change);
  EXPECT_TRUE(change.empty());
}

TEST(ChangeFor, ChangesNothingWhereNothingChanges) {
  ListPlan plan;
  plan.capacity = 4;
  plan.members = {{.slot = SlotId{1}, .position = 0, .selected = true},
                  {.slot = SlotId{2}, .position = 3, .selected = true}};
  ListChange change;
  ChangeFor(plan, change);
  EXPECT_TRUE(change.empty());
  EXPECT_EQ(change.count, 4U);
}

TEST(ChangeFor, FillsTheLowestClearPositionsAndCountsToTheLastUsed) {
  ListPlan plan;
  plan.capacity = 6;
  plan.members = {{.slot = SlotId{1}, .position = 1, .selected = true},
                  {.slot = SlotId{2}, .position = 4, .selected = false},
                  {.slot = SlotId{3}, .selected = true},
                  {.slot = SlotId{4}, .selected = false}};
  ListChange change;
  ChangeFor(plan, change);
  ASSERT_EQ(change.sets.size(), 1U);
  EXPECT_EQ(change.sets[0].neighbour, SlotId{3});
  EXPECT_EQ(change.sets[0].position, 0);
  EXPECT_EQ(change.clears, (std::vector<std::uint8_t>{4}));
  EXPECT_EQ(change.count, 2U);
}

TEST(ChangeFor, AnEmptyListHasCountZero) {
  ListPlan plan;
  plan.capacity = 4;
  plan.members = {{.slot = SlotId{1}, .position = 2, .selected = false}};
  ListChange change;
  ChangeFor(plan, change);
  EXPECT_EQ(change.clears, (std::vector<std::uint8_t>{2}));
  EXPECT_EQ(change.count, 0U);
}

// Plans made at random, up to the largest list there is: what stays keeps its position, the rest
// is just what was wanted.
TEST(ChangeFor, WhatStaysNeverChangesItsPosition) {
  std::mt19937_64 random(TestSeed(7));
  ListChange change;
  for (int round = 0; round < 2000; ++round) {
    ListPlan plan;
    plan.capacity = round % 10 == 0 ? 256 : static_cast<std::uint32_t>(2 + random() % 40);
    std::map<std::uint32_t, SlotId> list;  // by position
    std::set<SlotId> wanted;
    std::uint32_t next = 1;
    for (std::uint32_t position = 0; position < plan.capacity; ++position) {
      if (random() % 3 == 0) continue;
      const SlotId slot{next++};
      const bool stays = random() % 2 == 0;
      list[position] = slot;
      if (stays) wanted.insert(slot);
      plan.members.push_back({.slot = slot, .position = position, .selected = stays});
    }
    while (random() % 20 != 0) {
      const SlotId slot{next++};
      const bool gets_in = wanted.size() < plan.capacity && random() % 4 != 0;
      if (gets_in) wanted.insert(slot);
      plan.members.push_back({.slot = slot, .selected = gets_in});
    }
    std::shuffle(plan.members.begin(), plan.members.end(), random);
    ChangeFor(plan, change);

    std::set<std::uint32_t> touched;
    for (const ListChange::Set& set : change.sets) {
      ASSERT_TRUE(touched.insert(set.position).second);
      ASSERT_LT(set.position, plan.capacity);
      if (list.contains(set.position)) {
        EXPECT_FALSE(wanted.contains(list[set.position]));
      }
      list[set.position] = set.neighbour;
    }
    for (const std::uint8_t position : change.clears) {
      ASSERT_TRUE(touched.insert(position).second);
      EXPECT_FALSE(wanted.contains(list.at(position)));
      list.erase(position);
    }
    std::set<SlotId> after;
    for (const auto& [position, slot] : list) after.insert(slot);
    EXPECT_EQ(after, wanted);
    EXPECT_EQ(change.count, list.empty() ? 0 : list.rbegin()->first + 1);
  }
}

}  // namespace
}  // namespace engram
