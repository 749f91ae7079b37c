// Every byte of a log segment: fixed structs, little-endian, sizes and offsets asserted.
// A segment is a header block, then frames. A frame starts on 8 bytes; the first frame after a sync
// starts on a fresh 4 KiB block, so that a block with acknowledged bytes is never written again;
// gaps are zero. Threads: plain data. Implements docs/wal-format.md.
#ifndef ENGRAM_WAL_LOG_FORMAT_H_
#define ENGRAM_WAL_LOG_FORMAT_H_

#include <cstddef>
#include <cstdint>

#include <engram/types.h>

namespace engram {

inline constexpr std::uint32_t kLogFormatVersion = 2;
inline constexpr std::uint32_t kOldestLogFormatVersion = 1;         // that this build reads
inline constexpr std::uint64_t kSegmentMagic = 0x4c574d4152474e45;  // "ENGRAMWL" as it lies on disk
inline constexpr std::uint64_t kLogBlockBytes = 4096;
inline constexpr std::uint64_t kFrameAlignment = 8;
// Frames larger than this are never written; a reader takes a larger length for damage.
inline constexpr std::uint32_t kMaxFrameBytes = 64u << 20;
// Payloads are cut at about this size.
inline constexpr std::size_t kTargetPayloadBytes = 1u << 20;

struct SegmentHeader {           // docs/wal-format.md, "Segment header"
  std::uint64_t checksum;        // XXH3 of the whole 4 KiB header block after this field
  std::uint64_t magic;           // kSegmentMagic
  std::uint32_t format_version;  // kLogFormatVersion
  std::uint32_t generation;      // grows by one at each open for writing
  std::uint64_t store_id;
  Lsn first_lsn;     // of the first commit in it; also the file's name
  Lsn previous_end;  // durable when the segment got its name: all commits up to here
  std::uint32_t
      previous_generation;  // of the segment before; frames there from first_lsn on are void
  std::uint32_t reserved;   // zero
};
static_assert(sizeof(SegmentHeader) == 56 && offsetof(SegmentHeader, store_id) == 24 &&
              offsetof(SegmentHeader, previous_generation) == 48);

enum class FrameKind : std::uint8_t {
  kPart = 1,  // more of this commit follows in the next frame
  kLast = 2,  // the commit is complete
};

struct FrameHeader {       // docs/wal-format.md, "Frame header"
  std::uint64_t checksum;  // XXH3 of header and payload after this field, seeded with the store id
  std::uint32_t frame_bytes;  // header and payload, without the padding to 8
  std::uint32_t generation;
  Lsn lsn;              // of the commit
  Lsn durable_through;  // known durable when this frame was written
  std::uint32_t part;   // 0, 1, ... within the commit
  FrameKind kind;
  std::uint8_t reserved[3];  // zero
};
static_assert(sizeof(FrameHeader) == 40 && offsetof(FrameHeader, lsn) == 16 &&
              offsetof(FrameHeader, part) == 32 && offsetof(FrameHeader, kind) == 36);

}  // namespace engram

#endif  // ENGRAM_WAL_LOG_FORMAT_H_
