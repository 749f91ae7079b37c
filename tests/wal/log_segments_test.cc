#include "wal/log_segments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/base/coding.h"
#include "storage/base/posix_file_system.h"
#include "tests/support/temp_dir.h"
#include "tests/wal/log_test_support.h"

namespace engram {
namespace {

using ::testing::HasSubstr;

Result<std::vector<LogSegment>> ReadDirectory(const TempDir& dir) {
  return ReadSegments(*MakePosixFileSystem(), dir.path(), kTestStoreId);
}

TEST(LogSegments, NamesAreTheFirstCommitInSixteenHexDigits) {
  EXPECT_EQ(SegmentName(L(255)), "00000000000000ff.wal");
  EXPECT_EQ(ParseSegmentName("00000000000000ff.wal"), L(255));
  EXPECT_EQ(ParseSegmentName("ffffffffffffffff.wal"), L(0xffffffffffffffff));
  for (const char* name : {"", "ff.wal", "00000000000000FF.wal", "00000000000000ff.tmp",
                           "00000000000000ff.wal2", "x0000000000000ff.wal"}) {
    EXPECT_EQ(ParseSegmentName(name), std::nullopt) << name;
  }
}

TEST(LogSegments, ListsByFirstCommitAndPassesOverOtherFiles) {
  TempDir dir;
  RawSegment(300, 3).Save(dir.path());
  RawSegment(20, 2).Save(dir.path());
  WriteBytes(dir.File("0000000000000001.tmp"), Bytes("half made"));
  WriteBytes(dir.File("notes.wal"), Bytes("somebody's"));
  const auto segments = ReadDirectory(dir);
  ASSERT_TRUE(segments.ok()) << segments.status();
  ASSERT_EQ(segments->size(), 2u);
  EXPECT_EQ((*segments)[0].header.first_lsn, L(20));
  EXPECT_EQ((*segments)[1].header.first_lsn, L(300));
}

TEST(LogSegments, EveryChangedByteOfTheHeaderBlockIsCorruption) {
  TempDir dir;
  RawSegment segment(7);
  const std::string path = segment.Save(dir.path());
  for (std::size_t i = 0; i < kLogBlockBytes; ++i) {
    // All bytes of the struct, and samples of the zeros behind.
    if (i >= sizeof(SegmentHeader) && i % 97 != 0) continue;
    auto bytes = segment.bytes();
    bytes[i] ^= std::byte{0x10};
    WriteBytes(path, bytes);
    const auto read = ReadDirectory(dir);
    ASSERT_EQ(read.code(), Code::kCorruptedIndex) << "byte " << i;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(path));
  }
}

struct HeaderCase {
  const char* field;
  void (*change)(SegmentHeader&);
  Code code;
};

// The checksum is right here: the field itself is wrong.
TEST(LogSegments, EveryWrongHeaderFieldIsNamed) {
  const HeaderCase cases[] = {
      {"magic", [](SegmentHeader& h) { ++h.magic; }, Code::kCorruptedIndex},
      {"log format version 3, this build reads up to 2",
       [](SegmentHeader& h) { h.format_version = 3; }, Code::kNotSupported},
      {"version", [](SegmentHeader& h) { h.format_version = 0; }, Code::kCorruptedIndex},
      {"store id", [](SegmentHeader& h) { ++h.store_id; }, Code::kCorruptedIndex},
      {"previous end", [](SegmentHeader& h) { h.previous_end = L(2); }, Code::kCorruptedIndex},
      {"previous generation", [](SegmentHeader& h) { h.previous_generation = 9; },
       Code::kCorruptedIndex},
      {"reserved", [](SegmentHeader& h) { h.reserved = 1; }, Code::kCorruptedIndex},
  };
  for (const HeaderCase& c : cases) {
    TempDir dir;
    RawSegment segment(7);
    c.change(segment.header());
    segment.Save(dir.path());
    const auto read = ReadDirectory(dir);
    EXPECT_EQ(read.code(), c.code) << c.field;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(c.field));
  }
}

TEST(LogSegments, SegmentUnderAnotherNameIsCorruption) {
  TempDir dir;
  RawSegment segment(7);
  segment.Save(dir.path());
  WriteBytes(dir.File(SegmentName(L(8))), segment.bytes());
  const auto read = ReadDirectory(dir);
  EXPECT_EQ(read.code(), Code::kCorruptedIndex);
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("first commit is 7, expected 8"));
}

TEST(LogSegments, GenerationsMustNotFall) {
  TempDir dir;
  RawSegment(7, 5).Save(dir.path());
  RawSegment(9, 4).Save(dir.path());
  EXPECT_EQ(ReadDirectory(dir).code(), Code::kCorruptedIndex);
}

TEST(LogSegments, SegmentShorterThanItsHeaderIsCorruption) {
  TempDir dir;
  RawSegment segment(7);
  const std::string path = segment.Save(dir.path());
  for (const std::size_t size : {0u, 1u, 55u, 56u, 4095u}) {
    auto bytes = segment.bytes();
    bytes.resize(size);
    WriteBytes(path, bytes);
    EXPECT_EQ(ReadDirectory(dir).code(), Code::kCorruptedIndex) << size;
  }
}

TEST(LogSegments, FailureBeforeTheNameLeavesNoSegment) {
  for (const char* failing : {"open", "allocate", "write", "sync", "rename"}) {
    TempDir dir;
    HookedFileSystem files([&](const std::string& operation, const std::string&) {
      return operation == failing ? Status::NoSpace("full") : Status();
    });
    RawSegment raw(7);
    const auto made =
        CreateSegment(files, dir.path(), raw.header(), 8192, [](File&) { return Status(); });
    // A failed sync is never "nothing has changed, try again".
    const bool is_sync = std::string(failing) == "sync";
    EXPECT_EQ(made.code(), is_sync ? Code::kIoError : Code::kNoSpace) << failing;
    EXPECT_TRUE(MakePosixFileSystem()->List(dir.path())->empty()) << failing;
  }
}

TEST(LogSegments, LeftoversOfCrashesAreRemoved) {
  TempDir dir;
  const auto files = MakePosixFileSystem();
  WriteBytes(dir.File("0000000000000001.tmp"), Bytes("half made"));
  WriteBytes(dir.File("keep.tmp"), Bytes("somebody's"));
  ASSERT_TRUE(RemoveTemporaryFiles(*files, dir.path()).ok());
  EXPECT_THAT(files->List(dir.path()).value(), ::testing::ElementsAre("keep.tmp"));
}

}  // namespace
}  // namespace engram
