// What a store says about itself. Threads: plain data.
#ifndef ENGRAM_STATS_H_
#define ENGRAM_STATS_H_

#include <chrono>
#include <cstdint>

#include <engram/options.h>
#include <engram/types.h>

namespace engram {

// Sizes and counters; docs/operations.md, "Monitoring", says what to do about each.
struct Stats {
  std::uint64_t count = 0;          // live patterns
  std::uint64_t dead = 0;           // ended, still seen by somebody or not yet reclaimed
  std::uint64_t free_slots = 0;     // reusable places in the page file
  std::uint32_t dimensions = 0;     // components of a vector
  Metric metric = Metric::kL2;      // of all distances
  std::uint32_t m = 0;              // links a node keeps above level 0
  Lsn last_lsn = Lsn::kNone;        // newest visible commit
  Lsn durable_lsn = Lsn::kNone;     // newest commit known to be on disk
  Lsn checkpoint_lsn = Lsn::kNone;  // the page file needs no log up to here
  std::uint64_t checkpoints = 0;    // made since the store was created
  std::uint64_t next_id = 0;    // the store would give it next; no pattern has it or a larger one
  std::uint64_t snapshots = 0;  // open in this process
  Lsn oldest_snapshot = Lsn::kNone;  // of them
  // How long the oldest of them has been open; 0 where there is none.
  std::chrono::microseconds oldest_snapshot_age{0};
  std::uint64_t named_snapshots = 0;  // there are
  // Since the oldest of these got its name, by the store's clock; 0 where there is none.
  std::chrono::microseconds oldest_named_snapshot_age{0};
  std::uint64_t expired_snapshots = 0;  // that gave way since the store was opened
  Lsn horizon = Lsn::kNone;             // states of before it may have lost what ended before it

  std::uint64_t bytes_on_disk = 0;     // all files of the store
  std::uint64_t page_file_bytes = 0;   // of them: graph.engram
  std::uint64_t journal_bytes = 0;     // graph.journal
  std::uint64_t log_bytes = 0;         // wal/
  std::uint64_t metadata_bytes = 0;    // meta/
  std::uint64_t memory_bytes = 0;      // pages and metadata buffers of this process
  std::uint64_t dirty_page_bytes = 0;  // changed since the last checkpoint

  // Since this process opened the store:
  std::uint64_t commits = 0;
  std::uint64_t log_syncs = 0;
  std::uint64_t log_bytes_written = 0;
  std::uint64_t page_bytes_written = 0;  // in place, by checkpoints
  std::uint64_t journal_bytes_written = 0;
  std::uint64_t searches = 0;
  std::uint64_t replayed_commits = 0;  // when it was opened
  std::uint64_t restored_pages = 0;    // from the journal, when it was opened
  std::uint64_t sweep_rounds = 0;      // over the graph, for the sake of the dead
  double sweep_progress = 0;           // of the round that goes on, 0 to 1; 0: none does
  std::uint64_t healed_nodes = 0;      // whose links to the dead were replaced
  std::uint64_t reclaimed = 0;         // places of dead patterns that became free
  std::uint64_t expired = 0;           // patterns that max_age or a TTL has ended
  std::uint64_t moved = 0;             // patterns that compaction gave another place

  Residency residency = Residency::kResident;  // how pages are held: kResident or kMapped

  std::uint64_t scrubbed_pages = 0;  // read from the disk and checked, in the background
  std::uint64_t scrub_rounds = 0;    // over all pages of the file
  std::uint64_t bad_pages = 0;       // found on the disk by these
  std::uint64_t healed_pages = 0;    // of them, found right when they had been written anew
  // Where the first bad page was: 1 nodes, 2 upper, 3 node slots, 4 upper slots; 0: there was none.
  std::uint32_t first_bad_segment = 0;
  std::uint32_t first_bad_page = 0;  // its number there

  std::uint64_t audit_rounds = 0;   // over all nodes of the graph, in the background
  std::uint64_t audited_nodes = 0;  // whose links were looked at by these
  std::uint64_t mended_nodes = 0;   // whose links or counts these found wrong and put right
};

}  // namespace engram

#endif  // ENGRAM_STATS_H_
