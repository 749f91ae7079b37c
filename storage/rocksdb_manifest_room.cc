#include "storage/rocksdb_manifest_room.h"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "storage/base/status_macros.h"
#include "storage/rocksdb_manifest.h"

namespace engram {
namespace {

// "MANIFEST-000005\n".
constexpr std::uint64_t kCurrentBytes = 4096;
constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

// RocksDB writes CURRENT under such a name, and renames it.
bool BecomesCurrent(std::string_view path) { return path.ends_with(".dbtmp"); }

// Takes the bytes of `file` from `reserved` up to `wanted`; how far they are taken now. Where the
// file system cannot reserve, all is as if there were room: nothing better is to be had.
Result<std::uint64_t> ReserveUpTo(File& file, std::uint64_t reserved, std::uint64_t wanted) {
  if (reserved >= wanted) return reserved;
  const Status status = file.Reserve(reserved, wanted - reserved);
  if (status.code() == Code::kNotSupported) return kUnlimited;
  ENGRAM_RETURN_IF_ERROR(status);
  return wanted;
}

}  // namespace

// Leaves it to the file under it what is in the file. Its size never shows the room.
class ManifestRoom::ManifestFile : public File {
 public:
  explicit ManifestFile(EmptyFile file)
      : File(file.file->path()), base_(std::move(file.file)), reserved_(file.reserved_bytes) {}

  // Takes room where less than the least is left.
  Status KeepRoom() ENGRAM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return TakeRoomBehind(end_);
  }
  std::uint64_t end() const ENGRAM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return end_;
  }

  Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::byte> out) const override {
    return base_->ReadAt(offset, out);
  }
  Status WriteAt(std::uint64_t offset, std::span<const std::byte> bytes) override {
    {
      MutexLock lock(mutex_);
      const std::uint64_t end = std::max(end_, offset + bytes.size());
      const Status status = TakeRoomBehind(end);
      const bool fits = status.code() == Code::kNoSpace && end <= reserved_;
      if (!fits) ENGRAM_RETURN_IF_ERROR(status);
      end_ = end;
    }
    return base_->WriteAt(offset, bytes);
  }
  Status SyncData() override { return base_->SyncData(); }
  Status Allocate(std::uint64_t offset, std::uint64_t length) override {
    return base_->Allocate(offset, length);
  }
  Status Reserve(std::uint64_t offset, std::uint64_t length) override {
    return base_->Reserve(offset, length);
  }
  // Gives the room back; the next write takes it again.
  Status Truncate(std::uint64_t size) override ENGRAM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    end_ = size;
    reserved_ = std::min(reserved_, size);
    return base_->Truncate(size);
  }
  // RocksDB never does; the room behind the range goes with it.
  Status Deallocate(std::uint64_t offset, std::uint64_t length) override ENGRAM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    reserved_ = std::min(reserved_, offset);
    return base_->Deallocate(offset, length);
  }
  Result<std::uint64_t> Size() const override { return base_->Size(); }
  Result<std::uint64_t> AllocatedBytes() const override { return base_->AllocatedBytes(); }
  Result<Mapping> Map(std::uint64_t offset, std::size_t length) const override {
    return base_->Map(offset, length);
  }

 private:
  Status TakeRoomBehind(std::uint64_t end) ENGRAM_REQUIRES(mutex_) {
    if (reserved_ >= end && reserved_ - end >= kLeastManifestRoom) return {};
    ENGRAM_ASSIGN_OR_RETURN(reserved_, ReserveUpTo(*base_, reserved_, end + kManifestRoom));
    return {};
  }

  const std::unique_ptr<File> base_;
  // Held across Reserve(), so that who writes and who prepares do not both take the same room.
  mutable Mutex mutex_;
  std::uint64_t end_ ENGRAM_GUARDED_BY(mutex_) = 0;
  std::uint64_t reserved_ ENGRAM_GUARDED_BY(mutex_);  // up to here writes cannot lack space
};

Result<ManifestRoom::EmptyFile> ManifestRoom::TakeSpare(const std::string& path) {
  MutexLock lock(mutex_);
  Spare none;
  Spare& spare = IsManifest(path) ? spare_manifest_ : BecomesCurrent(path) ? spare_current_ : none;
  if (spare.bytes == 0) return EmptyFile();
  ENGRAM_RETURN_IF_ERROR(files_->Rename(spare.path, path));
  EmptyFile taken;
  taken.reserved_bytes = std::exchange(spare.bytes, 0);
  ENGRAM_ASSIGN_OR_RETURN(taken.file, files_->Open(path, OpenMode::kReadWrite));
  return taken;
}

Result<std::shared_ptr<File>> ManifestRoom::AdoptManifest(EmptyFile file) {
  auto manifest = std::make_shared<ManifestFile>(std::move(file));
  ENGRAM_RETURN_IF_ERROR(manifest->KeepRoom());
  const std::string directory = manifest->path().substr(0, manifest->path().find_last_of('/'));
  MutexLock lock(mutex_);
  manifest_ = manifest;
  spare_manifest_.path = JoinPath(directory, std::string(kSpareManifest));
  spare_current_.path = JoinPath(directory, std::string(kSpareCurrent));
  return std::shared_ptr<File>(std::move(manifest));
}

Status ManifestRoom::Prepare() {
  MutexLock lock(mutex_);
  const std::shared_ptr<ManifestFile> manifest = manifest_.lock();
  // A write of it has failed, and RocksDB has taken note.
  if (manifest == nullptr) return {};
  ENGRAM_RETURN_IF_ERROR(manifest->KeepRoom());
  const std::uint64_t end = manifest->end();
  if (end + kLeastManifestRoom <= roll_bytes_) return {};
  // The next one begins with the state that this one describes, in no more bytes.
  ENGRAM_RETURN_IF_ERROR(PrepareSpare(spare_manifest_, end + kLeastManifestRoom,
                                      std::max(end, roll_bytes_) + kManifestRoom));
  return PrepareSpare(spare_current_, kCurrentBytes, kCurrentBytes);
}

Status ManifestRoom::PrepareSpare(Spare& spare, std::uint64_t least, std::uint64_t wanted) {
  if (spare.bytes >= least) return {};
  ENGRAM_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                          files_->Open(spare.path, OpenMode::kCreate));
  ENGRAM_ASSIGN_OR_RETURN(spare.bytes, ReserveUpTo(*file, spare.bytes, wanted));
  return {};
}

}  // namespace engram
