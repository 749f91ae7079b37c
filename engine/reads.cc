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

Result<Engine::Reading> Engine::BeginRead(const std::optional<KeptState>& snapshot) {
  if (!snapshot || snapshot->line == nullptr) {
    ENGRAM_ASSIGN_OR_RETURN(Versions::Pin pin, core_.versions.Begin());
    const Sight sight =
        snapshot ? core_.SightAt(snapshot->lsn, snapshot->now_us) : core_.SightNow(pin.lsn());
    return Reading{std::move(pin), sight, !snapshot};
  }
  ENGRAM_ASSIGN_OR_RETURN(Versions::Pin pin, core_.versions.Begin(*snapshot->line));
  return Reading{std::move(pin), core_.SightAt(snapshot->lsn, snapshot->now_us), false};
}

Result<std::optional<Engine::Found>> Engine::FindVisible(PatternId id, const Sight& sight) {
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<VersionRow> row,
                          core_.meta->FindVersion(id, sight.lsn));
  if (!row.has_value()) return std::optional<Found>();
  const SlotId slot = row->SlotAt(sight.lsn);
  // Acquire: pairs with the writer's release; the row was written before.
  if (Raw(slot) >= core_.visible_slots.load(std::memory_order_acquire)) {
    return Status::CorruptedIndex(core_.MetaPath() + ": pattern " + std::to_string(id) +
                                  " names slot " + std::to_string(Raw(slot)) +
                                  ", which was never used");
  }
  ENGRAM_ASSIGN_OR_RETURN(const ConstNodeView node, core_.ReadNode(slot));
  if (node.id() != id || node.version() != row->version || !sight.Sees(node)) {
    ENGRAM_RETURN_IF_ERROR(core_.pages->CheckFaults());
    return std::optional<Found>();
  }
  return std::optional<Found>({slot, *row});
}

Result<Pattern> Engine::ReadPattern(SlotId slot, const VersionRow* row,
                                    const ReadRequest& request) {
  const ConstNodeView node = core_.Node(slot);
  Pattern pattern;
  pattern.id = node.id();
  pattern.version = node.version();
  pattern.timestamp = ToTimestamp(node.timestamp_us());
  pattern.type = node.type();
  if (!node.has_expiry()) {
    pattern.inserted_at = ToTimestamp(node.inserted_us());
  } else {
    pattern.expires_at = ToTimestamp(node.expires_us());
    std::optional<VersionRow> found;
    if (row == nullptr) {
      ENGRAM_ASSIGN_OR_RETURN(found, core_.meta->FindVersion(node.id(), node.version()));
      row = found ? &*found : nullptr;
    }
    if (row != nullptr && row->inserted_us) pattern.inserted_at = ToTimestamp(*row->inserted_us);
  }
  if (request.include_vector) pattern.vector.assign(node.vector().begin(), node.vector().end());
  if (request.include_metadata) {
    ENGRAM_ASSIGN_OR_RETURN(pattern.metadata, core_.meta->GetMetadata(node.id(), node.version()));
  }
  return pattern;
}

Result<Pattern> Engine::Get(PatternId id, const ReadRequest& request) {
  CheckOpen();
  ENGRAM_ASSIGN_OR_RETURN(const Reading reading, BeginRead(request.snapshot));
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<Found> found, FindVisible(id, reading.sight));
  if (!found.has_value()) return NotThere(id);
  auto pattern = ReadPattern(found->slot, &found->row, request);
  ENGRAM_RETURN_IF_ERROR(core_.pages->CheckFaults());
  return pattern;
}

Result<bool> Engine::Contains(PatternId id, const std::optional<KeptState>& snapshot) {
  CheckOpen();
  ENGRAM_ASSIGN_OR_RETURN(const Reading reading, BeginRead(snapshot));
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<Found> found, FindVisible(id, reading.sight));
  return found.has_value();
}

Status Engine::ForEach(const std::function<bool(const Pattern&)>& visit,
                       const ReadRequest& request) {
  CheckOpen();
  ENGRAM_ASSIGN_OR_RETURN(const Reading reading, BeginRead(request.snapshot));
  const std::uint32_t slots = core_.visible_slots.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < slots; ++i) {
    const SlotId slot = static_cast<SlotId>(i);
    const SlotState state = core_.slots->state(slot);
    if (state != SlotState::kLive && state != SlotState::kDead) continue;
    ENGRAM_ASSIGN_OR_RETURN(const ConstNodeView node, core_.ReadNode(slot));
    if (!reading.sight.Sees(node)) continue;
    ENGRAM_ASSIGN_OR_RETURN(const Pattern pattern, ReadPattern(slot, nullptr, request));
    ENGRAM_RETURN_IF_ERROR(core_.pages->CheckFaults());
    if (!visit(pattern)) return Status::Ok();
  }
  return core_.pages->CheckFaults();  // a lost page is seen by nobody
}

}  // namespace engram
