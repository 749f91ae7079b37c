// Engine's searches: over the graph, or over everything, whichever is right.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "index/exact_search.h"
#include "index/graph_search.h"
#include "index/metric.h"
#include "index/top_k.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

// A scan is divided into ranges of about this much memory, and not at all below it.
constexpr std::uint64_t kRangeBytes = 4ull << 20;
// Up to so many slots a scan is as fast as a walk, and finds all.
constexpr std::uint32_t kFewSlots = 256;

// Scratch of the thread's searches, warm from the last one.
struct SearchScratch {
  QueryScorer scorer;
  GraphWalker walker;
  TopK top{1};
};

SearchScratch& ScratchOfThisThread() {
  thread_local SearchScratch scratch;
  return scratch;
}

// Distances after which a walk is given up for a scan, unless the caller sets a limit: it wades
// through what it may not return (an old snapshot of a store that has grown, the dead after most
// has expired), and would go on to the last of them. The next place in memory is quicker than a
// random one, by four and more. An ordinary walk stays below the second figure.
std::uint64_t MostWalked(std::uint32_t slots, std::size_t ef, std::uint32_t max_links) {
  return std::max<std::uint64_t>(slots / 4, std::uint64_t{2} * ef * max_links);
}

// The k nearest and whatever is as near as the last of them: ids decide among these.
std::size_t CountNearest(const std::vector<Candidate>& found, std::size_t k) {
  if (found.size() <= k) return found.size();
  std::size_t count = k;
  while (count < found.size() && found[count].distance == found[k - 1].distance) ++count;
  return count;
}

}  // namespace

Result<SearchResult> Engine::Search(const SearchRequest& request) {
  CheckOpen();
  ENGRAM_ASSIGN_OR_RETURN(const Reading reading, BeginRead(request.snapshot));
  auto result = SearchAt(request, reading.sight, reading.newest);
  ENGRAM_RETURN_IF_ERROR(core_.pages->CheckFaults());
  return result;
}

std::vector<Result<SearchResult>> Engine::SearchBatch(std::span<const VectorView> queries,
                                                      const SearchRequest& request) {
  CheckOpen();
  std::vector<Result<SearchResult>> results(queries.size(), Status::Cancelled("not searched"));
  // Keeps what the state sees, for all threads; each has a pin of its own for what it touches.
  const Result<Reading> reading = BeginRead(request.snapshot);
  if (!reading.ok()) {
    std::fill(results.begin(), results.end(), reading.status());
    return results;
  }
  pool_->Run(queries.size(), [&](std::size_t i) {
    const Result<Versions::Pin> own = core_.versions.Begin();
    if (!own.ok()) {
      results[i] = own.status();
      return;
    }
    SearchRequest one = request;
    one.query = queries[i];
    results[i] = SearchAt(one, reading->sight, reading->newest);
    if (Status lost = core_.pages->CheckFaults(); !lost.ok()) results[i] = std::move(lost);
  });
  return results;
}

Result<SearchResult> Engine::SearchAt(const SearchRequest& request, const Sight& sight,
                                      bool newest) {
  core_.counters.searches.fetch_add(1, std::memory_order_relaxed);
  SearchScratch& scratch = ScratchOfThisThread();
  QueryScorer& scorer = scratch.scorer;
  scorer.Prepare(metric(), request.query);
  // Acquire: pairs with the release of the publishing writer.
  const bool few = core_.visible_slots.load(std::memory_order_acquire) <= kFewSlots;
  if (request.exact || few || request.k > kMaxEf) return Scan(request, scorer, sight);

  PageErrors errors;
  const WalkStats walk = Walk(request, scorer, sight, newest, errors);
  ENGRAM_RETURN_IF_ERROR(errors.first());
  if (walk.exhausted && request.max_compared == 0) return Scan(request, scorer, sight);
  SearchResult result;
  result.lsn = sight.lsn;
  result.compared = walk.compared;
  result.hops = walk.hops;
  result.partial = walk.timed_out;
  result.exhausted = walk.exhausted;
  if (walk.damaged) {
    ENGRAM_ASSIGN_OR_RETURN(result, Scan(request, scorer, sight));
    result.degraded = true;
    return result;
  }
  // Fewer than asked for: all there are, or, for an older state, what the graph of today leads to.
  // Relaxed: a figure; one that is behind costs or saves a scan.
  const std::uint64_t live = core_.counters.live.load(std::memory_order_relaxed);
  const bool ended_early = result.partial || result.exhausted;
  const bool all = newest && scratch.top.size() >= std::min<std::uint64_t>(request.k, live);
  if (!ended_early && scratch.top.size() < request.k && !all) return Scan(request, scorer, sight);
  return WithHits(std::move(result), scratch.top, request);
}

WalkStats Engine::Walk(const SearchRequest& request, const QueryScorer& scorer, const Sight& sight,
                       bool newest, PageErrors& errors) {
  const WalkFilter quick{WalkFilter::Kind::kVisible, sight, newest};
  const WalkFilter careful{WalkFilter::Kind::kVisible, sight, false};
  for (;;) {
    const Graph graph = core_.GraphNow(errors);
    WalkStats stats;
    WalkOver(graph, request, scorer, quick, stats);
    // Nodes of a commit that is being linked took the places of others, which are gone: again, with
    // every header looked at.
    if (stats.too_new && !stats.timed_out && !stats.exhausted) {
      WalkOver(graph, request, scorer, careful, stats);
    }
    // A link may lead to where memory has come since; where none has, it is damaged.
    const bool grew = core_.GraphNow(errors).node_limit() != graph.node_limit();
    if (!stats.damaged || !grew) return stats;
  }
}

void Engine::WalkOver(const Graph& graph, const SearchRequest& request, const QueryScorer& scorer,
                      const WalkFilter& filter, WalkStats& stats) {
  SearchScratch& scratch = ScratchOfThisThread();
  scratch.top.Reset(request.k);
  if (request.deadline && std::chrono::steady_clock::now() >= *request.deadline) {
    stats.timed_out = true;
    return;
  }
  const EntryPoint entry = core_.entry();
  ENGRAM_SYNC_POINT("search:begun");
  const auto start = scratch.walker.Descend(graph, scorer, entry, 0, stats);
  if (!start) return;
  const std::size_t ef =
      request.ef != 0 ? request.ef : std::max<std::size_t>(options().ef, request.k);
  WalkLimits limits;
  limits.deadline = request.deadline;
  limits.max_compared = request.max_compared;
  if (request.max_compared == 0) {
    // Relaxed: a figure.
    const std::uint32_t slots = core_.visible_slots.load(std::memory_order_relaxed);
    limits.max_compared = MostWalked(slots, ef, core_.layout->max_links0());
  }
  const std::vector<Candidate>& found =
      scratch.walker.Search(graph, scorer, 0, ef, *start, filter, limits, stats);
  const std::size_t tied = CountNearest(found, request.k);
  for (std::size_t i = 0; i < tied; ++i) {
    scratch.top.Push({found[i].distance, found[i].slot, graph.Node(found[i].slot).id()});
  }
}

Result<SearchResult> Engine::Scan(const SearchRequest& request, const QueryScorer& scorer,
                                  const Sight& sight) {
  ScanSource source;
  source.nodes = core_.pages->base(SegmentKind::kNodes);
  source.slots = core_.pages->base(SegmentKind::kNodeSlots);
  source.layout = core_.layout.get();
  source.node_slots = core_.visible_slots.load(std::memory_order_acquire);
  PageErrors errors;
  source.guard = core_.pages->Guard(errors);
  const ScanRequest scan{&scorer, sight, request.deadline};

  const std::uint64_t bytes = std::uint64_t{source.node_slots} * core_.layout->block_bytes();
  const std::size_t ranges = std::max<std::size_t>(1, bytes / kRangeBytes);
  const std::uint64_t per_range = source.node_slots / ranges + 1;
  // No more than there are: k may be far larger than the store.
  TopK top(std::clamp<std::size_t>(request.k, 1, std::max(source.node_slots, 1u)));
  ScanStats stats;
  bool complete = true;
  Mutex mutex;
  std::atomic<bool> stop{false};  // relaxed inside the scan: saves work only
  pool_->Run(ranges, [&](std::size_t range) {
    TopK part(std::clamp<std::size_t>(request.k, 1, per_range));
    ScanStats part_stats;
    const auto begin =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(range * per_range, source.node_slots));
    const auto end =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(begin + per_range, source.node_slots));
    const bool whole = ScanRange(source, scan, static_cast<SlotId>(begin), static_cast<SlotId>(end),
                                 &stop, &part, &part_stats);
    if (!whole) stop.store(true, std::memory_order_relaxed);
    MutexLock lock(mutex);
    top.Merge(part);
    stats.compared += part_stats.compared;
    complete = complete && whole;
  });

  ENGRAM_RETURN_IF_ERROR(errors.first());

  SearchResult result;
  result.partial = !complete;
  result.exact = true;
  result.lsn = sight.lsn;
  result.compared = stats.compared;
  return WithHits(std::move(result), top, request);
}

Result<SearchResult> Engine::WithHits(SearchResult result, TopK& top,
                                      const SearchRequest& request) {
  const auto found = top.Sort();
  if (found.empty() && result.partial) {
    return Status::SearchTimeout("the deadline passed before the first hit");
  }
  if (found.empty() && result.exhausted) {
    return Status::SearchTimeout("max_compared, " + std::to_string(request.max_compared) +
                                 ", was reached before the first hit");
  }
  if (found.empty()) {
    return Status::EmptyIndex(core_.directory + " holds no pattern at commit " +
                              std::to_string(Raw(result.lsn)));
  }
  result.hits.reserve(found.size());
  for (const ScoredSlot& scored : found) {
    ENGRAM_ASSIGN_OR_RETURN(Hit hit, MakeHit(scored.slot, scored.id, scored.distance, request));
    result.hits.push_back(std::move(hit));
  }
  return result;
}

Result<Hit> Engine::MakeHit(SlotId slot, PatternId id, float distance,
                            const SearchRequest& request) {
  Hit hit;
  hit.id = id;
  hit.distance = distance;
  const ConstNodeView node = core_.Node(slot);
  if (request.include_vector) hit.vector.assign(node.vector().begin(), node.vector().end());
  if (request.include_metadata) {
    ENGRAM_ASSIGN_OR_RETURN(hit.metadata, core_.meta->GetMetadata(id, node.version()));
  }
  return hit;
}

std::optional<FoundNear> Engine::FindNear(VectorView vector, PageErrors& errors) {
  FoundNear near;
  // Acquire: pairs with the release of the leader; whatever was linked before is found.
  near.linked = core_.linked.load(std::memory_order_acquire);
  const Graph graph = core_.GraphNow(errors);
  SearchScratch& scratch = ScratchOfThisThread();
  QueryScorer& scorer = scratch.scorer;
  scorer.Prepare(metric(), vector);
  GraphWalker& walker = scratch.walker;
  WalkStats stats;
  const auto start = walker.Descend(graph, scorer, core_.entry(), 0, stats);
  if (!start) return std::nullopt;
  const WalkFilter filter{WalkFilter::Kind::kLive, {}, true};
  near.nodes =
      walker.Search(graph, scorer, 0, options().ef_construction, *start, filter, {}, stats);
  ENGRAM_SYNC_POINT("insert:searched");
  return near;
}

std::optional<Versions::Pin> Engine::FindNear(Transaction& transaction) {
  // More are better searched for in parallel, by the leader.
  constexpr std::size_t kMostOps = 8;
  if (transaction.ops.size() > kMostOps) return std::nullopt;
  Result<Versions::Pin> pin = core_.versions.Begin();
  if (!pin.ok()) return std::nullopt;  // then the leader searches
  PageErrors errors;
  for (PendingOp& op : transaction.ops) {
    auto* insert = std::get_if<PendingInsert>(&op);
    if (insert != nullptr) insert->near = FindNear(insert->vector, errors);
    auto* update = std::get_if<PendingUpdate>(&op);
    if (update != nullptr && update->vector) update->near = FindNear(*update->vector, errors);
  }
  transaction.status = core_.PageTrouble(errors);
  if (ENGRAM_MUTANT(kCandidatesNotPinned)) return std::nullopt;
  return std::move(*pin);
}

}  // namespace engram
