// What each node slot is: free, live, dead or retired; the free list; and how far slots were ever
// used. Lies in the pages of the slots segment, two bits a slot, so that a checkpoint keeps it.
// Leaves deciding about states to the engine.
// Threads: one writer, many readers: state() by anyone; the rest belongs to the holder of the
// writer role.
// Implements docs/file-format.md, "Slots page".
#ifndef ENGRAM_STORAGE_SLOT_MAP_H_
#define ENGRAM_STORAGE_SLOT_MAP_H_

#include <cstdint>
#include <vector>

#include <engram/status.h>

#include "storage/base/ids.h"
#include "storage/page_space.h"

namespace engram {

class SlotMap {
 public:
  // `segment`: kNodeSlots or kUpperSlots of `space`, which must outlive this.
  SlotMap(PageSpace& space, SegmentKind segment) : space_(space), segment_(segment) {}

  // Counts and collects free slots among the first `used` ones, the lowest to be taken first: after
  // open or replay. Retired ones become free. Pre: the slots segment has their pages.
  void Rebuild(std::uint32_t used);

  // Acquire: pairs with the release in Set(); a reader that sees kLive sees the whole block.
  SlotState state(SlotId slot) const;
  // Sets a state for the commit `lsn` (release). Counts follow. Pre: the slots segment has the
  // page.
  void Set(SlotId slot, SlotState state, Lsn lsn);

  // A slot to fill: a free one, the one freed last first, else the next never used. With a limit:
  // the lowest free one below it, else the next never used below it. The slot stays free until
  // Set(). Pre: Available() of the slots that have memory is not 0.
  SlotId Take();
  // Undoes Take() of slots that were not filled, newest first.
  void GiveBack(SlotId slot);
  // A retired slot whose grace is over. In memory only: nothing becomes dirty, images have it as
  // free already.
  void Release(SlotId slot);

  // From now on Take() gives slots below `limit` alone, the lowest first: those from there on shall
  // become free, so that Cut() can forget them. Another limit replaces it.
  void set_limit(std::uint32_t limit);
  void clear_limit();
  // Forgets slots from `used` on, as if they had never been used. Pre: all of them are free, none
  // is taken or in its grace. Not for replay, which has set_used(), and no list until Rebuild().
  void Cut(std::uint32_t used);

  std::uint32_t used() const { return used_; }  // slots below it were used at some time
  void set_used(std::uint32_t used);            // replay
  std::uint64_t live() const { return live_; }
  std::uint64_t dead() const { return dead_; }
  // Reusable below used(), as far as they lie below the limit.
  std::uint64_t free() const { return free_.size(); }
  // The others: free at or above the limit; 0 where there is none.
  std::uint64_t held() const { return held_.size(); }
  // How many Take() can give where the first `slots` slots have memory. Pre: used() <= slots.
  std::uint64_t Available(std::uint64_t slots) const;

  // Whether there is a limit.
  bool limited() const { return limit_ != kNoLimit; }

 private:
  // Below used(): where Take() finds it, or where clear_limit() does.
  void AddFree(std::uint32_t slot);

  static constexpr std::uint32_t kNoLimit = static_cast<std::uint32_t>(SlotId::kNone);

  PageSpace& space_;
  const SegmentKind segment_;
  // Without a limit a stack; with one a heap, its lowest slot in front.
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> held_;
  std::uint32_t limit_ = kNoLimit;
  std::uint32_t used_ = 0;
  // Behind the last slot that ever got a state; those from here to used_ are taken and untouched.
  std::uint32_t filled_ = 0;
  std::uint64_t live_ = 0;
  std::uint64_t dead_ = 0;
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_SLOT_MAP_H_
