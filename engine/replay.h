// The log onto pages and families: pages for every commit above the checkpoint, each family for
// those above its own LSN. Threads: one thread, before anybody else sees the store. Implements
// docs/recovery.md, "Redo".
#ifndef ENGRAM_ENGINE_REPLAY_H_
#define ENGRAM_ENGINE_REPLAY_H_

#include <engram/result.h>

#include "engine/core.h"
#include "wal/log_reader.h"

namespace engram {

// Where the log ends. It must begin at or below `oldest` and reach `newest`, which the superblock
// or a family holds; else kCorruptedIndex.
Result<LogEnd> FindLogEnd(Core& core, Lsn oldest, Lsn newest);

// Replays the commits above `oldest`. Pre: core.log is open.
Status ReplayLog(Core& core, Lsn oldest, Lsn newest) ENGRAM_EXCLUDES(core.writer_role);

}  // namespace engram

#endif  // ENGRAM_ENGINE_REPLAY_H_
