// Keys of the metadata store's rows: numbers big-endian, so that bytes sort as the numbers do; and
// metadata values as bytes that sort as the values do. The only code that knows how a key is laid
// out. Leaves values of rows, and what is stored when, to meta_rows.h. Threads: pure functions.
// Implements docs/file-format.md, "Metadata store".
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
// The first byte of the other keys of kState.
inline constexpr char kFieldNameTag = 'f';  // then the field's number (2) -> its name

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
using NameKey = FixedKey<3>;   // kFieldNameTag, field

MetaKey MakeMetaKey(PatternId id, Lsn version);
IdsKey MakeIdsKey(PatternId id, Lsn version);
TimeKey MakeTimeKey(std::int64_t timestamp_us, PatternId id, Lsn version);
TypeKey MakeTypeKey(TypeTag type, std::int64_t timestamp_us, PatternId id, Lsn version);
NameKey MakeNameKey(std::uint16_t field);
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
// Errors: kCorruptedIndex (a key of another length).
Result<ParsedKey> ParseMetaKey(std::string_view key);
Result<ParsedKey> ParseIdsKey(std::string_view key);
Result<ParsedKey> ParseTimeKey(std::string_view key);
Result<ParsedKey> ParseTypeKey(std::string_view key);
Result<ParsedKey> ParseFieldKey(std::string_view key);
Result<std::uint16_t> ParseNameKey(std::string_view key);

// A value as bytes that sort first by kind (null, bool, int64, double, time, string, bytes), then
// by value; no key is the beginning of another. -0.0 has the key of 0.0, and every NaN one key
// above infinity. Nothing for lists and maps.
std::optional<std::string> MakeValueKey(const Value& value);

}  // namespace engram

#endif  // ENGRAM_STORAGE_META_KEYS_H_
