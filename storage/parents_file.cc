#include "storage/parents_file.h"

#include <cstring>
#include <memory>

#include "storage/base/aligned_buffer.h"
#include "storage/base/check.h"
#include "storage/base/checksum.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/corruption.h"
#include "storage/page_format.h"

namespace engram {
namespace {

constexpr std::uint64_t kParentsMagic = Magic("ENGRAMPC");

std::string PathIn(const std::string& directory) { return JoinPath(directory, "graph.parents"); }

std::uint64_t FileBytes(std::uint32_t slots) {
  return sizeof(ParentsHeader) + std::uint64_t{slots} * sizeof(std::uint32_t);
}

std::uint64_t ParentsChecksum(std::span<const std::byte> file, std::uint64_t store_id) {
  return Checksum64(file.subspan(sizeof(ParentsHeader::checksum)), store_id);
}

// The whole file, its checksum found right.
Result<AlignedBuffer> ReadChecked(const File& file, const ParentsName& name) {
  const std::string& path = file.path();
  ENGRAM_ASSIGN_OR_RETURN(const std::uint64_t file_bytes, file.Size());
  ParentsHeader header{};
  ENGRAM_RETURN_IF_ERROR(ReadExactly(file, 0, std::as_writable_bytes(std::span(&header, 1))));
  if (file_bytes != FileBytes(header.slots)) {
    return UnexpectedNumber(path, "bytes", file_bytes, std::to_string(FileBytes(header.slots)));
  }
  // Before memory is taken for it.
  if (header.slots != name.slots) return Status::NotFound(path + " is of another graph");
  ENGRAM_ASSIGN_OR_RETURN(AlignedBuffer bytes, AlignedBuffer::Allocate(file_bytes));
  ENGRAM_RETURN_IF_ERROR(ReadExactly(file, 0, bytes.span()));
  const auto found = LoadAs<std::uint64_t>(bytes.data());
  const std::uint64_t checksum = ParentsChecksum(bytes.span(), name.store_id);
  if (found != checksum) return UnexpectedHex(path, "checksum", found, checksum);
  return bytes;
}

Status CheckHeader(const ParentsHeader& header, const ParentsName& name, const std::string& path) {
  if (header.magic != kParentsMagic) {
    return UnexpectedHex(path, "magic", header.magic, kParentsMagic);
  }
  const bool same = header.format_version == kParentsVersion && header.store_id == name.store_id &&
                    header.generation == name.generation && header.lsn == name.lsn &&
                    header.slots == name.slots;
  if (!same) return Status::NotFound(path + " is of another graph");
  if (header.reserved == 0) return Status::Ok();
  return UnexpectedNumber(path, "reserved", header.reserved, "0");
}

Status WriteFile(FileSystem& files, const std::string& path, std::span<const std::byte> bytes) {
  // One may be left over from a crash.
  ENGRAM_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(path, OpenMode::kCreate));
  ENGRAM_RETURN_IF_ERROR(file->Truncate(0));
  ENGRAM_RETURN_IF_ERROR(file->WriteAt(0, bytes));
  return file->SyncData();
}

}  // namespace

Status WriteParents(FileSystem& files, const std::string& directory, const ParentsName& name,
                    std::span<const std::uint32_t> counts) {
  ENGRAM_CHECK(counts.size() == name.slots);
  ENGRAM_ASSIGN_OR_RETURN(AlignedBuffer bytes, AlignedBuffer::Allocate(FileBytes(name.slots)));
  ParentsHeader header{};
  header.magic = kParentsMagic;
  header.store_id = name.store_id;
  header.lsn = name.lsn;
  header.format_version = kParentsVersion;
  header.generation = name.generation;
  header.slots = name.slots;
  StoreAs(bytes.data(), header);
  if (!counts.empty()) {
    std::memcpy(bytes.data() + sizeof(header), counts.data(), counts.size_bytes());
  }
  StoreAs(bytes.data(), ParentsChecksum(bytes.span(), name.store_id));

  const std::string path = PathIn(directory);
  const std::string temporary = path + ".tmp";
  Status status = WriteFile(files, temporary, bytes.span());
  if (status.ok()) status = files.Rename(temporary, path);
  if (!status.ok()) {
    files.Unlink(temporary).IgnoreError();  // means nothing, and is replaced by the next
    return status;
  }
  return files.SyncDirectory(directory);
}

Result<std::vector<std::uint32_t>> ReadParents(FileSystem& files, const std::string& directory,
                                               const ParentsName& name) {
  const std::string path = PathIn(directory);
  ENGRAM_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.Open(path, OpenMode::kRead));
  ENGRAM_ASSIGN_OR_RETURN(const AlignedBuffer bytes, ReadChecked(*file, name));
  ENGRAM_RETURN_IF_ERROR(CheckHeader(LoadAs<ParentsHeader>(bytes.data()), name, path));
  std::vector<std::uint32_t> counts(name.slots);
  if (!counts.empty()) {
    std::memcpy(counts.data(), bytes.data() + sizeof(ParentsHeader),
                counts.size() * sizeof(counts[0]));
  }
  return counts;
}

Status RemoveParents(FileSystem& files, const std::string& directory) {
  const Status status = files.Unlink(PathIn(directory));
  return status.code() == Code::kNotFound ? Status::Ok() : status;
}

}  // namespace engram
