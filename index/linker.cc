#include "index/linker.h"

#include <algorithm>
#include <queue>
#include <string>

#include "index/select_neighbors.h"
#include "storage/base/check.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

std::uint32_t Raw32(SlotId slot) { return static_cast<std::uint32_t>(slot); }

NodeKey KeyOf(const Graph& graph, SlotId slot) { return NodeKey::Of(graph.Node(slot)); }

std::vector<SlotId> Neighbours(const Graph& graph, SlotId slot, std::uint32_t level) {
  std::vector<SlotId> neighbours;
  graph.ForEachNeighbour(slot, level, [&](SlotId to) { neighbours.push_back(to); });
  return neighbours;
}

bool IsLive(const Graph& graph, SlotId slot) { return graph.state(slot) == SlotState::kLive; }

}  // namespace

Status Linker::Rebuild(const Graph& graph, std::uint32_t slots, EntryPoint entry) {
  ENGRAM_SYNC_POINT("linker:rebuild");
  entry_ = entry;
  recent_.clear();
  audit_.reset();
  parents_.assign(graph.node_limit(), 0);
  std::vector<NodeKey> keys(slots);
  SlotId highest = SlotId::kNone;
  for (std::uint32_t i = 0; i < slots; ++i) {
    const auto slot = static_cast<SlotId>(i);
    if (!IsLive(graph, slot)) continue;
    keys[i] = KeyOf(graph, slot);
    if (highest == SlotId::kNone || keys[Raw32(highest)] < keys[i]) highest = slot;
  }
  if (entry.slot != highest) {
    return Status::CorruptedIndex("the entry point of the graph is slot " +
                                  std::to_string(Raw32(entry.slot)) + ", expected slot " +
                                  std::to_string(Raw32(highest)));
  }
  for (std::uint32_t i = 0; i < slots; ++i) {
    const auto slot = static_cast<SlotId>(i);
    if (!IsLive(graph, slot)) continue;
    graph.ForEachNeighbour(slot, 0, [&](SlotId to) {
      if (Raw32(to) < slots && IsLive(graph, to) && keys[Raw32(to)] < keys[i]) {
        ++parents_[Raw32(to)];
      }
    });
  }
  for (std::uint32_t i = 0; i < slots; ++i) {
    const auto slot = static_cast<SlotId>(i);
    if (parents_[i] > 0 || slot == highest || !IsLive(graph, slot)) continue;
    return Status::CorruptedIndex("no node of the graph that ranks above slot " +
                                  std::to_string(i) + " links to it, expected one");
  }
  return {};
}

bool Linker::Restore(const Graph& graph, std::span<const std::uint32_t> counts, EntryPoint entry) {
  if (counts.size() > graph.node_limit()) return false;
  for (std::uint32_t i = 0; i < counts.size(); ++i) {
    const auto slot = static_cast<SlotId>(i);
    const bool has_parents = slot != entry.slot && IsLive(graph, slot);
    if (has_parents ? counts[i] == 0 || counts[i] >= counts.size() : counts[i] != 0) return false;
  }
  entry_ = entry;
  recent_.clear();
  audit_.reset();
  parents_.assign(graph.node_limit(), 0);
  std::copy(counts.begin(), counts.end(), parents_.begin());
  return true;
}

std::vector<std::uint32_t> Linker::ParentCounts(const Graph& graph, std::uint32_t slots) const {
  std::vector<std::uint32_t> counts(slots);
  for (std::uint32_t i = 0; i < std::min<std::size_t>(slots, parents_.size()); ++i) {
    if (IsLive(graph, static_cast<SlotId>(i))) counts[i] = parents_[i];
  }
  return counts;
}

bool Linker::Commit(const Graph& graph, ListPlan& plan, LinkSink& sink) {
  if (plan.level == 0) FitIntoList(graph, plan);
  ListChange change;
  ChangeFor(plan, change);
  if (change.empty()) return false;
  if (plan.level == 0 && IsLive(graph, plan.base)) {
    for (const Member& member : plan.members) {
      if (!member.lower || !member.live) continue;
      const bool present = member.position != Member::kNoPosition;
      if (present && !member.selected) UncountLink(plan.base, member.slot);
      if (!present && member.selected) CountLink(plan.base, member.slot);
    }
  }
  sink.SetLinks(plan.base, plan.level, change);
  return true;
}

// Selected become: those that must, in order of distance, then those the heuristic chose, as far as
// there is room. Half of the list is for what the heuristic chose: a new node that would go beyond
// finds another parent.
void Linker::FitIntoList(const Graph& graph, ListPlan& plan) {
  std::size_t room = plan.capacity;
  if (!IsLive(graph, plan.base)) return;
  for (const bool present : {true, false}) {  // whoever would be lost goes first
    for (Member& member : plan.members) {
      if ((member.position != Member::kNoPosition) != present) continue;
      if (HasOnlyThisParent(member)) member.must = true;
      if (!member.must) continue;
      const bool beyond = plan.capacity - room >= MostNeeded(plan.capacity, Share::kHalf);
      if (!present && member.lower && !member.selected && beyond) continue;
      member.selected = room > 0;
      room -= member.selected ? 1 : 0;
    }
  }
  for (Member& member : plan.members) {
    if (member.must || !member.selected) continue;
    member.selected = room > 0;
    room -= member.selected ? 1 : 0;
  }
}

// --- Ended nodes ---

void Linker::ReplaceEntry(const Graph& graph, SlotId dead) {
  entry_ = {};
  const auto consider = [&](SlotId slot) {
    if (!IsLive(graph, slot)) return;
    if (entry_.slot == SlotId::kNone || KeyOf(graph, entry_.slot) < KeyOf(graph, slot)) {
      entry_ = {slot, graph.Node(slot).level()};
    }
  };
  // The live node that ranks next had no other parent, so the old entry point links to it.
  graph.ForEachNeighbour(dead, 0, consider);
  if (entry_.slot != SlotId::kNone) return;
  // It was the last one, or its list is damaged: where there is a live node, walks begin at one.
  for (std::uint32_t i = 0; i < graph.node_limit(); ++i) consider(static_cast<SlotId>(i));
}

void Linker::Unlink(const Graph& graph, SlotId dead, LinkSink& sink) {
  Cover(graph);
  const NodeKey key = KeyOf(graph, dead);
  std::vector<SlotId> orphans;
  for (const SlotId to : Neighbours(graph, dead, 0)) {
    if (!IsLive(graph, to) || !(KeyOf(graph, to) < key)) continue;
    if (UncountLink(dead, to)) orphans.push_back(to);
  }
  if (dead == entry_.slot) ReplaceEntry(graph, dead);
  // Each may be a parent of those behind it.
  std::sort(orphans.begin(), orphans.end(),
            [&](SlotId a, SlotId b) { return KeyOf(graph, b) < KeyOf(graph, a); });
  for (const SlotId orphan : orphans) {
    if (orphan != entry_.slot) Adopt(graph, orphan, sink);
  }
}

// --- Parents ---

void Linker::Adopt(const Graph& graph, SlotId node, LinkSink& sink) {
  if (node == entry_.slot) return;  // in a damaged graph alone
  // Near ones first: neighbours, their neighbours; then down from the entry point over links to
  // nodes that rank above it, which reaches all of these.
  const std::vector<SlotId> near = Neighbours(graph, node, 0);
  std::vector<SlotId> further;
  for (const SlotId neighbour : near) {
    const std::vector<SlotId> next = Neighbours(graph, neighbour, 0);
    further.insert(further.end(), next.begin(), next.end());
  }
  std::sort(further.begin(), further.end());
  further.erase(std::unique(further.begin(), further.end()), further.end());
  for (const Share share : {Share::kHalf, Share::kAll}) {
    if (AdoptFrom(graph, near, node, share, sink)) return;
    if (AdoptFrom(graph, further, node, share, sink)) return;
  }

  const NodeKey key = KeyOf(graph, node);
  if (!IsEntryAbove(graph, key)) return TakeForEntry(graph, node, sink);
  VisitedSet seen;
  seen.Reset(1024);
  std::vector<SlotId> above{entry_.slot};
  seen.Insert(entry_.slot);
  for (std::size_t i = 0; i < above.size(); ++i) {
    if (TryParent(graph, above[i], node, Share::kAll, sink)) return;
    for (const SlotId to : Neighbours(graph, above[i], 0)) {
      if (IsLive(graph, to) && key < KeyOf(graph, to) && seen.Insert(to)) above.push_back(to);
    }
  }
  // Every list is full of links that somebody needs. Not all of these can be of nodes in `above`:
  // they have room for more than there are. So one of them takes it, unless counts from a file were
  // wrong and it has been in a list all the time.
  for (const SlotId parent : above) {
    if (PutBetween(graph, parent, node, sink)) return;
  }
  // Or links were lost, and not all that rank above it are reached: the audit goes by rank.
  if (audit_) AddOrphan(node);
}

bool Linker::IsEntryAbove(const Graph& graph, const NodeKey& key) const {
  return graph.Has(entry_.slot) && IsLive(graph, entry_.slot) && key < KeyOf(graph, entry_.slot);
}

// In a damaged graph alone: nothing leads to who ranks above the entry point, so it is that.
void Linker::TakeForEntry(const Graph& graph, SlotId node, LinkSink& sink) {
  const SlotId before = entry_.slot;
  entry_ = {node, graph.Node(node).level()};
  if (audit_) ++audit_->report.entries;
  const bool live = graph.Has(before) && IsLive(graph, before);
  if (live && parents(before) == 0) Adopt(graph, before, sink);
}

bool Linker::AdoptFrom(const Graph& graph, std::span<const SlotId> parents, SlotId node,
                       Share share, LinkSink& sink) {
  const RowScorer scorer = Scorer(graph);
  const Row row = RowOf(graph, node);
  const NodeKey key = KeyOf(graph, node);
  std::vector<Candidate> candidates;
  for (const SlotId parent : parents) {
    if (!IsLive(graph, parent) || !(key < KeyOf(graph, parent))) continue;
    candidates.push_back({scorer.Distance(row, RowOf(graph, parent)), parent});
  }
  std::sort(candidates.begin(), candidates.end(), Nearer);
  return std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
    return TryParent(graph, candidate.slot, node, share, sink);
  });
}

// Puts `node` into the list of `parent`, where there is room or a link that nobody needs.
// Pre: `parent` is live and ranks above it.
bool Linker::TryParent(const Graph& graph, SlotId parent, SlotId node, Share share,
                       LinkSink& sink) {
  const RowScorer scorer = Scorer(graph);
  const float distance = scorer.Distance(RowOf(graph, parent), RowOf(graph, node));
  const std::vector<SlotId> present = Neighbours(graph, parent, 0);
  if (std::find(present.begin(), present.end(), node) != present.end()) return false;
  const Addition addition{{distance, node}, true};
  ListPlan plan = PlanList(graph, scorer, parent, 0, {&addition, 1}, {});
  const auto needed = static_cast<std::size_t>(std::count_if(
      plan.members.begin(), plan.members.end(),
      [&](const Member& member) { return member.must || HasOnlyThisParent(member); }));
  if (needed > MostNeeded(plan.capacity, share)) return false;
  for (Member& member : plan.members) member.selected |= member.slot == node;
  Commit(graph, plan, sink);
  return true;
}

// Puts `node` into the list of `parent` in the place of one that ranks below `node`, which then has
// `node` as its parent, or looks for another one: ranks fall from one to the next, so that this
// ends.
bool Linker::PutBetween(const Graph& graph, SlotId parent, SlotId node, LinkSink& sink) {
  const NodeKey key = KeyOf(graph, node);
  for (const SlotId child : Neighbours(graph, parent, 0)) {
    if (child == node || !IsLive(graph, child) || !(KeyOf(graph, child) < key)) continue;
    TryParent(graph, node, child, Share::kAll, sink);
    ++parents(child);  // so that `parent` may let it go
    const bool done = TryParent(graph, parent, node, Share::kAll, sink);
    if (DropParent(child)) Adopt(graph, child, sink);
    if (done) return true;
  }
  return false;
}

// --- Healing ---

// Where the list would have no live node left that ranks above its base, the entry point, which
// does.
void Linker::KeepWayUp(const Graph& graph, SlotId slot, std::span<const SlotId> present,
                       const std::function<bool(SlotId)>& doomed,
                       std::vector<Addition>& additions) const {
  const NodeKey key = KeyOf(graph, slot);
  const auto leads_up = [&](SlotId to) {
    return !doomed(to) && IsLive(graph, to) && key < KeyOf(graph, to);
  };
  // In a damaged graph the entry point may rank below it, and be in the list.
  if (!IsEntryAbove(graph, key) || std::any_of(present.begin(), present.end(), leads_up)) return;
  for (const Addition& addition : additions) {
    if (leads_up(addition.node.slot)) return;
  }
  const float distance = Scorer(graph).Distance(RowOf(graph, slot), RowOf(graph, entry_.slot));
  additions.push_back({{distance, entry_.slot}, true});
}

namespace {

// Doomed nodes that are still to be looked at, the nearest first.
struct FartherFirst {
  bool operator()(const Candidate& a, const Candidate& b) const { return Nearer(b, a); }
};
using DoomedQueue = std::priority_queue<Candidate, std::vector<Candidate>, FartherFirst>;

// The distance of the `most`-th nearest that it was given.
class NearestBound {
 public:
  explicit NearestBound(std::size_t most) : most_(most) {}
  void Add(float distance) {
    nearest_.push(distance);
    if (nearest_.size() > most_) nearest_.pop();
  }
  bool Within(float distance) const {
    return nearest_.size() < most_ || distance <= nearest_.top();
  }

 private:
  const std::size_t most_;
  std::priority_queue<float> nearest_;
};

}  // namespace

// Live nodes that doomed ones of `from` lead to, directly or over other doomed ones, and that are
// not in it: what dies together often lies together. Over the nearest of these first, and no
// further than there is hope for a nearer one: where one in twenty is doomed, doomed ones of doomed
// ones lead on and on.
std::vector<Candidate> Linker::LiveBeyond(const Graph& graph, SlotId base,
                                          std::span<const SlotId> from, std::uint32_t level,
                                          const std::function<bool(SlotId)>& doomed) const {
  constexpr std::size_t kMostDoomed = 128;
  constexpr std::size_t kEnough = 256;
  // For each that the list itself names, and once more, so many are looked for in any case.
  constexpr std::size_t kForEach = 16;
  const RowScorer scorer = Scorer(graph);
  const Row row = RowOf(graph, base);
  const auto measured = [&](SlotId slot) {
    return Candidate{scorer.Distance(row, RowOf(graph, slot)), slot};
  };
  const auto ask_for = [&](SlotId slot) {
    Prefetch(graph.Block(slot), graph.layout().links_offset());
  };
  VisitedSet seen;
  seen.Reset(kMostDoomed + kEnough + from.size());
  seen.Insert(base);
  DoomedQueue queue;
  for (const SlotId slot : from) {
    if (seen.Insert(slot) && doomed(slot)) queue.push(measured(slot));
  }
  const std::size_t few = std::min(kEnough, kForEach * (queue.size() + 1));
  NearestBound bound(graph.layout().max_links());
  std::vector<Candidate> found;
  for (std::size_t i = 0; !queue.empty() && i < kMostDoomed && found.size() < kEnough; ++i) {
    const Candidate next = queue.top();
    queue.pop();
    if (found.size() >= few && !bound.Within(next.distance)) break;
    std::vector<SlotId> unseen = Neighbours(graph, next.slot, level);
    std::erase_if(unseen, [&](SlotId to) { return !seen.Insert(to); });
    for (const SlotId to : unseen) ask_for(to);
    for (const SlotId to : unseen) {
      if (IsLive(graph, to)) {
        found.push_back(measured(to));
        bound.Add(found.back().distance);
      } else if (doomed(to)) {
        queue.push(measured(to));
      }
    }
  }
  std::sort(found.begin(), found.end(), Nearer);
  return found;
}

bool Linker::Heal(const Graph& graph, SlotId slot, const std::function<bool(SlotId)>& doomed,
                  LinkSink& sink) {
  Cover(graph);
  const RowScorer scorer = Scorer(graph);
  const bool live = IsLive(graph, slot);
  bool changed = false;
  const std::uint32_t top = ENGRAM_MUTANT(kRoundForgetsUppers) ? 0u : graph.Node(slot).level();
  for (std::uint32_t level = 0; level <= top; ++level) {
    const std::vector<SlotId> present = Neighbours(graph, slot, level);
    const bool any = std::any_of(present.begin(), present.end(), doomed);
    if (!any) continue;
    changed = true;
    // A dead node's links only lead on: none is added.
    const std::vector<Candidate> next =
        live ? LiveBeyond(graph, slot, present, level, doomed) : std::vector<Candidate>();
    std::vector<Addition> additions;
    for (const Candidate& to : next) {
      if (graph.Node(to.slot).level() < level) continue;
      additions.push_back({to, false});
    }
    if (level == 0 && live && slot != entry_.slot)
      KeepWayUp(graph, slot, present, doomed, additions);
    const PlanRules rules{options_.keep_pruned, &doomed};
    ListPlan plan = PlanList(graph, scorer, slot, level, additions, rules);
    if (!live) {
      for (Member& member : plan.members) member.selected = !doomed(member.slot);
    }
    Commit(graph, plan, sink);
  }
  return changed;
}

}  // namespace engram
