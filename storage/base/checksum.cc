#include "storage/base/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace engram {

std::uint64_t Checksum64(std::span<const std::byte> bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace engram
