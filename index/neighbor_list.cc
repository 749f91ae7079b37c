#include "index/neighbor_list.h"

#include <algorithm>

#include "index/node_key.h"
#include "index/select_neighbors.h"
#include "storage/base/check.h"

namespace engram {
namespace {

constexpr std::uint32_t kMostPositions = 256;

class Planner {
 public:
  Planner(const Graph& graph, const RowScorer& scorer, SlotId base, std::uint32_t level,
          const PlanRules& rules)
      : graph_(graph),
        scorer_(scorer),
        rules_(rules),
        base_(RowOf(graph, base)),
        key_(NodeKey::Of(graph.Node(base))) {
    plan_.base = base;
    plan_.level = level;
  }

  ListPlan Plan(std::span<const Addition> additions) {
    AddPresent();
    const std::size_t present = plan_.members.size();
    for (const Addition& addition : additions) {
      plan_.members.push_back({.distance = addition.node.distance,
                               .slot = addition.node.slot,
                               .lower = Lower(addition.node.slot),
                               .selected = true,
                               .must = addition.must});
    }
    if (doomed_) {
      Mend(present);
    } else if (plan_.members.size() > plan_.capacity) {
      Prune(present);
    }
    return std::move(plan_);
  }

 private:
  bool Lower(SlotId slot) const { return NodeKey::Of(graph_.Node(slot)) < key_; }

  void AddPresent() {
    const ConstLinks links = graph_.LinksAt(plan_.base, plan_.level);
    plan_.capacity = links.capacity();
    const std::uint32_t count = links.count();
    plan_.members.reserve(count + 8);
    for (std::uint32_t i = 0; i < count; ++i) {
      const SlotId slot = links[i];
      if (!graph_.Has(slot)) continue;
      __builtin_prefetch(graph_.Block(slot));
      const bool live = graph_.state(slot) == SlotState::kLive;
      if (rules_.doomed != nullptr && !live && (*rules_.doomed)(slot)) {
        doomed_ = true;
        plan_.members.push_back({.slot = slot, .position = i, .live = false, .selected = false});
        continue;
      }
      plan_.members.push_back({.slot = slot, .position = i, .live = live, .selected = true});
    }
  }

  void Prune(std::size_t present) {
    Measure(present);
    std::vector<Member>& members = plan_.members;
    std::vector<Candidate> candidates;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < members.size(); ++i) {
      members[i].selected = false;
      if (!members[i].live) continue;
      candidates.push_back({members[i].distance, members[i].slot});
      places.push_back(i);
    }
    std::vector<std::uint32_t> selected;
    SelectNeighbors(graph_, scorer_, candidates, scorer_.Distance(base_, base_), plan_.capacity,
                    rules_.keep_pruned, selected);
    for (const std::uint32_t i : selected) members[places[i]].selected = true;
    if (plan_.level == 0) KeepHigher();
  }

  // Distances from the base, and who ranks below it; by distance.
  void Measure(std::size_t present) {
    std::vector<Member>& members = plan_.members;
    for (const Member& member : members) {
      Prefetch(graph_.Block(member.slot), graph_.layout().links_offset());
    }
    for (std::size_t i = 0; i < present; ++i) {
      Member& member = members[i];
      member.lower = Lower(member.slot);
      member.distance = scorer_.Distance(base_, RowOf(graph_, member.slot));
    }
    std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
      return a.distance != b.distance ? a.distance < b.distance : a.slot < b.slot;
    });
  }

  // A list that loses links to what is doomed has room: the others stay, and for each that goes at
  // most two come, the nearest that lead another way than what is there. (Choosing all anew would
  // leave it, each time, only the few that a new node has, and none of those that have come since.)
  void Mend(std::size_t present) {
    constexpr std::size_t kForEach = 2;
    Measure(present);
    const auto gone = static_cast<std::size_t>(
        std::count_if(plan_.members.begin(), plan_.members.end(),
                      [this](const Member& member) { return IsDoomed(member); }));
    std::size_t room = std::min(plan_.capacity - (present - gone), kForEach * gone);
    const float self_distance = scorer_.Distance(base_, base_);
    std::vector<Row> there;  // of live ones
    bool has_copy = false;
    for (Member& member : plan_.members) {
      const bool stays = member.position != Member::kNoPosition;
      member.selected = stays && !IsDoomed(member);
      if (!member.live || (stays && !member.selected)) continue;
      const bool copy = member.distance == self_distance;
      const Row row = RowOf(graph_, member.slot);
      if (!stays && room > 0 && (copy ? !has_copy : LeadsElsewhere(row, member.distance, there))) {
        member.selected = true;
        --room;
      }
      if (!member.selected) continue;
      if (!copy) there.push_back(row);
      has_copy = has_copy || copy;
    }
    if (plan_.level == 0) KeepHigher();
  }

  bool LeadsElsewhere(const Row& row, float distance, const std::vector<Row>& there) const {
    return std::all_of(there.begin(), there.end(),
                       [&](const Row& other) { return scorer_.Distance(row, other) > distance; });
  }
  bool IsDoomed(const Member& member) const {
    return member.position != Member::kNoPosition && !member.live && Doomed(member.slot);
  }

  // At least one link to a node that ranks above the base: a live one, else one that is there. One
  // that is there rather than one to come, for which there may be no room.
  void KeepHigher() {
    Member* best = nullptr;
    int best_worth = -1;
    for (Member& member : plan_.members) {
      if (member.lower || (!member.live && Doomed(member.slot))) continue;
      const bool there = member.position != Member::kNoPosition;
      const int worth = (member.live ? 4 : 0) + (there ? 2 : 0) + (member.selected ? 1 : 0);
      if (worth <= best_worth) continue;
      best = &member;
      best_worth = worth;
    }
    if (best != nullptr) best->must = true;
  }

  bool Doomed(SlotId slot) const { return rules_.doomed != nullptr && (*rules_.doomed)(slot); }

  const Graph& graph_;
  const RowScorer& scorer_;
  const PlanRules& rules_;
  const Row base_;
  const NodeKey key_;
  ListPlan plan_;
  bool doomed_ = false;
};

}  // namespace

ListPlan PlanList(const Graph& graph, const RowScorer& scorer, SlotId base, std::uint32_t level,
                  std::span<const Addition> additions, const PlanRules& rules) {
  return Planner(graph, scorer, base, level, rules).Plan(additions);
}

void ChangeFor(const ListPlan& plan, ListChange& change) {
  change.Clear();
  bool used[kMostPositions] = {};
  for (const Member& member : plan.members) {
    if (member.position == Member::kNoPosition) continue;
    if (member.selected) {
      used[member.position] = true;
    } else {
      change.clears.push_back(static_cast<std::uint8_t>(member.position));
    }
  }
  std::uint32_t position = 0;
  for (const Member& member : plan.members) {
    if (member.position != Member::kNoPosition || !member.selected) continue;
    while (used[position]) ++position;
    ENGRAM_CHECK(position < plan.capacity);
    used[position] = true;
    change.sets.push_back({member.slot, static_cast<std::uint8_t>(position)});
  }
  std::erase_if(change.clears, [&](std::uint8_t cleared) { return used[cleared]; });
  for (std::uint32_t i = 0; i < plan.capacity; ++i) {
    if (used[i]) change.count = i + 1;
  }
}

}  // namespace engram
