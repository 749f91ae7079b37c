// A disk that is really full: a clean kNoSpace, nothing lost, nothing half done, and the store goes
// on when there is room again.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include <engram/store.h>

#include "tests/crash/full_disk_fixture.h"
#include "tests/support/counts.h"

namespace engram {
namespace {

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
