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

struct SearchOptions {
  // Hits wanted. Range 1 to 1,000,000; fewer come back where the store holds fewer.
  std::size_t k = 10;
  // Also bring each hit's vector or metadata. A search that does not ask does not pay.
  bool include_vector = false;
  bool include_metadata = false;
  // Search what this snapshot sees; nullptr (default): the newest acknowledged state.
  const Snapshot* snapshot = nullptr;
  // Stop looking at this moment: with hits the answer is OK and `partial`, without it is kSearchTimeout.
  std::optional<std::chrono::steady_clock::time_point> deadline;
};

struct Hit {
  PatternId id = 0;
  float distance = 0;                // by the store's metric; exact
  std::vector<float> vector;         // where asked for
  std::optional<Metadata> metadata;  // where asked for; empty map where the pattern has none
};

struct SearchResult {
  std::vector<Hit> hits;    // nearest first, ties by lower id; each pattern once
  bool partial = false;     // the deadline passed before everything was looked at
  Lsn lsn = Lsn::kNone;     // the state that was searched
  std::uint64_t compared = 0;  // vectors whose distance was computed
};

}  // namespace engram

#endif  // ENGRAM_SEARCH_H_
