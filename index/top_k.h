// The k nearest of all that was pushed; ties go to the lower id, so that the answer does not depend
// on order or on how a scan was divided.
// Threads: one thread; after its work another one may merge it.
// Implements docs/architecture.md, "Life of a search".
#ifndef ENGRAM_INDEX_TOP_K_H_
#define ENGRAM_INDEX_TOP_K_H_

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <engram/types.h>

#include "storage/base/check.h"
#include "storage/base/ids.h"

namespace engram {

struct ScoredSlot {
  float distance;
  SlotId slot;
  PatternId id;
  // Nearer, or as near with a lower id. Distances are never NaN (index/metric.h).
  friend bool operator<(const ScoredSlot& a, const ScoredSlot& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.id < b.id;
  }
};

class TopK {
 public:
  explicit TopK(std::size_t k) { Reset(k); }

  // Forgets everything. Pre: 1 <= k, bounded by the caller: memory for all k is taken here, and
  // only here.
  void Reset(std::size_t k) {
    ENGRAM_CHECK(k >= 1);
    k_ = k;
    heap_.clear();
    heap_.reserve(k);
  }

  void Push(const ScoredSlot& scored) {
    if (heap_.size() == k_) {
      if (!(scored < heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.back() = scored;
    } else {
      heap_.push_back(scored);
    }
    std::push_heap(heap_.begin(), heap_.end());
  }

  // Pushes all that `other` holds. `other` may be sorted.
  void Merge(const TopK& other) {
    for (const ScoredSlot& scored : other.heap_) Push(scored);
  }

  // Nearest first; valid until the next call. Only Reset() may follow, or being merged into
  // another.
  std::span<const ScoredSlot> Sort() {
    std::sort_heap(heap_.begin(), heap_.end());
    return heap_;
  }

  std::size_t size() const { return heap_.size(); }

 private:
  std::size_t k_ = 0;
  std::vector<ScoredSlot> heap_;  // the farthest in front
};

}  // namespace engram

#endif  // ENGRAM_INDEX_TOP_K_H_
