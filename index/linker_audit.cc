// The linker's look at its own graph, a few slots at a time while commits go on: first at every
// list, what it leads to and whose parent its node is; then at the counts of parents; then at the
// nodes that have none.
#include <algorithm>
#include <utility>

#include "index/linker.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

constexpr std::uint32_t kMostMended = 16;  // slots whose lists are mended in one commit
constexpr std::size_t kMostAdopted = 8;    // orphans, likewise
// A parent changes one list, and as a rule no more than another one beside it.
constexpr std::size_t kListsOfOrphan = 2;

bool HoldsNode(const Graph& graph, SlotId slot) {
  const SlotState state = graph.state(slot);
  return state == SlotState::kLive || state == SlotState::kDead;
}

// Nodes on pages that cannot be read look empty, and are left alone.
bool IsReadable(const Graph& graph, SlotId slot) {
  return HoldsNode(graph, slot) && graph.Node(slot).id() != 0;
}

std::uint32_t TopOf(const Graph& graph, SlotId slot) {
  return std::min<std::uint32_t>(graph.Node(slot).level(), kMaxLevel);
}

// What must change so that the list says nothing that cannot be (I9).
struct ListFault {
  ListChange change;  // clears alone
  // Of the links that go, those that lead to where another one leads.
  std::vector<SlotId> twice;
  bool miscounted = false;  // the block says that it has another number of links
  bool empty() const { return change.empty() && !miscounted; }
};

// Whether a list of `slot` may name `to` at all.
bool MayLink(const Graph& graph, SlotId slot, std::uint32_t level, SlotId to) {
  if (to == slot || !graph.Has(to) || !HoldsNode(graph, to)) return false;
  return level == 0 || graph.Node(to).level() >= level;
}

ListFault FindFault(const Graph& graph, SlotId slot, std::uint32_t level) {
  const ConstLinks links = graph.LinksAt(slot, level);
  const std::uint32_t count = links.count();
  ListFault fault;
  std::vector<std::pair<SlotId, std::uint8_t>> good;
  good.reserve(count);
  for (std::uint32_t i = 0; i < links.capacity(); ++i) {
    if (links[i] == SlotId::kNone) continue;
    const auto position = static_cast<std::uint8_t>(i);
    if (i < count && MayLink(graph, slot, level, links[i])) {
      good.emplace_back(links[i], position);
    } else {
      fault.change.clears.push_back(position);
    }
  }
  std::sort(good.begin(), good.end());
  for (std::size_t i = 0; i < good.size(); ++i) {
    const auto& [to, position] = good[i];
    if (i > 0 && good[i - 1].first == to) {
      fault.change.clears.push_back(position);
      fault.twice.push_back(to);
    } else {
      fault.change.count = std::max(fault.change.count, position + 1u);
    }
  }
  fault.miscounted = links.said() != fault.change.count;
  return fault;
}

std::size_t CountFaults(const Graph& graph, SlotId slot) {
  std::size_t faults = 0;
  for (std::uint32_t level = 0; level <= TopOf(graph, slot); ++level) {
    if (!FindFault(graph, slot, level).empty()) ++faults;
  }
  return faults;
}

}  // namespace

void Linker::BeginAudit(const Graph& graph) {
  Cover(graph);
  audit_ = std::make_unique<AuditRound>();
  audit_->end = graph.node_limit();
  audit_->counted.assign(parents_.size(), 0);
}

Linker::AuditTask Linker::Audit(const Graph& graph, std::size_t slots) {
  Cover(graph);
  if (audit_->next < audit_->end) return LookForBadLinks(graph, slots);
  if (audit_->compared < audit_->counted.size()) return CompareCounts(graph, slots);
  return audit_->orphans.empty() ? AuditTask::kEnd : AuditTask::kMend;
}

// --- Lists ---

Linker::AuditTask Linker::LookForBadLinks(const Graph& graph, std::size_t slots) {
  AuditRound& round = *audit_;
  for (; slots > 0 && round.next < round.end; --slots) {
    const auto slot = static_cast<SlotId>(round.next);
    if (IsReadable(graph, slot) && CountFaults(graph, slot) > 0) {
      round.sick_end = round.next + std::min(kMostMended, round.end - round.next);
      return AuditTask::kMend;
    }
    PassSlot(graph, slot);
  }
  return AuditTask::kLook;
}

// The list at level 0 is right: from now on what changes in it is counted.
void Linker::PassSlot(const Graph& graph, SlotId slot) {
  AuditRound& round = *audit_;
  ++round.next;
  if (!HoldsNode(graph, slot)) return;
  ++round.report.looked_at;
  if (graph.state(slot) != SlotState::kLive) return;
  const NodeKey key = NodeKey::Of(graph.Node(slot));
  graph.ForEachNeighbour(slot, 0, [&](SlotId to) { __builtin_prefetch(graph.Block(to)); });
  graph.ForEachNeighbour(slot, 0, [&](SlotId to) {
    if (graph.state(to) != SlotState::kLive) return;
    if (NodeKey::Of(graph.Node(to)) < key) ++round.parents(to);
  });
}

std::size_t Linker::ListsToMend(const Graph& graph) const {
  const AuditRound& round = *audit_;
  if (round.next == round.end) {
    return kListsOfOrphan * std::min(kMostAdopted, round.orphans.size());
  }
  std::size_t lists = 0;
  for (std::uint32_t i = round.next; i < round.sick_end; ++i) {
    const auto slot = static_cast<SlotId>(i);
    if (IsReadable(graph, slot)) lists += CountFaults(graph, slot);
  }
  return lists;
}

void Linker::Mend(const Graph& graph, LinkSink& sink) {
  Cover(graph);
  if (audit_->next < audit_->end) {
    MendLists(graph, sink);
  } else {
    MendOrphans(graph, sink);
  }
}

void Linker::MendLists(const Graph& graph, LinkSink& sink) {
  AuditRound& round = *audit_;
  while (round.next < round.sick_end) {
    const auto slot = static_cast<SlotId>(round.next);
    bool mended = false;
    if (IsReadable(graph, slot)) {
      for (std::uint32_t level = 0; level <= TopOf(graph, slot); ++level) {
        mended |= MendList(graph, slot, level, sink);
      }
    }
    round.report.mended += mended ? 1 : 0;
    PassSlot(graph, slot);
  }
}

bool Linker::MendList(const Graph& graph, SlotId slot, std::uint32_t level, LinkSink& sink) {
  const ListFault fault = FindFault(graph, slot, level);
  if (fault.empty()) return false;
  audit_->report.links += fault.change.clears.size();
  sink.SetLinks(slot, level, fault.change);
  if (level > 0 || graph.state(slot) != SlotState::kLive) return true;
  // They may have been counted. One too few does no harm until the counts are compared.
  const NodeKey key = NodeKey::Of(graph.Node(slot));
  for (const SlotId to : fault.twice) {
    if (graph.state(to) == SlotState::kLive && NodeKey::Of(graph.Node(to)) < key) DropParent(to);
  }
  return true;
}

// --- Counts ---

Linker::AuditTask Linker::CompareCounts(const Graph& graph, std::size_t slots) {
  AuditRound& round = *audit_;
  for (; slots > 0 && round.compared < round.counted.size(); --slots) {
    const auto slot = static_cast<SlotId>(round.compared++);
    if (graph.state(slot) != SlotState::kLive) continue;
    const std::uint32_t counted = round.parents(slot);
    const bool wrong = parents(slot) != counted;
    const bool orphan = counted == 0 && slot != entry_.slot;
    if (wrong) ++round.report.counts;
    if (wrong || orphan) ++round.report.mended;
    parents(slot) = counted;
    if (orphan) AddOrphan(slot);
  }
  return AuditTask::kLook;
}

// --- Nodes without a parent ---

// From the highest rank down: whatever ranks above the next one has a parent by then, so that
// Adopt() finds one for it. The highest node of all has none, and becomes the entry point.
void Linker::MendOrphans(const Graph& graph, LinkSink& sink) {
  AuditRound& round = *audit_;
  for (std::size_t i = 0; i < kMostAdopted && !round.orphans.empty(); ++i) {
    if (!round.ordered) {
      std::sort(round.orphans.begin(), round.orphans.end(), [&](SlotId a, SlotId b) {
        return NodeKey::Of(graph.Node(a)) < NodeKey::Of(graph.Node(b));
      });
      round.ordered = true;
    }
    const SlotId orphan = round.orphans.back();
    round.orphans.pop_back();
    if (graph.state(orphan) != SlotState::kLive || parents(orphan) > 0 || orphan == entry_.slot) {
      continue;
    }
    const std::size_t others = round.orphans.size();
    Adopt(graph, orphan, sink);
    if (parents(orphan) > 0) ++round.report.adopted;
    // One that finds none is for the next round; else this one would not end.
    if (parents(orphan) == 0 && orphan != entry_.slot) round.orphans.resize(others);
  }
}

}  // namespace engram
