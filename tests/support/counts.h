// What a test has tried, in numbers, for its output and for the sums that tools/test.sh prints.
#ifndef ENGRAM_TESTS_SUPPORT_COUNTS_H_
#define ENGRAM_TESTS_SUPPORT_COUNTS_H_

#include <cstdint>
#include <initializer_list>
#include <utility>

namespace engram {

// Prints "[  COUNTS  ] CrashSweep: images 12500, verified 800" with the name of the running suite.
// Names have no comma and no digit.
void PrintCounts(std::initializer_list<std::pair<const char*, std::uint64_t>> counts);

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_COUNTS_H_
