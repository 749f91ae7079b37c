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
  Status MakeRoom(std::size_t slots) ENGRAM_REQUIRES(core_.writer_role);
  Status GrowFor(std::size_t slots) ENGRAM_REQUIRES(core_.writer_role);
  Status GrowSegment(SegmentKind segment, std::uint64_t pages_needed)
      ENGRAM_REQUIRES(core_.writer_role);
  void ReleaseLimbo() ENGRAM_REQUIRES(core_.writer_role);
  Status MakeRoomForUppers(std::size_t nodes) ENGRAM_REQUIRES(core_.writer_role);

  // sweeper.cc
  void BeginRound(std::size_t least_dead) ENGRAM_REQUIRES(core_.writer_role);
  Status HealSome(std::size_t slots) ENGRAM_REQUIRES(core_.writer_role);
  Status RetireSome(std::size_t slots) ENGRAM_REQUIRES(core_.writer_role);
  Status AddRetires(CommitPlan& plan, std::size_t count) ENGRAM_REQUIRES(core_.writer_role);
  Status AddRetire(CommitPlan& plan, SlotId slot, bool has_fields)
      ENGRAM_REQUIRES(core_.writer_role);
  CommitPlan OwnPlan() const ENGRAM_REQUIRES(core_.writer_role);
  SyncMode ModeFor(std::span<const CommitPlan> plans) const ENGRAM_REQUIRES(core_.writer_role);

  // All plans or, failing, none that anybody sees.
  Status CommitPlans(std::span<CommitPlan> plans, SyncMode mode) ENGRAM_REQUIRES(core_.writer_role);
  Status MakeCommits(std::span<CommitPlan> plans, SyncMode mode) ENGRAM_REQUIRES(core_.writer_role);
  void GiveBackMemory();

  // writer_links.cc
  std::uint64_t LinkRoom(const CommitPlan& plan) const;
  Status ApplyAndLink(CommitPlan& plan) ENGRAM_REQUIRES(core_.writer_role);
  Status ApplyEnds(CommitPlan& plan) ENGRAM_REQUIRES(core_.writer_role);
  Status LinkInserts(CommitPlan& plan) ENGRAM_REQUIRES(core_.writer_role);
  void TakeEntry(CommitPlan& plan) ENGRAM_REQUIRES(core_.writer_role);

  Status CheckRows() ENGRAM_REQUIRES(core_.writer_role);
  Status ReserveRoom(std::span<CommitPlan> plans) ENGRAM_REQUIRES(core_.writer_role);
  Status ReserveEncoded() ENGRAM_REQUIRES(core_.writer_role);
  void Encode(std::span<CommitPlan> plans);
  Status AppendAndAddRows(std::span<CommitPlan> plans, SyncMode mode)
      ENGRAM_REQUIRES(core_.writer_role);
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
