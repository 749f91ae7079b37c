// Integers as bytes. Files are little-endian; keys that must sort are big-endian.
// Threads: pure functions.
#ifndef ENGRAM_STORAGE_BASE_CODING_H_
#define ENGRAM_STORAGE_BASE_CODING_H_

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>

namespace engram {

// Structs are written as they lie in memory (docs/file-format.md), which is right on these machines
// only.
static_assert(std::endian::native == std::endian::little, "Engram runs on little-endian machines");

// The integer inside an id that is an enum.
template <typename Enum>
requires std::is_enum_v<Enum>
constexpr std::underlying_type_t<Enum> Raw(Enum e) {
  return static_cast<std::underlying_type_t<Enum>>(e);
}

template <typename T>
requires std::is_trivially_copyable_v<T> T LoadAs(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <typename T>
requires std::is_trivially_copyable_v<T>
void StoreAs(std::byte* to, const T& value) { std::memcpy(to, &value, sizeof(T)); }

template <typename T>
requires std::is_trivially_copyable_v<T> std::span<const std::byte> AsBytes(const T& value) {
  return std::as_bytes(std::span<const T, 1>(&value, 1));
}

template <std::unsigned_integral T>
constexpr T ByteSwap(T value) {
  T swapped = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    swapped = static_cast<T>(static_cast<T>(swapped << 8) | static_cast<T>(value & 0xff));
    value = static_cast<T>(value >> 8);
  }
  return swapped;
}

template <std::unsigned_integral T>
void AppendBigEndian(std::string& key, T value) {
  const T swapped = ByteSwap(value);
  key.append(reinterpret_cast<const char*>(&swapped), sizeof(T));
}

// Pre: `from` has sizeof(T) bytes.
template <std::unsigned_integral T>
T LoadBigEndian(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return ByteSwap(value);
}

constexpr std::uint64_t AlignUp(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_CODING_H_
