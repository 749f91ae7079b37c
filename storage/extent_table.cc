#include "storage/extent_table.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "storage/base/check.h"
#include "storage/base/checksum.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/corruption.h"

namespace engram {
namespace {

static_assert(sizeof(ExtentTableHeader::checksum) == kChecksumBytes);

std::size_t TableBytes(std::size_t extents) {
  return sizeof(ExtentTableHeader) + extents * sizeof(ExtentEntry);
}

Status CheckHeader(const ExtentTableHeader& header, const Superblock& superblock,
                   const std::string& where) {
  if (header.magic != kExtentTableMagic) {
    return UnexpectedHex(where, "magic", header.magic, kExtentTableMagic);
  }
  if (header.store_id != superblock.store_id) {
    return UnexpectedHex(where, "store id", header.store_id, superblock.store_id);
  }
  if (header.checkpoint != superblock.checkpoint) {
    return UnexpectedNumber(where, "checkpoint", header.checkpoint,
                            std::to_string(superblock.checkpoint));
  }
  if (header.reserved != 0) {
    return UnexpectedNumber(where, "reserved bytes", header.reserved, "0");
  }
  return Status::Ok();
}

// What only shows in the table as a whole.
Status CheckEntriesTogether(const Superblock& superblock, std::vector<ExtentEntry> extents,
                            const std::string& where) {
  std::array<std::uint64_t, kSegments> pages{};
  for (const ExtentEntry& extent : extents) pages[IndexOf(extent.segment)] += extent.pages;
  for (const std::uint64_t count : pages) {
    if (count > std::numeric_limits<std::uint32_t>::max()) {
      return UnexpectedNumber(where, "pages of one segment", count, "less than 2^32");
    }
  }
  const auto check_slots = [&](SegmentKind segment, std::uint32_t slots, const char* what) {
    const std::uint64_t room = pages[IndexOf(segment)] * kSlotsPerPage;
    if (slots <= room) return Status::Ok();
    return UnexpectedNumber(where, what, slots,
                            "at most " + std::to_string(room) + " (what its extents hold)");
  };
  ENGRAM_RETURN_IF_ERROR(
      check_slots(SegmentKind::kNodeSlots, superblock.state.node_slots, "node slots"));
  ENGRAM_RETURN_IF_ERROR(
      check_slots(SegmentKind::kUpperSlots, superblock.state.upper_slots, "upper slots"));
  std::sort(extents.begin(), extents.end(), [](const ExtentEntry& a, const ExtentEntry& b) {
    return a.file_offset < b.file_offset;
  });
  for (std::size_t i = 1; i < extents.size(); ++i) {
    const std::uint64_t end =
        extents[i - 1].file_offset + ExtentBytes(superblock.parameters, extents[i - 1]);
    if (extents[i].file_offset < end) {
      return UnexpectedNumber(where, "extent at", extents[i].file_offset,
                              "at or behind " + std::to_string(end) + " (it overlaps another)");
    }
  }
  return Status::Ok();
}

}  // namespace

Status CheckExtent(const StoreParameters& parameters, const ExtentEntry& extent,
                   std::uint64_t limit, const std::string& where) {
  const auto kind = Raw(extent.segment);
  if (kind < Raw(SegmentKind::kNodes) || kind > Raw(SegmentKind::kUpperSlots)) {
    return UnexpectedNumber(where, "segment", kind, "1 to 4");
  }
  if (!AllZero(std::as_bytes(std::span(extent.reserved)))) {
    return Unexpected(where, "reserved bytes", "not zero", "zero");
  }
  if (extent.pages == 0) return UnexpectedNumber(where, "pages", 0, "at least 1");
  if (extent.file_offset % kBlockBytes != 0 || extent.file_offset < kFirstExtentOffset) {
    return UnexpectedNumber(
        where, "offset", extent.file_offset,
        "a multiple of 4096 from " + std::to_string(kFirstExtentOffset) + " on");
  }
  // No overflow: 2^32 pages of at most kMaxPageBytes.
  const std::uint64_t bytes = ExtentBytes(parameters, extent);
  if (extent.file_offset > limit || bytes > limit - extent.file_offset) {
    return Unexpected(where, "extent",
                      std::to_string(extent.file_offset) + " + " + std::to_string(bytes) + " bytes",
                      "an end at or before " + std::to_string(limit));
  }
  return Status::Ok();
}

AlignedBuffer BuildExtentTable(const Superblock& superblock, std::span<const ExtentEntry> extents) {
  ENGRAM_CHECK(extents.size() <= kMaxExtents);
  const std::size_t used = TableBytes(extents.size());
  AlignedBuffer table(AlignUp(used, kBlockBytes));
  std::memset(table.data(), 0, table.size());
  ExtentTableHeader header{};
  header.magic = kExtentTableMagic;
  header.store_id = superblock.store_id;
  header.checkpoint = superblock.checkpoint;
  header.count = static_cast<std::uint32_t>(extents.size());
  StoreAs(table.data(), header);
  for (std::size_t i = 0; i < extents.size(); ++i) {
    StoreAs(table.data() + TableBytes(i), extents[i]);
  }
  StoreAs(table.data(), Checksum64(table.span().subspan(kChecksumBytes, used - kChecksumBytes),
                                   superblock.store_id));
  return table;
}

Result<std::vector<ExtentEntry>> ReadExtentTable(const File& file, const Superblock& superblock,
                                                 std::uint64_t file_bytes) {
  const std::string where = file.path() + ": extent table " + std::to_string(superblock.slot);
  AlignedBuffer table(kExtentTableBytes);
  ENGRAM_RETURN_IF_ERROR(ReadExactly(file, ExtentTableOffset(superblock.slot), table.span()));
  const auto header = LoadAs<ExtentTableHeader>(table.data());
  // The count says how far the checksum reaches, so it is looked at first, and only for its range.
  if (header.count > kMaxExtents) {
    return UnexpectedNumber(where, "count", header.count, "at most " + std::to_string(kMaxExtents));
  }
  if (header.checksum != superblock.extent_table_checksum) {
    return UnexpectedHex(where, "checksum", header.checksum, superblock.extent_table_checksum);
  }
  const std::size_t covered = TableBytes(header.count) - kChecksumBytes;
  const std::uint64_t checksum =
      Checksum64(table.span().subspan(kChecksumBytes, covered), superblock.store_id);
  if (header.checksum != checksum) {
    return UnexpectedHex(where, "checksum", header.checksum, checksum);
  }
  ENGRAM_RETURN_IF_ERROR(CheckHeader(header, superblock, where));
  std::vector<ExtentEntry> extents;
  extents.reserve(header.count);
  for (std::size_t i = 0; i < header.count; ++i) {
    extents.push_back(LoadAs<ExtentEntry>(table.data() + TableBytes(i)));
    ENGRAM_RETURN_IF_ERROR(CheckExtent(superblock.parameters, extents.back(), file_bytes,
                                       where + ", entry " + std::to_string(i)));
  }
  ENGRAM_RETURN_IF_ERROR(CheckEntriesTogether(superblock, extents, where));
  return extents;
}

}  // namespace engram
