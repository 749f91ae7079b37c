#include "storage/base/posix_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <system_error>

#include "storage/base/aligned_buffer.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

std::size_t SystemPageSize() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

// A view may start inside a system page; the mapping under it starts with that page.
void Unmap(void* base, std::size_t size) {
  const std::size_t inside = reinterpret_cast<std::uintptr_t>(base) % SystemPageSize();
  ::munmap(static_cast<std::byte*>(base) - inside, size + inside);
}

}  // namespace

Status ErrnoStatus(int error, std::string_view action, const std::string& subject) {
  std::string message(action);
  message += ' ';
  message += subject;
  message += ": ";
  message += std::generic_category().message(error);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return Status::NoSpace(std::move(message));
    case ENOENT:
      return Status::NotFound(std::move(message));
    case EEXIST:
      return Status::AlreadyExists(std::move(message));
    default:
      return Status::IoError(std::move(message));
  }
}

std::string AtOffset(const std::string& path, std::uint64_t offset) {
  return path + " at " + std::to_string(offset);
}

Status SyncError(int error, const std::string& path) {
  return Status::IoError(std::string(ErrnoStatus(error, "sync", path).message()));
}

bool FitsOffset(std::uint64_t offset, std::uint64_t length) {
  constexpr std::uint64_t kMost = std::numeric_limits<off_t>::max();
  return offset <= kMost && length <= kMost - offset;
}

FileDescriptor::~FileDescriptor() {
  // What close() reports was reported by the sync before it, or nobody asked for it to be durable.
  if (fd_ >= 0) ::close(fd_);
}

Result<FileDescriptor> OpenDescriptor(const std::string& path, int flags) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  return FileDescriptor(fd);
}

Result<std::size_t> PosixFile::ReadAt(std::uint64_t offset, std::span<std::byte> out) const {
  if (!FitsOffset(offset, out.size())) return ErrnoStatus(EINVAL, "read", AtOffset(path(), offset));
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        ::pread(fd(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read", AtOffset(path(), offset + done));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Status PosixFile::WriteAt(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (!FitsOffset(offset, bytes.size()))
    return ErrnoStatus(EFBIG, "write", AtOffset(path(), offset));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put =
        ::pwrite(fd(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ErrnoStatus(errno, "write", AtOffset(path(), offset + done));
    // No file system of ours does this; going on could be going on for ever.
    if (put == 0) return ErrnoStatus(EIO, "write", AtOffset(path(), offset + done));
    done += static_cast<std::size_t>(put);
  }
  return {};
}

Status PosixFile::SyncData() {
  // Never called again after a failure, not even after EINTR: the kernel reports a lost page once
  // and then calls it clean.
  if (::fdatasync(fd()) == 0) return {};
  return SyncError(errno, path());
}

Status PosixFile::CallFallocate(int mode, std::string_view action, std::uint64_t offset,
                                std::uint64_t length) {
  if (length == 0) return {};
  if (!FitsOffset(offset, length)) return ErrnoStatus(EFBIG, action, AtOffset(path(), offset));
  int result;
  do {
    result = ::fallocate(fd(), mode, static_cast<off_t>(offset), static_cast<off_t>(length));
  } while (result != 0 && errno == EINTR);
  if (result == 0) return {};
  const int error = errno;
  Status status =
      ErrnoStatus(error, std::string(action) + ' ' + std::to_string(length) + " bytes in",
                  AtOffset(path(), offset));
  // The range of a hole is right, so that EINVAL says that the file system makes none there.
  const bool refused_hole = error == EINVAL && (mode & FALLOC_FL_PUNCH_HOLE) != 0;
  if (error == EOPNOTSUPP || error == ENOSYS || refused_hole)
    return Status::NotSupported(std::string(status.message()));
  return status;
}

Status PosixFile::Allocate(std::uint64_t offset, std::uint64_t length) {
  Status status = CallFallocate(0, "allocate", offset, length);
  if (status.code() == Code::kNotSupported) return AllocateByWriting(*this, offset, length);
  return status;
}

Status PosixFile::Reserve(std::uint64_t offset, std::uint64_t length) {
  return CallFallocate(FALLOC_FL_KEEP_SIZE, "allocate", offset, length);
}

Status PosixFile::Deallocate(std::uint64_t offset, std::uint64_t length) {
  return CallFallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, "deallocate", offset, length);
}

Status PosixFile::Truncate(std::uint64_t size) {
  if (!FitsOffset(size, 0)) return ErrnoStatus(EFBIG, "truncate", AtOffset(path(), size));
  int result;
  do {
    result = ::ftruncate(fd(), static_cast<off_t>(size));
  } while (result != 0 && errno == EINTR);
  if (result != 0) return ErrnoStatus(errno, "truncate", AtOffset(path(), size));
  return {};
}

Result<std::uint64_t> PosixFile::Size() const {
  struct stat info;
  if (::fstat(fd(), &info) != 0) return ErrnoStatus(errno, "stat", path());
  return static_cast<std::uint64_t>(info.st_size);
}

Result<std::uint64_t> PosixFile::AllocatedBytes() const {
  constexpr std::uint64_t kStatBlockBytes = 512;  // whatever the file system's own are
  struct stat info;
  if (::fstat(fd(), &info) != 0) return ErrnoStatus(errno, "stat", path());
  return static_cast<std::uint64_t>(info.st_blocks) * kStatBlockBytes;
}

Result<Mapping> PosixFile::Map(std::uint64_t offset, std::size_t length) const {
  if (length == 0) return Mapping();
  const std::size_t inside = static_cast<std::size_t>(offset % SystemPageSize());
  if (!FitsOffset(offset, length)) return ErrnoStatus(EINVAL, "map", AtOffset(path(), offset));
  void* base = ::mmap(nullptr, length + inside, PROT_READ, MAP_PRIVATE, fd(),
                      static_cast<off_t>(offset - inside));
  if (base == MAP_FAILED) return ErrnoStatus(errno, "map", AtOffset(path(), offset));
  return Mapping(static_cast<const std::byte*>(base) + inside, length, Unmap);
}

Status PosixFile::MapPrivate(std::uint64_t offset, std::uint64_t length, std::byte* at) const {
  return MapDescriptorPrivate(fd(), path(), offset, length, at);
}

Status MapDescriptorPrivate(int fd, const std::string& path, std::uint64_t offset,
                            std::uint64_t length, std::byte* at) {
  if (length == 0) return {};
  if (!FitsOffset(offset, length)) return ErrnoStatus(EINVAL, "map", AtOffset(path, offset));
  // NORESERVE: else the system would set memory aside for a copy of every page. Nothing else is
  // mapped over: the range is the caller's.
  void* mapped = ::mmap(at, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
                        fd, static_cast<off_t>(offset));
  if (mapped == MAP_FAILED) {
    const int error = errno;
    const Status status = ErrnoStatus(error, "map", AtOffset(path, offset));
    if (error == ENODEV) return Status::NotSupported(std::string(status.message()));
    if (error == ENOMEM) return Status::IndexFull(std::string(status.message()));
    return status;
  }
  // A child must not touch the pages (and without this every write after a fork would copy one).
  // Advice, all three: without it nothing goes wrong. Around a page that a walk comes by lies
  // nothing that it wants; and a copy is to be as small as what changed.
  ::madvise(at, length, MADV_DONTFORK);
  ::madvise(at, length, MADV_RANDOM);
  ::madvise(at, length, MADV_NOHUGEPAGE);
  return {};
}

Status AllocateByWriting(File& file, std::uint64_t offset, std::uint64_t length) {
  AlignedBuffer buffer(256 << 10);
  while (length > 0) {
    const std::span<std::byte> piece = buffer.span().first(
        static_cast<std::size_t>(std::min<std::uint64_t>(length, buffer.size())));
    ENGRAM_ASSIGN_OR_RETURN(const std::size_t got, file.ReadAt(offset, piece));
    std::memset(piece.data() + got, 0, piece.size() - got);
    ENGRAM_RETURN_IF_ERROR(file.WriteAt(offset, piece));
    offset += piece.size();
    length -= piece.size();
  }
  return {};
}

}  // namespace engram
