// Numbers that pages, log records and rows all speak of, each a type of its own.
// Threads: immutable.
#ifndef ENGRAM_STORAGE_BASE_IDS_H_
#define ENGRAM_STORAGE_BASE_IDS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <engram/types.h>

namespace engram {

// A page within its segment.
enum class PageId : std::uint32_t {};
// A node within the nodes segment. kNone ends lists and stands for "no neighbour".
enum class SlotId : std::uint32_t { kNone = 0xffffffff };

// What a page of a segment holds. Values are on disk.
enum class SegmentKind : std::uint8_t {
  kNodes = 1,       // node blocks (index/node_layout.h)
  kUpper = 2,       // links above level 0
  kNodeSlots = 3,   // two bits for each node
  kUpperSlots = 4,  // two bits for each upper block
};
inline constexpr std::size_t kSegments = 4;
inline constexpr std::array<SegmentKind, kSegments> kAllSegments = {
    SegmentKind::kNodes, SegmentKind::kUpper, SegmentKind::kNodeSlots, SegmentKind::kUpperSlots};
constexpr std::size_t IndexOf(SegmentKind kind) { return static_cast<std::size_t>(kind) - 1; }

// What the slots segments say of each slot. Values are on disk.
enum class SlotState : std::uint8_t {
  kFree = 0,     // reusable; on disk also a slot in its grace
  kLive = 1,     // holds a pattern's newest version
  kDead = 2,     // ended, but somebody may see it
  kRetired = 3,  // nobody sees it; searches that began earlier may still look. In memory only.
};

// The moment at which a version expires that does not.
inline constexpr std::int64_t kNeverExpires = std::numeric_limits<std::int64_t>::max();

constexpr Lsn Next(Lsn lsn) { return static_cast<Lsn>(static_cast<std::uint64_t>(lsn) + 1); }
constexpr Lsn Previous(Lsn lsn) { return static_cast<Lsn>(static_cast<std::uint64_t>(lsn) - 1); }

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_IDS_H_
