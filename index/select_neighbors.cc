#include "index/select_neighbors.h"

#include <algorithm>

namespace engram {

void SelectNeighbors(const Graph& graph, const RowScorer& scorer,
                     std::span<const Candidate> candidates, float self_distance, std::size_t most,
                     bool keep_pruned, std::vector<std::uint32_t>& selected) {
  const std::size_t before = selected.size();
  bool has_copy = false;
  std::size_t others = before;  // selected from here on are no copies of the base
  for (std::uint32_t i = 0; i < candidates.size() && selected.size() - before < most; ++i) {
    if (candidates[i].distance == self_distance) {
      if (has_copy) continue;
      has_copy = true;
      selected.insert(selected.begin() + static_cast<std::ptrdiff_t>(before), i);
      ++others;
      continue;
    }
    const Row row = RowOf(graph, candidates[i].slot);
    const bool diverse = std::all_of(selected.begin() + static_cast<std::ptrdiff_t>(others),
                                     selected.end(), [&](std::uint32_t chosen) {
                                       const Row other = RowOf(graph, candidates[chosen].slot);
                                       return scorer.Distance(row, other) > candidates[i].distance;
                                     });
    if (diverse) selected.push_back(i);
  }
  if (!keep_pruned) return;
  const std::size_t diverse_end = selected.size();
  const auto is_selected = [&](std::uint32_t i) {
    const auto end = selected.begin() + static_cast<std::ptrdiff_t>(diverse_end);
    return std::find(selected.begin() + static_cast<std::ptrdiff_t>(before), end, i) != end;
  };
  for (std::uint32_t i = 0; i < candidates.size() && selected.size() - before < most; ++i) {
    if (!is_selected(i)) selected.push_back(i);
  }
}

}  // namespace engram
