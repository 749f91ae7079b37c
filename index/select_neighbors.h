// The diversity heuristic: which of many near nodes a node links to (arXiv 1603.09320, algorithm
// 4).
// Threads: any thread. Implements docs/hnsw.md, "Choosing neighbours".
#ifndef ENGRAM_INDEX_SELECT_NEIGHBORS_H_
#define ENGRAM_INDEX_SELECT_NEIGHBORS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/graph.h"
#include "index/graph_search.h"
#include "index/metric.h"

namespace engram {

// Appends to `selected` the places in `candidates` of at most `most` that are nearer to the base
// than to any selected before; one as near to a selected as to the base, such as a second copy of
// the same vector, is left out. Copies of the base itself, which are at `self_distance`, lie
// wherever it does and say nothing of the others: one is taken, and the others are chosen as if it
// were not there. With `keep_pruned` the nearest of those left out fill up to `most`.
// Pre: `candidates` by distance from the base; graph.Has() each.
void SelectNeighbors(const Graph& graph, const RowScorer& scorer,
                     std::span<const Candidate> candidates, float self_distance, std::size_t most,
                     bool keep_pruned, std::vector<std::uint32_t>& selected);

inline Row RowOf(const Graph& graph, SlotId slot) {
  const ConstNodeView node = graph.Node(slot);
  return {node.vector().data(), node.norm()};
}

}  // namespace engram

#endif  // ENGRAM_INDEX_SELECT_NEIGHBORS_H_
