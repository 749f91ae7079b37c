#include "storage/base/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>

#include "storage/base/status_macros.h"

namespace engram {
namespace {

int FlagsOf(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR | O_NOFOLLOW;
    case OpenMode::kCreate:
      return O_RDWR | O_NOFOLLOW | O_CREAT;
    case OpenMode::kCreateNew:
      return O_RDWR | O_NOFOLLOW | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

FileType TypeOf(mode_t mode) {
  if (S_ISREG(mode)) return FileType::kRegular;
  if (S_ISDIR(mode)) return FileType::kDirectory;
  return FileType::kOther;
}

class PosixFileLock : public FileLock {
 public:
  // Pre: `file` is locked.
  explicit PosixFileLock(std::unique_ptr<PosixFile> file)
      : file_(std::move(file)), owner_(::getpid()) {}
  ~PosixFileLock() override {
    // A forked child shares the lock with its parent. Unlocking in the parent frees it although a
    // child still has the descriptor; in the child only the descriptor goes, for the lock is the
    // parent's.
    if (::getpid() == owner_) ::flock(file_->fd(), LOCK_UN);
  }
  PosixFileLock(const PosixFileLock&) = delete;
  PosixFileLock& operator=(const PosixFileLock&) = delete;

 private:
  std::unique_ptr<PosixFile> file_;
  pid_t owner_;
};

// What the holder of a lock wrote about itself, as a person may see it.
std::string ReadOwner(const File& file) {
  std::array<std::byte, 256> bytes;
  const Result<std::size_t> got = file.ReadAt(0, bytes);
  if (!got.ok() || *got == 0) return "(unknown)";
  std::string text;
  for (std::size_t i = 0; i < *got; ++i) {
    const char c = static_cast<char>(bytes[i]);
    text += c >= ' ' && c <= '~' ? c : ' ';
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<File>> PosixFileSystem::Open(const std::string& path, OpenMode mode) {
  ENGRAM_ASSIGN_OR_RETURN(FileDescriptor fd, OpenDescriptor(path, FlagsOf(mode)));
  return MakeFile(std::move(fd), path);
}

std::unique_ptr<File> PosixFileSystem::MakeFile(FileDescriptor fd, const std::string& path) {
  return std::make_unique<PosixFile>(std::move(fd), path);
}

Status PosixFileSystem::Rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return {};
  return ErrnoStatus(errno, "rename", from + " to " + to);
}

Status PosixFileSystem::Unlink(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return {};
  return ErrnoStatus(errno, "unlink", path);
}

Status PosixFileSystem::CreateDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  const int error = errno;
  struct stat info;
  if (error == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
  return ErrnoStatus(error, "make directory", path);
}

Status PosixFileSystem::RemoveDirectory(const std::string& path) {
  if (::rmdir(path.c_str()) == 0) return {};
  const int error = errno;
  // rmdir may say EEXIST for a directory that is not empty; that is no answer to "remove".
  return ErrnoStatus(error == EEXIST ? ENOTEMPTY : error, "remove directory", path);
}

Status PosixFileSystem::SyncDirectory(const std::string& path) {
  ENGRAM_ASSIGN_OR_RETURN(const FileDescriptor fd, OpenDescriptor(path, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) == 0) return {};
  return SyncError(errno, path);
}

Result<std::vector<std::string>> PosixFileSystem::List(const std::string& path) {
  struct Close {
    void operator()(DIR* directory) const { ::closedir(directory); }
  };
  const std::unique_ptr<DIR, Close> directory(::opendir(path.c_str()));
  if (directory == nullptr) return ErrnoStatus(errno, "list", path);
  std::vector<std::string> names;
  while (true) {
    errno = 0;  // the only way to tell the end from an error
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return ErrnoStatus(errno, "list", path);
  return names;
}

Result<FileInfo> PosixFileSystem::Stat(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, "stat", path);
  return FileInfo{.type = TypeOf(info.st_mode),
                  .size = static_cast<std::uint64_t>(info.st_size),
                  .permissions = static_cast<std::uint32_t>(info.st_mode & 0777),
                  .modified_us = static_cast<std::uint64_t>(info.st_mtim.tv_sec) * 1'000'000 +
                                 static_cast<std::uint64_t>(info.st_mtim.tv_nsec) / 1000};
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::Lock(const std::string& path, LockMode mode,
                                                        const std::string& owner) {
  const bool exclusive = mode == LockMode::kExclusive;
  // A shared lock must do for someone who may only read.
  ENGRAM_ASSIGN_OR_RETURN(
      FileDescriptor fd,
      OpenDescriptor(path, exclusive ? O_RDWR | O_CREAT | O_NOFOLLOW : O_RDONLY));
  auto file = std::make_unique<PosixFile>(std::move(fd), path);
  int result;
  do {
    result = ::flock(file->fd(), (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno == EWOULDBLOCK) {
    return Status::Busy(path + " is locked by " + ReadOwner(*file));
  }
  if (result != 0) return ErrnoStatus(errno, "lock", path);
  if (exclusive) {
    // Written before it is cut to size: so it needs no new block and works on a full disk too.
    ENGRAM_RETURN_IF_ERROR(file->WriteAt(0, std::as_bytes(std::span<const char>(owner))));
    ENGRAM_RETURN_IF_ERROR(file->Truncate(owner.size()));
  }
  return std::unique_ptr<FileLock>(std::make_unique<PosixFileLock>(std::move(file)));
}

std::shared_ptr<FileSystem> MakePosixFileSystem() { return std::make_shared<PosixFileSystem>(); }

}  // namespace engram
