// One list of links about to change: who is in it, who shall be, and which positions that moves.
// Positions of links that stay never change, so that little is logged and written.
// Leaves to others: which lists change (index/linker.h), making the change (LinkSink).
// Threads: one thread. Implements docs/hnsw.md, "Lists".
#ifndef ENGRAM_INDEX_NEIGHBOR_LIST_H_
#define ENGRAM_INDEX_NEIGHBOR_LIST_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "index/graph.h"
#include "index/graph_search.h"
#include "index/metric.h"
#include "storage/base/ids.h"

namespace engram {

// New values of positions, and positions that become clear, in no order.
struct ListChange {
  struct Set {
    SlotId neighbour = SlotId::kNone;
    std::uint8_t position = 0;
  };
  std::vector<Set> sets;
  std::vector<std::uint8_t> clears;
  std::uint32_t count = 0;  // positions at or above it are clear

  void Clear() {
    sets.clear();
    clears.clear();
    count = 0;
  }
  bool empty() const { return sets.empty() && clears.empty(); }
};

// Makes changes of lists: what the linker decides is done by the time SetLinks() returns, and goes
// to the log.
class LinkSink {
 public:
  virtual ~LinkSink() = default;
  virtual void SetLinks(SlotId slot, std::uint32_t level, const ListChange& change) = 0;
};

// What a link of a list, or one that wants to get in, is to its base.
struct Member {
  static constexpr std::uint32_t kNoPosition = ~0u;
  float distance = 0;
  SlotId slot = SlotId::kNone;
  std::uint32_t position = kNoPosition;  // where it is now; kNoPosition: nowhere
  bool live = true;
  bool lower = false;     // the base ranks above it: the base is one of its parents
  bool selected = false;  // the heuristic wants it
  bool must = false;      // it stays or gets in, whatever the heuristic says
};

struct Addition {
  Candidate node;  // with the distance from the base
  bool must = false;
};

// A list, planned: by any thread, without changing anything.
struct ListPlan {
  SlotId base = SlotId::kNone;
  std::uint32_t level = 0;
  std::uint32_t capacity = 0;
  std::vector<Member> members;  // by distance where it had to be pruned
};

struct PlanRules {
  bool keep_pruned = false;
  // Links to slots for which it says so are dropped; nullptr: only where there is no room.
  const std::function<bool(SlotId)>* doomed = nullptr;
};

// Who should be in the list of `base` at `level`, given `additions` that are not in it yet: all
// where there is room, else the heuristic's choice of all, without the dead. Where doomed ones go,
// the others stay, and the heuristic chooses of the additions, at most two for each that goes. At
// level 0 a link to a live node that ranks above the base is kept as long as there is one
// (docs/hnsw.md, "Reachability").
ListPlan PlanList(const Graph& graph, const RowScorer& scorer, SlotId base, std::uint32_t level,
                  std::span<const Addition> additions, const PlanRules& rules);

// The change that leaves just the members with `selected` in the list.
// Pre: no more than the list's capacity are.
void ChangeFor(const ListPlan& plan, ListChange& change);

}  // namespace engram

#endif  // ENGRAM_INDEX_NEIGHBOR_LIST_H_
