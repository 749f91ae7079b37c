#include "tests/support/sim_file_system.h"

#include <cstdlib>
#include <span>
#include <utility>

#include "storage/base/check.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

constexpr std::size_t kMapAlignment = 4096;

class SimFile : public File {
 public:
  SimFile(std::shared_ptr<SimDisk> disk, InodeId inode, std::string path, bool writable)
      : File(std::move(path)), disk_(std::move(disk)), inode_(inode), writable_(writable) {}

  Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::byte> out) const override {
    return disk_->Read(inode_, offset, out);
  }
  Status WriteAt(std::uint64_t offset, std::span<const std::byte> bytes) override {
    ENGRAM_RETURN_IF_ERROR(CheckWritable("write"));
    return disk_->Write(inode_, path(), offset, bytes);
  }
  Status SyncData() override { return disk_->Sync(inode_, path()); }
  Status Allocate(std::uint64_t offset, std::uint64_t length) override {
    ENGRAM_RETURN_IF_ERROR(CheckWritable("allocate"));
    return disk_->Allocate(inode_, path(), offset, length);
  }
  Status Reserve(std::uint64_t offset, std::uint64_t length) override {
    ENGRAM_RETURN_IF_ERROR(CheckWritable("reserve"));
    return disk_->Reserve(inode_, path(), offset, length);
  }
  Status Truncate(std::uint64_t size) override {
    ENGRAM_RETURN_IF_ERROR(CheckWritable("truncate"));
    return disk_->Truncate(inode_, path(), size);
  }
  Status Deallocate(std::uint64_t offset, std::uint64_t length) override {
    ENGRAM_RETURN_IF_ERROR(CheckWritable("deallocate"));
    return disk_->Deallocate(inode_, path(), offset, length);
  }
  Result<std::uint64_t> Size() const override { return disk_->Size(inode_); }
  Result<std::uint64_t> AllocatedBytes() const override { return disk_->AllocatedBytes(inode_); }
  Result<Mapping> Map(std::uint64_t offset, std::size_t length) const override {
    if (length == 0) return Mapping();
    const std::size_t room = (length + kMapAlignment - 1) / kMapAlignment * kMapAlignment;
    auto* base = static_cast<std::byte*>(std::aligned_alloc(kMapAlignment, room));
    ENGRAM_CHECK(base != nullptr);
    Mapping mapping(base, length, [](void* memory, std::size_t) { std::free(memory); });
    if (disk_->Read(inode_, offset, {base, length}) == length) return mapping;
    return Status::IoError("map " + path() + ": range behind the end of the file");
  }

  Status MapPrivate(std::uint64_t offset, std::uint64_t length, std::byte* at) const override {
    return disk_->MapPrivate(inode_, path(), offset, length, at);
  }

  Status DropUnsynced() const { return disk_->DropUnsynced(inode_, path()); }

 private:
  Status CheckWritable(const std::string& action) const {
    if (writable_) return {};
    return Status::IoError(action + ' ' + path() + ": open for reading only");
  }

  std::shared_ptr<SimDisk> disk_;
  const InodeId inode_;
  const bool writable_;
};

class SimFileLock : public FileLock {
 public:
  SimFileLock(std::shared_ptr<SimDisk> disk, InodeId inode)
      : disk_(std::move(disk)), inode_(inode) {}
  ~SimFileLock() override { disk_->Unlock(inode_); }
  SimFileLock(const SimFileLock&) = delete;
  SimFileLock& operator=(const SimFileLock&) = delete;

 private:
  std::shared_ptr<SimDisk> disk_;
  const InodeId inode_;
};

}  // namespace

SimFileSystem::SimFileSystem(const SimImage& image) : disk_(std::make_shared<SimDisk>(image)) {}

Result<std::unique_ptr<File>> SimFileSystem::Open(const std::string& path, OpenMode mode) {
  ENGRAM_ASSIGN_OR_RETURN(const InodeId inode, disk_->Open(path, mode));
  return std::unique_ptr<File>(
      std::make_unique<SimFile>(disk_, inode, path, mode != OpenMode::kRead));
}

Status SimFileSystem::Rename(const std::string& from, const std::string& to) {
  return disk_->Rename(from, to);
}

Status SimFileSystem::Unlink(const std::string& path) { return disk_->Unlink(path); }

Status SimFileSystem::CreateDirectory(const std::string& path) {
  return disk_->CreateDirectory(path);
}

Status SimFileSystem::RemoveDirectory(const std::string& path) {
  return disk_->RemoveDirectory(path);
}

Status SimFileSystem::SyncDirectory(const std::string& path) { return disk_->SyncDirectory(path); }

Result<std::vector<std::string>> SimFileSystem::List(const std::string& path) {
  return disk_->List(path);
}

Result<FileInfo> SimFileSystem::Stat(const std::string& path) { return disk_->Stat(path); }

Result<std::unique_ptr<FileLock>> SimFileSystem::Lock(const std::string& path, LockMode mode,
                                                      const std::string& owner) {
  ENGRAM_ASSIGN_OR_RETURN(const InodeId inode, disk_->Lock(path, mode, owner));
  return std::unique_ptr<FileLock>(std::make_unique<SimFileLock>(disk_, inode));
}

Status SimFileSystem::DropUnsynced(const std::string& path) {
  ENGRAM_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, Open(path, OpenMode::kRead));
  return DropUnsynced(*file);
}

Status SimFileSystem::DropUnsynced(const File& file) {
  const auto* ours = dynamic_cast<const SimFile*>(&file);
  if (ours == nullptr) {
    return Status::InvalidArgument(file.path() + ": not a file of a simulated file system");
  }
  return ours->DropUnsynced();
}

}  // namespace engram
