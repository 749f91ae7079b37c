#include "storage/slot_map.h"

#include <algorithm>

#include "storage/base/check.h"
#include "storage/base/coding.h"
#include "storage/slot_bits.h"

namespace engram {

void SlotMap::Rebuild(std::uint32_t used) {
  ENGRAM_CHECK(used <= std::uint64_t{space_.page_count(segment_)} * kSlotsPerPage);
  used_ = used;
  filled_ = used;
  live_ = 0;
  dead_ = 0;
  free_.clear();
  std::byte* base = space_.mutable_base(segment_);
  // From the top: the list is a stack, and the lowest slot shall come first.
  for (std::uint32_t slot = used; slot-- > 0;) {
    switch (LoadSlotState(base, slot)) {
      case SlotState::kLive:
        ++live_;
        break;
      case SlotState::kDead:
        ++dead_;
        break;
      case SlotState::kRetired:
        StoreSlotState(base, slot, SlotState::kFree);
        free_.push_back(slot);
        break;
      case SlotState::kFree:
        free_.push_back(slot);
        break;
    }
  }
}

SlotState SlotMap::state(SlotId slot) const {
  return LoadSlotState(space_.base(segment_), Raw(slot));
}

void SlotMap::Set(SlotId slot, SlotState state, Lsn lsn) {
  const SlotState old = this->state(slot);
  live_ = live_ - (old == SlotState::kLive ? 1 : 0) + (state == SlotState::kLive ? 1 : 0);
  dead_ = dead_ - (old == SlotState::kDead ? 1 : 0) + (state == SlotState::kDead ? 1 : 0);
  filled_ = std::max(filled_, Raw(slot) + 1);
  space_.MutablePage({segment_, SlotBitsPage(Raw(slot))}, lsn);
  StoreSlotState(space_.mutable_base(segment_), Raw(slot), state);
}

SlotId SlotMap::Take() {
  if (free_.empty()) {
    ENGRAM_CHECK(used_ < Raw(SlotId::kNone));
    return static_cast<SlotId>(used_++);
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  return static_cast<SlotId>(slot);
}

void SlotMap::GiveBack(SlotId slot) {
  // One that was never filled is untouched still; one that was must stay below used().
  if (Raw(slot) + 1 == used_ && Raw(slot) >= filled_) {
    --used_;
  } else {
    free_.push_back(Raw(slot));
  }
}

void SlotMap::Release(SlotId slot) {
  ENGRAM_CHECK(state(slot) == SlotState::kRetired);
  StoreSlotState(space_.mutable_base(segment_), Raw(slot), SlotState::kFree);
  free_.push_back(Raw(slot));
}

void SlotMap::set_used(std::uint32_t used) {
  used_ = used;
  filled_ = std::max(filled_, used);
}

}  // namespace engram
