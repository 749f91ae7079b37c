#include "wal/log_frames.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "storage/base/check.h"
#include "storage/base/checksum.h"
#include "storage/base/coding.h"
#include "storage/base/ids.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

constexpr std::uint64_t kWindowBytes = 4u << 20;

std::uint64_t FrameChecksum(std::span<const std::byte> frame, std::uint64_t store_id) {
  return Checksum64(frame.subspan(sizeof(FrameHeader::checksum)), store_id);
}

// Writes one frame with its padding; returns the byte behind it.
std::byte* PutFrame(FrameHeader header, std::span<const std::byte> payload, std::uint64_t store_id,
                    std::byte* to) {
  const std::uint64_t frame_bytes = sizeof(FrameHeader) + payload.size();
  ENGRAM_CHECK(frame_bytes <= kMaxFrameBytes);
  header.frame_bytes = static_cast<std::uint32_t>(frame_bytes);
  StoreAs(to, header);
  if (!payload.empty()) std::memcpy(to + sizeof(FrameHeader), payload.data(), payload.size());
  header.checksum = FrameChecksum({to, frame_bytes}, store_id);
  StoreAs(to, header.checksum);
  const std::uint64_t space = FrameSpace(payload.size());
  std::memset(to + frame_bytes, 0, space - frame_bytes);
  return to + space;
}

// Mostly zeros: allocated and never written.
std::uint64_t NonZeroBytes(std::span<const std::byte> bytes) {
  std::uint64_t count = 0;
  while (!bytes.empty()) {
    const auto chunk = bytes.first(std::min(bytes.size(), sizeof(std::uint64_t)));
    bytes = bytes.subspan(chunk.size());
    if (chunk.size() == sizeof(std::uint64_t) && LoadAs<std::uint64_t>(chunk.data()) == 0) continue;
    for (const std::byte b : chunk) count += b != std::byte{0};
  }
  return count;
}

}  // namespace

std::uint64_t FrameSpace(std::uint64_t payload_bytes) {
  return AlignUp(sizeof(FrameHeader) + payload_bytes, kFrameAlignment);
}

std::uint64_t CommitSpace(std::span<const std::span<const std::byte>> payloads) {
  std::uint64_t space = 0;
  for (const auto& payload : payloads) space += FrameSpace(payload.size());
  return space;
}

void PutCommit(const FrameStamp& stamp, std::span<const std::span<const std::byte>> payloads,
               std::byte* to) {
  ENGRAM_CHECK(!payloads.empty() && payloads.size() < std::numeric_limits<std::uint32_t>::max());
  FrameHeader header{};
  header.generation = stamp.generation;
  header.lsn = stamp.lsn;
  header.durable_through = stamp.durable_through;
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    header.part = static_cast<std::uint32_t>(i);
    header.kind = i + 1 < payloads.size() ? FrameKind::kPart : FrameKind::kLast;
    to = PutFrame(header, payloads[i], stamp.store_id, to);
  }
}

Result<FrameSource> FrameSource::Open(FileSystem& file_system, const LogSegment& segment,
                                      std::uint64_t store_id) {
  ENGRAM_ASSIGN_OR_RETURN(auto file, file_system.Open(segment.path, OpenMode::kRead));
  return FrameSource(std::move(file), segment, store_id);
}

bool FrameSource::IsPlausible(const FrameHeader& header, std::uint64_t offset) const {
  return header.frame_bytes >= sizeof(FrameHeader) && header.frame_bytes <= kMaxFrameBytes &&
         header.frame_bytes <= size_ - offset && header.generation == generation_ &&
         header.durable_through < header.lsn &&
         (header.kind == FrameKind::kPart || header.kind == FrameKind::kLast) &&
         header.reserved[0] == 0 && header.reserved[1] == 0 && header.reserved[2] == 0;
}

Result<std::span<const std::byte>> FrameSource::Window(std::uint64_t offset, std::uint64_t length) {
  if (offset < window_offset_ || offset + length > window_offset_ + window_bytes_) {
    const std::uint64_t from = offset / kLogBlockBytes * kLogBlockBytes;
    const std::uint64_t wanted = std::min(
        std::max(kWindowBytes, AlignUp(offset + length - from, kLogBlockBytes)), size_ - from);
    if (buffer_.size() < wanted) {
      ENGRAM_ASSIGN_OR_RETURN(buffer_, AlignedBuffer::Allocate(wanted));
    }
    window_bytes_ = 0;
    ENGRAM_RETURN_IF_ERROR(ReadExactly(*file_, from, buffer_.span().first(wanted)));
    window_offset_ = from;
    window_bytes_ = wanted;
  }
  return std::span<const std::byte>(buffer_.span())
      .subspan(offset - window_offset_, window_offset_ + window_bytes_ - offset);
}

Result<std::optional<Frame>> FrameSource::FrameAt(std::uint64_t offset, const Predicate& wanted) {
  if (offset > size_ || size_ - offset < sizeof(FrameHeader)) return std::optional<Frame>();
  ENGRAM_ASSIGN_OR_RETURN(const auto start, Window(offset, sizeof(FrameHeader)));
  const auto header = LoadAs<FrameHeader>(start.data());
  if (!IsPlausible(header, offset) || !wanted(header)) return std::optional<Frame>();
  ENGRAM_ASSIGN_OR_RETURN(const auto window, Window(offset, header.frame_bytes));
  const auto bytes = window.first(header.frame_bytes);
  if (header.checksum != FrameChecksum(bytes, store_id_)) return std::optional<Frame>();
  return std::optional<Frame>(Frame{header, offset, bytes.subspan(sizeof(FrameHeader))});
}

Result<std::optional<Frame>> FrameSource::FindFrame(std::uint64_t from, const Predicate& wanted) {
  std::uint64_t offset = AlignUp(from, kFrameAlignment);
  while (offset <= size_ && size_ - offset >= sizeof(FrameHeader)) {
    ENGRAM_ASSIGN_OR_RETURN(const auto window, Window(offset, sizeof(FrameHeader)));
    // Only what looks like a frame is read whole and its checksum computed.
    std::size_t i = 0;
    bool candidate = false;
    for (; !candidate && i + sizeof(FrameHeader) <= window.size(); i += kFrameAlignment) {
      const auto header = LoadAs<FrameHeader>(window.data() + i);
      candidate = IsPlausible(header, offset + i) && wanted(header);
    }
    offset += i;
    if (!candidate) continue;
    ENGRAM_ASSIGN_OR_RETURN(auto frame, FrameAt(offset - kFrameAlignment, wanted));
    if (frame) return frame;
  }
  return std::optional<Frame>();
}

Result<std::uint64_t> FrameSource::CountNonZero(std::uint64_t from) {
  std::uint64_t count = 0;
  for (std::uint64_t offset = from; offset < size_;) {
    ENGRAM_ASSIGN_OR_RETURN(const auto window, Window(offset, 1));
    count += NonZeroBytes(window);
    offset += window.size();
  }
  return count;
}

Result<CommitCursor> CommitCursor::Open(FileSystem& file_system, const LogSegment& segment,
                                        std::uint64_t store_id) {
  ENGRAM_ASSIGN_OR_RETURN(auto source, FrameSource::Open(file_system, segment, store_id));
  return CommitCursor(std::move(source), segment.header);
}

CommitCursor::CommitCursor(FrameSource source, const SegmentHeader& header)
    : source_(std::move(source)),
      lsn_(Previous(header.first_lsn)),
      proved_durable_(header.previous_end) {}

Result<bool> CommitCursor::Next() {
  parts_.clear();
  payloads_.clear();
  const Lsn lsn = engram::Next(lsn_);
  std::uint64_t position = end_;
  bool whole = false;
  for (std::uint32_t part = 0; !whole; ++part) {
    ENGRAM_ASSIGN_OR_RETURN(const auto frame, Continue(position, lsn, part));
    if (!frame) {
      stop_ = position;
      if (part > 0 && ENGRAM_MUTANT(kCommitWithoutLastFrame)) break;
      payloads_.clear();
      return false;
    }
    whole = frame->header.kind == FrameKind::kLast;
    if (whole && part == 0) {
      payloads_.push_back(frame->payload);
    } else {
      ENGRAM_RETURN_IF_ERROR(KeepPayload(*frame));
    }
    position = frame->end();
    proved_durable_ = std::max(proved_durable_, frame->header.durable_through);
  }
  lsn_ = lsn;
  end_ = position;
  return true;
}

Result<std::optional<Frame>> CommitCursor::Continue(std::uint64_t position, Lsn lsn,
                                                    std::uint32_t part) {
  const auto expected = [lsn, part](const FrameHeader& header) {
    return header.lsn == lsn && header.part == part;
  };
  ENGRAM_ASSIGN_OR_RETURN(auto frame, source_.FrameAt(position, expected));
  const std::uint64_t next_block = AlignUp(position, kLogBlockBytes);
  if (frame || next_block == position) return frame;
  return source_.FrameAt(next_block, expected);
}

Status CommitCursor::KeepPayload(const Frame& frame) {
  ENGRAM_ASSIGN_OR_RETURN(AlignedBuffer copy, AlignedBuffer::Allocate(frame.payload.size()));
  if (!frame.payload.empty()) std::memcpy(copy.data(), frame.payload.data(), frame.payload.size());
  payloads_.push_back(copy.span());
  parts_.push_back(std::move(copy));
  return {};
}

}  // namespace engram
