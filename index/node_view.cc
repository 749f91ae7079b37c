#include "index/node_view.h"

#include <cstring>

#include "storage/base/check.h"

namespace engram {

void NodeView::WriteNode(const NodeContents& contents) {
  ENGRAM_CHECK(contents.vector.size() == layout_->dimensions() * sizeof(float));
  const bool expires = contents.expires_us != kNeverExpires;
  const NodeHeader header = {
      .id = contents.id,
      .version = contents.version,
      .valid_from = contents.valid_from,
      .valid_to = kForever,
      .timestamp_us = contents.timestamp_us,
      .when_us = expires ? contents.expires_us : contents.inserted_us,
      .type = contents.type,
      .norm = contents.norm,
      .upper = contents.upper,
      .link_count = 0,
      .level = contents.level,
      .flags = expires ? static_cast<std::uint8_t>(NodeFlag::kExpires) : std::uint8_t{0},
  };
  static_assert(static_cast<std::uint32_t>(SlotId::kNone) == 0xffffffff, "memset writes it");
  const std::size_t vector_end = layout_->vector_offset() + contents.vector.size();
  const std::size_t links_end = layout_->links_offset() + layout_->max_links0() * sizeof(SlotId);

  std::byte* block = mutable_block();
  std::memcpy(block, &header, sizeof(header));
  std::memcpy(block + layout_->vector_offset(), contents.vector.data(), contents.vector.size());
  std::memset(block + vector_end, 0, layout_->links_offset() - vector_end);
  std::memset(block + layout_->links_offset(), 0xff, links_end - layout_->links_offset());
  std::memset(block + links_end, 0, layout_->block_bytes() - links_end);
}

void NodeView::Wipe() { std::memset(mutable_block(), 0, layout_->block_bytes()); }

}  // namespace engram
