// The scan: looks at every pattern of a range of slots that a snapshot sees, and keeps the k
// nearest.
// Leaves to others: dividing the work among threads, merging, pins that keep slots from reuse,
// checksums.
// Threads: one writer, many readers; each reader with its own TopK and ScanStats.
// Implements docs/architecture.md, "Life of a search".
#ifndef ENGRAM_INDEX_EXACT_SEARCH_H_
#define ENGRAM_INDEX_EXACT_SEARCH_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <engram/types.h>

#include "index/metric.h"
#include "index/node_layout.h"
#include "index/sight.h"
#include "index/top_k.h"
#include "storage/base/ids.h"
#include "storage/page_guard.h"

namespace engram {

// Where the nodes lie. All that it names outlives the scan.
struct ScanSource {
  const std::byte* nodes = nullptr;  // page 0 of the nodes segment, the others behind it
  const std::byte* slots = nullptr;  // the same of the slots segment
  const NodeLayout* layout = nullptr;
  std::uint32_t node_slots = 0;  // slots at or above it are not looked at
  PageGuard guard;  // asked before a node is looked at; those of bad pages are left out
};

struct ScanRequest {
  const QueryScorer* query = nullptr;
  Sight sight;
  std::optional<std::chrono::steady_clock::time_point> deadline;
};

struct ScanStats {
  std::uint64_t slots = 0;     // whose state was looked at
  std::uint64_t compared = 0;  // vectors whose distance was computed
};

// Pushes what `request.sight` sees of the slots begin <= s < end into `top`; adds to `stats`.
// False where it gave up before the end, since the deadline passed or `stop` was set: looked at
// every 1,024 slots and also at the start. `stop` may be nullptr. Pre: the caller holds a pin since
// before it read `node_slots`.
bool ScanRange(const ScanSource& source, const ScanRequest& request, SlotId begin, SlotId end,
               const std::atomic<bool>* stop, TopK* top, ScanStats* stats);

}  // namespace engram

#endif  // ENGRAM_INDEX_EXACT_SEARCH_H_
