// The graph as it lies in memory: nodes, their links at each level, the states of their slots. No
// link is believed: what leads outside of the segments is reported as missing.
// Leaves to others: pins, what a snapshot sees, changing the graph (index/linker.h).
// Threads: immutable; what it looks at has one writer and many readers.
// Implements docs/hnsw.md, "What lies where".
#ifndef ENGRAM_INDEX_GRAPH_H_
#define ENGRAM_INDEX_GRAPH_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "index/links.h"
#include "index/node_layout.h"
#include "index/node_view.h"
#include "index/upper_view.h"
#include "storage/base/ids.h"
#include "storage/page_guard.h"
#include "storage/slot_bits.h"

namespace engram {

// Where a walk begins. kNone: the graph is empty.
struct EntryPoint {
  SlotId slot = SlotId::kNone;
  std::uint32_t level = 0;
  friend bool operator==(const EntryPoint&, const EntryPoint&) = default;
};

// Where the segments lie, and how much of each has memory. All that it names outlives the graph.
struct GraphMemory {
  const std::byte* nodes = nullptr;  // page 0 of the segment, the others behind it
  const std::byte* upper = nullptr;
  const std::byte* node_slots = nullptr;  // the states of the nodes' slots
  const NodeLayout* layout = nullptr;
  std::uint32_t node_limit = 0;   // slots below it lie in memory
  std::uint32_t upper_limit = 0;  // upper blocks below it do
  PageGuard guard;                // asked before a node is looked at
};

// Asks for the lines of a vector or a list, as far as it is worth it: the processor fetches the
// rest of a long one by itself. Into the second-level cache: the first has too few lines on their
// way for all neighbours of a node (docs/benchmarks.md).
inline void Prefetch(const std::byte* from, std::size_t bytes) {
  constexpr std::size_t kMostBytes = 1024;
  constexpr int kForReading = 0;
  constexpr int kSecondLevel = 2;
  for (std::size_t at = 0; at < std::min(bytes, kMostBytes); at += kCacheLineBytes) {
    __builtin_prefetch(from + at, kForReading, kSecondLevel);
  }
  // gcc takes a function that only prefetches for one without effect, and drops the calls.
  asm volatile("");
}

class Graph {
 public:
  explicit Graph(const GraphMemory& memory) : memory_(memory), layout_(*memory.layout) {}

  const NodeLayout& layout() const { return layout_; }
  std::uint32_t node_limit() const { return memory_.node_limit; }

  // Whether the slot lies in memory; false for kNone.
  bool Has(SlotId slot) const { return static_cast<std::uint32_t>(slot) < memory_.node_limit; }
  // Whether a page that was wanted is bad: what the graph said since may be wrong, and is to lead
  // to nothing.
  bool failed() const { return memory_.guard.failed(); }
  // Pre, of these: Has(slot).
  // Where the node lies, for prefetching alone: its page may be bad.
  const std::byte* Block(SlotId slot) const {
    return memory_.nodes + layout_.OffsetInSegment(slot);
  }
  // A node of a bad page looks empty: id 0, no links, seen by nobody.
  ConstNodeView Node(SlotId slot) const {
    if (memory_.guard.MayUse(layout_.PageOf(slot))) return {Block(slot), layout_};
    return {EmptyBlock(), layout_};
  }
  SlotState state(SlotId slot) const {
    return LoadSlotState(memory_.node_slots, static_cast<std::uint32_t>(slot));
  }

  bool HasUpper(std::uint32_t block) const { return block < memory_.upper_limit; }
  // Pre: HasUpper(block).
  ConstUpperView Upper(std::uint32_t block) const {
    return {memory_.upper +
                std::size_t{static_cast<std::uint32_t>(layout_.UpperPageOf(block))} *
                    layout_.page_bytes() +
                layout_.UpperOffsetInPage(block),
            layout_};
  }

  // The number of the node's upper block at `level`; nullopt where the node, as it lies there, has
  // none. Pre: Has(slot), level > 0.
  std::optional<std::uint32_t> UpperBlock(SlotId slot, std::uint32_t level) const;

  // The node's links at `level`; empty where the node, as it lies there, does not reach it.
  // Pre: Has(slot).
  ConstLinks LinksAt(SlotId slot, std::uint32_t level) const;

  // Calls `visit` with each neighbour at `level` that lies in memory. Pre: Has(slot).
  template <typename Visit>
  void ForEachNeighbour(SlotId slot, std::uint32_t level, Visit visit) const {
    const ConstLinks links = LinksAt(slot, level);
    const std::uint32_t count = links.count();
    for (std::uint32_t i = 0; i < count; ++i) {
      if (const SlotId to = links[i]; Has(to)) visit(to);
    }
  }

 private:
  static const std::byte* EmptyBlock();

  GraphMemory memory_;
  const NodeLayout& layout_;
};

}  // namespace engram

#endif  // ENGRAM_INDEX_GRAPH_H_
