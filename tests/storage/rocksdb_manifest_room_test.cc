#include "storage/rocksdb_manifest_room.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/posix_file_system.h"
#include "tests/storage/recording_file_system.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint64_t kRollBytes = 1 << 20;

class ManifestRoomTest : public ::testing::Test {
 protected:
  // An adopted file of this name.
  std::shared_ptr<File> Adopt(const std::string& name, std::uint64_t reserved_bytes = 0) {
    ManifestRoom::EmptyFile empty;
    auto opened = files_->Open(dir_.File(name), OpenMode::kCreateNew);
    EXPECT_TRUE(opened.ok()) << opened.status();
    empty.file = std::move(*opened);
    empty.reserved_bytes = reserved_bytes;
    auto adopted = room_.AdoptManifest(std::move(empty));
    EXPECT_TRUE(adopted.ok()) << adopted.status();
    files_->TakeEvents();
    return adopted.ok() ? *adopted : nullptr;
  }
  static Status Append(File& file, std::size_t size) {
    return file.WriteAt(*file.Size(), std::vector<std::byte>(size, std::byte{'r'}));
  }
  // Nothing that takes space works; what has been taken does.
  void FillDisk() {
    files_->Refuse([](const std::string& event) {
      const bool takes = event.starts_with("reserve") || event.starts_with("create");
      return takes ? Status::NoSpace("disk full") : Status::Ok();
    });
  }

  TempDir dir_;
  std::shared_ptr<RecordingFileSystem> files_ =
      std::make_shared<RecordingFileSystem>(MakePosixFileSystem());
  ManifestRoom room_{files_, kRollBytes};
};

TEST_F(ManifestRoomTest, WithoutAManifestThereIsNothingToPrepare) {
  FillDisk();
  EXPECT_TRUE(room_.Prepare().ok());
}

TEST_F(ManifestRoomTest, RoomIsTakenAtOnceAndAgainOnlyWhenItRunsLow) {
  const auto file = Adopt("MANIFEST-000001");
  ASSERT_TRUE(room_.Prepare().ok());
  ASSERT_TRUE(Append(*file, kManifestRoom - kLeastManifestRoom).ok());
  EXPECT_THAT(files_->TakeEvents(), ElementsAre("write MANIFEST-000001"));
  ASSERT_TRUE(Append(*file, 1).ok());
  EXPECT_THAT(files_->TakeEvents(),
              ElementsAre("reserve MANIFEST-000001", "write MANIFEST-000001"));
  EXPECT_EQ(*file->Size(), kManifestRoom - kLeastManifestRoom + 1) << "room is not part of it";
}

TEST_F(ManifestRoomTest, AManifestWithoutRoomIsRefused) {
  ManifestRoom::EmptyFile empty;
  empty.file = *files_->Open(dir_.File("MANIFEST-000001"), OpenMode::kCreateNew);
  FillDisk();
  EXPECT_EQ(room_.AdoptManifest(std::move(empty)).code(), Code::kNoSpace);
}

TEST_F(ManifestRoomTest, OnAFullDiskRecordsThatFitAreWrittenAndTablesAreRefused) {
  const auto file = Adopt("MANIFEST-000001");
  FillDisk();
  ASSERT_TRUE(room_.Prepare().ok());
  ASSERT_TRUE(Append(*file, kManifestRoom - kLeastManifestRoom + 1).ok());
  EXPECT_EQ(room_.Prepare().code(), Code::kNoSpace);
  ASSERT_TRUE(Append(*file, kLeastManifestRoom - 1).ok()) << "as much as was taken";
  files_->TakeEvents();
  EXPECT_EQ(Append(*file, 1).code(), Code::kNoSpace);
  EXPECT_THAT(files_->TakeEvents(), ElementsAre("reserve MANIFEST-000001")) << "nothing is written";
  EXPECT_EQ(*file->Size(), kManifestRoom);

  files_->Refuse(nullptr);
  EXPECT_TRUE(room_.Prepare().ok());
  FillDisk();
  EXPECT_TRUE(room_.Prepare().ok());
  EXPECT_TRUE(Append(*file, kManifestRoom).ok());
}

TEST_F(ManifestRoomTest, AnotherErrorThanAFullDiskIsReported) {
  const auto file = Adopt("MANIFEST-000001");
  files_->Refuse([](const std::string& event) {
    return event.starts_with("reserve") ? Status::IoError("broken") : Status::Ok();
  });
  EXPECT_EQ(Append(*file, kManifestRoom - kLeastManifestRoom + 1).code(), Code::kIoError);
}

TEST_F(ManifestRoomTest, WhereNothingCanBeReservedAllGoesOnWithoutRoom) {
  files_->Refuse([](const std::string& event) {
    return event.starts_with("reserve") ? Status::NotSupported("no fallocate") : Status::Ok();
  });
  const auto file = Adopt("MANIFEST-000001");
  ASSERT_TRUE(Append(*file, kRollBytes).ok());
  EXPECT_TRUE(room_.Prepare().ok());
  const auto spare = room_.TakeSpare(dir_.File("MANIFEST-000002"));
  ASSERT_TRUE(spare.ok());
  EXPECT_NE(spare->file, nullptr);
}

TEST_F(ManifestRoomTest, ATruncatedManifestTakesItsRoomAnew) {
  const auto file = Adopt("MANIFEST-000001");
  ASSERT_TRUE(Append(*file, 1000).ok());
  ASSERT_TRUE(file->Truncate(10).ok());
  files_->TakeEvents();
  EXPECT_TRUE(room_.Prepare().ok());
  EXPECT_THAT(files_->TakeEvents(), ElementsAre("reserve MANIFEST-000001"));
}

TEST_F(ManifestRoomTest, SparesAreMadeBeforeTheManifestIsFullAndTakeTheNamesOfWhatTheyAreFor) {
  const auto file = Adopt("MANIFEST-000001");
  ASSERT_TRUE(Append(*file, kRollBytes - kLeastManifestRoom).ok());
  files_->TakeEvents();
  ASSERT_TRUE(room_.Prepare().ok());
  EXPECT_THAT(files_->TakeEvents(), IsEmpty());
  EXPECT_EQ(room_.TakeSpare(dir_.File("MANIFEST-000002"))->file, nullptr);

  ASSERT_TRUE(Append(*file, 1).ok());
  files_->TakeEvents();
  ASSERT_TRUE(room_.Prepare().ok());
  EXPECT_THAT(files_->TakeEvents(), ElementsAre("create manifest.spare", "reserve manifest.spare",
                                                "create current.spare", "reserve current.spare"));
  FillDisk();
  ASSERT_TRUE(room_.Prepare().ok()) << "what is there need not be made";
  EXPECT_EQ(room_.TakeSpare(dir_.File("000002.sst"))->file, nullptr);

  auto taken = room_.TakeSpare(dir_.File("MANIFEST-000002"));
  ASSERT_TRUE(taken.ok()) << taken.status();
  ASSERT_NE(taken->file, nullptr);
  EXPECT_EQ(*taken->file->Size(), 0u);
  EXPECT_GE(taken->reserved_bytes, kRollBytes + kLeastManifestRoom);
  const auto second = room_.AdoptManifest(*std::move(taken));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(Append(**second, kRollBytes).ok()) << "all that the first one says";

  const auto current = room_.TakeSpare(dir_.File("000002.dbtmp"));
  ASSERT_TRUE(current.ok()) << current.status();
  ASSERT_NE(current->file, nullptr);
  EXPECT_TRUE(Append(*current->file, 16).ok());
  EXPECT_FALSE(std::filesystem::exists(dir_.File("manifest.spare")));
  EXPECT_FALSE(std::filesystem::exists(dir_.File("current.spare")));
  EXPECT_EQ(room_.TakeSpare(dir_.File("000003.dbtmp"))->file, nullptr) << "there was one";
}

TEST_F(ManifestRoomTest, ATableIsRefusedWhereTheNextManifestWouldFindNoRoom) {
  const auto file = Adopt("MANIFEST-000001");
  ASSERT_TRUE(Append(*file, kRollBytes).ok());
  ASSERT_TRUE(room_.Prepare().ok());
  EXPECT_NE(room_.TakeSpare(dir_.File("MANIFEST-000002"))->file, nullptr);
  FillDisk();
  EXPECT_EQ(room_.Prepare().code(), Code::kNoSpace);
  files_->Refuse(nullptr);
  EXPECT_TRUE(room_.Prepare().ok());
}

// Where the state alone is larger than RocksDB would have it, each record makes a new MANIFEST.
TEST_F(ManifestRoomTest, ASpareGrowsWithTheManifest) {
  const auto file = Adopt("MANIFEST-000001");
  ASSERT_TRUE(Append(*file, kRollBytes).ok());
  ASSERT_TRUE(room_.Prepare().ok());
  ASSERT_TRUE(Append(*file, 3 * kRollBytes).ok());
  files_->TakeEvents();
  ASSERT_TRUE(room_.Prepare().ok());
  EXPECT_THAT(files_->TakeEvents(), ElementsAre("create manifest.spare", "reserve manifest.spare"));
  EXPECT_GE(room_.TakeSpare(dir_.File("MANIFEST-000002"))->reserved_bytes,
            4 * kRollBytes + kLeastManifestRoom);
}

TEST_F(ManifestRoomTest, AClosedManifestNeedsNoRoom) {
  Adopt("MANIFEST-000001").reset();
  FillDisk();
  EXPECT_TRUE(room_.Prepare().ok());
}

}  // namespace
}  // namespace engram
