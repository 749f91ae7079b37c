// Frames and commits within one segment: laying a frame out, finding valid frames, putting commits
// together. Leaves what a missing frame means to log_reader.cc.
// Threads: one thread. Implements docs/wal-format.md, "Frames".
#ifndef ENGRAM_WAL_LOG_FRAMES_H_
#define ENGRAM_WAL_LOG_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <engram/result.h>
#include <engram/types.h>

#include "storage/base/aligned_buffer.h"
#include "storage/base/file.h"
#include "wal/log_format.h"
#include "wal/log_segments.h"

namespace engram {

// Header, payload and padding of one frame.
std::uint64_t FrameSpace(std::uint64_t payload_bytes);

// Headers and payloads of a commit, laid out one behind another.
struct FrameStamp {
  Lsn lsn = Lsn::kNone;
  Lsn durable_through = Lsn::kNone;
  std::uint32_t generation = 0;
  std::uint64_t store_id = 0;
};
std::uint64_t CommitSpace(std::span<const std::span<const std::byte>> payloads);
// Writes CommitSpace() bytes to `to`. Pre: at least one payload, each fits kMaxFrameBytes.
void PutCommit(const FrameStamp& stamp, std::span<const std::span<const std::byte>> payloads,
               std::byte* to);

// A valid frame. `payload` is 8-byte aligned and valid until the next call of the FrameSource.
struct Frame {
  FrameHeader header{};
  std::uint64_t offset = 0;
  std::span<const std::byte> payload;

  std::uint64_t end() const { return offset + FrameSpace(payload.size()); }
};

// Reads frames of one segment by position, through a window: memory does not grow with the segment.
// Threads: one thread.
class FrameSource {
 public:
  using Predicate = std::function<bool(const FrameHeader&)>;

  static Result<FrameSource> Open(FileSystem& file_system, const LogSegment& segment,
                                  std::uint64_t store_id);

  // The frame at `offset`, where a valid one lies there whose header `wanted` takes; asked before
  // the frame is read whole. Pre: `offset` is a multiple of kFrameAlignment.
  Result<std::optional<Frame>> FrameAt(std::uint64_t offset, const Predicate& wanted);
  // The first such frame at or behind `from`, at any position.
  Result<std::optional<Frame>> FindFrame(std::uint64_t from, const Predicate& wanted);
  // Bytes at or behind `from` that are not zero.
  Result<std::uint64_t> CountNonZero(std::uint64_t from);

 private:
  FrameSource(std::unique_ptr<File> file, const LogSegment& segment, std::uint64_t store_id)
      : file_(std::move(file)),
        size_(segment.size),
        generation_(segment.header.generation),
        store_id_(store_id) {}

  // What could be a frame of this segment by all that a look at its header tells.
  bool IsPlausible(const FrameHeader& header, std::uint64_t offset) const;
  // All that the window holds from `offset` on, at least `length` bytes. Pre: they lie in the file.
  Result<std::span<const std::byte>> Window(std::uint64_t offset, std::uint64_t length);

  std::unique_ptr<File> file_;
  std::uint64_t size_;
  std::uint32_t generation_;
  std::uint64_t store_id_;
  AlignedBuffer buffer_;
  std::uint64_t window_offset_ = 0;
  std::size_t window_bytes_ = 0;
};

// Goes through the commits of one segment in order, up to where no valid frame continues.
// Threads: one thread.
class CommitCursor {
 public:
  static Result<CommitCursor> Open(FileSystem& file_system, const LogSegment& segment,
                                   std::uint64_t store_id);

  // Moves to the next whole commit; false where there is none.
  Result<bool> Next();

  // The commit that Next() moved to last; before, the one before the segment's first.
  Lsn lsn() const { return lsn_; }
  // Of that commit. Valid until the next call of Next() or source().
  std::span<const std::span<const std::byte>> payloads() const { return payloads_; }
  // Behind that commit.
  std::uint64_t end() const { return end_; }
  // After Next() said false: where the frame that should follow was looked for.
  std::uint64_t stop() const { return stop_; }
  // The most that header and frames so far say to be durable.
  Lsn proved_durable() const { return proved_durable_; }
  FrameSource& source() { return source_; }

 private:
  CommitCursor(FrameSource source, const SegmentHeader& header);

  // The frame number `part` of commit `lsn` at `position` or, behind a gap, on the next block.
  Result<std::optional<Frame>> Continue(std::uint64_t position, Lsn lsn, std::uint32_t part);
  Status KeepPayload(const Frame& frame);

  FrameSource source_;
  Lsn lsn_;
  Lsn proved_durable_;
  std::uint64_t end_ = kLogBlockBytes;
  std::uint64_t stop_ = kLogBlockBytes;
  std::vector<AlignedBuffer> parts_;  // copies: a commit of several frames outgrows the window
  std::vector<std::span<const std::byte>> payloads_;
};

}  // namespace engram

#endif  // ENGRAM_WAL_LOG_FRAMES_H_
