#include "storage/meta_values.h"

#include <string>
#include <utility>

#include "storage/base/check.h"
#include "storage/base/coding.h"
#include "storage/base/ids.h"
#include "storage/base/status_macros.h"
#include "storage/meta_keys.h"

namespace engram {
namespace {

constexpr std::size_t kSlotBytes = sizeof(SlotId);
constexpr std::size_t kTimeBytes = sizeof(std::int64_t);
constexpr std::size_t kMoveBytes = sizeof(SlotId) + sizeof(Lsn);

template <std::size_t kSize, typename T>
void Append(SmallValue<kSize>& value, const T& number) {
  ENGRAM_DCHECK(value.size + sizeof(T) <= kSize);
  StoreAs(value.bytes.data() + value.size, number);
  value.size += sizeof(T);
}

// The next number of a value whose length has been checked.
template <typename T>
T Take(std::span<const std::byte>& value) {
  const T number = LoadAs<T>(value.data());
  value = value.subspan(sizeof(T));
  return number;
}

std::string Describe(const ParsedKey& key) {
  return "version " + std::to_string(Raw(key.version)) + " of pattern " + std::to_string(key.id) +
         ": its row ";
}

std::string SizeMessage(std::size_t found, std::string_view expected) {
  return "has " + std::to_string(found) + " bytes, expected " + std::string(expected);
}

}  // namespace

VersionValue MakeVersionValue(const RowInsert& row) {
  VersionValue value;
  Append(value, row.slot);
  if (row.inserted_us) Append(value, *row.inserted_us);
  if (row.moved_at != Lsn::kNone) {
    Append(value, row.moved_from);
    Append(value, row.moved_at);
  }
  return value;
}

SnapshotValue MakeSnapshotValue(const SnapshotRow& row) {
  SnapshotValue value;
  Append(value, row.lsn);
  Append(value, row.taken_us);
  return value;
}

Result<VersionRow> ParseVersionRow(std::string_view key, std::span<const std::byte> value) {
  ENGRAM_ASSIGN_OR_RETURN(const ParsedKey parsed, ParseIdsKey(key));
  const std::size_t size = value.size();
  const bool timed = size == kSlotBytes + kTimeBytes || size == VersionValue{}.bytes.size();
  const bool moved = size == kSlotBytes + kMoveBytes || size == VersionValue{}.bytes.size();
  if (!timed && !moved && size != kSlotBytes) {
    return Status::CorruptedIndex(Describe(parsed) + SizeMessage(size, "4, 12, 16 or 24"));
  }
  VersionRow row{.id = parsed.id, .version = parsed.version, .slot = Take<SlotId>(value)};
  if (timed) row.inserted_us = Take<std::int64_t>(value);
  if (!moved) return row;
  row.moved_from = Take<SlotId>(value);
  row.moved_at = Take<Lsn>(value);
  if (row.moved_at <= row.version) {
    return Status::CorruptedIndex(Describe(parsed) + "says it was moved at " +
                                  std::to_string(Raw(row.moved_at)) + ", expected later than " +
                                  std::to_string(Raw(row.version)));
  }
  if (row.moved_from == SlotId::kNone || row.moved_from == row.slot) {
    return Status::CorruptedIndex(Describe(parsed) + "says it was moved from slot " +
                                  std::to_string(Raw(row.moved_from)) +
                                  ", expected a slot other than " + std::to_string(Raw(row.slot)));
  }
  return row;
}

Result<ClockRow> ParseClockRow(std::string_view key, std::span<const std::byte> value) {
  ENGRAM_ASSIGN_OR_RETURN(const std::int64_t clock_us, ParseClockKey(key));
  const std::string what = "the row of the clock at " + std::to_string(clock_us) + " ";
  if (value.size() != sizeof(Lsn)) {
    return Status::CorruptedIndex(what + SizeMessage(value.size(), "8"));
  }
  const auto lsn = LoadAs<Lsn>(value.data());
  if (lsn != Lsn::kNone) return ClockRow{clock_us, lsn};
  return Status::CorruptedIndex(what + "names commit 0, expected one from 1 on");
}

Result<SnapshotRow> ParseSnapshotRow(std::string_view key, std::span<const std::byte> value) {
  ENGRAM_ASSIGN_OR_RETURN(std::string name, ParseSnapshotKey(key));
  if (value.size() != SnapshotValue{}.bytes.size()) {
    // Not its name: that is the user's.
    return Status::CorruptedIndex("the row of a named snapshot " + SizeMessage(value.size(), "16"));
  }
  const auto lsn = Take<Lsn>(value);
  return SnapshotRow{std::move(name), lsn, Take<std::int64_t>(value)};
}

}  // namespace engram
