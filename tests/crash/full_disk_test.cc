// A disk that is really full: a clean kNoSpace, nothing lost, nothing half done, and the store goes
// on when there is room again.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <engram/store.h>

#include "engine/verify.h"
#include "storage/base/posix_file_system.h"
#include "tests/support/counts.h"
#include "tests/support/small_disk.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;
constexpr std::uint64_t kDiskMegabytes = 40;

// What fills the disk, and who does the store's background work.
struct Load {
  const char* name;
  std::uint32_t dimensions;
  std::size_t text_bytes;
  std::size_t batch;
  std::uint32_t background_threads;
  Durability durability;
};

void PrintTo(const Load& load, std::ostream* out) { *out << load.name; }

class FullDiskTest : public ::testing::TestWithParam<Load> {
 protected:
  void OnDisk(const std::function<void()>& body) {
    if (const std::string why = OnSmallDisk(disk_, kDiskMegabytes, body); !why.empty()) {
      GTEST_SKIP() << "no disk of a known size: " << why;
    }
  }

  Options MakeOptions() const {
    Options options;
    options.dimensions = GetParam().dimensions;
    options.m = 4;
    options.journal_bytes = kMegabyte;
    options.log_segment_bytes = 256 << 10;
    options.metadata_buffer_bytes = kMegabyte;
    options.background_threads = GetParam().background_threads;
    options.durability = GetParam().durability;
    options.search_threads = 1;
    options.checkpoint_on_close = checkpoint_on_close_;
    return options;
  }

  std::vector<float> VectorOf(std::uint64_t number) const {
    std::mt19937_64 random(number);
    std::vector<float> vector(GetParam().dimensions);
    for (float& component : vector) component = static_cast<float>(random() % 20001) - 10000;
    return vector;
  }
  Metadata MetadataOf(std::uint64_t number) const {
    std::mt19937_64 random(number);
    std::string text(GetParam().text_bytes, ' ');  // of a kind that does not compress
    for (char& c : text) c = static_cast<char>(random());
    return {{"number", static_cast<std::int64_t>(number)}, {"text", std::move(text)}};
  }

  void Open() {
    auto opened = Store::Open(path_, MakeOptions());
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_.emplace(std::move(opened).value());
  }

  // One atomic batch.
  Status InsertSome() {
    WriteBatch batch;
    const std::uint64_t first = next_number_;
    for (std::size_t i = 0; i < GetParam().batch; ++i) {
      NewPattern pattern;
      const std::vector<float> vector = VectorOf(next_number_);
      pattern.vector = vector;
      pattern.metadata = MetadataOf(next_number_++);
      batch.Insert(pattern);
    }
    const auto written = store_->Write(batch);
    if (!written.ok()) return written.status();
    for (std::size_t i = 0; i < written->ids.size(); ++i) {
      EXPECT_TRUE(numbers_.emplace(written->ids[i], first + i).second) << "an id given twice";
    }
    return {};
  }

  // Until the disk is full, and some more: each time the same clean answer.
  void InsertUntilFull() {
    constexpr int kMost = 100'000;
    Status status;
    for (int i = 0; i < kMost && status.ok(); ++i) status = InsertSome();
    ASSERT_EQ(status.code(), Code::kNoSpace) << status;
    for (int i = 0; i < 5; ++i) {
      const Status again = InsertSome();
      EXPECT_TRUE(again.ok() || again.code() == Code::kNoSpace) << again;
    }
  }

  // Everything acknowledged and nothing else.
  void CheckAll() const {
    std::size_t found = 0;
    const Status status = store_->ForEach([&](const Pattern& pattern) {
      ++found;
      const auto expected = numbers_.find(pattern.id);
      EXPECT_NE(expected, numbers_.end()) << "pattern " << pattern.id << " was never acknowledged";
      if (expected == numbers_.end()) return false;
      EXPECT_EQ(pattern.vector, VectorOf(expected->second)) << pattern.id;
      EXPECT_EQ(pattern.metadata, MetadataOf(expected->second)) << pattern.id;
      return true;
    });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(found, numbers_.size());
    const auto& [id, number] = *numbers_.rbegin();
    SearchOptions exact;
    exact.exact = true;
    const auto result = store_->Search(VectorOf(number), exact);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->hits.at(0).id, id);
  }

  void CheckVerifies() {
    const auto report = VerifyStore(MakePosixFileSystem(), path_);
    ASSERT_TRUE(report.ok()) << report.status();
    for (const Finding& finding : report->findings)
      ADD_FAILURE() << finding.where << ": " << finding.what;
  }

  void CloseAndVerify() {
    const Status closed = store_->Close();
    EXPECT_TRUE(closed.ok()) << closed;
    store_.reset();
    CheckVerifies();
    Open();
    CheckAll();
  }

  TempDir dir_;
  const std::string disk_ = dir_.path();
  const std::string path_ = dir_.File("store");
  Ballast ballast_{dir_.File("ballast")};
  bool checkpoint_on_close_ = true;
  std::optional<Store> store_;
  std::uint64_t next_number_ = 1;
  std::map<PatternId, std::uint64_t> numbers_;
};

TEST_P(FullDiskTest, WritesEndCleanlyAndGoOnOnceThereIsRoom) {
  OnDisk([this] {
    ASSERT_TRUE(ballast_.Grow(10 * kMegabyte));
    Open();
    InsertUntilFull();
    const std::size_t before = numbers_.size();
    CheckAll();
    CheckAll();  // reading costs nothing
    ballast_.Remove();
    for (int i = 0; i < 3; ++i) {
      const Status status = InsertSome();
      ASSERT_TRUE(status.ok()) << "with 10 MiB free: " << status;
    }
    EXPECT_GT(numbers_.size(), before);
    CheckAll();
    CloseAndVerify();
    PrintCounts({{"disks filled", 1}, {"patterns before there was no room", before}});
  });
}

TEST_P(FullDiskTest, CheckpointOnAFullDiskFailsCleanlyOrWorks) {
  OnDisk([this] {
    ASSERT_TRUE(ballast_.Grow(10 * kMegabyte));
    Open();
    InsertUntilFull();
    ballast_.Fill();
    const Status status = store_->Checkpoint();
    EXPECT_TRUE(status.ok() || status.code() == Code::kNoSpace) << status;
    PrintCounts({{"checkpoints", 1}, {"checkpoints without room", status.ok() ? 0 : 1}});
    CheckAll();
    ballast_.Remove();
    const Status again = store_->Checkpoint();
    EXPECT_TRUE(again.ok()) << again;
    const Status inserted = InsertSome();
    EXPECT_TRUE(inserted.ok()) << inserted;
    CheckAll();
    CloseAndVerify();
  });
}

TEST_P(FullDiskTest, ReopeningOnAFullDiskWorksOrSaysNoSpaceAndLosesNothing) {
  OnDisk([this] {
    ASSERT_TRUE(ballast_.Grow(10 * kMegabyte));
    checkpoint_on_close_ = false;
    Open();
    InsertUntilFull();
    const Status closed = store_->Close();  // gives ids back, which is a commit
    EXPECT_TRUE(closed.ok() || closed.code() == Code::kNoSpace) << closed;
    store_.reset();
    ballast_.Fill();
    std::uint64_t refused = 0;
    for (int i = 0; i < 3; ++i) {  // nor does trying make it worse
      auto opened = Store::Open(path_, MakeOptions());
      refused += opened.ok() ? 0U : 1U;
      EXPECT_TRUE(opened.ok() || opened.code() == Code::kNoSpace) << opened.status();
      if (!opened.ok()) continue;
      store_.emplace(std::move(opened).value());
      CheckAll();
      store_.reset();
    }
    PrintCounts({{"openings", 3}, {"openings without room", refused}});
    CheckVerifies();
    ballast_.Remove();
    Open();
    CheckAll();
    const Status inserted = InsertSome();
    EXPECT_TRUE(inserted.ok()) << inserted;
    checkpoint_on_close_ = true;
    CloseAndVerify();
  });
}

TEST_P(FullDiskTest, ClosingOnAFullDiskLosesNothing) {
  OnDisk([this] {
    ASSERT_TRUE(ballast_.Grow(10 * kMegabyte));
    Open();
    InsertUntilFull();
    ballast_.Fill();
    const Status closed = store_->Close();
    EXPECT_TRUE(closed.ok() || closed.code() == Code::kNoSpace) << closed;
    store_.reset();
    CheckVerifies();
    ballast_.Remove();
    Open();
    CheckAll();
    EXPECT_TRUE(InsertSome().ok());
    CloseAndVerify();
  });
}

// Upkeep gives space back, and needs some before it does.
class FullDiskUpkeepTest : public FullDiskTest {
 protected:
  // Of each `of`, all but one; one batch at a time.
  void EraseMost(std::size_t of) {
    std::vector<PatternId> gone;
    std::size_t i = 0;
    for (const auto& [id, number] : numbers_) {
      if (i++ % of != 0) gone.push_back(id);
    }
    constexpr std::size_t kAtATime = 50;
    for (std::size_t first = 0; first < gone.size(); first += kAtATime) {
      WriteBatch batch;
      const std::size_t end = std::min(first + kAtATime, gone.size());
      for (std::size_t at = first; at < end; ++at) batch.Erase(gone[at]);
      const auto written = store_->Write(batch);
      ASSERT_TRUE(written.ok()) << written.status();
      for (std::size_t at = first; at < end; ++at) numbers_.erase(gone[at]);
    }
  }

  // All of it or nothing, whatever the answer.
  void EraseForever() {
    std::vector<PatternId> ids;
    for (const auto& [id, number] : numbers_) {
      if (ids.size() < 3) ids.push_back(id);
    }
    const auto report = store_->EraseForever(ids);
    Count(report.status());
    std::size_t gone = 0;
    for (const PatternId id : ids) gone += *store_->Contains(id) ? 0U : 1U;
    EXPECT_TRUE(gone == 0 || gone == ids.size()) << gone << " of " << ids.size();
    if (report.ok()) {
      EXPECT_EQ(gone, ids.size());
    }
    if (gone == 0) return;
    for (const PatternId id : ids) numbers_.erase(id);
    for (auto& [name, state] : names_) {
      for (const PatternId id : ids) state.erase(id);
    }
  }

  void Name(const std::string& name) {
    const auto named = store_->CreateNamedSnapshot(name);
    Count(named.status());
    if (named.ok()) {
      for (const auto& [id, number] : numbers_) names_[name].insert(id);
    }
  }

  void Count(const Status& status) {
    EXPECT_TRUE(status.ok() || status.code() == Code::kNoSpace) << status;
    ++calls_;
    refused_ += status.ok() ? 0U : 1U;
  }

  void CheckNames() const {
    EXPECT_EQ(store_->ListNamedSnapshots()->size(), names_.size());
    for (const auto& [name, state] : names_) {
      const auto snapshot = store_->OpenNamedSnapshot(name);
      ASSERT_TRUE(snapshot.ok()) << snapshot.status();
      std::set<PatternId> found;
      GetOptions options;
      options.snapshot = &*snapshot;
      const Status status = store_->ForEach(
          [&](const Pattern& pattern) { return found.insert(pattern.id).second; }, options);
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_EQ(found, state) << name;
    }
  }

  std::map<std::string, std::set<PatternId>> names_;
  std::uint64_t calls_ = 0;
  std::uint64_t refused_ = 0;
};

TEST_P(FullDiskUpkeepTest, UpkeepEndsCleanlyAndWorksOnceThereIsRoom) {
  OnDisk([this] {
    ASSERT_TRUE(ballast_.Grow(12 * kMegabyte));
    Open();
    InsertUntilFull();
    ballast_.Remove();
    EraseMost(4);
    Name("before");
    EraseMost(2);
    // From no room at all to nearly enough. What was given back is not for the next one.
    for (const std::uint64_t room : {0U, 32U << 10, 128U << 10, 512U << 10, 2U << 20}) {
      ballast_.Remove();
      if (room > 0) {
        ASSERT_TRUE(Ballast(disk_ + "/room").Grow(room));
      }
      ballast_.Fill();
      Ballast(disk_ + "/room").Remove();
      Count(store_->RunMaintenance(std::chrono::milliseconds(200)));
      Count(store_->Compact().status());
      Name("with " + std::to_string(room));
      EraseForever();
      CheckAll();
      CheckNames();
    }
    PrintCounts({{"calls on a full disk", calls_}, {"calls without room", refused_}});
    ballast_.Remove();
    const std::uint64_t refused = refused_;
    for (const auto& [name, state] : std::exchange(names_, {})) {
      EXPECT_TRUE(store_->DropNamedSnapshot(name).ok());
    }
    Name("after");
    EraseForever();
    const auto report = store_->Compact();
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(refused_, refused) << "with 12 MiB free";
    EXPECT_TRUE(InsertSome().ok());
    CheckNames();
    CheckAll();
    CloseAndVerify();
    CheckNames();
  });
}

// Background work would change what is full meanwhile; it meets full disks in the other tests.
INSTANTIATE_TEST_SUITE_P(Loads, FullDiskUpkeepTest,
                         ::testing::Values(Load{"Vectors", 512, 10, 20, 0, Durability::kSync},
                                           Load{"Metadata", 8, 20'000, 3, 0, Durability::kSync}),
                         [](const auto& load) { return std::string(load.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Loads, FullDiskTest,
    ::testing::Values(Load{"Vectors", 512, 10, 20, 0, Durability::kSync},
                      Load{"VectorsInBackground", 512, 10, 20, 1, Durability::kInterval},
                      Load{"Metadata", 8, 20'000, 3, 0, Durability::kSync},
                      Load{"MetadataInBackground", 8, 20'000, 3, 1, Durability::kNone}),
    [](const auto& load) { return std::string(load.param.name); });

class FullDiskCreationTest : public FullDiskTest {};

TEST_P(FullDiskCreationTest, CreationWithoutRoomLeavesNothingThatBlocksTheNextOne) {
  OnDisk([this] {
    Options options = MakeOptions();
    std::size_t refused = 0;
    // From no room at all to enough for everything, by steps smaller than any file of the store.
    for (std::uint64_t room = 0; room <= 12 * kMegabyte; room += 128 << 10) {
      std::filesystem::remove_all(path_);
      ballast_.Remove();
      if (room > 0) {
        ASSERT_TRUE(Ballast(disk_ + "/room").Grow(room));
      }
      ballast_.Fill();
      Ballast(disk_ + "/room").Remove();
      {
        const auto opened = Store::Open(path_, options);
        if (!opened.ok()) ++refused;
        EXPECT_TRUE(opened.ok() || opened.code() == Code::kNoSpace)
            << opened.status() << ", with " << room << " bytes free";
      }
      ballast_.Remove();
      Open();
      ASSERT_TRUE(InsertSome().ok()) << "after " << room << " bytes";
      CheckAll();
      EXPECT_TRUE(store_->Close().ok());
      store_.reset();
      numbers_.clear();
    }
    EXPECT_GT(refused, 0U);
    PrintCounts({{"creations without room", refused}});
  });
}

INSTANTIATE_TEST_SUITE_P(Loads, FullDiskCreationTest,
                         ::testing::Values(Load{"Small", 8, 10, 3, 0, Durability::kSync}),
                         [](const auto& load) { return std::string(load.param.name); });

}  // namespace
}  // namespace engram
