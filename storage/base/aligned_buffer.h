// Bytes on a block boundary, for file I/O.
#ifndef ENGRAM_STORAGE_BASE_ALIGNED_BUFFER_H_
#define ENGRAM_STORAGE_BASE_ALIGNED_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <engram/result.h>

#include "storage/base/check.h"
#include "storage/base/coding.h"

namespace engram {

// Uninitialized memory aligned to 4096 bytes. Threads: as an array.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // For sizes of our own choosing: running out of memory ends the process.
  explicit AlignedBuffer(std::size_t size)
      : bytes_(
            static_cast<std::byte*>(std::aligned_alloc(4096, AlignUp(size == 0 ? 1 : size, 4096)))),
        size_(size) {
    ENGRAM_CHECK(bytes_ != nullptr);
  }
  // For sizes that a caller or a file chooses. Errors: kIoError where there is no memory.
  static Result<AlignedBuffer> Allocate(std::size_t size) {
    AlignedBuffer buffer;
    // A size that cannot be rounded up is none that memory has room for.
    if (size <= SIZE_MAX - 4096) {
      buffer.bytes_.reset(
          static_cast<std::byte*>(std::aligned_alloc(4096, AlignUp(size == 0 ? 1 : size, 4096))));
    }
    if (buffer.bytes_ == nullptr) {
      return Status::IoError("no memory for a buffer of " + std::to_string(size) + " bytes");
    }
    buffer.size_ = size;
    return buffer;
  }

  std::byte* data() { return bytes_.get(); }
  const std::byte* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }
  std::span<std::byte> span() { return {bytes_.get(), size_}; }
  std::span<const std::byte> span() const { return {bytes_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<std::byte, Free> bytes_;
  std::size_t size_ = 0;
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_ALIGNED_BUFFER_H_
