// A file system that notes each call that changes or syncs something, and lets a test refuse it.
#ifndef ENGRAM_TESTS_STORAGE_RECORDING_FILE_SYSTEM_H_
#define ENGRAM_TESTS_STORAGE_RECORDING_FILE_SYSTEM_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/file.h"
#include "storage/base/mutex.h"

namespace engram {

// Syncs are noted and not made: no test that uses this ends in a power loss, and they are slow.
// Notes "<call> <last part of the path>"; calls: create, write, sync, allocate, reserve, truncate,
// deallocate, rename, unlink, mkdir, rmdir, syncdir, lock. Threads: any thread.
class RecordingFileSystem : public FileSystem {
 public:
  // The outcome of a call instead of making it; success makes it.
  using Refusal = std::function<Status(const std::string& event)>;

  explicit RecordingFileSystem(std::shared_ptr<FileSystem> base) : base_(std::move(base)) {}

  void Refuse(Refusal refusal) ENGRAM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    refusal_ = std::move(refusal);
  }
  std::vector<std::string> TakeEvents() ENGRAM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return std::exchange(events_, {});
  }
  // For events of others, in one order with ours. Success where no test refuses it.
  Status Note(const std::string& event) ENGRAM_EXCLUDES(mutex_) {
    Refusal refusal;
    {
      MutexLock lock(mutex_);
      events_.push_back(event);
      refusal = refusal_;
    }
    return refusal ? refusal(event) : Status::Ok();
  }
  Status Note(const std::string& call, const std::string& path) {
    return Note(call + " " + path.substr(path.find_last_of('/') + 1));
  }

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  Status Rename(const std::string& from, const std::string& to) override {
    if (Status s = Note("rename", to); !s.ok()) return s;
    return base_->Rename(from, to);
  }
  Status Unlink(const std::string& path) override {
    if (Status s = Note("unlink", path); !s.ok()) return s;
    return base_->Unlink(path);
  }
  Status CreateDirectory(const std::string& path) override {
    if (Status s = Note("mkdir", path); !s.ok()) return s;
    return base_->CreateDirectory(path);
  }
  Status RemoveDirectory(const std::string& path) override {
    if (Status s = Note("rmdir", path); !s.ok()) return s;
    return base_->RemoveDirectory(path);
  }
  Status SyncDirectory(const std::string& path) override { return Note("syncdir", path); }
  Result<std::vector<std::string>> List(const std::string& path) override {
    return base_->List(path);
  }
  Result<FileInfo> Stat(const std::string& path) override { return base_->Stat(path); }
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path, LockMode mode,
                                         const std::string& owner) override {
    if (Status s = Note("lock", path); !s.ok()) return s;
    return base_->Lock(path, mode, owner);
  }

 private:
  const std::shared_ptr<FileSystem> base_;
  Mutex mutex_;
  Refusal refusal_ ENGRAM_GUARDED_BY(mutex_);
  std::vector<std::string> events_ ENGRAM_GUARDED_BY(mutex_);
};

// A file of a RecordingFileSystem, which outlives it.
class RecordingFile : public File {
 public:
  RecordingFile(std::unique_ptr<File> base, RecordingFileSystem& recorder)
      : File(base->path()), base_(std::move(base)), recorder_(recorder) {}

  Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::byte> out) const override {
    return base_->ReadAt(offset, out);
  }
  Status WriteAt(std::uint64_t offset, std::span<const std::byte> bytes) override {
    if (Status s = recorder_.Note("write", path()); !s.ok()) return s;
    return base_->WriteAt(offset, bytes);
  }
  Status SyncData() override { return recorder_.Note("sync", path()); }
  Status Allocate(std::uint64_t offset, std::uint64_t length) override {
    if (Status s = recorder_.Note("allocate", path()); !s.ok()) return s;
    return base_->Allocate(offset, length);
  }
  Status Reserve(std::uint64_t offset, std::uint64_t length) override {
    if (Status s = recorder_.Note("reserve", path()); !s.ok()) return s;
    return base_->Reserve(offset, length);
  }
  Status Truncate(std::uint64_t size) override {
    if (Status s = recorder_.Note("truncate", path()); !s.ok()) return s;
    return base_->Truncate(size);
  }
  Status Deallocate(std::uint64_t offset, std::uint64_t length) override {
    if (Status s = recorder_.Note("deallocate", path()); !s.ok()) return s;
    return base_->Deallocate(offset, length);
  }
  Result<std::uint64_t> Size() const override { return base_->Size(); }
  Result<std::uint64_t> AllocatedBytes() const override { return base_->AllocatedBytes(); }
  Result<Mapping> Map(std::uint64_t offset, std::size_t length) const override {
    return base_->Map(offset, length);
  }

 private:
  const std::unique_ptr<File> base_;
  RecordingFileSystem& recorder_;
};

inline Result<std::unique_ptr<File>> RecordingFileSystem::Open(const std::string& path,
                                                               OpenMode mode) {
  if (mode == OpenMode::kCreate || mode == OpenMode::kCreateNew) {
    if (Status s = Note("create", path); !s.ok()) return s;
  }
  auto file = base_->Open(path, mode);
  if (!file.ok()) return file.status();
  return std::unique_ptr<File>(std::make_unique<RecordingFile>(std::move(*file), *this));
}

}  // namespace engram

#endif  // ENGRAM_TESTS_STORAGE_RECORDING_FILE_SYSTEM_H_
