// A durable memory of patterns: vectors with metadata and a time, in one directory of one machine.
#ifndef ENGRAM_STORE_H_
#define ENGRAM_STORE_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <engram/analyze.h>
#include <engram/export.h>
#include <engram/maintenance.h>
#include <engram/metadata.h>
#include <engram/options.h>
#include <engram/rebalance.h>
#include <engram/result.h>
#include <engram/search.h>
#include <engram/snapshot.h>
#include <engram/stats.h>
#include <engram/status.h>
#include <engram/types.h>
#include <engram/write_batch.h>

namespace engram {

class StoreImpl;

// One pattern as it is stored.
struct Pattern {
  PatternId id = 0;           // never 0
  std::vector<float> vector;  // `dimensions` components as they were given; empty if not asked for
  Metadata metadata;          // empty if there is none, or it was not asked for
  Timestamp timestamp;        // its own time
  Timestamp inserted_at;      // when this version was written; never less than an earlier commit's
  TypeTag type = 0;           // 0: none
  Lsn version = Lsn::kNone;   // the commit that wrote this version
  std::optional<Timestamp> expires_at;  // by NewPattern::ttl; unset: not by itself
};

// What a batch of changes became.
struct CommitResult {
  Lsn lsn = Lsn::kNone;  // its commit
  // The id of each Insert of the batch, in its order.
  std::vector<PatternId> ids;
};

// What became of the patterns of InsertBatch().
struct BatchResult {
  // A pattern that was not stored.
  struct Failure {
    std::size_t position = 0;  // in the span that was passed
    Status status;             // why
  };
  std::vector<PatternId> ids;     // by position; 0 where it was not stored
  std::vector<Failure> failures;  // one for each that was not stored, by position
  Lsn lsn = Lsn::kNone;           // the last commit
};

// What a read of patterns brings, and of which state.
struct GetOptions {
  bool include_vector = true;          // Pattern::vector
  bool include_metadata = true;        // Pattern::metadata
  const Snapshot* snapshot = nullptr;  // nullptr: the newest acknowledged state
};

// The handle of an open store. One process has a store open for writing at a time.
// Errors common to all calls: kReadOnly after a failed write or sync (reads go on), kNotSupported
// in a forked child, kInvalidArgument after Close() and on a store that was moved from. No
// exception leaves a call; one thrown by a callback ends the process. Threads: any thread, except
// Close() and the destructor, which must be the last call.
class ENGRAM_EXPORT Store {
 public:
  // Opens the store in `directory`, or makes one where Options::create_if_missing; making one also
  // reads and syncs the directory above. Errors: kNotFound (no store there), kAlreadyExists, kBusy
  // (another process has it), kInvalidArgument (an option), kDimensionMismatch, kNotSupported
  // (format version or feature), kCorruptedIndex, kNoSpace, kIoError.
  static Result<Store> Open(const std::string& directory, const Options& options) noexcept;

  // Opens for reading, together with other readers, without writing a byte. Refuses a store that
  // was not closed cleanly (kNotSupported: open it for writing once).
  static Result<Store> OpenReadOnly(const std::string& directory,
                                    const Options& options = {}) noexcept;

  // What was moved from refuses every call (kInvalidArgument):
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  // Closes where Close() was not called; failures go to the log callback.
  ~Store();

  // Adds one pattern and returns its id once it is as durable as asked.
  // Errors: kDimensionMismatch, kInvalidVector, kInvalidArgument (metadata), kAlreadyExists (id),
  // kIndexFull, kNoSpace; nothing is changed by any of them.
  Result<PatternId> Insert(const NewPattern& pattern, const WriteOptions& options = {}) noexcept;

  // Adds the good ones of many patterns in order, in atomic sub-batches of at most 1,000 patterns
  // and about 4 MiB; each bad one gets its own Status. Where the store fails on the way (kNoSpace,
  // kReadOnly), what was stored stays stored, and every pattern from there on gets the store's
  // Status. The call itself fails only where it tried nothing: kReadOnly, kInvalidArgument
  // (options), kNotSupported.
  Result<BatchResult> InsertBatch(std::span<const NewPattern> patterns,
                                  const WriteOptions& options = {}) noexcept;

  // Replaces what `change` sets in the newest version of `id`. Errors: as Insert, and kNotFound.
  Status Update(PatternId id, const PatternChange& change,
                const WriteOptions& options = {}) noexcept;

  // Ends the pattern. Errors: kNotFound.
  Status Erase(PatternId id, const WriteOptions& options = {}) noexcept;

  // All of the batch or nothing. Errors: as the single calls; the message names the operation's
  // position.
  Result<CommitResult> Write(const WriteBatch& batch, const WriteOptions& options = {}) noexcept;

  // Ends the patterns that `filter` means when the call begins and still means when it is
  // committed, all in one commit; returns how many. For many of them PruneBefore() is kinder to
  // other writers, who wait meanwhile. Errors: kInvalidArgument for a filter with nothing set.
  Result<std::uint64_t> EraseMatching(const PatternFilter& filter,
                                      const WriteOptions& options = {}) noexcept;

  // Ends all patterns whose own time is before `time`, in commits of at most some hundreds, between
  // which other writers go on; returns how many. What failed on the way keeps what was done.
  // Errors: kInvalidArgument where `time` is later than now.
  Result<std::uint64_t> PruneBefore(Timestamp time, const WriteOptions& options = {}) noexcept;

  // Ends the patterns with these ids, takes their versions out of all snapshots and of the past,
  // and returns when no file of the store holds the bytes of their vectors and metadata any more:
  // blocks are zeroed, the page file is brought up to date, the journal and the metadata store are
  // written anew, log segments are removed. Ids whose pattern was erased before are welcome, since
  // its bytes may still be there. Waits for running reads, and takes as long as the metadata store
  // is large. What is outside of the store's directory, backups and what the host kept, is the
  // caller's. After a failure or a crash call it again with the same ids. Errors: kInvalidArgument
  // (no id), kNotFound (one that was never given; nothing is changed), kBusy (a read went on for 10
  // seconds; nobody sees the patterns any more, but bytes are left), kNoSpace, kIoError.
  Result<EraseForeverReport> EraseForever(std::span<const PatternId> ids) noexcept;
  // The same for all ids within these ranges that were given by now, however long the ranges are.
  // One of more than one id may have holes, and end behind the last id that was given. Errors:
  // kInvalidArgument (no range, one that begins with 0 or ends before it begins), kNotFound (one
  // that begins behind the last id that was given; nothing is changed), kBusy, kNoSpace, kIoError.
  Result<EraseForeverReport> EraseForever(std::span<const IdRange> ranges) noexcept;

  // Gives back what erased patterns have left: takes the dead out of the graph, moves patterns from
  // the last pages into free places, returns the pages at the end to the file system, and compacts
  // the metadata store. Readers and writers go on. Errors: kCancelled (by options.progress),
  // kNoSpace, kIoError; what was done by then stays done, and the store is as usable as before.
  Result<CompactReport> Compact(const CompactOptions& options = {}) noexcept;

  // The pattern with that id, as the snapshot sees it. Errors: kNotFound, kSnapshotExpired,
  // kCorruptedIndex, kIoError.
  Result<Pattern> Get(PatternId id, const GetOptions& options = {}) const noexcept;
  // Whether there is such a pattern. Errors: kSnapshotExpired, kIoError.
  Result<bool> Contains(PatternId id, const Snapshot* snapshot = nullptr) const noexcept;

  // Calls `visit` for each pattern of one state, in no particular order, until it returns false.
  // Errors: kSnapshotExpired, kCorruptedIndex, kIoError.
  Status ForEach(const std::function<bool(const Pattern&)>& visit,
                 const GetOptions& options = {}) const noexcept;

  // The k stored patterns nearest to `query`, found by a walk over the graph (HNSW,
  // arXiv 1603.09320, algorithm 5) that may miss some; SearchOptions::ef trades time for that.
  // Distances are exact. Small stores are looked through whole.
  // Errors: kDimensionMismatch, kInvalidVector, kInvalidArgument (k, ef), kEmptyIndex,
  // kSearchTimeout, kSnapshotExpired, kIoError.
  Result<SearchResult> Search(VectorView query, const SearchOptions& options = {}) const noexcept;

  // Many searches of one state, on as many threads as Options::search_threads says. One result a
  // query, in their order, each as Search() would have it.
  std::vector<Result<SearchResult>> SearchBatch(std::span<const VectorView> queries,
                                                const SearchOptions& options = {}) const noexcept;

  // Looks at the whole graph; takes about as long as an exact search, and the sample's searches,
  // and 16 bytes of memory a pattern meanwhile. Writers and readers go on; what they change
  // meanwhile may be counted or not.
  // Errors: kInvalidArgument (options), kCorruptedIndex, kIoError.
  Result<GraphReport> Analyze(const AnalyzeOptions& options = {}) const noexcept;

  // Links the worst nodes of the graph anew: those that walks for their own vector do not find, and
  // those with few links to them or from them. For after large deletions, and where Analyze() says
  // that recall has fallen. Looks at every node, on this thread, then commits a few at a time;
  // writers and readers go on. Safe to break off at any time: what was linked anew stays so.
  // Errors: kInvalidArgument (options), kCancelled (RebalanceOptions::progress said so), kNoSpace,
  // kIoError.
  Result<RebalanceReport> Rebalance(const RebalanceOptions& options = {}) noexcept;

  // The newest acknowledged state, kept readable. Costs the space of what ends meanwhile. Takes no
  // lock: well below a microsecond.
  Result<Snapshot> GetSnapshot() const noexcept;
  // The state behind the commit `lsn`, or of that time: behind the last commit at or before it.
  // Errors: kSnapshotExpired, where the state is older than Options::history, or of before the
  // store was opened with one; kInvalidArgument for one that is not there yet. A store that was
  // opened for reading only has whatever history it was closed with:
  Result<Snapshot> SnapshotAt(Lsn lsn) const noexcept;
  Result<Snapshot> SnapshotAt(Timestamp time) const noexcept;

  // Gives the newest state, or that of `snapshot`, a name of 1 to 255 bytes, by a commit: it stays
  // readable, also when the store was closed in between, until it is dropped. Errors:
  // kInvalidArgument (the name; a snapshot of before the first commit), kAlreadyExists (it is
  // taken), kIndexFull (there are Options::max_named_snapshots), kSnapshotExpired.
  Result<NamedSnapshot> CreateNamedSnapshot(const std::string& name,
                                            const Snapshot* snapshot = nullptr,
                                            const WriteOptions& options = {}) noexcept;
  // That state, for reading. Errors: kNotFound.
  Result<Snapshot> OpenNamedSnapshot(const std::string& name) const noexcept;
  // Snapshots that were opened by the name stay readable. Errors: kNotFound.
  Status DropNamedSnapshot(const std::string& name, const WriteOptions& options = {}) noexcept;
  // By name.
  Result<std::vector<NamedSnapshot>> ListNamedSnapshots() const noexcept;

  // Makes everything acknowledged so far durable. Errors: kIoError.
  Status Flush() noexcept;
  // Returns when the commit `lsn` is on disk. Errors: kInvalidArgument for a commit that is not
  // there yet, kIoError.
  Status WaitDurable(Lsn lsn) noexcept;
  // Brings the page file up to date, so that the log before it can go. Readers and writers go on.
  // Errors: kNoSpace (for rows; the page file needs none), kIoError.
  Status Checkpoint() noexcept;
  // Does the background work that is due (interval syncs, checkpoints) for about `budget`, on this
  // thread. For hosts with Options::background_threads = 0; harmless otherwise. Errors: kNoSpace,
  // kIoError.
  Status RunMaintenance(std::chrono::microseconds budget) noexcept;

  // Sizes and counters, as docs/operations.md explains them. Errors: kIoError.
  Result<Stats> GetStats() const noexcept;

  // Flushes, makes a checkpoint (Options::checkpoint_on_close) and gives the directory free.
  // Errors: kBusy while a snapshot is open (the store stays open), or what the flush or checkpoint
  // met (the store is closed).
  Status Close() noexcept;

 private:
  explicit Store(std::unique_ptr<StoreImpl> impl);
  std::unique_ptr<StoreImpl> impl_;
};

}  // namespace engram

#endif  // ENGRAM_STORE_H_
