#include "engine/residency.h"

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "storage/base/coding.h"
#include "storage/base/mapping_check.h"
#include "storage/base/posix_file_system.h"
#include "tests/engine/engine_fixture.h"
#include "tests/support/sanitizers.h"
#include "tests/support/sim_file_system.h"

namespace engram {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

// Anonymous memory of this process, bytes.
std::uint64_t AnonymousBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  }
  return 0;
}

class ResidencyTest : public EngineTest {
 protected:
  ResidencyTest() {
    config_.options.ef_construction = 20;
    config_.options.log = [this](LogLevel, std::string_view message) {
      const std::lock_guard lock(mutex_);
      messages_.emplace_back(message);
    };
  }

  std::vector<float> Any() {
    std::vector<float> vector(config_.options.dimensions);
    std::uniform_real_distribution<float> component(-1, 1);
    for (float& c : vector) c = component(random_);
    return vector;
  }

  // Batches of patterns with vectors of their own. The first failure.
  Status InsertMany(int batches, int of = 100) {
    for (int batch = 0; batch < batches; ++batch) {
      std::vector<std::vector<float>> vectors;
      for (int i = 0; i < of; ++i) vectors.push_back(Any());
      std::vector<PendingOp> ops;
      for (const std::vector<float>& vector : vectors) ops.emplace_back(InsertOf(vector));
      const Done done = Commit(std::move(ops), Durability::kNone);
      if (!done.status.ok()) return done.status;
      ids_.insert(ids_.end(), done.ids.begin(), done.ids.end());
      vectors_.insert(vectors_.end(), vectors.begin(), vectors.end());
    }
    return Status::Ok();
  }

  Result<std::unique_ptr<Engine>> TryOpen(Residency residency, std::uint64_t budget = 0,
                                          Engine::Access access = Engine::Access::kReadWrite) {
    config_.options.residency = residency;
    config_.options.memory_budget_bytes = budget;
    return Engine::Open(dir_.File("store"), config_, access);
  }
  void OpenAs(Residency residency, std::uint64_t budget = 0,
              Engine::Access access = Engine::Access::kReadWrite) {
    engine_.reset();
    auto opened = TryOpen(residency, budget, access);
    ASSERT_TRUE(opened.ok()) << opened.status();
    engine_ = std::move(*opened);
  }
  void Close() {
    const Status closed = engine_->Close();
    ASSERT_TRUE(closed.ok()) << closed;
    engine_.reset();
  }

  Result<SearchResult> Search(const std::vector<float>& query, bool exact = false) {
    SearchRequest request;
    request.query = query;
    request.exact = exact;
    return engine_->Search(request);
  }

  std::uint64_t PageBytes() {
    const PageFile& file = *engine_->core().page_file;
    std::uint64_t bytes = 0;
    for (const ExtentEntry& extent : file.Extents()) {
      bytes += std::uint64_t{extent.pages} * file.PageBytes(extent.segment);
    }
    return bytes;
  }

  std::size_t Told(const std::string& what) {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const std::string& message : messages_) count += message.find(what) != message.npos;
    return count;
  }

  // Bytes in the middle of the node page that holds the slot, as the file has them.
  void Rot(SlotId slot) {
    const Core& core = engine_->core();
    RotAt(core.GraphPath(),
          core.page_file->FileOffset({SegmentKind::kNodes, core.layout->PageOf(slot)}));
  }
  static void RotAt(const std::string& path, std::uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset) + 500);
    file.write("rotten", 6);
    ASSERT_TRUE(file.flush().good());
  }

  std::mt19937_64 random_{TestSeed(1)};
  std::vector<PatternId> ids_;
  std::vector<std::vector<float>> vectors_;
  std::mutex mutex_;
  std::vector<std::string> messages_;
};

TEST_F(ResidencyTest, AMappedStoreAnswersAsAResidentOneDoes) {
  config_.options.dimensions = 32;
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kMapped));
  EXPECT_EQ(GetStats().residency, Residency::kMapped);
  ASSERT_TRUE(InsertMany(20).ok());
  ASSERT_TRUE(engine_->Checkpoint().ok());
  EXPECT_EQ(engine_->core().pages->copied_bytes(), 0u);
  ASSERT_TRUE(InsertMany(2).ok());
  std::vector<SearchResult> before;
  for (int i = 0; i < 50; ++i) {
    auto found = Search(vectors_[static_cast<std::size_t>(i) * 40]);
    ASSERT_TRUE(found.ok()) << found.status();
    before.push_back(std::move(*found));
  }
  for (const Residency residency : {Residency::kResident, Residency::kMapped}) {
    for (const bool clean : {true, false}) {
      if (clean) {
        ASSERT_NO_FATAL_FAILURE(Close());
      }
      ASSERT_NO_FATAL_FAILURE(OpenAs(residency));
      EXPECT_EQ(GetStats().residency, residency);
      EXPECT_EQ(GetStats().count, ids_.size());
      for (std::size_t i = 0; i < before.size(); ++i) {
        const auto found = Search(vectors_[i * 40]);
        ASSERT_TRUE(found.ok()) << found.status();
        ASSERT_EQ(found->hits.size(), before[i].hits.size());
        for (std::size_t hit = 0; hit < found->hits.size(); ++hit) {
          EXPECT_EQ(found->hits[hit].id, before[i].hits[hit].id);
        }
      }
      const auto pattern = engine_->Get(ids_.back(), {});
      ASSERT_TRUE(pattern.ok()) << pattern.status();
      EXPECT_EQ(pattern->vector, vectors_.back());
    }
  }
}

TEST_F(ResidencyTest, AutoIsResidentWhileThePagesFitAndElseMapped) {
  config_.options.dimensions = 128;
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kAuto));
  EXPECT_EQ(GetStats().residency, Residency::kResident);
  ASSERT_TRUE(InsertMany(30).ok());
  const std::uint64_t pages = PageBytes();
  ASSERT_GT(pages, 2 * kMiB);
  ASSERT_NO_FATAL_FAILURE(Close());
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kAuto, pages * 2));
  EXPECT_EQ(GetStats().residency, Residency::kResident);
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kAuto, pages + 1));
  EXPECT_EQ(GetStats().residency, Residency::kMapped);
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kAuto, pages - 1));
  EXPECT_EQ(GetStats().residency, Residency::kMapped);
  EXPECT_LT(GetStats().memory_bytes, pages);
}

TEST_F(ResidencyTest, ABudgetBelowTheLeastIsRefusedWithBothNumbers) {
  config_.options.dimensions = 128;
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kAuto));
  ASSERT_TRUE(InsertMany(30).ok());
  const std::uint64_t pages = PageBytes();
  ASSERT_NO_FATAL_FAILURE(Close());
  const auto refused = [&](Residency residency, std::uint64_t budget, const std::string& least) {
    const auto opened = TryOpen(residency, budget);
    EXPECT_EQ(opened.code(), Code::kInvalidArgument) << opened.status();
    const std::string message(opened.status().message());
    EXPECT_NE(message.find(std::to_string(budget)), std::string::npos) << message;
    EXPECT_NE(message.find(least), std::string::npos) << message;
  };
  refused(Residency::kResident, pages - 1, std::to_string(pages));
  refused(Residency::kMapped, 1000, "at least 1");
  refused(Residency::kAuto, 1000, "at least 1");
}

TEST_F(ResidencyTest, AResidentStoreThatOutgrowsItsBudgetSaysSoOnceAndThenRefuses) {
  config_.options.dimensions = 128;
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kResident, 2 * kMiB));
  Status status;
  for (int i = 0; i < 300 && status.ok(); ++i) status = InsertMany(1, 20);
  EXPECT_EQ(status.code(), Code::kIndexFull) << status;
  EXPECT_NE(status.message().find("kMapped"), std::string_view::npos) << status;
  EXPECT_EQ(Told("memory_budget_bytes"), 1u);
  // The advice is good.
  ASSERT_NO_FATAL_FAILURE(Close());
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kMapped, 2 * kMiB));
  EXPECT_TRUE(InsertMany(30).ok());
}

TEST_F(ResidencyTest, TooManyChangedPagesMakeAWriteWaitForACheckpoint) {
  config_.options.dimensions = 2048;
  config_.options.ef_construction = 10;
  constexpr std::uint64_t kBudget = 6 * kMiB;
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kMapped, kBudget));
  const std::uint64_t before = AnonymousBytes();
  std::uint64_t most = 0;
  std::uint64_t most_anonymous = 0;
  for (int i = 0; i < 250; ++i) {
    ASSERT_TRUE(InsertMany(1, 6).ok());
    most = std::max(most, engine_->core().pages->copied_bytes());
    most_anonymous = std::max(most_anonymous, AnonymousBytes());
  }
  EXPECT_GT(PageBytes(), 2 * kBudget);
  EXPECT_GT(GetStats().checkpoints, 3u);
  // Nothing but a write looks, so that one batch may go beyond.
  EXPECT_LT(most, HardCopyLimit(engine_->core()) + 2 * kMiB);
  EXPECT_LT(GetStats().memory_bytes, 30 * kMiB);
  // The rows' buffers, images on their way, and whatever else grows while a store is filled.
  if (kMemoryIsOurs) {
    EXPECT_LT(most_anonymous, before + 48 * kMiB);
  }
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kMapped, kBudget));
  EXPECT_EQ(GetStats().count, ids_.size());
  const auto pattern = engine_->Get(ids_[77], {});
  ASSERT_TRUE(pattern.ok()) << pattern.status();
  EXPECT_EQ(pattern->vector, vectors_[77]);
}

TEST_F(ResidencyTest, WritersThatWaitAndCheckpointsThatAreCalledForDoNotHang) {
  config_.options.dimensions = 256;
  config_.options.background_threads = 1;
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kMapped, 3 * kMiB));
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([this, t] {
      const std::vector<float> vector(256, static_cast<float>(t + 1));
      for (int i = 0; i < 400; ++i) {
        Transaction transaction;
        transaction.ops.emplace_back(InsertOf(vector));
        transaction.durability = Durability::kNone;
        engine_->Commit(transaction);
        EXPECT_TRUE(transaction.status.ok()) << transaction.status;
      }
    });
  }
  threads.emplace_back([this] {
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(engine_->Checkpoint().ok());
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(GetStats().count, 1200u);
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kMapped, 3 * kMiB));
  EXPECT_EQ(GetStats().count, 1200u);
}

TEST_F(ResidencyTest, ARottenPageIsTheErrorOfTheCallsThatNeedItAndNamed) {
  config_.options.dimensions = 128;
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kResident));
  ASSERT_TRUE(InsertMany(20).ok());
  ASSERT_NO_FATAL_FAILURE(Close());
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kMapped, 0, Engine::Access::kReadOnly));
  // The slots are in the order of the ids here.
  constexpr std::size_t kRotten = 1500;
  ASSERT_NO_FATAL_FAILURE(Rot(static_cast<SlotId>(kRotten)));
  const PageId page = engine_->core().layout->PageOf(static_cast<SlotId>(kRotten));
  const std::string name = "nodes page " + std::to_string(Raw(page));
  for (int again = 0; again < 2; ++again) {
    const auto got = engine_->Get(ids_[kRotten], {});
    EXPECT_EQ(got.code(), Code::kCorruptedIndex) << got.status();
    EXPECT_NE(got.status().message().find(name), std::string_view::npos) << got.status();
    for (const bool exact : {false, true}) {
      const auto found = Search(vectors_[kRotten], exact);
      EXPECT_EQ(found.code(), Code::kCorruptedIndex) << found.status();
      EXPECT_NE(found.status().message().find(name), std::string_view::npos) << found.status();
    }
    EXPECT_TRUE(engine_->Get(ids_[10], {}).ok());
  }
}

// Nothing looks at the nodes when a store is opened that was closed cleanly.
TEST_F(ResidencyTest, ARottenPageIsMetByTheWriterBeforeAnythingChanges) {
  config_.options.dimensions = 128;
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kResident));
  ASSERT_TRUE(InsertMany(20).ok());
  constexpr std::size_t kRotten = 1500;
  const PageRef page{SegmentKind::kNodes,
                     engine_->core().layout->PageOf(static_cast<SlotId>(kRotten))};
  const std::uint64_t offset = engine_->core().page_file->FileOffset(page);
  const std::string file = engine_->core().GraphPath();
  ASSERT_NO_FATAL_FAILURE(Close());
  ASSERT_NO_FATAL_FAILURE(RotAt(file, offset));
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kMapped));
  const Status erased = Commit({PendingErase{ids_[kRotten]}}).status;
  const Status inserted = Commit({InsertOf(vectors_[kRotten])}).status;
  for (const Status& status : {erased, inserted}) {
    EXPECT_EQ(status.code(), Code::kCorruptedIndex) << status;
    EXPECT_NE(status.message().find(Describe(page)), std::string_view::npos) << status;
  }
  EXPECT_TRUE(engine_->RequireWritable().ok());
  EXPECT_TRUE(engine_->Get(ids_[10], {}).ok());
  EXPECT_EQ(GetStats().count, ids_.size());
}

TEST_F(ResidencyTest, CommitsAreNotReplayedOntoARottenPage) {
  config_.options.dimensions = 128;
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kResident));
  ASSERT_TRUE(InsertMany(10).ok());
  ASSERT_NO_FATAL_FAILURE(Close());
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kResident));
  ASSERT_TRUE(Commit({PendingErase{ids_[500]}}).status.ok());
  const SlotId slot = static_cast<SlotId>(500);
  const std::string name =
      "nodes page " + std::to_string(Raw(engine_->core().layout->PageOf(slot)));
  ASSERT_NO_FATAL_FAILURE(Rot(slot));
  engine_.reset();
  const auto opened = TryOpen(Residency::kMapped);
  EXPECT_EQ(opened.code(), Code::kCorruptedIndex) << opened.status();
  EXPECT_NE(opened.status().message().find(name), std::string_view::npos) << opened.status();
}

// Pages in the cache are gone with the end of the file, and so are the process's own copies.
TEST_F(ResidencyTest, AFileThatIsCutShortIsAnErrorOfEachCallAndNotTheEndOfTheProcess) {
  config_.options.dimensions = 128;
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kMapped));
  ASSERT_TRUE(InsertMany(20).ok());
  ASSERT_TRUE(engine_->Checkpoint().ok());
  ASSERT_TRUE(InsertMany(1).ok());
  const std::string file = engine_->core().GraphPath();
  const std::uint64_t checkpoints = GetStats().checkpoints;
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);

  const auto lost = [&](const Status& status, const char* what) {
    EXPECT_TRUE(status.code() == Code::kIoError || status.code() == Code::kReadOnly)
        << what << ": " << status;
    EXPECT_NE(status.message().find("graph.engram"), std::string_view::npos) << status;
  };
  lost(Search(vectors_[0], true).status(), "scan");
  lost(Search(vectors_[0]).status(), "search");
  lost(engine_->Get(ids_.back(), {}).status(), "get");
  lost(engine_->ForEach([](const Pattern&) { return true; }, {}), "for each");
  lost(Commit({PendingErase{ids_[0]}}).status, "erase");
  lost(InsertMany(1, 1), "insert");
  lost(engine_->Checkpoint(), "checkpoint");
  EXPECT_EQ(GetStats().checkpoints, checkpoints);
  EXPECT_FALSE(engine_->Close().ok());
  engine_.reset();
  const auto opened = TryOpen(Residency::kMapped);
  EXPECT_EQ(opened.code(), Code::kCorruptedIndex) << opened.status();
}

TEST_F(ResidencyTest, AChangedPageThatWasLostIsNeverWritten) {
  config_.options.dimensions = 128;
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kMapped));
  ASSERT_TRUE(InsertMany(10).ok());
  const std::string file = engine_->core().GraphPath();
  const std::uint64_t size = std::filesystem::file_size(file);
  std::filesystem::resize_file(file, 65536);
  std::filesystem::resize_file(file, size);  // nothing is missing, but what was changed is gone
  std::filesystem::resize_file(file, 65536);
  EXPECT_EQ(engine_->Checkpoint().code(), Code::kIoError);
  EXPECT_EQ(Commit({PendingErase{ids_[0]}}).status.code(), Code::kReadOnly);
  EXPECT_EQ(GetStats().page_bytes_written, 0u);
  // The log has all of it.
  engine_.reset();
  std::filesystem::resize_file(file, size);
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kMapped));
  EXPECT_EQ(GetStats().count, ids_.size());
  EXPECT_EQ(engine_->Get(ids_[500], {})->vector, vectors_[500]);
}

TEST_F(ResidencyTest, WithoutTheHandlerALostPageEndsTheProcess) {
  if (kThreadSanitizer) GTEST_SKIP() << "a child that makes threads";
  config_.options.dimensions = 128;
  config_.options.handle_sigbus = false;
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kMapped));
  ASSERT_TRUE(InsertMany(10).ok());
  ASSERT_NO_FATAL_FAILURE(Close());
  EXPECT_EXIT(
      {
        ::signal(SIGBUS, SIG_DFL);  // a sanitizer's
        OpenAs(Residency::kMapped);
        std::filesystem::resize_file(engine_->core().GraphPath(), 65536);
        static_cast<void>(Search(vectors_[0], true));
      },
      testing::KilledBySignal(SIGBUS), "");
}

// Views that stay as they were when they were made.
class StillFile : public PosixFile {
 public:
  using PosixFile::PosixFile;
  Status MapPrivate(std::uint64_t offset, std::uint64_t length, std::byte* at) const override {
    const FileDescriptor copy(::memfd_create("still", MFD_CLOEXEC));
    std::vector<std::byte> bytes(length);
    const Result<std::size_t> got = ReadAt(offset, bytes);
    if (!got.ok()) return got.status();
    if (::pwrite(copy.get(), bytes.data(), length, 0) != static_cast<ssize_t>(length)) {
      return Status::IoError("copy");
    }
    return MapDescriptorPrivate(copy.get(), path(), 0, length, at);
  }
};

class StillFileSystem : public PosixFileSystem {
 protected:
  std::unique_ptr<File> MakeFile(FileDescriptor fd, const std::string& path) override {
    return std::make_unique<StillFile>(std::move(fd), path);
  }
};

TEST_F(ResidencyTest, AFileSystemWhoseViewsDoNotFollowTheFileIsRefusedOrHeldInMemory) {
  config_.options.dimensions = 128;
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kResident));
  ASSERT_TRUE(InsertMany(20).ok());
  const std::uint64_t pages = PageBytes();
  ASSERT_NO_FATAL_FAILURE(Close());
  config_.file_system = std::make_shared<StillFileSystem>();
  const auto opened = TryOpen(Residency::kMapped);
  EXPECT_EQ(opened.code(), Code::kNotSupported) << opened.status();
  EXPECT_NE(opened.status().message().find("kResident"), std::string_view::npos) << opened.status();
  ASSERT_NO_FATAL_FAILURE(OpenAs(Residency::kAuto, pages));
  EXPECT_EQ(GetStats().residency, Residency::kResident);
  EXPECT_EQ(Told("is held in memory wholly"), 1u);
}

TEST_F(ResidencyTest, ADirectoryIsTriedAndNothingStaysInIt) {
  SimFileSystem simulated;
  ASSERT_TRUE(simulated.CreateDirectory("/store").ok());
  EXPECT_TRUE(CheckMapping(simulated, "/store/mapping.tmp").ok());
  EXPECT_TRUE(simulated.List("/store")->empty());
  // One that a crash left is no trouble.
  ASSERT_TRUE(simulated.Open("/store/mapping.tmp", OpenMode::kCreate).ok());
  EXPECT_TRUE(CheckMapping(simulated, "/store/mapping.tmp").ok());
  const auto real = MakeBestFileSystem();
  EXPECT_TRUE(CheckMapping(*real, dir_.File("mapping.tmp")).ok());
  EXPECT_TRUE(real->List(dir_.File(""))->empty());
}

}  // namespace
}  // namespace engram
