// An open store: owns the parts and every thread, and opens and closes them in the right order.
// What the public Store forwards to, with arguments checked. Shutdown order: no calls > maintenance
// thread > last checkpoint > rows > log > lock. Leaves argument checks to api/src. Threads: any
// thread, except Close() and the destructor. Implements docs/architecture.md.
#ifndef ENGRAM_ENGINE_ENGINE_H_
#define ENGRAM_ENGINE_ENGINE_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <engram/analyze.h>
#include <engram/rebalance.h>
#include <engram/search.h>
#include <engram/stats.h>
#include <engram/store.h>

#include "engine/checkpointer.h"
#include "engine/commit_queue.h"
#include "engine/compactor.h"
#include "engine/core.h"
#include "engine/eraser.h"
#include "engine/maintenance.h"
#include "engine/scan_pool.h"
#include "engine/scrubber.h"
#include "engine/transaction.h"
#include "engine/writer.h"
#include "index/graph_search.h"
#include "index/metric.h"
#include "index/top_k.h"

namespace engram {

// What a search needs of SearchOptions.
struct SearchRequest {
  VectorView query;  // checked
  std::size_t k = 10;
  std::size_t ef = 0;  // 0: the store's
  bool exact = false;
  std::uint64_t max_compared = 0;
  bool include_vector = false;
  bool include_metadata = false;
  std::optional<KeptState> snapshot;
  std::optional<std::chrono::steady_clock::time_point> deadline;
};

struct ReadRequest {
  bool include_vector = true;
  bool include_metadata = true;
  std::optional<KeptState> snapshot;
};

class Engine {
 public:
  enum class Access : std::uint8_t { kReadWrite, kReadOnly };

  // Pre: config.options is valid. Errors: see Store::Open().
  static Result<std::unique_ptr<Engine>> Open(const std::string& directory, EngineOptions config,
                                              Access access);
  // Closes without a checkpoint, as a crash would, but gives files and threads back.
  ~Engine();

  std::uint32_t dimensions() const { return core_.layout->dimensions(); }
  Metric metric() const { return core_.page_file->parameters().metric; }
  const Options& options() const { return core_.options(); }

  // Errors: kReadOnly: opened for reading only, or a write or sync failed.
  Status RequireWritable() const;
  // Commits `transaction`; its status, lsn and ids say what became of it.
  void Commit(Transaction& transaction);

  Result<Pattern> Get(PatternId id, const ReadRequest& request);
  Result<bool> Contains(PatternId id, const std::optional<KeptState>& snapshot);
  Status ForEach(const std::function<bool(const Pattern&)>& visit, const ReadRequest& request);
  Result<SearchResult> Search(const SearchRequest& request);
  // `request.query` is not used.
  std::vector<Result<SearchResult>> SearchBatch(std::span<const VectorView> queries,
                                                const SearchRequest& request);

  KeptState TakeSnapshot();
  // Errors: see Store::SnapshotAt().
  Result<KeptState> TakeSnapshotAt(Lsn lsn);
  Result<KeptState> TakeSnapshotAt(Timestamp time);
  void DropSnapshot(const KeptState& state) { core_.versions.DropSnapshot(state.line); }

  // Errors: see Store. Pre: the name has a length that is allowed.
  Result<NamedSnapshot> CreateNamedSnapshot(const std::string& name,
                                            const std::optional<KeptState>& state,
                                            Durability durability);
  Result<KeptState> OpenNamedSnapshot(const std::string& name);
  Status DropNamedSnapshot(const std::string& name, Durability durability);
  std::vector<NamedSnapshot> ListNamedSnapshots() const { return core_.versions.named(); }

  // Errors: see Store. Pre: the filter says something.
  Result<std::uint64_t> EraseMatching(const PatternFilter& filter, Durability durability);
  Result<std::uint64_t> PruneBefore(Timestamp time, Durability durability);
  Result<CompactReport> Compact(const CompactOptions& options);
  Result<EraseForeverReport> EraseForever(std::span<const IdRange> ids);

  Status Flush();
  Status WaitDurable(Lsn lsn);
  Status Checkpoint();
  Status RunMaintenance(std::chrono::microseconds budget);
  Result<Stats> GetStats();
  // Pre: options within their ranges.
  Result<GraphReport> Analyze(const AnalyzeOptions& options);
  // Pre: as above.
  Result<RebalanceReport> Rebalance(const RebalanceOptions& options);

  // kBusy while a snapshot is open; else the store is closed, whatever the last checkpoint met:
  // only the destructor may be called then.
  Status Close();

  // For tests, which look inside.
  Core& core() { return core_; }

 private:
  Engine() = default;

  Status OpenLocked(bool create);
  Status DeclareFields();
  Status StartThreads();
  // Ends the process where Close() was called before.
  void CheckOpen() const;
  // A read that goes on, and what it sees.
  struct Reading {
    Versions::Pin pin;
    Sight sight;
    bool newest = true;  // nothing newer is visible but what came since
  };
  Result<Reading> BeginRead(const std::optional<KeptState>& snapshot);
  // The oldest state that Options::history keeps.
  Result<Lsn> OldestKept();
  Result<KeptState> Keep(Lsn lsn, std::int64_t now_us);
  // Before there are other threads: Options::keep_history decides on Options::history here.
  Status BeginHistory();

  // The version of `id` that `sight` sees, if there is one, and its row. Pre: pinned.
  struct Found {
    SlotId slot = SlotId::kNone;
    VersionRow row;
  };
  Result<std::optional<Found>> FindVisible(PatternId id, const Sight& sight);
  // `row`: where it was read anyway.
  Result<Pattern> ReadPattern(SlotId slot, const VersionRow* row, const ReadRequest& request);

  // Pre, of all three: pinned. `newest`: as in Reading.
  Result<SearchResult> SearchAt(const SearchRequest& request, const Sight& sight, bool newest);
  // Leaves the hits in the thread's scratch.
  WalkStats Walk(const SearchRequest& request, const QueryScorer& scorer, const Sight& sight,
                 bool newest, PageErrors& errors);
  void WalkOver(const Graph& graph, const SearchRequest& request, const QueryScorer& scorer,
                const WalkFilter& filter, WalkStats& stats);
  Result<SearchResult> Scan(const SearchRequest& request, const QueryScorer& scorer,
                            const Sight& sight);
  Result<SearchResult> WithHits(SearchResult result, TopK& top, const SearchRequest& request);
  // Searches for the neighbours of what a small transaction inserts, before it waits in line. The
  // pin keeps them until they are linked. A bad page becomes the transaction's status.
  std::optional<Versions::Pin> FindNear(Transaction& transaction);
  std::optional<FoundNear> FindNear(VectorView vector, PageErrors& errors);
  // Searches for the neighbours of some patterns that `at` sees, exactly too, and adds to `report`.
  Status MeasureRecall(const AnalyzeOptions& options, const Graph& graph, Lsn at,
                       GraphReport& report);
  Compactor MakeCompactor();
  void AddSnapshots(Stats& stats) const;
  void AddSweep(Stats& stats) const;
  // Of files and memory, as they are now.
  Status AddSizes(GraphReport& report);
  // rebalancer.cc
  Result<GraphHealth> MeasureHealth(std::size_t sample);
  void MeasureFinding(const Graph& graph, EntryPoint entry, Lsn at, std::size_t sample,
                      GraphHealth& health) const;
  Result<Hit> MakeHit(SlotId slot, PatternId id, float distance, const SearchRequest& request);

  std::unique_ptr<FileLock> lock_;  // first: released last
  Core core_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<CommitQueue> queue_;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::unique_ptr<Scrubber> scrubber_;
  std::unique_ptr<Maintenance> maintenance_;
  std::unique_ptr<ScanPool> pool_;
  std::unique_ptr<Eraser> eraser_;
  // One compaction or erasing for ever at a time; taken before all others.
  Mutex upkeep_mutex_;
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_ENGINE_H_
