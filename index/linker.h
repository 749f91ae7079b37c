// The writer's half of the graph: links new nodes (arXiv 1603.09320, algorithm 1), unlinks ended
// ones, heals lists around dead ones. Decides; a LinkSink changes the lists. Keeps every live node
// reachable from the entry point over live nodes (docs/hnsw.md, "Reachability"): the entry point is
// the live node of the highest rank (index/node_key.h), and every other live node has a link at
// level 0 from a live node that ranks above it.
// Leaves to others: writing blocks, slot states, logging, threads.
// Threads: the holder of the writer role; steps of Link() run on the threads it is given, while
// readers walk.
#ifndef ENGRAM_INDEX_LINKER_H_
#define ENGRAM_INDEX_LINKER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <engram/status.h>
#include <engram/types.h>

#include "index/audit_round.h"
#include "index/graph.h"
#include "index/graph_search.h"
#include "index/metric.h"
#include "index/neighbor_list.h"
#include "index/node_key.h"
#include "storage/base/ids.h"
#include "storage/base/test_hooks.h"

namespace engram {

struct LinkerOptions {
  Metric metric = Metric::kL2;
  std::uint32_t ef_construction = 200;
  // Fill lists up with near nodes that the heuristic left out (algorithm 4, keepPrunedConnections).
  bool keep_pruned = false;
};

// Near nodes found ahead of linking.
struct FoundNear {
  std::vector<Candidate> nodes;  // at level 0, by distance; slots pinned since they were found
  std::uint64_t linked = 0;      // Linker::linked() before the search began
};

struct NewNode {
  SlotId slot = SlotId::kNone;      // block and upper blocks written, slot live, no links
  const FoundNear* near = nullptr;  // nullptr: searched for here
};

// Near nodes for one that is in the graph already, at each of its levels from 0 up, by distance.
using FoundLevels = std::vector<std::vector<Candidate>>;

// Runs body(0) to body(tasks - 1) and returns when all are done.
using RunTasks =
    std::function<void(std::size_t tasks, const std::function<void(std::size_t)>& body)>;

class Linker {
 public:
  explicit Linker(const LinkerOptions& options) : options_(options) {}

  // Counts what the lists say, after opening. `slots` were used so far. Errors: kCorruptedIndex
  // where the rule above does not hold, on which everything else here rests.
  // Pre, of this and Restore(): no slot from `slots` on is live; `entry` is live, or kNone where no
  // slot is.
  Status Rebuild(const Graph& graph, std::uint32_t slots, EntryPoint entry);
  // Takes what ParentCounts() said when this graph was closed, without a look at its lists. False,
  // with nothing changed, where that cannot be: a count for each of the slots, 0 of the entry point
  // and of what is not live, else at least 1. Counts that could be and are wrong, as links that
  // were changed behind the linker's back, cost reachability until a round of the audit; nothing is
  // read or written outside of the graph for them.
  bool Restore(const Graph& graph, std::span<const std::uint32_t> counts, EntryPoint entry);
  // What is known of the first `slots`, as Rebuild() would count it.
  std::vector<std::uint32_t> ParentCounts(const Graph& graph, std::uint32_t slots) const;

  // Where walks begin; kNone where no node is live.
  EntryPoint entry() const { return entry_; }
  // Nodes linked so far.
  std::uint64_t linked() const { return linked_; }
  const LinkerOptions& options() const { return options_; }

  // The most nodes one Link() takes: it compares each with each.
  static constexpr std::size_t kMostNodes = 512;

  // Links `nodes`, of one commit, in order. The same graph, nodes and found candidates give the
  // same links, whatever `run` does.
  void Link(const Graph& graph, std::span<const NewNode> nodes, const RunTasks& run,
            LinkSink& sink);

  // The node's slot has just become dead: finds parents for those that have none left, and a new
  // entry point where it was that.
  void Unlink(const Graph& graph, SlotId dead, LinkSink& sink);

  // Takes links to doomed nodes out of the lists of `slot`, at all levels, and puts the best of the
  // doomed ones' neighbours in. Whether a list changed. Pre: doomed nodes are dead, and so is
  // whatever stays one.
  bool Heal(const Graph& graph, SlotId slot, const std::function<bool(SlotId)>& doomed,
            LinkSink& sink);

  // The slot is retired: nothing leads to it, and a new node may take it.
  void Forget(SlotId slot) { std::replace(recent_.begin(), recent_.end(), slot, SlotId::kNone); }

  // --- linker_relink.cc ---

  // Looks for them as for an insert. Any thread; keeps the slots only as long as the caller's pin.
  // Pre: graph.Has(node).
  static FoundLevels FindFor(const Graph& graph, EntryPoint entry, const LinkerOptions& options,
                             SlotId node);
  // Chooses links for a node that is in the graph as for one that is new: from `found` and what it
  // links to, a link back from each. What it links to stays while there is room. Whether a list
  // changed. Pre: it is live.
  bool Relink(const Graph& graph, SlotId node, const FoundLevels& found, LinkSink& sink);

  // --- linker_audit.cc: docs/hnsw.md, "Audit" ---

  // What is next in a round.
  enum class AuditTask : std::uint8_t { kLook, kMend, kEnd };
  bool auditing() const { return audit_ != nullptr; }
  // Begins a round: 4 bytes a slot until it ends. Pre: none is on its way.
  void BeginAudit(const Graph& graph);
  // Looks at about `slots` slots, as far as no list has to change. The caller drops the round
  // where a page was bad. Pre, of all but the first two: a round is on its way.
  AuditTask Audit(const Graph& graph, std::size_t slots);
  // What Mend() takes in the log as a rule, where that is next: so many lists.
  std::size_t ListsToMend(const Graph& graph) const;
  // Puts right what Audit() stopped at. Whatever it looks at, that has looked at before.
  void Mend(const Graph& graph, LinkSink& sink);
  const AuditReport& audit_report() const { return audit_->report; }
  void EndAudit() { audit_.reset(); }

 private:
  class Batch;

  RowScorer Scorer(const Graph& graph) const {
    return {options_.metric, graph.layout().dimensions()};
  }
  // Pre: the slot has memory in the graph that was covered.
  std::uint32_t& parents(SlotId slot) { return parents_[static_cast<std::uint32_t>(slot)]; }
  // A count for each slot that a link may lead to.
  void Cover(const Graph& graph) {
    if (parents_.size() >= graph.node_limit()) return;
    parents_.resize(graph.node_limit());
    if (audit_) audit_->counted.resize(graph.node_limit());
  }
  // One parent less; whether there is none now. A count from a file may have been too low.
  bool DropParent(SlotId slot) { return OneLess(parents(slot)); }
  static bool OneLess(std::uint32_t& count) {
    count -= count > 0 ? 1 : 0;
    return count == 0;
  }
  // A link from `base`, which is live, to `slot`, which ranks below it, has come or is gone.
  void CountLink(SlotId base, SlotId slot) {
    ++parents(slot);
    if (audit_ && audit_->Counts(base) && !ENGRAM_MUTANT(kChangeNotAudited)) {
      ++audit_->parents(slot);
    }
  }
  bool UncountLink(SlotId base, SlotId slot) {
    if (audit_ && audit_->Counts(base)) OneLess(audit_->parents(slot));
    return DropParent(slot);
  }

  // Makes `plan` so: keeps whoever has no other parent, drops the rest as far as there is no room.
  // Whether the list changed.
  bool Commit(const Graph& graph, ListPlan& plan, LinkSink& sink);
  void FitIntoList(const Graph& graph, ListPlan& plan);
  bool HasOnlyThisParent(const Member& member) {
    return member.lower && member.live && member.position != Member::kNoPosition &&
           parents(member.slot) <= 1 && !ENGRAM_MUTANT(kParentNotKept);
  }

  // Gives `node` a live parent. Pre: it is live and not the entry point.
  void Adopt(const Graph& graph, SlotId node, LinkSink& sink);
  // How many of a list's links may be there for somebody's sake rather than for the search's.
  enum class Share : std::uint8_t { kHalf, kAll };
  static std::size_t MostNeeded(std::size_t capacity, Share share) {
    return share == Share::kAll ? capacity : capacity / 2 + 1;
  }
  bool IsEntryAbove(const Graph& graph, const NodeKey& key) const;
  void TakeForEntry(const Graph& graph, SlotId node, LinkSink& sink);
  bool AdoptFrom(const Graph& graph, std::span<const SlotId> parents, SlotId node, Share share,
                 LinkSink& sink);
  bool TryParent(const Graph& graph, SlotId parent, SlotId node, Share share, LinkSink& sink);
  bool PutBetween(const Graph& graph, SlotId parent, SlotId node, LinkSink& sink);
  void ReplaceEntry(const Graph& graph, SlotId dead);
  std::vector<Candidate> LiveBeyond(const Graph& graph, SlotId base, std::span<const SlotId> from,
                                    std::uint32_t level,
                                    const std::function<bool(SlotId)>& doomed) const;
  void KeepWayUp(const Graph& graph, SlotId slot, std::span<const SlotId> present,
                 const std::function<bool(SlotId)>& doomed, std::vector<Addition>& additions) const;

  // linker_relink.cc
  bool RelinkAt(const Graph& graph, SlotId node, std::uint32_t level,
                std::span<const Candidate> found, LinkSink& sink);
  static void TieToParent(const Graph& graph, SlotId node, std::span<const Candidate> candidates,
                          std::vector<Addition>& chosen);
  bool AddLinks(const Graph& graph, SlotId base, std::uint32_t level,
                std::span<const Addition> wanted, LinkSink& sink);

  // linker_audit.cc
  AuditTask LookForBadLinks(const Graph& graph, std::size_t slots);
  AuditTask CompareCounts(const Graph& graph, std::size_t slots);
  void PassSlot(const Graph& graph, SlotId slot);
  void MendLists(const Graph& graph, LinkSink& sink);
  bool MendList(const Graph& graph, SlotId slot, std::uint32_t level, LinkSink& sink);
  void MendOrphans(const Graph& graph, LinkSink& sink);
  void AddOrphan(SlotId node) {
    audit_->orphans.push_back(node);
    audit_->ordered = false;
  }

  LinkerOptions options_;
  EntryPoint entry_;
  // Of each live slot: how many live nodes that rank above it link to it at level 0. For every slot
  // that has memory, so that no link, whatever it says, leads outside.
  std::vector<std::uint32_t> parents_;
  // The slots linked last, the newest at the end: a search that began before may have missed them.
  std::deque<SlotId> recent_;
  std::uint64_t linked_ = 0;
  std::unique_ptr<AuditRound> audit_;  // nullptr: none is on its way
};

}  // namespace engram

#endif  // ENGRAM_INDEX_LINKER_H_
