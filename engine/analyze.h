// What a graph looks like, and how much of the truth its searches find.
// Leaves to others: sizes of files and memory, running the searches (engine/stats.cc).
// Threads: pure functions over a graph that has one writer and many readers; RecallMeter: one
// thread.
#ifndef ENGRAM_ENGINE_ANALYZE_H_
#define ENGRAM_ENGINE_ANALYZE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include <engram/analyze.h>
#include <engram/search.h>

#include "index/graph.h"

namespace engram {

// What `at` sees of the graph: everything of a report but sizes and recall. Takes a look at each
// node, and about six bytes of memory for each. What a writer changes meanwhile may be counted or
// not. Pre: the caller has held a pin at `at` since before it took `graph` and `entry`.
GraphReport AnalyzeGraph(const Graph& graph, EntryPoint entry, Lsn at);

// Nodes that `at` sees, each as likely as the others: `wanted` of them, or all where there are not
// more. The same ones for the same graph and seed. Pre: as of AnalyzeGraph().
std::vector<SlotId> ChooseNodes(const Graph& graph, Lsn at, std::size_t wanted, std::uint64_t seed);

// Adds up what searches for stored patterns found of their true neighbours.
class RecallMeter {
 public:
  // Pre: k >= 1.
  explicit RecallMeter(std::size_t k) : k_(k) {}

  // What a search for the pattern `self` found, and what an exact one did, both nearest first and
  // of k + 1 hits where the store has so many. `self` is left out of both.
  void Add(const std::vector<Hit>& found, const std::vector<Hit>& exact, PatternId self);

  std::uint64_t searches() const { return searches_; }  // that had a neighbour to find
  double recall() const;                                // 0 where there was none
  // Half the width of its 95 % confidence interval. Neighbours of one pattern are found or missed
  // together, so it comes from how much searches differ among themselves; above 0 also where they
  // do not.
  double error() const;

 private:
  const std::size_t k_;
  std::uint64_t searches_ = 0;
  std::uint64_t neighbours_ = 0;  // to be found, by all searches
  double sum_ = 0;                // of the shares that searches found
  double sum_squares_ = 0;
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_ANALYZE_H_
