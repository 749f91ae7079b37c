// Keys of the metadata store's rows: numbers big-endian, so that bytes sort as the numbers do; and
// metadata values as bytes that sort as the values do. The only code that knows how a key is laid
// out. Leaves values of rows, and what is stored when, to meta_rows.h. Threads: pure functions.
// Implements docs/row-format.md, "Metadata store".
#ifndef ENGRAM_STORAGE_META_KEYS_H_
#define ENGRAM_STORAGE_META_KEYS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <engram/metadata.h>
#include <engram/result.h>
#include <engram/types.h>

namespace engram {

// The key of a family's applied LSN, in each family. Every other key is longer, and so sorts
// elsewhere or behind it.
inline constexpr std::string_view kAppliedKey{"\0", 1};
// In kState, written before the first commit: the id of the store whose rows these are.
inline constexpr std::string_view kStoreIdKey{"id"};
// The first byte of the other keys of kState. On disk, and never reused.
inline constexpr char kFieldNameTag = 'f';  // then the field's number (2)
inline constexpr char kSnapshotTag = 's';   // then a snapshot's name
inline constexpr char kClockTag = 't';      // then a time (8)
inline constexpr char kExpiryTag = 'x';     // then when it expires (8), id (8), version (8)

inline constexpr std::size_t kMaxSnapshotNameBytes = 255;

// Strings and bytes longer than this are cut in a value key; a cut one sorts behind all that end
// there.
inline constexpr std::size_t kMaxKeyedBytes = 256;

// A key of fixed length, built without allocation.
template <std::size_t kSize>
struct FixedKey {
  std::array<char, kSize> bytes;
  std::string_view view() const { return {bytes.data(), bytes.size()}; }
};
using MetaKey = FixedKey<16>;  // id, version
using IdsKey = FixedKey<16>;   // id, ~version: the newest first
using TimeKey = FixedKey<24>;  // timestamp, id, version
using TypeKey = FixedKey<28>;  // type, timestamp, id, version
// Of kState:
using NameKey = FixedKey<3>;     // kFieldNameTag, field
using ClockKey = FixedKey<9>;    // kClockTag, time
using ExpiryKey = FixedKey<25>;  // kExpiryTag, when, id, version
using TagKey = FixedKey<1>;      // a tag: in front of all keys that begin with it

MetaKey MakeMetaKey(PatternId id, Lsn version);
IdsKey MakeIdsKey(PatternId id, Lsn version);
TimeKey MakeTimeKey(std::int64_t timestamp_us, PatternId id, Lsn version);
TypeKey MakeTypeKey(TypeTag type, std::int64_t timestamp_us, PatternId id, Lsn version);
NameKey MakeNameKey(std::uint16_t field);
ClockKey MakeClockKey(std::int64_t clock_us);
ExpiryKey MakeExpiryKey(std::int64_t expires_us, PatternId id, Lsn version);
// Pre: 1 to kMaxSnapshotNameBytes.
std::string MakeSnapshotKey(std::string_view name);
constexpr TagKey MakeTagKey(char tag) { return {{tag}}; }
// Behind all keys that begin with `tag`, in front of all others behind it.
constexpr TagKey MakeTagEnd(char tag) { return {{static_cast<char>(tag + 1)}}; }
// Into `key`, whose content goes: field, value key, id, version.
void MakeFieldKey(std::uint16_t field, std::string_view value_key, PatternId id, Lsn version,
                  std::string& key);

// What a row's key says; members that its family's keys do not have stay 0.
struct ParsedKey {
  PatternId id = 0;
  Lsn version = Lsn::kNone;
  std::int64_t timestamp_us = 0;
  TypeTag type = 0;
};
// Errors: kCorruptedIndex (a key of another length, of another tag, or a time that has no row).
Result<ParsedKey> ParseMetaKey(std::string_view key);
Result<ParsedKey> ParseIdsKey(std::string_view key);
Result<ParsedKey> ParseTimeKey(std::string_view key);
Result<ParsedKey> ParseTypeKey(std::string_view key);
Result<ParsedKey> ParseFieldKey(std::string_view key);
Result<std::uint16_t> ParseNameKey(std::string_view key);
Result<std::int64_t> ParseClockKey(std::string_view key);
Result<ParsedKey> ParseExpiryKey(std::string_view key);  // the time is when it expires
Result<std::string> ParseSnapshotKey(std::string_view key);

// A value as bytes that sort first by kind (null, bool, int64, double, time, string, bytes), then
// by value; no key is the beginning of another. -0.0 has the key of 0.0, and every NaN one key
// above infinity. Nothing for lists and maps.
std::optional<std::string> MakeValueKey(const Value& value);

}  // namespace engram

#endif  // ENGRAM_STORAGE_META_KEYS_H_
