// Erases for ever: takes all versions of some patterns out of every state, and has every file of
// the store written without their bytes. Each step is a commit or leaves files that mean the same;
// after a crash the patterns are gone for every reader, and calling again finishes the rest. Leaves
// commits to writer.h, sweeping to compactor.h. Threads: one at a time, any thread. Implements
// docs/erase-forever.md.
#ifndef ENGRAM_ENGINE_FORGETTER_H_
#define ENGRAM_ENGINE_FORGETTER_H_

#include <cstdint>
#include <span>
#include <vector>

#include <engram/maintenance.h>
#include <engram/status.h>

#include "engine/checkpointer.h"
#include "engine/compactor.h"
#include "engine/core.h"
#include "engine/writer.h"

namespace engram {

class Forgetter {
 public:
  Forgetter(Core& core, Writer& writer, Checkpointer& checkpointer, Compactor& compactor)
      : core_(core), writer_(writer), checkpointer_(checkpointer), compactor_(compactor) {}

  // Errors: kInvalidArgument, kNotFound, kBusy (a read goes on for too long), kNoSpace, kIoError.
  Status Run(std::span<const IdRange> ids, EraseForeverReport& report);

 private:
  using Ids = std::vector<IdRange>;  // in order, none touching the next
  struct Blocks {
    std::vector<EndRecord> versions;  // of slots that are live or dead
    std::vector<SlotId> others;       // blocks that nobody sees and that still hold one
    bool in_grace = false;            // some of these are retired
    std::uint64_t live = 0;
  };

  Status CheckIds(std::span<const IdRange> ids) const ENGRAM_REQUIRES(core_.writer_role);
  // A look at every block: also slots that are free still hold what was in them.
  Result<Blocks> FindBlocks(const Ids& ids) const ENGRAM_REQUIRES(core_.writer_role);
  Status VoidAll(const Ids& ids, EraseForeverReport& report);
  Status WipeAll(const Ids& ids);
  Status AwaitReaders();
  // What lies in no page that is in use: of segments that were cut, and of growth.
  Status ClearUnused();
  Status RewriteFiles(EraseForeverReport& report);

  Core& core_;
  Writer& writer_;
  Checkpointer& checkpointer_;
  Compactor& compactor_;
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_FORGETTER_H_
