#include "wal/log_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>

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
using ::testing::IsEmpty;

std::string Message(const ReadOutcome& outcome) {
  return std::string(outcome.end.status().message());
}

TEST(LogReader, NoSegmentIsAnEmptyLogUnlessSomethingWasDurable) {
  TempDir dir;
  const ReadOutcome empty = ReadAll(dir.path(), 5, 5);
  ASSERT_TRUE(empty.end.ok());
  EXPECT_EQ(empty.end->last, Lsn::kNone);
  EXPECT_EQ(empty.end->segments, 0u);
  EXPECT_EQ(ReadAll(dir.path(), 5, 6).end.code(), Code::kCorruptedIndex);
}

TEST(LogReader, SegmentWithoutCommitsEndsBeforeItsFirst) {
  TempDir dir;
  RawSegment segment(8, 3);
  segment.Extend(16384);
  segment.Save(dir.path());
  const ReadOutcome read = ReadAll(dir.path(), 7);
  ASSERT_TRUE(read.end.ok()) << read.end.status();
  EXPECT_EQ(read.end->last, L(7));
  EXPECT_EQ(read.end->generation, 3u);
  EXPECT_EQ(read.end->dropped_bytes, 0u);
}

TEST(LogReader, VisitsOnlyCommitsBehindTheGivenOneInOrder) {
  TempDir dir;
  RawSegment segment(1);
  segment.Add({.lsn = 1, .payload = "one"});
  segment.SkipToBlock();
  segment.Add(
      {.lsn = 2, .durable_through = 1, .part = 0, .kind = FrameKind::kPart, .payload = "two"});
  segment.Add(
      {.lsn = 2, .durable_through = 1, .part = 1, .kind = FrameKind::kPart, .payload = "and"});
  segment.Add({.lsn = 2, .durable_through = 1, .part = 2, .payload = ""});
  segment.Add({.lsn = 3, .durable_through = 1, .payload = "three"});
  segment.Save(dir.path());
  EXPECT_THAT(ReadAll(dir.path()).commits,
              ElementsAre(std::pair(1, "one"), std::pair(2, "two|and|"), std::pair(3, "three")));
  EXPECT_THAT(ReadAll(dir.path(), 2).commits, ElementsAre(std::pair(3, "three")));
}

TEST(LogReader, ErrorOfTheVisitorEndsTheReading) {
  TempDir dir;
  RawSegment segment(1);
  segment.Add({.lsn = 1});
  segment.Add({.lsn = 2});
  segment.Save(dir.path());
  LogReaderOptions options{MakePosixFileSystem(), dir.path(), kTestStoreId, Lsn::kNone};
  int calls = 0;
  const auto end = ReadLog(options, Lsn::kNone, [&](Lsn, auto) {
    ++calls;
    return Status::Cancelled("enough");
  });
  EXPECT_EQ(end.code(), Code::kCancelled);
  EXPECT_EQ(calls, 1);
}

TEST(LogReader, LogThatBeginsBehindWhatIsNeededIsCorruption) {
  TempDir dir;
  RawSegment(8).Save(dir.path());
  EXPECT_TRUE(ReadAll(dir.path(), 7).end.ok());
  const ReadOutcome read = ReadAll(dir.path(), 6);
  EXPECT_EQ(read.end.code(), Code::kCorruptedIndex);
  EXPECT_THAT(Message(read), HasSubstr("begins behind commit 7"));
}

TEST(LogReader, TornTailEndsTheLogWithoutError) {
  TempDir dir;
  RawSegment segment(1);
  segment.Add({.lsn = 1});
  const std::uint64_t torn = segment.Add({.lsn = 2, .payload = "torn in the middle"});
  segment.bytes()[torn + 45] = std::byte{0};
  segment.Save(dir.path());
  const ReadOutcome read = ReadAll(dir.path());
  ASSERT_TRUE(read.end.ok()) << read.end.status();
  EXPECT_EQ(read.end->last, L(1));
  EXPECT_GT(read.end->dropped_bytes, 10u);
}

TEST(LogReader, TornTailIsCorruptionWhereSomebodyKnowsItWasDurable) {
  TempDir dir;
  RawSegment segment(1);
  segment.Add({.lsn = 1});
  const std::string path = segment.Save(dir.path());
  EXPECT_TRUE(ReadAll(dir.path(), 0, 1).end.ok());
  const ReadOutcome read = ReadAll(dir.path(), 0, 2);
  EXPECT_EQ(read.end.code(), Code::kCorruptedIndex);
  EXPECT_THAT(Message(read), HasSubstr(path));
  EXPECT_THAT(Message(read), HasSubstr("offset 4144: expected commit 2"));
}

TEST(LogReader, HoleWithoutProofEndsTheLog) {
  TempDir dir;
  RawSegment segment(1);
  segment.Add({.lsn = 1});
  const std::uint64_t hole = segment.Add({.lsn = 2, .durable_through = 1});
  segment.Add({.lsn = 3, .durable_through = 1});
  segment.SkipToBlock();
  segment.Add({.lsn = 4, .durable_through = 1});
  segment.bytes()[hole] ^= std::byte{1};
  segment.Save(dir.path());
  const ReadOutcome read = ReadAll(dir.path());
  ASSERT_TRUE(read.end.ok()) << read.end.status();
  EXPECT_THAT(read.lsns(), ElementsAre(1));
}

TEST(LogReader, HoleWithAProofBehindItIsCorruption) {
  TempDir dir;
  RawSegment segment(1);
  segment.Add({.lsn = 1});
  const std::uint64_t hole = segment.Add({.lsn = 2, .durable_through = 1});
  segment.SkipToBlock();
  segment.Add({.lsn = 3, .durable_through = 1});
  segment.SkipToBlock();
  const std::uint64_t proof = segment.Add({.lsn = 4, .durable_through = 2});
  segment.bytes()[hole] ^= std::byte{1};
  const std::string path = segment.Save(dir.path());
  const ReadOutcome read = ReadAll(dir.path());
  EXPECT_EQ(read.end.code(), Code::kCorruptedIndex);
  EXPECT_THAT(Message(read), HasSubstr(path + ": offset " + std::to_string(hole)));
  EXPECT_THAT(Message(read), HasSubstr("expected commit 2"));
  EXPECT_THAT(Message(read), HasSubstr("commit 4 at offset " + std::to_string(proof)));
}

TEST(LogReader, ProofIsFoundWhereverItLies) {
  // Behind more garbage than the reader holds at a time, and not on a block.
  TempDir dir;
  RawSegment segment(1);
  segment.Add({.lsn = 1});
  segment.Extend(6u << 20);
  for (std::size_t i = 4096 + 48; i < segment.bytes().size(); ++i) {
    segment.bytes()[i] = static_cast<std::byte>(i * 131 >> 3);
  }
  segment.Add({.lsn = 9, .durable_through = 8, .payload = std::string(5u << 20, 'p')});
  segment.Save(dir.path());
  EXPECT_EQ(ReadAll(dir.path()).end.code(), Code::kCorruptedIndex);
}

TEST(LogReader, FramesOfAnotherGenerationAreNoFramesAndNoProof) {
  TempDir dir;
  RawSegment segment(1, 5);
  segment.Add({.lsn = 1});
  segment.Add({.lsn = 2, .durable_through = 1, .generation = 4});
  segment.SkipToBlock();
  segment.Add({.lsn = 9, .durable_through = 8, .generation = 4});
  segment.Save(dir.path());
  const ReadOutcome read = ReadAll(dir.path());
  ASSERT_TRUE(read.end.ok()) << read.end.status();
  EXPECT_THAT(read.lsns(), ElementsAre(1));
}

TEST(LogReader, HeaderThatSaysMoreWasDurableIsAProof) {
  TempDir dir;
  RawSegment segment(1);
  segment.header().previous_end = L(2);
  segment.Add({.lsn = 1});
  segment.Save(dir.path());
  EXPECT_EQ(ReadAll(dir.path()).end.code(), Code::kCorruptedIndex);
}

TEST(LogReader, CommitCountsOnlyWithItsLastFrame) {
  TempDir dir;
  RawSegment segment(1);
  segment.Add({.lsn = 1});
  segment.Add({.lsn = 2, .part = 0, .kind = FrameKind::kPart});
  segment.Add({.lsn = 2, .part = 1, .kind = FrameKind::kPart});
  segment.Save(dir.path());
  EXPECT_THAT(ReadAll(dir.path()).lsns(), ElementsAre(1));
  SetMutant(Mutant::kCommitWithoutLastFrame);
  EXPECT_THAT(ReadAll(dir.path()).lsns(), ElementsAre(1, 2));
  SetMutant(Mutant::kNone);
}

TEST(LogReader, PartsMustBeInOrderAndOfOneCommit) {
  const std::vector<std::vector<RawSegment::FrameFields>> broken = {
      {{.lsn = 2, .part = 1}},
      {{.lsn = 2, .part = 0, .kind = FrameKind::kPart}, {.lsn = 2, .part = 2}},
      {{.lsn = 2, .part = 0, .kind = FrameKind::kPart}, {.lsn = 3, .part = 1}},
      {{.lsn = 2, .part = 0, .kind = FrameKind::kPart}, {.lsn = 3, .part = 0}},
      {{.lsn = 3}},
      {{.lsn = 1}},
  };
  for (std::size_t i = 0; i < broken.size(); ++i) {
    TempDir dir;
    RawSegment segment(1);
    segment.Add({.lsn = 1});
    for (const auto& frame : broken[i]) segment.Add(frame);
    segment.Save(dir.path());
    const ReadOutcome read = ReadAll(dir.path());
    ASSERT_TRUE(read.end.ok()) << i << " " << read.end.status();
    EXPECT_THAT(read.lsns(), ElementsAre(1)) << i;
  }
}

TEST(LogReader, FrameContinuesAtOnceOrOnTheNextBlockOnly) {
  for (const std::size_t gap : {8u, 4096u}) {
    TempDir dir;
    RawSegment segment(1);
    segment.Add({.lsn = 1});
    if (gap == 4096) segment.SkipToBlock();
    segment.Extend(segment.bytes().size() + gap);
    segment.Add({.lsn = 2});
    segment.Save(dir.path());
    EXPECT_THAT(ReadAll(dir.path()).lsns(), ElementsAre(1)) << gap;
  }
}

TEST(LogReader, EveryChangedByteOfAFrameEndsTheLogBeforeIt) {
  TempDir dir;
  RawSegment segment(1);
  segment.Add({.lsn = 1});
  const std::uint64_t offset = segment.Add({.lsn = 2, .payload = "sixteen bytes!!!"});
  segment.Add({.lsn = 3});
  const std::string path = segment.Save(dir.path());
  for (std::size_t i = 0; i < sizeof(FrameHeader) + 16; ++i) {
    for (const unsigned bit : {0u, 3u, 7u}) {
      auto bytes = segment.bytes();
      bytes[offset + i] ^= std::byte{1} << bit;
      WriteBytes(path, bytes);
      const ReadOutcome read = ReadAll(dir.path());
      ASSERT_TRUE(read.end.ok()) << "byte " << i << ": " << read.end.status();
      ASSERT_THAT(read.lsns(), ElementsAre(1)) << "byte " << i;
    }
  }
}

TEST(LogReader, ImpossibleFrameLengthsAreRefused) {
  for (const std::uint32_t length : {0u, 39u, kMaxFrameBytes + 1, 0x80000000u, 0xffffffffu}) {
    TempDir dir;
    RawSegment segment(1);
    const std::uint64_t offset = segment.Add({.lsn = 1});
    StoreAs(segment.bytes().data() + offset + offsetof(FrameHeader, frame_bytes), length);
    segment.Save(dir.path());
    const ReadOutcome read = ReadAll(dir.path());
    ASSERT_TRUE(read.end.ok()) << read.end.status();
    EXPECT_THAT(read.lsns(), IsEmpty());
  }
}

TEST(LogReader, VoidCommitsOfAnOlderGenerationAreNeverReadAgain) {
  TempDir dir;
  RawSegment old(1, 1);
  for (std::uint64_t lsn = 1; lsn <= 5; ++lsn) old.Add({.lsn = lsn, .payload = "old"});
  old.Save(dir.path());
  RawSegment young(4, 2);
  young.Add({.lsn = 4, .durable_through = 3, .payload = "new"});
  young.Save(dir.path());
  EXPECT_THAT(ReadAll(dir.path(), 2).commits,
              ElementsAre(std::pair(3, "old"), std::pair(4, "new")));
  SetMutant(Mutant::kOldGenerationRead);
  EXPECT_THAT(ReadAll(dir.path(), 2).commits,
              ElementsAre(std::pair(3, "old"), std::pair(4, "old"), std::pair(5, "old")));
  SetMutant(Mutant::kNone);
}

TEST(LogReader, OlderSegmentMustReachTheNext) {
  TempDir dir;
  RawSegment old(1, 1);
  old.Add({.lsn = 1});
  const std::string path = old.Save(dir.path());
  RawSegment young(3, 1);
  young.header().previous_generation = 1;
  young.Add({.lsn = 3, .durable_through = 2});
  young.Save(dir.path());
  const ReadOutcome read = ReadAll(dir.path());
  EXPECT_EQ(read.end.code(), Code::kCorruptedIndex);
  EXPECT_THAT(Message(read), HasSubstr(path));
  EXPECT_THAT(Message(read), HasSubstr("expected commit 2"));
  // Where nobody needs the old ones any more, they are not read.
  EXPECT_THAT(ReadAll(dir.path(), 2).lsns(), ElementsAre(3));
}

TEST(LogReader, TornTailAsCorruptionIsAMutant) {
  TempDir dir;
  RawSegment segment(1);
  segment.Add({.lsn = 1, .kind = FrameKind::kPart});
  segment.Save(dir.path());
  EXPECT_TRUE(ReadAll(dir.path()).end.ok());
  SetMutant(Mutant::kTornTailAsCorruption);
  EXPECT_EQ(ReadAll(dir.path()).end.code(), Code::kCorruptedIndex);
  SetMutant(Mutant::kNone);
}

TEST(LogReader, FramesLargerThanTheWindowAreRead) {
  TempDir dir;
  const std::string large(9u << 20, 'x');
  RawSegment segment(1);
  segment.Add({.lsn = 1, .payload = "small"});
  segment.Add({.lsn = 2, .payload = large});
  segment.Add({.lsn = 3, .part = 0, .kind = FrameKind::kPart, .payload = large});
  segment.Add({.lsn = 3, .part = 1, .payload = large});
  segment.Add({.lsn = 4, .payload = "small"});
  segment.Save(dir.path());
  const ReadOutcome read = ReadAll(dir.path());
  ASSERT_TRUE(read.end.ok()) << read.end.status();
  ASSERT_THAT(read.lsns(), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(read.commits[1].second, large);
  EXPECT_EQ(read.commits[2].second, large + "|" + large);
}

// Ten commits, some of several frames, synced at different times: whatever is cut off, what is left
// is a prefix of whole commits, not shorter than the frames left say.
TEST(LogReader, LogCutAtEveryByteEndsAtAWholeCommit) {
  TempDir dir;
  std::map<std::uint64_t, std::uint64_t> ends{{0, 0}};  // byte behind a commit -> its LSN
  {
    const auto log = LogWriter::Create(WriterOptions(dir.path()));
    ASSERT_TRUE(log.ok()) << log.status();
    std::uint64_t end = kLogBlockBytes;
    for (std::uint64_t lsn = 1; lsn <= 10; ++lsn) {
      const std::vector<std::string> payloads(1 + lsn % 3, std::string(lsn * 11, 'p'));
      ASSERT_TRUE(
          AppendOne(**log, lsn, lsn % 4 == 0 ? SyncMode::kSync : SyncMode::kNoSync, payloads).ok());
      end += payloads.size() * AlignUp(sizeof(FrameHeader) + lsn * 11, 8);
      ends[end] = lsn;
      if (lsn % 4 == 0) end = AlignUp(end, kLogBlockBytes);
    }
  }
  const std::string path = dir.File(SegmentName(L(1)));
  const std::uint64_t size = ends.rbegin()->first;
  // From the end down, so that each cut is one small change of the file: first a byte becomes zero,
  // then, in a second round, it is gone.
  const auto bytes = ReadBytes(path);
  const auto files = MakePosixFileSystem();
  const auto file = files->Open(path, OpenMode::kReadWrite);
  ASSERT_TRUE(file.ok());
  for (const bool zeros : {true, false}) {
    WriteBytes(path, bytes);
    for (std::uint64_t cut = size; cut-- > kLogBlockBytes;) {
      const Status changed =
          zeros ? (*file)->WriteAt(cut, std::array{std::byte{0}}) : (*file)->Truncate(cut);
      ASSERT_TRUE(changed.ok());
      const ReadOutcome read = ReadAll(dir.path());
      ASSERT_TRUE(read.end.ok()) << "cut at " << cut << ": " << read.end.status();
      // The last bytes of a frame may be zeros, and its padding is: without them it is still whole.
      const std::uint64_t least = std::prev(ends.upper_bound(cut))->second;
      const std::uint64_t most = std::prev(ends.upper_bound(cut + 8))->second;
      ASSERT_GE(Raw(read.end->last), least) << cut;
      ASSERT_LE(Raw(read.end->last), most) << cut;
      ASSERT_EQ(read.commits.size(), Raw(read.end->last));
    }
  }
}

TEST(LogReader, ForEachFrameNamesEveryValidFrameInOrder) {
  TempDir dir;
  RawSegment old(1, 1);
  const std::uint64_t first = old.Add({.lsn = 1});
  const std::uint64_t broken = old.Add({.lsn = 2});
  const std::uint64_t third = old.Add({.lsn = 3});
  old.bytes()[broken] ^= std::byte{1};
  const std::string old_path = old.Save(dir.path());
  RawSegment young(2, 2);
  const std::uint64_t second = young.Add({.lsn = 2, .durable_through = 1});
  const std::string young_path = young.Save(dir.path());
  std::vector<std::tuple<std::string, std::uint64_t, std::uint64_t>> seen;
  LogReaderOptions options{MakePosixFileSystem(), dir.path(), kTestStoreId, Lsn::kNone};
  ASSERT_TRUE(ForEachFrame(options, [&](const FrameInfo& info) {
                seen.emplace_back(info.segment, info.offset, Raw(info.header.lsn));
              }).ok());
  EXPECT_THAT(seen, ElementsAre(std::tuple(old_path, first, 1), std::tuple(old_path, third, 3),
                                std::tuple(young_path, second, 2)));
}

}  // namespace
}  // namespace engram
