#include "storage/journal.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/base/checksum.h"
#include "storage/base/coding.h"
#include "storage/base/posix_file_system.h"
#include "tests/storage/page_file_fixture.h"
#include "tests/storage/recording_file_system.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kJournalBytes = 1u << 22;
constexpr std::size_t kImage = sizeof(JournalImageHeader);

class JournalTest : public testing::Test {
 protected:
  JournalTest() : fs_(MakePosixFileSystem()), path_(dir_.File("graph.journal")) {
    EXPECT_TRUE(Journal::Create(*fs_, path_, kJournalBytes).ok());
    journal_ = Open();
  }

  std::unique_ptr<Journal> Open() {
    auto journal = Journal::Open(*fs_, path_, OpenMode::kReadWrite, kTestStoreId, kJournalBytes);
    EXPECT_TRUE(journal.ok()) << journal.status();
    return std::move(journal).value();
  }

  // `count` images: nodes pages of 8192 bytes and, every third, node slots pages of 4096.
  std::vector<PageImage> Images(std::uint32_t count, std::uint32_t salt) {
    std::vector<PageImage> images;
    for (std::uint32_t i = 0; i < count; ++i) {
      const bool slots = i % 3 == 2;
      const PageRef ref{slots ? SegmentKind::kNodeSlots : SegmentKind::kNodes,
                        static_cast<PageId>(i)};
      pages_.push_back(MakePage(ref, slots ? 4096 : 8192, salt));
      images.push_back({ref, pages_.back()});
    }
    return images;
  }

  Journal::Round Read() {
    auto round = Open()->Read();
    EXPECT_TRUE(round.ok()) << round.status();
    return std::move(round).value();
  }

  std::vector<std::byte> Bytes(std::uint64_t offset, std::size_t count) {
    std::vector<std::byte> bytes(count);
    EXPECT_TRUE(ReadExactly(*RawFile(), offset, bytes).ok());
    return bytes;
  }
  void Put(std::uint64_t offset, std::span<const std::byte> bytes) {
    ASSERT_TRUE(RawFile()->WriteAt(offset, bytes).ok());
  }
  std::unique_ptr<File> RawFile() {
    return std::move(fs_->Open(path_, OpenMode::kReadWrite)).value();
  }

  TempDir dir_;
  std::shared_ptr<FileSystem> fs_;
  std::string path_;
  std::unique_ptr<Journal> journal_;
  std::vector<std::vector<std::byte>> pages_;  // borrowed by Images()
};

void ExpectSame(const std::vector<PageImage>& found, std::span<const PageImage> expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].ref, expected[i].ref) << i;
    EXPECT_TRUE(std::ranges::equal(found[i].bytes, expected[i].bytes)) << i;
  }
}

TEST_F(JournalTest, NewOneHoldsNothing) {
  const Journal::Round round = Read();
  EXPECT_EQ(round.name.checkpoint, 0u);
  EXPECT_THAT(round.images, IsEmpty());
  EXPECT_THAT(round.problems, IsEmpty());
}

TEST_F(JournalTest, RoundComesBackAsWritten) {
  const auto images = Images(400, 1);  // more than one piece
  ASSERT_EQ(journal_->FitRound(images), images.size());
  ASSERT_TRUE(journal_->WriteRound({4, 7, 3}, images).ok());
  const Journal::Round round = Read();
  EXPECT_EQ(round.name.checkpoint, 7u);
  EXPECT_EQ(round.name.round, 3u);
  EXPECT_THAT(round.problems, IsEmpty());
  ExpectSame(round.images, images);
  EXPECT_EQ(journal_->bytes_written() % kBlockBytes, 0u);
}

TEST_F(JournalTest, RoundThatFillsTheFileFits) {
  const auto images = Images(1000, 1);
  const std::size_t fit = journal_->FitRound(images);
  ASSERT_LT(fit, images.size());
  ASSERT_TRUE(journal_->WriteRound({4, 7, 0}, std::span(images).first(fit)).ok());
  EXPECT_LE(journal_->bytes_written(), kJournalBytes);
  EXPECT_GT(journal_->bytes_written() + kImage + 8192 + kBlockBytes, kJournalBytes);
  EXPECT_EQ(RawFile()->Size().value(), kJournalBytes);
  ExpectSame(Read().images, std::span(images).first(fit));
}

TEST_F(JournalTest, ImagesOfAnEarlierRoundBehindAShorterOneDoNotCount) {
  ASSERT_TRUE(journal_->WriteRound({4, 7, 0}, Images(20, 1)).ok());
  const auto images = Images(2, 2);
  ASSERT_TRUE(journal_->WriteRound({4, 7, 1}, images).ok());
  ExpectSame(Read().images, images);
}

TEST_F(JournalTest, RoundCutOffWhileWrittenGivesNoImageOfTheRoundBefore) {
  ASSERT_TRUE(journal_->WriteRound({4, 7, 0}, Images(9, 1)).ok());
  const std::size_t bytes = journal_->bytes_written();
  const std::vector<std::byte> old = Bytes(0, bytes);
  const auto images = Images(9, 2);
  ASSERT_TRUE(journal_->WriteRound({4, 7, 1}, images).ok());
  const std::vector<std::byte> whole = Bytes(0, bytes);
  for (std::size_t cut = 0; cut < bytes;
       cut += 512) {  // sectors in order up to `cut`, then old ones
    Put(0, whole);
    Put(cut, std::span(old).subspan(cut));
    const Journal::Round round = Read();
    if (cut == 0) {
      EXPECT_EQ(round.name.round, 0u);
      continue;
    }
    EXPECT_EQ(round.name.round, 1u);
    std::size_t complete = 0;
    std::size_t end = kBlockBytes;
    while (complete < 9 && (end += kImage + images[complete].bytes.size()) <= cut) ++complete;
    // The sector that is cut may hold zeros of padding only.
    EXPECT_GE(round.images.size(), complete) << cut;
    for (const PageImage& image : round.images) {
      const auto i = static_cast<std::size_t>(Raw(image.ref.page));
      EXPECT_TRUE(std::ranges::equal(image.bytes, images[i].bytes)) << cut;
    }
    EXPECT_EQ(round.images.size() == 9, round.problems.empty()) << cut;
  }
}

TEST_F(JournalTest, DamagedImageTakesOnlyItselfAway) {
  const auto images = Images(3, 1);
  ASSERT_TRUE(journal_->WriteRound({4, 7, 0}, images).ok());
  const std::uint64_t second = kBlockBytes + kImage + 8192;
  const std::byte flipped[] = {Bytes(second + kImage + 100, 1)[0] ^ std::byte{1}};
  Put(second + kImage + 100, flipped);
  const Journal::Round round = Read();
  ExpectSame(round.images, std::vector<PageImage>{images[0], images[2]});
  EXPECT_THAT(round.problems, ElementsAre(HasSubstr("image 1: checksum")));
}

TEST_F(JournalTest, EveryFlippedByteOfTheHeaderLeavesAnEmptyRound) {
  ASSERT_TRUE(journal_->WriteRound({4, 7, 0}, Images(3, 1)).ok());
  const auto header = Bytes(0, sizeof(JournalHeader));
  for (std::size_t at = 0; at < header.size(); ++at) {
    const std::byte flipped[] = {header[at] ^ std::byte{0x20}};
    Put(at, flipped);
    const Journal::Round round = Read();
    EXPECT_EQ(round.name.checkpoint, 0u) << at;
    EXPECT_THAT(round.images, IsEmpty()) << at;
    EXPECT_EQ(round.problems.size(), 1u) << at;
    Put(0, header);
  }
}

TEST_F(JournalTest, EachHeaderFieldIsCheckedThoughTheChecksumIsRight) {
  constexpr BadField kBad[] = {
      {"magic", offsetof(JournalHeader, magic), 8, 1, "header: magic 0x1"},
      {"store_id", offsetof(JournalHeader, store_id), 8, 2, "header: store id 0x2"},
      {"checkpoint", offsetof(JournalHeader, checkpoint), 8, 0, "header: checkpoint 0"},
      {"images", offsetof(JournalHeader, images), 4, 0, "header: images 0, expected 1 to 4"},
      {"images", offsetof(JournalHeader, images), 4, 5, "header: images 5"},
      {"image_bytes", offsetof(JournalHeader, image_bytes), 8, ~0ull, "header: image bytes"},
      {"image_bytes", offsetof(JournalHeader, image_bytes), 8, kJournalBytes - 4095, "image bytes"},
  };
  ASSERT_TRUE(journal_->WriteRound({4, 7, 0}, Images(3, 1)).ok());
  const auto header = Bytes(0, sizeof(JournalHeader));
  for (const BadField& field : kBad) {
    auto bad = header;
    std::memcpy(bad.data() + field.offset, &field.value, field.bytes);
    StoreAs(bad.data(), Checksum64(std::span(bad).subspan(8)));
    Put(0, bad);
    const Journal::Round round = Read();
    EXPECT_EQ(round.name.checkpoint, 0u) << field.name;
    EXPECT_THAT(round.problems, ElementsAre(HasSubstr(field.says))) << field.name;
  }
}

TEST_F(JournalTest, EachImageHeaderFieldIsCheckedThoughTheChecksumIsRight) {
  constexpr BadField kBad[] = {
      {"store_id", offsetof(JournalImageHeader, store_id), 8, 2, "image 0: store id 0x2"},
      {"checkpoint", offsetof(JournalImageHeader, checkpoint), 8, 6, "checkpoint 6, expected 7"},
      {"round", offsetof(JournalImageHeader, round), 4, 1, "image 0: round 1, expected 0"},
      {"page_bytes", offsetof(JournalImageHeader, page_bytes), 4, 0, "image 0: page bytes 0"},
      {"page_bytes", offsetof(JournalImageHeader, page_bytes), 4, 8193, "page bytes 8193"},
      {"page_bytes", offsetof(JournalImageHeader, page_bytes), 4, 1u << 20, "page bytes 1048576"},
      {"page_bytes", offsetof(JournalImageHeader, page_bytes), 4, ~4095u, "page bytes 4294963200"},
      {"segment", offsetof(JournalImageHeader, segment), 1, 0, "image 0: segment 0"},
      {"segment", offsetof(JournalImageHeader, segment), 1, 5, "image 0: segment 5"},
      {"generation", offsetof(JournalImageHeader, generation), 4, 5, "image 0: generation 5"},
      {"reserved", offsetof(JournalImageHeader, reserved1) + 19, 1, 1, "image 0: reserved bytes"},
  };
  const auto images = Images(2, 1);
  ASSERT_TRUE(journal_->WriteRound({4, 7, 0}, images).ok());
  const auto header = Bytes(kBlockBytes, kImage);
  for (const BadField& field : kBad) {
    auto bad = header;
    std::memcpy(bad.data() + field.offset, &field.value, field.bytes);
    const std::uint64_t seed = Checksum64(std::span(bad).subspan(8));
    StoreAs(bad.data(), Checksum64(images[0].bytes, seed));
    Put(kBlockBytes, bad);
    const Journal::Round round = Read();
    ASSERT_EQ(round.problems.size(), 1u) << field.name;
    EXPECT_THAT(round.problems[0], HasSubstr(field.says)) << field.name;
    for (const PageImage& image : round.images) EXPECT_EQ(image.ref, images[1].ref) << field.name;
  }
}

TEST_F(JournalTest, EveryFlippedByteOfAnImageHeaderIsFound) {
  const auto images = Images(2, 1);
  ASSERT_TRUE(journal_->WriteRound({4, 7, 0}, images).ok());
  const auto header = Bytes(kBlockBytes, kImage);
  for (std::size_t at = 0; at < kImage; ++at) {
    const std::byte flipped[] = {header[at] ^ std::byte{0x20}};
    Put(kBlockBytes + at, flipped);
    const Journal::Round round = Read();
    for (const PageImage& image : round.images) EXPECT_EQ(image.ref, images[1].ref) << at;
    EXPECT_FALSE(round.problems.empty()) << at;
    Put(kBlockBytes, header);
  }
}

TEST_F(JournalTest, SecondImageOfAPageDoesNotCount) {
  auto images = Images(2, 1);
  images.push_back(images[0]);
  ASSERT_TRUE(journal_->WriteRound({4, 7, 0}, images).ok());
  const Journal::Round round = Read();
  EXPECT_EQ(round.images.size(), 2u);
  EXPECT_THAT(round.problems, ElementsAre(HasSubstr("a second one of nodes page 0")));
}

TEST_F(JournalTest, JournalOfAnotherStoreHoldsNothing) {
  ASSERT_TRUE(journal_->WriteRound({4, 7, 0}, Images(2, 1)).ok());
  const auto other = Journal::Open(*fs_, path_, OpenMode::kRead, 99, kJournalBytes);
  ASSERT_TRUE(other.ok());
  EXPECT_EQ((*other)->Read()->name.checkpoint, 0u);
}

TEST_F(JournalTest, OtherSizeThanTheSuperblockSaysIsCorruption) {
  ASSERT_TRUE(RawFile()->Truncate(kJournalBytes - 4096).ok());
  const Status status =
      Journal::Open(*fs_, path_, OpenMode::kRead, kTestStoreId, kJournalBytes).status();
  EXPECT_EQ(status.code(), Code::kCorruptedIndex);
  EXPECT_THAT(std::string(status.message()), HasSubstr("bytes 4190208, expected 4194304"));
  EXPECT_EQ(Journal::Open(*fs_, path_ + "x", OpenMode::kRead, 1, 4096).code(), Code::kNotFound);
}

TEST_F(JournalTest, RoundIsWrittenInOrderAndSyncedOnce) {
  RecordingFileSystem recorder(fs_);
  const auto journal =
      std::move(Journal::Open(recorder, path_, OpenMode::kReadWrite, kTestStoreId, kJournalBytes))
          .value();
  ASSERT_TRUE(journal->WriteRound({4, 7, 0}, Images(250, 1)).ok());  // less than 2 MiB
  EXPECT_THAT(recorder.TakeEvents(),
              ElementsAre("write graph.journal", "write graph.journal", "sync graph.journal"));
}

TEST_F(JournalTest, FailureIsReportedAndLeavesNothingOfItInTheNextRound) {
  RecordingFileSystem recorder(fs_);
  const auto journal =
      std::move(Journal::Open(recorder, path_, OpenMode::kReadWrite, kTestStoreId, kJournalBytes))
          .value();
  for (const std::string event : {"write graph.journal", "sync graph.journal"}) {
    recorder.Refuse([&](const std::string& found) {
      return found == event ? Status::IoError("refused") : Status::Ok();
    });
    EXPECT_EQ(journal->WriteRound({4, 7, 0}, Images(250, 1)).code(), Code::kIoError) << event;
  }
  recorder.Refuse({});
  const auto images = Images(5, 2);
  ASSERT_TRUE(journal->WriteRound({4, 8, 0}, images).ok());
  ExpectSame(Read().images, images);
}

}  // namespace
}  // namespace engram
