// From files to an open store: superblock, pages, journal, families, log, redo, a new log
// generation. Also makes new stores. Nothing is guessed: what cannot be brought to one state is
// kCorruptedIndex, with file and place. Leaves locking the directory to engine.h. Threads: one
// thread, before anybody else sees the store. Implements docs/recovery.md.
#ifndef ENGRAM_ENGINE_RECOVERY_H_
#define ENGRAM_ENGINE_RECOVERY_H_

#include <cstdint>

#include <engram/status.h>

#include "engine/core.h"

namespace engram {

// Makes the files of an empty store in core.directory (which exists and is locked). The page file
// comes last: without it there is no store, and what an interrupted call left is made anew.
Status CreateStoreFiles(Core& core);

// Opens parts, restores torn pages, replays the log; core is complete on success. With
// core.read_only nothing is written, and a store that would need writing is refused
// (kNotSupported).
Status RecoverStore(Core& core) ENGRAM_EXCLUDES(core.writer_role);

// Leaves beside the store what the next opening would have to count (storage/parents_file.h). Where
// that cannot be, the host is told, and it will count. Pre: nothing is written any more; the log is
// durable, and not poisoned.
void SaveParents(Core& core) ENGRAM_EXCLUDES(core.writer_role);

}  // namespace engram

#endif  // ENGRAM_ENGINE_RECOVERY_H_
