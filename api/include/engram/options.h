// How a store is made and opened. Every field states its unit, default and range.
// Threads: plain data.
#ifndef ENGRAM_OPTIONS_H_
#define ENGRAM_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <engram/export.h>
#include <engram/status.h>
#include <engram/types.h>

namespace engram {

// Called from any thread, at each write and, where patterns expire, each search; must not call the
// store.
using ClockCallback = std::function<Timestamp()>;

// How much a message matters.
enum class LogLevel : std::uint8_t {
  kInfo = 1,     // nothing to be done
  kWarning = 2,  // something works less well than asked for
  kError = 3,    // something failed
};

// Called from any thread, never with a lock of the store held; must not call the store.
using LogCallback = std::function<void(LogLevel, std::string_view message)>;

// How the pages of a store are held.
enum class Residency : std::uint8_t {
  kAuto = 0,      // kResident while they fit the memory budget, else kMapped
  kResident = 1,  // all in memory, in huge pages: the fastest search
  kMapped = 2,    // read as they are needed: opens at once, and may be larger than memory
};

// "auto", "resident", "mapped".
ENGRAM_EXPORT std::string_view ResidencyName(Residency residency);

// How a store is made and opened.
struct ENGRAM_EXPORT Options {
  // --- Fixed when the store is created; on open, checked against the store (0, empty or unset: as
  // it is there) ---

  // Components of a vector. Range 1 to kMaxDimensions; must be set to create a store.
  std::uint32_t dimensions = 0;
  // Unset (default): kL2 in a new store.
  std::optional<Metric> metric;
  // Links a node keeps above level 0 (twice as many at level 0; HNSW paper, section 4). Range kMinM
  // to kMaxM. 0 (default): kDefaultM in a new store.
  std::uint32_t m = 0;
  // Seeds level choice and everything else that is random. Stored; not checked on open.
  std::uint64_t seed = 0x656e6772616d;
  // Names of top-level metadata fields that get an index family entry. At most 64, each 1 to 255
  // bytes.
  std::vector<std::string> indexed_fields;

  // --- May differ at each open ---

  // Whether a directory without a store gets one; otherwise opening says kNotFound.
  bool create_if_missing = true;
  // Whether opening a store that is there already is an error (kAlreadyExists).
  bool error_if_exists = false;
  // Where these three are 0 (default), what was given at creation holds, and where nothing was, the
  // defaults named here. Candidates looked at while inserting. Range 1 to kMaxEf; 200.
  std::uint32_t ef_construction = 0;
  // Candidates looked at while searching, unless a search says otherwise. Range 1 to kMaxEf; 100.
  std::uint32_t ef = 0;
  // The most live patterns the store takes; then kIndexFull. Range 1 to kMostElements; that.
  std::uint64_t max_elements = 0;
  // Fill a new node's links up with near nodes that the diversity heuristic left out (HNSW paper,
  // algorithm 4, keepPrunedConnections): more links, more memory accesses a search. Default: off.
  bool keep_pruned = false;
  // What a write promises unless it says otherwise.
  Durability durability = Durability::kSync;
  // Under kInterval, the longest time an acknowledged write may be unsynced. Range 1 ms to 1 h.
  // With background_threads = 0 the sync comes with the next write after it, or with
  // Store::RunMaintenance().
  std::chrono::milliseconds sync_interval{1000};
  // Size of one log segment file, bytes. Range 64 KiB to 1 GiB.
  std::uint64_t log_segment_bytes = 64ull << 20;
  // A checkpoint starts when the log holds max(this, a quarter of the page file), bytes. Range from
  // 64 KiB.
  std::uint64_t checkpoint_log_bytes = 256ull << 20;
  // A checkpoint starts when this much of the page file is changed in memory, bytes. 0 (default):
  // no limit.
  std::uint64_t dirty_page_bytes = 0;
  // A checkpoint starts when the last is this old and something changed. 0 (default): never by
  // time.
  std::chrono::seconds checkpoint_interval{0};
  // Size of the double-write area, bytes; used when the store is created. Range 256 KiB to 4 GiB.
  std::uint64_t journal_bytes = 128ull << 20;
  // How pages are held; Stats says which way it is. kMapped needs a file system whose private
  // mappings follow the file, which opening tries: else kNotSupported, and kAuto takes kResident.
  Residency residency = Residency::kAuto;
  // Whether a mapped store catches SIGBUS, which the system sends where a page of the file cannot
  // be read any more: calls then fail with kIoError. With false the process ends, unless the host's
  // handler knows better. The handler takes what concerns stores and passes on the rest.
  bool handle_sigbus = true;
  // The most memory pages may take, bytes. 0 (default): three quarters of RAM. Resident, inserts
  // that need more are kIndexFull, and a warning comes at seven eighths. Mapped, pages that
  // were not changed are the system's and do not count; a third of the budget may be changed ones
  // before a write waits for a checkpoint. Below what the store needs at least: kInvalidArgument.
  std::uint64_t memory_budget_bytes = 0;
  // Memory of the metadata store's write buffers, all families together, bytes. Range from 1 MiB.
  std::uint64_t metadata_buffer_bytes = 16ull << 20;
  // Whether the store owns threads for its own work: 1 (default), one for interval syncs and one
  // for checkpoints and reclaiming; 0, none, and the host calls Store::RunMaintenance(). In either
  // case the metadata store has threads, shared by all stores of the process, that flush and
  // compact its files and never call the host.
  std::uint32_t background_threads = 1;
  // How much of the page file is read from the disk and checked in the background, bytes a second;
  // round after round, but none begins within a minute of the last. Default 8 MiB; 0: none is.
  // Range to 1 TiB. With background_threads = 0 it is read by Store::RunMaintenance().
  std::uint64_t scrub_bytes_per_second = 8ull << 20;
  // How long after one round of the audit another begins, which looks at every link of the graph, a
  // few nodes at a time, and mends what no search could find any more. The first one begins when
  // the store has been open so long. Range 0 (never) to 31,622,400 (366 days). With
  // background_threads = 0 it is Store::RunMaintenance() that audits.
  std::chrono::seconds audit_interval{3600};
  // Threads that one exact search, batch of searches or large insert may use, the caller's
  // included. 0 (default): one per core, at most 16, since a scan is bound by the memory's
  // bandwidth before that; with background_threads = 0 the caller's alone. Range to 256.
  std::uint32_t search_threads = 0;
  // Whether Close() makes a checkpoint, so that the next open replays nothing.
  bool checkpoint_on_close = true;
  // Refuses a store directory that others may write to.
  bool check_permissions = true;
  // How long the states of the past stay readable by Store::SnapshotAt(), microseconds; what ended
  // meanwhile keeps its place. Range 0 (default: not at all) to ten years. States of before the
  // store was opened with a history are not kept.
  std::chrono::microseconds history{0};
  // Where `history` is 0, a store that keeps states of the past gives them up. With this it goes on
  // keeping them, for up to ten years, and one that keeps none begins nothing: for programs that
  // open a store of another. Default: off.
  bool keep_history = false;
  // A snapshot that is older gives way when what it holds back is wanted: reads through it say
  // kSnapshotExpired then. Named ones do not. Microseconds; range 0 (default: never) to ten years.
  std::chrono::microseconds max_snapshot_age{0};
  // The most named snapshots; range 0 to 65,536.
  std::uint32_t max_named_snapshots = 64;
  // Patterns expire when their own time is so long ago: reads do not return them any more, and the
  // store ends them. Microseconds; range 0 (default: they do not) to a thousand years. For types
  // that max_age_by_type names, what it says counts instead:
  std::chrono::microseconds max_age{0};
  std::map<TypeTag, std::chrono::microseconds> max_age_by_type;
  // A sweep for what the dead leave begins when this time has passed since the last one, however
  // few they are. Range 1 s to a year.
  std::chrono::seconds sweep_interval{60};
  // What time it is: for the time of patterns that come without one, of commits, and for expiry.
  // Default: the system's clock.
  ClockCallback clock;
  // Gets what the store has to tell a person. Default: nobody is told.
  LogCallback log;

  // m 32, ef_construction 500, ef 500: recall first.
  static Options HighAccuracy();
  // m 8, ef_construction 50, ef 50: speed first.
  static Options HighSpeed();

  // The first field out of its range, named with what was found and what is allowed. `dimensions`
  // may be 0 here.
  Status Validate() const;
};

// What one write asks for.
struct WriteOptions {
  // Whether `durability` counts. Default: false, Options::durability does.
  bool override_durability = false;
  // What the write promises.
  Durability durability = Durability::kSync;

  // These options with a durability of their own.
  static WriteOptions With(Durability d) { return {true, d}; }
};

}  // namespace engram

#endif  // ENGRAM_OPTIONS_H_
