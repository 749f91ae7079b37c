#include "wal/log_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <thread>

#include "storage/base/coding.h"
#include "storage/base/posix_file_system.h"
#include "storage/base/test_hooks.h"
#include "tests/support/temp_dir.h"
#include "tests/wal/log_test_support.h"
#include "wal/log_segments.h"

namespace engram {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<LogWriter> MustCreate(const LogWriterOptions& options) {
  auto log = LogWriter::Create(options);
  EXPECT_TRUE(log.ok()) << log.status();
  return std::move(log).value();
}

std::vector<std::uint64_t> FrameOffsets(const std::string& directory) {
  std::vector<std::uint64_t> offsets;
  LogReaderOptions options{MakePosixFileSystem(), directory, kTestStoreId, Lsn::kNone};
  EXPECT_TRUE(ForEachFrame(options, [&](const FrameInfo& f) { offsets.push_back(f.offset); }).ok());
  return offsets;
}

std::vector<FrameHeader> FrameHeaders(const std::string& directory) {
  std::vector<FrameHeader> headers;
  LogReaderOptions options{MakePosixFileSystem(), directory, kTestStoreId, Lsn::kNone};
  EXPECT_TRUE(ForEachFrame(options, [&](const FrameInfo& f) { headers.push_back(f.header); }).ok());
  return headers;
}

std::vector<std::string> SortedNames(const std::string& directory) {
  auto names = MakePosixFileSystem()->List(directory).value();
  std::sort(names.begin(), names.end());
  return names;
}

// Files whose operations can be counted and made to fail while tests run.
struct Faults {
  std::string failing;  // operation, empty for none
  Status failure = Status::IoError("the disk is on fire");
  std::map<std::string, int> counts;

  std::shared_ptr<FileSystem> Make() {
    return std::make_shared<HookedFileSystem>(
        [this](const std::string& operation, const std::string&) {
          ++counts[operation];
          return operation == failing ? failure : Status();
        });
  }
};

TEST(LogWriter, WhatIsAppendedIsRead) {
  TempDir dir;
  {
    const auto log = MustCreate(WriterOptions(dir.path()));
    ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kSync, {"one"}).ok());
    EXPECT_EQ(log->durable(), L(1));
    ASSERT_TRUE(AppendOne(*log, 2, SyncMode::kNoSync, {"two", "parts"}).ok());
    EXPECT_EQ(log->appended(), L(2));
    EXPECT_EQ(log->durable(), L(1));
    ASSERT_TRUE(AppendOne(*log, 3, SyncMode::kNoSync, {""}).ok());
  }
  const ReadOutcome read = ReadAll(dir.path());
  ASSERT_TRUE(read.end.ok()) << read.end.status();
  EXPECT_THAT(read.commits,
              ElementsAre(std::pair(1, "one"), std::pair(2, "two|parts"), std::pair(3, "")));
  EXPECT_EQ(read.end->generation, 1u);
}

// The example of docs/wal-format.md, byte by byte.
TEST(LogWriter, BytesAreThoseOfTheDocument) {
  TempDir dir;
  const auto log = MustCreate(WriterOptions(dir.path(), 6, 2));
  ASSERT_TRUE(AppendOne(*log, 7, SyncMode::kNoSync, {"hello"}).ok());
  ASSERT_TRUE(AppendOne(*log, 8, SyncMode::kSync, {"ab", "c"}).ok());
  ASSERT_TRUE(AppendOne(*log, 9, SyncMode::kSync, {"durable"}).ok());
  const std::map<std::size_t, std::string> documented = {
      {0x0000,
       "9f763f1725953846454e4752414d574c02000000020000008877665544332211"
       "07000000000000000600000000000000"
       "0100000000000000"},
      {0x1000,
       "659d57fd518ad46f2d0000000200000007000000000000000600000000000000"
       "000000000200000068656c6c6f0000005ad612294c9ce3e12a00000002000000"
       "08000000000000000600000000000000"
       "00000000010000006162000000000000"
       "b6fa1bb0d4554931290000000200000008000000000000000600000000000000"
       "01000000020000006300000000000000"},
      {0x2000,
       "3e21644ceebb250c2f0000000200000009000000000000000800000000000000"
       "000000000200000064757261626c6500"}};
  std::vector<std::byte> expected(64 << 10);
  for (const auto& [offset, hex] : documented) {
    for (std::size_t i = 0; i < hex.size(); i += 2) {
      expected[offset + i / 2] = static_cast<std::byte>(std::stoul(hex.substr(i, 2), nullptr, 16));
    }
  }
  EXPECT_TRUE(ReadBytes(dir.File(SegmentName(L(7)))) == expected);
}

TEST(LogWriter, GroupGoesOutWithOneWriteAndOneSync) {
  TempDir dir;
  Faults faults;
  auto options = WriterOptions(dir.path());
  options.file_system = faults.Make();
  const auto log = MustCreate(options);
  const auto payload = Bytes("payload");
  const std::span<const std::byte> payloads[] = {payload, payload};
  const CommitFrames commits[] = {{L(1), payloads}, {L(2), payloads}, {L(3), payloads}};
  ASSERT_TRUE(log->Reserve(100, 6).ok());
  faults.counts.clear();
  ASSERT_TRUE(log->Append(commits, SyncMode::kSync).ok());
  EXPECT_EQ(faults.counts["write"], 1);
  EXPECT_EQ(faults.counts["sync"], 1);
  EXPECT_EQ(log->counters().syncs, 1u);
  EXPECT_EQ(log->counters().bytes_appended, 6 * 48u);
  EXPECT_THAT(ReadAll(dir.path()).lsns(), ElementsAre(1, 2, 3));
}

TEST(LogWriter, FrameAfterASyncStartsOnAFreshBlock) {
  TempDir dir;
  const auto log = MustCreate(WriterOptions(dir.path()));
  ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kNoSync).ok());
  ASSERT_TRUE(AppendOne(*log, 2, SyncMode::kNoSync).ok());
  ASSERT_TRUE(log->SyncAll().ok());
  ASSERT_TRUE(AppendOne(*log, 3, SyncMode::kSync).ok());
  ASSERT_TRUE(AppendOne(*log, 4, SyncMode::kNoSync).ok());
  ASSERT_TRUE(AppendOne(*log, 5, SyncMode::kSync).ok());
  EXPECT_THAT(FrameOffsets(dir.path()), ElementsAre(4096, 4096 + 48, 8192, 12288, 12288 + 48));
}

TEST(LogWriter, FramesSayWhatWasDurableWhenTheyWereWritten) {
  TempDir dir;
  const auto log = MustCreate(WriterOptions(dir.path()));
  ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kNoSync).ok());
  ASSERT_TRUE(AppendOne(*log, 2, SyncMode::kSync).ok());
  ASSERT_TRUE(AppendOne(*log, 3, SyncMode::kNoSync).ok());
  ASSERT_TRUE(log->SyncThrough(L(3)).ok());
  ASSERT_TRUE(AppendOne(*log, 4, SyncMode::kNoSync).ok());
  std::vector<std::uint64_t> through;
  for (const FrameHeader& h : FrameHeaders(dir.path())) through.push_back(Raw(h.durable_through));
  EXPECT_THAT(through, ElementsAre(0, 0, 2, 3));
}

TEST(LogWriter, FrameAppendedDuringASyncIsNotCoveredAndStartsAFreshBlock) {
  TempDir dir;
  const auto log = MustCreate(WriterOptions(dir.path()));
  ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kNoSync).ok());
  SetSyncPoint("log:before_sync", [&] {
    SetSyncPoint("log:before_sync", {});
    ASSERT_TRUE(AppendOne(*log, 2, SyncMode::kNoSync).ok());
  });
  ASSERT_TRUE(log->SyncAll().ok());
  EXPECT_EQ(log->durable(), L(1));
  EXPECT_THAT(FrameOffsets(dir.path()), ElementsAre(4096, 8192));
}

TEST(LogWriter, SyncOfWhatIsDurableCostsNothing) {
  TempDir dir;
  Faults faults;
  auto options = WriterOptions(dir.path());
  options.file_system = faults.Make();
  const auto log = MustCreate(options);
  ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kSync).ok());
  faults.counts.clear();
  EXPECT_TRUE(log->SyncAll().ok());
  EXPECT_TRUE(log->SyncThrough(L(1)).ok());
  EXPECT_EQ(faults.counts["sync"], 0);
}

TEST(LogWriter, SegmentSwitchSyncsTheOldSegmentFirst) {
  TempDir dir;
  Faults faults;
  auto options = WriterOptions(dir.path());
  options.file_system = faults.Make();
  const auto log = MustCreate(options);
  std::uint64_t lsn = 1;
  while (log->BytesOnDisk() == options.segment_bytes) {
    ASSERT_TRUE(AppendOne(*log, lsn++, SyncMode::kNoSync, {std::string(5000, 'x')}).ok());
  }
  ASSERT_TRUE(AppendOne(*log, lsn, SyncMode::kNoSync, {"y"}).ok());
  EXPECT_EQ(log->durable(), L(lsn - 2));  // all of the old segment
  EXPECT_EQ(log->BytesOnDisk(), 2 * options.segment_bytes);
  EXPECT_THAT(SortedNames(dir.path()), ElementsAre(SegmentName(L(1)), SegmentName(L(lsn - 1))));
  const ReadOutcome read = ReadAll(dir.path());
  ASSERT_TRUE(read.end.ok()) << read.end.status();
  EXPECT_EQ(read.commits.size(), lsn);
  EXPECT_EQ(read.end->segments, 2u);
}

TEST(LogWriter, CommitLargerThanASegmentGetsALargerOne) {
  TempDir dir;
  const auto log = MustCreate(WriterOptions(dir.path()));
  const std::vector<std::string> large(3, std::string(200000, 'x'));
  ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kSync, large).ok());
  // The first segment was still empty: the larger one has its name.
  EXPECT_THAT(SortedNames(dir.path()), ElementsAre(SegmentName(L(1))));
  EXPECT_GT(log->BytesOnDisk(), 600000u);
  EXPECT_THAT(ReadAll(dir.path()).lsns(), ElementsAre(1));
}

TEST(LogWriter, FullDiskAtASegmentSwitchChangesNothingAndPasses) {
  for (const char* failing : {"open", "allocate", "write", "rename"}) {
    TempDir dir;
    Faults faults;
    auto options = WriterOptions(dir.path());
    options.file_system = faults.Make();
    const auto log = MustCreate(options);
    ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kNoSync).ok());
    faults.failing = failing;
    faults.failure = Status::NoSpace("no space left on device");
    EXPECT_EQ(log->Reserve(100000, 1).code(), Code::kNoSpace) << failing;
    faults.failing = "";
    EXPECT_TRUE(log->poisoned().ok());
    EXPECT_THAT(SortedNames(dir.path()), ElementsAre(SegmentName(L(1))));
    // What fits the old segment still goes there, and with room the larger one works.
    ASSERT_TRUE(AppendOne(*log, 2, SyncMode::kNoSync).ok());
    ASSERT_TRUE(AppendOne(*log, 3, SyncMode::kSync, {std::string(100000, 'x')}).ok());
    EXPECT_THAT(ReadAll(dir.path()).lsns(), ElementsAre(1, 2, 3));
  }
}

TEST(LogWriter, EveryFailureOfWriteSyncOrSwitchPoisonsForGood) {
  for (const char* failing : {"write", "sync", "open", "allocate", "rename", "syncdir"}) {
    TempDir dir;
    Faults faults;
    auto options = WriterOptions(dir.path());
    options.file_system = faults.Make();
    const auto log = MustCreate(options);
    ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kSync).ok());
    faults.failing = failing;
    EXPECT_EQ(AppendOne(*log, 2, SyncMode::kSync, {std::string(100000, 'x')}).code(),
              Code::kIoError)
        << failing;
    faults.failing = "";
    for (const Status& later : {AppendOne(*log, 2, SyncMode::kSync), log->Reserve(1, 1),
                                log->SyncAll(), log->RemoveThrough(L(1)), log->poisoned()}) {
      EXPECT_EQ(later.code(), Code::kReadOnly) << failing;
      EXPECT_THAT(std::string(later.message()), HasSubstr("the disk is on fire"));
    }
    EXPECT_EQ(log->durable(), L(1));
  }
}

TEST(LogWriter, SyncWithoutSpaceIsAFailedSync) {
  TempDir dir;
  Faults faults;
  auto options = WriterOptions(dir.path());
  options.file_system = faults.Make();
  const auto log = MustCreate(options);
  ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kNoSync).ok());
  faults.failing = "sync";
  faults.failure = Status::NoSpace("delayed allocation");
  EXPECT_EQ(log->SyncAll().code(), Code::kIoError);
  EXPECT_EQ(log->SyncAll().code(), Code::kReadOnly);
  EXPECT_EQ(log->durable(), Lsn::kNone);
}

TEST(LogWriter, FailedSyncIsNotTriedAgain) {
  TempDir dir;
  Faults faults;
  auto options = WriterOptions(dir.path());
  options.file_system = faults.Make();
  const auto log = MustCreate(options);
  ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kNoSync).ok());
  faults.counts.clear();
  faults.failing = "sync";
  EXPECT_FALSE(log->SyncAll().ok());
  EXPECT_FALSE(log->SyncAll().ok());
  EXPECT_EQ(faults.counts["sync"], 1);
}

TEST(LogWriter, PoisonFromOutsideKeepsTheFirstCause) {
  TempDir dir;
  const auto log = MustCreate(WriterOptions(dir.path()));
  log->Poison(Status::IoError("pages"));
  log->Poison(Status::IoError("journal"));
  EXPECT_THAT(std::string(log->SyncAll().message()), HasSubstr("pages"));
}

TEST(LogWriter, ReopeningContinuesBehindTheEnd) {
  TempDir dir;
  {
    const auto log = MustCreate(WriterOptions(dir.path()));
    for (std::uint64_t lsn = 1; lsn <= 3; ++lsn) {
      ASSERT_TRUE(AppendOne(*log, lsn, SyncMode::kSync).ok());
    }
  }
  {
    const auto log = MustCreate(WriterOptions(dir.path(), 3, 2));
    EXPECT_EQ(log->durable(), L(3));
    ASSERT_TRUE(AppendOne(*log, 4, SyncMode::kSync, {"new"}).ok());
  }
  const ReadOutcome read = ReadAll(dir.path());
  ASSERT_TRUE(read.end.ok()) << read.end.status();
  EXPECT_THAT(read.lsns(), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(read.end->generation, 2u);
}

TEST(LogWriter, EmptySegmentOfAnEarlierOpeningIsReplaced) {
  TempDir dir;
  for (std::uint32_t generation = 1; generation <= 4; ++generation) {
    MustCreate(WriterOptions(dir.path(), 0, generation));
  }
  EXPECT_THAT(SortedNames(dir.path()), ElementsAre(SegmentName(L(1))));
  EXPECT_EQ(ReadAll(dir.path()).end->generation, 4u);
}

TEST(LogWriter, LeftoversAreRemovedAtOpening) {
  TempDir dir;
  WriteBytes(dir.File("0000000000000009.tmp"), Bytes("half made"));
  MustCreate(WriterOptions(dir.path()));
  EXPECT_THAT(SortedNames(dir.path()), ElementsAre(SegmentName(L(1))));
}

TEST(LogWriter, RemovesSegmentsWhoseCommitsAreAllBelow) {
  TempDir dir;
  const auto log = MustCreate(WriterOptions(dir.path()));
  // Two commits a segment: 1 2, 3 4, 5 6.
  for (std::uint64_t lsn = 1; lsn <= 6; ++lsn) {
    ASSERT_TRUE(AppendOne(*log, lsn, SyncMode::kNoSync, {std::string(25000, 'x')}).ok());
  }
  ASSERT_THAT(SortedNames(dir.path()),
              ElementsAre(SegmentName(L(1)), SegmentName(L(3)), SegmentName(L(5))));
  ASSERT_TRUE(log->RemoveThrough(L(1)).ok());
  EXPECT_EQ(SortedNames(dir.path()).size(), 3u);
  ASSERT_TRUE(log->RemoveThrough(L(2)).ok());
  EXPECT_THAT(SortedNames(dir.path()), ElementsAre(SegmentName(L(3)), SegmentName(L(5))));
  EXPECT_EQ(log->BytesOnDisk(), 2u * (64 << 10));
  ASSERT_TRUE(log->RemoveThrough(L(6)).ok());
  EXPECT_THAT(SortedNames(dir.path()), ElementsAre(SegmentName(L(5))));
  EXPECT_THAT(ReadAll(dir.path(), 4).lsns(), ElementsAre(5, 6));
}

TEST(LogWriter, FailedRemovalDoesNotPoison) {
  TempDir dir;
  Faults faults;
  auto options = WriterOptions(dir.path());
  options.file_system = faults.Make();
  const auto log = MustCreate(options);
  ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kNoSync, {std::string(40000, 'x')}).ok());
  ASSERT_TRUE(AppendOne(*log, 2, SyncMode::kNoSync, {std::string(40000, 'x')}).ok());
  faults.failing = "unlink";
  EXPECT_EQ(log->RemoveThrough(L(1)).code(), Code::kIoError);
  faults.failing = "";
  EXPECT_TRUE(log->poisoned().ok());
  EXPECT_TRUE(log->RemoveThrough(L(1)).ok());
  EXPECT_EQ(SortedNames(dir.path()).size(), 1u);
}

// A gate that one thread waits at until another opens it.
class Gate {
 public:
  void Arrive() {
    std::unique_lock lock(mutex_);
    arrived_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  void AwaitArrival() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_; });
  }
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool arrived_ = false;
  bool open_ = false;
};

TEST(LogWriter, SyncDoesNotWaitForAnAppenderThatHasNotBegunToWrite) {
  TempDir dir;
  const auto log = MustCreate(WriterOptions(dir.path()));
  ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kNoSync).ok());
  Gate gate;
  SetSyncPoint("log:before_append", [&] { gate.Arrive(); });
  std::thread appender([&] { EXPECT_TRUE(AppendOne(*log, 2, SyncMode::kSync).ok()); });
  gate.AwaitArrival();
  EXPECT_TRUE(log->SyncAll().ok());
  EXPECT_EQ(log->durable(), L(1));
  gate.Open();
  appender.join();
  ClearSyncPoints();
  EXPECT_EQ(log->durable(), L(2));
}

TEST(LogWriter, SyncDoesNotWaitForAWriteInABlockOfItsOwn) {
  TempDir dir;
  Gate gate;
  std::atomic<bool> hold{false};
  auto options = WriterOptions(dir.path());
  options.file_system =
      std::make_shared<HookedFileSystem>([&](const std::string& operation, const std::string&) {
        // Relaxed: set before the thread that writes is started.
        if (operation == "write" && hold.exchange(false, std::memory_order_relaxed)) gate.Arrive();
        return Status();
      });
  const auto log = MustCreate(options);
  ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kNoSync, {std::string(4096 - 40, 'x')}).ok());
  hold.store(true, std::memory_order_relaxed);
  std::thread appender([&] { EXPECT_TRUE(AppendOne(*log, 2, SyncMode::kNoSync).ok()); });
  gate.AwaitArrival();
  EXPECT_TRUE(log->SyncAll().ok());
  EXPECT_EQ(log->durable(), L(1));
  gate.Open();
  appender.join();
}

TEST(LogWriter, BlockIsNotReportedDurableWhileItIsRewritten) {
  TempDir dir;
  Gate gate;
  std::atomic<bool> hold{false};
  std::atomic<bool> writing{false};
  std::atomic<bool> synced_while_writing{false};
  auto options = WriterOptions(dir.path());
  options.file_system =
      std::make_shared<HookedFileSystem>([&](const std::string& operation, const std::string&) {
        // Sequentially consistent throughout: a test's flags, no partner to name.
        if (operation == "write" && hold.exchange(false)) {
          writing = true;
          gate.Arrive();
          writing = false;
        }
        if (operation == "sync" && writing) synced_while_writing = true;
        return Status();
      });
  const auto log = MustCreate(options);
  ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kNoSync).ok());
  hold = true;
  std::thread appender([&] { EXPECT_TRUE(AppendOne(*log, 2, SyncMode::kNoSync).ok()); });
  gate.AwaitArrival();
  std::thread syncer([&] { EXPECT_TRUE(log->SyncAll().ok()); });
  gate.Open();
  appender.join();
  syncer.join();
  EXPECT_FALSE(synced_while_writing);
  EXPECT_GE(log->durable(), L(1));
}

TEST(LogWriter, WaitingSyncersShareOneSync) {
  TempDir dir;
  Gate gate;
  std::atomic<int> syncs{0};
  std::atomic<bool> hold{false};
  auto options = WriterOptions(dir.path());
  options.file_system =
      std::make_shared<HookedFileSystem>([&](const std::string& operation, const std::string&) {
        if (operation == "sync") {
          ++syncs;
          if (hold.exchange(false)) gate.Arrive();
        }
        return Status();
      });
  const auto log = MustCreate(options);
  ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kNoSync).ok());
  syncs = 0;
  hold = true;
  std::thread first([&] { EXPECT_TRUE(log->SyncAll().ok()); });
  gate.AwaitArrival();
  // Not covered by the sync that has begun: they need one more, together.
  ASSERT_TRUE(AppendOne(*log, 2, SyncMode::kNoSync).ok());
  std::vector<std::thread> waiting;
  for (int i = 0; i < 8; ++i) {
    waiting.emplace_back([&] { EXPECT_TRUE(log->SyncThrough(L(2)).ok()); });
  }
  gate.Open();
  first.join();
  for (std::thread& thread : waiting) thread.join();
  EXPECT_EQ(syncs, 2);
  EXPECT_EQ(log->durable(), L(2));
}

TEST(LogWriter, SyncersAndAnAppenderWorkAtTheSameTime) {
  TempDir dir;
  constexpr std::uint64_t kCommits = 400;
  const auto log = MustCreate(WriterOptions(dir.path()));
  std::atomic<bool> done{false};
  std::vector<std::thread> syncers;
  for (int i = 0; i < 3; ++i) {
    syncers.emplace_back([&] {
      Lsn before = Lsn::kNone;
      // Relaxed: only ends the loop.
      while (!done.load(std::memory_order_relaxed)) {
        const Lsn appended = log->appended();
        EXPECT_TRUE(log->SyncAll().ok());
        const Lsn durable = log->durable();
        EXPECT_GE(durable, appended);
        EXPECT_GE(durable, before);
        before = durable;
      }
    });
  }
  for (std::uint64_t lsn = 1; lsn <= kCommits; ++lsn) {
    const SyncMode mode = lsn % 7 == 0 ? SyncMode::kSync : SyncMode::kNoSync;
    ASSERT_TRUE(AppendOne(*log, lsn, mode, {std::string(lsn % 300, 'x')}).ok());
    if (mode == SyncMode::kSync) {
      EXPECT_GE(log->durable(), L(lsn));
    }
    if (lsn % 100 == 0) {
      EXPECT_TRUE(log->RemoveThrough(L(lsn / 2)).ok());
    }
  }
  done.store(true, std::memory_order_relaxed);
  for (std::thread& thread : syncers) thread.join();
  const ReadOutcome read = ReadAll(dir.path(), kCommits / 2);
  ASSERT_TRUE(read.end.ok()) << read.end.status();
  EXPECT_EQ(read.end->last, L(kCommits));
}

TEST(LogWriter, MutantAcknowledgesWithoutASync) {
  TempDir dir;
  Faults faults;
  auto options = WriterOptions(dir.path());
  options.file_system = faults.Make();
  const auto log = MustCreate(options);
  faults.counts.clear();
  SetMutant(Mutant::kAcknowledgeBeforeSync);
  EXPECT_TRUE(AppendOne(*log, 1, SyncMode::kSync).ok());
  SetMutant(Mutant::kNone);
  EXPECT_EQ(faults.counts["sync"], 0);
  EXPECT_EQ(log->durable(), L(1));
}

TEST(LogWriter, APromisedSyncIsTheEarliestUntilASyncHasBegun) {
  using std::chrono::seconds;
  const std::chrono::steady_clock::time_point start{};
  TempDir dir;
  const auto log = MustCreate(WriterOptions(dir.path()));
  log->PromiseSync(start + seconds(1));
  EXPECT_FALSE(log->promised_sync().has_value());  // nothing is unsynced
  ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kNoSync, {"a"}).ok());
  log->PromiseSync(start + seconds(2));
  log->PromiseSync(start + seconds(3));
  EXPECT_EQ(log->promised_sync(), start + seconds(2));
  ASSERT_TRUE(log->SyncAll().ok());
  EXPECT_FALSE(log->promised_sync().has_value());
  ASSERT_TRUE(AppendOne(*log, 2, SyncMode::kNoSync, {"b"}).ok());
  log->PromiseSync(start + seconds(4));
  ASSERT_TRUE(AppendOne(*log, 3, SyncMode::kSync, {"c"}).ok());
  EXPECT_FALSE(log->promised_sync().has_value());
}

TEST(LogWriter, APromiseMadeWhileASyncRunsOutlivesItWhereItMust) {
  const std::chrono::steady_clock::time_point deadline{std::chrono::seconds(1)};
  for (const bool more : {false, true}) {
    TempDir dir;
    const auto log = MustCreate(WriterOptions(dir.path()));
    ASSERT_TRUE(AppendOne(*log, 1, SyncMode::kNoSync, {"a"}).ok());
    SetSyncPoint("log:before_sync", [&] {
      if (more) {
        ASSERT_TRUE(AppendOne(*log, 2, SyncMode::kNoSync, {"b"}).ok());
      }
      log->PromiseSync(deadline);
    });
    ASSERT_TRUE(log->SyncAll().ok());
    ClearSyncPoints();
    EXPECT_EQ(log->promised_sync().has_value(), more);
  }
}

TEST(LogWriter, RoomInMemoryIsRefusedLikeRoomOnDisk) {
  TempDir dir;
  const auto log = MustCreate(WriterOptions(dir.path()));
  EXPECT_EQ(log->Reserve(UINT64_MAX - 1024, 1).code(), Code::kIoError);
  EXPECT_TRUE(log->poisoned().ok());
  EXPECT_TRUE(AppendOne(*log, 1, SyncMode::kSync, {"a"}).ok());
}

}  // namespace
}  // namespace engram
