#include <engram/metadata.h>

namespace engram {

// Doubles compare as IEEE 754 says: a NaN equals nothing, -0.0 equals 0.0.
bool operator==(const Value& a, const Value& b) { return a.storage() == b.storage(); }

}  // namespace engram
