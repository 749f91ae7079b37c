// Bytes on a block boundary, for file I/O.
#ifndef ENGRAM_STORAGE_BASE_ALIGNED_BUFFER_H_
#define ENGRAM_STORAGE_BASE_ALIGNED_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <engram/result.h>

#include "storage/base/check.h"

namespace engram {

// Uninitialized memory aligned to 4096 bytes. Large ones are taken from the system itself and go
// back to it: an allocator may keep theirs for ever. Threads: as an array.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // For sizes of our own choosing: running out of memory ends the process.
  explicit AlignedBuffer(std::size_t size) : bytes_(Take(size)), size_(size) {
    ENGRAM_CHECK(bytes_ != nullptr);
  }
  // For sizes that a caller or a file chooses. Errors: kIoError where there is no memory.
  static Result<AlignedBuffer> Allocate(std::size_t size) {
    AlignedBuffer buffer;
    // A size that cannot be rounded up is none that memory has room for.
    if (size <= SIZE_MAX - 4096) buffer.bytes_ = Take(size);
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
    Free() : mapped(0) {}
    explicit Free(std::size_t bytes) : mapped(bytes) {}
    void operator()(std::byte* p) const;
    std::size_t mapped;  // bytes taken from the system; 0: they are the allocator's
  };
  using Bytes = std::unique_ptr<std::byte, Free>;

  // Empty where there is no memory. Pre: the size can be rounded up.
  static Bytes Take(std::size_t size);

  Bytes bytes_;
  std::size_t size_ = 0;
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_ALIGNED_BUFFER_H_
