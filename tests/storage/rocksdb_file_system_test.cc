#include "storage/rocksdb_file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "storage/base/posix_file_system.h"
#include "storage/base/test_hooks.h"
#include "tests/storage/recording_file_system.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class RocksDbFileSystemTest : public ::testing::Test {
 protected:
  std::unique_ptr<rocksdb::FSWritableFile> NewFile(const std::string& name) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    const auto status = rocks_->NewWritableFile(dir_.File(name), {}, &file, nullptr);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return file;
  }
  std::string Contents(const std::string& name) {
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    const auto opened = rocks_->NewSequentialFile(dir_.File(name), {}, &file, nullptr);
    if (!opened.ok()) return opened.ToString();
    std::array<char, 100> scratch;
    rocksdb::Slice result;
    EXPECT_TRUE(file->Read(scratch.size(), {}, &result, scratch.data(), nullptr).ok());
    return result.ToString();
  }
  void TearDown() override { SetMutant(Mutant::kNone); }

  TempDir dir_;
  std::shared_ptr<RecordingFileSystem> files_ =
      std::make_shared<RecordingFileSystem>(MakePosixFileSystem());
  std::shared_ptr<rocksdb::FileSystem> rocks_ = MakeRocksDbFileSystem(
      files_, [this] { return files_->Note("barrier"); }, 4 << 20);
};

TEST_F(RocksDbFileSystemTest, AppendedBytesAreReadBack) {
  auto file = NewFile("f");
  ASSERT_TRUE(file->Append("hello ", {}, nullptr).ok());
  ASSERT_TRUE(file->Append("world", {}, nullptr).ok());
  EXPECT_EQ(file->GetFileSize({}, nullptr), 11u);
  ASSERT_TRUE(file->Close({}, nullptr).ok());
  EXPECT_EQ(Contents("f"), "hello world");

  std::unique_ptr<rocksdb::FSRandomAccessFile> random;
  ASSERT_TRUE(rocks_->NewRandomAccessFile(dir_.File("f"), {}, &random, nullptr).ok());
  std::array<char, 100> scratch;
  rocksdb::Slice result;
  ASSERT_TRUE(random->Read(6, 3, {}, &result, scratch.data(), nullptr).ok());
  EXPECT_EQ(result.ToString(), "wor");
  ASSERT_TRUE(random->Read(6, 50, {}, &result, scratch.data(), nullptr).ok());
  EXPECT_EQ(result.ToString(), "world");
  ASSERT_TRUE(random->Read(60, 50, {}, &result, scratch.data(), nullptr).ok());
  EXPECT_EQ(result.ToString(), "");
}

TEST_F(RocksDbFileSystemTest, SequentialReadsContinueAndSkip) {
  ASSERT_TRUE(NewFile("f")->Append("0123456789", {}, nullptr).ok());
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  ASSERT_TRUE(rocks_->NewSequentialFile(dir_.File("f"), {}, &file, nullptr).ok());
  std::array<char, 4> scratch;
  rocksdb::Slice result;
  ASSERT_TRUE(file->Read(2, {}, &result, scratch.data(), nullptr).ok());
  EXPECT_EQ(result.ToString(), "01");
  ASSERT_TRUE(file->Skip(3).ok());
  ASSERT_TRUE(file->Read(4, {}, &result, scratch.data(), nullptr).ok());
  EXPECT_EQ(result.ToString(), "5678");
  ASSERT_TRUE(file->Read(4, {}, &result, scratch.data(), nullptr).ok());
  EXPECT_EQ(result.ToString(), "9");
}

TEST_F(RocksDbFileSystemTest, ANewFileReplacesAnOlderOneOfItsName) {
  ASSERT_TRUE(NewFile("f")->Append("a long old content", {}, nullptr).ok());
  ASSERT_TRUE(NewFile("f")->Append("new", {}, nullptr).ok());
  EXPECT_EQ(Contents("f"), "new");
}

TEST_F(RocksDbFileSystemTest, AReopenedFileIsAppendedTo) {
  ASSERT_TRUE(NewFile("f")->Append("one", {}, nullptr).ok());
  std::unique_ptr<rocksdb::FSWritableFile> file;
  ASSERT_TRUE(rocks_->ReopenWritableFile(dir_.File("f"), {}, &file, nullptr).ok());
  ASSERT_TRUE(file->Append(" two", {}, nullptr).ok());
  EXPECT_EQ(Contents("f"), "one two");
}

TEST_F(RocksDbFileSystemTest, EverySyncOfFileAndDirectoryIsBehindTheBarrier) {
  auto file = NewFile("f");
  std::unique_ptr<rocksdb::FSDirectory> directory;
  ASSERT_TRUE(rocks_->NewDirectory(dir_.path(), {}, &directory, nullptr).ok());
  files_->TakeEvents();
  ASSERT_TRUE(file->Sync({}, nullptr).ok());
  ASSERT_TRUE(file->Fsync({}, nullptr).ok());
  ASSERT_TRUE(directory->Fsync({}, nullptr).ok());
  ASSERT_TRUE(directory->FsyncWithDirOptions({}, nullptr, {}).ok());
  const std::string dir_name = dir_.path().substr(dir_.path().find_last_of('/') + 1);
  EXPECT_THAT(files_->TakeEvents(),
              ElementsAre("barrier", "sync f", "barrier", "sync f", "barrier",
                          "syncdir " + dir_name, "barrier", "syncdir " + dir_name));
}

TEST_F(RocksDbFileSystemTest, WritingBackWithoutSyncDoesNotSync) {
  auto file = NewFile("f");
  files_->TakeEvents();
  ASSERT_TRUE(file->Flush({}, nullptr).ok());
  ASSERT_TRUE(file->RangeSync(0, 100, {}, nullptr).ok());
  ASSERT_TRUE(file->Close({}, nullptr).ok());
  EXPECT_THAT(files_->TakeEvents(), IsEmpty());
}

TEST_F(RocksDbFileSystemTest, AFailedBarrierFailsTheSyncAndNothingIsSynced) {
  auto file = NewFile("f");
  files_->TakeEvents();
  files_->Refuse([](const std::string& event) {
    return event == "barrier" ? Status::ReadOnly("the log is poisoned") : Status::Ok();
  });
  const auto status = file->Sync({}, nullptr);
  EXPECT_TRUE(status.IsIOError());
  EXPECT_THAT(status.ToString(), ::testing::HasSubstr("the log is poisoned"));
  EXPECT_THAT(files_->TakeEvents(), ElementsAre("barrier"));
}

TEST_F(RocksDbFileSystemTest, AFullDiskIsNoSpaceInAWriteButNotInASync) {
  auto file = NewFile("f");
  files_->Refuse([](const std::string&) { return Status::NoSpace("full"); });
  const auto written = file->Append("x", {}, nullptr);
  EXPECT_TRUE(written.IsNoSpace());
  EXPECT_FALSE(written.GetRetryable());
  const auto synced = file->Sync({}, nullptr);
  EXPECT_TRUE(synced.IsIOError());
  EXPECT_FALSE(synced.IsNoSpace());
  EXPECT_FALSE(synced.GetRetryable());
}

TEST_F(RocksDbFileSystemTest, TheMutantSkipsTheBarrier) {
  auto file = NewFile("f");
  files_->TakeEvents();
  SetMutant(Mutant::kBarrierSkipped);
  ASSERT_TRUE(file->Sync({}, nullptr).ok());
  EXPECT_THAT(files_->TakeEvents(), ElementsAre("sync f"));
}

TEST_F(RocksDbFileSystemTest, NamesAreMadeListedRenamedAndRemoved) {
  const std::string sub = dir_.File("sub");
  ASSERT_TRUE(rocks_->CreateDir(sub, {}, nullptr).ok());
  EXPECT_TRUE(rocks_->CreateDir(sub, {}, nullptr).IsIOError());
  ASSERT_TRUE(rocks_->CreateDirIfMissing(sub, {}, nullptr).ok());
  bool is_directory = false;
  ASSERT_TRUE(rocks_->IsDirectory(sub, {}, &is_directory, nullptr).ok());
  EXPECT_TRUE(is_directory);
  ASSERT_TRUE(NewFile("a")->Append("12345", {}, nullptr).ok());
  ASSERT_TRUE(rocks_->RenameFile(dir_.File("a"), dir_.File("b"), {}, nullptr).ok());
  std::vector<std::string> names;
  ASSERT_TRUE(rocks_->GetChildren(dir_.path(), {}, &names, nullptr).ok());
  EXPECT_THAT(names, UnorderedElementsAre("sub", "b"));
  std::uint64_t size = 0;
  ASSERT_TRUE(rocks_->GetFileSize(dir_.File("b"), {}, &size, nullptr).ok());
  EXPECT_EQ(size, 5u);
  std::uint64_t seconds = 0;
  ASSERT_TRUE(rocks_->GetFileModificationTime(dir_.File("b"), {}, &seconds, nullptr).ok());
  EXPECT_GT(seconds, 1'600'000'000u);
  ASSERT_TRUE(rocks_->DeleteFile(dir_.File("b"), {}, nullptr).ok());
  ASSERT_TRUE(rocks_->DeleteDir(sub, {}, nullptr).ok());
  EXPECT_TRUE(rocks_->FileExists(dir_.File("b"), {}, nullptr).IsNotFound());
}

TEST_F(RocksDbFileSystemTest, NamesAreDurableBeforeARenamePointsToThem) {
  NewFile("CURRENT.dbtmp");
  files_->TakeEvents();
  ASSERT_TRUE(
      rocks_->RenameFile(dir_.File("CURRENT.dbtmp"), dir_.File("CURRENT"), {}, nullptr).ok());
  const std::string dir_name = dir_.path().substr(dir_.path().find_last_of('/') + 1);
  EXPECT_THAT(files_->TakeEvents(),
              ElementsAre("barrier", "syncdir " + dir_name, "rename CURRENT"));
}

TEST_F(RocksDbFileSystemTest, WhatIsMissingIsNotFound) {
  std::unique_ptr<rocksdb::FSSequentialFile> sequential;
  std::unique_ptr<rocksdb::FSRandomAccessFile> random;
  std::unique_ptr<rocksdb::FSDirectory> directory;
  std::vector<std::string> names;
  const std::string none = dir_.File("none");
  EXPECT_TRUE(rocks_->NewSequentialFile(none, {}, &sequential, nullptr).IsNotFound());
  EXPECT_TRUE(rocks_->NewRandomAccessFile(none, {}, &random, nullptr).IsNotFound());
  EXPECT_TRUE(rocks_->NewDirectory(none, {}, &directory, nullptr).IsNotFound());
  EXPECT_TRUE(rocks_->GetChildren(none, {}, &names, nullptr).IsNotFound());
}

TEST_F(RocksDbFileSystemTest, ALockIsHeldUntilGivenBack) {
  rocksdb::FileLock* lock = nullptr;
  rocksdb::FileLock* second = nullptr;
  ASSERT_TRUE(rocks_->LockFile(dir_.File("LOCK"), {}, &lock, nullptr).ok());
  EXPECT_TRUE(rocks_->LockFile(dir_.File("LOCK"), {}, &second, nullptr).IsBusy());
  EXPECT_EQ(second, nullptr);
  ASSERT_TRUE(rocks_->UnlockFile(lock, {}, nullptr).ok());
  ASSERT_TRUE(rocks_->LockFile(dir_.File("LOCK"), {}, &lock, nullptr).ok());
  ASSERT_TRUE(rocks_->UnlockFile(lock, {}, nullptr).ok());
}

TEST_F(RocksDbFileSystemTest, ATableIsMadeOnlyWhereTheManifestHasRoom) {
  auto manifest = NewFile("MANIFEST-000001");
  NewFile("000002.sst");
  files_->Refuse([](const std::string& event) {
    return event.starts_with("reserve") ? Status::NoSpace(event + ": disk full") : Status::Ok();
  });
  NewFile("000003.sst");
  ASSERT_TRUE(manifest->Append(std::string(200 << 10, 'r'), {}, nullptr).ok()) << "it fits";
  std::unique_ptr<rocksdb::FSWritableFile> table;
  // Which of the two failed, their words tell BackgroundWork.
  const rocksdb::IOStatus no_table =
      rocks_->NewWritableFile(dir_.File("000004.sst"), {}, &table, nullptr);
  EXPECT_TRUE(no_table.IsNoSpace());
  EXPECT_EQ(no_table.ToString().find("MANIFEST"), std::string::npos) << no_table.ToString();
  NewFile("000005.log");
  const rocksdb::IOStatus no_manifest =
      rocks_->NewWritableFile(dir_.File("MANIFEST-000006"), {}, &table, nullptr);
  EXPECT_TRUE(no_manifest.IsNoSpace());
  EXPECT_NE(no_manifest.ToString().find("MANIFEST"), std::string::npos) << no_manifest.ToString();
  files_->Refuse(nullptr);
  NewFile("000004.sst");
}

TEST_F(RocksDbFileSystemTest, AManifestIsReadUpToItsEndAlone) {
  NewFile("MANIFEST-000001");
  std::uint64_t size = 1;
  ASSERT_TRUE(rocks_->GetFileSize(dir_.File("MANIFEST-000001"), {}, &size, nullptr).ok());
  EXPECT_EQ(size, 0u);
  EXPECT_EQ(Contents("MANIFEST-000001"), "");
}

TEST_F(RocksDbFileSystemTest, AfterAFullManifestTheNextOneAndCurrentNeedNoSpace) {
  auto manifest = NewFile("MANIFEST-000001");
  ASSERT_TRUE(manifest->Append(std::string(4 << 20, 'r'), {}, nullptr).ok());
  NewFile("000002.sst");
  files_->Refuse([](const std::string& event) {
    const bool takes = event.starts_with("reserve") || event.starts_with("create");
    return takes ? Status::NoSpace("disk full") : Status::Ok();
  });
  auto next = NewFile("MANIFEST-000003");
  ASSERT_TRUE(next->Append(std::string(4 << 20, 'r'), {}, nullptr).ok());
  EXPECT_EQ(next->GetFileSize({}, nullptr), 4u << 20);
  auto current = NewFile("000003.dbtmp");
  ASSERT_TRUE(current->Append("MANIFEST-000003\n", {}, nullptr).ok());
  ASSERT_TRUE(
      rocks_->RenameFile(dir_.File("000003.dbtmp"), dir_.File("CURRENT"), {}, nullptr).ok());
  EXPECT_EQ(Contents("CURRENT"), "MANIFEST-000003\n");
}

TEST_F(RocksDbFileSystemTest, NoOptionsFileIsKept) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  EXPECT_TRUE(rocks_->NewWritableFile(dir_.File("OPTIONS-000007.dbtmp"), {}, &file, nullptr)
                  .IsNotSupported());
}

}  // namespace
}  // namespace engram
