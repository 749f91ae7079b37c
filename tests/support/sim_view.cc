#include "tests/support/sim_view.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "storage/base/check.h"
#include "storage/corruption.h"

namespace engram {
namespace {

constexpr std::size_t kChunkBytes = 64 << 10;

}  // namespace

SimView::SimView(const CowPtr<SimBytes>& bytes)
    : memory_(::memfd_create("engram-sim", MFD_CLOEXEC)), synced_(bytes) {
  ENGRAM_CHECK(memory_.get() >= 0);
  Fill(bytes);
}

Status SimView::Map(const std::string& path, std::uint64_t offset, std::uint64_t length,
                    std::byte* at) const {
  if (offset > size_ || length > size_ - offset) {
    return Status::IoError("map " + path + ": range behind the end of the file");
  }
  return MapDescriptorPrivate(memory_.get(), path, offset, length, at);
}

void SimView::Write(std::uint64_t offset, std::span<const std::byte> bytes) {
  GrowTo(offset + bytes.size());
  const ssize_t put =
      ::pwrite(memory_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
  ENGRAM_CHECK(put == static_cast<ssize_t>(bytes.size()));
}

void SimView::Resize(std::uint64_t size) {
  ENGRAM_CHECK(::ftruncate(memory_.get(), static_cast<off_t>(size)) == 0);
  size_ = size;
}

void SimView::GrowTo(std::uint64_t size) {
  if (size > size_) Resize(size);
}

void SimView::Clear(std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return;
  ENGRAM_CHECK(::fallocate(memory_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                           static_cast<off_t>(offset), static_cast<off_t>(length)) == 0);
}

void SimView::Fill(const CowPtr<SimBytes>& bytes) {
  // Not to nothing in between: what is mapped may be looked at.
  std::vector<std::byte> chunk(kChunkBytes);
  const SimBytes empty;
  const SimBytes& from = bytes.get() != nullptr ? *bytes.get() : empty;
  const bool fresh = size_ == 0;
  GrowTo(from.size());
  for (std::uint64_t at = 0; at < size_; at += kChunkBytes) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kChunkBytes, size_ - at));
    std::fill(chunk.begin(), chunk.end(), std::byte{0});
    from.Read(at, {chunk.data(), size});
    if (!fresh || !AllZero({chunk.data(), size})) Write(at, {chunk.data(), size});
  }
}

}  // namespace engram
