// Runs steps against a store on a simulated disk, keeps the model of what they must have done, and
// notes in the disk's trace what was promised when, so that each crash point has its expectation.
// Leaves which steps to take to history.h, crash points to sweep.h.
// Threads: one thread; one player at a time takes kBusyCheckpoint and kRacedCheckpoint.
#ifndef ENGRAM_TESTS_CRASH_PLAYER_H_
#define ENGRAM_TESTS_CRASH_PLAYER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
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
};

// What is known of a store: what it may hold after a crash.
struct Known {
  std::shared_ptr<const Model> model = std::make_shared<Model>();
  Lsn promised = Lsn::kNone;   // at least this commit is there
  Lsn attempted = Lsn::kNone;  // and none behind this one
  PatternId used = 0;          // the largest id that was given to a caller
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
  };
  // One operation of a commit, as the model sees it.
  struct Change;

  bool Fail(std::string what);
  // Whether a fault explains this, and the store behaves as it must after one.
  bool Excused(const std::string& what, const Status& status);
  bool Do(Step step);
  bool Reopen();
  bool OpenEngine();
  EngineOptions NextOptions();
  bool CheckOpened();

  bool Commit(std::vector<Change> changes, Durability durability);
  bool CommitFailed(const Transaction& transaction, const std::vector<Change>& changes);
  ModelState Apply(const std::vector<Change>& changes, const Transaction& transaction) const;
  bool Promise(const std::string& what, const Status& status, Lsn lsn);
  bool CheckScrubbed();
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
  const Lsn found_;              // what the opening was promised
  std::vector<Record> records_;  // after each step; the opening is the first
  std::size_t reopened_at_ = 0;
  Lsn last_interval_ = Lsn::kNone;  // the newest commit with kInterval since the last opening
  std::uint64_t openings_ = 0;
  std::uint64_t excused_faults_ = 0;  // seen at the last failure that did not poison
  std::string poison_;                // the message of the first cause
  std::string failure_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_CRASH_PLAYER_H_
