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
  // Live ones that no walk over this level's links leads to from the entry point, over live and
  // dead nodes. At level 0 that is a fault of the graph; above it only means that searches come to
  // these nodes from below.
  std::uint64_t unreached = 0;
};

// A live pattern to which many links lead.
struct HubReport {
  PatternId id = 0;            // the pattern's
  std::uint32_t in_links = 0;  // from live nodes, at level 0
  std::uint32_t level = 0;     // the highest that it reaches
};

// What the bytes of a store are for. The parts of the page file are those of the state that was
// looked at; what they leave of it are headers of pages, ends of pages, and its table.
struct SpaceReport {
  std::uint64_t page_file_bytes = 0;        // as in Stats
  std::uint64_t node_bytes = 0;             // of it: pages of headers, vectors and links of level 0
  std::uint64_t live_node_bytes = 0;        //   of these: live patterns
  std::uint64_t dead_node_bytes = 0;        //   ended ones that still lie in the graph
  std::uint64_t free_node_bytes = 0;        //   places for others, now or when readers have let go
  std::uint64_t upper_bytes = 0;            // of it: pages of links above level 0
  std::uint64_t live_upper_bytes = 0;       //   of these, as above
  std::uint64_t dead_upper_bytes = 0;       //   likewise
  std::uint64_t free_upper_bytes = 0;       //   likewise
  std::uint64_t slot_state_bytes = 0;       // of it: pages that say which places are free
  std::uint64_t journal_bytes = 0;          // as in Stats
  std::uint64_t log_bytes = 0;              // likewise
  std::uint64_t metadata_bytes = 0;         // likewise
  std::uint64_t page_memory_bytes = 0;      // pages that stay in memory
  std::uint64_t page_copy_bytes = 0;        // of a mapped store: changed pages, until a checkpoint
  std::uint64_t metadata_memory_bytes = 0;  // RocksDB's
};

// The whole graph, and how well searches find what is in it.
struct GraphReport {
  Lsn lsn = Lsn::kNone;             // the state that was looked at
  std::uint64_t count = 0;          // live patterns
  std::uint64_t dead = 0;           // ended ones that still lie in the graph
  double dead_share = 0;            // of both; range 0 to 1, 0 where there are none
  std::uint64_t free_slots = 0;     // as in Stats
  std::vector<LevelReport> levels;  // from level 0 up; none without a live pattern

  // Live nodes by the number of their links at level 0, and by that of links from live nodes to
  // them: element i counts those with i links; the last one counts those with that many or more:
  std::vector<std::uint64_t> out_degrees;
  std::vector<std::uint64_t> in_degrees;
  std::uint32_t most_in_links = 0;  // the most that lead to one live node
  // Live patterns to which one link from a live node leads, or none: the next loss of a link may
  // take them out of reach. One may be the entry point, where walks begin.
  std::uint64_t hanging = 0;
  std::vector<HubReport> hubs;  // at most 10, most links first, those with as many by lower id
  // Of the links between live nodes at level 0, the share that leads to the hundredth of live nodes
  // (rounded up) with most of them. Range 0 to 1; 0.01 where each has as many as the others, and 0
  // without links.
  double hub_share = 0;
  // Live patterns that no walk from the entry point reaches at level 0, over live and dead ones.
  std::uint64_t unreachable = 0;
  // Parts into which live nodes fall by the links among them at level 0, taken as going both ways.
  std::uint64_t components = 0;

  // Live patterns whose vector, as it is stored, has the same numbers as that of another one; 0 and
  // -0 are one number. Those beyond the first of each vector, the vectors of which there are
  // several, and the patterns of the one of which there are most (0 where each is alone):
  std::uint64_t duplicates = 0;
  std::uint64_t duplicated_vectors = 0;
  std::uint64_t largest_heap = 0;

  std::uint64_t bytes_on_disk = 0;  // as in Stats
  std::uint64_t memory_bytes = 0;   // as in Stats
  SpaceReport space;                // what both consist of

  // Live patterns whose neighbours were searched for; 0 where none was asked for or none has a
  // neighbour. Then the share of the true k nearest that these searches find (hits as near as the
  // k-th count), range 0 to 1, and its 95 % confidence interval: Wilson's, for as many trials as
  // the searches are worth by how they differ among themselves:
  std::uint64_t sampled = 0;
  double recall = 0;
  double recall_low = 0;
  double recall_high = 0;
  double recall_error = 0;  // the distance from `recall` to the farther end
  // Vectors that such a search compared with, on average.
  double mean_compared = 0;
  // As in SearchResult, of these searches: then recall says nothing about the graph:
  bool exact = false;
  bool degraded = false;
};

}  // namespace engram

#endif  // ENGRAM_ANALYZE_H_
