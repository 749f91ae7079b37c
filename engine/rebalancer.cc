#include "engine/rebalancer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "engine/analyze.h"
#include "engine/engine.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

// Candidates of a walk that looks for a node by its own vector: a well linked node is among far
// fewer, and one that needs more is missed by searches for what lies beside it.
constexpr std::size_t kFewCandidates = 16;
// A parent, and at most one beyond it: were one of them to end, searches would hardly find the
// node.
constexpr std::uint32_t kFewLinksIn = 2;
constexpr std::uint32_t kCountedAtATime = 4096;  // slots, under one pin
constexpr std::uint32_t kSearchedAtATime = 64;
constexpr std::size_t kRelinkedAtATime = 8;  // nodes of one commit
constexpr std::size_t kHealthK = 10;

// False also where compaction has meanwhile given the slot's page back.
bool IsLive(const Graph& graph, SlotId slot) {
  return graph.Has(slot) && graph.state(slot) == SlotState::kLive;
}

}  // namespace

bool FindsItself(const Graph& graph, EntryPoint entry, Metric metric, SlotId slot) {
  thread_local GraphWalker walker;
  thread_local QueryScorer query;
  const ConstNodeView node = graph.Node(slot);
  query.Prepare(metric, node.vector());
  const float own = query.Distance(node.vector().data(), node.norm());
  WalkStats stats;
  const auto start = walker.Descend(graph, query, entry, 0, stats);
  if (!start) return false;
  const WalkFilter filter{WalkFilter::Kind::kLive, {}, true};
  const std::vector<Candidate>& found =
      walker.Search(graph, query, 0, kFewCandidates, *start, filter, {}, stats);
  // By inner product others may be nearer than the node itself.
  if (found.size() >= kFewCandidates && found.back().distance <= own) return true;
  return std::any_of(found.begin(), found.end(), [&](const Candidate& candidate) {
    return candidate.slot == slot || candidate.distance == own;
  });
}

Status Rebalancer::Run(const RebalanceOptions& options, RebalanceReport& report) {
  options_ = &options;
  report_ = &report;
  progress_ = {};
  // Relaxed: a figure.
  const std::uint64_t live = core_.counters.live.load(std::memory_order_relaxed);
  most_ = static_cast<std::uint64_t>(std::ceil(options.worst_share * static_cast<double>(live)));
  progress_.total = live + most_;
  ENGRAM_RETURN_IF_ERROR(CountLinksIn());
  ENGRAM_RETURN_IF_ERROR(LookAtAll());
  ChooseWorst();
  return RelinkWorst();
}

Status Rebalancer::TellProgress() const {
  ENGRAM_SYNC_POINT("rebalance:step");
  if (!options_->progress || options_->progress(progress_)) return Status::Ok();
  return Status::Cancelled("rebalancing was cancelled by its caller after " +
                           std::to_string(progress_.done) + " of " +
                           std::to_string(progress_.total) + " nodes; " +
                           std::to_string(progress_.relinked) + " were linked anew, and stay so");
}

// --- Which are the worst ---

// What comes and goes meanwhile may be counted or not.
Status Rebalancer::CountLinksIn() {
  links_in_.assign(core_.visible_slots.load(std::memory_order_acquire), 0);
  const auto slots = static_cast<std::uint32_t>(links_in_.size());
  for (std::uint32_t begin = 0; begin < slots;) {
    ENGRAM_ASSIGN_OR_RETURN(const Versions::Pin pin, core_.versions.Begin());
    PageErrors errors;
    const Graph graph = core_.GraphNow(errors);
    const std::uint32_t end = begin + std::min(kCountedAtATime, slots - begin);
    for (; begin < end; ++begin) {
      const auto slot = static_cast<SlotId>(begin);
      if (!IsLive(graph, slot)) continue;
      graph.ForEachNeighbour(slot, 0, [&](SlotId to) {
        if (Raw(to) >= slots) return;
        std::uint16_t& links = links_in_[Raw(to)];
        if (links < std::numeric_limits<std::uint16_t>::max()) ++links;
      });
    }
    ENGRAM_RETURN_IF_ERROR(core_.PageTrouble(errors));
  }
  return Status::Ok();
}

Status Rebalancer::LookAtAll() {
  const auto slots = static_cast<std::uint32_t>(links_in_.size());
  for (std::uint32_t begin = 0; begin < slots;) {
    const std::uint32_t end = begin + std::min(kSearchedAtATime, slots - begin);
    ENGRAM_RETURN_IF_ERROR(LookAt(begin, end));
    ENGRAM_RETURN_IF_ERROR(TellProgress());
    begin = end;
  }
  return Status::Ok();
}

Status Rebalancer::LookAt(std::uint32_t begin, std::uint32_t end) {
  ENGRAM_ASSIGN_OR_RETURN(const Versions::Pin pin, core_.versions.Begin());
  PageErrors errors;
  // The entry first: where it leads has memory by then.
  const EntryPoint entry = core_.entry();
  const Graph graph = core_.GraphNow(errors);
  const Metric metric = core_.page_file->parameters().metric;
  for (std::uint32_t i = begin; i < end; ++i) {
    const auto slot = static_cast<SlotId>(i);
    if (!IsLive(graph, slot)) continue;
    BadNode node;
    graph.ForEachNeighbour(slot, 0, [&](SlotId to) {
      if (graph.state(to) == SlotState::kLive) ++node.links_out;
    });
    node.links_in = links_in_[i];
    node.found = FindsItself(graph, entry, metric, slot);
    ++report_->looked_at;
    ++progress_.done;
    const bool few =
        node.links_in <= kFewLinksIn || node.links_out < graph.layout().max_links() / 2;
    if (node.found && !few) continue;
    const ConstNodeView view = graph.Node(slot);
    node.slot = slot;
    node.id = view.id();
    node.version = view.version();
    bad_.push_back(node);
  }
  return core_.PageTrouble(errors);
}

void Rebalancer::ChooseWorst() {
  report_->bad = bad_.size();
  const std::size_t chosen = std::min<std::size_t>(bad_.size(), most_);
  std::partial_sort(bad_.begin(), bad_.begin() + static_cast<std::ptrdiff_t>(chosen), bad_.end());
  bad_.resize(chosen);
  bad_.shrink_to_fit();
  links_in_ = {};
  progress_.total = progress_.done + chosen;
}

// --- New links ---

Status Rebalancer::RelinkWorst() {
  for (std::size_t begin = 0; begin < bad_.size();) {
    const std::size_t end = begin + std::min(kRelinkedAtATime, bad_.size() - begin);
    checkpointer_.MakeRoomForCopies();
    const Status status = RelinkSome(begin, end);
    if (checkpointer_.CopiesAreMany()) maintenance_.Hurry();
    core_.TellNews();
    ENGRAM_RETURN_IF_ERROR(status);
    progress_.done += end - begin;
    progress_.relinked = report_->relinked;
    ENGRAM_RETURN_IF_ERROR(TellProgress());
    begin = end;
  }
  return Status::Ok();
}

Status Rebalancer::RelinkSome(std::size_t begin, std::size_t end) {
  // Until they are linked: neither the nodes' slots nor those of their neighbours become others'.
  ENGRAM_ASSIGN_OR_RETURN(const Versions::Pin pin, core_.versions.Begin());
  PageErrors errors;
  const EntryPoint entry = core_.entry();
  const Graph graph = core_.GraphNow(errors);
  LinkerOptions search;
  search.metric = core_.page_file->parameters().metric;
  search.ef_construction = core_.options().ef_construction;
  std::vector<FoundNode> found;
  for (std::size_t i = begin; i < end; ++i) {
    const BadNode& bad = bad_[i];
    if (!IsLive(graph, bad.slot)) continue;
    const ConstNodeView node = graph.Node(bad.slot);
    // Another's by now.
    if (node.id() != bad.id || node.version() != bad.version) continue;
    found.push_back({bad.slot, Linker::FindFor(graph, entry, search, bad.slot)});
  }
  ENGRAM_RETURN_IF_ERROR(core_.PageTrouble(errors));
  if (found.empty()) return Status::Ok();
  ENGRAM_SYNC_POINT("rebalance:searched");
  core_.LetLeadersIn();
  MutexLock role(core_.writer_role);
  ENGRAM_ASSIGN_OR_RETURN(const std::size_t relinked, writer_.Relink(found));
  report_->relinked += relinked;
  return Status::Ok();
}

// --- Before and after ---

Result<GraphHealth> Engine::MeasureHealth(std::size_t sample) {
  ENGRAM_ASSIGN_OR_RETURN(const Versions::Pin pin, core_.versions.Begin());
  PageErrors errors;
  // The entry first: where it leads has memory by then.
  const EntryPoint entry = core_.entry();
  const Graph graph = core_.GraphNow(errors);
  GraphReport report = AnalyzeGraph(graph, entry, pin.lsn());
  ENGRAM_RETURN_IF_ERROR(core_.PageTrouble(errors));
  AnalyzeOptions options;
  options.sample = sample;
  options.k = kHealthK;
  ENGRAM_RETURN_IF_ERROR(MeasureRecall(options, graph, pin.lsn(), report));
  GraphHealth health;
  health.count = report.count;
  if (report.count == 0) return health;
  const LevelReport& ground = report.levels.front();
  const auto count = static_cast<double>(report.count);
  health.mean_links_out = static_cast<double>(ground.links + ground.links_to_dead) / count;
  health.mean_links_in = static_cast<double>(ground.links) / count;
  const auto least = std::find_if(report.in_degrees.begin(), report.in_degrees.end(),
                                  [](std::uint64_t nodes) { return nodes > 0; });
  health.least_links_in = static_cast<std::uint32_t>(least - report.in_degrees.begin());
  health.one_link_in = report.in_degrees[1];
  health.recall = report.recall;
  health.recall_error = report.recall_error;
  MeasureFinding(graph, entry, pin.lsn(), sample, health);
  ENGRAM_RETURN_IF_ERROR(core_.PageTrouble(errors));
  return health;
}

void Engine::MeasureFinding(const Graph& graph, EntryPoint entry, Lsn at, std::size_t sample,
                            GraphHealth& health) const {
  std::uint64_t found = 0;
  const std::uint64_t seed = core_.page_file->parameters().seed;
  for (const SlotId slot : ChooseNodes(graph, at, sample, seed)) {
    ++health.sampled;
    if (FindsItself(graph, entry, metric(), slot)) ++found;
  }
  if (health.sampled > 0) {
    health.finds_itself = static_cast<double>(found) / static_cast<double>(health.sampled);
  }
}

Result<RebalanceReport> Engine::Rebalance(const RebalanceOptions& options) {
  ENGRAM_RETURN_IF_ERROR(RequireWritable());
  RebalanceReport report;
  ENGRAM_ASSIGN_OR_RETURN(report.before, MeasureHealth(options.sample));
  Rebalancer rebalancer(core_, *writer_, *checkpointer_, *maintenance_);
  ENGRAM_RETURN_IF_ERROR(rebalancer.Run(options, report));
  ENGRAM_ASSIGN_OR_RETURN(report.after, MeasureHealth(options.sample));
  core_.meta->DeliverLog();
  return report;
}

}  // namespace engram
