#include "storage/meta_keys.h"

#include <bit>
#include <cmath>
#include <concepts>
#include <cstring>
#include <limits>
#include <span>

#include "storage/base/check.h"
#include "storage/base/clock.h"
#include "storage/base/coding.h"
#include "storage/base/ids.h"

namespace engram {
namespace {

// The first byte of a value key. Values are on disk and never reused.
enum class ValueTag : char {
  kNull = 1,
  kBool = 2,
  kInt = 3,
  kDouble = 4,
  kTime = 5,
  kString = 6,
  kBytes = 7,
};

// Inside strings and bytes. A byte 0 is written as 0, kZero; so 0 with one of the others, which are
// smaller, ends the text in front of all longer ones.
constexpr char kEnd = '\x01';
constexpr char kCut = '\x02';
constexpr char kZero = '\xff';

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

constexpr std::uint64_t SortableInt(std::int64_t value) {
  return static_cast<std::uint64_t>(value) ^ kSignBit;
}
constexpr std::int64_t FromSortableInt(std::uint64_t value) {
  return static_cast<std::int64_t>(value ^ kSignBit);
}

// Negative numbers have the sign bit, and larger bits where they are smaller.
std::uint64_t SortableDouble(double value) {
  if (std::isnan(value)) return std::numeric_limits<std::uint64_t>::max();
  const auto bits = std::bit_cast<std::uint64_t>(value == 0.0 ? 0.0 : value);
  return (bits & kSignBit) != 0 ? ~bits : bits | kSignBit;
}

class KeyWriter {
 public:
  explicit KeyWriter(std::span<char> out) : out_(out) {}

  template <std::unsigned_integral T>
  KeyWriter& Put(T value) {
    ENGRAM_DCHECK(out_.size() >= sizeof(T));
    const T swapped = ByteSwap(value);
    std::memcpy(out_.data(), &swapped, sizeof(T));
    out_ = out_.subspan(sizeof(T));
    return *this;
  }

 private:
  std::span<char> out_;
};

Status CheckLength(std::string_view key, std::size_t expected) {
  if (key.size() == expected) return Status::Ok();
  return Status::CorruptedIndex("a key of the metadata store has " + std::to_string(key.size()) +
                                " bytes, expected " + std::to_string(expected));
}

// Of kState, its length without the tag.
Status CheckStateKey(std::string_view key, char tag, std::size_t shortest, std::size_t longest) {
  if (key.empty() || key[0] != tag) {
    const int found = key.empty() ? -1 : static_cast<unsigned char>(key[0]);
    return Status::CorruptedIndex("a row of state has the tag " + std::to_string(found) +
                                  ", expected " + std::to_string(static_cast<int>(tag)));
  }
  const std::size_t size = key.size() - 1;
  if (size >= shortest && size <= longest) return Status::Ok();
  std::string expected = std::to_string(shortest);
  if (longest != shortest) expected += " to " + std::to_string(longest);
  return Status::CorruptedIndex("a row of state with the tag " +
                                std::to_string(static_cast<int>(tag)) + " has a key of " +
                                std::to_string(size) + " bytes behind it, expected " + expected);
}
Status CheckStateKey(std::string_view key, char tag, std::size_t bytes) {
  return CheckStateKey(key, tag, bytes, bytes);
}

Lsn LoadVersion(const char* from) { return static_cast<Lsn>(LoadBigEndian<std::uint64_t>(from)); }

ParsedKey ParseIdAndVersion(const char* from) {
  return {.id = LoadBigEndian<std::uint64_t>(from), .version = LoadVersion(from + 8)};
}

void AppendText(std::string_view text, std::string& key) {
  const bool cut = text.size() > kMaxKeyedBytes;
  for (const char c : text.substr(0, kMaxKeyedBytes)) {
    key.push_back(c);
    if (c == '\0') key.push_back(kZero);
  }
  key.push_back('\0');
  key.push_back(cut ? kCut : kEnd);
}

}  // namespace

MetaKey MakeMetaKey(PatternId id, Lsn version) {
  MetaKey key;
  KeyWriter(key.bytes).Put(id).Put(Raw(version));
  return key;
}

IdsKey MakeIdsKey(PatternId id, Lsn version) {
  IdsKey key;
  KeyWriter(key.bytes).Put(id).Put(~Raw(version));
  return key;
}

TimeKey MakeTimeKey(std::int64_t timestamp_us, PatternId id, Lsn version) {
  TimeKey key;
  KeyWriter(key.bytes).Put(SortableInt(timestamp_us)).Put(id).Put(Raw(version));
  return key;
}

TypeKey MakeTypeKey(TypeTag type, std::int64_t timestamp_us, PatternId id, Lsn version) {
  TypeKey key;
  KeyWriter(key.bytes).Put(type).Put(SortableInt(timestamp_us)).Put(id).Put(Raw(version));
  return key;
}

NameKey MakeNameKey(std::uint16_t field) {
  NameKey key;
  KeyWriter(key.bytes).Put(static_cast<std::uint8_t>(kFieldNameTag)).Put(field);
  return key;
}

ClockKey MakeClockKey(std::int64_t clock_us) {
  ClockKey key;
  KeyWriter(key.bytes).Put(static_cast<std::uint8_t>(kClockTag)).Put(SortableInt(clock_us));
  return key;
}

ExpiryKey MakeExpiryKey(std::int64_t expires_us, PatternId id, Lsn version) {
  ExpiryKey key;
  KeyWriter(key.bytes)
      .Put(static_cast<std::uint8_t>(kExpiryTag))
      .Put(SortableInt(expires_us))
      .Put(id)
      .Put(Raw(version));
  return key;
}

std::string MakeSnapshotKey(std::string_view name) {
  ENGRAM_DCHECK(!name.empty() && name.size() <= kMaxSnapshotNameBytes);
  std::string key(1, kSnapshotTag);
  key.append(name);
  return key;
}

void MakeFieldKey(std::uint16_t field, std::string_view value_key, PatternId id, Lsn version,
                  std::string& key) {
  key.clear();
  AppendBigEndian(key, field);
  key.append(value_key);
  AppendBigEndian(key, id);
  AppendBigEndian(key, Raw(version));
}

Result<ParsedKey> ParseMetaKey(std::string_view key) {
  if (Status s = CheckLength(key, sizeof(MetaKey)); !s.ok()) return s;
  return ParseIdAndVersion(key.data());
}

Result<ParsedKey> ParseIdsKey(std::string_view key) {
  if (Status s = CheckLength(key, sizeof(IdsKey)); !s.ok()) return s;
  ParsedKey parsed = ParseIdAndVersion(key.data());
  parsed.version = static_cast<Lsn>(~Raw(parsed.version));
  return parsed;
}

Result<ParsedKey> ParseTimeKey(std::string_view key) {
  if (Status s = CheckLength(key, sizeof(TimeKey)); !s.ok()) return s;
  ParsedKey parsed = ParseIdAndVersion(key.data() + 8);
  parsed.timestamp_us = FromSortableInt(LoadBigEndian<std::uint64_t>(key.data()));
  return parsed;
}

Result<ParsedKey> ParseTypeKey(std::string_view key) {
  if (Status s = CheckLength(key, sizeof(TypeKey)); !s.ok()) return s;
  ParsedKey parsed = ParseIdAndVersion(key.data() + 12);
  parsed.type = LoadBigEndian<std::uint32_t>(key.data());
  parsed.timestamp_us = FromSortableInt(LoadBigEndian<std::uint64_t>(key.data() + 4));
  return parsed;
}

Result<ParsedKey> ParseFieldKey(std::string_view key) {
  constexpr std::size_t kShortest = 2 + 1 + 16;
  if (key.size() < kShortest) {
    return Status::CorruptedIndex("a key of an indexed field has " + std::to_string(key.size()) +
                                  " bytes, expected at least " + std::to_string(kShortest));
  }
  return ParseIdAndVersion(key.data() + key.size() - 16);
}

Result<std::uint16_t> ParseNameKey(std::string_view key) {
  if (Status s = CheckStateKey(key, kFieldNameTag, 2); !s.ok()) return s;
  return LoadBigEndian<std::uint16_t>(key.data() + 1);
}

Result<std::int64_t> ParseClockKey(std::string_view key) {
  if (Status s = CheckStateKey(key, kClockTag, 8); !s.ok()) return s;
  return FromSortableInt(LoadBigEndian<std::uint64_t>(key.data() + 1));
}

Result<ParsedKey> ParseExpiryKey(std::string_view key) {
  if (Status s = CheckStateKey(key, kExpiryTag, 24); !s.ok()) return s;
  ParsedKey parsed = ParseIdAndVersion(key.data() + 9);
  parsed.timestamp_us = FromSortableInt(LoadBigEndian<std::uint64_t>(key.data() + 1));
  if (parsed.timestamp_us != kNeverExpires) return parsed;
  return Status::CorruptedIndex("version " + std::to_string(Raw(parsed.version)) + " of pattern " +
                                std::to_string(parsed.id) +
                                " has a row that says it never expires, expected none");
}

Result<std::string> ParseSnapshotKey(std::string_view key) {
  if (Status s = CheckStateKey(key, kSnapshotTag, 1, kMaxSnapshotNameBytes); !s.ok()) return s;
  return std::string(key.substr(1));
}

std::optional<std::string> MakeValueKey(const Value& value) {
  std::string key;
  const auto number = [&key](ValueTag tag, std::uint64_t sortable) {
    key.push_back(Raw(tag));
    AppendBigEndian(key, sortable);
  };
  const auto text = [&key](ValueTag tag, std::string_view bytes) {
    key.push_back(Raw(tag));
    AppendText(bytes, key);
  };
  if (value.is_null()) {
    key.push_back(Raw(ValueTag::kNull));
  } else if (const auto* boolean = value.As<bool>()) {
    key.push_back(Raw(ValueTag::kBool));
    key.push_back(*boolean ? '\1' : '\0');
  } else if (const auto* integer = value.As<std::int64_t>()) {
    number(ValueTag::kInt, SortableInt(*integer));
  } else if (const auto* real = value.As<double>()) {
    number(ValueTag::kDouble, SortableDouble(*real));
  } else if (const auto* time = value.As<Timestamp>()) {
    number(ValueTag::kTime, SortableInt(UnixMicros(*time)));
  } else if (const auto* string = value.As<std::string>()) {
    text(ValueTag::kString, *string);
  } else if (const auto* bytes = value.As<Bytes>()) {
    text(ValueTag::kBytes, {reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  } else {
    return std::nullopt;
  }
  return key;
}

}  // namespace engram
