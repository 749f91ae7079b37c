// The nearest nodes that a walk has found, in one array by distance: at once the candidates and the
// results of arXiv 1603.09320, algorithm 2. Keeps the `ef` nearest that count, and whatever does
// not count but is nearer than the last of them: nodes to walk over, never to return.
// Threads: one thread.
#ifndef ENGRAM_INDEX_CANDIDATE_POOL_H_
#define ENGRAM_INDEX_CANDIDATE_POOL_H_

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "storage/base/ids.h"

namespace engram {

struct PoolEntry {
  float distance;
  SlotId slot;
  bool expanded;  // its links were followed
  bool counts;    // it may be returned
};

class CandidatePool {
 public:
  // Forgets everything. Pre: ef >= 1.
  void Reset(std::size_t ef) {
    ef_ = ef;
    counting_ = 0;
    next_ = 0;
    entries_.clear();
  }

  // Whether a node at this distance would be kept.
  bool Wants(float distance) const {
    return counting_ < ef_ || distance < entries_.back().distance;
  }

  // True where the new entry is now the nearest one not expanded. Pre: Wants(distance).
  bool Insert(float distance, SlotId slot, bool counts) {
    const auto place = std::upper_bound(
        entries_.begin(), entries_.end(), distance,
        [](float value, const PoolEntry& entry) { return value < entry.distance; });
    const auto index = static_cast<std::size_t>(place - entries_.begin());
    entries_.insert(place, {distance, slot, false, counts});
    if (counts && ++counting_ > ef_) DropLast();
    if (counting_ == ef_) Trim();
    if (index >= next_) return index == next_ && index < entries_.size();
    next_ = index;
    return true;
  }

  // The nearest entry not expanded, which is expanded by that; nullptr: there is none. Valid until
  // the next call that is not const.
  PoolEntry* TakeNext() {
    SkipExpanded();
    if (next_ == entries_.size()) return nullptr;
    PoolEntry& entry = entries_[next_++];
    entry.expanded = true;
    return &entry;
  }
  // What TakeNext() would take; nullptr: nothing.
  const PoolEntry* PeekNext() {
    SkipExpanded();
    return next_ == entries_.size() ? nullptr : &entries_[next_];
  }

  // The entry must not be returned. Pre: it counts.
  void Discount(PoolEntry& entry) {
    entry.counts = false;
    --counting_;
  }

  // By distance.
  std::span<const PoolEntry> entries() const { return entries_; }
  std::size_t counting() const { return counting_; }

 private:
  void SkipExpanded() {
    while (next_ < entries_.size() && entries_[next_].expanded) ++next_;
  }
  // Drops the last one that counts, and all behind it.
  void DropLast() {
    Trim();
    entries_.pop_back();
    --counting_;
  }
  // Drops what lies behind the last one that counts.
  void Trim() {
    while (!entries_.back().counts) entries_.pop_back();
    next_ = std::min(next_, entries_.size());
  }

  std::size_t ef_ = 1;
  std::size_t counting_ = 0;
  std::size_t next_ = 0;  // every entry before it is expanded
  std::vector<PoolEntry> entries_;
};

}  // namespace engram

#endif  // ENGRAM_INDEX_CANDIDATE_POOL_H_
