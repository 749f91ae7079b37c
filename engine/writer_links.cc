// The writer's part that changes pages and the graph for one commit, and records the links that it
// chose.
#include <algorithm>
#include <deque>
#include <unordered_set>
#include <vector>

#include "engine/apply.h"
#include "engine/writer.h"
#include "index/node_key.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "wal/record_codec.h"

namespace engram {

// For new nodes the most they can take. What ended nodes take has no bound that is any use: each of
// their neighbours may need another parent, and those of full lists move one another. What they
// take as a rule is reserved; for more, ReserveEncoded().
std::uint64_t Writer::LinkRoom(const CommitPlan& plan) const {
  const std::uint64_t m = core_.layout->max_links();
  const std::uint64_t m0 = core_.layout->max_links0();
  // A list that gets one link more: it may lose all others. A node is tied to one neighbour beyond
  // the m that are chosen, and a parent for it may take two lists more (Linker::Adopt()).
  const std::uint64_t list0 = LinkBytes(1, m0);
  const std::uint64_t list = LinkBytes(1, m);
  const std::uint64_t parent = 2 * list0;
  const std::uint64_t node = LinkBytes(m + 1, 0) + (m + 1) * list0 + parent;
  const std::uint64_t upper = LinkBytes(m, 0) + m * list;
  const std::uint64_t ended = m * LinkBytes(1, 4);
  return plan.record.inserts.size() * node + plan.record.uppers.size() * upper +
         (plan.record.ends.size() + plan.record.upkeep.voids.size()) * ended + plan.most_link_bytes;
}

// Makes each change of a list on its page, and records it.
void PageLinks::SetLinks(SlotId slot, std::uint32_t level, const ListChange& change) {
  ENGRAM_SYNC_POINT("writer:set_links");
  CommitRecord& record = plan_.record;
  const std::size_t sets = record.link_sets.size();
  const std::size_t clears = record.link_clears.size();
  for (const ListChange::Set& set : change.sets) {
    record.link_sets.push_back({set.neighbour, set.position});
  }
  record.link_clears.insert(record.link_clears.end(), change.clears.begin(), change.clears.end());
  LinkRecord links;
  links.slot = slot;
  links.level = static_cast<std::uint8_t>(level);
  links.link_count = static_cast<std::uint16_t>(change.count);
  links.sets = static_cast<std::uint16_t>(change.sets.size());
  links.clears = static_cast<std::uint16_t>(change.clears.size());
  record.links.push_back(links);
  core_.writer_role.AssertHeld();
  const Status status =
      ApplyLinks(core_, plan_.lsn, links, std::span(record.link_sets).subspan(sets),
                 std::span(record.link_clears).subspan(clears), ApplyMode::kLive);
  if (status_.ok()) status_ = status;
  if (ENGRAM_MUTANT(kLinksNotLogged)) {
    record.links.pop_back();
    record.link_sets.resize(sets);
    record.link_clears.resize(clears);
  }
}

Status Writer::ApplyAndLink(CommitPlan& plan) {
  ENGRAM_RETURN_IF_ERROR(ApplyExtents(core_, plan.record));
  ENGRAM_RETURN_IF_ERROR(CheckRecord(core_, plan.lsn, plan.record));
  ApplyRetires(core_, plan.lsn, plan.record, ApplyMode::kLive);
  ENGRAM_RETURN_IF_ERROR(ApplyEnds(plan));
  ENGRAM_RETURN_IF_ERROR(ApplyVoids(plan));
  ApplyInserts(core_, plan.lsn, plan.record);
  ENGRAM_RETURN_IF_ERROR(LinkInserts(plan));
  if (plan.relink) {
    PageLinks links(core_, plan);
    plan.relink(links);
    ENGRAM_RETURN_IF_ERROR(links.status());
  }
  ApplyWipes(core_, plan.lsn, plan.record);
  TakeEntry(plan);
  ApplyState(core_, plan.record);
  return Status::Ok();
}

namespace {

// The lowest rank first: those that a node was parent of are then ended before it, as far as they
// are, and need no other.
void SortByRank(const Graph& graph, std::vector<EndRecord>& ends) {
  if (ends.size() <= 1) return;
  std::sort(ends.begin(), ends.end(), [&](const EndRecord& a, const EndRecord& b) {
    return NodeKey::Of(graph.Node(a.slot)) < NodeKey::Of(graph.Node(b.slot));
  });
}

}  // namespace

// One after the other.
Status Writer::ApplyEnds(CommitPlan& plan) {
  std::vector<EndRecord>& ends = plan.record.ends;
  if (ends.empty()) return Status::Ok();
  const Graph graph = core_.GraphNow();
  SortByRank(graph, ends);
  PageLinks links(core_, plan);
  for (const EndRecord& end : ends) {
    ApplyEnd(core_, plan.lsn, end);
    core_.writer.dead.push_back({plan.lsn, end.slot});
    core_.linker->Unlink(graph, end.slot, links);
  }
  return links.status();
}

// As ApplyEnds(), of live and dead ones. They become the first that a round dooms.
Status Writer::ApplyVoids(CommitPlan& plan) {
  std::vector<EndRecord>& voids = plan.record.upkeep.voids;
  if (voids.empty()) return Status::Ok();
  const Graph graph = core_.GraphNow();
  SortByRank(graph, voids);
  PageLinks links(core_, plan);
  std::deque<DeadSlot>& dead = core_.writer.dead;
  std::unordered_set<SlotId> slots;
  for (const EndRecord& gone : voids) slots.insert(gone.slot);
  std::erase_if(dead, [&](const DeadSlot& slot) { return slots.contains(slot.slot); });
  for (const EndRecord& gone : voids) {
    const bool was_live = core_.slots->state(gone.slot) == SlotState::kLive;
    ApplyVoid(core_, plan.lsn, gone);
    dead.push_front({Lsn::kNone, gone.slot});
    if (was_live) core_.linker->Unlink(graph, gone.slot, links);
  }
  // The round that goes on has not looked for them.
  core_.writer.sweep = {};
  return links.status();
}

Status Writer::LinkInserts(CommitPlan& plan) {
  const std::vector<InsertRecord>& inserts = plan.record.inserts;
  if (inserts.empty()) return Status::Ok();
  const Graph graph = core_.GraphNow();
  if (ENGRAM_MUTANT(kEntryBeforeLinks) && inserts.back().level > core_.entry().level) {
    core_.PublishEntry({inserts.back().slot, inserts.back().level});
  }
  PageLinks links(core_, plan);
  std::vector<NewNode> nodes;
  for (std::size_t begin = 0; begin < inserts.size(); begin += Linker::kMostNodes) {
    nodes.clear();
    for (std::size_t i = begin; i < std::min(inserts.size(), begin + Linker::kMostNodes); ++i) {
      nodes.push_back({inserts[i].slot, plan.near[i]});
    }
    core_.linker->Link(graph, nodes, run_, links);
  }
  return links.status();
}

void Writer::TakeEntry(CommitPlan& plan) {
  const EntryPoint entry = core_.linker->entry();
  plan.record.state.entry_point = entry.slot;
  plan.record.state.top_level = entry.level;
  // Last: the node and its links are there.
  core_.PublishEntry(entry);
  // Release: pairs with the acquire of callers that search ahead.
  core_.linked.store(core_.linker->linked(), std::memory_order_release);
}

}  // namespace engram
