// How bytes that are not what was written are reported: where, what, found, expected.
// Threads: pure functions.
#ifndef ENGRAM_STORAGE_CORRUPTION_H_
#define ENGRAM_STORAGE_CORRUPTION_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <engram/status.h>

namespace engram {

// "0x1f".
std::string Hex(std::uint64_t value);

// kCorruptedIndex "<where>: <what> <found>, expected <expected>".
Status Unexpected(std::string_view where, std::string_view what, std::string_view found,
                  std::string_view expected);
// The same for a checksum, an identity or a magic.
Status UnexpectedHex(std::string_view where, std::string_view what, std::uint64_t found,
                     std::uint64_t expected);
// The same for a number.
Status UnexpectedNumber(std::string_view where, std::string_view what, std::uint64_t found,
                        std::string_view expected);

bool AllZero(std::span<const std::byte> bytes);

}  // namespace engram

#endif  // ENGRAM_STORAGE_CORRUPTION_H_
