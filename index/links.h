// One list of links: of a node at one level, in its block (level 0) or in an upper block. Positions
// below count() are in use or clear; those at or above it are clear. A reader may see a mixture of
// old and new links, each of them safe to follow.
// Leaves to others: bounds of what links say, and which lists there are (index/graph.h).
// Threads: one writer, many readers. Implements docs/concurrency.md, "Links".
#ifndef ENGRAM_INDEX_LINKS_H_
#define ENGRAM_INDEX_LINKS_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "storage/base/ids.h"

namespace engram {

// Borrows; valid while the node's slot is pinned.
class ConstLinks {
 public:
  ConstLinks() = default;  // of no node: empty
  ConstLinks(const SlotId* links, const std::uint16_t* count, std::uint32_t capacity)
      : links_(links), count_(count), capacity_(capacity) {}

  std::uint32_t capacity() const { return capacity_; }
  // Never more than the capacity, whatever the block says.
  std::uint32_t count() const { return std::min(said(), capacity_); }
  // What the block says, which may be more where it is damaged.
  std::uint32_t said() const {
    if (count_ == nullptr) return 0;
    // atomic_ref of C++20 takes no const object; a load does not write.
    return std::atomic_ref(const_cast<std::uint16_t&>(*count_))
        .load(std::memory_order_acquire);  // pairs with SetCount()
  }
  // kNone where the position is clear. Pre: position < capacity().
  SlotId operator[](std::uint32_t position) const {
    return std::atomic_ref(const_cast<SlotId&>(links_[position]))
        .load(std::memory_order_acquire);  // pairs with Links::Set()
  }
  const SlotId* data() const { return links_; }

 protected:
  const SlotId* links_ = nullptr;
  const std::uint16_t* count_ = nullptr;
  std::uint32_t capacity_ = 0;
};

// For the writer alone.
class Links : public ConstLinks {
 public:
  Links(SlotId* links, std::uint16_t* count, std::uint32_t capacity)
      : ConstLinks(links, count, capacity) {}

  // The neighbour's block was complete before. Pre: position < capacity().
  void Set(std::uint32_t position, SlotId neighbour) {
    // The constructor took links that may be written.
    std::atomic_ref(const_cast<SlotId&>(links_[position]))
        .store(neighbour, std::memory_order_release);  // pairs with operator[]
  }
  void SetCount(std::uint32_t count) {
    std::atomic_ref(const_cast<std::uint16_t&>(*count_))
        .store(static_cast<std::uint16_t>(count), std::memory_order_release);  // pairs with count()
  }
};

}  // namespace engram

#endif  // ENGRAM_INDEX_LINKS_H_
