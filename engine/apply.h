// A commit's record onto pages and rows: the same code when the commit is made and when it is
// replayed, so that replay gives the same bytes (I12). Assignments are absolute and never gated by
// a page's LSN. Leaves choosing slots and logging to writer.h, reading the log to recovery.h.
// Threads: the holder of the writer role. Implements docs/recovery.md, "Redo".
#ifndef ENGRAM_ENGINE_APPLY_H_
#define ENGRAM_ENGINE_APPLY_H_

#include <cstdint>
#include <span>

#include <engram/status.h>

#include "engine/core.h"
#include "wal/record.h"

namespace engram {

enum class ApplyMode : std::uint8_t {
  kLive,    // retired slots get their grace; dead ones are remembered for the writer
  kReplay,  // nobody reads: retired slots are free at once
};

// Changes pages, slot states and `core.writer.state`. Errors: kCorruptedIndex where a replayed
// record names a slot, an upper block, an extent or a list that cannot be; in live use such an
// error is a bug of the caller. kIndexFull where memory ends.
Status ApplyToPages(Core& core, Lsn lsn, const CommitRecord& record, ApplyMode mode)
    ENGRAM_REQUIRES(core.writer_role);

// The parts of it, for a commit whose links are chosen while it is made. Pre, of all but the first:
// CheckRecord() accepts the record.
Status ApplyExtents(Core& core, const CommitRecord& record) ENGRAM_REQUIRES(core.writer_role);
Status CheckRecord(const Core& core, Lsn lsn, const CommitRecord& record);
void ApplyRetires(Core& core, Lsn lsn, const CommitRecord& record, ApplyMode mode)
    ENGRAM_REQUIRES(core.writer_role);
void ApplyEnd(Core& core, Lsn lsn, const EndRecord& record) ENGRAM_REQUIRES(core.writer_role);
void ApplyVoid(Core& core, Lsn lsn, const EndRecord& record) ENGRAM_REQUIRES(core.writer_role);
void ApplyWipes(Core& core, Lsn lsn, const CommitRecord& record) ENGRAM_REQUIRES(core.writer_role);
// What the superblock keeps.
void ApplyState(Core& core, const CommitRecord& record) ENGRAM_REQUIRES(core.writer_role);
void ApplyInserts(Core& core, Lsn lsn, const CommitRecord& record)
    ENGRAM_REQUIRES(core.writer_role);
// Errors: kCorruptedIndex where the node has no such list; in replay it may have none yet.
Status ApplyLinks(Core& core, Lsn lsn, const LinkRecord& record, std::span<const LinkSet> sets,
                  std::span<const std::uint8_t> clears, ApplyMode mode)
    ENGRAM_REQUIRES(core.writer_role);

// Appends the rows of the commit to `rows`; views in it borrow from the record.
void AppendRows(Lsn lsn, const CommitRecord& record, RowBatch& rows);

StateRecord ToRecord(const StoreState& state);
StoreState FromRecord(const StateRecord& record);

}  // namespace engram

#endif  // ENGRAM_ENGINE_APPLY_H_
