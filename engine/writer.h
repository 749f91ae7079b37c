// The one writer: makes room for what a group of transactions changes, changes pages, appends, adds
// rows and publishes. Nothing in memory changes before there is room, and nothing becomes visible
// before it is as durable as asked. Leaves what a transaction means to planner.h, and waiting in
// line to commit_queue.h. Threads: the holder of the writer role. Implements docs/architecture.md,
// "Life of an insert".
#ifndef ENGRAM_ENGINE_WRITER_H_
#define ENGRAM_ENGINE_WRITER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <engram/status.h>

#include "engine/core.h"
#include "engine/planner.h"
#include "engine/transaction.h"
#include "wal/log_writer.h"
#include "wal/record_codec.h"

namespace engram {

class Writer {
 public:
  explicit Writer(Core& core) : core_(core) {}

  // Commits those of the group that can be, each with an LSN of its own, with one append and at
  // most one sync; sets each one's status, lsn and ids.
  void Commit(std::span<Transaction* const> group);

  // Frees slots whose versions nobody sees any more, at most `limit` in one commit; success where
  // there is none.
  Status Reclaim(std::size_t limit);

  // Records the names of the indexed fields: the first commit of a new store.
  Status DeclareFields(const std::vector<std::string>& names);

  // Before a clean close: ids that were reserved but not handed out become usable again. Makes
  // everything durable.
  Status ReturnReservedIds();

 private:
  Lsn NextLsn() const { return Next(core_.log->appended()); }
  std::uint64_t AvailableSlots() const ENGRAM_REQUIRES(core_.writer_role);
  Status MakeRoom(std::size_t slots) ENGRAM_REQUIRES(core_.writer_role);
  Status GrowSegment(SegmentKind segment, std::uint64_t pages_needed)
      ENGRAM_REQUIRES(core_.writer_role);
  void ReleaseLimbo() ENGRAM_REQUIRES(core_.writer_role);
  Status AddRetires(CommitPlan& plan, std::size_t limit) ENGRAM_REQUIRES(core_.writer_role);
  CommitPlan OwnPlan() const ENGRAM_REQUIRES(core_.writer_role);
  SyncMode ModeFor(std::span<const CommitPlan> plans) const ENGRAM_REQUIRES(core_.writer_role);

  // All plans or, failing, none that anybody sees.
  Status CommitPlans(std::span<CommitPlan> plans, SyncMode mode) ENGRAM_REQUIRES(core_.writer_role);
  Status MakeCommits(std::span<CommitPlan> plans, SyncMode mode) ENGRAM_REQUIRES(core_.writer_role);
  void GiveBackMemory();
  Status CheckRows() ENGRAM_REQUIRES(core_.writer_role);
  Status ReserveRoom(std::span<CommitPlan> plans) ENGRAM_REQUIRES(core_.writer_role);
  Status AppendAndAddRows(std::span<CommitPlan> plans, SyncMode mode)
      ENGRAM_REQUIRES(core_.writer_role);
  void Publish(std::span<CommitPlan> plans) ENGRAM_REQUIRES(core_.writer_role);

  Core& core_;
  std::vector<std::unique_ptr<RecordEncoder>> encoders_;  // one for each plan of a group
  std::vector<CommitFrames> frames_;
  RowBatch rows_;
  std::uint64_t encoded_bytes_ = 0;  // since memory was given back
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_WRITER_H_
