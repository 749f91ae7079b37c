// Erasing by what patterns are, erasing for ever, compaction, and rebalancing.
#include <iterator>
#include <span>

#include "api/c/handles.h"

namespace engram::c {
namespace {

static_assert(sizeof(engram_compact_report) == sizeof(CompactReport) &&
                  sizeof(engram_compact_progress) == sizeof(CompactProgress) &&
                  sizeof(engram_erase_forever_report) == sizeof(EraseForeverReport) &&
                  sizeof(engram_rebalance_progress) == sizeof(RebalanceProgress),
              "a field is in one of them alone");
// One reserved number stands where C++ pads; the others are C's alone.
constexpr std::size_t kRoomBytes =
    (std::size(engram_graph_health{}.reserved) - 1) * sizeof(std::uint32_t);
static_assert(sizeof(engram_graph_health) == sizeof(GraphHealth) + kRoomBytes &&
                  sizeof(engram_rebalance_report) == sizeof(RebalanceReport) + 2 * kRoomBytes,
              "a field is in one of them alone");

Result<PatternFilter> ToFilter(const engram_pattern_filter* from) {
  Status status = RequireAll({{"filter", from}});
  if (status.ok()) status = CheckReserved(*from);
  if (!status.ok()) return status;
  PatternFilter filter;
  if (from->has_type) filter.type = from->type;
  filter.from = TimeIf(from->has_from, from->from_us);
  filter.before = TimeIf(from->has_before, from->before_us);
  return filter;
}

// How many were erased, or why none were counted.
Status Count(const Result<std::uint64_t>& erased, std::uint64_t* out) {
  if (erased.ok() && out != nullptr) *out = *erased;
  return erased.status();
}

Status EraseMatching(engram_store* store, const engram_pattern_filter* from,
                     engram_durability durability, std::uint64_t* erased) {
  if (Status status = RequireAll({{"store", store}}); !status.ok()) return status;
  const Result<PatternFilter> filter = ToFilter(from);
  if (!filter.ok()) return filter.status();
  const Result<WriteOptions> options = WriteOptionsOf(durability);
  if (!options.ok()) return options.status();
  return Count(Unwrap(store)->EraseMatching(*filter, *options), erased);
}

Status PruneBefore(engram_store* store, Timestamp time, engram_durability durability,
                   std::uint64_t* erased) {
  if (Status status = RequireAll({{"store", store}}); !status.ok()) return status;
  const Result<WriteOptions> options = WriteOptionsOf(durability);
  if (!options.ok()) return options.status();
  return Count(Unwrap(store)->PruneBefore(time, *options), erased);
}

Result<CompactOptions> ToOptions(const engram_compact_options* from) {
  CompactOptions options;
  if (from == nullptr) return options;
  if (Status status = CheckReserved(*from); !status.ok()) return status;
  options.metadata = !from->skip_metadata;
  if (from->progress == nullptr) return options;
  options.progress = [ask = from->progress,
                      context = from->context](const CompactProgress& at) noexcept {
    const engram_compact_progress progress = {static_cast<engram_compact_phase>(at.phase), 0,
                                              at.done, at.total};
    return ask(context, &progress);
  };
  return options;
}

engram_compact_report ReportOf(const CompactReport& from) {
  engram_compact_report to = {};
  to.moved = from.moved;
  to.reclaimed = from.reclaimed;
  to.bytes_before = from.bytes_before;
  to.bytes_after = from.bytes_after;
  to.held = from.held;
  to.gave_way = from.gave_way;
  return to;
}

engram_erase_forever_report ReportOf(const EraseForeverReport& from) {
  return {from.patterns, from.versions, from.log_bytes, from.journal_bytes, from.metadata_bytes};
}

Result<RebalanceOptions> ToOptions(const engram_rebalance_options* from) {
  RebalanceOptions options;
  if (from == nullptr) return options;
  if (Status status = CheckReserved(*from); !status.ok()) return status;
  if (from->has_worst_share) options.worst_share = from->worst_share;
  if (from->has_sample) options.sample = from->sample;
  if (from->progress == nullptr) return options;
  options.progress = [ask = from->progress,
                      context = from->context](const RebalanceProgress& at) noexcept {
    const engram_rebalance_progress progress = {at.done, at.total, at.relinked};
    return ask(context, &progress);
  };
  return options;
}

engram_graph_health HealthOf(const GraphHealth& from) {
  engram_graph_health to = {};
  to.count = from.count;
  to.mean_links_out = from.mean_links_out;
  to.mean_links_in = from.mean_links_in;
  to.one_link_in = from.one_link_in;
  to.sampled = from.sampled;
  to.finds_itself = from.finds_itself;
  to.recall = from.recall;
  to.recall_error = from.recall_error;
  to.least_links_in = from.least_links_in;
  return to;
}

engram_rebalance_report ReportOf(const RebalanceReport& from) {
  return {HealthOf(from.before), HealthOf(from.after), from.looked_at, from.bad, from.relinked};
}

// The report for who wants it, in its size.
template <typename From, typename To>
Status Tell(const Result<From>& report, To* to, std::size_t bytes) {
  if (report.ok() && to != nullptr) CopySized(ReportOf(*report), to, bytes);
  return report.status();
}

}  // namespace
}  // namespace engram::c

// What is defined below is global, as in C.
using namespace engram;     // NOLINT
using namespace engram::c;  // NOLINT

engram_code engram_store_erase_matching(engram_store* store, const engram_pattern_filter* filter,
                                        engram_durability durability, uint64_t* erased,
                                        engram_error** error) noexcept {
  return Report(EraseMatching(store, filter, durability, erased), error);
}

engram_code engram_store_prune_before(engram_store* store, int64_t time_us,
                                      engram_durability durability, uint64_t* erased,
                                      engram_error** error) noexcept {
  return Report(PruneBefore(store, TimeOf(time_us), durability, erased), error);
}

engram_code engram_store_erase_forever(engram_store* store, const uint64_t* ids, size_t count,
                                       engram_erase_forever_report* report, size_t bytes,
                                       engram_error** error) noexcept {
  Status status = RequireAll({{"store", store}});
  if (status.ok() && count > 0) status = RequireAll({{"ids", ids}});
  if (status.ok()) {
    status = Tell(Unwrap(store)->EraseForever(std::span(ids, count)), report, bytes);
  }
  return Report(status, error);
}

engram_code engram_store_compact(engram_store* store, const engram_compact_options* options,
                                 engram_compact_report* report, size_t bytes,
                                 engram_error** error) noexcept {
  Status status = RequireAll({{"store", store}});
  if (!status.ok()) return Report(status, error);
  const Result<CompactOptions> checked = ToOptions(options);
  if (!checked.ok()) return Report(checked.status(), error);
  return Report(Tell(Unwrap(store)->Compact(*checked), report, bytes), error);
}

engram_code engram_store_rebalance(engram_store* store, const engram_rebalance_options* options,
                                   engram_rebalance_report* report, size_t bytes,
                                   engram_error** error) noexcept {
  Status status = RequireAll({{"store", store}});
  if (!status.ok()) return Report(status, error);
  const Result<RebalanceOptions> checked = ToOptions(options);
  if (!checked.ok()) return Report(checked.status(), error);
  return Report(Tell(Unwrap(store)->Rebalance(*checked), report, bytes), error);
}
