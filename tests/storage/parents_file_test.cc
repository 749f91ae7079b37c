#include "storage/parents_file.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "storage/base/coding.h"
#include "tests/support/sim_file_system.h"

namespace engram {
namespace {

using Counts = std::vector<std::uint32_t>;

constexpr const char* kDirectory = "/";
const Counts kCounts = {0, 3, 1, 0xffffffff, 7};
constexpr ParentsName kName = {77, 5, Lsn{1234}, 5};

class ParentsFileTest : public testing::Test {
 protected:
  void Write() { ASSERT_TRUE(WriteParents(files_, kDirectory, kName, kCounts).ok()); }

  SimFileSystem files_;
};

TEST_F(ParentsFileTest, GivesBackWhatWasWrittenToWhoNamesTheSameGraph) {
  EXPECT_EQ(ReadParents(files_, kDirectory, kName).code(), Code::kNotFound);
  Write();
  const auto read = ReadParents(files_, kDirectory, kName);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, kCounts);
  for (const ParentsName& other :
       {ParentsName{77, 4, Lsn{1234}, 5}, ParentsName{77, 5, Lsn{1235}, 5},
        ParentsName{77, 5, Lsn{1234}, 4}, ParentsName{77, 5, Lsn{1234}, 6}}) {
    EXPECT_EQ(ReadParents(files_, kDirectory, other).code(), Code::kNotFound);
  }
  // Its checksum is seeded with the store.
  EXPECT_EQ(ReadParents(files_, kDirectory, {78, 5, Lsn{1234}, 5}).code(), Code::kCorruptedIndex);
}

TEST_F(ParentsFileTest, NoCountsAreCountsToo) {
  const ParentsName empty = {77, 5, Lsn{1}, 0};
  ASSERT_TRUE(WriteParents(files_, kDirectory, empty, {}).ok());
  const auto read = ReadParents(files_, kDirectory, empty);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->empty());
}

TEST_F(ParentsFileTest, EachFlippedBitIsNoticed) {
  Write();
  const auto file = files_.Open("/graph.parents", OpenMode::kReadWrite).value();
  const std::uint64_t bytes = file->Size().value();
  ASSERT_EQ(bytes, sizeof(ParentsHeader) + kCounts.size() * 4);
  for (std::uint64_t bit = 0; bit < bytes * 8; ++bit) {
    std::byte byte{};
    ASSERT_TRUE(ReadExactly(*file, bit / 8, {&byte, 1}).ok());
    const std::byte flipped = byte ^ static_cast<std::byte>(1U << bit % 8);
    ASSERT_TRUE(file->WriteAt(bit / 8, {&flipped, 1}).ok());
    EXPECT_EQ(ReadParents(files_, kDirectory, kName).code(), Code::kCorruptedIndex) << bit;
    ASSERT_TRUE(file->WriteAt(bit / 8, {&byte, 1}).ok());
  }
  EXPECT_TRUE(ReadParents(files_, kDirectory, kName).ok());
}

TEST_F(ParentsFileTest, GoesAwayOnceAndForAll) {
  EXPECT_TRUE(RemoveParents(files_, kDirectory).ok());
  Write();
  EXPECT_TRUE(RemoveParents(files_, kDirectory).ok());
  EXPECT_TRUE(RemoveParents(files_, kDirectory).ok());
  EXPECT_TRUE(files_.List(kDirectory)->empty());
}

TEST_F(ParentsFileTest, APowerLossLeavesAllOfItOrNothing) {
  Write();
  CrashReplayer replayer = files_.Replay();
  std::mt19937_64 random(1);
  for (std::size_t at = 0; at <= files_.OpCount(); ++at) {
    replayer.AdvanceTo(at);
    for (const CrashPolicy policy : kAllCrashPolicies) {
      SimFileSystem after(replayer.PowerLoss(random, policy));
      const auto read = ReadParents(after, kDirectory, kName);
      // Synced to the last: all is there.
      const bool there = read.ok() || at == files_.OpCount();
      ASSERT_EQ(read.code(), there ? Code::kOk : Code::kNotFound) << read.status();
      if (!there) continue;
      EXPECT_EQ(*read, kCounts);
    }
  }
}

}  // namespace
}  // namespace engram
