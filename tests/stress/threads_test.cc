// What becomes of a store when threads end and processes fork.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <engram/store.h>

#include "tests/support/temp_dir.h"
#include "tests/support/watchdog.h"

namespace engram {
namespace {

constexpr std::uint32_t kDimensions = 4;

class ThreadsTest : public ::testing::TestWithParam<Residency> {
 protected:
  ThreadsTest() {
    options_.dimensions = kDimensions;
    options_.journal_bytes = 256 << 10;
    options_.search_threads = 1;
    options_.residency = GetParam();
    auto opened = Store::Open(dir_.File("store"), options_);
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_.emplace(std::move(opened).value());
  }

  PatternId Insert(float first) {
    const std::vector<float> vector(kDimensions, first);
    NewPattern pattern;
    pattern.vector = vector;
    const auto id = store_->Insert(pattern);
    EXPECT_TRUE(id.ok()) << id.status();
    return id.ok() ? *id : 0;
  }

  // The first call that does not answer kNotSupported, or 0.
  int CallsThatWork(PatternId id, const Snapshot& snapshot) {
    const std::vector<float> vector(kDimensions, 1);
    NewPattern pattern;
    pattern.vector = vector;
    WriteBatch batch;
    batch.Erase(id);
    PatternChange change;
    change.type = 1;
    GetOptions at;
    at.snapshot = &snapshot;
    SearchOptions search;
    search.snapshot = &snapshot;
    const Code codes[] = {
        store_->Insert(pattern).code(),
        store_->InsertBatch({&pattern, 1}).code(),
        store_->Update(id, change).code(),
        store_->Erase(id).code(),
        store_->Write(batch).code(),
        store_->Get(id).code(),
        store_->Get(id, at).code(),
        store_->Contains(id).code(),
        store_->ForEach([](const Pattern&) { return true; }).code(),
        store_->Search(vector).code(),
        store_->Search(vector, search).code(),
        store_->GetSnapshot().code(),
        store_->Flush().code(),
        store_->WaitDurable(snapshot.lsn()).code(),
        store_->Checkpoint().code(),
        store_->RunMaintenance(std::chrono::microseconds(1)).code(),
        store_->GetStats().code(),
        store_->Analyze().code(),
        store_->Close().code(),
    };
    int call = 1;
    for (const Code code : codes) {
      if (code != Code::kNotSupported) return call;
      ++call;
    }
    return 0;
  }

  TempDir dir_;
  Options options_;
  std::optional<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Residencies, ThreadsTest,
                         ::testing::Values(Residency::kResident, Residency::kMapped),
                         [](const auto& residency) {
                           return std::string(ResidencyName(residency.param));
                         });

TEST_P(ThreadsTest, AForkedChildGetsNotSupportedWhateverTheParentIsDoing) {
  const Watchdog watchdog("a forked child", std::chrono::seconds(120));
  const PatternId id = Insert(1);
  std::optional<Snapshot> snapshot(store_->GetSnapshot().value());
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (float i = 2; !stop.load(std::memory_order_relaxed); i += 1) Insert(i);
  });
  for (int i = 0; i < 10; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      const int call = CallsThatWork(id, *snapshot);
      // Neither may touch the parent's files, locks or threads.
      snapshot.reset();
      store_.reset();
      _exit(call);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << status;
    EXPECT_EQ(WEXITSTATUS(status), 0) << "the call of this number";
  }
  stop.store(true, std::memory_order_relaxed);
  writer.join();
  EXPECT_TRUE(store_->Get(id).ok());
  snapshot.reset();
  const Status closed = store_->Close();
  EXPECT_TRUE(closed.ok()) << closed;
}

TEST_P(ThreadsTest, ThousandsOfShortThreadsLeaveNothingPinned) {
  const Watchdog watchdog("short threads", std::chrono::seconds(120));
  constexpr int kRounds = 400, kAtOnce = 8;
  const std::vector<float> query(kDimensions, 1);
  PatternId id = Insert(1);
  std::atomic<int> found{0};
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kAtOnce; ++i) {
      threads.emplace_back([&] {
        const auto result = store_->Search(query);
        EXPECT_TRUE(result.ok()) << result.status();
        if (result.ok()) found.fetch_add(static_cast<int>(result->hits.size()));
      });
    }
    const PatternId next = Insert(1);  // while they search
    ASSERT_TRUE(store_->Erase(id).ok());
    id = next;
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_GE(found.load(), kRounds * kAtOnce);
  // No thread that has ended holds back the slots of what goes now.
  constexpr int kLast = 100;
  std::vector<PatternId> ids;
  for (int i = 0; i < kLast; ++i) ids.push_back(Insert(2));
  for (const PatternId last : ids) ASSERT_TRUE(store_->Erase(last).ok());
  ASSERT_TRUE(store_->RunMaintenance(std::chrono::seconds(10)).ok());
  Insert(3);  // takes what has become quiet out of its grace
  const Stats stats = store_->GetStats().value();
  EXPECT_EQ(stats.dead, 0u);
  EXPECT_GE(stats.free_slots, kLast - 1u);
}

}  // namespace
}  // namespace engram
