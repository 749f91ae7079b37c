// The one writer: makes room for what a group of transactions changes, changes pages, appends, adds
// rows and publishes. Nothing in memory changes before there is room, and nothing becomes visible
// before it is as durable as asked. Leaves what a transaction means to planner.h, and waiting in
// line to commit_queue.h. Threads: the holder of the writer role. Implements docs/architecture.md,
// "Life of an insert".
#ifndef ENGRAM_ENGINE_WRITER_H_
#define ENGRAM_ENGINE_WRITER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <engram/status.h>

#include "engine/core.h"
#include "engine/planner.h"
#include "engine/transaction.h"
#include "wal/log_writer.h"
#include "wal/record_codec.h"

namespace engram {

// Makes changes of lists on their pages, for one commit, and records them in it.
class PageLinks final : public LinkSink {
 public:
  PageLinks(Core& core, CommitPlan& plan) : core_(core), plan_(plan) {}
  void SetLinks(SlotId slot, std::uint32_t level, const ListChange& change) override;
  // The first change that could not be: a bug of the linker.
  const Status& status() const { return status_; }

 private:
  Core& core_;
  CommitPlan& plan_;
  Status status_;
};

// A node, and what is near it. Pre: both are pinned since they were found.
struct FoundNode {
  SlotId slot = SlotId::kNone;
  FoundLevels near;
};

class Writer {
 public:
  explicit Writer(Core& core) : core_(core) {}

  // Threads that help with large commits. Without them the leader does all.
  void SetHelpers(RunTasks run) { run_ = std::move(run); }

  // Commits those of the group that can be, each with an LSN of its own, with one append and at
  // most one sync; sets each one's status, lsn and ids.
  void Commit(std::span<Transaction* const> group);

  // A step of the round that takes dead nodes out of the graph: looks at about `slots` slots, or
  // frees some hundreds of those whose links are gone, in one commit. A round begins where it would
  // free `least_dead` slots. Whether there may be more to do.
  Result<bool> Sweep(std::size_t slots, std::size_t least_dead);
  // Frees slots whose grace is over. Whether there are others.
  bool ReleaseGraces();

  // What no reader, snapshot, name or history wants any more ended at or before it.
  Lsn AdvanceHorizon();
  // Forgets times that are older than the history that is kept, at most `most` of them. Whether
  // there may be more.
  Result<bool> ForgetTimes(std::size_t most);
  // A commit whose time is kept, so that states from now on can be found by it.
  Status BeginHistory();
  // Gives a state a name: `lsn`, or, where it is kNone, the commit that does so. `taken_us`: what
  // has expired since then stays in it.
  Result<NamedSnapshot> AddName(const std::string& name, Lsn lsn, std::int64_t taken_us,
                                Durability durability);
  Status DropName(const std::string& name, Durability durability);

  // A live node that is to move, and nodes near it, found ahead; where these are not pinned any
  // more, nothing.
  struct Mover {
    SlotId slot = SlotId::kNone;
    std::optional<FoundNear> near;
  };
  // Moves those that still live into free slots, in one commit; returns how many. Fewer where there
  // are no free slots, or where older states look for a node's former place.
  Result<std::size_t> Move(std::span<const Mover> movers);
  // Gives up what lies behind so many slots, all of it free: a commit that says so, and no change
  // of the file. Returns the epoch which all pins must have reached before memory and file space
  // go. Pre: no checkpoint begins until the caller has made one.
  Result<std::uint64_t> Cut(std::uint32_t node_slots, std::uint32_t upper_slots);

  // Takes versions out of every state, live or dead, in one commit.
  Status Void(std::span<const EndRecord> versions);
  // Zeroes the blocks of slots that are free.
  Status Wipe(std::vector<SlotId> slots);

  // A step of the round that looks at every link (docs/hnsw.md, "Audit"): about `slots` slots, or a
  // commit that puts something right. Begins a round where none is on its way. What the round has
  // found, where this step ends it. Errors: also of a bad page, which ends the round.
  Result<std::optional<AuditReport>> Audit(std::size_t slots);
  // Links those of the nodes that live anew, in one commit. Of how many a list has changed.
  Result<std::size_t> Relink(std::span<const FoundNode> nodes);

  // Records the names of the indexed fields: the first commit of a new store.
  Status DeclareFields(const std::vector<std::string>& names);

  // Before a clean close: ids that were reserved but not handed out become usable again. Makes
  // everything durable.
  Status ReturnReservedIds();

 private:
  Lsn NextLsn() const { return Next(core_.log->appended()); }
  // A segment of blocks, and the one with their states.
  struct Room {
    SegmentKind blocks;
    SegmentKind states;
    std::uint32_t blocks_per_page;
    const SlotMap& slots;
  };
  Room RoomForNodes() const ENGRAM_REQUIRES(core_.writer_role);
  Room RoomForUppers() const ENGRAM_REQUIRES(core_.writer_role);
  std::uint64_t Available(const Room& room) const ENGRAM_REQUIRES(core_.writer_role);
  // Has the page file hold `slots` blocks with their states.
  Status Grow(const Room& room, std::uint64_t slots) ENGRAM_REQUIRES(core_.writer_role);
  Status SweepInPassing(std::size_t slots, std::size_t least_dead)
      ENGRAM_REQUIRES(core_.writer_role);
  Status MakeRoom(std::size_t slots) ENGRAM_REQUIRES(core_.writer_role);
  void LiftLimits() ENGRAM_REQUIRES(core_.writer_role);
  Status GrowFor(std::size_t slots) ENGRAM_REQUIRES(core_.writer_role);
  Status GrowSegment(SegmentKind segment, std::uint64_t pages_needed)
      ENGRAM_REQUIRES(core_.writer_role);
  void ReleaseLimbo() ENGRAM_REQUIRES(core_.writer_role);
  Status MakeRoomForUppers(std::size_t nodes) ENGRAM_REQUIRES(core_.writer_role);

  // mender.cc: what the links take that Linker::Relink() changes for a node of that level.
  std::uint64_t RelinkRoom(std::uint64_t level) const;

  // sweeper.cc
  void CountSweep() ENGRAM_REQUIRES(core_.writer_role);
  void BeginRound(std::size_t least_dead) ENGRAM_REQUIRES(core_.writer_role);
  Status HealSome(std::size_t slots) ENGRAM_REQUIRES(core_.writer_role);
  Status RelinkSome() ENGRAM_REQUIRES(core_.writer_role);
  Status RetireSome(std::size_t slots) ENGRAM_REQUIRES(core_.writer_role);
  Status AddRetires(CommitPlan& plan, std::size_t count) ENGRAM_REQUIRES(core_.writer_role);
  Status AddRetire(CommitPlan& plan, SlotId slot, bool has_fields)
      ENGRAM_REQUIRES(core_.writer_role);
  CommitPlan OwnPlan() const ENGRAM_REQUIRES(core_.writer_role);
  void NoteProgress(CommitPlan& plan, const SweepRound& round) ENGRAM_REQUIRES(core_.writer_role);

  // writer_upkeep.cc
  Lsn HistoryLimit() ENGRAM_REQUIRES(core_.writer_role);
  Result<InsertRecord> MovedRecord(SlotId from, const ConstNodeView& node)
      ENGRAM_REQUIRES(core_.writer_role);
  void PlaceMoved(CommitPlan& plan, InsertRecord insert, std::uint32_t level)
      ENGRAM_REQUIRES(core_.writer_role);
  void GiveBackPlaces(const CommitPlan& plan) ENGRAM_REQUIRES(core_.writer_role);
  SyncMode ModeFor(std::span<const CommitPlan> plans) const ENGRAM_REQUIRES(core_.writer_role);

  // mender.cc
  Status MendGraph(std::size_t lists) ENGRAM_REQUIRES(core_.writer_role);

  // All plans or, failing, none that anybody sees.
  Status CommitPlans(std::span<CommitPlan> plans, SyncMode mode) ENGRAM_REQUIRES(core_.writer_role);
  Status MakeCommits(std::span<CommitPlan> plans, SyncMode mode) ENGRAM_REQUIRES(core_.writer_role);
  void GiveBackMemory();

  // writer_links.cc
  std::uint64_t LinkRoom(const CommitPlan& plan) const;
  Status ApplyAndLink(CommitPlan& plan) ENGRAM_REQUIRES(core_.writer_role);
  Status ApplyEnds(CommitPlan& plan) ENGRAM_REQUIRES(core_.writer_role);
  Status ApplyVoids(CommitPlan& plan) ENGRAM_REQUIRES(core_.writer_role);
  Status LinkInserts(CommitPlan& plan) ENGRAM_REQUIRES(core_.writer_role);
  void TakeEntry(CommitPlan& plan) ENGRAM_REQUIRES(core_.writer_role);

  Status CheckRows() ENGRAM_REQUIRES(core_.writer_role);
  Status ReserveRoom(std::span<CommitPlan> plans) ENGRAM_REQUIRES(core_.writer_role);
  Status ReserveEncoded() ENGRAM_REQUIRES(core_.writer_role);
  void Encode(std::span<CommitPlan> plans);
  Status AppendAndAddRows(std::span<CommitPlan> plans, SyncMode mode)
      ENGRAM_REQUIRES(core_.writer_role);
  void NoteNames(const UpkeepRecord& upkeep) ENGRAM_REQUIRES(core_.writer_role);
  void Publish(std::span<CommitPlan> plans) ENGRAM_REQUIRES(core_.writer_role);

  Core& core_;
  RunTasks run_ = [](std::size_t tasks, const std::function<void(std::size_t)>& body) {
    for (std::size_t i = 0; i < tasks; ++i) body(i);
  };
  std::vector<std::unique_ptr<RecordEncoder>> encoders_;  // one for each plan of a group
  std::vector<CommitFrames> frames_;
  RowBatch rows_;
  std::uint64_t encoded_bytes_ = 0;  // since memory was given back
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_WRITER_H_
