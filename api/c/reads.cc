// Getting, walking and searching.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "api/c/handles.h"

namespace engram::c {
namespace {

constexpr std::chrono::microseconds kLongestTimeout = std::chrono::hours(24 * 365 * 100);

Result<GetOptions> ToOptions(engram_include include, const engram_snapshot* snapshot) {
  if (Status status = CheckInclude(include); !status.ok()) return status;
  return GetOptions{(include & ENGRAM_INCLUDE_VECTOR) != 0,
                    (include & ENGRAM_INCLUDE_METADATA) != 0, Unwrap(snapshot)};
}

Result<SearchOptions> ToOptions(const engram_search_options* from) {
  if (from == nullptr) return SearchOptions();
  const FindOptions& set = *Unwrap(from);
  if (!set.refused.ok()) return set.refused;
  SearchOptions options = set.options;
  if (set.timeout.has_value()) {
    const auto wait = std::clamp(*set.timeout, std::chrono::microseconds(0), kLongestTimeout);
    options.deadline = std::chrono::steady_clock::now() + wait;
  }
  return options;
}

Status Get(const engram_store* store, PatternId id, engram_include include,
           const engram_snapshot* snapshot, engram_pattern** out) {
  Status status = RequireAll({{"store", store}, {"out", out}});
  if (!status.ok()) return status;
  const Result<GetOptions> options = ToOptions(include, snapshot);
  return options.ok() ? Give(Unwrap(store)->Get(id, *options), out) : options.status();
}

Status ForEach(const engram_store* store, engram_include include, const engram_snapshot* snapshot,
               engram_visit_callback visit, void* context) {
  if (Status status = RequireAll({{"store", store}}); !status.ok()) return status;
  if (visit == nullptr) return Status::InvalidArgument("visit is NULL");
  const Result<GetOptions> options = ToOptions(include, snapshot);
  if (!options.ok()) return options.status();
  return Unwrap(store)->ForEach(
      [visit, context](const Pattern& pattern) noexcept { return visit(context, Wrap(&pattern)); },
      *options);
}

Status Search(const engram_store* store, const float* query, std::size_t dimensions,
              const engram_search_options* from, engram_search_result** out) {
  Status status = RequireAll({{"store", store}, {"query", query}, {"out", out}});
  if (!status.ok()) return status;
  const Result<SearchOptions> options = ToOptions(from);
  if (!options.ok()) return options.status();
  return Give(Unwrap(store)->Search({query, dimensions}, *options), out);
}

Status CheckMatrix(const float* queries, std::size_t count, std::size_t dimensions) {
  if (count > 0 && queries == nullptr) return Status::InvalidArgument("queries is NULL");
  if (count > 0 && dimensions == 0) return Status::InvalidArgument("dimensions is 0");
  constexpr std::size_t kMostFloats = PTRDIFF_MAX / sizeof(float);
  if (count == 0 || count <= kMostFloats / dimensions) return Status::Ok();
  return Status::InvalidArgument("queries has " + std::to_string(count) + " rows of " +
                                 std::to_string(dimensions) +
                                 " components, more than there are addresses");
}

Status SearchBatch(const engram_store* store, const float* queries, std::size_t count,
                   std::size_t dimensions, const engram_search_options* from,
                   engram_search_batch** out) {
  Status status = RequireAll({{"store", store}, {"out", out}});
  if (status.ok()) status = CheckMatrix(queries, count, dimensions);
  if (!status.ok()) return status;
  const Result<SearchOptions> options = ToOptions(from);
  if (!options.ok()) return options.status();
  std::vector<VectorView> rows;
  rows.reserve(count);
  for (std::size_t i = 0; i < count; ++i) rows.emplace_back(queries + i * dimensions, dimensions);
  SearchBatchOutcome outcome;
  outcome.results = Unwrap(store)->SearchBatch(rows, *options);
  for (const Result<SearchResult>& result : outcome.results) {
    outcome.errors.push_back(result.ok() ? std::nullopt : std::optional(ErrorOf(result.status())));
  }
  *out = Own(std::move(outcome));
  return Status::Ok();
}

const Hit* HitAt(const engram_search_result* result, std::size_t position) {
  if (result == nullptr || position >= Unwrap(result)->hits.size()) return nullptr;
  return &Unwrap(result)->hits[position];
}

}  // namespace
}  // namespace engram::c

// What is defined below is global, as in C.
using namespace engram;     // NOLINT
using namespace engram::c;  // NOLINT

engram_code engram_store_get(const engram_store* store, uint64_t id, engram_include include,
                             const engram_snapshot* snapshot, engram_pattern** out,
                             engram_error** error) noexcept {
  Clear(out);
  return Report(Get(store, id, include, snapshot, out), error);
}

engram_code engram_store_contains(const engram_store* store, uint64_t id,
                                  const engram_snapshot* snapshot, bool* found,
                                  engram_error** error) noexcept {
  if (Status status = RequireAll({{"store", store}, {"found", found}}); !status.ok()) {
    return Report(status, error);
  }
  const Result<bool> contains = Unwrap(store)->Contains(id, Unwrap(snapshot));
  if (contains.ok()) *found = *contains;
  return Report(contains.status(), error);
}

engram_code engram_store_for_each(const engram_store* store, engram_include include,
                                  const engram_snapshot* snapshot, engram_visit_callback visit,
                                  void* context, engram_error** error) noexcept {
  return Report(ForEach(store, include, snapshot, visit, context), error);
}

uint64_t engram_pattern_id(const engram_pattern* pattern) noexcept {
  return pattern == nullptr ? 0 : Unwrap(pattern)->id;
}

const float* engram_pattern_vector(const engram_pattern* pattern, size_t* dimensions) noexcept {
  if (pattern == nullptr) return NoItems<float>(dimensions);
  return Items(Unwrap(pattern)->vector, dimensions);
}

const engram_metadata* engram_pattern_metadata(const engram_pattern* pattern) noexcept {
  return pattern == nullptr ? nullptr : Wrap(&Unwrap(pattern)->metadata);
}

int64_t engram_pattern_timestamp_us(const engram_pattern* pattern) noexcept {
  return pattern == nullptr ? 0 : MicrosOf(Unwrap(pattern)->timestamp);
}

int64_t engram_pattern_inserted_at_us(const engram_pattern* pattern) noexcept {
  return pattern == nullptr ? 0 : MicrosOf(Unwrap(pattern)->inserted_at);
}

uint32_t engram_pattern_type(const engram_pattern* pattern) noexcept {
  return pattern == nullptr ? 0 : Unwrap(pattern)->type;
}

uint64_t engram_pattern_version(const engram_pattern* pattern) noexcept {
  return pattern == nullptr ? 0 : static_cast<std::uint64_t>(Unwrap(pattern)->version);
}

bool engram_pattern_get_expires_at_us(const engram_pattern* pattern, int64_t* out) noexcept {
  if (pattern == nullptr || out == nullptr || !Unwrap(pattern)->expires_at) return false;
  *out = MicrosOf(*Unwrap(pattern)->expires_at);
  return true;
}

void engram_pattern_free(engram_pattern* pattern) noexcept { Free(pattern); }

engram_code engram_store_search(const engram_store* store, const float* query, size_t dimensions,
                                const engram_search_options* options, engram_search_result** out,
                                engram_error** error) noexcept {
  Clear(out);
  return Report(Search(store, query, dimensions, options, out), error);
}

engram_code engram_store_search_batch(const engram_store* store, const float* queries, size_t count,
                                      size_t dimensions, const engram_search_options* options,
                                      engram_search_batch** out, engram_error** error) noexcept {
  Clear(out);
  return Report(SearchBatch(store, queries, count, dimensions, options, out), error);
}

size_t engram_search_batch_size(const engram_search_batch* batch) noexcept {
  return batch == nullptr ? 0 : Unwrap(batch)->results.size();
}

const engram_search_result* engram_search_batch_result(const engram_search_batch* batch,
                                                       size_t position) noexcept {
  if (position >= engram_search_batch_size(batch)) return nullptr;
  const Result<SearchResult>& result = Unwrap(batch)->results[position];
  return result.ok() ? Wrap(&*result) : nullptr;
}

const engram_error* engram_search_batch_error(const engram_search_batch* batch,
                                              size_t position) noexcept {
  if (position >= engram_search_batch_size(batch)) return nullptr;
  const std::optional<Error>& error = Unwrap(batch)->errors[position];
  return error.has_value() ? Wrap(&*error) : nullptr;
}

void engram_search_batch_free(engram_search_batch* batch) noexcept { Free(batch); }

size_t engram_search_result_size(const engram_search_result* result) noexcept {
  return result == nullptr ? 0 : Unwrap(result)->hits.size();
}

uint64_t engram_search_result_id(const engram_search_result* result, size_t position) noexcept {
  const Hit* hit = HitAt(result, position);
  return hit == nullptr ? 0 : hit->id;
}

float engram_search_result_distance(const engram_search_result* result, size_t position) noexcept {
  const Hit* hit = HitAt(result, position);
  return hit == nullptr ? std::numeric_limits<float>::quiet_NaN() : hit->distance;
}

const float* engram_search_result_vector(const engram_search_result* result, size_t position,
                                         size_t* dimensions) noexcept {
  const Hit* hit = HitAt(result, position);
  return hit == nullptr ? NoItems<float>(dimensions) : Items(hit->vector, dimensions);
}

const engram_metadata* engram_search_result_metadata(const engram_search_result* result,
                                                     size_t position) noexcept {
  const Hit* hit = HitAt(result, position);
  return hit == nullptr || !hit->metadata.has_value() ? nullptr : Wrap(&*hit->metadata);
}

engram_code engram_search_result_summary(const engram_search_result* result,
                                         engram_search_summary* summary, size_t bytes) noexcept {
  if (result == nullptr || summary == nullptr) return ENGRAM_INVALID_ARGUMENT;
  const SearchResult& from = *Unwrap(result);
  const engram_search_summary to = {static_cast<std::uint64_t>(from.lsn),
                                    from.compared,
                                    from.hops,
                                    from.partial,
                                    from.exhausted,
                                    from.exact,
                                    from.degraded};
  CopySized(to, summary, bytes);
  return ENGRAM_OK;
}

void engram_search_result_free(engram_search_result* result) noexcept { Free(result); }
