#include "api/src/transactions.h"

#include <string>
#include <utility>
#include <variant>

#include "api/src/options.h"
#include "engine/vector_rules.h"
#include "storage/base/clock.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

// What one commit may take in the log.
constexpr std::uint64_t kMaxBatchBytes = 256ull << 20;
// Ids above it would leave no room to give more.
constexpr PatternId kMaxId = 1ull << 62;

std::optional<std::int64_t> ToMicros(const std::optional<Timestamp>& time) {
  if (!time.has_value()) return std::nullopt;
  return UnixMicros(*time);
}

NewPattern ViewOf(const WriteBatch::InsertOp& op) {
  return {op.vector, op.metadata, op.timestamp, op.type, op.id, op.ttl};
}

PatternChange ViewOf(const WriteBatch::UpdateOp& op) {
  PatternChange change{std::nullopt, op.metadata, op.timestamp, op.type, op.ttl};
  if (op.vector.has_value()) change.vector = *op.vector;
  return change;
}

// `least`: 0 where that takes a TTL away.
Result<std::optional<std::int64_t>> CheckTtl(const std::optional<std::chrono::microseconds>& ttl,
                                             std::int64_t least) {
  if (!ttl.has_value()) return std::optional<std::int64_t>();
  if (ttl->count() >= least && ttl->count() <= kLongestAge) return std::optional(ttl->count());
  return Status::InvalidArgument("ttl is " + std::to_string(ttl->count()) +
                                 " microseconds, allowed is " + std::to_string(least) + " to " +
                                 std::to_string(kLongestAge));
}

Status CheckId(PatternId id) {
  if (id >= 1 && id <= kMaxId) return Status::Ok();
  return Status::InvalidArgument("id is " + std::to_string(id) + ", allowed is 1 to " +
                                 std::to_string(kMaxId));
}

}  // namespace

Result<PendingInsert> CheckInsert(const VectorRules& rules, const NewPattern& pattern) {
  ENGRAM_RETURN_IF_ERROR(CheckVector(rules, pattern.vector));
  if (pattern.id.has_value()) ENGRAM_RETURN_IF_ERROR(CheckId(*pattern.id));
  PendingInsert insert;
  insert.id = pattern.id;
  insert.vector = pattern.vector;
  insert.norm = VectorNorm(pattern.vector);
  ENGRAM_ASSIGN_OR_RETURN(insert.metadata, EncodedMetadata(pattern.metadata));
  insert.timestamp_us = ToMicros(pattern.timestamp);
  insert.type = pattern.type;
  ENGRAM_ASSIGN_OR_RETURN(insert.ttl_us, CheckTtl(pattern.ttl, 1));
  return insert;
}

Result<PendingUpdate> CheckUpdate(const VectorRules& rules, PatternId id,
                                  const PatternChange& change) {
  PendingUpdate update;
  update.id = id;
  if (change.vector.has_value()) {
    ENGRAM_RETURN_IF_ERROR(CheckVector(rules, *change.vector));
    update.vector = change.vector;
    update.norm = VectorNorm(*change.vector);
  }
  if (change.metadata.has_value()) {
    ENGRAM_ASSIGN_OR_RETURN(update.metadata, EncodedMetadata(*change.metadata));
  }
  update.timestamp_us = ToMicros(change.timestamp);
  update.type = change.type;
  ENGRAM_ASSIGN_OR_RETURN(update.ttl_us, CheckTtl(change.ttl, 0));
  return update;
}

Status CheckBatch(const VectorRules& rules, const WriteBatch& batch, Transaction& to) {
  if (batch.empty()) return Status::InvalidArgument("the batch holds no operation");
  for (std::size_t i = 0; i < batch.ops().size(); ++i) {
    const auto named = [i](const Status& status) {
      return Status(status.code(),
                    "operation " + std::to_string(i) + ": " + std::string(status.message()));
    };
    const WriteBatch::Op& op = batch.ops()[i];
    if (const auto* insert = std::get_if<WriteBatch::InsertOp>(&op)) {
      const NewPattern view = ViewOf(*insert);
      auto checked = CheckInsert(rules, view);
      if (!checked.ok()) return named(checked.status());
      Append(to, std::move(checked).value());
    } else if (const auto* update = std::get_if<WriteBatch::UpdateOp>(&op)) {
      auto checked = CheckUpdate(rules, update->id, ViewOf(*update));
      if (!checked.ok()) return named(checked.status());
      Append(to, std::move(checked).value());
    } else {
      Append(to, PendingErase{std::get<WriteBatch::EraseOp>(op).id});
    }
    if (to.bytes > kMaxBatchBytes) {
      return Status::InvalidArgument("the batch takes more than " + std::to_string(kMaxBatchBytes) +
                                     " bytes at operation " + std::to_string(i) + ": divide it");
    }
  }
  return Status::Ok();
}

void Append(Transaction& transaction, PendingOp op) {
  std::uint64_t bytes = 64;
  if (const auto* insert = std::get_if<PendingInsert>(&op)) {
    bytes += insert->vector.size_bytes() + insert->metadata.size();
  } else if (const auto* update = std::get_if<PendingUpdate>(&op)) {
    if (update->vector.has_value()) bytes += update->vector->size_bytes();
    if (update->metadata.has_value()) bytes += update->metadata->size();
  }
  transaction.bytes += bytes;
  transaction.ops.push_back(std::move(op));
}

}  // namespace engram
