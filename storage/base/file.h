// The only way to the disk: everything Engram and its RocksDB read or write goes through these two
// interfaces, so that one simulated crash hits all of it. Implementations: posix_file_system.h,
// uring_file_system.h; tests have a simulated one and one that injects faults (tests/support).
// Errors: kNotFound (no such file), kAlreadyExists, kNoSpace (ENOSPC, EDQUOT, from writes and
// allocation), kIoError (everything else); messages name the path and the system's reason.
// Implements docs/architecture.md, "The file layer".
#ifndef ENGRAM_STORAGE_BASE_FILE_H_
#define ENGRAM_STORAGE_BASE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <engram/result.h>
#include <engram/status.h>

namespace engram {

struct WriteOp {
  std::uint64_t offset = 0;
  std::span<const std::byte> bytes;
};

struct ReadOp {
  std::uint64_t offset = 0;
  std::span<std::byte> bytes;
};

// A private, read-only view of a file's bytes. Unmapped by its destructor.
// Threads: any thread may read.
class Mapping {
 public:
  Mapping() = default;
  // `release` gets base and size when the view goes.
  Mapping(const std::byte* base, std::size_t size, void (*release)(void*, std::size_t))
      : base_(base), size_(size), release_(release) {}
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  std::span<const std::byte> bytes() const { return {base_, size_}; }

 private:
  const std::byte* base_ = nullptr;
  std::size_t size_ = 0;
  void (*release_)(void*, std::size_t) = nullptr;
};

// An open file. Closed by its destructor, which syncs nothing.
// Threads: any thread; writes to one range must not overlap in time.
class File {
 public:
  virtual ~File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Fills `out` from `offset` on; returns how many bytes, fewer only at the end of the file.
  virtual Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::byte> out) const = 0;
  // Writes all of `bytes`; interrupted and short writes are carried on.
  virtual Status WriteAt(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  // Several at once, in any order. After an error any of them may have happened.
  virtual Status WriteMany(std::span<const WriteOp> ops);
  // Several at once; an op that ends behind the end of the file fails with kIoError.
  virtual Status ReadMany(std::span<const ReadOp> ops) const;
  // Makes data, and the size it needs, durable. A failure means that any earlier write may be lost,
  // and calling again proves nothing.
  virtual Status SyncData() = 0;
  // WriteAt, then SyncData, in one system call where the system can.
  virtual Status WriteAndSync(std::uint64_t offset, std::span<const std::byte> bytes);
  // Reserves space, so that writes there cannot fail for lack of it; grows the file; new bytes read
  // as 0.
  virtual Status Allocate(std::uint64_t offset, std::uint64_t length) = 0;
  // Reserves space as Allocate() does, and leaves the size alone: bytes behind the end stay
  // unreadable until they are written. Errors: kNotSupported, where the file system cannot.
  virtual Status Reserve(std::uint64_t offset, std::uint64_t length) = 0;
  virtual Status Truncate(std::uint64_t size) = 0;
  // Gives the space of the range back: the size stays, bytes of it read as 0. Until the next sync a
  // crash may undo it in any part. Private views show the zeros at once, the process's own copies
  // stay. Errors: kNotSupported, where the file system cannot: nothing is changed then; kNoSpace.
  virtual Status Deallocate(std::uint64_t offset, std::uint64_t length) = 0;
  virtual Result<std::uint64_t> Size() const = 0;
  // What the file takes on the disk: less than its size where it has holes, more where space was
  // reserved behind its end.
  virtual Result<std::uint64_t> AllocatedBytes() const = 0;
  // Pre: the range lies inside the file.
  virtual Result<Mapping> Map(std::uint64_t offset, std::size_t length) const = 0;
  // Puts a private view of the range over addresses that the caller owns and unmaps, in one step: a
  // page that is written there becomes the process's own copy until the caller drops it
  // (AddressSpace::Drop()), the others follow the file. A child does not inherit it. Pre: offset,
  // length and `at` are multiples of the system's page size; the range lies inside the file, and
  // stays there: touching what the file has lost is SIGBUS. Errors: kNotSupported, where this kind
  // of file cannot; kIndexFull, where the process may have no more mappings; kIoError.
  virtual Status MapPrivate(std::uint64_t offset, std::uint64_t length, std::byte* at) const;

  const std::string& path() const { return path_; }

 protected:
  explicit File(std::string path) : path_(std::move(path)) {}

 private:
  std::string path_;
};

enum class OpenMode : std::uint8_t {
  kRead,       // must exist
  kReadWrite,  // must exist
  kCreate,     // read and write; made where missing
  kCreateNew,  // read and write; must not exist
};

enum class LockMode : std::uint8_t { kShared, kExclusive };

enum class FileType : std::uint8_t { kRegular, kDirectory, kOther };

struct FileInfo {
  FileType type = FileType::kRegular;
  std::uint64_t size = 0;
  std::uint32_t permissions = 0;  // the nine mode bits
  std::uint64_t modified_us = 0;  // since 1970
};

// Held until destroyed. Threads: one thread.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// Names. Paths are absolute or relative to the process; no call follows a symbolic link in the last
// part of a path that it opens for writing. Threads: any thread.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;
  // Replaces `to` in one step. Durable after SyncDirectory of both parents.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Unlink(const std::string& path) = 0;
  // Success where it exists already. Mode 0700.
  virtual Status CreateDirectory(const std::string& path) = 0;
  virtual Status RemoveDirectory(const std::string& path) = 0;
  // Makes the names in the directory durable: created, renamed and unlinked ones.
  virtual Status SyncDirectory(const std::string& path) = 0;
  // Names without "." and "..", in no particular order.
  virtual Result<std::vector<std::string>> List(const std::string& path) = 0;
  virtual Result<FileInfo> Stat(const std::string& path) = 0;
  // Takes an advisory lock on the file without waiting; makes the file where it is missing
  // (exclusive mode only) and, in exclusive mode, writes `owner` into it. Errors: kBusy, with the
  // content of the file in the message.
  virtual Result<std::unique_ptr<FileLock>> Lock(const std::string& path, LockMode mode,
                                                 const std::string& owner) = 0;
};

// Reads exactly out.size() bytes. Errors: kCorruptedIndex where the file ends earlier.
Status ReadExactly(const File& file, std::uint64_t offset, std::span<std::byte> out);

// "a/b".
std::string JoinPath(const std::string& directory, const std::string& name);

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_FILE_H_
