// Readers, writers, checkpoints and reclaiming against each other, through the public API on real
// files. What a reader sees must be one state of the store (tests/stress/pairs.h).
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <engram/store.h>

#include "storage/base/posix_file_system.h"
#include "tests/stress/pairs.h"
#include "tests/support/sanitizers.h"
#include "tests/support/sound_store.h"
#include "tests/support/temp_dir.h"
#include "tests/support/watchdog.h"

namespace engram {
namespace {

constexpr std::uint32_t kDimensions = 250;
constexpr std::size_t kPairs = 40;
constexpr std::size_t kWriters = 4;
constexpr std::size_t kReaders = 3;
constexpr std::uint64_t kSides[] = {0, 1};
constexpr std::uint64_t kBatches = kThreadSanitizer ? 150 : 400;  // of one writer
constexpr Durability kDurabilities[] = {Durability::kSync, Durability::kInterval,
                                        Durability::kNone};

using Tokens = std::map<PatternId, std::uint64_t>;

bool Failed() { return ::testing::Test::HasFailure(); }

class StressTest : public ::testing::TestWithParam<Residency> {
 protected:
  struct Ids {
    PatternId id[2] = {};
    bool replacing = false;  // by a writer that erases them
  };

  StressTest() : seed_(TestSeed(20240611)), ids_(kPairs) {
    options_.dimensions = kDimensions;
    options_.log_segment_bytes = 64 << 10;
    options_.checkpoint_log_bytes = 64 << 10;
    options_.dirty_page_bytes = 256 << 10;
    options_.journal_bytes = 256 << 10;
    options_.metadata_buffer_bytes = 1 << 20;
    options_.sync_interval = std::chrono::milliseconds(2);
    options_.search_threads = 2;
    options_.residency = GetParam();
  }

  std::string Path() const { return dir_.File("store"); }

  void Open() {
    auto opened = Store::Open(Path(), options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_.emplace(std::move(opened).value());
  }

  void Fill() {
    for (std::size_t pair = 0; pair < kPairs; ++pair) {
      WriteBatch batch;
      AddPair(pair, pair + 1, batch);
      const auto done = store_->Write(batch);
      ASSERT_TRUE(done.ok()) << done.status();
      ids_[pair] = {{done->ids[0], done->ids[1]}};
    }
  }

  static void AddPair(std::size_t pair, std::uint64_t token, WriteBatch& batch) {
    for (const std::uint64_t side : kSides) {
      const Stamp stamp{pair, side, token};
      const std::vector<float> vector = VectorFor(stamp, kDimensions);
      batch.Insert(PatternFor(stamp, vector));
    }
  }

  Ids IdsOf(std::size_t pair) {
    MutexLock lock(mutex_);
    return ids_[pair];
  }

  // A pattern of the pair was not found: right only where somebody replaces or has replaced it.
  bool WasReplaced(std::size_t pair, const Ids& used) {
    MutexLock lock(mutex_);
    return ids_[pair].replacing || ids_[pair].id[0] != used.id[0];
  }

  // --- Writers ---

  void UpdatePair(std::size_t pair, std::uint64_t token, Durability durability) {
    const Ids ids = IdsOf(pair);
    WriteBatch batch;
    for (const std::uint64_t side : kSides) {
      const Stamp stamp{pair, side, token};
      const std::vector<float> vector = VectorFor(stamp, kDimensions);
      batch.Update(ids.id[side], ChangeFor(stamp, vector));
    }
    const auto done = store_->Write(batch, WriteOptions::With(durability));
    if (done.code() == Code::kNotFound && WasReplaced(pair, ids)) return;
    ASSERT_TRUE(done.ok()) << done.status();
    versions_.fetch_add(2, std::memory_order_relaxed);
  }

  // Erases both sides and inserts them under new ids, in one commit.
  void ReplacePair(std::size_t pair, std::uint64_t token, Durability durability) {
    Ids ids;
    {
      MutexLock lock(mutex_);
      if (ids_[pair].replacing) return;
      ids_[pair].replacing = true;
      ids = ids_[pair];
    }
    WriteBatch batch;
    batch.Erase(ids.id[0]);
    AddPair(pair, token, batch);
    batch.Erase(ids.id[1]);
    const auto done = store_->Write(batch, WriteOptions::With(durability));
    ASSERT_TRUE(done.ok()) << done.status();
    MutexLock lock(mutex_);
    ids_[pair] = {{done->ids[0], done->ids[1]}};
  }

  // Nobody else writes this pair: what was acknowledged is what everybody sees.
  void UpdateOwnPair(std::size_t pair, std::uint64_t token, Durability durability) {
    UpdatePair(pair, token, durability);
    for (const PatternId id : IdsOf(pair).id) {
      const auto got = store_->Get(id);
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_EQ(got->metadata.at("token"), Value(static_cast<std::int64_t>(token)));
    }
  }

  // A pattern that comes, changes and goes.
  void VisitSingle(std::uint64_t token, Durability durability) {
    const WriteOptions options = WriteOptions::With(durability);
    const Stamp stamp{0, kSingle, token};
    const std::vector<float> vector = VectorFor(stamp, kDimensions);
    const auto id = store_->Insert(PatternFor(stamp, vector), options);
    ASSERT_TRUE(id.ok()) << id.status();
    EXPECT_TRUE(store_->Contains(*id).value());
    PatternChange change;
    change.metadata = MetadataFor(stamp);
    (*change.metadata)["changed"] = true;
    Status status = store_->Update(*id, change, options);
    ASSERT_TRUE(status.ok()) << status;
    status = store_->Erase(*id, options);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_FALSE(store_->Contains(*id).value());
  }

  void Write(std::size_t writer) {
    std::mt19937_64 random(seed_ + writer);
    for (std::uint64_t i = 1; i <= kBatches && !Failed(); ++i) {
      const std::uint64_t token = (writer + 1) << 32 | i;
      const Durability durability = kDurabilities[random() % 3];
      const std::size_t shared = kWriters + random() % (kPairs - kWriters);
      switch (random() % 8) {
        case 0:
          VisitSingle(token, durability);
          break;
        case 1:
          ReplacePair(shared, token, durability);
          break;
        case 2:
        case 3:
          UpdateOwnPair(writer, token, durability);
          break;
        default:
          UpdatePair(shared, token, durability);
      }
      written_.fetch_add(1, std::memory_order_relaxed);  // paces LongSnapshot()
    }
    writers_left_.fetch_sub(1, std::memory_order_acq_rel);
  }

  // --- Readers ---

  bool Writing() const { return writers_left_.load(std::memory_order_acquire) > 0 && !Failed(); }

  void CheckHits(const SearchResult& found, VectorView query) {
    PairCheck check(kPairs, kDimensions);
    for (std::size_t i = 0; i < found.hits.size(); ++i) {
      const Hit& hit = found.hits[i];
      EXPECT_EQ(check.Add(hit.id, hit.vector, hit.metadata.value()), "");
      double distance = 0;
      for (std::uint32_t j = 0; j < kDimensions; ++j) {
        const double difference =
            static_cast<double>(query[j]) - static_cast<double>(hit.vector[j]);
        distance += difference * difference;
      }
      EXPECT_NEAR(hit.distance, distance, distance * 1e-5);
      if (i == 0) continue;
      const Hit& last = found.hits[i - 1];
      EXPECT_TRUE(last.distance < hit.distance ||
                  (last.distance == hit.distance && last.id < hit.id));
    }
    EXPECT_EQ(check.Finish(), "") << "at commit " << static_cast<std::uint64_t>(found.lsn);
  }

  // The whole state as a search sees it.
  Tokens SearchAll(std::mt19937_64& random, const Snapshot* snapshot, Lsn& last) {
    const std::vector<float> query = VectorFor({random(), 0, random()}, kDimensions);
    SearchOptions options;
    options.k = 10 * kPairs;
    options.include_vector = options.include_metadata = true;
    options.snapshot = snapshot;
    const auto found = store_->Search(query, options);
    EXPECT_TRUE(found.ok()) << found.status();
    if (!found.ok()) return {};
    CheckHits(*found, query);
    if (snapshot == nullptr) {
      EXPECT_GE(found->lsn, last);  // what was visible stays so
      last = found->lsn;
    } else {
      EXPECT_EQ(found->lsn, snapshot->lsn());
    }
    Tokens tokens;
    for (const Hit& hit : found->hits) {
      tokens[hit.id] = static_cast<std::uint64_t>(*hit.metadata->at("token").As<std::int64_t>());
    }
    return tokens;
  }

  Tokens VisitAll(const Snapshot* snapshot) {
    PairCheck check(kPairs, kDimensions);
    GetOptions options;
    options.snapshot = snapshot;
    const Status status = store_->ForEach(
        [&](const Pattern& pattern) {
          EXPECT_EQ(check.Add(pattern.id, pattern.vector, pattern.metadata), "");
          EXPECT_EQ(CheckHeader(pattern), "");
          return !Failed();
        },
        options);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(check.Finish(), "");
    return check.seen();
  }

  void GetSome(std::mt19937_64& random) {
    const std::size_t pair = random() % kPairs;
    const Ids ids = IdsOf(pair);
    const auto got = store_->Get(ids.id[random() % 2]);
    if (got.code() == Code::kNotFound && WasReplaced(pair, ids)) return;
    ASSERT_TRUE(got.ok()) << got.status();
    PairCheck check(kPairs, kDimensions);
    EXPECT_EQ(check.Add(got->id, got->vector, got->metadata), "");
    EXPECT_EQ(CheckHeader(*got), "");
  }

  // One state, read in three ways and twice.
  void ReadSnapshot(std::mt19937_64& random, Lsn& last) {
    const auto snapshot = store_->GetSnapshot();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    const Tokens tokens = SearchAll(random, &*snapshot, last);
    EXPECT_EQ(VisitAll(&*snapshot), tokens);
    GetOptions options;
    options.snapshot = &*snapshot;
    for (const auto& [id, token] : tokens) {
      if (random() % 8 != 0) continue;
      const auto got = store_->Get(id, options);
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_EQ(got->metadata.at("token"), Value(static_cast<std::int64_t>(token)));
    }
    EXPECT_EQ(SearchAll(random, &*snapshot, last), tokens);
  }

  void Read(std::size_t reader) {
    std::mt19937_64 random(seed_ + 100 + reader);
    Lsn last = Lsn::kNone;
    do {
      switch (random() % 4) {
        case 0:
          SearchAll(random, nullptr, last);
          break;
        case 1:
          VisitAll(nullptr);
          break;
        case 2:
          ReadSnapshot(random, last);
          break;
        default:
          for (int i = 0; i < 20; ++i) GetSome(random);
      }
    } while (Writing());
  }

  // Keeps one state through half of all writes: its slots must wait, others are made.
  void LongSnapshot() {
    std::mt19937_64 random(seed_ + 200);
    Lsn last = Lsn::kNone;
    const auto snapshot = store_->GetSnapshot();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    const Tokens tokens = VisitAll(&*snapshot);
    while (Writing() && written_.load(std::memory_order_relaxed) < kWriters * kBatches / 2) {
      EXPECT_EQ(SearchAll(random, &*snapshot, last), tokens);
    }
    EXPECT_EQ(VisitAll(&*snapshot), tokens);
  }

  void Maintain() {
    while (Writing()) {
      Status status = store_->Checkpoint();
      ASSERT_TRUE(status.ok()) << status;
      status = store_->RunMaintenance(std::chrono::milliseconds(1));
      ASSERT_TRUE(status.ok()) << status;
      status = store_->Flush();
      ASSERT_TRUE(status.ok()) << status;
      const auto stats = store_->GetStats();
      ASSERT_TRUE(stats.ok()) << stats.status();
      status = store_->WaitDurable(stats->last_lsn);
      ASSERT_TRUE(status.ok()) << status;
    }
  }

  void RunThreads() {
    std::vector<std::thread> threads;
    threads.emplace_back([this] { LongSnapshot(); });
    threads.emplace_back([this] { Maintain(); });
    for (std::size_t i = 0; i < kReaders; ++i) threads.emplace_back([this, i] { Read(i); });
    for (std::size_t i = 0; i < kWriters; ++i) threads.emplace_back([this, i] { Write(i); });
    for (std::thread& thread : threads) thread.join();
  }

  // Growth, reclaiming and checkpoints did happen.
  void CheckFigures(const Stats& before) {
    ASSERT_TRUE(store_->RunMaintenance(std::chrono::seconds(10)).ok());
    ASSERT_TRUE(store_->Flush().ok());  // reclaiming makes commits too
    const auto after = store_->GetStats();
    ASSERT_TRUE(after.ok()) << after.status();
    EXPECT_EQ(after->count, 2 * kPairs);
    EXPECT_EQ(after->dead, 0u);
    EXPECT_EQ(after->snapshots, 0u);
    EXPECT_EQ(after->durable_lsn, after->last_lsn);
    EXPECT_GT(after->checkpoints, before.checkpoints + 5);
    if (!kThreadSanitizer) {  // too few for it to grow
      EXPECT_GT(after->page_file_bytes, before.page_file_bytes);
    }
    EXPECT_LT(after->log_syncs, after->commits);  // commits shared syncs, or asked for none
    // Versions share slots, one after the other.
    EXPECT_LT(after->free_slots + after->count, versions_.load(std::memory_order_relaxed));
  }

  const std::uint64_t seed_;
  TempDir dir_;
  Options options_;
  std::optional<Store> store_;
  std::atomic<std::size_t> writers_left_{kWriters};
  std::atomic<std::uint64_t> written_{0};
  std::atomic<std::uint64_t> versions_{0};  // relaxed: read when the writers are gone
  Mutex mutex_;
  std::vector<Ids> ids_;  // by pair; guarded by mutex_ while threads run
};

TEST_P(StressTest, ReadersSeeStatesWhileWritersCheckpointsAndReclaimingGoOn) {
  const Watchdog watchdog("readers against writers", std::chrono::seconds(300));
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(Fill());
  const Stats before = store_->GetStats().value();
  RunThreads();
  ASSERT_FALSE(Failed());
  CheckFigures(before);
  const Tokens last = VisitAll(nullptr);
  const Status closed = store_->Close();
  ASSERT_TRUE(closed.ok()) << closed;
  store_.reset();

  ExpectSoundStore(MakePosixFileSystem(), Path());
  ASSERT_NO_FATAL_FAILURE(Open());
  EXPECT_EQ(VisitAll(nullptr), last);
}

INSTANTIATE_TEST_SUITE_P(Residencies, StressTest,
                         ::testing::Values(Residency::kResident, Residency::kMapped),
                         [](const auto& residency) {
                           return std::string(ResidencyName(residency.param));
                         });

}  // namespace
}  // namespace engram
