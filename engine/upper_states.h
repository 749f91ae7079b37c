// Whether the states of upper blocks are those that nodes give them: in use where a live or dead
// node has the block, else free. A forged one would be filled while it is in use, or come free
// twice. Leaves what is in a block, links above all, to index/graph.h, which believes none of it.
// Threads: the holder of the writer role. Implements docs/recovery.md, "Opening".
#ifndef ENGRAM_ENGINE_UPPER_STATES_H_
#define ENGRAM_ENGINE_UPPER_STATES_H_

#include <cstdint>

#include <engram/status.h>

#include "engine/core.h"

namespace engram {

// How much of the nodes is looked at.
enum class UpperOwners : std::uint8_t {
  kBySlot,  // the states of their slots alone: no page of nodes is read
  kByNode,  // the nodes too, one for each block
};

// Of blocks [first, end). Pre: end <= core.upper_slots->used(). Errors: kCorruptedIndex naming the
// first block whose state is another; of a bad page of nodes.
Status CheckUpperStates(const Core& core, std::uint32_t first, std::uint32_t end,
                        UpperOwners owners) ENGRAM_REQUIRES(core.writer_role);

// What a node that is in use says is its own must be in use too.
Status CheckUpperInUse(const Core& core, SlotId slot, std::uint32_t level, std::uint32_t block)
    ENGRAM_REQUIRES(core.writer_role);

}  // namespace engram

#endif  // ENGRAM_ENGINE_UPPER_STATES_H_
