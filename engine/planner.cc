#include "engine/planner.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "engine/apply.h"
#include "index/node_key.h"
#include "index/node_view.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/meta_codec.h"
#include "wal/log_format.h"

namespace engram {
namespace {

// Ids reserved beyond the need, where a commit may be lost that used ids.
constexpr std::uint64_t kReservedAhead = 65536;

// An operation is never cut in the log, and a frame ends with the one that reaches
// kTargetPayloadBytes. The keys of a version that is retired come from its metadata, and are no
// longer.
constexpr std::size_t kFixedBytes =
    64 << 10;  // more than an operation takes beside vector, metadata and keys
static_assert(kTargetPayloadBytes + kMaxDimensions * sizeof(float) + kMaxMetadataBytes +
                  kFixedBytes <=
              kMaxFrameBytes);

Status WithPosition(Status status, std::size_t position, std::size_t count) {
  if (status.ok() || count == 1) return status;
  return {status.code(),
          "operation " + std::to_string(position) + ": " + std::string(status.message())};
}

std::span<const std::byte> BytesOf(VectorView vector) { return std::as_bytes(vector); }

// 0: by itself it does not.
std::int64_t ExpiryOf(const std::optional<std::int64_t>& ttl_us, std::int64_t now_us) {
  if (ttl_us.value_or(0) == 0) return kNeverExpires;
  return now_us > kNeverExpires - *ttl_us ? kNeverExpires : now_us + *ttl_us;
}

}  // namespace

Result<CommitPlan> Planner::Add(Transaction& transaction, const DurableIds& durable,
                                std::uint64_t available_slots, std::uint64_t available_uppers) {
  Draft draft;
  draft.state = state_;
  draft.now_us = core_.clock->NowMicros();
  draft.state.clock_us = std::max(state_.clock_us, draft.now_us);
  draft.available_slots = available_slots;
  draft.available_uppers = available_uppers;
  draft.plan.ids = ids_;
  draft.plan.transaction = &transaction;
  draft.plan.lsn = next_lsn_;
  draft.plan.needs_sync = transaction.durability == Durability::kSync;
  draft.plan.record.upkeep.keeps_clock = core_.options().history.count() > 0;
  draft.changes.reserve(transaction.ops.size());
  transaction.ids.clear();
  transaction.refused.clear();
  ENGRAM_RETURN_IF_ERROR(PlanAll(draft, transaction));
  ReserveIds(draft, durable);
  ENGRAM_RETURN_IF_ERROR(Finish(draft));
  transaction.ended = draft.plan.record.ends.size();
  state_ = draft.state;
  ids_ = draft.plan.ids;
  next_lsn_ = Next(next_lsn_);
  return std::move(draft.plan);
}

Status Planner::PlanAll(Draft& draft, Transaction& transaction) {
  const bool skip = transaction.on_refusal == OnRefusal::kSkip;
  for (std::size_t i = 0; i < transaction.ops.size(); ++i) {
    Status status = std::visit([&](const auto& op) { return Plan(draft, op); }, transaction.ops[i]);
    if (status.ok()) continue;
    if (!skip) return WithPosition(std::move(status), i, transaction.ops.size());
    transaction.refused.push_back({i, std::move(status)});
  }
  if (skip && transaction.refused.size() == transaction.ops.size()) {
    return transaction.refused.front().status;
  }
  return Status::Ok();
}

Status Planner::Plan(Draft& draft, const PendingInsert& op) {
  IdCursor& ids = draft.plan.ids;
  if (op.id.has_value() && *op.id < ids.next) {
    return Status::AlreadyExists("id " + std::to_string(*op.id) +
                                 " was used before or may have been: ids below " +
                                 std::to_string(ids.next) + " are taken");
  }
  if (draft.plan.transaction->on_refusal == OnRefusal::kSkip) {
    const std::uint64_t inserts = draft.changes.size() + 1;
    ENGRAM_RETURN_IF_ERROR(CheckRoom(state_.live + inserts, inserts, draft.available_slots));
  }
  const PatternId id = op.id.value_or(std::max(ids.next, ids.given_from));
  ids.next = id + 1;
  draft.gives_ids |= !op.id.has_value();
  Change change;
  change.id = id;
  change.changed = true;
  change.after = Content{.vector = BytesOf(op.vector),
                         .norm = op.norm,
                         .metadata = std::span<const std::byte>(op.metadata),
                         .timestamp_us = op.timestamp_us.value_or(draft.now_us),
                         .type = op.type,
                         .expires_us = ExpiryOf(op.ttl_us, draft.now_us),
                         .near = op.near ? &*op.near : nullptr};
  draft.by_id.emplace(id, draft.changes.size());
  draft.changes.push_back(std::move(change));
  draft.plan.transaction->ids.push_back(id);
  return Status::Ok();
}

Status Planner::Plan(Draft& draft, const PendingUpdate& op) {
  ENGRAM_ASSIGN_OR_RETURN(Change* const change, Require(draft, op.id));
  Content after = *change->after;
  if (op.vector.has_value()) {
    after.vector = BytesOf(*op.vector);
    after.norm = op.norm;
    after.near = op.near ? &*op.near : nullptr;
  }
  if (op.metadata.has_value()) {
    after.metadata = std::span<const std::byte>(*op.metadata);
  } else if (!after.metadata.has_value()) {
    ENGRAM_RETURN_IF_ERROR(ReadMetadata(draft, op.id, after));
  }
  after.timestamp_us = op.timestamp_us.value_or(after.timestamp_us);
  after.type = op.type.value_or(after.type);
  if (op.ttl_us) after.expires_us = ExpiryOf(op.ttl_us, draft.now_us);
  change->after = after;
  change->changed = true;
  return Status::Ok();
}

Status Planner::Plan(Draft& draft, const PendingErase& op) {
  Change* change = nullptr;
  if (op.only_if) {
    ENGRAM_ASSIGN_OR_RETURN(change, FindChange(draft, op.id));
    if (change == nullptr || !Matches(*op.only_if, *change->after)) return Status::Ok();
  } else {
    ENGRAM_ASSIGN_OR_RETURN(change, Require(draft, op.id));
  }
  change->after.reset();
  change->changed = true;
  return Status::Ok();
}

bool Planner::Matches(const EraseMatch& match, const Content& content) const {
  if (match.type && content.type != *match.type) return false;
  if (match.expired_by_us && !HasExpired(content, *match.expired_by_us)) return false;
  return content.timestamp_us >= match.from_us &&
         (!match.before_us || content.timestamp_us < *match.before_us);
}

bool Planner::HasExpired(const Content& content, std::int64_t now_us) const {
  return content.expires_us <= now_us ||
         core_.ages.Expired(content.type, content.timestamp_us, now_us);
}

Result<Planner::Change*> Planner::FindChange(Draft& draft, PatternId id) {
  auto it = draft.by_id.find(id);
  if (it == draft.by_id.end()) {
    ENGRAM_ASSIGN_OR_RETURN(const std::optional<Content> live, FindLive(id));
    if (!live.has_value()) return nullptr;
    it = draft.by_id.emplace(id, draft.changes.size()).first;
    draft.changes.push_back({.id = id, .before = live, .after = live});
  }
  Change& change = draft.changes[it->second];
  return change.after.has_value() ? &change : nullptr;
}

// What has expired is gone for whoever asks by its id, though it may not have been ended yet.
Result<Planner::Change*> Planner::Require(Draft& draft, PatternId id) {
  ENGRAM_ASSIGN_OR_RETURN(Change* const change, FindChange(draft, id));
  if (change != nullptr && !HasExpired(*change->after, draft.now_us)) return change;
  return Status::NotFound("pattern " + std::to_string(id) + " is not in the store");
}

Result<std::optional<Planner::Content>> Planner::FindLive(PatternId id) {
  if (const auto it = overlay_.find(id); it != overlay_.end()) return it->second;
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<VersionRow> row,
                          core_.meta->FindVersion(id, kForever));
  if (!row.has_value()) return std::optional<Content>();
  if (Raw(row->slot) >= core_.slots->used()) {
    return Status::CorruptedIndex("meta: pattern " + std::to_string(id) + " names slot " +
                                  std::to_string(Raw(row->slot)) + ", only " +
                                  std::to_string(core_.slots->used()) + " were used");
  }
  ENGRAM_ASSIGN_OR_RETURN(const ConstNodeView node, core_.ReadNode(row->slot));
  if (node.id() != id || node.version() != row->version || node.valid_to() != kForever) {
    ENGRAM_RETURN_IF_ERROR(core_.pages->CheckFaults());  // a lost page looks like it
    return std::optional<Content>();                     // ended
  }
  if (core_.slots->state(row->slot) != SlotState::kLive) {
    return Status::CorruptedIndex(core_.GraphPath() + ": slot " + std::to_string(Raw(row->slot)) +
                                  " holds pattern " + std::to_string(id) +
                                  ", which has not ended, and is not live");
  }
  return std::optional<Content>(Content{.slot = row->slot,
                                        .version = row->version,
                                        .vector = BytesOf(node.vector()),
                                        .norm = node.norm(),
                                        .metadata = std::nullopt,
                                        .timestamp_us = node.timestamp_us(),
                                        .type = node.type(),
                                        .expires_us = node.expires_us()});
}

Status Planner::ReadMetadata(Draft& draft, PatternId id, Content& content) {
  ENGRAM_ASSIGN_OR_RETURN(std::vector<std::byte> bytes,
                          core_.meta->GetEncodedMetadata(id, content.version));
  content.metadata = draft.plan.owned_bytes.emplace_back(std::move(bytes));
  return Status::Ok();
}

// A commit without a sync may be lost after its ids are known outside. What is on disk before says
// where ids then go on: for ids that the store gave, everybody's; for ids that the caller gave, the
// store's alone, since the caller may bring the same patterns again.
void Planner::ReserveIds(Draft& draft, const DurableIds& durable) {
  StoreState& state = draft.state;
  const PatternId next = draft.plan.ids.next;
  state.next_id = std::max(state.next_id, next);
  const bool may_be_lost = !draft.plan.needs_sync && !draft.plan.transaction->ids.empty();
  if (may_be_lost && draft.gives_ids && next > durable.next) {
    state.next_id = std::max(state.next_id, next + kReservedAhead);
    draft.plan.needs_sync = true;
  }
  if (may_be_lost && next > durable.reserved) {
    state.reserved_id = std::max(state.reserved_id, next + kReservedAhead);
    draft.plan.needs_sync = true;
  }
  state.reserved_id = std::max(state.reserved_id, state.next_id);
}

Status Planner::CheckRoom(std::uint64_t live, std::uint64_t inserts,
                          std::uint64_t available_slots) const {
  const std::uint64_t limit = core_.options().max_elements;
  // A store that was opened with a limit below its count still takes what does not add to it.
  if (live > std::max(limit, state_.live)) {
    return Status::IndexFull("the store would hold " + std::to_string(live) +
                             " patterns, max_elements is " + std::to_string(limit));
  }
  if (inserts > available_slots) {
    return Status::IndexFull("the page file has room for " + std::to_string(available_slots) +
                             " more patterns, the commit has " + std::to_string(inserts));
  }
  return Status::Ok();
}

Status Planner::Finish(Draft& draft) {
  StoreState& state = draft.state;
  CommitRecord& record = draft.plan.record;
  std::uint64_t inserts = 0;
  for (const Change& change : draft.changes) {
    if (!change.changed) continue;
    if (change.before.has_value()) {
      record.ends.push_back({change.before->slot, change.id, change.before->version});
      --state.live;
      ++state.dead;
    }
    if (change.after.has_value()) ++inserts;
  }
  state.live += inserts;
  ENGRAM_RETURN_IF_ERROR(CheckRoom(state.live, inserts, draft.available_slots));
  for (Change& change : draft.changes) {
    if (!change.changed) continue;
    if (!change.after.has_value()) {
      overlay_[change.id] = std::nullopt;
      continue;
    }
    Content& after = *change.after;
    Place(draft, change.id, after);
    record.inserts.back().inserted_us = state.clock_us;
    overlay_[change.id] = after;
  }
  state.node_slots = core_.slots->used();
  state.upper_slots = core_.upper_slots->used();
  record.state = ToRecord(state);
  return Status::Ok();
}

void Planner::Place(Draft& draft, PatternId id, Content& content) {
  CommitRecord& record = draft.plan.record;
  const StoreParameters& parameters = core_.page_file->parameters();
  content.slot = core_.slots->Take();
  content.version = draft.plan.lsn;
  // Room was made for more than levels need on average: beyond it, which is next to impossible, a
  // node is as good at a lower level.
  std::uint32_t level = LevelOf(parameters.seed, id, parameters.m);
  level = static_cast<std::uint32_t>(std::min<std::uint64_t>(level, draft.available_uppers));
  draft.available_uppers -= level;
  std::uint32_t above = kNoUpper;
  for (std::uint32_t at = level; at > 0; --at) {
    const auto block = static_cast<std::uint32_t>(Raw(core_.upper_slots->Take()));
    record.uppers.push_back({block, content.slot, above, static_cast<std::uint8_t>(at)});
    above = block;
  }
  record.inserts.push_back({.id = id,
                            .slot = content.slot,
                            .type = content.type,
                            .level = static_cast<std::uint8_t>(level),
                            .upper = above,
                            .norm = content.norm,
                            .timestamp_us = content.timestamp_us,
                            .inserted_us = 0,
                            .vector = content.vector,
                            .metadata = *content.metadata,
                            .expires_us = content.expires_us});
  draft.plan.near.push_back(content.near);
  NoteExpiry(content);
}

// Reads must know of it before they see it, and what is ended by the clock must come by it.
void Planner::NoteExpiry(const Content& content) {
  core_.writer_role.AssertHeld();
  if (content.expires_us != kNeverExpires) core_.has_ttl.store(true, std::memory_order_relaxed);
  ExpiryCursors& cursors = core_.writer.expiry;
  cursors.ttl_us = std::min(cursors.ttl_us, content.expires_us);
  const auto type = cursors.types.find(content.type);
  std::int64_t& time_us = type != cursors.types.end() ? type->second : cursors.time_us;
  time_us = std::min(time_us, content.timestamp_us);
}

void Planner::Undo(const CommitPlan& plan) {
  for (auto insert = plan.record.inserts.rbegin(); insert != plan.record.inserts.rend(); ++insert) {
    core_.slots->GiveBack(insert->slot);
  }
  for (auto upper = plan.record.uppers.rbegin(); upper != plan.record.uppers.rend(); ++upper) {
    core_.upper_slots->GiveBack(static_cast<SlotId>(upper->block));
  }
}

}  // namespace engram
