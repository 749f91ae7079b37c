// Engine's reading calls: pin, look, copy out.
#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "index/exact_search.h"
#include "index/metric.h"
#include "index/top_k.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

// A scan is divided into ranges of about this much memory, and not at all below it.
constexpr std::uint64_t kRangeBytes = 4ull << 20;

Timestamp ToTimestamp(std::int64_t us) { return Timestamp(std::chrono::microseconds(us)); }

Status NotThere(PatternId id) {
  return Status::NotFound("pattern " + std::to_string(id) + " is not in the store");
}

}  // namespace

Result<std::optional<SlotId>> Engine::FindVisible(PatternId id, Lsn at) {
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<VersionRow> row, core_.meta->FindVersion(id, at));
  if (!row.has_value()) return std::optional<SlotId>();
  // Acquire: pairs with the writer's release; the row was written before.
  if (Raw(row->slot) >= core_.visible_slots.load(std::memory_order_acquire)) {
    return Status::CorruptedIndex(core_.MetaPath() + ": pattern " + std::to_string(id) +
                                  " names slot " + std::to_string(Raw(row->slot)) +
                                  ", which was never used");
  }
  const ConstNodeView node = core_.Node(row->slot);
  if (node.id() != id || node.version() != row->version || !node.VisibleAt(at)) {
    return std::optional<SlotId>();
  }
  return std::optional<SlotId>(row->slot);
}

Result<Pattern> Engine::ReadPattern(SlotId slot, const ReadRequest& request) {
  const ConstNodeView node = core_.Node(slot);
  Pattern pattern;
  pattern.id = node.id();
  pattern.version = node.version();
  pattern.timestamp = ToTimestamp(node.timestamp_us());
  pattern.inserted_at = ToTimestamp(node.inserted_us());
  pattern.type = node.type();
  if (request.include_vector) pattern.vector.assign(node.vector().begin(), node.vector().end());
  if (request.include_metadata) {
    ENGRAM_ASSIGN_OR_RETURN(pattern.metadata, core_.meta->GetMetadata(node.id(), node.version()));
  }
  return pattern;
}

Result<Pattern> Engine::Get(PatternId id, const ReadRequest& request) {
  CheckOpen();
  ENGRAM_ASSIGN_OR_RETURN(const Versions::Pin pin, core_.versions.Begin());
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<SlotId> slot,
                          FindVisible(id, request.snapshot.value_or(pin.lsn())));
  if (!slot.has_value()) return NotThere(id);
  return ReadPattern(*slot, request);
}

Result<bool> Engine::Contains(PatternId id, std::optional<Lsn> snapshot) {
  CheckOpen();
  ENGRAM_ASSIGN_OR_RETURN(const Versions::Pin pin, core_.versions.Begin());
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<SlotId> slot,
                          FindVisible(id, snapshot.value_or(pin.lsn())));
  return slot.has_value();
}

Status Engine::ForEach(const std::function<bool(const Pattern&)>& visit,
                       const ReadRequest& request) {
  CheckOpen();
  ENGRAM_ASSIGN_OR_RETURN(const Versions::Pin pin, core_.versions.Begin());
  const Lsn at = request.snapshot.value_or(pin.lsn());
  const std::uint32_t slots = core_.visible_slots.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < slots; ++i) {
    const SlotId slot = static_cast<SlotId>(i);
    const SlotState state = core_.slots->state(slot);
    if (state != SlotState::kLive && state != SlotState::kDead) continue;
    if (!core_.Node(slot).VisibleAt(at)) continue;
    ENGRAM_ASSIGN_OR_RETURN(const Pattern pattern, ReadPattern(slot, request));
    if (!visit(pattern)) break;
  }
  return Status::Ok();
}

Result<SearchResult> Engine::Search(const SearchRequest& request) {
  CheckOpen();
  core_.counters.searches.fetch_add(1, std::memory_order_relaxed);
  ENGRAM_ASSIGN_OR_RETURN(const Versions::Pin pin, core_.versions.Begin());
  return Scan(request, request.snapshot.value_or(pin.lsn()));
}

Result<SearchResult> Engine::Scan(const SearchRequest& request, Lsn at) {
  const QueryScorer scorer(metric(), request.query);
  ScanSource source;
  source.nodes = core_.pages->base(SegmentKind::kNodes);
  source.slots = core_.pages->base(SegmentKind::kNodeSlots);
  source.layout = core_.layout.get();
  source.node_slots = core_.visible_slots.load(std::memory_order_acquire);
  const ScanRequest scan{&scorer, at, request.deadline};

  const std::uint64_t bytes = std::uint64_t{source.node_slots} * core_.layout->block_bytes();
  const std::size_t ranges = std::max<std::size_t>(1, bytes / kRangeBytes);
  const std::uint64_t per_range = source.node_slots / ranges + 1;
  // No more than there are: k may be far larger than the store.
  TopK top(std::clamp<std::size_t>(request.k, 1, std::max(source.node_slots, 1u)));
  ScanStats stats;
  bool complete = true;
  Mutex mutex;
  std::atomic<bool> stop{false};  // relaxed inside the scan: saves work only
  pool_->Run(ranges, [&](std::size_t range) {
    TopK part(std::clamp<std::size_t>(request.k, 1, per_range));
    ScanStats part_stats;
    const auto begin =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(range * per_range, source.node_slots));
    const auto end =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(begin + per_range, source.node_slots));
    const bool whole = ScanRange(source, scan, static_cast<SlotId>(begin), static_cast<SlotId>(end),
                                 &stop, &part, &part_stats);
    if (!whole) stop.store(true, std::memory_order_relaxed);
    MutexLock lock(mutex);
    top.Merge(part);
    stats.compared += part_stats.compared;
    complete = complete && whole;
  });

  const auto found = top.Sort();
  if (found.empty() && !complete) {
    return Status::SearchTimeout("the deadline passed before the first hit");
  }
  if (found.empty()) {
    return Status::EmptyIndex(core_.directory + " holds no pattern at commit " +
                              std::to_string(Raw(at)));
  }
  SearchResult result;
  result.partial = !complete;
  result.lsn = at;
  result.compared = stats.compared;
  result.hits.reserve(found.size());
  for (const ScoredSlot& scored : found) {
    ENGRAM_ASSIGN_OR_RETURN(Hit hit, MakeHit(scored.slot, scored.id, scored.distance, request));
    result.hits.push_back(std::move(hit));
  }
  return result;
}

Result<Hit> Engine::MakeHit(SlotId slot, PatternId id, float distance,
                            const SearchRequest& request) {
  Hit hit;
  hit.id = id;
  hit.distance = distance;
  const ConstNodeView node = core_.Node(slot);
  if (request.include_vector) hit.vector.assign(node.vector().begin(), node.vector().end());
  if (request.include_metadata) {
    ENGRAM_ASSIGN_OR_RETURN(hit.metadata, core_.meta->GetMetadata(id, node.version()));
  }
  return hit;
}

}  // namespace engram
