// Linking the worst nodes of a store's graph anew.
// Threads: plain data.
#ifndef ENGRAM_REBALANCE_H_
#define ENGRAM_REBALANCE_H_

#include <cstddef>
#include <cstdint>
#include <functional>

namespace engram {

// How far Store::Rebalance() is.
struct RebalanceProgress {
  std::uint64_t done = 0;      // nodes that were looked at, and those that were then linked anew
  std::uint64_t total = 0;     // of both; falls where fewer than allowed turn out to be bad
  std::uint64_t relinked = 0;  // whose links have changed
};

// What Store::Rebalance() does.
struct RebalanceOptions {
  // The most nodes that are linked anew, as a share of all live ones. Those that are well linked
  // are left alone, whatever it says. Range 0 to 1.
  double worst_share = 0.05;
  // Live patterns that are searched for to measure the graph before and after. Range 0 (none) to
  // 100,000. Which ones, follows from the store alone.
  std::size_t sample = 100;
  // Called every few nodes, on the caller's thread, without a lock of the store; it may call the
  // store. False ends the work with kCancelled. Default: it goes on to the end.
  std::function<bool(const RebalanceProgress&)> progress;
};

// How well a graph is linked at level 0, and how well searches find what is in it.
struct GraphHealth {
  std::uint64_t count = 0;           // live patterns
  double mean_links_out = 0;         // of a live node, to live and ended ones
  double mean_links_in = 0;          // to a live node, from live ones
  std::uint32_t least_links_in = 0;  // to one live node; 0 where there is only one
  std::uint64_t one_link_in = 0;     // live nodes that one live node links to
  std::uint64_t sampled = 0;         // patterns that were searched for
  // The share of them that a walk with few candidates (16) finds by their own vector.
  double finds_itself = 0;
  // The share of their true 10 nearest that a search finds, and the half-width of its 95 %
  // confidence interval, as in GraphReport:
  double recall = 0;
  double recall_error = 0;
};

// What became of the graph.
struct RebalanceReport {
  GraphHealth before;           // the graph as it was
  GraphHealth after;            // and as it is
  std::uint64_t looked_at = 0;  // live nodes
  std::uint64_t bad = 0;        // of them, badly linked, whether or not they were among the worst
  std::uint64_t relinked = 0;   // of these, whose links have changed
};

}  // namespace engram

#endif  // ENGRAM_REBALANCE_H_
