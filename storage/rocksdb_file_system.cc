#include "storage/rocksdb_file_system.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "storage/rocksdb_manifest.h"
#include "storage/rocksdb_manifest_room.h"
#include "storage/rocksdb_status.h"

namespace engram {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

std::span<std::byte> Writable(char* scratch, std::size_t size) {
  return std::as_writable_bytes(std::span(scratch, size));
}

// Reads into `scratch` and lets `result` name what was read.
IOStatus ReadInto(const File& file, std::uint64_t offset, std::size_t size, char* scratch,
                  Slice* result) {
  const auto read = file.ReadAt(offset, Writable(scratch, size));
  *result = Slice(scratch, read.ok() ? *read : 0);
  return ToIoStatus(read.status());
}

// Syncs of this store's RocksDB, each behind the log.
class Barrier {
 public:
  explicit Barrier(std::function<Status()> log_barrier) : log_barrier_(std::move(log_barrier)) {}

  template <typename Sync>
  IOStatus SyncBehindLog(const Sync& sync) const {
    if (log_barrier_ && !ENGRAM_MUTANT(kBarrierSkipped)) {
      if (const Status status = log_barrier_(); !status.ok()) return Failed(status);
    }
    if (const Status status = sync(); !status.ok()) return Failed(status);
    return IOStatus::OK();
  }

 private:
  // Never NoSpace, whatever the cause: RocksDB could go on after a full disk, and what a failed
  // sync has lost stays lost.
  static IOStatus Failed(const Status& status) { return IOStatus::IOError(status.ToString()); }

  std::function<Status()> log_barrier_;
};

class SequentialFile : public rocksdb::FSSequentialFile {
 public:
  // Reads as if the file ended at `end`.
  SequentialFile(std::unique_ptr<File> file, std::uint64_t end)
      : file_(std::move(file)), end_(end) {}

  IOStatus Read(std::size_t size, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) override {
    const std::uint64_t left = end_ - std::min(offset_, end_);
    IOStatus status =
        ReadInto(*file_, offset_, std::min<std::uint64_t>(size, left), scratch, result);
    offset_ += result->size();
    return status;
  }
  IOStatus Skip(std::uint64_t size) override {
    offset_ += size;
    return IOStatus::OK();
  }

 private:
  std::unique_ptr<File> file_;
  const std::uint64_t end_;
  std::uint64_t offset_ = 0;
};

class RandomAccessFile : public rocksdb::FSRandomAccessFile {
 public:
  explicit RandomAccessFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  IOStatus Read(std::uint64_t offset, std::size_t size, const IOOptions&, Slice* result,
                char* scratch, IODebugContext*) const override {
    return ReadInto(*file_, offset, size, scratch, result);
  }

 private:
  std::unique_ptr<File> file_;
};

// Only appended to; RocksDB buffers in front of it.
class WritableFile : public rocksdb::FSWritableFile {
 public:
  WritableFile(std::shared_ptr<File> file, std::uint64_t size,
               std::shared_ptr<const Barrier> barrier, const FileOptions& options)
      : FSWritableFile(options),
        file_(std::move(file)),
        size_(size),
        barrier_(std::move(barrier)) {}

  using FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    const Status status = file_->WriteAt(size_, std::as_bytes(std::span(data.data(), data.size())));
    if (status.ok()) size_ += data.size();
    return ToIoStatus(status);
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions&, IODebugContext*) override {
    const Status status = file_->Truncate(size);
    if (status.ok()) size_ = size;
    return ToIoStatus(status);
  }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    return barrier_->SyncBehindLog([this] { return file_->SyncData(); });
  }
  // The default would sync, ahead of time, where only write-back is wanted.
  IOStatus RangeSync(std::uint64_t, std::uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  bool IsSyncThreadSafe() const override { return true; }
  IOStatus Close(const IOOptions&, IODebugContext*) override {
    file_.reset();
    return IOStatus::OK();
  }
  std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return size_; }

 private:
  std::shared_ptr<File> file_;
  std::uint64_t size_;
  std::shared_ptr<const Barrier> barrier_;
};

class Directory : public rocksdb::FSDirectory {
 public:
  Directory(std::shared_ptr<FileSystem> file_system, std::string path,
            std::shared_ptr<const Barrier> barrier)
      : file_system_(std::move(file_system)),
        path_(std::move(path)),
        barrier_(std::move(barrier)) {}

  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return barrier_->SyncBehindLog([this] { return file_system_->SyncDirectory(path_); });
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  std::shared_ptr<FileSystem> file_system_;
  std::string path_;
  std::shared_ptr<const Barrier> barrier_;
};

class HeldLock : public rocksdb::FileLock {
 public:
  explicit HeldLock(std::unique_ptr<engram::FileLock> lock) : lock_(std::move(lock)) {}

 private:
  std::unique_ptr<engram::FileLock> lock_;
};

// RocksDB's copy of its options, written at each open and for each new family. Ours are code and
// nobody reads the copy, so it is refused, which RocksDB permits: an open takes a fifth of the
// time, and two syncs less.
bool IsOptionsFile(std::string_view path) {
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  return name.substr(0, 8) == "OPTIONS-";
}

// A file of rows, the output of a flush or a compaction.
bool IsTable(std::string_view path) { return path.ends_with(".sst"); }

// What our configuration of RocksDB never calls stays as the base class has it: NotSupported.
class RocksDbFileSystem : public rocksdb::FileSystem {
 public:
  RocksDbFileSystem(std::shared_ptr<engram::FileSystem> files, std::function<Status()> log_barrier,
                    std::uint64_t manifest_bytes)
      : files_(std::move(files)),
        barrier_(std::make_shared<Barrier>(std::move(log_barrier))),
        room_(files_, manifest_bytes) {}

  const char* Name() const override { return "EngramFileSystem"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             IODebugContext*) override {
    auto file = files_->Open(path, OpenMode::kRead);
    if (!file.ok()) return ToIoStatus(file.status());
    std::uint64_t end = std::numeric_limits<std::uint64_t>::max();
    if (IsManifest(path)) {
      const auto good = GoodManifestBytes(**file);
      if (!good.ok()) return ToIoStatus(good.status());
      end = *good;
    }
    *result = std::make_unique<SequentialFile>(std::move(*file), end);
    return IOStatus::OK();
  }

  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               IODebugContext*) override {
    auto file = files_->Open(path, OpenMode::kRead);
    if (file.ok()) *result = std::make_unique<RandomAccessFile>(std::move(*file));
    return ToIoStatus(file.status());
  }

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext*) override {
    if (IsOptionsFile(path)) return IOStatus::NotSupported(path, kNoOptionsFile);
    auto file = OpenNew(path);
    if (file.ok()) *result = std::make_unique<WritableFile>(std::move(*file), 0, barrier_, options);
    return ToIoStatus(file.status());
  }

  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* result,
                              IODebugContext*) override {
    auto file = files_->Open(path, OpenMode::kCreate);
    if (!file.ok()) return ToIoStatus(file.status());
    const auto size = (*file)->Size();
    if (!size.ok()) return ToIoStatus(size.status());
    *result = std::make_unique<WritableFile>(std::move(*file), *size, barrier_, options);
    return IOStatus::OK();
  }

  IOStatus NewDirectory(const std::string& path, const IOOptions&,
                        std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext*) override {
    const auto info = files_->Stat(path);
    if (!info.ok()) return ToIoStatus(info.status());
    if (info->type != FileType::kDirectory) return IOStatus::IOError(path, "is not a directory");
    *result = std::make_unique<Directory>(files_, path, barrier_);
    return IOStatus::OK();
  }

  IOStatus FileExists(const std::string& path, const IOOptions&, IODebugContext*) override {
    return ToIoStatus(files_->Stat(path).status());
  }

  IOStatus GetChildren(const std::string& path, const IOOptions&, std::vector<std::string>* result,
                       IODebugContext*) override {
    auto names = files_->List(path);
    result->clear();
    if (names.ok()) *result = std::move(*names);
    return ToIoStatus(names.status());
  }

  IOStatus DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) override {
    return ToIoStatus(files_->Unlink(path));
  }

  IOStatus CreateDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    if (files_->Stat(path).ok()) return IOStatus::IOError(path, "exists already");
    return ToIoStatus(files_->CreateDirectory(path));
  }

  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions&, IODebugContext*) override {
    // Asked for by a read-only open too, which must change nothing.
    if (files_->Stat(path).ok()) return IOStatus::OK();
    return ToIoStatus(files_->CreateDirectory(path));
  }

  IOStatus DeleteDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return ToIoStatus(files_->RemoveDirectory(path));
  }

  IOStatus GetFileSize(const std::string& path, const IOOptions&, std::uint64_t* size,
                       IODebugContext*) override {
    const auto info = files_->Stat(path);
    *size = info.ok() ? info->size : 0;
    return ToIoStatus(info.status());
  }

  IOStatus GetFileModificationTime(const std::string& path, const IOOptions&,
                                   std::uint64_t* seconds, IODebugContext*) override {
    const auto info = files_->Stat(path);
    *seconds = info.ok() ? info->modified_us / 1'000'000 : 0;
    return ToIoStatus(info.status());
  }

  // Makes the names in the directory durable first: RocksDB syncs the bytes of a new MANIFEST, but
  // its name only after CURRENT has been renamed to point to it, and a power loss may keep the
  // later of two names alone.
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&,
                      IODebugContext*) override {
    const std::string directory = to.substr(0, to.find_last_of('/'));
    const IOStatus synced =
        barrier_->SyncBehindLog([&] { return files_->SyncDirectory(directory); });
    return synced.ok() ? ToIoStatus(files_->Rename(from, to)) : synced;
  }

  IOStatus LockFile(const std::string& path, const IOOptions&, rocksdb::FileLock** result,
                    IODebugContext*) override {
    *result = nullptr;
    auto lock = files_->Lock(path, LockMode::kExclusive, "metadata store");
    if (lock.ok()) *result = std::make_unique<HeldLock>(std::move(*lock)).release();
    return ToIoStatus(lock.status());
  }

  // RocksDB gives back what LockFile() released to it.
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    std::unique_ptr<HeldLock>(static_cast<HeldLock*>(lock)).reset();
    return IOStatus::OK();
  }

  IOStatus GetTestDirectory(const IOOptions&, std::string*, IODebugContext*) override {
    return IOStatus::NotSupported("no test directory");
  }

  // Options::info_log is always set, so that nothing is logged to disk.
  IOStatus NewLogger(const std::string& path, const IOOptions&, std::shared_ptr<rocksdb::Logger>*,
                     IODebugContext*) override {
    return IOStatus::NotSupported(path, "no log file is kept");
  }

  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&, std::string* result,
                           IODebugContext*) override {
    *result = path;
    return IOStatus::OK();
  }

  IOStatus IsDirectory(const std::string& path, const IOOptions&, bool* result,
                       IODebugContext*) override {
    const auto info = files_->Stat(path);
    *result = info.ok() && info->type == FileType::kDirectory;
    return ToIoStatus(info.status());
  }

 private:
  // A table that is refused changes nothing. So its failure does not name the MANIFEST: one that
  // does is of a write of it, as BackgroundWork takes it.
  Status PrepareTable(const std::string& path) {
    Status status = room_.Prepare();
    if (status.code() != Code::kNoSpace) return status;
    return Status::NoSpace(path + ": there is no room for the records that would follow from it");
  }
  Result<std::shared_ptr<File>> OpenNew(const std::string& path) {
    if (IsTable(path)) ENGRAM_RETURN_IF_ERROR(PrepareTable(path));
    ENGRAM_ASSIGN_OR_RETURN(ManifestRoom::EmptyFile empty, room_.TakeSpare(path));
    if (empty.file == nullptr) {
      ENGRAM_ASSIGN_OR_RETURN(empty.file, Create(path));
    }
    if (IsManifest(path)) return room_.AdoptManifest(std::move(empty));
    return std::shared_ptr<File>(std::move(empty.file));
  }

  Result<std::unique_ptr<File>> Create(const std::string& path) {
    auto file = files_->Open(path, OpenMode::kCreateNew);
    if (file.code() != Code::kAlreadyExists) return file;
    // Left by a crash. A new file takes its place, so that none of its bytes can come back.
    ENGRAM_RETURN_IF_ERROR(files_->Unlink(path));
    return files_->Open(path, OpenMode::kCreateNew);
  }

  std::shared_ptr<engram::FileSystem> files_;
  std::shared_ptr<const Barrier> barrier_;
  ManifestRoom room_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> MakeRocksDbFileSystem(std::shared_ptr<FileSystem> file_system,
                                                           std::function<Status()> log_barrier,
                                                           std::uint64_t manifest_bytes) {
  return std::make_shared<RocksDbFileSystem>(std::move(file_system), std::move(log_barrier),
                                             manifest_bytes);
}

}  // namespace engram
