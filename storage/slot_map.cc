#include "storage/slot_map.h"

#include <algorithm>
#include <functional>

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
  held_.clear();
  limit_ = kNoLimit;
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
    ENGRAM_CHECK(used_ < limit_);
    return static_cast<SlotId>(used_++);
  }
  if (limited()) std::pop_heap(free_.begin(), free_.end(), std::greater<>());
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  return static_cast<SlotId>(slot);
}

void SlotMap::GiveBack(SlotId slot) {
  // One that was never filled is untouched still; one that was must stay below used().
  if (Raw(slot) + 1 == used_ && Raw(slot) >= filled_) {
    --used_;
  } else {
    AddFree(Raw(slot));
  }
}

void SlotMap::AddFree(std::uint32_t slot) {
  if (slot >= limit_) {
    held_.push_back(slot);
    return;
  }
  free_.push_back(slot);
  if (limited()) std::push_heap(free_.begin(), free_.end(), std::greater<>());
}

void SlotMap::Release(SlotId slot) {
  ENGRAM_CHECK(state(slot) == SlotState::kRetired);
  StoreSlotState(space_.mutable_base(segment_), Raw(slot), SlotState::kFree);
  AddFree(Raw(slot));
}

void SlotMap::set_limit(std::uint32_t limit) {
  clear_limit();
  limit_ = limit;
  const auto above = std::partition(free_.begin(), free_.end(),
                                    [limit](std::uint32_t slot) { return slot < limit; });
  held_.assign(above, free_.end());
  free_.erase(above, free_.end());
  std::make_heap(free_.begin(), free_.end(), std::greater<>());
}

void SlotMap::clear_limit() {
  if (!limited()) return;
  limit_ = kNoLimit;
  free_.insert(free_.end(), held_.begin(), held_.end());
  held_.clear();
  // As after Rebuild(): the lowest is to be taken first.
  std::sort(free_.begin(), free_.end(), std::greater<>());
}

void SlotMap::Cut(std::uint32_t used) {
  ENGRAM_CHECK(used <= used_);
  const auto is_cut = [used](std::uint32_t slot) { return slot >= used; };
  const std::size_t forgotten = std::erase_if(free_, is_cut) + std::erase_if(held_, is_cut);
  ENGRAM_CHECK(forgotten == used_ - used);  // or one of them is in use
  if (limited()) std::make_heap(free_.begin(), free_.end(), std::greater<>());
  used_ = used;
  filled_ = std::min(filled_, used);
}

std::uint64_t SlotMap::Available(std::uint64_t slots) const {
  const std::uint64_t end = std::min<std::uint64_t>(slots, limit_);
  return free_.size() + (end > used_ ? end - used_ : 0);
}

void SlotMap::set_used(std::uint32_t used) {
  used_ = used;
  filled_ = std::max(filled_, used);
}

}  // namespace engram
