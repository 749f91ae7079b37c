// Rows on a disk that is really full. In a program of its own: the small disk is a forked
// process's, and RocksDB's threads do not survive a fork.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "storage/base/posix_file_system.h"
#include "storage/meta_store.h"
#include "tests/support/small_disk.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

constexpr std::uint64_t kPageBytes = 4096;
// Some more than a flush of every family needs.
constexpr std::uint64_t kMostPages = 30;

class MetaFullDiskTest : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  std::unique_ptr<MetaStore> Open() {
    MetaStoreOptions options;
    options.file_system = MakePosixFileSystem();
    options.directory = dir_.File("meta");
    options.buffer_bytes = 1 << 20;
    options.manifest_bytes = GetParam();
    auto store = MetaStore::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? std::move(*store) : nullptr;
  }
  void ApplyRow(MetaStore& store) {
    ++lsn_;
    RowBatch batch;
    batch.inserts = {{.id = lsn_, .version = static_cast<Lsn>(lsn_), .type = 3}};
    const Status status = store.Apply(batch, static_cast<Lsn>(lsn_), FamilySet().set());
    ASSERT_TRUE(status.ok()) << status;
  }
  // Leaves `pages` pages of the disk.
  void Fill(std::uint64_t pages) {
    Ballast hole(dir_.File("hole"));
    if (pages > 0) {
      ASSERT_TRUE(hole.Grow(pages * kPageBytes));
    }
    ballast_.Fill();
    hole.Remove();
  }

  TempDir dir_;
  Ballast ballast_{dir_.File("ballast")};
  std::uint64_t lsn_ = 0;
};

// With each number of free pages, from none to enough, while the MANIFEST comes to ends of pages
// and, where it may not be large, begins anew.
TEST_P(MetaFullDiskTest, NoNumberOfFreePagesFailsForGood) {
  constexpr int kRounds = 12;
  const std::string why = OnSmallDisk(dir_.path(), 8, [this] {
    auto store = Open();
    std::uint64_t refused = 0;
    for (int round = 0; round < kRounds; ++round) {
      for (std::uint64_t pages = 0; pages <= kMostPages; ++pages) {
        ApplyRow(*store);
        Fill(pages);
        const Status flushed = store->Flush();
        ballast_.Remove();
        ASSERT_TRUE(flushed.ok() || flushed.code() == Code::kNoSpace)
            << flushed << ", with " << pages << " pages in round " << round;
        if (!flushed.ok()) ++refused;
        const Status resumed = store->Resume();
        ASSERT_TRUE(resumed.ok()) << resumed;
      }
    }
    EXPECT_GT(refused, 12u);
    ASSERT_TRUE(store->Flush().ok());
    const FamilyLsns applied = store->applied();
    store.reset();
    EXPECT_EQ(Open()->applied(), applied);
  });
  if (!why.empty()) GTEST_SKIP() << "no disk of a known size: " << why;
}

// It is found out before RocksDB is closed whether it can be opened again.
TEST_P(MetaFullDiskTest, NoNumberOfFreePagesLosesTheStoreInARewrite) {
  constexpr std::uint64_t kMostFree = 200;  // pages, some more than a rewrite needs
  const std::string why = OnSmallDisk(dir_.path(), 8, [this] {
    auto store = Open();
    std::uint64_t refused = 0;
    std::uint64_t rewritten = 0;
    for (std::uint64_t pages = 0; pages <= kMostFree; ++pages) {
      ApplyRow(*store);
      Fill(pages);
      const Status status = store->Rewrite();
      ballast_.Remove();
      ASSERT_TRUE(status.ok() || status.code() == Code::kNoSpace)
          << status << ", with " << pages << " pages";
      ++(status.ok() ? rewritten : refused);
      const Status resumed = store->Resume();
      ASSERT_TRUE(resumed.ok()) << resumed << ", with " << pages << " pages";
      ASSERT_TRUE(store->FindVersion(lsn_, static_cast<Lsn>(lsn_))->has_value());
    }
    EXPECT_GT(refused, 20u);
    EXPECT_GT(rewritten, 20u);
    ASSERT_TRUE(store->Rewrite().ok());
    const FamilyLsns applied = store->applied();
    store.reset();
    EXPECT_EQ(Open()->applied(), applied);
  });
  if (!why.empty()) GTEST_SKIP() << "no disk of a known size: " << why;
}

INSTANTIATE_TEST_SUITE_P(ManifestBytes, MetaFullDiskTest, ::testing::Values(4 << 20, 16 << 10),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace engram
