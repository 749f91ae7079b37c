// The writer's part that puts the graph right while it is used: the steps of the linker's audit,
// and new links for nodes that somebody has found badly linked. Each change is a commit of its own.
#include <algorithm>
#include <optional>
#include <string>

#include "engine/writer.h"
#include "storage/base/status_macros.h"
#include "wal/record_codec.h"

namespace engram {

Result<std::optional<AuditReport>> Writer::Audit(std::size_t slots) {
  core_.writer_role.AssertHeld();
  ENGRAM_RETURN_IF_ERROR(core_.log->poisoned());
  Linker& linker = *core_.linker;
  // Only looks: where a page is bad, the round is dropped, and nothing was changed for it.
  PageErrors errors;
  const Graph graph = core_.GraphNow(errors);
  if (!linker.auditing()) linker.BeginAudit(graph);
  const AuditReport before = linker.audit_report();
  const Linker::AuditTask next = linker.Audit(graph, slots);
  const std::size_t lists =
      next == Linker::AuditTask::kMend ? linker.ListsToMend(graph) : std::size_t{0};
  if (Status trouble = core_.PageTrouble(errors); !trouble.ok()) {
    linker.EndAudit();
    return trouble;
  }
  if (next == Linker::AuditTask::kMend) ENGRAM_RETURN_IF_ERROR(MendGraph(lists));

  const AuditReport report = linker.audit_report();
  Counters& counters = core_.counters;
  counters.audited_nodes.fetch_add(report.looked_at - before.looked_at, std::memory_order_relaxed);
  counters.mended_nodes.fetch_add(report.mended - before.mended, std::memory_order_relaxed);
  if (next != Linker::AuditTask::kEnd) return std::optional<AuditReport>();
  counters.audit_rounds.fetch_add(1, std::memory_order_relaxed);
  linker.EndAudit();
  return std::optional<AuditReport>(report);
}

Status Writer::MendGraph(std::size_t lists) {
  CommitPlan plan = OwnPlan();
  const std::uint64_t most_links = core_.layout->max_links0();
  plan.most_link_bytes = lists * LinkBytes(1, most_links);
  plan.relink = [&](LinkSink& links) ENGRAM_NO_THREAD_SAFETY_ANALYSIS {
    core_.linker->Mend(core_.GraphNow(), links);
  };
  return CommitPlans({&plan, 1}, SyncMode::kNoSync);
}

// As for a new node: its own list, and those that get a link to it. It has links already.
std::uint64_t Writer::RelinkRoom(std::uint64_t level) const {
  const std::uint64_t m = core_.layout->max_links();
  const std::uint64_t m0 = core_.layout->max_links0();
  return LinkBytes(m + 1, m0) + (m + 1) * LinkBytes(1, m0) +
         level * (LinkBytes(m, m) + m * LinkBytes(1, m));
}

// A node that has ended meanwhile is left alone; its slot is not another's, since it was pinned.
Result<std::size_t> Writer::Relink(std::span<const FoundNode> nodes) {
  core_.writer_role.AssertHeld();
  ENGRAM_RETURN_IF_ERROR(core_.log->poisoned());
  CommitPlan plan = OwnPlan();
  for (const FoundNode& node : nodes) {
    plan.most_link_bytes += RelinkRoom(node.near.empty() ? 0 : node.near.size() - 1);
  }
  std::size_t changed = 0;
  plan.relink = [&](LinkSink& links) ENGRAM_NO_THREAD_SAFETY_ANALYSIS {
    const Graph graph = core_.GraphNow();
    for (const FoundNode& node : nodes) {
      if (graph.state(node.slot) != SlotState::kLive) continue;
      if (core_.linker->Relink(graph, node.slot, node.near, links)) ++changed;
    }
  };
  ENGRAM_RETURN_IF_ERROR(CommitPlans({&plan, 1}, SyncMode::kNoSync));
  return changed;
}

}  // namespace engram
