// Opening, closing, durability, and what a store says about itself.
#include <string>

#include "api/c/handles.h"

namespace engram::c {
namespace {

// Beyond it, times would leave the range of the clock.
constexpr std::int64_t kLongestBudgetUs = std::int64_t{86400} * 1'000'000;

enum class Access { kReadWrite, kReadOnly };

Status Open(const char* directory, const OpenOptions& options, Access access, engram_store** out) {
  if (Status status = RequireAll({{"directory", directory}, {"out", out}}); !status.ok()) {
    return status;
  }
  if (!options.refused.ok()) return options.refused;
  return Give(access == Access::kReadOnly ? Store::OpenReadOnly(directory, options.options)
                                          : Store::Open(directory, options.options),
              out);
}

static_assert(sizeof(engram_stats) == sizeof(Stats), "a field is in one of them alone");

engram_stats StatsOf(const Stats& from) {
  engram_stats to = {};
  to.count = from.count;
  to.dead = from.dead;
  to.free_slots = from.free_slots;
  to.dimensions = from.dimensions;
  to.metric = static_cast<engram_metric>(from.metric);
  to.m = from.m;
  to.last_lsn = static_cast<std::uint64_t>(from.last_lsn);
  to.durable_lsn = static_cast<std::uint64_t>(from.durable_lsn);
  to.checkpoint_lsn = static_cast<std::uint64_t>(from.checkpoint_lsn);
  to.checkpoints = from.checkpoints;
  to.next_id = from.next_id;
  to.snapshots = from.snapshots;
  to.oldest_snapshot = static_cast<std::uint64_t>(from.oldest_snapshot);
  to.bytes_on_disk = from.bytes_on_disk;
  to.page_file_bytes = from.page_file_bytes;
  to.journal_bytes = from.journal_bytes;
  to.log_bytes = from.log_bytes;
  to.metadata_bytes = from.metadata_bytes;
  to.memory_bytes = from.memory_bytes;
  to.dirty_page_bytes = from.dirty_page_bytes;
  to.commits = from.commits;
  to.log_syncs = from.log_syncs;
  to.log_bytes_written = from.log_bytes_written;
  to.page_bytes_written = from.page_bytes_written;
  to.journal_bytes_written = from.journal_bytes_written;
  to.searches = from.searches;
  to.replayed_commits = from.replayed_commits;
  to.restored_pages = from.restored_pages;
  to.residency = static_cast<engram_residency>(from.residency);
  to.scrubbed_pages = from.scrubbed_pages;
  to.scrub_rounds = from.scrub_rounds;
  to.bad_pages = from.bad_pages;
  to.healed_pages = from.healed_pages;
  to.first_bad_segment = from.first_bad_segment;
  to.first_bad_page = from.first_bad_page;
  to.oldest_snapshot_age_us = from.oldest_snapshot_age.count();
  to.named_snapshots = from.named_snapshots;
  to.oldest_named_snapshot_age_us = from.oldest_named_snapshot_age.count();
  to.expired_snapshots = from.expired_snapshots;
  to.horizon = static_cast<std::uint64_t>(from.horizon);
  to.sweep_rounds = from.sweep_rounds;
  to.sweep_progress = from.sweep_progress;
  to.healed_nodes = from.healed_nodes;
  to.reclaimed = from.reclaimed;
  to.expired = from.expired;
  to.moved = from.moved;
  to.audit_rounds = from.audit_rounds;
  to.audited_nodes = from.audited_nodes;
  to.mended_nodes = from.mended_nodes;
  return to;
}

engram_graph_summary SummaryOf(const GraphReport& from) {
  engram_graph_summary to = {};
  to.lsn = static_cast<std::uint64_t>(from.lsn);
  to.count = from.count;
  to.dead = from.dead;
  to.unreachable = from.unreachable;
  to.components = from.components;
  to.bytes_on_disk = from.bytes_on_disk;
  to.memory_bytes = from.memory_bytes;
  to.sampled = from.sampled;
  to.recall = from.recall;
  to.recall_error = from.recall_error;
  to.mean_compared = from.mean_compared;
  to.most_in_links = from.most_in_links;
  to.exact = from.exact;
  to.degraded = from.degraded;
  to.recall_low = from.recall_low;
  to.recall_high = from.recall_high;
  to.free_slots = from.free_slots;
  to.dead_share = from.dead_share;
  to.hanging = from.hanging;
  to.hub_share = from.hub_share;
  to.duplicates = from.duplicates;
  to.duplicated_vectors = from.duplicated_vectors;
  to.largest_heap = from.largest_heap;
  return to;
}

static_assert(sizeof(engram_level_report) == sizeof(LevelReport) &&
                  sizeof(engram_hub_report) == sizeof(HubReport) &&
                  sizeof(engram_space_report) == sizeof(SpaceReport),
              "a field is in one of them alone");

engram_space_report SpaceOf(const SpaceReport& from) {
  engram_space_report to = {};
  to.page_file_bytes = from.page_file_bytes;
  to.node_bytes = from.node_bytes;
  to.live_node_bytes = from.live_node_bytes;
  to.dead_node_bytes = from.dead_node_bytes;
  to.free_node_bytes = from.free_node_bytes;
  to.upper_bytes = from.upper_bytes;
  to.live_upper_bytes = from.live_upper_bytes;
  to.dead_upper_bytes = from.dead_upper_bytes;
  to.free_upper_bytes = from.free_upper_bytes;
  to.slot_state_bytes = from.slot_state_bytes;
  to.journal_bytes = from.journal_bytes;
  to.log_bytes = from.log_bytes;
  to.metadata_bytes = from.metadata_bytes;
  to.page_memory_bytes = from.page_memory_bytes;
  to.page_copy_bytes = from.page_copy_bytes;
  to.metadata_memory_bytes = from.metadata_memory_bytes;
  return to;
}

ReportOutcome OutcomeOf(GraphReport report) {
  ReportOutcome outcome;
  outcome.summary = SummaryOf(report);
  for (const LevelReport& level : report.levels) {
    outcome.levels.push_back({level.nodes, level.links, level.links_to_dead, level.least_links,
                              level.most_links, level.unreached});
  }
  for (const HubReport& hub : report.hubs) {
    outcome.hubs.push_back({hub.id, hub.in_links, hub.level});
  }
  outcome.space = SpaceOf(report.space);
  outcome.report = std::move(report);
  return outcome;
}

Status Analyze(const engram_store* store, const AnalyzeOptions& options,
               engram_graph_report** out) {
  if (Status status = RequireAll({{"store", store}, {"out", out}}); !status.ok()) return status;
  Result<GraphReport> report = Unwrap(store)->Analyze(options);
  if (!report.ok()) return report.status();
  *out = Own(OutcomeOf(std::move(report).value()));
  return Status::Ok();
}

}  // namespace
}  // namespace engram::c

// What is defined below is global, as in C.
using namespace engram;     // NOLINT
using namespace engram::c;  // NOLINT

engram_code engram_store_open(const char* directory, const engram_options* options,
                              engram_store** out, engram_error** error) noexcept {
  Clear(out);
  Status status = RequireAll({{"options", options}});
  if (status.ok()) status = Open(directory, *Unwrap(options), Access::kReadWrite, out);
  return Report(status, error);
}

engram_code engram_store_open_read_only(const char* directory, const engram_options* options,
                                        engram_store** out, engram_error** error) noexcept {
  Clear(out);
  const OpenOptions as_it_is;
  return Report(
      Open(directory, options == nullptr ? as_it_is : *Unwrap(options), Access::kReadOnly, out),
      error);
}

engram_code engram_store_close(engram_store* store, engram_error** error) noexcept {
  Status status = RequireAll({{"store", store}});
  if (status.ok()) status = Unwrap(store)->Close();
  return Report(status, error);
}

void engram_store_free(engram_store* store) noexcept { Free(store); }

engram_code engram_store_flush(engram_store* store, engram_error** error) noexcept {
  Status status = RequireAll({{"store", store}});
  if (status.ok()) status = Unwrap(store)->Flush();
  return Report(status, error);
}

engram_code engram_store_wait_durable(engram_store* store, uint64_t lsn,
                                      engram_error** error) noexcept {
  Status status = RequireAll({{"store", store}});
  if (status.ok()) status = Unwrap(store)->WaitDurable(static_cast<Lsn>(lsn));
  return Report(status, error);
}

engram_code engram_store_checkpoint(engram_store* store, engram_error** error) noexcept {
  Status status = RequireAll({{"store", store}});
  if (status.ok()) status = Unwrap(store)->Checkpoint();
  return Report(status, error);
}

engram_code engram_store_run_maintenance(engram_store* store, int64_t budget_us,
                                         engram_error** error) noexcept {
  const std::chrono::microseconds budget(std::clamp(budget_us, std::int64_t{0}, kLongestBudgetUs));
  Status status = RequireAll({{"store", store}});
  if (status.ok()) status = Unwrap(store)->RunMaintenance(budget);
  return Report(status, error);
}

engram_code engram_store_get_stats(const engram_store* store, engram_stats* stats, size_t bytes,
                                   engram_error** error) noexcept {
  if (Status status = RequireAll({{"store", store}, {"stats", stats}}); !status.ok()) {
    return Report(status, error);
  }
  const Result<Stats> found = Unwrap(store)->GetStats();
  if (found.ok()) CopySized(StatsOf(*found), stats, bytes);
  return Report(found.status(), error);
}

engram_code engram_store_analyze(const engram_store* store, size_t sample, size_t k, size_t ef,
                                 engram_graph_report** out, engram_error** error) noexcept {
  Clear(out);
  return Report(Analyze(store, {sample, k, ef}, out), error);
}

const engram_graph_summary* engram_graph_report_summary(
    const engram_graph_report* report) noexcept {
  return report == nullptr ? nullptr : &Unwrap(report)->summary;
}

size_t engram_graph_report_levels(const engram_graph_report* report) noexcept {
  return report == nullptr ? 0 : Unwrap(report)->levels.size();
}

const engram_level_report* engram_graph_report_level(const engram_graph_report* report,
                                                     size_t level) noexcept {
  return level < engram_graph_report_levels(report) ? &Unwrap(report)->levels[level] : nullptr;
}

size_t engram_graph_report_hubs(const engram_graph_report* report) noexcept {
  return report == nullptr ? 0 : Unwrap(report)->hubs.size();
}

const engram_hub_report* engram_graph_report_hub(const engram_graph_report* report,
                                                 size_t hub) noexcept {
  return hub < engram_graph_report_hubs(report) ? &Unwrap(report)->hubs[hub] : nullptr;
}

const engram_space_report* engram_graph_report_space(const engram_graph_report* report) noexcept {
  return report == nullptr ? nullptr : &Unwrap(report)->space;
}

const uint64_t* engram_graph_report_out_degrees(const engram_graph_report* report,
                                                size_t* count) noexcept {
  if (report == nullptr) return NoItems<std::uint64_t>(count);
  return Items(Unwrap(report)->report.out_degrees, count);
}

const uint64_t* engram_graph_report_in_degrees(const engram_graph_report* report,
                                               size_t* count) noexcept {
  if (report == nullptr) return NoItems<std::uint64_t>(count);
  return Items(Unwrap(report)->report.in_degrees, count);
}

void engram_graph_report_free(engram_graph_report* report) noexcept { Free(report); }
