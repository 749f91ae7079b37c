// Engine's reading calls but searches: pin, look, copy out.
#include <utility>

#include "engine/engine.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

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
  ENGRAM_ASSIGN_OR_RETURN(const ConstNodeView node, core_.ReadNode(row->slot));
  if (node.id() != id || node.version() != row->version || !node.VisibleAt(at)) {
    ENGRAM_RETURN_IF_ERROR(core_.pages->CheckFaults());
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
  auto pattern = ReadPattern(*slot, request);
  ENGRAM_RETURN_IF_ERROR(core_.pages->CheckFaults());
  return pattern;
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
    ENGRAM_ASSIGN_OR_RETURN(const ConstNodeView node, core_.ReadNode(slot));
    if (!node.VisibleAt(at)) continue;
    ENGRAM_ASSIGN_OR_RETURN(const Pattern pattern, ReadPattern(slot, request));
    ENGRAM_RETURN_IF_ERROR(core_.pages->CheckFaults());
    if (!visit(pattern)) return Status::Ok();
  }
  return core_.pages->CheckFaults();  // a lost page is seen by nobody
}

}  // namespace engram
