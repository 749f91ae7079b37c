// How often a program has asked for memory: linking allocation_counter.cc replaces its operator
// new. Threads: any thread.
#ifndef ENGRAM_TESTS_INDEX_ALLOCATION_COUNTER_H_
#define ENGRAM_TESTS_INDEX_ALLOCATION_COUNTER_H_

#include <cstdint>

namespace engram {

std::uint64_t Allocations();

}  // namespace engram

#endif  // ENGRAM_TESTS_INDEX_ALLOCATION_COUNTER_H_
