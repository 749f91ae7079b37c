#include "storage/base/file.h"

#include <utility>

#include "storage/base/status_macros.h"

namespace engram {

Mapping::Mapping(Mapping&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      release_(std::exchange(other.release_, nullptr)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  // What this held goes with `old`, also where `other` is this.
  Mapping old(std::move(other));
  std::swap(base_, old.base_);
  std::swap(size_, old.size_);
  std::swap(release_, old.release_);
  return *this;
}

Mapping::~Mapping() {
  if (release_ != nullptr) release_(const_cast<std::byte*>(base_), size_);
}

Status File::WriteMany(std::span<const WriteOp> ops) {
  for (const WriteOp& op : ops) ENGRAM_RETURN_IF_ERROR(WriteAt(op.offset, op.bytes));
  return {};
}

Status File::ReadMany(std::span<const ReadOp> ops) const {
  for (const ReadOp& op : ops) {
    ENGRAM_ASSIGN_OR_RETURN(const std::size_t got, ReadAt(op.offset, op.bytes));
    if (got != op.bytes.size()) {
      return Status::IoError("read " + path() + " at " + std::to_string(op.offset) + ": got " +
                             std::to_string(got) + " bytes, expected " +
                             std::to_string(op.bytes.size()));
    }
  }
  return {};
}

Status File::WriteAndSync(std::uint64_t offset, std::span<const std::byte> bytes) {
  ENGRAM_RETURN_IF_ERROR(WriteAt(offset, bytes));
  return SyncData();
}

Status File::MapPrivate(std::uint64_t /*offset*/, std::uint64_t /*length*/,
                        std::byte* /*at*/) const {
  return Status::NotSupported("map " + path() + ": this kind of file has no private views");
}

Status ReadExactly(const File& file, std::uint64_t offset, std::span<std::byte> out) {
  ENGRAM_ASSIGN_OR_RETURN(const std::size_t got, file.ReadAt(offset, out));
  if (got == out.size()) return {};
  return Status::CorruptedIndex(file.path() + " ends too early: at " + std::to_string(offset) +
                                " found " + std::to_string(got) + " bytes, expected " +
                                std::to_string(out.size()));
}

std::string JoinPath(const std::string& directory, const std::string& name) {
  if (directory.empty() || directory.back() == '/') return directory + name;
  return directory + '/' + name;
}

}  // namespace engram
