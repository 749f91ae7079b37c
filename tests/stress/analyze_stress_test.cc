// A look at the whole graph while a writer changes it.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
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
  std::map<Lsn, std::uint64_t> counts = {{Lsn::kNone, 0}};  // the writer's, until it is joined
  std::thread writer([&] {
    std::mt19937_64 random(seed);
    std::deque<PatternId> ids;
    while (!stop.load(std::memory_order_relaxed)) {
      std::vector<float> vector(kDimensions);
      for (float& component : vector) component = static_cast<float>(random() % 1000);
      NewPattern pattern;
      pattern.vector = vector;
      WriteBatch batch;
      batch.Insert(pattern);
      if (ids.size() >= kKept) {
        batch.Erase(ids.front());
        ids.pop_front();
      }
      const auto done = store.Write(batch);
      ASSERT_TRUE(done.ok()) << done.status();
      ids.push_back(done->ids.front());
      counts[done->lsn] = ids.size();
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
    const std::uint64_t expected = std::prev(counts.upper_bound(report.lsn))->second;
    EXPECT_EQ(report.count, expected) << "at commit " << static_cast<std::uint64_t>(report.lsn);
    EXPECT_LE(report.unreachable, report.count);
    if (report.sampled > 0) {
      EXPECT_GT(report.recall, 0.5);
    }
  }
  const auto last = store.Analyze(sample);
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(last->count, kKept);
  EXPECT_EQ(last->unreachable, 0U);
}

}  // namespace
}  // namespace engram
