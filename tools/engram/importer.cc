#include "tools/engram/importer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <thread>
#include <utility>

#include "storage/base/mutex.h"
#include "tools/engram/context.h"

namespace engram::tool {
namespace {

constexpr std::size_t kMostComplaints = 5;
// How long input that comes live may pause before its rows are stored in a smaller batch.
constexpr std::chrono::milliseconds kPatience{10};

// Failures of the store rather than of a row: the next row would meet them too.
bool EndsTheImport(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kDimensionMismatch:
    case Code::kInvalidVector:
    case Code::kAlreadyExists:
      return false;
    default:
      return true;
  }
}

// The store's own rules for a vector, so that the rows before a bad one are stored and those behind
// it not.
Status CheckRow(const Row& row, const Stats& store) {
  if (!row.status.ok()) return row.status;
  if (row.vector.size() != store.dimensions) {
    return Status::DimensionMismatch("the vector has " + std::to_string(row.vector.size()) +
                                     " components, the store has " +
                                     std::to_string(store.dimensions));
  }
  const auto bad = std::find_if_not(row.vector.begin(), row.vector.end(),
                                    [](float component) { return std::isfinite(component); });
  if (bad != row.vector.end()) {
    return Status::InvalidVector("component " + std::to_string(bad - row.vector.begin()) +
                                 (std::isnan(*bad) ? " is NaN" : " is infinite") +
                                 ", expected a finite number");
  }
  if (store.metric == Metric::kCosine &&
      std::all_of(row.vector.begin(), row.vector.end(), [](float c) { return c == 0; })) {
    return Status::InvalidVector("the vector is zero, which has no direction for metric cosine");
  }
  return {};
}

class Importer {
 public:
  Importer(Store& store, RowReader& rows, const ImportOptions& options,
           const ImportCallbacks& callbacks)
      : store_(store), rows_(rows), options_(options), callbacks_(callbacks) {
    if (options.durability) write_options_ = WriteOptions::With(*options.durability);
  }

  ImportResult Run() {
    Result<Stats> before = store_.GetStats();
    if (!before.ok()) return Failed(before.status());
    store_stats_ = *before;
    std::vector<std::thread> workers;
    for (std::size_t i = 0; i < options_.threads; ++i) workers.emplace_back([this] { Work(); });
    try {
      ReadAll();
    } catch (const Failure& e) {
      End(e.status());
    }
    {
      MutexLock lock(mutex_);
      all_read_ = true;
    }
    changed_.NotifyAll();
    for (std::thread& worker : workers) worker.join();
    MutexLock lock(mutex_);
    return std::move(result_);
  }

 private:
  using Batch = std::vector<Row>;

  static ImportResult Failed(Status status) {
    ImportResult result;
    result.status = std::move(status);
    return result;
  }

  void ReadAll() {
    Batch batch;
    Row row;
    while (!ended()) {
      if (!batch.empty() && InputPauses()) Queue(std::exchange(batch, {}));
      if (!rows_.Next(row)) break;
      if (const Status status = CheckRow(row, store_stats_); !status.ok()) {
        RowFailed(row.number, status);
        if (!options_.skip_bad) break;
        continue;
      }
      batch.push_back(std::move(row));
      if (batch.size() == options_.batch) Queue(std::exchange(batch, {}));
    }
    if (!batch.empty()) Queue(std::move(batch));
  }

  // Whether the rows read so far should not wait for more: there is no more input now, and a worker
  // could take them. While all are at work, waiting costs nothing and makes batches larger.
  bool InputPauses() {
    while (rows_.WouldWait(kPatience)) {
      MutexLock lock(mutex_);
      if (stopped_ || (queue_.empty() && busy_ < options_.threads)) return true;
    }
    return false;
  }

  // Waits while the workers are behind, so that few rows are in memory.
  void Queue(Batch batch) {
    std::uint64_t imported = 0;
    {
      MutexLock lock(mutex_);
      while (queue_.size() > options_.threads && !stopped_) changed_.Wait(mutex_);
      queue_.push_back(std::move(batch));
      imported = result_.imported;
    }
    changed_.NotifyAll();
    if (callbacks_.progress) callbacks_.progress(imported);
  }

  void Work() {
    while (true) {
      Batch batch;
      {
        MutexLock lock(mutex_);
        while (queue_.empty() && !all_read_ && !stopped_) changed_.Wait(mutex_);
        if (queue_.empty() || stopped_) return;
        batch = std::move(queue_.front());
        queue_.pop_front();
        ++busy_;
      }
      changed_.NotifyAll();
      Insert(batch);
      MutexLock lock(mutex_);
      --busy_;
    }
  }

  void Insert(const Batch& batch) {
    std::vector<NewPattern> patterns;
    patterns.reserve(batch.size());
    for (const Row& row : batch) {
      NewPattern& pattern = patterns.emplace_back();
      pattern.vector = row.vector;
      pattern.metadata = row.metadata;
      pattern.timestamp = row.timestamp;
      pattern.type = row.type;
      pattern.id = row.id;
      pattern.ttl = row.ttl ? row.ttl : options_.ttl;
    }
    const Result<BatchResult> stored = store_.InsertBatch(patterns, write_options_);
    if (!stored.ok()) {
      MutexLock lock(mutex_);
      result_.failed += batch.size();
      EndLocked(stored.status());
      return;
    }
    for (const BatchResult::Failure& failure : stored->failures) {
      RowFailed(batch[failure.position].number, failure.status);
      if (!options_.skip_bad || EndsTheImport(failure.status.code())) Stop();
    }
    Acknowledge(*stored);
  }

  void Acknowledge(const BatchResult& stored) {
    // What is printed as committed must survive any crash, whatever durability was asked for.
    const Status durable = options_.report_commits && stored.lsn != Lsn::kNone
                               ? store_.WaitDurable(stored.lsn)
                               : Status();
    MutexLock lock(mutex_);
    for (const PatternId id : stored.ids) {
      if (id == 0) continue;
      ++result_.imported;
      result_.first_id = result_.first_id == 0 ? id : std::min(result_.first_id, id);
      result_.last_id = std::max(result_.last_id, id);
    }
    if (!durable.ok()) return EndLocked(durable);
    if (!options_.report_commits || stored.lsn == Lsn::kNone) return;
    durable_ += static_cast<std::uint64_t>(
        std::count_if(stored.ids.begin(), stored.ids.end(), [](PatternId id) { return id != 0; }));
    callbacks_.committed(durable_);
  }

  void RowFailed(std::uint64_t number, const Status& status) {
    const std::string text = rows_.Name(number) + ": " + std::string(status.message());
    MutexLock lock(mutex_);
    ++result_.failed;
    if (options_.skip_bad && !EndsTheImport(status.code())) {
      if (result_.complaints.size() < kMostComplaints) result_.complaints.push_back(text);
      return;
    }
    // What is queued is stored all the same when the reader met this row: it comes before it.
    if (result_.status.ok()) result_.status = Status(status.code(), text);
  }

  void End(const Status& status) {
    MutexLock lock(mutex_);
    if (result_.status.ok()) result_.status = status;
  }

  void Stop() {
    MutexLock lock(mutex_);
    stopped_ = true;
    changed_.NotifyAll();
  }

  void EndLocked(const Status& status) ENGRAM_REQUIRES(mutex_) {
    if (result_.status.ok()) result_.status = status;
    stopped_ = true;
    changed_.NotifyAll();
  }

  bool ended() {
    MutexLock lock(mutex_);
    return stopped_ || !result_.status.ok();
  }

  Store& store_;
  RowReader& rows_;  // Next() by the calling thread alone
  const ImportOptions options_;
  const ImportCallbacks& callbacks_;
  WriteOptions write_options_;
  Stats store_stats_;  // before the first row; immutable once workers run

  Mutex mutex_;
  CondVar changed_;  // queue_, all_read_ or stopped_
  std::deque<Batch> queue_ ENGRAM_GUARDED_BY(mutex_);
  std::size_t busy_ ENGRAM_GUARDED_BY(mutex_) = 0;  // workers that insert
  bool all_read_ ENGRAM_GUARDED_BY(mutex_) = false;
  bool stopped_ ENGRAM_GUARDED_BY(mutex_) = false;  // what is queued is dropped
  std::uint64_t durable_ ENGRAM_GUARDED_BY(mutex_) = 0;
  ImportResult result_ ENGRAM_GUARDED_BY(mutex_);
};

}  // namespace

ImportResult Import(Store& store, RowReader& rows, const ImportOptions& options,
                    const ImportCallbacks& callbacks) {
  return Importer(store, rows, options, callbacks).Run();
}

}  // namespace engram::tool
