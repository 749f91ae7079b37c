// Walks over the graph: a narrow beam through the upper levels, then a best-first one (arXiv
// 1603.09320, algorithms 2 and 5).
// Leaves to others: pins, exact search, what is done with what was found.
// Threads: one thread; the graph may change meanwhile. Implements docs/hnsw.md, "Search".
#ifndef ENGRAM_INDEX_GRAPH_SEARCH_H_
#define ENGRAM_INDEX_GRAPH_SEARCH_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <engram/types.h>

#include "index/candidate_pool.h"
#include "index/graph.h"
#include "index/metric.h"
#include "index/sight.h"
#include "index/visited_set.h"

namespace engram {

struct Candidate {
  float distance = 0;
  SlotId slot = SlotId::kNone;
  friend bool operator==(const Candidate&, const Candidate&) = default;
};
// Ties by slot, so that the order hangs on nothing else.
inline bool Nearer(const Candidate& a, const Candidate& b) {
  return a.distance != b.distance ? a.distance < b.distance : a.slot < b.slot;
}

// Which nodes a walk returns; it goes over all.
struct WalkFilter {
  enum class Kind : std::uint8_t {
    kLive,     // whose slot is live: for inserts, committed or not
    kVisible,  // that `sight` sees
  };
  Kind kind = Kind::kVisible;
  Sight sight{};
  // Whether most live nodes are visible: then a node's block is looked at only when it is expanded.
  bool newest = true;
};

struct WalkLimits {
  std::optional<std::chrono::steady_clock::time_point> deadline;
  std::uint64_t max_compared = ~0ull;
};

struct WalkStats {
  std::uint64_t compared = 0;  // distances computed
  std::uint64_t hops = 0;      // nodes whose links were followed
  bool timed_out = false;      // the deadline passed before the end
  bool exhausted = false;      // max_compared was reached before the end
  bool damaged = false;        // a link led outside of the graph
  bool too_new = false;        // a node that counted turned out to be beyond the snapshot
};

// What a walk needs of memory, kept from walk to walk: a warm one allocates nothing.
class GraphWalker {
 public:
  GraphWalker() = default;

  // The nearest live node that a narrow walk from the entry point through the levels above `level`
  // finds; nullopt where the entry point is not there. Adds to `stats`.
  std::optional<Candidate> Descend(const Graph& graph, const QueryScorer& query, EntryPoint entry,
                                   std::uint32_t level, WalkStats& stats);

  // About the `ef` nearest that `filter` lets through, at `level`, walked to from `start`; by
  // distance, and valid until the next call. Adds to `stats`.
  // Pre: ef >= 1; graph.Has(start.slot).
  const std::vector<Candidate>& Search(const Graph& graph, const QueryScorer& query,
                                       std::uint32_t level, std::size_t ef, Candidate start,
                                       const WalkFilter& filter, const WalkLimits& limits,
                                       WalkStats& stats);

 private:
  class Beam;

  VisitedSet visited_;
  CandidatePool pool_;
  std::vector<SlotId> now_;
  std::vector<SlotId> next_;
  std::vector<Candidate> found_;
};

}  // namespace engram

#endif  // ENGRAM_INDEX_GRAPH_SEARCH_H_
