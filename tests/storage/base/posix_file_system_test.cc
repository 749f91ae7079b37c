// Names, locks and single operations; both file systems pass the same tests.
#include "storage/base/posix_file_system.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "storage/base/address_space.h"
#include "storage/base/uring_file_system.h"
#include "tests/support/small_disk.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

std::vector<std::byte> Bytes(std::string_view text) {
  const auto span = std::as_bytes(std::span<const char>(text));
  return {span.begin(), span.end()};
}

std::string Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// True where `child`, run in a forked process, returned true.
bool InChild(const std::function<bool()>& child) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(child() ? 0 : 1);
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

class FileSystemTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (GetParam() == std::string("posix")) {
      fs_ = MakePosixFileSystem();
      return;
    }
    Result<std::shared_ptr<FileSystem>> uring = MakeUringFileSystem();
    if (!uring.ok()) GTEST_SKIP() << uring.status();
    fs_ = *uring;
  }

  std::unique_ptr<File> MustOpen(const std::string& name, OpenMode mode = OpenMode::kCreate) {
    Result<std::unique_ptr<File>> file = fs_->Open(dir_.File(name), mode);
    EXPECT_TRUE(file.ok()) << file.status();
    return file.ok() ? std::move(file).value() : nullptr;
  }
  void Put(const std::string& name, std::string_view text) {
    ASSERT_TRUE(MustOpen(name)->WriteAt(0, Bytes(text)).ok());
  }
  std::string Content(const File& file, std::size_t most = 1 << 20) {
    std::vector<std::byte> out(most);
    const Result<std::size_t> got = file.ReadAt(0, out);
    EXPECT_TRUE(got.ok()) << got.status();
    return got.ok() ? Text(std::span(out).first(*got)) : "";
  }

  TempDir dir_;
  std::shared_ptr<FileSystem> fs_;
};

INSTANTIATE_TEST_SUITE_P(Real, FileSystemTest, ::testing::Values("posix", "uring"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(FileSystemTest, ReadsBackWhatWasWritten) {
  const auto file = MustOpen("f");
  ASSERT_TRUE(file->WriteAt(3, Bytes("hello")).ok());
  ASSERT_TRUE(file->SyncData().ok());
  EXPECT_EQ(Content(*file), std::string("\0\0\0hello", 8));
  EXPECT_EQ(*file->Size(), 8u);
  EXPECT_EQ(file->path(), dir_.File("f"));
}

TEST_P(FileSystemTest, ReadEndsAtTheEndOfTheFile) {
  Put("f", "hello");
  const auto file = MustOpen("f", OpenMode::kRead);
  std::vector<std::byte> out(10);
  EXPECT_EQ(*file->ReadAt(3, out), 2u);
  EXPECT_EQ(*file->ReadAt(5, out), 0u);
  EXPECT_EQ(*file->ReadAt(500, out), 0u);
}

TEST_P(FileSystemTest, OpenModesDecideWhetherTheFileMustExist) {
  EXPECT_EQ(fs_->Open(dir_.File("f"), OpenMode::kRead).code(), Code::kNotFound);
  EXPECT_EQ(fs_->Open(dir_.File("f"), OpenMode::kReadWrite).code(), Code::kNotFound);
  EXPECT_TRUE(fs_->Open(dir_.File("f"), OpenMode::kCreateNew).ok());
  EXPECT_EQ(fs_->Open(dir_.File("f"), OpenMode::kCreateNew).code(), Code::kAlreadyExists);
  EXPECT_TRUE(fs_->Open(dir_.File("f"), OpenMode::kCreate).ok());
  EXPECT_TRUE(fs_->Open(dir_.File("f"), OpenMode::kReadWrite).ok());
  EXPECT_TRUE(fs_->Open(dir_.File("f"), OpenMode::kRead).ok());
}

TEST_P(FileSystemTest, OtherRefusalsAreIoErrorsThatNameThePath) {
  Put("f", "x");
  const Status not_directory = fs_->Open(dir_.File("f/g"), OpenMode::kRead).status();
  EXPECT_EQ(not_directory.code(), Code::kIoError);
  EXPECT_EQ(not_directory.message(), "open " + dir_.File("f/g") + ": Not a directory");
  const Status is_directory = fs_->Open(dir_.path(), OpenMode::kReadWrite).status();
  EXPECT_EQ(is_directory.code(), Code::kIoError);
  EXPECT_THAT(std::string(is_directory.message()), HasSubstr("Is a directory"));
}

TEST_P(FileSystemTest, AReadOnlyFileRefusesWrites) {
  Put("f", "hello");
  const auto file = MustOpen("f", OpenMode::kRead);
  EXPECT_EQ(file->WriteAt(0, Bytes("x")).code(), Code::kIoError);
  EXPECT_EQ(file->WriteAndSync(0, Bytes("x")).code(), Code::kIoError);
  EXPECT_EQ(file->Truncate(0).code(), Code::kIoError);
  EXPECT_EQ(Content(*file), "hello");
}

TEST_P(FileSystemTest, FilesAndDirectoriesAreTheOwnersAlone) {
  const mode_t before = ::umask(0);
  Put("f", "x");
  ASSERT_TRUE(fs_->CreateDirectory(dir_.File("d")).ok());
  ::umask(before);
  EXPECT_EQ(fs_->Stat(dir_.File("f"))->permissions, 0600u);
  EXPECT_EQ(fs_->Stat(dir_.File("d"))->permissions, 0700u);
}

TEST_P(FileSystemTest, WritingDoesNotFollowASymbolicLink) {
  Put("target", "keep");
  ASSERT_EQ(::symlink(dir_.File("target").c_str(), dir_.File("link").c_str()), 0);
  EXPECT_EQ(fs_->Open(dir_.File("link"), OpenMode::kReadWrite).code(), Code::kIoError);
  EXPECT_EQ(fs_->Open(dir_.File("link"), OpenMode::kCreate).code(), Code::kIoError);
  EXPECT_EQ(fs_->Lock(dir_.File("link"), LockMode::kExclusive, "me").code(), Code::kIoError);
  EXPECT_EQ(Content(*MustOpen("link", OpenMode::kRead)), "keep");
}

TEST_P(FileSystemTest, DescriptorsDoNotSurviveExec) {
  const auto file = MustOpen("f");
  const int flags = ::fcntl(static_cast<const PosixFile&>(*file).fd(), F_GETFD);
  EXPECT_TRUE((flags & FD_CLOEXEC) != 0);
}

TEST_P(FileSystemTest, OffsetsBeyondFourGigabytes) {
  const std::uint64_t far = 5ull << 30;
  const auto file = MustOpen("sparse");
  ASSERT_TRUE(file->WriteAt(far, Bytes("one")).ok());
  ASSERT_TRUE(file->WriteAndSync(far + 100, Bytes("two")).ok());
  const auto three = Bytes("three");
  const auto four = Bytes("four");
  ASSERT_TRUE(file->WriteMany(std::vector<WriteOp>{{far + 200, three}, {far + 300, four}}).ok());
  EXPECT_EQ(*file->Size(), far + 304);

  std::vector<std::byte> out(5);
  std::vector<std::byte> out2(4);
  ASSERT_TRUE(file->ReadMany(std::vector<ReadOp>{{far + 200, out}, {far + 300, out2}}).ok());
  EXPECT_EQ(Text(out), "three");
  EXPECT_EQ(Text(out2), "four");
  EXPECT_EQ(*file->ReadAt(far + 100, out), 5u);
  EXPECT_EQ(Text(std::span(out).first(3)), "two");
  const Result<Mapping> view = file->Map(far, 3);
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_EQ(Text(view->bytes()), "one");
}

TEST_P(FileSystemTest, OffsetsTheSystemCannotExpressAreRefused) {
  const auto file = MustOpen("f");
  const auto bytes = Bytes("x");
  std::vector<std::byte> out(1);
  for (const std::uint64_t offset : {~0ull, ~0ull >> 1, 1ull << 63}) {
    EXPECT_EQ(file->WriteAt(offset, bytes).code(), Code::kIoError);
    EXPECT_EQ(file->WriteAndSync(offset, bytes).code(), Code::kIoError);
    EXPECT_EQ(file->WriteMany(std::vector<WriteOp>{{offset, bytes}, {offset, bytes}}).code(),
              Code::kIoError);
    EXPECT_EQ(file->ReadAt(offset, out).code(), Code::kIoError);
    EXPECT_EQ(file->ReadMany(std::vector<ReadOp>{{offset, out}, {offset, out}}).code(),
              Code::kIoError);
    EXPECT_EQ(file->Allocate(offset, 1).code(), Code::kIoError);
    EXPECT_EQ(file->Reserve(offset, 1).code(), Code::kIoError);
    EXPECT_EQ(file->Map(offset, 1).code(), Code::kIoError);
  }
  EXPECT_EQ(*file->Size(), 0u);
}

TEST_P(FileSystemTest, AllocateGrowsTheFileWithZerosAndKeepsWhatIsThere) {
  const auto file = MustOpen("f");
  ASSERT_TRUE(file->WriteAt(0, Bytes("keep")).ok());
  ASSERT_TRUE(file->Allocate(0, 1 << 20).ok());
  EXPECT_EQ(*file->Size(), 1u << 20);
  std::string expected(1 << 20, '\0');
  expected.replace(0, 4, "keep");
  EXPECT_EQ(Content(*file, 2 << 20), expected);
  struct stat info;
  ASSERT_EQ(::stat(file->path().c_str(), &info), 0);
  EXPECT_GE(info.st_blocks * 512, 1 << 20);
  EXPECT_TRUE(file->Allocate(5, 0).ok());
}

TEST_P(FileSystemTest, ReserveTakesSpaceBehindTheEndAndShowsNothingOfIt) {
  const auto file = MustOpen("f");
  ASSERT_TRUE(file->WriteAt(0, Bytes("keep")).ok());
  const Status status = file->Reserve(2, 1 << 20);
  if (status.code() == Code::kNotSupported) GTEST_SKIP() << status;
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(*file->Size(), 4u);
  EXPECT_EQ(Content(*file), "keep");
  struct stat info;
  ASSERT_EQ(::stat(file->path().c_str(), &info), 0);
  EXPECT_GE(info.st_blocks * 512, 1 << 20);
  ASSERT_TRUE(file->WriteAt(4, Bytes(" more")).ok());
  EXPECT_EQ(Content(*MustOpen("f")), "keep more");
  ASSERT_TRUE(file->WriteAt(12, Bytes("x")).ok());
  EXPECT_EQ(Content(*file), std::string("keep more\0\0\0x", 13));
  EXPECT_TRUE(file->Reserve(5, 0).ok());
}

TEST_P(FileSystemTest, AllocateOfMoreThanTheDiskHoldsIsNoSpace) {
  // A disk of its own: some systems fill it before they say so.
  const std::string why = OnSmallDisk(dir_.path(), 1, [this] {
    const auto file = MustOpen("f");
    EXPECT_EQ(file->Allocate(0, 2 << 20).code(), Code::kNoSpace);
    EXPECT_EQ(file->Reserve(0, 2 << 20).code(), Code::kNoSpace);
  });
  if (!why.empty()) GTEST_SKIP() << "no disk of a known size: " << why;
}

TEST_P(FileSystemTest, AllocateByWritingKeepsBytesAndFillsHoles) {
  const auto file = MustOpen("f");
  ASSERT_TRUE(file->WriteAt(300 << 10, Bytes("keep")).ok());
  ASSERT_TRUE(AllocateByWriting(*file, 0, 1 << 20).ok());
  std::string expected(1 << 20, '\0');
  expected.replace(300 << 10, 4, "keep");
  EXPECT_EQ(Content(*file, 2 << 20), expected);
  struct stat info;
  ASSERT_EQ(::stat(file->path().c_str(), &info), 0);
  EXPECT_GE(info.st_blocks * 512, 1 << 20);
}

TEST_P(FileSystemTest, TruncateCutsAndGrows) {
  const auto file = MustOpen("f");
  ASSERT_TRUE(file->WriteAt(0, Bytes("hello")).ok());
  ASSERT_TRUE(file->Truncate(2).ok());
  ASSERT_TRUE(file->Truncate(4).ok());
  EXPECT_EQ(Content(*file), std::string("he\0\0", 4));
}

TEST_P(FileSystemTest, DeallocateGivesSpaceBackAndLeavesZerosAndTheSize) {
  const auto file = MustOpen("f");
  std::string text(1 << 20, 'x');
  ASSERT_TRUE(file->WriteAt(0, Bytes(text)).ok());
  ASSERT_TRUE(file->SyncData().ok());  // some systems allocate when they write
  const std::uint64_t before = *file->AllocatedBytes();
  EXPECT_GE(before, text.size());
  const Status status = file->Deallocate(100'000, 500'000);
  if (status.code() == Code::kNotSupported) GTEST_SKIP() << status;
  ASSERT_TRUE(status.ok()) << status;
  text.replace(100'000, 500'000, 500'000, '\0');
  EXPECT_TRUE(Content(*file, 2 << 20) == text);
  EXPECT_EQ(*file->Size(), text.size());
  EXPECT_LE(*file->AllocatedBytes(), before - (500'000 - (128 << 10)));  // but for whole blocks
  EXPECT_TRUE(file->Deallocate(5, 0).ok());
  // Nothing behind the end comes to be.
  ASSERT_TRUE(file->Deallocate(text.size() - 10, 1 << 20).ok());
  EXPECT_EQ(*file->Size(), text.size());
}

TEST_P(FileSystemTest, DeallocateShowsInViewsWhereNoCopyWasMade) {
  const auto file = MustOpen("f");
  ASSERT_TRUE(file->WriteAt(0, Bytes(std::string(2 * 4096, 'x'))).ok());
  auto space = AddressSpace::Reserve(1 << 20, 1 << 20);
  ASSERT_TRUE(space.ok() && space->MapFile(*file, 0, 2 * 4096, 0).ok());
  const auto seen = [&](std::size_t at) {  // the compiler knows nothing of a view that changes
    return static_cast<char>(const_cast<volatile std::byte*>(space->base())[at]);
  };
  EXPECT_EQ(seen(4096), 'x');
  space->base()[0] = std::byte{'y'};
  const Status status = file->Deallocate(0, 2 * 4096);
  if (status.code() == Code::kNotSupported) GTEST_SKIP() << status;
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen(0), 'y');
  EXPECT_EQ(seen(4096), '\0');
}

TEST_P(FileSystemTest, ARefusedHoleSaysWhy) {
  const auto file = MustOpen("f");
  EXPECT_EQ(file->Deallocate(~0ull - 10, 5).code(), Code::kIoError);
  Put("g", "text");
  const Status status = MustOpen("g", OpenMode::kRead)->Deallocate(0, 4);
  EXPECT_EQ(status.code(), Code::kIoError);
  EXPECT_THAT(status.message(), HasSubstr("deallocate 4 bytes in"));
}

TEST_P(FileSystemTest, AMappingNeedNotStartOnAPageAndOutlivesItsFile) {
  std::string text(20000, 'x');
  text.replace(5001, 5, "hello");
  Put("f", text);
  Mapping view;
  {
    const auto file = MustOpen("f", OpenMode::kRead);
    Result<Mapping> mapped = file->Map(5001, 10000);
    ASSERT_TRUE(mapped.ok()) << mapped.status();
    view = std::move(*mapped);
    EXPECT_TRUE(file->Map(0, 0)->bytes().empty());
  }
  EXPECT_EQ(view.bytes().size(), 10000u);
  EXPECT_EQ(Text(view.bytes().first(6)), "hellox");
  EXPECT_EQ(Text(view.bytes().last(1)), "x");
}

TEST_P(FileSystemTest, AFullDeviceIsNoSpaceForEveryKindOfWrite) {
  const auto opened = fs_->Open("/dev/full", OpenMode::kReadWrite);
  if (!opened.ok()) GTEST_SKIP() << opened.status();
  File& full = **opened;
  const auto bytes = Bytes("x");
  const Status status = full.WriteAt(0, bytes);
  EXPECT_EQ(status.code(), Code::kNoSpace);
  EXPECT_EQ(status.message(), "write /dev/full at 0: No space left on device");
  EXPECT_EQ(full.WriteMany(std::vector<WriteOp>{{0, bytes}, {1, bytes}}).code(), Code::kNoSpace);
}

TEST_P(FileSystemTest, AFailedSyncIsAnIoError) {
  // The device takes writes and refuses to sync.
  const auto opened = fs_->Open("/dev/null", OpenMode::kReadWrite);
  if (!opened.ok()) GTEST_SKIP() << opened.status();
  EXPECT_EQ((*opened)->SyncData().code(), Code::kIoError);
  const Status status = (*opened)->WriteAndSync(0, Bytes("x"));
  EXPECT_EQ(status.code(), Code::kIoError);
  EXPECT_EQ(status.message(), "sync /dev/null: Invalid argument");
}

TEST_P(FileSystemTest, RenameReplacesAndUnlinkRemoves) {
  Put("a", "new");
  Put("b", "old");
  ASSERT_TRUE(fs_->Rename(dir_.File("a"), dir_.File("b")).ok());
  EXPECT_TRUE(fs_->SyncDirectory(dir_.path()).ok());
  EXPECT_EQ(Content(*MustOpen("b", OpenMode::kRead)), "new");
  EXPECT_EQ(fs_->Rename(dir_.File("a"), dir_.File("b")).code(), Code::kNotFound);
  ASSERT_TRUE(fs_->Unlink(dir_.File("b")).ok());
  EXPECT_EQ(fs_->Unlink(dir_.File("b")).code(), Code::kNotFound);
}

TEST_P(FileSystemTest, DirectoriesAreMadeListedAndRemoved) {
  const std::string path = dir_.File("d");
  EXPECT_EQ(fs_->List(path).code(), Code::kNotFound);
  ASSERT_TRUE(fs_->CreateDirectory(path).ok());
  ASSERT_TRUE(fs_->CreateDirectory(path).ok());
  EXPECT_TRUE(fs_->List(path)->empty());
  Put("d/f", "x");
  ASSERT_TRUE(fs_->CreateDirectory(path + "/sub").ok());
  EXPECT_THAT(*fs_->List(path), UnorderedElementsAre("f", "sub"));
  EXPECT_EQ(fs_->RemoveDirectory(path).code(), Code::kIoError);
  ASSERT_TRUE(fs_->Unlink(path + "/f").ok());
  ASSERT_TRUE(fs_->RemoveDirectory(path + "/sub").ok());
  ASSERT_TRUE(fs_->RemoveDirectory(path).ok());
  EXPECT_EQ(fs_->RemoveDirectory(path).code(), Code::kNotFound);
}

TEST_P(FileSystemTest, ADirectoryIsNotMadeOverAFile) {
  Put("f", "x");
  EXPECT_EQ(fs_->CreateDirectory(dir_.File("f")).code(), Code::kAlreadyExists);
  EXPECT_EQ(fs_->CreateDirectory(dir_.File("no/d")).code(), Code::kNotFound);
  EXPECT_EQ(fs_->SyncDirectory(dir_.File("f")).code(), Code::kIoError);
  EXPECT_EQ(fs_->SyncDirectory(dir_.File("no")).code(), Code::kNotFound);
}

TEST_P(FileSystemTest, StatTellsTypeSizeAndTime) {
  Put("f", "hello");
  const Result<FileInfo> file = fs_->Stat(dir_.File("f"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->type, FileType::kRegular);
  EXPECT_EQ(file->size, 5u);
  EXPECT_GT(file->modified_us, 1'600'000'000'000'000u);
  EXPECT_EQ(fs_->Stat(dir_.path())->type, FileType::kDirectory);
  EXPECT_EQ(fs_->Stat("/dev/null")->type, FileType::kOther);
  EXPECT_EQ(fs_->Stat(dir_.File("g")).code(), Code::kNotFound);
}

TEST_P(FileSystemTest, AnExclusiveLockRefusesASecondOneInTheSameProcess) {
  const std::string path = dir_.File("LOCK");
  auto lock = fs_->Lock(path, LockMode::kExclusive, "pid 17 on host");
  ASSERT_TRUE(lock.ok()) << lock.status();
  for (const LockMode mode : {LockMode::kExclusive, LockMode::kShared}) {
    const Status status = fs_->Lock(path, mode, "other").status();
    EXPECT_EQ(status.code(), Code::kBusy);
    EXPECT_EQ(status.message(), path + " is locked by pid 17 on host");
  }
  // Nor does closing another descriptor of the file drop it.
  Content(*MustOpen("LOCK", OpenMode::kRead));
  EXPECT_EQ(fs_->Lock(path, LockMode::kExclusive, "other").code(), Code::kBusy);
  lock->reset();
  EXPECT_TRUE(fs_->Lock(path, LockMode::kExclusive, "other").ok());
  EXPECT_EQ(Content(*MustOpen("LOCK", OpenMode::kRead)), "other");
}

TEST_P(FileSystemTest, SharedLocksGoTogetherAndKeepAnExclusiveOneOut) {
  const std::string path = dir_.File("LOCK");
  EXPECT_EQ(fs_->Lock(path, LockMode::kShared, "me").code(), Code::kNotFound);
  Put("LOCK", "writer");
  ASSERT_EQ(::chmod(path.c_str(), 0400), 0);
  const auto first = fs_->Lock(path, LockMode::kShared, "first");
  const auto second = fs_->Lock(path, LockMode::kShared, "second");
  EXPECT_TRUE(first.ok());
  EXPECT_TRUE(second.ok());
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_EQ(fs_->Lock(path, LockMode::kExclusive, "third").code(), Code::kBusy);
  EXPECT_EQ(Content(*MustOpen("LOCK", OpenMode::kRead)), "writer");
}

TEST_P(FileSystemTest, ALockHoldsAcrossProcessesAndAChildCannotDropIt) {
  const std::string path = dir_.File("LOCK");
  auto lock = fs_->Lock(path, LockMode::kExclusive, "parent");
  ASSERT_TRUE(lock.ok()) << lock.status();
  EXPECT_TRUE(
      InChild([&] { return fs_->Lock(path, LockMode::kExclusive, "").code() == Code::kBusy; }));
  EXPECT_TRUE(InChild([&] {
    lock->reset();
    return fs_->Lock(path, LockMode::kExclusive, "").code() == Code::kBusy;
  }));
  EXPECT_EQ(fs_->Lock(path, LockMode::kShared, "").code(), Code::kBusy);
}

TEST_P(FileSystemTest, ALockIsFreeWhenItsOwnerLetsGoThoughAChildInheritedIt) {
  const std::string path = dir_.File("LOCK");
  auto lock = fs_->Lock(path, LockMode::kExclusive, "parent");
  ASSERT_TRUE(lock.ok()) << lock.status();
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe_ends[1]);
    char c;
    ::_exit(::read(pipe_ends[0], &c, 1) == 0 ? 0 : 1);  // until the parent closes its end
  }
  lock->reset();
  EXPECT_TRUE(fs_->Lock(path, LockMode::kExclusive, "next").ok());
  ::close(pipe_ends[1]);
  ::close(pipe_ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
}

TEST_P(FileSystemTest, ALockOfAProcessThatDiedIsFree) {
  const std::string path = dir_.File("LOCK");
  EXPECT_TRUE(InChild([&]() -> bool {
    const auto lock = fs_->Lock(path, LockMode::kExclusive, "child");
    ::_exit(lock.ok() ? 0 : 1);  // with the lock held
  }));
  EXPECT_TRUE(fs_->Lock(path, LockMode::kExclusive, "parent").ok());
}

TEST_P(FileSystemTest, AForkedChildMayUseAndDestroyTheFileSystem) {
  auto file = MustOpen("f");
  const auto bytes = Bytes("x");
  const std::vector<WriteOp> ops = {{0, bytes}, {1, bytes}};
  ASSERT_TRUE(file->WriteMany(ops).ok());
  EXPECT_TRUE(InChild([&] {
    const bool written = file->WriteMany(ops).ok() && file->WriteAndSync(2, bytes).ok();
    file.reset();
    fs_.reset();
    return written;
  }));
  EXPECT_TRUE(file->WriteMany(ops).ok());
  EXPECT_EQ(Content(*file), "xxx");
}

}  // namespace
}  // namespace engram
