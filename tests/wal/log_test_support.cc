#include "tests/wal/log_test_support.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "storage/base/checksum.h"
#include "storage/base/coding.h"
#include "storage/base/posix_file_system.h"
#include "storage/base/status_macros.h"
#include "wal/log_segments.h"

namespace engram {
namespace {

class HookedFile : public File {
 public:
  HookedFile(std::unique_ptr<File> base, const HookedFileSystem::Hook& before)
      : File(base->path()), base_(std::move(base)), before_(before) {}

  Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::byte> out) const override {
    ENGRAM_RETURN_IF_ERROR(before_("read", path()));
    return base_->ReadAt(offset, out);
  }
  Status WriteAt(std::uint64_t offset, std::span<const std::byte> bytes) override {
    ENGRAM_RETURN_IF_ERROR(before_("write", path()));
    return base_->WriteAt(offset, bytes);
  }
  Status SyncData() override {
    ENGRAM_RETURN_IF_ERROR(before_("sync", path()));
    return base_->SyncData();
  }
  Status Allocate(std::uint64_t offset, std::uint64_t length) override {
    ENGRAM_RETURN_IF_ERROR(before_("allocate", path()));
    return base_->Allocate(offset, length);
  }
  Status Reserve(std::uint64_t offset, std::uint64_t length) override {
    ENGRAM_RETURN_IF_ERROR(before_("reserve", path()));
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
  std::unique_ptr<File> base_;
  const HookedFileSystem::Hook& before_;
};

}  // namespace

std::vector<std::byte> ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return Bytes(text);
}

void WriteBytes(const std::string& path, const std::vector<std::byte>& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

std::vector<std::byte> Bytes(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

RawSegment::RawSegment(std::uint64_t first_lsn, std::uint32_t generation) : bytes_(kLogBlockBytes) {
  header_.magic = kSegmentMagic;
  header_.format_version = 1;
  header_.generation = generation;
  header_.store_id = kTestStoreId;
  header_.first_lsn = L(first_lsn);
  header_.previous_end = L(first_lsn - 1);
  header_.previous_generation = generation - 1;
}

std::uint64_t RawSegment::Add(const FrameFields& fields) {
  bytes_.resize(AlignUp(bytes_.size(), 8));
  const std::uint64_t offset = bytes_.size();
  FrameHeader header{};
  header.frame_bytes = static_cast<std::uint32_t>(sizeof(FrameHeader) + fields.payload.size());
  header.generation = fields.generation.value_or(header_.generation);
  header.lsn = L(fields.lsn);
  header.durable_through = L(fields.durable_through);
  header.part = fields.part;
  header.kind = fields.kind;
  bytes_.resize(offset + header.frame_bytes);
  std::byte* frame = bytes_.data() + offset;
  StoreAs(frame, header);
  std::memcpy(frame + sizeof(header), fields.payload.data(), fields.payload.size());
  header.checksum = Checksum64({frame + 8, header.frame_bytes - 8}, kTestStoreId);
  StoreAs(frame, header);
  bytes_.resize(AlignUp(bytes_.size(), 8));
  return offset;
}

void RawSegment::SkipToBlock() { bytes_.resize(AlignUp(bytes_.size(), kLogBlockBytes)); }

std::string RawSegment::Save(const std::string& directory) {
  StoreAs(bytes_.data(), header_);
  header_.checksum = Checksum64({bytes_.data() + 8, kLogBlockBytes - 8});
  StoreAs(bytes_.data(), header_);
  const std::string path = directory + "/" + SegmentName(header_.first_lsn);
  WriteBytes(path, bytes_);
  return path;
}

std::vector<std::uint64_t> ReadOutcome::lsns() const {
  std::vector<std::uint64_t> result;
  for (const auto& [lsn, text] : commits) result.push_back(lsn);
  return result;
}

ReadOutcome ReadAll(const std::string& directory, std::uint64_t after,
                    std::uint64_t known_durable) {
  LogReaderOptions options;
  options.file_system = MakePosixFileSystem();
  options.directory = directory;
  options.store_id = kTestStoreId;
  options.known_durable = L(known_durable);
  ReadOutcome outcome;
  outcome.end = ReadLog(
      options, L(after), [&](Lsn lsn, std::span<const std::span<const std::byte>> payloads) {
        std::string text;
        for (const auto& payload : payloads) {
          EXPECT_EQ(reinterpret_cast<std::uintptr_t>(payload.data()) % 8, 0u);
          if (!text.empty()) text += '|';
          text.append(reinterpret_cast<const char*>(payload.data()), payload.size());
        }
        outcome.commits.emplace_back(Raw(lsn), text);
        return Status();
      });
  return outcome;
}

LogWriterOptions WriterOptions(const std::string& directory, std::uint64_t previous_end,
                               std::uint32_t generation) {
  LogWriterOptions options;
  options.file_system = MakePosixFileSystem();
  options.directory = directory;
  options.store_id = kTestStoreId;
  options.generation = generation;
  options.previous_generation = generation - 1;
  options.previous_end = L(previous_end);
  options.segment_bytes = 64 << 10;
  return options;
}

Status AppendOne(LogWriter& log, std::uint64_t lsn, SyncMode mode,
                 const std::vector<std::string>& payloads) {
  std::uint64_t size = 0;
  std::vector<std::span<const std::byte>> spans;
  for (const std::string& payload : payloads) {
    size += payload.size();
    spans.push_back(std::as_bytes(std::span(payload)));
  }
  ENGRAM_RETURN_IF_ERROR(log.Reserve(size, static_cast<std::uint32_t>(spans.size())));
  const CommitFrames commit{L(lsn), spans};
  return log.Append({&commit, 1}, mode);
}

HookedFileSystem::HookedFileSystem(Hook before)
    : before_(std::move(before)), base_(MakePosixFileSystem()) {}

Result<std::unique_ptr<File>> HookedFileSystem::Open(const std::string& path, OpenMode mode) {
  ENGRAM_RETURN_IF_ERROR(before_("open", path));
  ENGRAM_ASSIGN_OR_RETURN(auto file, base_->Open(path, mode));
  return std::unique_ptr<File>(std::make_unique<HookedFile>(std::move(file), before_));
}
Status HookedFileSystem::Rename(const std::string& from, const std::string& to) {
  ENGRAM_RETURN_IF_ERROR(before_("rename", to));
  return base_->Rename(from, to);
}
Status HookedFileSystem::Unlink(const std::string& path) {
  ENGRAM_RETURN_IF_ERROR(before_("unlink", path));
  return base_->Unlink(path);
}
Status HookedFileSystem::CreateDirectory(const std::string& path) {
  return base_->CreateDirectory(path);
}
Status HookedFileSystem::RemoveDirectory(const std::string& path) {
  return base_->RemoveDirectory(path);
}
Status HookedFileSystem::SyncDirectory(const std::string& path) {
  ENGRAM_RETURN_IF_ERROR(before_("syncdir", path));
  return base_->SyncDirectory(path);
}
Result<std::vector<std::string>> HookedFileSystem::List(const std::string& path) {
  ENGRAM_RETURN_IF_ERROR(before_("list", path));
  return base_->List(path);
}
Result<FileInfo> HookedFileSystem::Stat(const std::string& path) { return base_->Stat(path); }
Result<std::unique_ptr<FileLock>> HookedFileSystem::Lock(const std::string& path, LockMode mode,
                                                         const std::string& owner) {
  return base_->Lock(path, mode, owner);
}

}  // namespace engram
