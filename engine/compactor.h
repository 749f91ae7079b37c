// Gives back what erased patterns have left: takes the dead out of the graph, moves nodes from the
// last pages into free slots, cuts the segments behind what is left and returns the space. Each
// step is a small commit or a checkpoint, between which writers go on; a crash anywhere leaves a
// store as good as before, which can be compacted again. Leaves commits to writer.h, and what a cut
// is to storage/page_file.h and page_space.h. Threads: one at a time, any thread. Implements
// docs/compaction.md.
#ifndef ENGRAM_ENGINE_COMPACTOR_H_
#define ENGRAM_ENGINE_COMPACTOR_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <engram/maintenance.h>
#include <engram/status.h>

#include "engine/checkpointer.h"
#include "engine/core.h"
#include "engine/writer.h"

namespace engram {

class Compactor {
 public:
  // Nodes near a vector, for an insert (Engine::FindNear()). Pre: pinned.
  using FindNear = std::function<std::optional<FoundNear>(VectorView vector, PageErrors& errors)>;

  Compactor(Core& core, Writer& writer, Checkpointer& checkpointer, FindNear find_near)
      : core_(core),
        writer_(writer),
        checkpointer_(checkpointer),
        find_near_(std::move(find_near)) {}

  // Fills all of the report but the bytes. Errors: kCancelled, what a step met.
  Status Run(const CompactOptions& options, CompactReport& report);

  // Sweeps until nothing is left that could be reclaimed, and waits until nobody looks at what was.
  // For whoever needs that. Errors: as Run().
  Status SweepAll(const CompactOptions& options);

  // Waits until all pins have reached the epoch, asking between. False where some read goes on for
  // too long.
  Result<bool> AwaitQuiet(std::uint64_t epoch, const CompactOptions& options);

  // Gives back memory and file space that were cut before the newest checkpoint. Pre: no read is
  // left that began before the cut.
  Status Release() ENGRAM_EXCLUDES(core_.writer_role);

 private:
  // How many slots and upper blocks are to be left.
  struct Target {
    std::uint32_t slots = 0;
    std::uint32_t uppers = 0;
  };

  // kCancelled where the host says so.
  Status Ask(const CompactOptions& options, CompactProgress::Phase phase, std::uint64_t done,
             std::uint64_t total) const;
  // What is cut must be free indeed. Errors: kCorruptedIndex.
  Status CheckUppers() ENGRAM_EXCLUDES(core_.writer_role);
  Status AwaitLimbo(const CompactOptions& options);
  Target ChooseTarget() ENGRAM_REQUIRES(core_.writer_role);
  std::vector<SlotId> ChooseMovers(const Target& target) ENGRAM_REQUIRES(core_.writer_role);
  Status MoveAll(const std::vector<SlotId>& movers, const CompactOptions& options,
                 CompactReport& report);
  Result<std::size_t> MoveSome(std::span<const SlotId> slots);
  // What is in use at the end, once nothing moves any more.
  Target InUse() const ENGRAM_REQUIRES(core_.writer_role);
  Status CutAll(const CompactOptions& options);

  Core& core_;
  Writer& writer_;
  Checkpointer& checkpointer_;
  const FindNear find_near_;
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_COMPACTOR_H_
