#include "wal/log_carry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/base/coding.h"
#include "storage/base/posix_file_system.h"
#include "tests/support/temp_dir.h"
#include "tests/wal/log_test_support.h"
#include "wal/log_segments.h"

namespace engram {
namespace {

using ::testing::ElementsAre;

// Commits 1 to 5, of which frames prove 1 and 2 durable.
std::string SaveOldSegment(const std::string& directory) {
  RawSegment old(1, 1);
  old.Add({.lsn = 1, .payload = "one"});
  old.Add({.lsn = 2, .payload = "two"});
  old.SkipToBlock();
  old.Add({.lsn = 3, .durable_through = 2, .payload = "three"});
  old.Add({.lsn = 4, .durable_through = 2, .kind = FrameKind::kPart, .payload = "fo"});
  old.Add({.lsn = 4, .durable_through = 2, .part = 1, .payload = "ur"});
  old.Add({.lsn = 5, .durable_through = 2, .payload = "five"});
  return old.Save(directory);
}

std::uint64_t FirstOfNewest(const std::string& directory) {
  const auto segments = ReadSegments(*MakePosixFileSystem(), directory, kTestStoreId);
  EXPECT_TRUE(segments.ok()) << segments.status();
  return Raw(segments->back().header.first_lsn);
}

TEST(LogCarry, NewSegmentHoldsTheCommitsThatNothingProvesDurable) {
  TempDir dir;
  const std::string old = SaveOldSegment(dir.path());
  {
    const auto log = LogWriter::Create(WriterOptions(dir.path(), 4, 2));
    ASSERT_TRUE(log.ok()) << log.status();
    EXPECT_EQ((*log)->durable(), L(4));
    ASSERT_TRUE(AppendOne(**log, 5, SyncMode::kSync, {"new five"}).ok());
  }
  EXPECT_EQ(FirstOfNewest(dir.path()), 3u);
  // The system had never written the old segment's second block.
  auto bytes = ReadBytes(old);
  bytes.resize(2 * kLogBlockBytes);
  WriteBytes(old, bytes);
  const ReadOutcome read = ReadAll(dir.path());
  ASSERT_TRUE(read.end.ok()) << read.end.status();
  EXPECT_THAT(read.commits,
              ElementsAre(std::pair(1, "one"), std::pair(2, "two"), std::pair(3, "three"),
                          std::pair(4, "fo|ur"), std::pair(5, "new five")));
}

TEST(LogCarry, CarriedCommitsAreDurableAndProvedSo) {
  TempDir dir;
  SaveOldSegment(dir.path());
  ASSERT_TRUE(LogWriter::Create(WriterOptions(dir.path(), 5, 2)).ok());
  // Damage to the last carried commit is no torn tail.
  const std::string path = dir.File(SegmentName(L(3)));
  auto bytes = ReadBytes(path);
  const ReadOutcome whole = ReadAll(dir.path());
  ASSERT_TRUE(whole.end.ok()) << whole.end.status();
  EXPECT_EQ(whole.end->last, L(5));
  for (std::size_t i = bytes.size(); i-- > 0;) {
    if (bytes[i] == std::byte{0}) continue;
    bytes[i] ^= std::byte{1};
    break;
  }
  WriteBytes(path, bytes);
  EXPECT_EQ(ReadAll(dir.path()).end.code(), Code::kCorruptedIndex);
}

TEST(LogCarry, NothingIsCarriedTwice) {
  TempDir dir;
  SaveOldSegment(dir.path());
  ASSERT_TRUE(LogWriter::Create(WriterOptions(dir.path(), 5, 2)).ok());
  EXPECT_EQ(FirstOfNewest(dir.path()), 3u);
  ASSERT_TRUE(LogWriter::Create(WriterOptions(dir.path(), 5, 3)).ok());
  EXPECT_EQ(FirstOfNewest(dir.path()), 6u);
  ASSERT_TRUE(LogWriter::Create(WriterOptions(dir.path(), 5, 4)).ok());
  EXPECT_EQ(FirstOfNewest(dir.path()), 6u);
  EXPECT_EQ(ReadAll(dir.path()).commits.size(), 5u);
}

TEST(LogCarry, WhatIsKnownToBeDurableIsNotCarried) {
  TempDir dir;
  SaveOldSegment(dir.path());
  auto options = WriterOptions(dir.path(), 5, 2);
  options.known_durable = L(5);
  ASSERT_TRUE(LogWriter::Create(options).ok());
  EXPECT_EQ(FirstOfNewest(dir.path()), 6u);
}

TEST(LogCarry, SegmentOfWhichNothingIsProvedIsReplacedByOneThatHoldsItAll) {
  TempDir dir;
  RawSegment old(1, 1);
  old.Add({.lsn = 1, .payload = "one"});
  old.Add({.lsn = 2, .payload = "two"});
  old.Save(dir.path());
  ASSERT_TRUE(LogWriter::Create(WriterOptions(dir.path(), 1, 2)).ok());
  const ReadOutcome read = ReadAll(dir.path());
  ASSERT_TRUE(read.end.ok()) << read.end.status();
  EXPECT_THAT(read.commits, ElementsAre(std::pair(1, "one")));
  EXPECT_EQ(read.end->generation, 2u);
  EXPECT_EQ(read.end->segments, 1u);
}

TEST(LogCarry, CarriedCommitsLargerThanASegmentFit) {
  TempDir dir;
  RawSegment old(1, 1);
  old.Add({.lsn = 1, .payload = std::string(300000, 'x')});
  old.Save(dir.path());
  const auto log = LogWriter::Create(WriterOptions(dir.path(), 1, 2));
  ASSERT_TRUE(log.ok()) << log.status();
  ASSERT_TRUE(AppendOne(**log, 2, SyncMode::kSync).ok());
  EXPECT_THAT(ReadAll(dir.path()).lsns(), ElementsAre(1, 2));
}

TEST(LogCarry, OptionsThatDoNotFitTheSegmentsAreRefused) {
  TempDir dir;
  SaveOldSegment(dir.path());
  EXPECT_EQ(LogWriter::Create(WriterOptions(dir.path(), 5, 1)).code(), Code::kInvalidArgument);
  EXPECT_EQ(LogWriter::Create(WriterOptions(dir.path(), 6, 2)).code(), Code::kCorruptedIndex);
  auto options = WriterOptions(dir.path(), 5, 2);
  options.previous_generation = 0;
  EXPECT_EQ(LogWriter::Create(options).code(), Code::kInvalidArgument);
}

// Whatever happens while the segment is made, the log is as it was, or as it is after.
TEST(LogCarry, EveryFailureLeavesAllCommits) {
  const auto count_operations = [](const std::string& directory, int fail_at, int* operations) {
    int count = 0;
    auto options = WriterOptions(directory, 5, 2);
    options.file_system =
        std::make_shared<HookedFileSystem>([&](const std::string&, const std::string&) {
          return ++count == fail_at ? Status::IoError("injected") : Status();
        });
    const Status status = LogWriter::Create(options).status();
    *operations = count;
    return status;
  };
  int operations = 0;
  {
    TempDir dir;
    SaveOldSegment(dir.path());
    ASSERT_TRUE(count_operations(dir.path(), 0, &operations).ok());
  }
  ASSERT_GT(operations, 10);
  for (int i = 1; i <= operations; ++i) {
    TempDir dir;
    SaveOldSegment(dir.path());
    int ignored = 0;
    EXPECT_EQ(count_operations(dir.path(), i, &ignored).code(), Code::kIoError) << i;
    const ReadOutcome read = ReadAll(dir.path());
    ASSERT_TRUE(read.end.ok()) << i << ": " << read.end.status();
    EXPECT_EQ(read.commits.size(), 5u) << i;
    EXPECT_TRUE(LogWriter::Create(WriterOptions(dir.path(), 5, 9)).ok() ||
                read.end->generation == 2)
        << i;
  }
}

}  // namespace
}  // namespace engram
