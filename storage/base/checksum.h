// The checksum of everything on disk: XXH3, 64 bits.
// Threads: pure functions.
#ifndef ENGRAM_STORAGE_BASE_CHECKSUM_H_
#define ENGRAM_STORAGE_BASE_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace engram {

inline constexpr std::size_t kChecksumBytes = sizeof(std::uint64_t);

std::uint64_t Checksum64(std::span<const std::byte> bytes, std::uint64_t seed = 0);

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_CHECKSUM_H_
