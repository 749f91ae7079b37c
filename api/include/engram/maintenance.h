// What keeps a store as good as new: erasing by what patterns are, expiry, compaction, erasing for
// ever.
// Threads: plain data.
#ifndef ENGRAM_MAINTENANCE_H_
#define ENGRAM_MAINTENANCE_H_

#include <cstdint>
#include <functional>
#include <optional>

#include <engram/types.h>

namespace engram {

// Which patterns are meant: those for which everything that is set holds.
struct PatternFilter {
  std::optional<TypeTag> type;      // of that type; 0: of none
  std::optional<Timestamp> from;    // whose own time is at or after it
  std::optional<Timestamp> before;  // whose own time is before it
};

// How far Store::Compact() is.
struct CompactProgress {
  // What it does now; each once, in this order, but for the first two, which may come again.
  enum class Phase : std::uint8_t {
    kSweeping = 1,   // dead patterns are taken out of the graph
    kMoving = 2,     // patterns of the last pages move to free places
    kReturning = 3,  // pages at the end go back to the file system
    kMetadata = 4,   // the metadata store is compacted
  };
  Phase phase = Phase::kSweeping;  // what it does now
  std::uint64_t done = 0;          // of `total`: slots looked at, patterns moved, pages, families
  std::uint64_t total = 0;         // as is known by now
};

// How Store::Compact() goes about it.
struct CompactOptions {
  // Called between steps, on the caller's thread, without a lock that reads and writes take; it may
  // call the store, but for Compact(), EraseForever() and Close(). False cancels. Default: nobody
  // asks.
  std::function<bool(const CompactProgress&)> progress;
  // Whether the metadata store is compacted too. Default: it is.
  bool metadata = true;
};

// What Store::Compact() did.
struct CompactReport {
  std::uint64_t moved = 0;         // patterns that got another place
  std::uint64_t reclaimed = 0;     // dead patterns whose place became free
  std::uint64_t bytes_before = 0;  // of all files of the store, as in Stats::bytes_on_disk
  std::uint64_t bytes_after = 0;   // likewise
  // Dead patterns that snapshots, history or running reads still see, and that stay for these.
  std::uint64_t held = 0;
  // Whether inserts that went on meanwhile needed places that were to go: call again.
  bool gave_way = false;
};

// Ids from the first to the last, both included. No pattern need have each of them.
struct IdRange {
  PatternId first = 0;  // 1 or more
  PatternId last = 0;   // not below the first
};

// What Store::EraseForever() did.
struct EraseForeverReport {
  std::uint64_t patterns = 0;        // that were in the store and ended
  std::uint64_t versions = 0;        // blocks that held a version of one, live, dead or free
  std::uint64_t log_bytes = 0;       // of log segments that were removed
  std::uint64_t journal_bytes = 0;   // that were written anew
  std::uint64_t metadata_bytes = 0;  // of the metadata store, all of it written anew
};

}  // namespace engram

#endif  // ENGRAM_MAINTENANCE_H_
