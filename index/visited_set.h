// The slots a walk has come by: open addressing in a table that follows the walk's size, not the
// store's, so that it stays in the processor's cache.
// Threads: one thread.
#ifndef ENGRAM_INDEX_VISITED_SET_H_
#define ENGRAM_INDEX_VISITED_SET_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "storage/base/ids.h"

namespace engram {

class VisitedSet {
 public:
  // Forgets everything; about `expected` slots will come.
  void Reset(std::size_t expected) {
    const std::size_t size = std::bit_ceil(std::max(kLeast, 2 * expected));
    if (table_.size() < size) table_.resize(size);
    std::fill_n(table_.begin(), size, kEmpty);
    mask_ = static_cast<std::uint32_t>(size - 1);
    count_ = 0;
  }

  // False where it is there already. Pre: not kNone.
  bool Insert(SlotId slot) {
    const auto value = static_cast<std::uint32_t>(slot);
    std::uint32_t at = Place(value);
    for (; table_[at] != kEmpty; at = (at + 1) & mask_) {
      if (table_[at] == value) return false;
    }
    table_[at] = value;
    if (++count_ * 3 > std::size_t{mask_} * 2) Grow();
    return true;
  }

 private:
  static constexpr std::size_t kLeast = 256;
  static constexpr std::uint32_t kEmpty = static_cast<std::uint32_t>(SlotId::kNone);

  // Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): the product's high bits.
  std::uint32_t Place(std::uint32_t value) const {
    return static_cast<std::uint32_t>(value * 0x9e3779b97f4a7c15 >> 32) & mask_;
  }

  void Grow() {
    old_.assign(table_.begin(), table_.begin() + mask_ + 1);
    Reset(old_.size());
    for (const std::uint32_t value : old_) {
      if (value != kEmpty) Insert(static_cast<SlotId>(value));
    }
  }

  std::vector<std::uint32_t> table_;
  std::vector<std::uint32_t> old_;  // while it grows; kept, so that a warm set allocates nothing
  std::uint32_t mask_ = 0;          // table entries in use - 1
  std::size_t count_ = 0;
};

}  // namespace engram

#endif  // ENGRAM_INDEX_VISITED_SET_H_
