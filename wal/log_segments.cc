#include "wal/log_segments.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "storage/base/aligned_buffer.h"
#include "storage/base/checksum.h"
#include "storage/base/coding.h"
#include "storage/base/ids.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

constexpr std::string_view kSegmentSuffix = ".wal";
constexpr std::string_view kTemporarySuffix = ".tmp";
constexpr std::size_t kNameDigits = 16;
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string NameOf(Lsn first_lsn, std::string_view suffix) {
  std::string name(kNameDigits, '0');
  std::uint64_t rest = Raw(first_lsn);
  for (std::size_t i = kNameDigits; i-- > 0; rest >>= 4) name[i] = kHexDigits[rest & 15];
  return name.append(suffix);
}

std::optional<Lsn> ParseName(std::string_view name, std::string_view suffix) {
  if (name.size() != kNameDigits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : name.substr(0, kNameDigits)) {
    const std::size_t digit = kHexDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = value << 4 | digit;
  }
  return static_cast<Lsn>(value);
}

std::uint64_t HeaderChecksum(std::span<const std::byte> block) {
  return Checksum64(block.subspan(sizeof(SegmentHeader::checksum)));
}

Status Damaged(const std::string& path, std::string_view field, std::uint64_t found,
               std::uint64_t expected) {
  return Status::CorruptedIndex(path + ": segment header: " + std::string(field) + " is " +
                                std::to_string(found) + ", expected " + std::to_string(expected));
}

Status CheckHeader(std::span<const std::byte> block, const std::string& path, Lsn first_lsn,
                   std::uint64_t store_id) {
  const auto header = LoadAs<SegmentHeader>(block.data());
  if (header.magic != kSegmentMagic) {
    return Damaged(path, "magic", header.magic, kSegmentMagic);
  }
  if (const std::uint64_t sum = HeaderChecksum(block); header.checksum != sum) {
    return Damaged(path, "checksum", header.checksum, sum);
  }
  if (header.format_version > kLogFormatVersion) {
    return Status::NotSupported(path + ": log format version " +
                                std::to_string(header.format_version) +
                                ", this build reads up to " + std::to_string(kLogFormatVersion) +
                                ": open it with the Engram that wrote it, or a newer one");
  }
  // Records of version 1 are records of version 2 that say nothing of what came with it.
  if (header.format_version < kOldestLogFormatVersion) {
    return Damaged(path, "format version", header.format_version, kLogFormatVersion);
  }
  if (header.store_id != store_id) return Damaged(path, "store id", header.store_id, store_id);
  if (header.first_lsn != first_lsn || first_lsn == Lsn::kNone) {
    return Damaged(path, "first commit", Raw(header.first_lsn), Raw(first_lsn));
  }
  if (Next(header.previous_end) < header.first_lsn) {
    return Damaged(path, "previous end", Raw(header.previous_end), Raw(Previous(first_lsn)));
  }
  if (header.previous_generation > header.generation) {
    return Damaged(path, "previous generation", header.previous_generation, header.generation);
  }
  const auto rest = block.subspan(offsetof(SegmentHeader, reserved));
  if (std::any_of(rest.begin(), rest.end(), [](std::byte b) { return b != std::byte{0}; })) {
    return Status::CorruptedIndex(path + ": segment header: reserved bytes are not zero");
  }
  return {};
}

Result<LogSegment> ReadSegment(FileSystem& file_system, const std::string& directory, Lsn first_lsn,
                               std::uint64_t store_id) {
  LogSegment segment;
  segment.path = JoinPath(directory, SegmentName(first_lsn));
  ENGRAM_ASSIGN_OR_RETURN(const auto file, file_system.Open(segment.path, OpenMode::kRead));
  ENGRAM_ASSIGN_OR_RETURN(segment.size, file->Size());
  AlignedBuffer block(kLogBlockBytes);
  ENGRAM_RETURN_IF_ERROR(ReadExactly(*file, 0, block.span()));
  ENGRAM_RETURN_IF_ERROR(CheckHeader(block.span(), segment.path, first_lsn, store_id));
  segment.header = LoadAs<SegmentHeader>(block.data());
  return segment;
}

// `previous_generation` may exceed the older segment's: one between them may have been replaced.
Status CheckOrder(const LogSegment& older, const LogSegment& newer) {
  if (older.header.generation <= newer.header.previous_generation) return {};
  return Status::CorruptedIndex(newer.path + ": segment header: previous generation is " +
                                std::to_string(newer.header.previous_generation) +
                                ", but the segment before, " + older.path + ", is of generation " +
                                std::to_string(older.header.generation));
}

// A failed sync is never "nothing has changed", whatever the system's reason.
Status NeverNoSpace(const Status& status) {
  if (status.code() != Code::kNoSpace) return status;
  return Status::IoError(std::string(status.message()));
}

Status WriteSegment(FileSystem& file_system, const std::string& path, SegmentHeader header,
                    std::uint64_t size, const SegmentFiller& fill) {
  ENGRAM_ASSIGN_OR_RETURN(const auto file, file_system.Open(path, OpenMode::kCreateNew));
  ENGRAM_RETURN_IF_ERROR(file->Allocate(0, size));
  AlignedBuffer block(kLogBlockBytes);
  std::memset(block.data(), 0, block.size());
  StoreAs(block.data(), header);
  header.checksum = HeaderChecksum(block.span());
  StoreAs(block.data(), header);
  ENGRAM_RETURN_IF_ERROR(file->WriteAt(0, block.span()));
  ENGRAM_RETURN_IF_ERROR(fill(*file));
  return NeverNoSpace(file->SyncData());
}

}  // namespace

std::string SegmentName(Lsn first_lsn) { return NameOf(first_lsn, kSegmentSuffix); }

std::optional<Lsn> ParseSegmentName(std::string_view name) {
  return ParseName(name, kSegmentSuffix);
}

Result<std::vector<LogSegment>> ReadSegments(FileSystem& file_system, const std::string& directory,
                                             std::uint64_t store_id) {
  ENGRAM_ASSIGN_OR_RETURN(const std::vector<std::string> names, file_system.List(directory));
  std::vector<Lsn> firsts;
  for (const std::string& name : names) {
    if (const auto first = ParseSegmentName(name)) firsts.push_back(*first);
  }
  std::sort(firsts.begin(), firsts.end());
  std::vector<LogSegment> segments;
  for (const Lsn first : firsts) {
    ENGRAM_ASSIGN_OR_RETURN(LogSegment segment,
                            ReadSegment(file_system, directory, first, store_id));
    if (!segments.empty()) ENGRAM_RETURN_IF_ERROR(CheckOrder(segments.back(), segment));
    segments.push_back(std::move(segment));
  }
  return segments;
}

Result<std::unique_ptr<File>> CreateSegment(FileSystem& file_system, const std::string& directory,
                                            SegmentHeader header, std::uint64_t size,
                                            const SegmentFiller& fill) {
  const std::string temporary = JoinPath(directory, NameOf(header.first_lsn, kTemporarySuffix));
  const std::string path = JoinPath(directory, SegmentName(header.first_lsn));
  // Left where an earlier try could not remove it.
  if (Status s = file_system.Unlink(temporary); !s.ok() && s.code() != Code::kNotFound) return s;
  Status status = WriteSegment(file_system, temporary, header, size, fill);
  if (status.ok()) status = file_system.Rename(temporary, path);
  if (!status.ok()) {
    // It has no name that counts: where it cannot be removed now, the next opening does.
    file_system.Unlink(temporary).IgnoreError();
    return status;
  }
  if (!ENGRAM_MUTANT(kSegmentDirectoryNotSynced)) {
    ENGRAM_RETURN_IF_ERROR(NeverNoSpace(file_system.SyncDirectory(directory)));
  }
  ENGRAM_SYNC_POINT("log:segment_created");
  // Opened by its name, so that errors name it.
  auto file = file_system.Open(path, OpenMode::kReadWrite);
  if (!file.ok()) return NeverNoSpace(file.status());
  return file;
}

Status RemoveTemporaryFiles(FileSystem& file_system, const std::string& directory) {
  ENGRAM_ASSIGN_OR_RETURN(const std::vector<std::string> names, file_system.List(directory));
  for (const std::string& name : names) {
    if (!ParseName(name, kTemporarySuffix)) continue;
    ENGRAM_RETURN_IF_ERROR(file_system.Unlink(JoinPath(directory, name)));
  }
  return {};
}

}  // namespace engram
