#include "engine/core.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "storage/base/coding.h"
#include "storage/base/status_macros.h"

namespace engram {

Result<ConstNodeView> Core::ReadNode(SlotId slot) const {
  const PageId page = layout->PageOf(slot);
  if (pages->IsMapped(SegmentKind::kNodes)) {
    if (pages->IsUnwritten(page)) {
      return Status::CorruptedIndex(GraphPath() + ": slot " + std::to_string(Raw(slot)) +
                                    " is in use, but its page was never written");
    }
    ENGRAM_RETURN_IF_ERROR(pages->Check(page));
  }
  return Node(slot);
}

void Core::LetLeadersIn() const {
  constexpr int kNaps = 20;
  constexpr std::chrono::microseconds kNap{50};
  for (int i = 0; i < kNaps && waiting_leaders.load(std::memory_order_relaxed) > 0; ++i) {
    std::this_thread::sleep_for(kNap);
  }
}

void Core::Note(News news) {
  noted.fetch_or(static_cast<std::uint32_t>(news), std::memory_order_relaxed);
}

void Core::TellNews() {
  const std::uint32_t fresh = noted.load(std::memory_order_relaxed);
  if ((fresh & ~told.load(std::memory_order_relaxed)) == 0) return;
  const std::uint32_t untold = fresh & ~told.fetch_or(fresh, std::memory_order_relaxed);
  const auto is_new = [&](News news) { return (untold & static_cast<std::uint32_t>(news)) != 0; };
  if (is_new(News::kBudgetNear)) {
    logger.Warning(directory + ": the pages held in memory come near memory_budget_bytes, " +
                   std::to_string(options().memory_budget_bytes) +
                   ": raise it, or open the store with residency kMapped");
  }
  if (is_new(News::kCopiesKept)) {
    logger.Warning(directory +
                   ": the system does not give back changed pages, as the process has " +
                   "locked its memory: they stay until the store is closed");
  }
}

Graph Core::GraphNow(PageErrors& errors) const {
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
  memory.guard = pages->Guard(errors);
  return Graph(memory);
}

}  // namespace engram
