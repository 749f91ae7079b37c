#include "wal/log_carry.h"

#include <algorithm>
#include <string>
#include <vector>

#include "storage/base/aligned_buffer.h"
#include "storage/base/coding.h"
#include "storage/base/ids.h"
#include "storage/base/status_macros.h"
#include "wal/log_frames.h"

namespace engram {
namespace {

Status CheckFits(const LogWriterOptions& options, const LogSegment& newest) {
  const SegmentHeader& header = newest.header;
  if (options.generation > header.generation && options.previous_generation >= header.generation &&
      options.previous_generation <= options.generation &&
      options.previous_end >= header.previous_end) {
    return {};
  }
  return Status::InvalidArgument(
      newest.path + " is of generation " + std::to_string(header.generation) +
      " and follows commit " + std::to_string(Raw(header.previous_end)) + "; a log of generation " +
      std::to_string(options.generation) +
      " (before: " + std::to_string(options.previous_generation) + ") that follows commit " +
      std::to_string(Raw(options.previous_end)) + " cannot continue it");
}

Status EndsEarly(const LogSegment& segment, const CommitCursor& cursor, Lsn expected) {
  return Status::CorruptedIndex(segment.path + ": offset " + std::to_string(cursor.stop()) +
                                ": the log ends at commit " + std::to_string(Raw(cursor.lsn())) +
                                ", expected " + std::to_string(Raw(expected)));
}

}  // namespace

Result<CarriedCommits> CarriedCommits::Plan(const LogWriterOptions& options,
                                            const LogSegment* newest) {
  CarriedCommits carried(options);
  carried.first_lsn_ = Next(options.previous_end);
  if (newest == nullptr) return carried;
  ENGRAM_RETURN_IF_ERROR(CheckFits(options, *newest));
  carried.newest_ = newest;
  ENGRAM_ASSIGN_OR_RETURN(CommitCursor cursor,
                          CommitCursor::Open(*options.file_system, *newest, options.store_id));
  std::vector<std::uint64_t>
      spaces;  // of each commit; a proof may come after the commits it covers
  while (cursor.lsn() < options.previous_end) {
    ENGRAM_ASSIGN_OR_RETURN(const bool found, cursor.Next());
    if (!found) return EndsEarly(*newest, cursor, options.previous_end);
    spaces.push_back(CommitSpace(cursor.payloads()));
  }
  const Lsn proved =
      std::min(std::max(options.known_durable, cursor.proved_durable()), options.previous_end);
  carried.first_lsn_ = Next(proved);
  carried.used_before_ = cursor.end();
  for (std::size_t i = Raw(carried.first_lsn_) - Raw(newest->header.first_lsn); i < spaces.size();
       ++i) {
    carried.space_ += spaces[i];
  }
  return carried;
}

Status CarriedCommits::CopyTo(File& to) const {
  if (first_lsn_ > options_.previous_end) return {};
  ENGRAM_ASSIGN_OR_RETURN(CommitCursor cursor,
                          CommitCursor::Open(*options_.file_system, *newest_, options_.store_id));
  FrameStamp stamp;
  stamp.generation = options_.generation;
  stamp.store_id = options_.store_id;
  stamp.durable_through = Previous(first_lsn_);
  AlignedBuffer buffer;
  std::uint64_t offset = kLogBlockBytes;
  while (cursor.lsn() < options_.previous_end) {
    ENGRAM_ASSIGN_OR_RETURN(const bool found, cursor.Next());
    if (!found) return EndsEarly(*newest_, cursor, options_.previous_end);
    if (cursor.lsn() < first_lsn_) continue;
    const std::uint64_t space = CommitSpace(cursor.payloads());
    if (buffer.size() < space) {
      ENGRAM_ASSIGN_OR_RETURN(buffer, AlignedBuffer::Allocate(space));
    }
    stamp.lsn = cursor.lsn();
    PutCommit(stamp, cursor.payloads(), buffer.data());
    ENGRAM_RETURN_IF_ERROR(to.WriteAt(offset, buffer.span().first(space)));
    offset += space;
  }
  return {};
}

}  // namespace engram
