// Options of stores and of searches.
#include <chrono>
#include <string>

#include "api/c/handles.h"

namespace engram::c {
namespace {

// The first refusal stays: it is the first that a person has to mend.
void Refuse(Status& refused, Status why) {
  if (refused.ok()) refused = std::move(why);
}

Status NoSuch(const char* name, std::int64_t found) {
  return Status::InvalidArgument(std::string(name) + " is " + std::to_string(found) +
                                 ", which is none");
}

template <typename T>
void Set(engram_options* options, T Options::*field, T value) {
  if (options != nullptr) Unwrap(options)->options.*field = value;
}

template <typename T>
void Set(engram_search_options* options, T SearchOptions::*field, T value) {
  if (options != nullptr) Unwrap(options)->options.*field = value;
}

void SetMetric(OpenOptions& to, engram_metric metric) {
  if (metric == ENGRAM_METRIC_DEFAULT) {
    to.options.metric.reset();
  } else if (metric >= ENGRAM_METRIC_L2 && metric <= ENGRAM_METRIC_INNER_PRODUCT) {
    to.options.metric = static_cast<Metric>(metric);
  } else {
    Refuse(to.refused, NoSuch("metric", metric));
  }
}

void SetDurability(OpenOptions& to, engram_durability durability) {
  if (durability >= ENGRAM_DURABILITY_SYNC && durability <= ENGRAM_DURABILITY_NONE) {
    to.options.durability = static_cast<Durability>(durability);
  } else {
    Refuse(to.refused, NoSuch("durability", durability));
  }
}

void SetResidency(OpenOptions& to, engram_residency residency) {
  if (residency >= ENGRAM_RESIDENCY_AUTO && residency <= ENGRAM_RESIDENCY_MAPPED) {
    to.options.residency = static_cast<Residency>(residency);
  } else {
    Refuse(to.refused, NoSuch("residency", residency));
  }
}

}  // namespace
}  // namespace engram::c

// What is defined below is global, as in C.
using namespace engram;     // NOLINT
using namespace engram::c;  // NOLINT

engram_options* engram_options_create(void) noexcept { return Own(OpenOptions()); }

engram_options* engram_options_create_high_accuracy(void) noexcept {
  return Own(OpenOptions{Options::HighAccuracy(), {}});
}

engram_options* engram_options_create_high_speed(void) noexcept {
  return Own(OpenOptions{Options::HighSpeed(), {}});
}

void engram_options_free(engram_options* options) noexcept { Free(options); }

engram_code engram_options_validate(const engram_options* options, engram_error** error) noexcept {
  Status status = RequireAll({{"options", options}});
  if (status.ok()) status = Unwrap(options)->refused;
  if (status.ok()) status = Unwrap(options)->options.Validate();
  return Report(status, error);
}

void engram_options_set_dimensions(engram_options* options, uint32_t dimensions) noexcept {
  Set(options, &Options::dimensions, dimensions);
}

void engram_options_set_metric(engram_options* options, engram_metric metric) noexcept {
  if (options != nullptr) SetMetric(*Unwrap(options), metric);
}

void engram_options_set_m(engram_options* options, uint32_t m) noexcept {
  Set(options, &Options::m, m);
}

void engram_options_set_seed(engram_options* options, uint64_t seed) noexcept {
  Set(options, &Options::seed, seed);
}

void engram_options_add_indexed_field(engram_options* options, const char* name) noexcept {
  if (options == nullptr) return;
  if (name == nullptr) {
    Refuse(Unwrap(options)->refused, Status::InvalidArgument("name of an indexed field is NULL"));
    return;
  }
  Unwrap(options)->options.indexed_fields.emplace_back(name);
}

void engram_options_set_create_if_missing(engram_options* options, bool create) noexcept {
  Set(options, &Options::create_if_missing, create);
}

void engram_options_set_error_if_exists(engram_options* options, bool error_if_exists) noexcept {
  Set(options, &Options::error_if_exists, error_if_exists);
}

void engram_options_set_ef_construction(engram_options* options,
                                        uint32_t ef_construction) noexcept {
  Set(options, &Options::ef_construction, ef_construction);
}

void engram_options_set_ef(engram_options* options, uint32_t ef) noexcept {
  Set(options, &Options::ef, ef);
}

void engram_options_set_max_elements(engram_options* options, uint64_t max_elements) noexcept {
  Set(options, &Options::max_elements, max_elements);
}

void engram_options_set_keep_pruned(engram_options* options, bool keep_pruned) noexcept {
  Set(options, &Options::keep_pruned, keep_pruned);
}

void engram_options_set_durability(engram_options* options, engram_durability durability) noexcept {
  if (options != nullptr) SetDurability(*Unwrap(options), durability);
}

void engram_options_set_sync_interval_ms(engram_options* options, int64_t interval_ms) noexcept {
  Set(options, &Options::sync_interval, std::chrono::milliseconds(interval_ms));
}

void engram_options_set_log_segment_bytes(engram_options* options, uint64_t bytes) noexcept {
  Set(options, &Options::log_segment_bytes, bytes);
}

void engram_options_set_checkpoint_log_bytes(engram_options* options, uint64_t bytes) noexcept {
  Set(options, &Options::checkpoint_log_bytes, bytes);
}

void engram_options_set_dirty_page_bytes(engram_options* options, uint64_t bytes) noexcept {
  Set(options, &Options::dirty_page_bytes, bytes);
}

void engram_options_set_checkpoint_interval_s(engram_options* options,
                                              int64_t interval_s) noexcept {
  Set(options, &Options::checkpoint_interval, std::chrono::seconds(interval_s));
}

void engram_options_set_journal_bytes(engram_options* options, uint64_t bytes) noexcept {
  Set(options, &Options::journal_bytes, bytes);
}

void engram_options_set_residency(engram_options* options, engram_residency residency) noexcept {
  if (options != nullptr) SetResidency(*Unwrap(options), residency);
}

void engram_options_set_handle_sigbus(engram_options* options, bool handle) noexcept {
  Set(options, &Options::handle_sigbus, handle);
}

void engram_options_set_memory_budget_bytes(engram_options* options, uint64_t bytes) noexcept {
  Set(options, &Options::memory_budget_bytes, bytes);
}

void engram_options_set_metadata_buffer_bytes(engram_options* options, uint64_t bytes) noexcept {
  Set(options, &Options::metadata_buffer_bytes, bytes);
}

void engram_options_set_background_threads(engram_options* options, uint32_t threads) noexcept {
  Set(options, &Options::background_threads, threads);
}

void engram_options_set_scrub_bytes_per_second(engram_options* options, uint64_t bytes) noexcept {
  Set(options, &Options::scrub_bytes_per_second, bytes);
}

void engram_options_set_audit_interval_s(engram_options* options, int64_t interval_s) noexcept {
  Set(options, &Options::audit_interval, std::chrono::seconds(interval_s));
}

void engram_options_set_search_threads(engram_options* options, uint32_t threads) noexcept {
  Set(options, &Options::search_threads, threads);
}

void engram_options_set_checkpoint_on_close(engram_options* options, bool checkpoint) noexcept {
  Set(options, &Options::checkpoint_on_close, checkpoint);
}

void engram_options_set_check_permissions(engram_options* options, bool check) noexcept {
  Set(options, &Options::check_permissions, check);
}

void engram_options_set_history_us(engram_options* options, int64_t history_us) noexcept {
  Set(options, &Options::history, std::chrono::microseconds(history_us));
}

void engram_options_set_keep_history(engram_options* options, bool keep_history) noexcept {
  Set(options, &Options::keep_history, keep_history);
}

void engram_options_set_max_snapshot_age_us(engram_options* options, int64_t age_us) noexcept {
  Set(options, &Options::max_snapshot_age, std::chrono::microseconds(age_us));
}

void engram_options_set_max_named_snapshots(engram_options* options, uint32_t most) noexcept {
  Set(options, &Options::max_named_snapshots, most);
}

void engram_options_set_max_age_us(engram_options* options, int64_t age_us) noexcept {
  Set(options, &Options::max_age, std::chrono::microseconds(age_us));
}

void engram_options_set_max_age_of_type_us(engram_options* options, uint32_t type,
                                           int64_t age_us) noexcept {
  if (options == nullptr) return;
  Unwrap(options)->options.max_age_by_type[type] = std::chrono::microseconds(age_us);
}

void engram_options_set_sweep_interval_s(engram_options* options, int64_t interval_s) noexcept {
  Set(options, &Options::sweep_interval, std::chrono::seconds(interval_s));
}

void engram_options_set_clock(engram_options* options, engram_clock_callback clock,
                              void* context) noexcept {
  if (options == nullptr) return;
  if (clock == nullptr) {
    Unwrap(options)->options.clock = nullptr;
    return;
  }
  Unwrap(options)->options.clock = [clock, context]() noexcept { return TimeOf(clock(context)); };
}

void engram_options_set_log(engram_options* options, engram_log_callback log,
                            void* context) noexcept {
  if (options == nullptr) return;
  if (log == nullptr) {
    Unwrap(options)->options.log = nullptr;
    return;
  }
  Unwrap(options)->options.log = [log, context](LogLevel level, std::string_view message) noexcept {
    log(context, static_cast<engram_log_level>(level), std::string(message).c_str());
  };
}

engram_search_options* engram_search_options_create(void) noexcept { return Own(FindOptions()); }

void engram_search_options_free(engram_search_options* options) noexcept { Free(options); }

void engram_search_options_set_k(engram_search_options* options, size_t k) noexcept {
  Set(options, &SearchOptions::k, k);
}

void engram_search_options_set_ef(engram_search_options* options, size_t ef) noexcept {
  Set(options, &SearchOptions::ef, ef);
}

void engram_search_options_set_exact(engram_search_options* options, bool exact) noexcept {
  Set(options, &SearchOptions::exact, exact);
}

void engram_search_options_set_max_compared(engram_search_options* options,
                                            uint64_t most) noexcept {
  Set(options, &SearchOptions::max_compared, most);
}

void engram_search_options_set_include(engram_search_options* options,
                                       engram_include include) noexcept {
  if (options == nullptr) return;
  Unwrap(options)->refused = CheckInclude(include);  // nothing else can be refused
  Unwrap(options)->options.include_vector = (include & ENGRAM_INCLUDE_VECTOR) != 0;
  Unwrap(options)->options.include_metadata = (include & ENGRAM_INCLUDE_METADATA) != 0;
}

void engram_search_options_set_snapshot(engram_search_options* options,
                                        const engram_snapshot* snapshot) noexcept {
  Set(options, &SearchOptions::snapshot, Unwrap(snapshot));
}

void engram_search_options_set_deadline_ns(engram_search_options* options,
                                           int64_t monotonic_ns) noexcept {
  if (options == nullptr) return;
  Unwrap(options)->timeout.reset();
  Unwrap(options)->options.deadline =
      std::chrono::steady_clock::time_point(std::chrono::nanoseconds(monotonic_ns));
}

void engram_search_options_set_timeout_us(engram_search_options* options,
                                          int64_t timeout_us) noexcept {
  if (options == nullptr) return;
  Unwrap(options)->options.deadline.reset();
  Unwrap(options)->timeout = std::chrono::microseconds(timeout_us);
}

void engram_search_options_clear_deadline(engram_search_options* options) noexcept {
  if (options == nullptr) return;
  Unwrap(options)->timeout.reset();
  Unwrap(options)->options.deadline.reset();
}
