#include "tools/bench/peers/counting_file_system.h"

#include <utility>

namespace engram::bench {
namespace {

class CountingFile final : public File {
 public:
  CountingFile(std::unique_ptr<File> base, std::atomic<std::uint64_t>& bytes)
      : File(base->path()), base_(std::move(base)), bytes_(bytes) {}

  Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::byte> out) const override {
    return base_->ReadAt(offset, out);
  }
  Status WriteAt(std::uint64_t offset, std::span<const std::byte> bytes) override {
    Count(bytes.size());
    return base_->WriteAt(offset, bytes);
  }
  Status WriteMany(std::span<const WriteOp> ops) override {
    for (const WriteOp& op : ops) Count(op.bytes.size());
    return base_->WriteMany(ops);
  }
  Status ReadMany(std::span<const ReadOp> ops) const override { return base_->ReadMany(ops); }
  Status SyncData() override { return base_->SyncData(); }
  Status WriteAndSync(std::uint64_t offset, std::span<const std::byte> bytes) override {
    Count(bytes.size());
    return base_->WriteAndSync(offset, bytes);
  }
  Status Allocate(std::uint64_t offset, std::uint64_t length) override {
    return base_->Allocate(offset, length);
  }
  Status Reserve(std::uint64_t offset, std::uint64_t length) override {
    return base_->Reserve(offset, length);
  }
  Status Truncate(std::uint64_t size) override { return base_->Truncate(size); }
  Status Deallocate(std::uint64_t offset, std::uint64_t length) override {
    return base_->Deallocate(offset, length);
  }
  Result<std::uint64_t> Size() const override { return base_->Size(); }
  Result<std::uint64_t> AllocatedBytes() const override { return base_->AllocatedBytes(); }
  Result<Mapping> Map(std::uint64_t offset, std::size_t length) const override {
    return base_->Map(offset, length);
  }

 private:
  void Count(std::size_t bytes) {
    bytes_.fetch_add(bytes, std::memory_order_relaxed);  // relaxed: see WrittenBytes
  }

  std::unique_ptr<File> base_;
  std::atomic<std::uint64_t>& bytes_;
};

}  // namespace

std::atomic<std::uint64_t>& WrittenBytes::Of(const std::string& path) {
  const auto has = [&](const char* part) { return path.find(part) != std::string::npos; };
  if (has("/wal/")) return log;
  if (has("/meta/")) return rows;
  if (path.ends_with("/graph.engram")) return pages;
  if (path.ends_with("/graph.journal")) return journal;
  return other;
}

Result<std::unique_ptr<File>> CountingFileSystem::Open(const std::string& path, OpenMode mode) {
  auto file = base_->Open(path, mode);
  if (!file.ok()) return file.status();
  return std::unique_ptr<File>(
      std::make_unique<CountingFile>(std::move(file).value(), written_.Of(path)));
}

Status CountingFileSystem::Rename(const std::string& from, const std::string& to) {
  return base_->Rename(from, to);
}

Status CountingFileSystem::Unlink(const std::string& path) { return base_->Unlink(path); }

Status CountingFileSystem::CreateDirectory(const std::string& path) {
  return base_->CreateDirectory(path);
}

Status CountingFileSystem::RemoveDirectory(const std::string& path) {
  return base_->RemoveDirectory(path);
}

Status CountingFileSystem::SyncDirectory(const std::string& path) {
  return base_->SyncDirectory(path);
}

Result<std::vector<std::string>> CountingFileSystem::List(const std::string& path) {
  return base_->List(path);
}

Result<FileInfo> CountingFileSystem::Stat(const std::string& path) { return base_->Stat(path); }

Result<std::unique_ptr<FileLock>> CountingFileSystem::Lock(const std::string& path, LockMode mode,
                                                           const std::string& owner) {
  return base_->Lock(path, mode, owner);
}

}  // namespace engram::bench
