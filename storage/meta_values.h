// Values of the metadata store's rows that are not empty, metadata or a name: numbers,
// little-endian, and the length says which. Leaves keys to meta_keys.h. Threads: pure functions.
// Implements docs/row-format.md, "Metadata store".
#ifndef ENGRAM_STORAGE_META_VALUES_H_
#define ENGRAM_STORAGE_META_VALUES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <engram/result.h>
#include <engram/types.h>

#include "storage/meta_store.h"

namespace engram {

// A value of up to kSize bytes, built without allocation.
template <std::size_t kSize>
struct SmallValue {
  std::array<std::byte, kSize> bytes;
  std::size_t size = 0;
  std::span<const std::byte> view() const { return std::span(bytes).first(size); }
};
// Slot (4); then, where the row has it, the time of the insertion (8); then, of a version that was
// moved, where it was before (4) and the LSN of the move (8). So 4, 12, 16 or 24 bytes.
using VersionValue = SmallValue<24>;
using SnapshotValue = SmallValue<16>;  // LSN, when it was taken

VersionValue MakeVersionValue(const RowInsert& row);
SnapshotValue MakeSnapshotValue(const SnapshotRow& row);

// Rows from what lies on disk. Errors: kCorruptedIndex (a length or number that no row has).
Result<VersionRow> ParseVersionRow(std::string_view key, std::span<const std::byte> value);
Result<ClockRow> ParseClockRow(std::string_view key, std::span<const std::byte> value);
Result<SnapshotRow> ParseSnapshotRow(std::string_view key, std::span<const std::byte> value);

}  // namespace engram

#endif  // ENGRAM_STORAGE_META_VALUES_H_
