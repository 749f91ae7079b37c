// An open file over plain system calls, and what goes with it: the owned descriptor, and the one
// place that turns an errno into a Status. Leaves names to posix_file_system.h and batches to
// uring_file_system.h. Threads: any thread. Implements docs/architecture.md, "The file layer".
#ifndef ENGRAM_STORAGE_BASE_POSIX_FILE_H_
#define ENGRAM_STORAGE_BASE_POSIX_FILE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <engram/result.h>
#include <engram/status.h>

#include "storage/base/file.h"

namespace engram {

// kNoSpace, kNotFound, kAlreadyExists where `error` says so, else kIoError. "write /a/b at 4096: No
// space left on device" for the action "write" and the subject "/a/b at 4096".
Status ErrnoStatus(int error, std::string_view action, const std::string& subject);

// "/a/b at 4096".
std::string AtOffset(const std::string& path, std::uint64_t offset);

// A failed sync is kIoError whatever the reason, ENOSPC too: it means that bytes written earlier
// may be gone.
Status SyncError(int error, const std::string& path);

// Whether the system can express the range; an offset from a damaged file need not be.
bool FitsOffset(std::uint64_t offset, std::uint64_t length);

// Owns a descriptor. Threads: one thread.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();

  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC, carried on after a signal; files that it makes have mode 0600.
Result<FileDescriptor> OpenDescriptor(const std::string& path, int flags);

class PosixFile : public File {
 public:
  PosixFile(FileDescriptor fd, std::string path) : File(std::move(path)), fd_(std::move(fd)) {}

  Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::byte> out) const override;
  Status WriteAt(std::uint64_t offset, std::span<const std::byte> bytes) override;
  Status SyncData() override;
  Status Allocate(std::uint64_t offset, std::uint64_t length) override;
  Status Reserve(std::uint64_t offset, std::uint64_t length) override;
  Status Truncate(std::uint64_t size) override;
  Status Deallocate(std::uint64_t offset, std::uint64_t length) override;
  Result<std::uint64_t> Size() const override;
  Result<std::uint64_t> AllocatedBytes() const override;
  Result<Mapping> Map(std::uint64_t offset, std::size_t length) const override;
  Status MapPrivate(std::uint64_t offset, std::uint64_t length, std::byte* at) const override;

  int fd() const { return fd_.get(); }

 private:
  // fallocate(2); `action` is for messages. Errors: kNotSupported, where the file system has none,
  // or not this mode of it.
  Status CallFallocate(int mode, std::string_view action, std::uint64_t offset,
                       std::uint64_t length);

  FileDescriptor fd_;
};

// File::MapPrivate() of a descriptor; `path` is for messages.
Status MapDescriptorPrivate(int fd, const std::string& path, std::uint64_t offset,
                            std::uint64_t length, std::byte* at);

// What Allocate() does where the file system has no fallocate: writes the range, bytes that are
// there as they are, new ones as 0. Pre: nobody else writes to the range meanwhile.
Status AllocateByWriting(File& file, std::uint64_t offset, std::uint64_t length);

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_POSIX_FILE_H_
