// Reads and writes the parts of one node block: the only place with pointer arithmetic inside of
// blocks.
// Leaves to others: finding the block, checksums, bounds of what links say, and telling readers of
// a new block (by its slot's state, storage/slot_bits.h).
// valid_to, flags, link count and links are atomic, since they change under readers; everything
// else is written once, before the slot's state tells of the block. Threads: one writer, many
// readers. Implements docs/file-format.md, "Node block".
#ifndef ENGRAM_INDEX_NODE_VIEW_H_
#define ENGRAM_INDEX_NODE_VIEW_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include <engram/types.h>

#include "index/links.h"
#include "index/node_layout.h"
#include "storage/base/ids.h"

namespace engram {

// Borrows block and layout; valid while the slot is pinned. Pre: `block` is aligned to 64 bytes.
class ConstNodeView {
 public:
  ConstNodeView(const std::byte* block, const NodeLayout& layout)
      : block_(block), layout_(&layout) {}

  PatternId id() const { return header().id; }
  Lsn version() const { return header().version; }
  Lsn valid_from() const { return header().valid_from; }
  Lsn valid_to() const {  // acquire: pairs with NodeView::SetValidTo()
    return std::atomic_ref(const_cast<Lsn&>(header().valid_to)).load(std::memory_order_acquire);
  }
  std::int64_t timestamp_us() const { return header().timestamp_us; }
  // kNeverExpires where it does not by itself.
  std::int64_t expires_us() const { return has_expiry() ? header().when_us : kNeverExpires; }
  std::uint8_t flags() const {
    return std::atomic_ref(const_cast<std::uint8_t&>(header().flags))
        .load(std::memory_order_relaxed);
  }
  bool has_expiry() const { return Has(NodeFlag::kExpires); }
  bool is_moved() const { return Has(NodeFlag::kMoved); }
  // Pre: !has_expiry(): then only its row knows.
  std::int64_t inserted_us() const { return header().when_us; }
  TypeTag type() const { return header().type; }
  float norm() const { return header().norm; }
  std::uint32_t upper() const { return header().upper; }
  std::uint8_t level() const { return header().level; }
  bool VisibleAt(Lsn snapshot) const { return valid_from() <= snapshot && snapshot < valid_to(); }

  VectorView vector() const {
    return {reinterpret_cast<const float*>(block_ + layout_->vector_offset()),
            layout_->dimensions()};
  }

  // At level 0.
  ConstLinks links() const {
    return {reinterpret_cast<const SlotId*>(block_ + layout_->links_offset()), &header().link_count,
            layout_->max_links0()};
  }

 protected:
  // Relaxed: kExpires is written with the block, kMoved is for the writer alone.
  bool Has(NodeFlag flag) const { return (flags() & static_cast<std::uint8_t>(flag)) != 0; }
  // Casts away const for the atomic accesses only: atomic_ref of C++20 takes no const object.
  const NodeHeader& header() const { return *reinterpret_cast<const NodeHeader*>(block_); }

  const std::byte* block_;
  const NodeLayout* layout_;
};

// What a new node consists of.
struct NodeContents {
  PatternId id = 0;
  Lsn version = Lsn::kNone;
  Lsn valid_from = Lsn::kNone;
  std::int64_t timestamp_us = 0;
  std::int64_t inserted_us = 0;  // kept where it does not expire
  std::int64_t expires_us = kNeverExpires;
  TypeTag type = 0;
  std::uint32_t upper = kNoUpper;
  std::uint8_t level = 0;
  float norm = 0;                     // of the vector, by Norm() of index/metric.h
  std::span<const std::byte> vector;  // layout.dimensions() floats, aligned or not
};

// For the writer alone.
class NodeView : public ConstNodeView {
 public:
  NodeView(std::byte* block, const NodeLayout& layout) : ConstNodeView(block, layout) {}

  // Sets each byte of the block: a live node without links; every unused link is SlotId::kNone,
  // padding and codes are zero. Commit and replay both call it, so that bytes are the same (I12).
  // Pre: no reader may look at the block: its slot is free and its grace is over.
  void WriteNode(const NodeContents& contents);

  void SetMoved() {
    std::atomic_ref(mutable_header().flags)
        .fetch_or(static_cast<std::uint8_t>(NodeFlag::kMoved), std::memory_order_relaxed);
  }
  // Sets each byte of the block to zero. Pre: as WriteNode().
  void Wipe();

  void SetValidTo(Lsn lsn) {
    std::atomic_ref(mutable_header().valid_to)
        .store(lsn, std::memory_order_release);  // pairs with valid_to()
  }
  Links links() {
    std::byte* block = mutable_block();
    return {reinterpret_cast<SlotId*>(block + layout_->links_offset()),
            &mutable_header().link_count, layout_->max_links0()};
  }

 private:
  // The constructor took a block that may be written.
  std::byte* mutable_block() { return const_cast<std::byte*>(block_); }
  NodeHeader& mutable_header() { return const_cast<NodeHeader&>(header()); }
};

}  // namespace engram

#endif  // ENGRAM_INDEX_NODE_VIEW_H_
