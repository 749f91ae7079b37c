#include "engine/scrubber.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/page_loader.h"
#include "storage/base/coding.h"
#include "tests/engine/engine_fixture.h"
#include "tests/support/sound_store.h"
#include "tests/support/watchdog.h"

namespace engram {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr PageRef kSomePage{SegmentKind::kNodes, PageId{1}};

class ScrubberTest : public EngineTest {
 protected:
  ScrubberTest() {
    config_.scrub_rest = seconds(0);
    config_.options.log = [this](LogLevel, std::string_view message) {
      const std::lock_guard lock(mutex_);
      messages_.emplace_back(message);
    };
  }
  ~ScrubberTest() override { SetMutant(Mutant::kNone); }

  // Some pages in each segment, all of them on the disk.
  void OpenFilled(int patterns = 500) {
    ASSERT_NO_FATAL_FAILURE(Open());
    Add(patterns);
  }
  void Add(int patterns) {
    std::vector<std::vector<float>> vectors;
    for (int i = 0; i < patterns; ++i) vectors.push_back(Vector(static_cast<float>(i)));
    std::vector<PendingOp> ops;
    for (const std::vector<float>& vector : vectors) ops.emplace_back(InsertOf(vector));
    ASSERT_TRUE(Commit(std::move(ops)).status.ok());
    const Status status = engine_->Checkpoint();
    ASSERT_TRUE(status.ok()) << status;
  }

  std::string GraphPath() { return engine_->core().GraphPath(); }
  std::uint64_t PagesOnDisk() {
    const Core& core = engine_->core();
    std::uint64_t pages = 0;
    for (const SegmentKind segment : kAllSegments) {
      pages += PagesInUse(*core.layout, core.page_file->superblock().state, segment);
    }
    return pages;
  }
  void Spoil(PageRef ref) {
    const std::uint64_t offset = engine_->core().page_file->FileOffset(ref) + 1000;
    std::fstream file(GraphPath(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(static_cast<char>(byte ^ 0x40));
    ASSERT_TRUE(file.good());
  }
  bool IsRight(PageRef ref) {
    const PageFile& pages = *engine_->core().page_file;
    std::vector<std::byte> bytes(pages.PageBytes(ref.segment));
    return pages.ReadPages(ref.segment, Raw(ref.page), 1, bytes).ok() &&
           CheckPage(bytes, ref, engine_->core().store_id).ok();
  }

  void Scrub(std::chrono::microseconds passed = seconds(1)) {
    clock_.Advance(passed);
    const Status status = engine_->RunMaintenance(seconds(10));
    ASSERT_TRUE(status.ok()) << status;
  }
  std::size_t Told(const std::string& text) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(
        messages_.begin(), messages_.end(),
        [&](const std::string& message) { return message.find(text) != std::string::npos; }));
  }
  void ExpectSound() {
    const Status closed = engine_->Close();
    ASSERT_TRUE(closed.ok()) << closed;
    engine_.reset();
    ExpectSoundStore(files_, dir_.File("store"));
  }

  std::mutex mutex_;
  std::vector<std::string> messages_;  // guarded by mutex_
};

TEST_F(ScrubberTest, ReadsEveryPageOfTheLastCheckpointInEachRound) {
  ASSERT_NO_FATAL_FAILURE(OpenFilled());
  const std::uint64_t before = PagesOnDisk();
  ASSERT_GT(before, 30u);
  Scrub();
  EXPECT_EQ(GetStats().scrubbed_pages, before);
  EXPECT_EQ(GetStats().scrub_rounds, 1u);
  ASSERT_NO_FATAL_FAILURE(Add(500));
  const std::uint64_t after = PagesOnDisk();
  ASSERT_GT(after, before);
  Scrub();
  EXPECT_EQ(GetStats().scrubbed_pages, before + after);
  EXPECT_EQ(GetStats().scrub_rounds, 2u);
  EXPECT_EQ(GetStats().bad_pages, 0u);
  EXPECT_EQ(GetStats().first_bad_segment, 0u);
  EXPECT_EQ(Told("bad"), 0u);
}

TEST_F(ScrubberTest, PagesThatWereCutSinceTheCheckpointAreNotMissed) {
  ASSERT_NO_FATAL_FAILURE(OpenFilled());
  Core& core = engine_->core();
  const std::uint64_t before = PagesOnDisk();
  const std::uint32_t nodes =
      PagesInUse(*core.layout, core.page_file->superblock().state, SegmentKind::kNodes);
  {
    MutexLock role(core.writer_role);
    ASSERT_TRUE(core.page_file->CutSegment(SegmentKind::kNodes, nodes / 2).ok());
    core.pages->Cut(SegmentKind::kNodes, nodes / 2);
  }
  Scrub();
  EXPECT_EQ(GetStats().scrubbed_pages, before - (nodes - nodes / 2));
  EXPECT_EQ(GetStats().scrub_rounds, 1u);
  EXPECT_EQ(GetStats().bad_pages, 0u);
  EXPECT_EQ(Told("bad"), 0u);
}

TEST_F(ScrubberTest, ReadsNoMoreThanTheRateAllows) {
  config_.options.scrub_bytes_per_second = 10 * kBlockBytes;
  ASSERT_NO_FATAL_FAILURE(OpenFilled(1000));
  ASSERT_EQ(engine_->core().layout->page_bytes(), kBlockBytes);
  std::uint64_t pages = 0;
  const auto expect_more = [&](std::uint64_t more) {
    EXPECT_EQ(GetStats().scrubbed_pages - pages, more);
    pages = GetStats().scrubbed_pages;
  };
  Scrub(seconds(0));
  expect_more(0);
  Scrub(seconds(1));
  expect_more(10);
  Scrub(milliseconds(500));
  expect_more(5);
  Scrub(milliseconds(50));
  Scrub(milliseconds(50));  // what was not enough for a page is not lost
  expect_more(1);
  Scrub(hours(1));  // but a pause is not made up for
  expect_more(10);
  EXPECT_EQ(GetStats().scrub_rounds, 0u);
}

TEST_F(ScrubberTest, APageThatIsLargerThanTheRateIsSavedFor) {
  config_.options.scrub_bytes_per_second = kBlockBytes / 4;
  ASSERT_NO_FATAL_FAILURE(OpenFilled());
  for (int i = 0; i < 3; ++i) Scrub();
  EXPECT_EQ(GetStats().scrubbed_pages, 0u);
  Scrub();
  EXPECT_EQ(GetStats().scrubbed_pages, 1u);
}

TEST_F(ScrubberTest, OffMeansOff) {
  config_.options.scrub_bytes_per_second = 0;
  ASSERT_NO_FATAL_FAILURE(OpenFilled());
  Spoil(kSomePage);
  for (int i = 0; i < 5; ++i) Scrub(hours(1));
  EXPECT_EQ(GetStats().scrubbed_pages, 0u);
  EXPECT_EQ(GetStats().scrub_rounds, 0u);
  EXPECT_EQ(GetStats().bad_pages, 0u);
}

TEST_F(ScrubberTest, MaintenanceWithoutABudgetReadsNothing) {
  ASSERT_NO_FATAL_FAILURE(OpenFilled());
  clock_.Advance(seconds(1));
  ASSERT_TRUE(engine_->RunMaintenance(seconds(0)).ok());
  EXPECT_EQ(GetStats().scrubbed_pages, 0u);
}

TEST_F(ScrubberTest, RestsBetweenRoundsOverASmallStore) {
  config_.scrub_rest = seconds(60);
  ASSERT_NO_FATAL_FAILURE(OpenFilled());
  const std::uint64_t pages = PagesOnDisk();
  for (int i = 0; i < 59; ++i) Scrub();
  EXPECT_EQ(GetStats().scrub_rounds, 1u);
  EXPECT_EQ(GetStats().scrubbed_pages, pages);
  for (int i = 0; i < 2; ++i) Scrub();
  EXPECT_EQ(GetStats().scrub_rounds, 2u);
  EXPECT_EQ(GetStats().scrubbed_pages, 2 * pages);
}

TEST_F(ScrubberTest, RotIsFoundToldAndHealedByTheNextCheckpoint) {
  ASSERT_NO_FATAL_FAILURE(OpenFilled());
  const PageRef rotten[] = {kSomePage,
                            {SegmentKind::kUpper, PageId{0}},
                            {SegmentKind::kNodeSlots, PageId{0}},
                            {SegmentKind::kUpperSlots, PageId{0}}};
  for (const PageRef& ref : rotten) Spoil(ref);
  const std::uint64_t checkpoints = GetStats().checkpoints;
  Scrub();
  EXPECT_EQ(GetStats().bad_pages, 4u);
  EXPECT_EQ(GetStats().first_bad_segment, Raw(SegmentKind::kNodes));
  EXPECT_EQ(GetStats().first_bad_page, 1u);
  EXPECT_EQ(Told("a page on the disk is bad"), 4u);
  EXPECT_EQ(Told("graph.engram: nodes page 1: checksum"), 1u);
  // Nothing was committed since the last checkpoint: it is the rot that asked for this one.
  EXPECT_EQ(GetStats().checkpoints, checkpoints + 1);
  for (const PageRef& ref : rotten) EXPECT_TRUE(IsRight(ref)) << Describe(ref);
  Scrub();
  EXPECT_EQ(GetStats().healed_pages, 4u);
  EXPECT_EQ(Told("4 bad pages were written anew and are right; the first is nodes page 1"), 1u);
  EXPECT_EQ(GetStats().bad_pages, 4u);
  EXPECT_EQ(GetStats().dirty_page_bytes, 0u);
  Insert(1);  // nothing is poisoned
  ExpectSound();
}

TEST_F(ScrubberTest, RotBetweenCommitsIsHealedToTheNewestBytes) {
  ASSERT_NO_FATAL_FAILURE(OpenFilled());
  ASSERT_TRUE(Update(1, 77).ok());
  Spoil({SegmentKind::kNodes, PageId{0}});
  Scrub();
  Scrub();
  EXPECT_EQ(GetStats().healed_pages, 1u);
  ASSERT_NO_FATAL_FAILURE(CloseAndOpen());
  EXPECT_EQ(First(1), 77);
  ExpectSound();
}

TEST_F(ScrubberTest, AFileThatWasCutShortIsHealed) {
  ASSERT_NO_FATAL_FAILURE(OpenFilled());
  const std::uint64_t pages = PagesOnDisk();
  std::filesystem::resize_file(GraphPath(), kFirstExtentOffset);
  Scrub();
  EXPECT_EQ(GetStats().bad_pages, pages);
  EXPECT_EQ(Told("a page on the disk is bad"), 16u);  // and then the number of the rest
  EXPECT_EQ(Told(std::to_string(pages - 16) + " more bad pages in this round"), 1u);
  Scrub();
  EXPECT_EQ(GetStats().healed_pages, pages);
  ExpectSound();
}

TEST_F(ScrubberTest, APageThatTheDiskDoesNotGiveIsBad) {
  ASSERT_NO_FATAL_FAILURE(OpenFilled());
  // The read of a slice, then the one of its first page.
  files_->SetPlan({.fault = Fault::kError,
                   .repeat = FaultRepeat::kSticky,
                   .kinds = {IoKind::kRead},
                   .path_contains = "graph.engram"});
  Scrub();
  files_->ClearPlan();
  EXPECT_EQ(GetStats().bad_pages, PagesOnDisk());
  EXPECT_EQ(GetStats().first_bad_segment, Raw(SegmentKind::kNodes));
  EXPECT_EQ(GetStats().first_bad_page, 0u);
  Scrub();
  EXPECT_EQ(GetStats().healed_pages, GetStats().bad_pages);
  ExpectSound();
}

TEST_F(ScrubberTest, APageThatStaysBadIsToldAndFoundAgain) {
  ASSERT_NO_FATAL_FAILURE(OpenFilled());
  Spoil(kSomePage);
  SetSyncPoint("checkpoint:superblock", [&] { Spoil(kSomePage); });
  Scrub();
  ClearSyncPoints();
  Scrub();
  EXPECT_EQ(GetStats().healed_pages, 0u);
  EXPECT_EQ(Told("are bad still"), 1u);
  EXPECT_EQ(GetStats().bad_pages, 2u);
  EXPECT_EQ(GetStats().first_bad_page, 1u);
  Scrub();
  EXPECT_EQ(GetStats().healed_pages, 1u);
  EXPECT_TRUE(IsRight(kSomePage));
}

// Pages that are cut off, and others that grow in their place without a checkpoint.
class ScrubberAndCutTest : public ScrubberTest {
 protected:
  static constexpr int kPatterns = 500;

  void OpenFilledAndWatched() {
    ASSERT_NO_FATAL_FAILURE(OpenFilled(kPatterns));
    checkpointer_.emplace(engine_->core());
    scrubber_.emplace(engine_->core(), *checkpointer_);
    pages_ = NodePages();
  }
  std::uint32_t NodePages() const {
    return engine_->core().page_file->PageCount(SegmentKind::kNodes);
  }
  PageRef LastPage() const { return {SegmentKind::kNodes, static_cast<PageId>(pages_ - 1)}; }
  void EraseNearlyAll() {
    std::vector<PendingOp> ops;
    for (PatternId id = 1; id < kPatterns - 20; ++id) ops.emplace_back(PendingErase{id});
    ASSERT_TRUE(Commit(std::move(ops)).status.ok());
  }
  // As before, but nothing of it is on the disk.
  void Grow() {
    for (int i = 0; NodePages() < pages_ && i < 2 * kPatterns; ++i) {
      ASSERT_NE(Insert(static_cast<float>(i), Durability::kNone), 0u);
    }
    ASSERT_GE(NodePages(), pages_);
  }
  void Compact() {
    ASSERT_NO_FATAL_FAILURE(EraseNearlyAll());
    const auto report = engine_->Compact({});
    ASSERT_TRUE(report.ok()) << report.status();
    ASSERT_LT(NodePages(), pages_ / 2);
  }
  void Run() {
    clock_.Advance(seconds(1));
    scrubber_->Run(clock_.Steady() + seconds(10));
  }
  // As its own thread: this one keeps checkpoints off.
  void RunBesideACheckpoint() {
    const Status status = checkpointer_->HoldOff([this] {
      std::thread([this] { Run(); }).join();
      return Status::Ok();
    });
    ASSERT_TRUE(status.ok()) << status;
  }

  // Their own, so that the test says when they look and write.
  std::optional<Checkpointer> checkpointer_;
  std::optional<Scrubber> scrubber_;
  std::uint32_t pages_ = 0;  // of nodes, when it was filled
};

TEST_F(ScrubberAndCutTest, PagesThatGrewInPlaceOfCutOnesAreNotMissed) {
  const Watchdog watchdog("scrubbing beside a checkpoint", seconds(120));
  ASSERT_NO_FATAL_FAILURE(OpenFilledAndWatched());
  ASSERT_NO_FATAL_FAILURE(Compact());
  ASSERT_NO_FATAL_FAILURE(Grow());
  ASSERT_FALSE(IsRight(LastPage()));
  // What must be there it knows from before the cut alone.
  ASSERT_NO_FATAL_FAILURE(RunBesideACheckpoint());
  EXPECT_GE(scrubber_->figures().pages, pages_);
  Run();
  EXPECT_EQ(scrubber_->figures().bad, 0u);
  EXPECT_EQ(Told("bad"), 0u);
  scrubber_.reset();
  ExpectSound();
}

TEST_F(ScrubberAndCutTest, ABadPageThatIsCutIsNeitherHealedNorBadStill) {
  const Watchdog watchdog("scrubbing a store that is compacted", seconds(120));
  for (const bool grows : {false, true}) {
    SCOPED_TRACE(grows);
    ASSERT_NO_FATAL_FAILURE(OpenFilledAndWatched());
    Spoil(LastPage());
    Run();
    EXPECT_EQ(scrubber_->figures().bad, 1u);
    ASSERT_NO_FATAL_FAILURE(Compact());
    Insert(1);
    ASSERT_TRUE(checkpointer_->Run().ok());
    if (grows) {
      ASSERT_NO_FATAL_FAILURE(Grow());
    }
    Run();
    EXPECT_EQ(scrubber_->figures().bad, 1u);
    EXPECT_EQ(scrubber_->figures().healed, 0u);
    EXPECT_EQ(Told("written anew and are"), 0u);
    scrubber_.reset();
    ExpectSound();
    std::filesystem::remove_all(dir_.File("store"));
  }
}

TEST_F(ScrubberAndCutTest, PagesThatGrewBehindACutOfTheLogAreNotMissed) {
  ASSERT_NO_FATAL_FAILURE(OpenFilledAndWatched());
  ASSERT_NO_FATAL_FAILURE(EraseNearlyAll());
  // Its checkpoint gets as far as the log: the superblock names the pages still.
  files_->SetPlan({.fault = Fault::kError, .kinds = {IoKind::kWrite}, .path_contains = "journal"});
  EXPECT_FALSE(engine_->Compact({}).ok());
  files_->ClearPlan();
  scrubber_.reset();
  checkpointer_.reset();
  ASSERT_NO_FATAL_FAILURE(KillAndOpen());
  ASSERT_LT(NodePages(), pages_ / 2);
  ASSERT_NO_FATAL_FAILURE(Grow());
  const std::uint64_t checkpoints = GetStats().checkpoints;
  Scrub();
  Scrub();
  EXPECT_GE(GetStats().scrub_rounds, 1u);
  EXPECT_EQ(GetStats().bad_pages, 0u);
  EXPECT_EQ(GetStats().checkpoints, checkpoints) << "the pages were written meanwhile";
  EXPECT_EQ(Told("bad"), 0u);
  ExpectSound();
}

// A page that a checkpoint is writing, as another thread may read it: in part new.
class ScrubberAndCheckpointTest : public ScrubberTest {
 protected:
  void ScrubWhileAPageIsTorn() {
    ASSERT_NO_FATAL_FAILURE(OpenFilled());
    ASSERT_NO_FATAL_FAILURE(Scrub());  // which pages there are is known between checkpoints alone
    ASSERT_TRUE(Update(1, 77).ok());
    const PageRef written{SegmentKind::kNodes, PageId{0}};
    const std::uint64_t before = GetStats().scrubbed_pages;
    bool torn = false;
    SetSyncPoint("checkpoint:journal", [&] {
      torn = true;
      Spoil(written);
      clock_.Advance(seconds(1));
      // As its own thread: this one has the checkpoint.
      std::thread([&] { EXPECT_TRUE(engine_->RunMaintenance(seconds(10)).ok()); }).join();
      EXPECT_GT(GetStats().scrubbed_pages, before);
    });
    const Status status = engine_->Checkpoint();
    ASSERT_TRUE(status.ok()) << status;
    ClearSyncPoints();
    ASSERT_TRUE(torn);
    ASSERT_TRUE(IsRight(written));
    Scrub();
  }
};

TEST_F(ScrubberAndCheckpointTest, APageThatIsBeingWrittenIsNotReported) {
  const Watchdog watchdog("scrubbing beside a checkpoint", seconds(120));
  ASSERT_NO_FATAL_FAILURE(ScrubWhileAPageIsTorn());
  EXPECT_EQ(GetStats().bad_pages, 0u);
  EXPECT_EQ(Told("bad"), 0u);
  ExpectSound();
}

TEST_F(ScrubberAndCheckpointTest, TheTestWouldNoticeOneThatIs) {
  const Watchdog watchdog("scrubbing beside a checkpoint", seconds(120));
  SetMutant(Mutant::kScrubBesideCheckpoint);
  ASSERT_NO_FATAL_FAILURE(ScrubWhileAPageIsTorn());
  EXPECT_GT(GetStats().bad_pages, 0u);
}

TEST_F(ScrubberTest, APoisonedStoreIsLeftAlone) {
  ASSERT_NO_FATAL_FAILURE(OpenFilled());
  ASSERT_TRUE(Update(1, 77).ok());
  // Half of a page reaches the disk.
  files_->SetPlan({.fault = Fault::kShort, .kinds = {IoKind::kWrite}, .path_contains = "graph.e"});
  EXPECT_FALSE(engine_->Checkpoint().ok());
  clock_.Advance(seconds(1));
  EXPECT_EQ(engine_->RunMaintenance(seconds(10)).code(), Code::kReadOnly);
  EXPECT_EQ(GetStats().scrubbed_pages, 0u);
  EXPECT_EQ(GetStats().bad_pages, 0u);
}

TEST_F(ScrubberTest, TheThreadDoesItByItself) {
  const Watchdog watchdog("the maintenance thread", seconds(120));
  config_.clock = nullptr;
  config_.options.background_threads = 1;
  config_.options.scrub_bytes_per_second = 1ull << 30;
  ASSERT_NO_FATAL_FAILURE(OpenFilled());
  Spoil(kSomePage);
  while (GetStats().healed_pages == 0) std::this_thread::yield();
  EXPECT_EQ(GetStats().bad_pages, 1u);
  const std::uint64_t rounds = GetStats().scrub_rounds;
  while (GetStats().scrub_rounds < rounds + 2) std::this_thread::yield();
  ExpectSound();
}

}  // namespace
}  // namespace engram
