// Checks that several calls share. Threads: pure functions.
#ifndef ENGRAM_API_SRC_OPTIONS_H_
#define ENGRAM_API_SRC_OPTIONS_H_

#include <engram/status.h>
#include <engram/types.h>

namespace engram {

// kInvalidArgument for a number that is none of the enumerators.
Status CheckDurability(Durability durability);

}  // namespace engram

#endif  // ENGRAM_API_SRC_OPTIONS_H_
