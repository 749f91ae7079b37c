// What a search asks and what it answers.
// Threads: plain data.
#ifndef ENGRAM_SEARCH_H_
#define ENGRAM_SEARCH_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <engram/metadata.h>
#include <engram/snapshot.h>
#include <engram/types.h>

namespace engram {

// What a search asks.
struct SearchOptions {
  // Hits wanted. Range 1 to 1,000,000; fewer come back where the store holds fewer.
  std::size_t k = 10;
  // Candidates kept while the graph is walked: more find more of the true nearest and take longer.
  // Range k to kMaxEf; 0 (default): what the store was opened with, or k where that is more.
  std::size_t ef = 0;
  // Look at every pattern instead of walking the graph: the true nearest, in time that grows with
  // the store.
  bool exact = false;
  // A walk over the graph that has computed so many distances ends there: the answer is
  // `exhausted`, or kSearchTimeout where nothing was found. It may go beyond by the way down and by
  // the links of two nodes. 0 (default): no limit. Not for exact searches.
  std::uint64_t max_compared = 0;
  // Also bring each hit's vector or metadata. A search that does not ask does not pay. Default:
  // neither:
  bool include_vector = false;
  bool include_metadata = false;
  // Search what this snapshot sees; nullptr (default): the newest acknowledged state.
  const Snapshot* snapshot = nullptr;
  // Stop looking at this moment: with hits the answer is OK and `partial`, without it is
  // kSearchTimeout.
  std::optional<std::chrono::steady_clock::time_point> deadline;
};

// One pattern that a search found.
struct Hit {
  PatternId id = 0;                  // of the pattern
  float distance = 0;                // by the store's metric; exact
  std::vector<float> vector;         // where asked for
  std::optional<Metadata> metadata;  // where asked for; empty map where the pattern has none
};

// What a search found, and how it went.
struct SearchResult {
  std::vector<Hit> hits;       // nearest first, ties by lower id; each pattern once
  bool partial = false;        // the deadline passed before everything was looked at
  bool exhausted = false;      // max_compared was reached before that
  bool exact = false;          // every pattern was looked at: asked for, or cheaper than the graph
  bool degraded = false;       // exact because the graph is damaged: run `engram verify`
  Lsn lsn = Lsn::kNone;        // the state that was searched
  std::uint64_t compared = 0;  // vectors whose distance was computed
  std::uint64_t hops = 0;      // nodes of the graph whose links were followed
};

}  // namespace engram

#endif  // ENGRAM_SEARCH_H_
