// Inserts, updates, erasing and batches.
#include <algorithm>
#include <span>
#include <string>

#include "api/c/handles.h"

namespace engram::c {
namespace {

// What would be copied or looked at before a store compares it with its own number of components.
Status CheckSize(std::size_t dimensions) {
  if (dimensions <= kMaxDimensions) return Status::Ok();
  return Status::DimensionMismatch("the vector has " + std::to_string(dimensions) +
                                   " components, allowed are " + std::to_string(kMaxDimensions));
}

Metadata MetadataOf(const engram_metadata* metadata) {
  return metadata == nullptr ? Metadata() : *Unwrap(metadata);
}

std::optional<std::chrono::microseconds> TtlIf(bool given, std::int64_t us) {
  return given ? std::optional(std::chrono::microseconds(us)) : std::nullopt;
}

Result<NewPattern> ToPattern(const engram_new_pattern* from) {
  Status status = RequireAll({{"pattern", from}});
  if (status.ok()) status = RequireAll({{"pattern->vector", from->vector}});
  if (status.ok()) status = CheckReserved(*from);
  if (status.ok()) status = CheckSize(from->dimensions);
  if (!status.ok()) return status;
  return NewPattern{{from->vector, from->dimensions},
                    MetadataOf(from->metadata),
                    TimeIf(from->has_timestamp, from->timestamp_us),
                    from->type,
                    from->id == 0 ? std::nullopt : std::optional(from->id),
                    TtlIf(from->ttl_us != 0, from->ttl_us)};
}

Result<PatternChange> ToChange(const engram_pattern_change* from) {
  Status status = RequireAll({{"change", from}});
  if (status.ok()) status = CheckReserved(*from);
  if (status.ok() && from->vector != nullptr) status = CheckSize(from->dimensions);
  if (status.ok() && from->vector == nullptr && from->dimensions != 0) {
    status = Status::InvalidArgument("change->vector is NULL, but dimensions is not 0");
  }
  if (!status.ok()) return status;
  PatternChange change;
  if (from->vector != nullptr) change.vector = VectorView(from->vector, from->dimensions);
  if (from->metadata != nullptr) change.metadata = *Unwrap(from->metadata);
  change.timestamp = TimeIf(from->has_timestamp, from->timestamp_us);
  if (from->has_type) change.type = from->type;
  change.ttl = TtlIf(from->has_ttl, from->ttl_us);
  return change;
}

Status Insert(engram_store* store, const engram_new_pattern* from, engram_durability durability,
              std::uint64_t* id) {
  if (Status status = RequireAll({{"store", store}}); !status.ok()) return status;
  const Result<NewPattern> pattern = ToPattern(from);
  if (!pattern.ok()) return pattern.status();
  const Result<WriteOptions> options = WriteOptionsOf(durability);
  if (!options.ok()) return options.status();
  const Result<PatternId> given = Unwrap(store)->Insert(*pattern, *options);
  if (given.ok() && id != nullptr) *id = *given;
  return given.status();
}

// A pattern that cannot be told in C++ goes in without components, which no store takes; then its
// own reason is put in place of the store's.
BatchOutcome OutcomeOf(BatchResult result, const std::vector<Status>& reasons) {
  BatchOutcome outcome;
  for (const BatchResult::Failure& failure : result.failures) {
    const Status& own = reasons[failure.position];
    outcome.errors.push_back(ErrorOf(own.ok() ? failure.status : own));
  }
  outcome.result = std::move(result);
  return outcome;
}

Status InsertBatch(engram_store* store, std::span<const engram_new_pattern> from,
                   engram_durability durability, engram_batch_result** out) {
  const Result<WriteOptions> options = WriteOptionsOf(durability);
  if (!options.ok()) return options.status();
  std::vector<NewPattern> patterns;
  std::vector<Status> reasons;
  patterns.reserve(from.size());
  reasons.reserve(from.size());
  for (const engram_new_pattern& one : from) {
    Result<NewPattern> pattern = ToPattern(&one);
    reasons.push_back(pattern.status());
    patterns.push_back(pattern.ok() ? std::move(pattern).value() : NewPattern());
  }
  Result<BatchResult> result = Unwrap(store)->InsertBatch(patterns, *options);
  if (!result.ok()) return result.status();
  *out = Own(OutcomeOf(std::move(result).value(), reasons));
  return Status::Ok();
}

Status Update(engram_store* store, PatternId id, const engram_pattern_change* from,
              engram_durability durability) {
  if (Status status = RequireAll({{"store", store}}); !status.ok()) return status;
  const Result<PatternChange> change = ToChange(from);
  if (!change.ok()) return change.status();
  const Result<WriteOptions> options = WriteOptionsOf(durability);
  return options.ok() ? Unwrap(store)->Update(id, *change, *options) : options.status();
}

Status Write(engram_store* store, const engram_write_batch* batch, engram_durability durability,
             engram_commit_result** out) {
  Status status = RequireAll({{"store", store}, {"batch", batch}});
  if (!status.ok()) return status;
  const Result<WriteOptions> options = WriteOptionsOf(durability);
  if (!options.ok()) return options.status();
  Result<CommitResult> commit = Unwrap(store)->Write(*Unwrap(batch), *options);
  return out == nullptr ? commit.status() : Give(std::move(commit), out);
}

}  // namespace
}  // namespace engram::c

// What is defined below is global, as in C.
using namespace engram;     // NOLINT
using namespace engram::c;  // NOLINT

engram_code engram_store_insert(engram_store* store, const engram_new_pattern* pattern,
                                engram_durability durability, uint64_t* id,
                                engram_error** error) noexcept {
  return Report(Insert(store, pattern, durability, id), error);
}

engram_code engram_store_insert_batch(engram_store* store, const engram_new_pattern* patterns,
                                      size_t count, engram_durability durability,
                                      engram_batch_result** out, engram_error** error) noexcept {
  Clear(out);
  Status status = RequireAll({{"store", store}, {"out", out}});
  if (status.ok() && count > 0) status = RequireAll({{"patterns", patterns}});
  if (status.ok()) status = InsertBatch(store, {patterns, count}, durability, out);
  return Report(status, error);
}

const uint64_t* engram_batch_result_ids(const engram_batch_result* result, size_t* count) noexcept {
  if (result == nullptr) return NoItems<PatternId>(count);
  return Items(Unwrap(result)->result.ids, count);
}

size_t engram_batch_result_failures(const engram_batch_result* result) noexcept {
  return result == nullptr ? 0 : Unwrap(result)->errors.size();
}

size_t engram_batch_result_failed_position(const engram_batch_result* result,
                                           size_t failure) noexcept {
  if (failure >= engram_batch_result_failures(result)) return SIZE_MAX;
  return Unwrap(result)->result.failures[failure].position;
}

const engram_error* engram_batch_result_error(const engram_batch_result* result,
                                              size_t position) noexcept {
  if (result == nullptr) return nullptr;
  const auto& failures = Unwrap(result)->result.failures;  // by position
  const auto found = std::lower_bound(
      failures.begin(), failures.end(), position,
      [](const BatchResult::Failure& failure, std::size_t p) { return failure.position < p; });
  if (found == failures.end() || found->position != position) return nullptr;
  return Wrap(&Unwrap(result)->errors[static_cast<std::size_t>(found - failures.begin())]);
}

uint64_t engram_batch_result_lsn(const engram_batch_result* result) noexcept {
  return result == nullptr ? 0 : static_cast<std::uint64_t>(Unwrap(result)->result.lsn);
}

void engram_batch_result_free(engram_batch_result* result) noexcept { Free(result); }

engram_code engram_store_update(engram_store* store, uint64_t id,
                                const engram_pattern_change* change, engram_durability durability,
                                engram_error** error) noexcept {
  return Report(Update(store, id, change, durability), error);
}

engram_code engram_store_erase(engram_store* store, uint64_t id, engram_durability durability,
                               engram_error** error) noexcept {
  const Result<WriteOptions> options = WriteOptionsOf(durability);
  Status status = RequireAll({{"store", store}});
  if (status.ok()) status = options.status();
  if (status.ok()) status = Unwrap(store)->Erase(id, *options);
  return Report(status, error);
}

engram_write_batch* engram_write_batch_create(void) noexcept { return Own(WriteBatch()); }

void engram_write_batch_free(engram_write_batch* batch) noexcept { Free(batch); }

engram_code engram_write_batch_insert(engram_write_batch* batch, const engram_new_pattern* pattern,
                                      engram_error** error) noexcept {
  Status status = RequireAll({{"batch", batch}});
  if (!status.ok()) return Report(status, error);
  const Result<NewPattern> checked = ToPattern(pattern);
  if (checked.ok()) Unwrap(batch)->Insert(*checked);
  return Report(checked.status(), error);
}

engram_code engram_write_batch_update(engram_write_batch* batch, uint64_t id,
                                      const engram_pattern_change* change,
                                      engram_error** error) noexcept {
  Status status = RequireAll({{"batch", batch}});
  if (!status.ok()) return Report(status, error);
  const Result<PatternChange> checked = ToChange(change);
  if (checked.ok()) Unwrap(batch)->Update(id, *checked);
  return Report(checked.status(), error);
}

engram_code engram_write_batch_erase(engram_write_batch* batch, uint64_t id,
                                     engram_error** error) noexcept {
  const Status status = RequireAll({{"batch", batch}});
  if (status.ok()) Unwrap(batch)->Erase(id);
  return Report(status, error);
}

void engram_write_batch_clear(engram_write_batch* batch) noexcept {
  if (batch != nullptr) Unwrap(batch)->Clear();
}

size_t engram_write_batch_size(const engram_write_batch* batch) noexcept {
  return batch == nullptr ? 0 : Unwrap(batch)->size();
}

engram_code engram_store_write(engram_store* store, const engram_write_batch* batch,
                               engram_durability durability, engram_commit_result** out,
                               engram_error** error) noexcept {
  Clear(out);
  return Report(Write(store, batch, durability, out), error);
}

uint64_t engram_commit_result_lsn(const engram_commit_result* result) noexcept {
  return result == nullptr ? 0 : static_cast<std::uint64_t>(Unwrap(result)->lsn);
}

const uint64_t* engram_commit_result_ids(const engram_commit_result* result,
                                         size_t* count) noexcept {
  if (result == nullptr) return NoItems<PatternId>(count);
  return Items(Unwrap(result)->ids, count);
}

void engram_commit_result_free(engram_commit_result* result) noexcept { Free(result); }
