// The bytes of a simulated file: sparse, and shared between copies except for the 4 KiB chunks that
// differ. Threads: any thread, each on its own copy.
#ifndef ENGRAM_TESTS_SUPPORT_SIM_BYTES_H_
#define ENGRAM_TESTS_SUPPORT_SIM_BYTES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/support/cow_ptr.h"

namespace engram {

class SimBytes {
 public:
  std::uint64_t size() const { return size_; }

  // How many bytes, fewer than asked for only at the end.
  std::size_t Read(std::uint64_t offset, std::span<std::byte> out) const;
  // Grows the file where needed; a gap reads as 0.
  void Write(std::uint64_t offset, std::span<const std::byte> bytes);
  // What lies behind `size` is gone: growing again shows zeros.
  void Resize(std::uint64_t size);
  void GrowTo(std::uint64_t size);
  // Zeros, as far as the file reaches.
  void Clear(std::uint64_t offset, std::uint64_t length);

  std::string ToString() const;
  friend bool operator==(const SimBytes& a, const SimBytes& b);

 private:
  static constexpr std::size_t kChunkBytes = 4096;
  static constexpr std::size_t kChunksPerLeaf = 64;
  static constexpr std::size_t kLeafBytes = kChunkBytes * kChunksPerLeaf;

  using Chunk = std::array<std::byte, kChunkBytes>;
  // Two levels, so that a copy of a file with one changed chunk copies few counters.
  using Leaf = std::array<CowPtr<Chunk>, kChunksPerLeaf>;

  const Chunk* FindChunk(std::uint64_t offset) const;  // null: all zero

  std::uint64_t size_ = 0;
  std::vector<CowPtr<Leaf>> leaves_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_SIM_BYTES_H_
