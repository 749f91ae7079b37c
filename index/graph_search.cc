#include "index/graph_search.h"

#include <algorithm>

#include "storage/base/test_hooks.h"
#include "storage/page_format.h"

namespace engram {
namespace {

constexpr std::uint64_t kHopsBetweenChecks = 8;

// Candidates kept on the way down. The paper keeps one, which loses whole clusters: in 30 tight
// ones of 100 each, far from each other, every search for one of them ended in another.
constexpr std::size_t kUpperWidth = 2;
// A walk comes by about this many slots for each candidate it keeps.
constexpr std::size_t kVisitedPerCandidate = 16;

float DistanceTo(const Graph& graph, const QueryScorer& query, SlotId slot) {
  const ConstNodeView node = graph.Node(slot);
  return query.Distance(node.vector().data(), query.needs_row_norm() ? node.norm() : 0);
}

}  // namespace

// One walk at one level.
class GraphWalker::Beam {
 public:
  Beam(GraphWalker& walker, const Graph& graph, const QueryScorer& query, std::uint32_t level,
       const WalkFilter& filter, WalkStats& stats)
      : walker_(walker),
        pool_(walker.pool_),
        graph_(graph),
        query_(query),
        level_(level),
        filter_(filter),
        stats_(stats) {
    const NodeLayout& layout = graph.layout();
    // Vectors begin behind the header, which is needed for its norm alone.
    prefetch_from_ = query.needs_row_norm() ? 0 : layout.vector_offset();
    const std::size_t end = layout.vector_offset() + layout.dimensions() * sizeof(float);
    prefetch_bytes_ = end - prefetch_from_;
    links_bytes_ = layout.max_links0() * sizeof(SlotId);
  }

  void Run(std::size_t ef, Candidate start, const WalkLimits& limits) {
    walker_.visited_.Reset(ef * kVisitedPerCandidate);
    pool_.Reset(ef);
    walker_.visited_.Insert(start.slot);
    Offer(start.distance, start.slot);
    // While the vectors of one node's neighbours are compared, those of the next one's are on their
    // way: which node is next is decided without the former.
    std::vector<SlotId>& now = walker_.now_;
    std::vector<SlotId>& next = walker_.next_;
    now.clear();
    while (pool_.PeekNext() != nullptr || !now.empty()) {
      if (Exceeds(limits)) return;
      next.clear();
      if (PoolEntry* entry = pool_.TakeNext()) Expand(*entry, next);
      Compare(now);
      std::swap(now, next);
    }
  }

  // Whether what counts may be returned, of an entry that was not expanded.
  bool Visible(SlotId slot) const {
    return filter_.kind == WalkFilter::Kind::kLive || filter_.sight.Sees(graph_.Node(slot));
  }

 private:
  bool Exceeds(const WalkLimits& limits) const {
    if (stats_.compared >= limits.max_compared) {
      stats_.exhausted = true;
    } else if (stats_.hops % kHopsBetweenChecks == 0 && limits.deadline &&
               std::chrono::steady_clock::now() >= *limits.deadline) {
      stats_.timed_out = true;
    }
    return stats_.exhausted || stats_.timed_out;
  }

  // Asks for the vectors of its neighbours that were not seen yet.
  void Expand(PoolEntry& entry, std::vector<SlotId>& neighbours) {
    ++stats_.hops;
    const SlotId slot = entry.slot;
    if (entry.counts && !Visible(slot)) {
      pool_.Discount(entry);
      stats_.too_new = true;
    }
    if (const PoolEntry* next = pool_.PeekNext()) PrefetchNode(next->slot);
    const ConstLinks links = graph_.LinksAt(slot, level_);
    const std::uint32_t count = links.count();
    for (std::uint32_t i = 0; i < count; ++i) {
      const SlotId to = links[i];
      if (!graph_.Has(to)) {
        stats_.damaged |= to != SlotId::kNone;
        continue;
      }
      if (!walker_.visited_.Insert(to)) continue;
      PrefetchVector(to);
      neighbours.push_back(to);
    }
    ENGRAM_SYNC_POINT("walk:links_read");
  }

  void Compare(std::span<const SlotId> slots) {
    for (std::size_t i = 0; i < slots.size(); i += kRowsTogether) {
      OfferRows(slots.subspan(i, std::min(kRowsTogether, slots.size() - i)));
    }
    stats_.compared += slots.size();
  }

  // Up to kRowsTogether: where there are fewer, the last one stands in for the rest.
  void OfferRows(std::span<const SlotId> slots) {
    const float* rows[kRowsTogether];
    float norms[kRowsTogether] = {};
    float distances[kRowsTogether];
    for (std::size_t i = 0; i < kRowsTogether; ++i) {
      const ConstNodeView node = graph_.Node(slots[std::min(i, slots.size() - 1)]);
      rows[i] = node.vector().data();
      if (query_.needs_row_norm()) norms[i] = node.norm();
    }
    query_.FourDistances(rows, norms, distances);
    for (std::size_t i = 0; i < slots.size(); ++i) Offer(distances[i], slots[i]);
  }

  void Offer(float distance, SlotId slot) {
    if (!pool_.Wants(distance)) return;
    if (pool_.Insert(distance, slot, MayCount(slot))) PrefetchNode(slot);
  }

  // What can be said of a node without its block, as far as that is worth it: the states of slots
  // are small enough to be in the cache.
  bool MayCount(SlotId slot) const {
    switch (graph_.state(slot)) {
      case SlotState::kLive:
        return filter_.newest || Visible(slot);
      case SlotState::kDead:
        return filter_.kind == WalkFilter::Kind::kVisible && Visible(slot);
      case SlotState::kFree:
        stats_.damaged = true;  // nothing leads there
        return false;
      case SlotState::kRetired:
        return false;
    }
    return false;
  }

  void PrefetchVector(SlotId slot) const {
    Prefetch(graph_.Block(slot) + prefetch_from_, prefetch_bytes_);
  }
  // What expanding a node looks at: header and links.
  void PrefetchNode(SlotId slot) const {
    const std::byte* block = graph_.Block(slot);
    __builtin_prefetch(block);
    if (level_ == 0) Prefetch(block + graph_.layout().links_offset(), links_bytes_);
  }

  GraphWalker& walker_;
  CandidatePool& pool_;
  const Graph& graph_;
  const QueryScorer& query_;
  const std::uint32_t level_;
  const WalkFilter& filter_;
  WalkStats& stats_;
  std::size_t prefetch_from_;
  std::size_t prefetch_bytes_;
  std::size_t links_bytes_;
};

std::optional<Candidate> GraphWalker::Descend(const Graph& graph, const QueryScorer& query,
                                              EntryPoint entry, std::uint32_t level,
                                              WalkStats& stats) {
  if (!graph.Has(entry.slot)) {
    stats.damaged |= entry.slot != SlotId::kNone;
    return std::nullopt;
  }
  Candidate nearest{DistanceTo(graph, query, entry.slot), entry.slot};
  ++stats.compared;
  const WalkFilter live{WalkFilter::Kind::kLive, {}, true};
  for (std::uint32_t at = entry.level; at > level; --at) {
    const std::vector<Candidate>& found =
        Search(graph, query, at, kUpperWidth, nearest, live, {}, stats);
    if (!found.empty() && found.front().distance < nearest.distance) nearest = found.front();
  }
  return nearest;
}

const std::vector<Candidate>& GraphWalker::Search(const Graph& graph, const QueryScorer& query,
                                                  std::uint32_t level, std::size_t ef,
                                                  Candidate start, const WalkFilter& filter,
                                                  const WalkLimits& limits, WalkStats& stats) {
  Beam beam(*this, graph, query, level, filter, stats);
  beam.Run(ef, start, limits);
  found_.clear();
  for (const PoolEntry& entry : pool_.entries()) {
    if (!entry.counts || (!entry.expanded && !beam.Visible(entry.slot))) continue;
    found_.push_back({entry.distance, entry.slot});
  }
  return found_;
}

}  // namespace engram
