#include "storage/base/aligned_buffer.h"

#include <sys/mman.h>

#include <cstdlib>

#include "storage/base/coding.h"

namespace engram {
namespace {

constexpr std::size_t kAlignment = 4096;
constexpr std::size_t kLarge = 1 << 20;

}  // namespace

AlignedBuffer::Bytes AlignedBuffer::Take(std::size_t size) {
  const std::size_t rounded = AlignUp(size == 0 ? 1 : size, kAlignment);
  if (rounded < kLarge) {
    return Bytes(static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded)), Free());
  }
  void* mapped = mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return {};
  return Bytes(static_cast<std::byte*>(mapped), Free(rounded));
}

void AlignedBuffer::Free::operator()(std::byte* p) const {
  if (mapped == 0) {
    std::free(p);
  } else {
    ENGRAM_CHECK(munmap(p, mapped) == 0);
  }
}

}  // namespace engram
