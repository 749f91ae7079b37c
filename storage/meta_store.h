// The rows beside the graph, in RocksDB with its own log off: metadata, the indexes by id, time,
// type, field and expiry, times of commits and named snapshots. Our log is the truth; every family
// keeps the LSN that it holds (docs/recovery.md, "Two stores"). Leaves ordering, recovery and what
// is erased when to the engine.
// Threads: one writer (Apply, WriteMarkers, Flush, Purge by one thread each), many readers.
// Implements docs/row-format.md, "Metadata store".
#ifndef ENGRAM_STORAGE_META_STORE_H_
#define ENGRAM_STORAGE_META_STORE_H_

#include <array>
#include <bitset>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <engram/metadata.h>
#include <engram/options.h>
#include <engram/result.h>
#include <engram/types.h>

#include "storage/base/file.h"
#include "storage/base/ids.h"

namespace engram {

enum class Family : std::uint8_t {
  kMeta = 0,
  kIds = 1,
  kTime = 2,
  kType = 3,
  kField = 4,
  kState = 5
};
inline constexpr std::size_t kFamilies = 6;
using FamilySet = std::bitset<kFamilies>;
using FamilyLsns = std::array<Lsn, kFamilies>;

struct MetaStoreOptions {
  std::shared_ptr<FileSystem> file_system;
  std::string directory;
  bool read_only = false;
  // Of the store whose rows these are; unset: neither checked nor written.
  std::optional<std::uint64_t> store_id{};
  std::uint64_t buffer_bytes = 64ull << 20;  // write buffers, all families
  // Of a MANIFEST, before RocksDB begins a new one: it is read twice at open (rocksdb_manifest.h).
  std::uint64_t manifest_bytes = 4ull << 20;
  // Called before RocksDB syncs any file: makes our log durable up to what is appended. A failure
  // fails the sync. Must not wait for a thread that is inside this class.
  std::function<Status()> log_barrier;
  // Gets RocksDB's warnings and errors, from Open(), DeliverLog() and the destructor.
  LogCallback log;
};

// The rows of one version, or that it was moved: then its row in kIds alone is written anew, with
// all of slot, inserted_us, moved_from and moved_at, and nothing else.
struct RowInsert {
  PatternId id = 0;
  Lsn version = Lsn::kNone;
  SlotId slot = SlotId::kNone;
  std::int64_t timestamp_us = 0;
  TypeTag type = 0;                           // 0: no row in kType
  std::span<const std::byte> metadata{};      // encoded; empty: no row in kMeta
  std::int64_t expires_us = kNeverExpires;    // kNeverExpires: no row by it in kState
  std::optional<std::int64_t> inserted_us{};  // in the row of kIds, where the block has no place
  SlotId moved_from = SlotId::kNone;
  Lsn moved_at = Lsn::kNone;  // kNone: not moved
};

struct RowFieldKey {
  std::uint16_t field = 0;
  std::string value;  // as a sortable key (meta_keys.h)
};

struct RowErase {
  PatternId id = 0;
  Lsn version = Lsn::kNone;
  std::int64_t timestamp_us = 0;
  TypeTag type = 0;
  std::vector<RowFieldKey> fields{};
  std::int64_t expires_us = kNeverExpires;
};

// The newest commit at a time of the clock. Of two rows the later has the later commit.
struct ClockRow {
  std::int64_t clock_us = 0;
  Lsn lsn = Lsn::kNone;
  friend bool operator==(const ClockRow&, const ClockRow&) = default;
};
struct ClockErase {
  std::int64_t clock_us = 0;
};

// A snapshot that has a name, of 1 to 255 bytes.
struct SnapshotRow {
  std::string name;
  Lsn lsn = Lsn::kNone;
  std::int64_t taken_us = 0;
  friend bool operator==(const SnapshotRow&, const SnapshotRow&) = default;
};
struct SnapshotErase {
  std::string name;
};

using StateChange = std::variant<ClockRow, ClockErase, SnapshotRow, SnapshotErase>;

// Rows of one commit or of several, put together in their order. Within the batch names come first,
// then the inserts in order, then the erases, then the changes of kState in order: right for a
// version that comes, is moved and goes, since none comes again; and for a time or a name that is
// put, erased and put again.
struct RowBatch {
  std::vector<RowInsert> inserts;
  std::vector<RowErase> erases;
  std::vector<std::pair<std::uint16_t, std::string>> field_names;  // rows of kState
  std::vector<StateChange> state;
  void Clear() {
    inserts.clear();
    erases.clear();
    field_names.clear();
    state.clear();
  }
};

// One row of kIds.
struct VersionRow {
  PatternId id = 0;
  Lsn version = Lsn::kNone;
  SlotId slot = SlotId::kNone;
  std::optional<std::int64_t> inserted_us{};
  SlotId moved_from = SlotId::kNone;
  Lsn moved_at = Lsn::kNone;  // kNone: never; else its last move

  // Where the version lies for who reads the state at `at`. Pre: at most one move is later.
  SlotId SlotAt(Lsn at) const { return at < moved_at ? moved_from : slot; }
};

class MetaStore {
 public:
  // Opens, or makes, the database with all families and the store's id in it. Errors:
  // kCorruptedIndex, where it is another store's; kNotFound, where it is not complete yet, which
  // happens with read_only alone.
  static Result<std::unique_ptr<MetaStore>> Open(const MetaStoreOptions& options);
  virtual ~MetaStore() = default;

  // The LSN each family holds, kNone for a new one. Exact at open; later what was applied last.
  virtual FamilyLsns applied() const = 0;
  // The same as read back from durable state (memtables left out).
  virtual Result<FamilyLsns> DurableLsns() const = 0;

  // Adds and deletes the rows of commits up to `lsn` in one atomic batch, in the families of
  // `families` only; each of those that gets a row also gets `lsn` as its applied LSN. Field rows
  // follow from the metadata and field_names(). Errors poison nothing here: the caller decides.
  virtual Status Apply(const RowBatch& batch, Lsn lsn, FamilySet families) = 0;
  // Writes `lsn` as the applied LSN of every family. Pre: each holds all commits up to `lsn`.
  virtual Status WriteMarkers(Lsn lsn) = 0;
  // Flushes every family and waits.
  virtual Status Flush() = 0;
  // Flushes, then writes each family anew without what is deleted or overwritten, and unlinks the
  // tables that held it, those that a reader uses when it has ended. A family with nothing to leave
  // out stays as it is. Asks between families whether it is cancelled. Rows may come meanwhile;
  // what they hide then may stay. Errors: kCancelled; kNoSpace, and all goes on as before.
  virtual Status Purge(const std::function<bool()>& cancelled) = 0;
  // The same, and then closes and opens RocksDB, so that its MANIFEST, which names keys, begins
  // anew: on return no file holds a byte of a row that is gone. Readers wait while it is closed.
  // Pre: nobody adds rows meanwhile (the caller is the writer), and nobody who is inside a call
  // waits for the caller. Errors: as Purge(); where it could not be opened again, every later call
  // that needs RocksDB fails with the same error.
  virtual Status Rewrite() = 0;
  // The first flush, compaction or MANIFEST write that failed. kNoSpace stays until Resume() or
  // Flush() has repeated a flush for which there was no room (no sync had failed), and rows can be
  // added meanwhile; anything else stays, and nothing can be added.
  virtual Status BackgroundError() const = 0;
  // Asked before rows are added, and before their commit is appended to the log. Repeats a flush
  // for which there was no room, and waits while flushes and compactions are far behind: Apply()
  // never does. Errors: the background error; kNoSpace, where a compaction has no room.
  virtual Status Resume() = 0;

  // The newest version of `id` at or below `at`, dead or alive.
  virtual Result<std::optional<VersionRow>> FindVersion(PatternId id, Lsn at) const = 0;
  // Empty where there is no row.
  virtual Result<Metadata> GetMetadata(PatternId id, Lsn version) const = 0;
  virtual Result<std::vector<std::byte>> GetEncodedMetadata(PatternId id, Lsn version) const = 0;
  // The keys of the indexed fields found in encoded metadata.
  virtual Result<std::vector<RowFieldKey>> FieldKeys(std::span<const std::byte> metadata) const = 0;
  // Indexed names by number; from kState.
  virtual std::vector<std::string> field_names() const = 0;

  // Every row of kIds; for verify.
  virtual Status ForEachVersion(const std::function<Status(const VersionRow&)>& visit) const = 0;
  struct IndexRow {
    Family family = Family::kMeta;
    PatternId id = 0;
    Lsn version = Lsn::kNone;
    std::int64_t timestamp_us = 0;  // kTime, kType; in kState when it expires
    TypeTag type = 0;               // kType
  };
  // Every row of kTime and kType as (timestamp, id, version[, type]), every key of kMeta and
  // kField, and the rows of kState by expiry, its other rows being looked at only; for verify.
  virtual Status ForEachIndexRow(Family family,
                                 const std::function<Status(const IndexRow&)>& visit) const = 0;

  // False ends the walk, without an error.
  using IndexVisitor = std::function<Result<bool>(const IndexRow&)>;
  // Rows of kTime, or of `type` in kType, from `from_us` on and before `to_us` (where that is the
  // last moment there is, to the end), in order of time.
  virtual Status ForEachInTime(std::int64_t from_us, std::int64_t to_us,
                               const IndexVisitor& visit) const = 0;
  virtual Status ForEachOfType(TypeTag type, std::int64_t from_us, std::int64_t to_us,
                               const IndexVisitor& visit) const = 0;
  // Versions that expire by themselves, from `from_us` on and before `to_us`, the earliest first.
  virtual Status ForEachExpiry(std::int64_t from_us, std::int64_t to_us,
                               const IndexVisitor& visit) const = 0;

  // The newest row at `at_us` or before.
  virtual Result<std::optional<ClockRow>> FindClock(std::int64_t at_us) const = 0;
  // The row of the newest commit at or below `lsn`. Costs tens of seeks at most.
  virtual Result<std::optional<ClockRow>> FindClockOf(Lsn lsn) const = 0;
  // Rows before `to_us`, the oldest first; `visit` returns false to end the walk.
  virtual Status ForEachClock(std::int64_t to_us,
                              const std::function<Result<bool>(const ClockRow&)>& visit) const = 0;
  // By name.
  virtual Result<std::vector<SnapshotRow>> ReadSnapshots() const = 0;

  // Reads every block of every file and checks its checksum.
  virtual Status VerifyChecksums() const = 0;
  // Hands on what RocksDB has had to say, on this thread. Pre: the caller holds no lock.
  virtual void DeliverLog() = 0;
  // Bytes of write buffers and cache in memory.
  virtual std::uint64_t MemoryBytes() const = 0;
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_META_STORE_H_
