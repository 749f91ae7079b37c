// Runs steps against a store on a simulated disk, keeps the model of what they must have done, and
// notes in the disk's trace what was promised when, so that each crash point has its expectation.
// Leaves which steps to take to history.h, crash points to sweep.h.
// Threads: one thread; one player at a time takes steps that are busy or raced.
#ifndef ENGRAM_TESTS_CRASH_PLAYER_H_
#define ENGRAM_TESTS_CRASH_PLAYER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/crash/model.h"
#include "tests/support/crash_replayer.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/manual_clock.h"
#include "tests/support/sim_file_system.h"

namespace engram {

// What differs between the stores of different seeds. Sizes are far below what Options allow, so
// that a short history meets many rounds, segments and extents.
struct StoreShape {
  explicit StoreShape(std::uint64_t seed);

  Metric metric = Metric::kL2;
  std::uint32_t m = 0;
  std::uint64_t journal_bytes = 0;
  std::uint64_t segment_bytes = 0;
  std::uint64_t extent_bytes = 16 << 10;
  std::uint64_t slice_bytes = 0;
  std::uint64_t metadata_buffer_bytes = 0;
  bool indexed_fields = false;
  bool checkpoint_on_close = true;
  std::chrono::microseconds history{0};
  ModelAges ages;
  // Unset: now one, now the other, from opening to opening.
  std::optional<Residency> residency;
};

enum class Step : std::uint8_t {
  kInsert,
  kInsertGivenId,
  kBatch,      // many inserts
  kHugeBatch,  // one commit of several frames
  kMixed,      // inserts, updates and erases in one commit, some of them on one id
  kUpdateVector,
  kUpdateMetadata,
  kUpdateBoth,
  kErase,
  kFlush,
  kWaitDurable,
  kCheckpoint,
  kBusyCheckpoint,   // commits between its slices
  kRacedCheckpoint,  // begins while a commit is in pages and not yet in the log
  kMaintain,         // syncs, reclaims
  kFlushRows,        // RocksDB flushes, as it may at any time
  kClose,            // and open
  kKill,             // the process dies, the system goes on; then open
  kWait,             // time goes by: patterns expire, the past is forgotten
  kSweepStep,        // a part of a round of the sweep
  kCompact,
  kCompactSome,  // and is cancelled somewhere
  kBusyCompact,  // commits between the slices of its checkpoint
  kName,         // a state gets a name
  kUnname,
  kTake,           // a snapshot, which is held for some steps
  kRacedTake,      // while what it sees ends and is swept
  kEraseMatching,  // by type
  kPrune,
  kEraseForever,
};

// What is known of a store: what it may hold after a crash.
struct Known {
  std::shared_ptr<const Model> model = std::make_shared<Model>();
  Lsn promised = Lsn::kNone;   // at least this commit is there
  Lsn attempted = Lsn::kNone;  // and none behind this one
  PatternId used = 0;          // the largest id that was given to a caller
  // Bytes that say what is in a version, of every version that was ever tried.
  std::map<PatternId, std::vector<std::string>> secrets;
  // Those of them that no file may hold any more.
  std::vector<std::string> forgotten;
};

class Player {
 public:
  static constexpr const char* kDirectory = "/store";

  // `faults`: over `disk`; where it is set, steps may fail by its doing.
  struct Stage {
    StoreShape shape;
    std::uint64_t seed;
    ManualClock* clock;  // outlives the player
    std::shared_ptr<SimFileSystem> disk;
    std::shared_ptr<FaultFileSystem> faults;
    // The plan of `faults` is for the opening alone: what reads afterwards, for the checks, works.
    bool faults_end_with_opening = false;
  };

  Player(Stage stage, Known known);
  ~Player();
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  // Opens the store and checks that it holds what it may. Before any step.
  bool Open();
  // False: failure() says what the store did wrong. Errors that a fault explains are none. Where a
  // fault kept the store from opening, steps do nothing.
  bool Run(Step step);
  // Checks what is visible now.
  bool Check();
  const std::string& failure() const { return failure_; }

  Engine* engine() { return engine_.get(); }
  // The process dies: nothing more reaches the disk, and what it has is given back.
  void Die();
  bool poisoned() const { return !poison_.empty(); }
  // What a crash now may leave.
  Known known() const;
  // What a power loss at the replayer's position in the trace of this disk may leave. Where a fault
  // has poisoned the store: from reopened_at() on.
  Known KnownAt(const CrashReplayer& replayer) const;
  // Operations of the trace up to the end of the last opening.
  std::size_t reopened_at() const { return reopened_at_; }

 private:
  struct Record {
    Lsn promised = Lsn::kNone;
    Lsn attempted = Lsn::kNone;
    PatternId used = 0;
    std::size_t forgotten = 0;  // so many of forgotten_
  };
  // A snapshot that is held, and when it was taken.
  struct Held {
    KeptState kept;
    std::int64_t time_us = 0;
  };
  // One operation of a commit, as the model sees it.
  struct Change {
    enum class Kind : std::uint8_t { kInsert, kUpdate, kErase };
    Kind kind = Kind::kInsert;
    std::optional<PatternId> id;  // of an insert: the given one
    std::optional<std::vector<float>> vector;
    std::optional<Metadata> metadata;
    std::optional<Timestamp> timestamp;
    std::optional<TypeTag> type;
    std::optional<std::chrono::microseconds> ttl;
  };

  bool Fail(std::string what);
  // Whether a fault explains this, and the store behaves as it must after one.
  bool Excused(const std::string& what, const Status& status);
  bool Do(Step step);
  bool Reopen();
  bool OpenEngine();
  EngineOptions NextOptions();
  bool CheckOpened();
  // Commits that an opening makes of a new store.
  Lsn FirstCommits() const;

  bool Commit(std::vector<Change> changes, Durability durability);
  bool CommitFailed(const Transaction& transaction, const std::vector<Change>& changes);
  // The commit in the model.
  void AddToModel(const std::vector<Change>& changes, const Transaction& transaction);
  void NoteSecrets(PatternId id, const Change& change);
  ModelState Apply(const std::vector<Change>& changes, const Transaction& transaction) const;
  bool Promise(const std::string& what, const Status& status, Lsn lsn);
  bool CheckScrubbed();
  // Empty where a store at `lsn` holds all that `entry` says, names among it.
  std::string CheckEntry(const Model::Entry& entry);
  // What lies behind the newest state: names, the past, snapshots that are held, files without a
  // byte of what was erased for ever.
  std::string CheckPast();
  std::string CheckNamed();
  std::string CheckHistory();
  std::string CheckOnePast(const Model::Entry& entry);
  std::string CheckHeld();
  std::string CheckForgotten() const;
  // What is seen now.
  ModelState Seen() const;
  ModelState SeenAt(Lsn lsn, std::int64_t time_us) const;
  std::int64_t now_us() const { return stage_.clock->NowMicros(); }

  bool DoUpkeep(Step step);
  bool SweepStep();
  bool Compact(bool cancel);
  bool BusyCompact();
  bool CheckCompacted();
  bool Name();
  bool Unname();
  std::optional<std::int64_t> KeptTime(const ModelNames& names) const;
  bool Rename(const Status& status, const std::string& what, ModelNames names,
              Durability durability);
  void Take();
  bool RacedTake();
  bool SweepAll();
  void DropHeld();
  bool EraseMatching(bool prune);
  bool EraseForever();
  std::set<PatternId> AnyEver();
  bool Checkpoint();
  bool BusyCheckpoint();
  bool RacedCheckpoint();
  bool FlushRows();

  bool InsertSome(std::size_t count, Durability durability);
  bool HugeBatch();
  bool Mixed();
  bool Update(bool vector, bool metadata);
  bool Erase();
  Change NewInsert();
  PatternId AnyLive();  // Pre: there is one
  std::vector<float> AnyVector();
  Metadata AnyMetadata();
  Durability AnyDurability();
  Lsn visible() const;

  const Stage stage_;
  std::mt19937_64 random_;
  std::shared_ptr<FileSystem> files_;
  std::unique_ptr<Engine> engine_;
  Model model_;
  Record now_;
  const Lsn found_;  // what the opening was promised
  std::map<PatternId, std::vector<std::string>> secrets_;
  std::vector<std::string> forgotten_;
  std::vector<Held> held_;
  std::uint64_t names_given_ = 0;
  std::vector<Record> records_;  // after each step; the opening is the first
  std::size_t reopened_at_ = 0;
  Lsn last_interval_ = Lsn::kNone;  // the newest commit with kInterval since the last opening
  std::uint64_t openings_ = 0;
  std::uint64_t excused_faults_ = 0;  // seen at the last failure that did not poison
  std::string poison_;                // the message of the first cause
  // RocksDB could not be opened again when the rows had been written anew: nothing can be read
  // (docs/erase-forever.md, "What is left where").
  bool rows_lost_ = false;
  // Patterns that may be gone for readers of a poisoned store, though the commit that takes them
  // out of all states failed: pages are changed before it is in the log.
  std::set<PatternId> unsure_;
  std::string failure_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_CRASH_PLAYER_H_
