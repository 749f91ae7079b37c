// A store whose clock the test moves, with what tests of upkeep ask of one.
#ifndef ENGRAM_TESTS_API_UPKEEP_FIXTURE_H_
#define ENGRAM_TESTS_API_UPKEEP_FIXTURE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "storage/base/posix_file_system.h"
#include "tests/api/store_fixture.h"
#include "tests/support/sound_store.h"

namespace engram {

class UpkeepTest : public StoreTest {
 protected:
  static constexpr std::int64_t kStartUs = 1'700'000'000'000'000;
  using Seconds = std::chrono::seconds;

  UpkeepTest() {
    options_.clock = [this] { return Now(); };
  }

  Timestamp Now() const {
    return Timestamp(std::chrono::microseconds(now_us_.load(std::memory_order_relaxed)));
  }
  void Wait(std::chrono::microseconds time) {
    now_us_.fetch_add(time.count(), std::memory_order_relaxed);
  }

  std::vector<float> AnyVector() {
    std::vector<float> vector(options_.dimensions);
    for (float& component : vector) component = std::normal_distribution<float>()(random_);
    return vector;
  }
  PatternId Put(std::optional<Timestamp> time = {}, TypeTag type = 0,
                std::optional<std::chrono::microseconds> ttl = {}) {
    const std::vector<float> vector = AnyVector();
    NewPattern pattern;
    pattern.vector = vector;
    pattern.timestamp = time;
    pattern.type = type;
    pattern.ttl = ttl;
    const auto id = store_->Insert(pattern, WriteOptions::With(Durability::kNone));
    EXPECT_TRUE(id.ok()) << id.status();
    return id.ok() ? *id : 0;
  }
  std::vector<PatternId> PutMany(std::size_t count) {
    std::vector<std::vector<float>> vectors;
    std::vector<NewPattern> patterns(count);
    for (NewPattern& pattern : patterns) {
      vectors.push_back(AnyVector());
      pattern.vector = vectors.back();
    }
    const auto result = store_->InsertBatch(patterns, WriteOptions::With(Durability::kNone));
    EXPECT_TRUE(result.ok() && result->failures.empty()) << result.status();
    return result.ok() ? result->ids : std::vector<PatternId>();
  }
  void Erase(const std::vector<PatternId>& ids) {
    WriteBatch batch;
    for (const PatternId id : ids) batch.Erase(id);
    const auto result = store_->Write(batch, WriteOptions::With(Durability::kNone));
    EXPECT_TRUE(result.ok()) << result.status();
  }

  // All that one state holds.
  std::set<PatternId> Ids(const Snapshot* snapshot = nullptr) {
    std::set<PatternId> ids;
    GetOptions options;
    options.snapshot = snapshot;
    const Status status = store_->ForEach(
        [&](const Pattern& pattern) {
          EXPECT_TRUE(ids.insert(pattern.id).second) << pattern.id << " twice";
          return true;
        },
        options);
    EXPECT_TRUE(status.ok()) << status;
    return ids;
  }
  // What an exact search, and one over the graph with the largest ef, return of one state.
  void ExpectSearchesSee(const std::set<PatternId>& ids, const Snapshot* snapshot = nullptr) {
    for (const bool exact : {true, false}) {
      SearchOptions options;
      options.k = 2000;
      options.exact = exact;
      options.snapshot = snapshot;
      const auto found = store_->Search(AnyVector(), options);
      if (ids.empty()) {
        EXPECT_EQ(found.code(), Code::kEmptyIndex);
        continue;
      }
      ASSERT_TRUE(found.ok()) << found.status();
      std::set<PatternId> hits;
      for (const Hit& hit : found->hits) hits.insert(hit.id);
      EXPECT_EQ(hits, ids) << (exact ? "exact" : "graph");
    }
  }

  Stats GetStats() {
    const auto stats = store_->GetStats();
    EXPECT_TRUE(stats.ok()) << stats.status();
    return stats.ok() ? *stats : Stats();
  }
  void Maintain() {
    for (int i = 0; i < 50; ++i) {
      const Status status = store_->RunMaintenance(std::chrono::milliseconds(20));
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  // Closes the store; opens it again where it is whole.
  void CloseAndVerify() {
    const Status closed = store_->Close();
    ASSERT_TRUE(closed.ok()) << closed;
    store_.reset();
    Verify();
  }
  void Verify() { ExpectSoundStore(MakePosixFileSystem(), Path()); }
  void VerifyAndReopen() {
    CloseAndVerify();
    Open();
  }

  std::mt19937_64 random_{20261130};
  std::atomic<std::int64_t> now_us_{kStartUs};
};

}  // namespace engram

#endif  // ENGRAM_TESTS_API_UPKEEP_FIXTURE_H_
