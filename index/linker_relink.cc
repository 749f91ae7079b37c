// New links for a node that has been in the graph for a while.
#include <algorithm>
#include <optional>

#include "index/linker.h"
#include "index/select_neighbors.h"

namespace engram {
namespace {

bool Names(const Graph& graph, SlotId base, std::uint32_t level, SlotId to) {
  bool names = false;
  graph.ForEachNeighbour(base, level, [&](SlotId neighbour) { names = names || neighbour == to; });
  return names;
}

// What `node` may link to at `level`: live ones that reach it, each once, by distance.
std::vector<Candidate> CandidatesFor(const Graph& graph, const RowScorer& scorer, SlotId node,
                                     std::uint32_t level, std::span<const Candidate> found) {
  const Row row = RowOf(graph, node);
  std::vector<Candidate> candidates;
  const auto add = [&](SlotId slot) {
    if (slot == node || !graph.Has(slot) || graph.state(slot) != SlotState::kLive) return;
    if (graph.Node(slot).level() < level) return;
    // Not as a walk computes it: copies of one vector must be told by equal distances.
    candidates.push_back({scorer.Distance(row, RowOf(graph, slot)), slot});
  };
  for (const Candidate& candidate : found) add(candidate.slot);
  graph.ForEachNeighbour(node, level, add);
  std::sort(candidates.begin(), candidates.end(), Nearer);
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  return candidates;
}

}  // namespace

FoundLevels Linker::FindFor(const Graph& graph, EntryPoint entry, const LinkerOptions& options,
                            SlotId node) {
  thread_local GraphWalker walker;
  thread_local QueryScorer query;
  const ConstNodeView view = graph.Node(node);
  query.Prepare(options.metric, view.vector());
  const std::uint32_t top = std::min<std::uint32_t>({view.level(), entry.level, kMaxLevel});
  FoundLevels levels(top + 1);
  WalkStats stats;
  std::optional<Candidate> nearest = walker.Descend(graph, query, entry, top, stats);
  const WalkFilter filter{WalkFilter::Kind::kLive, {}, true};
  for (std::uint32_t level = top + 1; nearest && level-- > 0;) {
    levels[level] =
        walker.Search(graph, query, level, options.ef_construction, *nearest, filter, {}, stats);
    if (!levels[level].empty()) nearest = levels[level].front();
  }
  return levels;
}

bool Linker::Relink(const Graph& graph, SlotId node, const FoundLevels& found, LinkSink& sink) {
  Cover(graph);
  bool changed = false;
  const std::uint32_t top = std::min<std::uint32_t>(graph.Node(node).level(), kMaxLevel);
  for (std::uint32_t level = 0; level <= top; ++level) {
    std::span<const Candidate> near;
    if (level < found.size()) near = found[level];
    changed |= RelinkAt(graph, node, level, near, sink);
  }
  return changed;
}

bool Linker::RelinkAt(const Graph& graph, SlotId node, std::uint32_t level,
                      std::span<const Candidate> found, LinkSink& sink) {
  const RowScorer scorer = Scorer(graph);
  const std::vector<Candidate> candidates = CandidatesFor(graph, scorer, node, level, found);
  const Row row = RowOf(graph, node);
  std::vector<std::uint32_t> selected;
  SelectNeighbors(graph, scorer, candidates, scorer.Distance(row, row), graph.layout().max_links(),
                  options_.keep_pruned, selected);
  std::vector<Addition> chosen;
  for (const std::uint32_t i : selected) chosen.push_back({candidates[i], false});
  if (level == 0) TieToParent(graph, node, candidates, chosen);

  bool changed = AddLinks(graph, node, level, chosen, sink);
  for (const Addition& addition : chosen) {
    const Addition back{{addition.node.distance, node}, addition.must};
    changed |= AddLinks(graph, addition.node.slot, level, {&back, 1}, sink);
  }
  return changed;
}

// As a new node, tied to the nearest that ranks above it: what was its parent so far may be far.
void Linker::TieToParent(const Graph& graph, SlotId node, std::span<const Candidate> candidates,
                         std::vector<Addition>& chosen) {
  const NodeKey key = NodeKey::Of(graph.Node(node));
  const auto above = [&](SlotId slot) { return key < NodeKey::Of(graph.Node(slot)); };
  const auto tied = std::find_if(chosen.begin(), chosen.end(), [&](const Addition& addition) {
    return above(addition.node.slot);
  });
  if (tied != chosen.end()) {
    tied->must = true;
    return;
  }
  const auto nearest =
      std::find_if(candidates.begin(), candidates.end(),
                   [&](const Candidate& candidate) { return above(candidate.slot); });
  if (nearest != candidates.end()) chosen.push_back({*nearest, true});
}

// Those of `wanted` that the list does not name yet, as links back to a new node are.
bool Linker::AddLinks(const Graph& graph, SlotId base, std::uint32_t level,
                      std::span<const Addition> wanted, LinkSink& sink) {
  std::vector<Addition> additions;
  for (const Addition& addition : wanted) {
    if (!Names(graph, base, level, addition.node.slot)) additions.push_back(addition);
  }
  if (additions.empty()) return false;
  const PlanRules rules{options_.keep_pruned, nullptr};
  ListPlan plan = PlanList(graph, Scorer(graph), base, level, additions, rules);
  return Commit(graph, plan, sink);
}

}  // namespace engram
