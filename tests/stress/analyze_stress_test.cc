// A look at the whole graph while a writer changes it.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <engram/store.h>

#include "tests/support/temp_dir.h"
#include "tests/support/watchdog.h"

namespace engram {
namespace {

constexpr std::uint32_t kDimensions = 4;
constexpr std::size_t kKept = 400;  // patterns; from then on each insert ends the oldest one

// What a store holds after a commit.
struct Held {
  std::uint64_t count = 0;
  std::uint64_t duplicates = 0;  // beyond the first of each vector
};

// Half of all vectors are of a few, so that there are always copies, which come and go.
std::vector<float> AnyVector(std::mt19937_64& random) {
  const bool common = random() % 2 == 0;
  std::vector<float> vector(kDimensions);
  for (float& component : vector) {
    component = static_cast<float>(random() % (common ? 3 : 1'000'000));
  }
  if (common && random() % 2 == 0) vector[0] *= -1;  // also of 0
  return vector;
}

// The patterns of a store, oldest first, and how many have the same vector.
class Copies {
 public:
  void Add(PatternId id, const std::vector<float>& vector) {
    patterns_.emplace_back(id, vector);
    if (++times_[vector] > 1) ++duplicates_;
  }
  PatternId oldest() const { return patterns_.front().first; }
  void DropOldest() {
    if (--times_[patterns_.front().second] > 0) --duplicates_;
    patterns_.pop_front();
  }
  Held held() const { return {patterns_.size(), duplicates_}; }

 private:
  std::deque<std::pair<PatternId, std::vector<float>>> patterns_;
  std::map<std::vector<float>, int> times_;  // 0 and -0 are one number to it, too
  std::uint64_t duplicates_ = 0;
};

void CheckShape(const GraphReport& report) {
  EXPECT_LE(report.unreachable, report.count);
  EXPECT_LE(report.hanging, report.count);
  EXPECT_LE(report.largest_heap, report.duplicates + 1);
  EXPECT_LE(report.duplicated_vectors, report.duplicates);
  EXPECT_LE(report.hubs.size(), 10U);
  for (std::size_t i = 0; i < report.hubs.size(); ++i) {
    EXPECT_NE(report.hubs[i].id, 0U);
    EXPECT_LE(report.hubs[i].in_links, report.most_in_links);
  }
  EXPECT_GE(report.hub_share, 0);
  EXPECT_LE(report.hub_share, 1);
  for (const LevelReport& level : report.levels) EXPECT_LE(level.unreached, level.nodes);
  if (report.sampled > 0) {
    EXPECT_GT(report.recall, 0.5);
  }
}

TEST(AnalyzeStress, EachReportCountsWhatItsStateHoldsWhileAWriterGoesOn) {
  const Watchdog watchdog("analyze beside a writer", std::chrono::seconds(300));
  constexpr int kReports = 30;
  const std::uint64_t seed = TestSeed(1);
  const TempDir dir;
  Options options;
  options.dimensions = kDimensions;
  options.m = 4;
  options.journal_bytes = 256 << 10;
  options.search_threads = 2;
  options.durability = Durability::kNone;
  auto opened = Store::Open(dir.File("store"), options);
  ASSERT_TRUE(opened.ok()) << opened.status();
  Store store = std::move(opened).value();

  std::atomic<bool> stop{false};
  std::map<Lsn, Held> held = {{Lsn::kNone, {}}};  // the writer's, until it is joined
  std::thread writer([&] {
    std::mt19937_64 random(seed);
    Copies copies;
    while (!stop.load(std::memory_order_relaxed)) {
      const std::vector<float> vector = AnyVector(random);
      NewPattern pattern;
      pattern.vector = vector;
      WriteBatch batch;
      batch.Insert(pattern);
      const bool full = copies.held().count >= kKept;
      if (full) batch.Erase(copies.oldest());
      const auto done = store.Write(batch);
      ASSERT_TRUE(done.ok()) << done.status();
      if (full) copies.DropOldest();
      copies.Add(done->ids.front(), vector);
      held[done->lsn] = copies.held();
    }
  });
  std::vector<GraphReport> reports;
  AnalyzeOptions sample;
  sample.sample = 20;
  // The last ones come when the store has been turned over.
  for (int i = 0; i < kReports || store.GetStats()->next_id < 3 * kKept; ++i) {
    auto report = store.Analyze(sample);
    EXPECT_TRUE(report.ok()) << report.status();
    if (!report.ok()) break;
    reports.push_back(std::move(report).value());
  }
  stop.store(true, std::memory_order_relaxed);
  writer.join();

  for (const GraphReport& report : reports) {
    // Commits that only reclaim have no count of their own.
    const Held& expected = std::prev(held.upper_bound(report.lsn))->second;
    const auto lsn = static_cast<std::uint64_t>(report.lsn);
    EXPECT_EQ(report.count, expected.count) << "at commit " << lsn;
    EXPECT_EQ(report.duplicates, expected.duplicates) << "at commit " << lsn;
    CheckShape(report);
  }
  const auto last = store.Analyze(sample);
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(last->count, kKept);
  EXPECT_EQ(last->unreachable, 0U);
  EXPECT_GT(last->duplicates, 0U);
}

}  // namespace
}  // namespace engram
