// Searches of every kind, of now, of snapshots, of the past and of states with a name, while
// several threads write, sweep, compact and make checkpoints; afterwards each answer is held
// against the state at its commit (tests/stress/search_history.h).
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/src/transactions.h"
#include "engine/engine.h"
#include "engine/vector_rules.h"
#include "storage/base/uring_file_system.h"
#include "tests/stress/search_history.h"
#include "tests/support/counts.h"
#include "tests/support/graph_check.h"
#include "tests/support/sanitizers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/watchdog.h"

namespace engram {
namespace {

constexpr std::uint32_t kDimensions = 6;
constexpr std::size_t kWriters = 3;
constexpr std::size_t kReaders = 3;
constexpr std::size_t kLeast = 150;  // patterns of one writer
constexpr std::size_t kMost = 350;
constexpr std::uint64_t kCommits = kThreadSanitizer ? 300 : 1000;  // of one writer
constexpr std::size_t kClusters = 20;
constexpr std::chrono::milliseconds kHistory{30};
constexpr std::chrono::milliseconds kOldest{200};

bool Failed() { return ::testing::Test::HasFailure(); }

// Clusters, on a grid: copies and equal distances come up.
std::vector<float> AnyVector(std::mt19937_64& random) {
  std::mt19937_64 center(random() % kClusters);
  std::vector<float> vector(kDimensions);
  for (float& component : vector) {
    const auto base = static_cast<float>(center() % 64);
    component = base + 1 + static_cast<float>(random() % 64) / 16;
  }
  return vector;
}

class HistoryTest : public ::testing::TestWithParam<Metric> {
 protected:
  HistoryTest() : seed_(TestSeed(7)) {
    config_.file_system = MakeBestFileSystem();
    config_.min_extent_bytes = 16 << 10;  // segments grow often
    config_.checkpoint_slice_bytes = 16 << 10;
    Options& options = config_.options;
    options.dimensions = kDimensions;
    options.metric = GetParam();
    options.residency = GetParam() == Metric::kCosine ? Residency::kMapped : Residency::kResident;
    options.m = 6;
    options.ef_construction = 60;
    options.ef = 100;
    options.journal_bytes = 256 << 10;
    options.log_segment_bytes = 256 << 10;
    options.durability = Durability::kNone;
    options.background_threads = 0;
    options.search_threads = 2;
    options.history = kHistory;
    options.max_snapshot_age = kOldest;
  }

  void Open() {
    auto opened = Engine::Open(dir_.File("store"), config_, Engine::Access::kReadWrite);
    ASSERT_TRUE(opened.ok()) << opened.status();
    engine_ = std::move(opened).value();
  }

  // --- Writers ---

  struct WriterState {
    std::mt19937_64 random;
    std::vector<PatternId> ids;  // nobody else changes these
    WriterNotes notes;
    WriteBatch batch;
    std::vector<PatternEvent> events;

    PatternId TakeAny() {
      std::swap(ids[random() % ids.size()], ids.back());
      const PatternId id = ids.back();
      ids.pop_back();
      return id;
    }
  };

  static void AddInsert(WriterState& writer) {
    PatternEvent event;
    event.vector = AnyVector(writer.random);
    NewPattern pattern;
    pattern.vector = event.vector;
    writer.batch.Insert(pattern);
    writer.events.push_back(std::move(event));
  }

  // `vector`: else the metadata alone.
  static void AddUpdate(WriterState& writer, PatternId id, bool vector) {
    PatternEvent event;
    event.id = id;
    PatternChange change;
    change.metadata = Metadata{{"n", static_cast<std::int64_t>(writer.random() % 100)}};
    event.kind = PatternEvent::Kind::kTouch;
    if (vector) {
      event.kind = PatternEvent::Kind::kSet;
      event.vector = AnyVector(writer.random);
      change.vector = event.vector;
    }
    writer.batch.Update(id, change);
    writer.events.push_back(std::move(event));
  }

  static void AddErase(WriterState& writer, PatternId id) {
    writer.batch.Erase(id);
    writer.events.push_back({id, PatternEvent::Kind::kErase, {}});
  }

  void Commit(WriterState& writer) {
    Transaction transaction;
    transaction.durability = writer.random() % 8 == 0 ? Durability::kInterval : Durability::kNone;
    const VectorRules rules{engine_->metric(), engine_->dimensions()};
    const Status checked = CheckBatch(rules, writer.batch, transaction);
    ASSERT_TRUE(checked.ok()) << checked;
    engine_->Commit(transaction);
    ASSERT_TRUE(transaction.status.ok()) << transaction.status;
    std::size_t inserted = 0;
    for (PatternEvent& event : writer.events) {
      if (event.id == 0) event.id = transaction.ids[inserted++];
      if (event.kind != PatternEvent::Kind::kErase) writer.ids.push_back(event.id);
    }
    writer.notes.commits.emplace_back(transaction.lsn, std::move(writer.events));
    writer.events.clear();
    writer.batch.Clear();
    written_.fetch_add(1, std::memory_order_relaxed);
  }

  void AddAny(WriterState& writer) {
    std::mt19937_64& random = writer.random;
    const bool many = writer.ids.size() > kMost;
    switch (writer.ids.size() < kLeast ? random() % 2 : (many ? 8 : 0) + random() % 12) {
      case 0:
      case 2:
      case 3:
      case 4:
        return AddInsert(writer);
      case 1:  // more than a caller searches for itself
        for (std::size_t count = 5 + random() % 15; count > 0; --count) AddInsert(writer);
        return;
      case 5:
      case 6:
        return AddUpdate(writer, writer.TakeAny(), true);
      case 7:
        return AddUpdate(writer, writer.TakeAny(), false);
      case 8:  // all kinds in one
        for (std::size_t count = 1 + random() % 4; count > 0; --count) {
          AddErase(writer, writer.TakeAny());
          AddUpdate(writer, writer.TakeAny(), random() % 2 == 0);
          AddInsert(writer);
        }
        return;
      case 9:
      case 10:
        return AddErase(writer, writer.TakeAny());
      default:
        for (std::size_t count = 1 + random() % 20; count > 0; --count) {
          AddErase(writer, writer.TakeAny());
        }
    }
  }

  void Write(WriterState& writer) {
    for (std::uint64_t i = 0; i < kCommits && !Failed(); ++i) {
      AddAny(writer);
      Commit(writer);
    }
    writers_left_.fetch_sub(1, std::memory_order_acq_rel);
  }

  // --- Readers ---

  bool Writing() const { return writers_left_.load(std::memory_order_acquire) > 0 && !Failed(); }

  static SearchRequest AnyRequest(std::mt19937_64& random, SearchSeen& seen) {
    constexpr std::size_t kHits[] = {1, 10, 10, 10, 40};
    seen.query = AnyVector(random);
    seen.k = kHits[random() % std::size(kHits)];
    seen.exact_asked = random() % 4 == 0;
    SearchRequest request;
    request.query = seen.query;
    request.k = seen.k;
    request.exact = seen.exact_asked;
    return request;
  }

  // A state that was given up says so; nothing else may be wrong with it.
  static bool GaveWay(const Status& status, const std::optional<KeptState>& at) {
    return at && status.code() == Code::kSnapshotExpired;
  }

  void Note(ReaderNotes& notes, SearchSeen seen, Result<SearchResult> result) {
    ASSERT_TRUE(result.ok()) << result.status();
    seen.result = std::move(result).value();
    notes.Add(std::move(seen));
  }

  void SearchOnce(std::mt19937_64& random, const std::optional<KeptState>& at, ReaderNotes& notes) {
    SearchSeen seen;
    SearchRequest request = AnyRequest(random, seen);
    request.snapshot = at;
    auto result = engine_->Search(request);
    if (GaveWay(result.status(), at)) return;
    if (at && result.ok()) {
      EXPECT_EQ(result->lsn, at->lsn);
    }
    Note(notes, std::move(seen), std::move(result));
  }

  void SearchMany(std::mt19937_64& random, const std::optional<KeptState>& at, ReaderNotes& notes) {
    SearchSeen first;
    SearchRequest request = AnyRequest(random, first);
    request.snapshot = at;
    std::vector<SearchSeen> seen(5, first);
    std::vector<VectorView> queries;
    for (SearchSeen& one : seen) {
      one.query = AnyVector(random);
      queries.emplace_back(one.query);
    }
    auto results = engine_->SearchBatch(queries, request);
    for (std::size_t i = 0; i < seen.size(); ++i) {
      if (GaveWay(results[i].status(), at)) continue;
      Note(notes, std::move(seen[i]), std::move(results[i]));
    }
  }

  void Visit(const KeptState& at, ReaderNotes& notes) {
    VisitSeen seen;
    seen.lsn = at.lsn;
    ReadRequest request;
    request.include_metadata = false;
    request.snapshot = at;
    const Status status = engine_->ForEach(
        [&](const Pattern& pattern) {
          seen.patterns.push_back({pattern.id, pattern.version, HashOf(pattern.vector)});
          return true;
        },
        request);
    if (at.line != nullptr && GaveWay(status, at)) return;
    ASSERT_TRUE(status.ok()) << status;
    notes.Add(std::move(seen));
  }

  // Some are held while many commits go by.
  void ReadSnapshot(std::mt19937_64& random, ReaderNotes& notes) {
    const KeptState at = engine_->TakeSnapshot();
    const std::uint64_t until =
        written_.load(std::memory_order_relaxed) + (random() % 4 == 0 ? random() % 400 : 0);
    do {
      SearchOnce(random, at, notes);
      if (random() % 4 == 0) SearchMany(random, at, notes);
      if (random() % 4 == 0) Visit(at, notes);
    } while (Writing() && written_.load(std::memory_order_relaxed) < until);
    engine_->DropSnapshot(at);
  }

  // A commit of the last ones, if its state is there still.
  void ReadPast(std::mt19937_64& random, ReaderNotes& notes) {
    const auto newest = static_cast<std::uint64_t>(engine_->core().versions.visible());
    // From where there are patterns.
    const auto most = newest - static_cast<std::uint64_t>(first_);
    const auto lsn = static_cast<Lsn>(newest - std::min<std::uint64_t>(most, random() % 30));
    const auto at = engine_->TakeSnapshotAt(lsn);
    if (at.code() == Code::kSnapshotExpired) return;
    ASSERT_TRUE(at.ok()) << at.status();
    ASSERT_EQ(at->lsn, lsn);
    past_.fetch_add(1, std::memory_order_relaxed);
    SearchOnce(random, *at, notes);
    if (random() % 4 == 0) Visit(*at, notes);
    engine_->DropSnapshot(*at);
  }

  // Each reader has a name of its own, for a while.
  void ReadNamed(std::mt19937_64& random, const std::string& name, ReaderNotes& notes) {
    if (random() % 4 == 0) {
      const auto named = engine_->CreateNamedSnapshot(name, std::nullopt, Durability::kNone);
      ASSERT_TRUE(named.ok() || named.code() == Code::kAlreadyExists) << named.status();
    } else if (random() % 4 == 0) {
      const Status dropped = engine_->DropNamedSnapshot(name, Durability::kNone);
      ASSERT_TRUE(dropped.ok() || dropped.code() == Code::kNotFound) << dropped;
    }
    const auto at = engine_->OpenNamedSnapshot(name);
    if (at.code() == Code::kNotFound) return;
    ASSERT_TRUE(at.ok()) << at.status();
    named_.fetch_add(1, std::memory_order_relaxed);
    SearchOnce(random, *at, notes);
    if (random() % 4 == 0) Visit(*at, notes);
    engine_->DropSnapshot(*at);
  }

  void Read(std::uint64_t seed, ReaderNotes& notes) {
    std::mt19937_64 random(seed);
    const std::string name = "of " + std::to_string(seed);
    do {
      const std::uint64_t what = random() % 20;
      if (what == 0) {
        ReadSnapshot(random, notes);
      } else if (what > 17) {
        ReadPast(random, notes);
      } else if (what > 15) {
        ReadNamed(random, name, notes);
      } else if (what < 4) {
        SearchMany(random, std::nullopt, notes);
      } else {
        SearchOnce(random, std::nullopt, notes);
      }
    } while (Writing());
  }

  void Maintain() {
    while (Writing()) {
      Status status = engine_->RunMaintenance(std::chrono::milliseconds(5));
      ASSERT_TRUE(status.ok()) << status;
      status = engine_->Checkpoint();
      ASSERT_TRUE(status.ok()) << status;
    }
  }

  // Some are cancelled on the way.
  void Compact() {
    std::mt19937_64 random(seed_);
    while (Writing()) {
      CompactOptions options;
      options.metadata = random() % 8 == 0;
      std::uint64_t left = random() % 2 == 0 ? random() % 60 : ~0ull;
      options.progress = [&](const CompactProgress&) { return left-- > 0; };
      const auto report = engine_->Compact(options);
      ASSERT_TRUE(report.ok() || report.code() == Code::kCancelled) << report.status();
      if (report.ok()) moved_.fetch_add(report->moved, std::memory_order_relaxed);
    }
  }

  std::string CheckGraphNow() {
    MutexLock role(engine_->core().writer_role);
    return CheckGraph(engine_->core());
  }

  const std::uint64_t seed_;
  TempDir dir_;
  EngineOptions config_;
  std::unique_ptr<Engine> engine_;
  std::atomic<std::size_t> writers_left_{kWriters};
  std::atomic<std::uint64_t> written_{0};  // relaxed: paces readers
  Lsn first_ = Lsn::kNone;  // with patterns of all writers; set before there are readers
  // Relaxed: figures.
  std::atomic<std::uint64_t> past_{0};
  std::atomic<std::uint64_t> named_{0};
  std::atomic<std::uint64_t> moved_{0};
};

TEST_P(HistoryTest, EachAnswerIsThatOfTheStateAtItsCommit) {
  const Watchdog watchdog("a history of searches", std::chrono::seconds(600));
  ASSERT_NO_FATAL_FAILURE(Open());
  std::vector<WriterState> writers(kWriters);
  for (std::size_t i = 0; i < kWriters; ++i) {
    writers[i].random.seed(seed_ + i);
    // So many that searches are over the graph.
    for (std::size_t j = 0; j < kLeast; ++j) AddInsert(writers[i]);
    ASSERT_NO_FATAL_FAILURE(Commit(writers[i]));
  }
  first_ = engine_->core().versions.visible();
  std::vector<ReaderNotes> readers;
  for (std::size_t i = 0; i < kReaders; ++i) readers.emplace_back(seed_ + i);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kReaders; ++i) {
    threads.emplace_back([&, i] { Read(seed_ + 100 + i, readers[i]); });
  }
  threads.emplace_back([this] { Maintain(); });
  threads.emplace_back([this] { Compact(); });
  for (WriterState& writer : writers) threads.emplace_back([&] { Write(writer); });
  for (std::thread& thread : threads) thread.join();
  ASSERT_FALSE(Failed());

  ReaderNotes last(seed_);
  Visit(KeptState{nullptr, engine_->core().versions.visible()}, last);
  EXPECT_EQ(CheckGraphNow(), "");
  const std::uint64_t slots = engine_->core().slots->used();
  std::uint64_t versions = 0;
  SearchHistory history(GetParam());
  for (WriterState& writer : writers) {
    for (const auto& [lsn, events] : writer.notes.commits) versions += events.size();
    history.Add(std::move(writer.notes));
  }
  for (ReaderNotes& notes : readers) history.Add(std::move(notes));
  history.Add(std::move(last));
  EXPECT_EQ(history.Check(), "");
  const HistoryCounts& counts = history.counts();
  PrintCounts({{"searches", counts.searches},
               {"walks", counts.walks},
               {"versions", versions},
               {"states of the past", past_.load()},
               {"states with a name", named_.load()},
               {"moves", moved_.load()}});
  EXPECT_GT(past_.load(), 0u);
  EXPECT_GT(named_.load(), 0u);
  EXPECT_GT(counts.walks, counts.searches / 3);  // a quarter was asked to be exact
  EXPECT_GT(counts.recall(), 0.9);
  EXPECT_LT(slots, versions);  // slots were swept and used again, as far as no name held them

  engine_.reset();  // as in a crash: links come from the log
  ASSERT_NO_FATAL_FAILURE(Open());
  EXPECT_EQ(CheckGraphNow(), "");
}

INSTANTIATE_TEST_SUITE_P(Metrics, HistoryTest, ::testing::Values(Metric::kL2, Metric::kCosine),
                         [](const auto& metric) {
                           return std::string(metric.param == Metric::kL2 ? "L2" : "Cosine");
                         });

}  // namespace
}  // namespace engram
