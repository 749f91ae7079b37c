// What a store's graph looks like.
// Threads: plain data.
#ifndef ENGRAM_ANALYZE_H_
#define ENGRAM_ANALYZE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include <engram/types.h>

namespace engram {

// What Store::Analyze() looks at beside the graph.
struct AnalyzeOptions {
  // Live patterns whose neighbours are searched for and compared with an exact search. Range 0
  // (none) to 100,000. Which ones, follows from the store alone.
  std::size_t sample = 100;
  // Neighbours of each, the pattern itself not counted. Range 1 to kMaxEf - 1.
  std::size_t k = 10;
  // Candidates kept by these searches, which also find the pattern itself. Range k + 1 to kMaxEf;
  // 0 (default): as for searches.
  std::size_t ef = 0;
};

// The graph at one level: the nodes whose level is at least that. Links are counted that lead to
// nodes of the state that was looked at, live or dead.
struct LevelReport {
  std::uint64_t nodes = 0;          // live
  std::uint64_t links = 0;          // from live nodes to live nodes
  std::uint64_t links_to_dead = 0;  // from live nodes
  std::uint32_t least_links = 0;    // of a live node, to live and dead ones
  std::uint32_t most_links = 0;     // likewise
};

// The whole graph, and how well searches find what is in it.
struct GraphReport {
  Lsn lsn = Lsn::kNone;             // the state that was looked at
  std::uint64_t count = 0;          // live patterns
  std::uint64_t dead = 0;           // ended ones that still lie in the graph
  std::vector<LevelReport> levels;  // from level 0 up; none without a live pattern
  // Live nodes by the number of their links at level 0, and by that of links from live nodes to
  // them: element i counts those with i links; the last one counts those with that many or more:
  std::vector<std::uint64_t> out_degrees;
  std::vector<std::uint64_t> in_degrees;
  std::uint32_t most_in_links = 0;  // the most that lead to one live node
  // Live patterns that no walk from the entry point reaches at level 0, over live and dead ones.
  std::uint64_t unreachable = 0;
  // Parts into which live nodes fall by the links among them at level 0, taken as going both ways.
  std::uint64_t components = 0;
  std::uint64_t bytes_on_disk = 0;  // as in Stats
  std::uint64_t memory_bytes = 0;   // as in Stats
  // Patterns whose neighbours were searched for; 0 where none was asked for or none has a
  // neighbour. Then the share of the true k nearest that these searches find (hits as near as the
  // k-th count), and the half-width of its 95 % confidence interval:
  std::uint64_t sampled = 0;
  double recall = 0;
  double recall_error = 0;
  // Vectors that such a search compared with, on average.
  double mean_compared = 0;
  // As in SearchResult, of these searches: then recall says nothing about the graph:
  bool exact = false;
  bool degraded = false;
};

}  // namespace engram

#endif  // ENGRAM_ANALYZE_H_
