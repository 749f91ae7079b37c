#include "storage/rocksdb_manifest.h"

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "storage/base/coding.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

// RocksDB's log format (its wiki, "Write Ahead Log File Format"): blocks of this size, filled with
// records that do not cross into the next; less room than a header at the end of a block stays
// unused.
constexpr std::size_t kBlockBytes = 32 << 10;
// Masked CRC-32C of type and payload (4), payload size (2), type (1).
constexpr std::size_t kHeaderBytes = 7;
constexpr std::size_t kTypeOffset = 6;

constexpr std::array<std::uint32_t, 256> MakeCrcTable() {
  constexpr std::uint32_t kReversedPolynomial = 0x82f63b78;
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kReversedPolynomial : 0);
    table[byte] = crc;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> kCrcTable = MakeCrcTable();

std::uint32_t Crc32c(std::span<const std::byte> bytes) {
  std::uint32_t crc = ~std::uint32_t{0};
  for (const std::byte byte : bytes) {
    crc = (crc >> 8) ^ kCrcTable[(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xff];
  }
  return ~crc;
}

// RocksDB stores checksums so, since they may be part of what is checksummed again.
std::uint32_t Mask(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

// The size of the record that `block` begins with; 0 for none or a bad one.
std::size_t GoodRecordBytes(std::span<const std::byte> block) {
  if (block.size() < kHeaderBytes) return 0;
  const std::size_t size = kHeaderBytes + LoadAs<std::uint16_t>(block.data() + 4);
  if (size > block.size() || block[kTypeOffset] == std::byte{0}) return 0;
  const auto checked = block.subspan(kTypeOffset, size - kTypeOffset);
  return Mask(Crc32c(checked)) == LoadAs<std::uint32_t>(block.data()) ? size : 0;
}

}  // namespace

bool IsManifest(std::string_view path) {
  return path.substr(path.find_last_of('/') + 1).starts_with("MANIFEST-");
}

Result<std::uint64_t> GoodManifestBytes(const File& file) {
  std::vector<std::byte> buffer(kBlockBytes);
  for (std::uint64_t offset = 0;; offset += kBlockBytes) {
    ENGRAM_ASSIGN_OR_RETURN(const std::size_t size, file.ReadAt(offset, buffer));
    const auto block = std::span<const std::byte>(buffer).first(size);
    std::size_t good = 0;
    while (const std::size_t record = GoodRecordBytes(block.subspan(good))) good += record;
    // Behind the last record of a full block there is no room for another header.
    if (good + kHeaderBytes <= kBlockBytes) return offset + good;
  }
}

}  // namespace engram
