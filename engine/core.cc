#include "engine/core.h"

#include <algorithm>

namespace engram {

Graph Core::GraphNow() const {
  const auto at_most = [](std::uint64_t count) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(count, kMostElements));
  };
  const auto limit = [&](SegmentKind blocks, std::uint32_t per_page, SegmentKind states) {
    return at_most(std::min(std::uint64_t{pages->page_count(blocks)} * per_page,
                            std::uint64_t{pages->page_count(states)} * kSlotsPerPage));
  };
  GraphMemory memory;
  memory.nodes = pages->base(SegmentKind::kNodes);
  memory.upper = pages->base(SegmentKind::kUpper);
  memory.node_slots = pages->base(SegmentKind::kNodeSlots);
  memory.layout = layout.get();
  memory.node_limit =
      limit(SegmentKind::kNodes, layout->blocks_per_page(), SegmentKind::kNodeSlots);
  memory.upper_limit =
      limit(SegmentKind::kUpper, layout->upper_blocks_per_page(), SegmentKind::kUpperSlots);
  return Graph(memory);
}

}  // namespace engram
