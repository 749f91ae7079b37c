// One equation for each read: the hash of the set that it saw is the hash of the set that the
// writer left at that commit. Costs the same however long it runs; one writer makes the order of
// commits total, so the equation decides whether reads see snapshots (I6).
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <iterator>
#include <map>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "index/node_key.h"
#include "storage/base/coding.h"
#include "tests/engine/engine_fixture.h"
#include "tests/support/counts.h"
#include "tests/support/sanitizers.h"
#include "tests/support/watchdog.h"

namespace engram {
namespace {

constexpr std::size_t kLive = 300;
constexpr std::size_t kReaders = 3;
constexpr std::uint64_t kCommits = kThreadSanitizer ? 2000 : 6000;

// The first component of a vector is a number that no other version has.
std::uint64_t HashOf(PatternId id, float number) {
  return Mix(Mix(id) + static_cast<std::uint64_t>(number));
}

struct Seen {
  Lsn lsn = Lsn::kNone;
  std::uint64_t hash = 0;
};

class SetHashTest : public EngineTest {
 protected:
  SetHashTest() : seed_(TestSeed(11)) {
    config_.options.m = 4;
    config_.options.ef_construction = 30;
    config_.options.search_threads = 2;
    config_.options.residency = Residency::kMapped;
  }

  // Each commit ends some versions and begins others.
  void Write() {
    std::mt19937_64 random(seed_);
    std::vector<std::pair<PatternId, float>> live;
    std::uint64_t hash = 0;
    float number = 0;
    for (std::uint64_t i = 0; i < kCommits && !HasFailure(); ++i) {
      std::vector<std::vector<float>> vectors;
      std::vector<PendingOp> ops;
      std::vector<std::pair<PatternId, float>> begun;  // id 0: given by the commit
      vectors.reserve(8);
      const auto begin = [&](PatternId id) {
        begun.emplace_back(id, number += 1);
        vectors.push_back(Vector(number));
      };
      const auto end_any = [&] {
        std::swap(live[random() % live.size()], live.back());
        const PatternId id = live.back().first;
        hash ^= HashOf(id, live.back().second);
        live.pop_back();
        return id;
      };
      for (std::uint64_t count = live.size() < kLive ? 2 : 1; count > 0; --count) {
        begin(0);
        ops.emplace_back(InsertOf(vectors.back()));
      }
      if (live.size() >= kLive) ops.emplace_back(PendingErase{end_any()});
      if (live.size() >= kLive / 2 && random() % 2 == 0) {
        const PatternId id = end_any();
        begin(id);
        ops.emplace_back(UpdateOf(id, vectors.back()));
      }
      const Done done = Commit(std::move(ops), Durability::kNone);
      ASSERT_TRUE(done.status.ok()) << done.status;
      std::size_t given = 0;
      for (auto& [id, first] : begun) {
        if (id == 0) id = done.ids[given++];
        hash ^= HashOf(id, first);
        live.emplace_back(id, first);
      }
      hashes_[done.lsn] = hash;
      if (i % 64 != 0) continue;
      const Status swept = engine_->RunMaintenance(std::chrono::milliseconds(2));
      ASSERT_TRUE(swept.ok()) << swept;
    }
  }

  Seen Visit(const KeptState& at) {
    Seen seen{at.lsn, 0};
    ReadRequest request;
    request.include_metadata = false;
    request.snapshot = at;
    const Status status = engine_->ForEach(
        [&](const Pattern& pattern) {
          seen.hash ^= HashOf(pattern.id, pattern.vector[0]);
          return true;
        },
        request);
    EXPECT_TRUE(status.ok()) << status;
    return seen;
  }

  Seen SearchAll(const std::optional<KeptState>& at) {
    const std::vector<float> query = Vector(0);
    SearchRequest request;
    request.query = query;
    request.k = 4 * kLive;
    request.exact = true;
    request.include_vector = true;
    request.snapshot = at;
    const auto found = engine_->Search(request);
    if (found.code() == Code::kEmptyIndex) return {at ? at->lsn : Lsn::kNone, 0};
    EXPECT_TRUE(found.ok()) << found.status();
    if (!found.ok()) return {};
    Seen seen{found->lsn, 0};
    for (const Hit& hit : found->hits) seen.hash ^= HashOf(hit.id, hit.vector[0]);
    return seen;
  }

  void Read(std::uint64_t seed, std::vector<Seen>& seen) {
    std::mt19937_64 random(seed);
    while (!stop_.load(std::memory_order_relaxed) && !HasFailure()) {
      seen.push_back(SearchAll(std::nullopt));
      if (random() % 4 != 0) continue;
      const KeptState at = engine_->TakeSnapshot();
      for (std::uint64_t count = 1 + random() % 20; count > 0; --count) {
        seen.push_back(random() % 2 == 0 ? Visit(at) : SearchAll(at));
      }
      engine_->DropSnapshot(at);
    }
  }

  const std::uint64_t seed_;
  std::map<Lsn, std::uint64_t> hashes_ = {{Lsn::kNone, 0}};  // the writer's, until it is done
  std::atomic<bool> stop_{false};                            // relaxed: ends loops
};

TEST_F(SetHashTest, EachReadSeesTheSetOfItsCommit) {
  const Watchdog watchdog("hashes of sets", std::chrono::seconds(600));
  ASSERT_NO_FATAL_FAILURE(Open());
  std::vector<std::vector<Seen>> seen(kReaders);
  std::vector<std::thread> readers;
  for (std::size_t i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, i] { Read(seed_ + 1 + i, seen[i]); });
  }
  Write();
  stop_.store(true, std::memory_order_relaxed);
  for (std::thread& reader : readers) reader.join();
  std::uint64_t checks = 0;
  for (const std::vector<Seen>& one : seen) {
    for (const Seen& read : one) {
      // Commits that only sweep have no hash of their own.
      const std::uint64_t expected = std::prev(hashes_.upper_bound(read.lsn))->second;
      ASSERT_EQ(read.hash, expected) << "at commit " << Raw(read.lsn);
      ++checks;
    }
  }
  PrintCounts({{"reads", checks}, {"commits", hashes_.size()}});
  EXPECT_GT(checks, 100u);
  // Slots were used again and again.
  EXPECT_LT(engine_->core().slots->used(), kCommits / 2);
}

}  // namespace
}  // namespace engram
