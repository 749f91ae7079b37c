// Checks that several calls share. Threads: pure functions.
#ifndef ENGRAM_API_SRC_OPTIONS_H_
#define ENGRAM_API_SRC_OPTIONS_H_

#include <cstdint>

#include <engram/status.h>
#include <engram/types.h>

namespace engram {

// A thousand years, in microseconds: the most of a TTL or a max_age.
inline constexpr std::int64_t kLongestAge = 1000ll * 366 * 24 * 3600 * 1'000'000;

// kInvalidArgument for a number that is none of the enumerators.
Status CheckDurability(Durability durability);

}  // namespace engram

#endif  // ENGRAM_API_SRC_OPTIONS_H_
