// The words that every public header shares.
// Threads: immutable.
#ifndef ENGRAM_TYPES_H_
#define ENGRAM_TYPES_H_

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include <engram/export.h>

namespace engram {

// Names one pattern for ever. 0 names none. The store gives ids in increasing order, and gives none
// that was used before, by itself or by a caller, whatever a crash has lost. A caller may give an
// id of its own (NewPattern::id), which must exceed every id in use and every one that the store
// may have given. Only an id of its own that was lost, with a commit that a power cut took
// (kInterval, kNone), may a caller give again: the store knows of no such pattern.
using PatternId = std::uint64_t;

// A small number the application chooses for a kind of pattern. 0: no type.
using TypeTag = std::uint32_t;

// A point in time in UTC, in microseconds.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

// One row of `dimensions` floats. The bytes belong to the caller and are copied by calls that keep
// them.
using VectorView = std::span<const float>;

// The number of a commit: 1 for the first, then one more for each. Larger is later.
enum class Lsn : std::uint64_t {
  kNone = 0,  // no commit
};

// Most components of a vector.
inline constexpr std::uint32_t kMaxDimensions = 16384;
// Links a node keeps above level 0.
inline constexpr std::uint32_t kMinM = 2;                     // at least
inline constexpr std::uint32_t kMaxM = 128;                   // links above level 0, at most
inline constexpr std::uint32_t kDefaultM = 16;                // of a new store
inline constexpr std::uint32_t kMaxEf = 65536;                // candidates of a search or an insert
inline constexpr std::uint32_t kDefaultEfConstruction = 200;  // candidates of an insert
inline constexpr std::uint32_t kDefaultEf = 100;              // candidates of a search
// Patterns in one store.
inline constexpr std::uint64_t kMostElements = 0xfffffffe;

// How near two vectors are. Every distance is "smaller is nearer".
enum class Metric : std::uint8_t {
  kL2 = 1,            // squared Euclidean distance, sum (a_i - b_i)^2; range [0, inf)
  kCosine = 2,        // 1 - cos(a, b); range [0, 2]; a zero vector has none and is refused
  kInnerProduct = 3,  // 1 - <a, b>; any range
};

inline constexpr Metric kDefaultMetric = Metric::kL2;  // of a new store

// "l2", "cosine", "ip".
ENGRAM_EXPORT std::string_view MetricName(Metric metric);

// When a write counts as done. All levels are atomic, and after a crash a prefix of the commits is
// there.
enum class Durability : std::uint8_t {
  kSync = 1,      // Acknowledged means on disk: survives a power cut.
  kInterval = 2,  // Survives a killed process at once, a power cut up to Options::sync_interval.
  kNone = 3,  // Survives a killed process; synced only by Flush(), WaitDurable() or a checkpoint.
};

}  // namespace engram

#endif  // ENGRAM_TYPES_H_
