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

  // A slot to fill: a free one, the one freed last first, else the next never used. The slot stays
  // free until Set().
  SlotId Take();
  // Undoes Take() of slots that were not filled, newest first.
  void GiveBack(SlotId slot);
  // A retired slot whose grace is over. In memory only: nothing becomes dirty, images have it as
  // free already.
  void Release(SlotId slot);

  std::uint32_t used() const { return used_; }  // slots below it were used at some time
  void set_used(std::uint32_t used);            // replay
  std::uint64_t live() const { return live_; }
  std::uint64_t dead() const { return dead_; }
  std::uint64_t free() const { return free_.size(); }  // reusable below used()

 private:
  PageSpace& space_;
  const SegmentKind segment_;
  std::vector<std::uint32_t> free_;
  std::uint32_t used_ = 0;
  // Behind the last slot that ever got a state; those from here to used_ are taken and untouched.
  std::uint32_t filled_ = 0;
  std::uint64_t live_ = 0;
  std::uint64_t dead_ = 0;
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_SLOT_MAP_H_
