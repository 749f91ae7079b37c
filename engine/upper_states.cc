#include "engine/upper_states.h"

#include <string>
#include <string_view>

#include "index/graph.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/page_errors.h"
#include "storage/page_file.h"
#include "storage/slot_bits.h"

namespace engram {
namespace {

std::string_view NameOf(SlotState state) {
  switch (state) {
    case SlotState::kFree:
      return "free";
    case SlotState::kLive:
      return "live";
    case SlotState::kDead:
      return "dead";
    case SlotState::kRetired:
      return "retired";
  }
  return "unknown";
}

Status WrongState(const Core& core, std::uint32_t block, SlotId slot, std::uint32_t level,
                  std::string_view expected) {
  const PageRef page{SegmentKind::kUpperSlots, SlotBitsPage(block)};
  return Status::CorruptedIndex(
      core.GraphPath() + ": " + Describe(page) + ": upper block " + std::to_string(block) +
      " (level " + std::to_string(level) + " of slot " + std::to_string(Raw(slot)) + ") is " +
      std::string(NameOf(core.upper_slots->state(static_cast<SlotId>(block)))) + ", expected " +
      std::string(expected));
}

bool InUse(const Core& core, SlotId slot) {
  if (Raw(slot) >= core.slots->used()) return false;
  const SlotState state = core.slots->state(slot);
  return state == SlotState::kLive || state == SlotState::kDead;
}

// By the node that the block names: no other one's list can lead there.
bool IsOwned(const Core& core, const Graph& graph, std::uint32_t block, UpperOwners owners) {
  const ConstUpperView upper = graph.Upper(block);
  if (!InUse(core, upper.node())) return false;
  if (owners == UpperOwners::kBySlot) return true;
  return upper.level() > 0 && graph.UpperBlock(upper.node(), upper.level()) == block;
}

}  // namespace

Status CheckUpperStates(const Core& core, std::uint32_t first, std::uint32_t end,
                        UpperOwners owners) {
  PageErrors errors;
  const Graph graph = core.GraphNow(errors);
  for (std::uint32_t block = first; block < end; ++block) {
    const SlotState state = core.upper_slots->state(static_cast<SlotId>(block));
    // In its grace, as its node is.
    if (state == SlotState::kRetired) continue;
    // Another node may be in the slot by now.
    if (state == SlotState::kFree && owners == UpperOwners::kBySlot) continue;
    const bool owned = IsOwned(core, graph, block, owners);
    ENGRAM_RETURN_IF_ERROR(errors.first());
    if (state == (owned ? SlotState::kLive : SlotState::kFree)) continue;
    const ConstUpperView upper = graph.Upper(block);
    return WrongState(core, block, upper.node(), upper.level(),
                      owned ? "live" : "free, as no node has it");
  }
  return Status::Ok();
}

Status CheckUpperInUse(const Core& core, SlotId slot, std::uint32_t level, std::uint32_t block) {
  if (core.upper_slots->state(static_cast<SlotId>(block)) == SlotState::kLive) return Status::Ok();
  return WrongState(core, block, slot, level, "live");
}

}  // namespace engram
