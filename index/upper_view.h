// Reads and writes one upper block: the links of one node at one level above 0.
// Leaves to others: finding the block (index/graph.h), checksums, bounds of what links say.
// The header is written once, before the node's slot tells of it; the links change under readers.
// Threads: one writer, many readers. Implements docs/file-format.md, "Upper block".
#ifndef ENGRAM_INDEX_UPPER_VIEW_H_
#define ENGRAM_INDEX_UPPER_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "index/links.h"
#include "index/node_layout.h"
#include "storage/base/ids.h"

namespace engram {

// Borrows block and layout. Pre: `block` is aligned to 16 bytes.
class ConstUpperView {
 public:
  ConstUpperView(const std::byte* block, const NodeLayout& layout)
      : block_(block), layout_(&layout) {}

  SlotId node() const { return static_cast<SlotId>(header().node); }
  std::uint32_t above() const { return header().above; }
  std::uint8_t level() const { return header().level; }
  ConstLinks links() const {
    return {reinterpret_cast<const SlotId*>(block_ + sizeof(UpperHeader)), &header().link_count,
            layout_->max_links()};
  }

 protected:
  const UpperHeader& header() const { return *reinterpret_cast<const UpperHeader*>(block_); }

  const std::byte* block_;
  const NodeLayout* layout_;
};

// For the writer alone.
class UpperView : public ConstUpperView {
 public:
  UpperView(std::byte* block, const NodeLayout& layout) : ConstUpperView(block, layout) {}

  // Sets each byte of the block: no links, every position clear, padding zero.
  // Pre: no reader may look at the block: it is free and its grace is over.
  void Write(SlotId node, std::uint8_t level, std::uint32_t above) {
    UpperHeader fresh{};
    fresh.node = static_cast<std::uint32_t>(node);
    fresh.above = above;
    fresh.level = level;
    const std::size_t links_bytes = layout_->max_links() * sizeof(SlotId);
    std::byte* block = mutable_block();
    std::memcpy(block, &fresh, sizeof(fresh));
    static_assert(static_cast<std::uint32_t>(SlotId::kNone) == 0xffffffff, "memset writes it");
    std::memset(block + sizeof(fresh), 0xff, links_bytes);
    std::memset(block + sizeof(fresh) + links_bytes, 0,
                layout_->upper_block_bytes() - sizeof(fresh) - links_bytes);
  }

  Links links() {
    std::byte* block = mutable_block();
    return {reinterpret_cast<SlotId*>(block + sizeof(UpperHeader)),
            &reinterpret_cast<UpperHeader*>(block)->link_count, layout_->max_links()};
  }

 private:
  std::byte* mutable_block() { return const_cast<std::byte*>(block_); }  // it may be written
};

}  // namespace engram

#endif  // ENGRAM_INDEX_UPPER_VIEW_H_
