// Engine's figures.
#include <algorithm>
#include <string>
#include <vector>

#include "engine/analyze.h"
#include "engine/engine.h"
#include "engine/recall_meter.h"
#include "storage/base/clock.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

// The sizes of the files in a directory; files that go meanwhile count nothing.
Result<std::uint64_t> DirectoryBytes(FileSystem& fs, const std::string& directory) {
  ENGRAM_ASSIGN_OR_RETURN(const std::vector<std::string> names, fs.List(directory));
  std::uint64_t bytes = 0;
  for (const std::string& name : names) {
    const auto info = fs.Stat(JoinPath(directory, name));
    if (info.ok() && info->type == FileType::kRegular) bytes += info->size;
  }
  return bytes;
}

}  // namespace

Result<Stats> Engine::GetStats() {
  CheckOpen();
  Stats stats;
  const StoreParameters& parameters = core_.page_file->parameters();
  stats.count = core_.counters.live.load(std::memory_order_relaxed);
  stats.dead = core_.counters.dead.load(std::memory_order_relaxed);
  stats.free_slots = core_.counters.free_slots.load(std::memory_order_relaxed);
  stats.dimensions = dimensions();
  stats.metric = metric();
  stats.m = parameters.m;
  stats.last_lsn = core_.versions.visible();
  stats.durable_lsn = core_.log ? core_.log->durable() : stats.last_lsn;
  stats.checkpoint_lsn = checkpointer_->lsn();
  stats.checkpoints = checkpointer_->number();
  stats.next_id = core_.counters.next_id.load(std::memory_order_relaxed);
  AddSnapshots(stats);
  AddSweep(stats);

  ENGRAM_ASSIGN_OR_RETURN(stats.page_file_bytes, core_.page_file->BytesOnDisk());
  stats.journal_bytes = parameters.journal_blocks * std::uint64_t{kBlockBytes};
  ENGRAM_ASSIGN_OR_RETURN(stats.log_bytes, DirectoryBytes(*core_.file_system, core_.LogPath()));
  ENGRAM_ASSIGN_OR_RETURN(stats.metadata_bytes,
                          DirectoryBytes(*core_.file_system, core_.MetaPath()));
  stats.bytes_on_disk =
      stats.page_file_bytes + stats.journal_bytes + stats.log_bytes + stats.metadata_bytes;
  stats.memory_bytes = core_.pages->memory_bytes() + core_.meta->MemoryBytes();
  stats.dirty_page_bytes = core_.pages->dirty_bytes();

  stats.commits = core_.counters.commits.load(std::memory_order_relaxed);
  if (core_.log) {
    stats.log_syncs = core_.log->counters().syncs;
    stats.log_bytes_written = core_.log->counters().bytes_appended;
  }
  stats.page_bytes_written = checkpointer_->page_bytes_written();
  stats.journal_bytes_written = checkpointer_->journal_bytes_written();
  stats.searches = core_.counters.searches.load(std::memory_order_relaxed);
  stats.replayed_commits = core_.counters.replayed_commits.load(std::memory_order_relaxed);
  stats.restored_pages = core_.counters.restored_pages.load(std::memory_order_relaxed);
  stats.residency = core_.residency;
  const Scrubber::Figures scrub = scrubber_->figures();
  stats.scrubbed_pages = scrub.pages;
  stats.scrub_rounds = scrub.rounds;
  stats.bad_pages = scrub.bad;
  stats.healed_pages = scrub.healed;
  if (scrub.first_bad) {
    stats.first_bad_segment = Raw(scrub.first_bad->segment);
    stats.first_bad_page = Raw(scrub.first_bad->page);
  }
  stats.audit_rounds = core_.counters.audit_rounds.load(std::memory_order_relaxed);
  stats.audited_nodes = core_.counters.audited_nodes.load(std::memory_order_relaxed);
  stats.mended_nodes = core_.counters.mended_nodes.load(std::memory_order_relaxed);
  return stats;
}

void Engine::AddSnapshots(Stats& stats) const {
  using std::chrono::microseconds;
  const SnapshotSet::Figures open = core_.versions.snapshots();
  stats.snapshots = open.count;
  stats.oldest_snapshot = open.lsn;
  if (open.oldest) {
    stats.oldest_snapshot_age =
        std::chrono::duration_cast<microseconds>(core_.clock->Steady() - *open.oldest);
  }
  const std::vector<NamedSnapshot> named = core_.versions.named();
  stats.named_snapshots = named.size();
  const std::int64_t now_us = core_.clock->NowMicros();
  for (const NamedSnapshot& snapshot : named) {
    const microseconds age(now_us - UnixMicros(snapshot.taken_at));
    stats.oldest_named_snapshot_age = std::max(stats.oldest_named_snapshot_age, age);
  }
  stats.expired_snapshots = core_.versions.expired_snapshots();
  stats.horizon = core_.versions.horizon();
}

void Engine::AddSweep(Stats& stats) const {
  const Counters& counters = core_.counters;
  stats.sweep_rounds = counters.sweep_rounds.load(std::memory_order_relaxed);
  const std::uint32_t end = counters.sweep_end.load(std::memory_order_relaxed);
  const std::uint32_t next = counters.sweep_next.load(std::memory_order_relaxed);
  stats.sweep_progress = end == 0 ? 0 : static_cast<double>(std::min(next, end)) / end;
  stats.healed_nodes = counters.healed_nodes.load(std::memory_order_relaxed);
  stats.reclaimed = counters.reclaimed.load(std::memory_order_relaxed);
  stats.expired = counters.expired.load(std::memory_order_relaxed);
  stats.moved = counters.moved.load(std::memory_order_relaxed);
}

Result<GraphReport> Engine::Analyze(const AnalyzeOptions& options) {
  CheckOpen();
  // Held to the end, so that all searches may look at one state.
  ENGRAM_ASSIGN_OR_RETURN(const Versions::Pin pin, core_.versions.Begin());
  // The entry first: where it leads has memory by then.
  const EntryPoint entry = core_.entry();
  PageErrors errors;
  const Graph graph = core_.GraphNow(errors);
  GraphReport report = AnalyzeGraph(graph, entry, pin.lsn());
  const Duplicates duplicates = CountDuplicates(graph, pin.lsn());
  ENGRAM_RETURN_IF_ERROR(core_.PageTrouble(errors));
  report.duplicates = duplicates.nodes;
  report.duplicated_vectors = duplicates.vectors;
  report.largest_heap = duplicates.largest;
  ENGRAM_RETURN_IF_ERROR(MeasureRecall(options, graph, pin.lsn(), report));
  ENGRAM_RETURN_IF_ERROR(AddSizes(report));
  return report;
}

Status Engine::AddSizes(GraphReport& report) {
  ENGRAM_ASSIGN_OR_RETURN(const Stats stats, GetStats());
  report.free_slots = stats.free_slots;
  report.bytes_on_disk = stats.bytes_on_disk;
  const auto bytes_of = [this](SegmentKind segment) {
    return std::uint64_t{core_.page_file->PageCount(segment)} * core_.page_file->PageBytes(segment);
  };
  SpaceReport& space = report.space;
  space.page_file_bytes = stats.page_file_bytes;
  space.node_bytes = bytes_of(SegmentKind::kNodes);
  space.upper_bytes = bytes_of(SegmentKind::kUpper);
  const std::uint64_t places = std::uint64_t{core_.page_file->PageCount(SegmentKind::kUpper)} *
                               core_.layout->upper_blocks_per_page() *
                               core_.layout->upper_block_bytes();
  // Less is used, unless levels are damaged.
  space.free_upper_bytes =
      places - std::min(places, space.live_upper_bytes + space.dead_upper_bytes);
  space.slot_state_bytes = bytes_of(SegmentKind::kNodeSlots) + bytes_of(SegmentKind::kUpperSlots);
  space.journal_bytes = stats.journal_bytes;
  space.log_bytes = stats.log_bytes;
  space.metadata_bytes = stats.metadata_bytes;
  // The sum is of what the parts say, which may have moved since `stats`.
  space.page_memory_bytes = core_.pages->resident_bytes();
  space.page_copy_bytes = core_.pages->copied_bytes();
  space.metadata_memory_bytes = core_.meta->MemoryBytes();
  report.memory_bytes =
      space.page_memory_bytes + space.page_copy_bytes + space.metadata_memory_bytes;
  return Status::Ok();
}

Status Engine::MeasureRecall(const AnalyzeOptions& options, const Graph& graph, Lsn at,
                             GraphReport& report) {
  RecallMeter meter(options.k);
  std::uint64_t compared = 0;
  const std::uint64_t seed = core_.page_file->parameters().seed;
  for (const SlotId slot : ChooseNodes(graph, at, options.sample, seed)) {
    const ConstNodeView node = graph.Node(slot);
    SearchRequest request;
    request.query = node.vector();
    request.k = options.k + 1;  // it finds itself
    request.ef = options.ef;
    request.snapshot = KeptState{nullptr, at};
    ENGRAM_ASSIGN_OR_RETURN(const SearchResult found, Search(request));
    request.exact = true;
    request.ef = 0;
    ENGRAM_ASSIGN_OR_RETURN(const SearchResult exact, Search(request));
    meter.Add(found.hits, exact.hits, node.id());
    compared += found.compared;
    report.exact = report.exact || found.exact;
    report.degraded = report.degraded || found.degraded;
  }
  report.sampled = meter.searches();
  report.recall = meter.recall();
  const RecallMeter::Interval interval = meter.interval();
  report.recall_low = interval.low;
  report.recall_high = interval.high;
  report.recall_error = std::max(interval.high - report.recall, report.recall - interval.low);
  if (report.sampled > 0) {
    report.mean_compared = static_cast<double>(compared) / static_cast<double>(report.sampled);
  }
  return Status::Ok();
}

}  // namespace engram
