// The extent table: which stretch of the page file belongs to which segment. Lies in the area of
// the superblock slot that names it.
// Leaves growing it to page_file.h.
// Threads: pure functions.
// Implements docs/file-format.md, "Extent table".
#ifndef ENGRAM_STORAGE_EXTENT_TABLE_H_
#define ENGRAM_STORAGE_EXTENT_TABLE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <engram/result.h>

#include "storage/base/aligned_buffer.h"
#include "storage/base/file.h"
#include "storage/page_format.h"

namespace engram {

constexpr std::uint32_t PageBytesOf(const StoreParameters& parameters, SegmentKind segment) {
  return segment == SegmentKind::kNodes || segment == SegmentKind::kUpper
             ? parameters.page_bytes
             : static_cast<std::uint32_t>(kBlockBytes);
}

constexpr std::uint64_t ExtentBytes(const StoreParameters& parameters, const ExtentEntry& extent) {
  return std::uint64_t{extent.pages} * PageBytesOf(parameters, extent.segment);
}

// One entry by itself: kind, alignment, place, and that it ends at or before `limit`. Errors:
// kCorruptedIndex; messages start with `where`.
Status CheckExtent(const StoreParameters& parameters, const ExtentEntry& extent,
                   std::uint64_t limit, const std::string& where);

// The bytes of the table that `superblock` is to name, sealed, padded with zeros to whole blocks.
// Pre: kMaxExtents.
AlignedBuffer BuildExtentTable(const Superblock& superblock, std::span<const ExtentEntry> extents);

// Reads and checks the table that `superblock`, itself checked, names: checksum, identity, every
// entry, that no two overlap, and that they hold the slots which the state counts. Errors:
// kCorruptedIndex, kIoError.
Result<std::vector<ExtentEntry>> ReadExtentTable(const File& file, const Superblock& superblock,
                                                 std::uint64_t file_bytes);

}  // namespace engram

#endif  // ENGRAM_STORAGE_EXTENT_TABLE_H_
