#include "storage/corruption.h"

#include <charconv>
#include <cstring>

namespace engram {

std::string Hex(std::uint64_t value) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value, 16).ptr;
  return "0x" + std::string(digits, end);
}

Status Unexpected(std::string_view where, std::string_view what, std::string_view found,
                  std::string_view expected) {
  std::string message(where);
  message.append(": ").append(what).append(" ").append(found);
  message.append(", expected ").append(expected);
  return Status::CorruptedIndex(std::move(message));
}

Status UnexpectedHex(std::string_view where, std::string_view what, std::uint64_t found,
                     std::uint64_t expected) {
  return Unexpected(where, what, Hex(found), Hex(expected));
}

Status UnexpectedNumber(std::string_view where, std::string_view what, std::uint64_t found,
                        std::string_view expected) {
  return Unexpected(where, what, std::to_string(found), expected);
}

bool AllZero(std::span<const std::byte> bytes) {
  // Comparing a range with itself, one byte on, makes every byte equal to the first.
  return bytes.empty() || (bytes[0] == std::byte{0} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace engram
