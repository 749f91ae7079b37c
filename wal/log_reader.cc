#include "wal/log_reader.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "storage/base/coding.h"
#include "storage/base/ids.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "wal/log_frames.h"
#include "wal/log_segments.h"

namespace engram {
namespace {

constexpr Lsn kNoLimit = static_cast<Lsn>(std::numeric_limits<std::uint64_t>::max());

// Something that shows the log to have been durable up to a commit.
struct Proof {
  Lsn durable = Lsn::kNone;
  std::string text;
};

class LogReading {
 public:
  LogReading(const LogReaderOptions& options, Lsn after, const CommitVisitor& visit)
      : options_(options), after_(after), visited_(after), visit_(visit) {}

  Result<LogEnd> Run() {
    ENGRAM_ASSIGN_OR_RETURN(
        segments_, ReadSegments(*options_.file_system, options_.directory, options_.store_id));
    if (segments_.empty()) return WithoutSegments();
    if (after_ < Previous(segments_.front().header.first_lsn)) {
      return Status::CorruptedIndex(segments_.front().path + ": the log begins behind commit " +
                                    std::to_string(Raw(Next(after_))) +
                                    ", which is still needed; expected an older segment");
    }
    for (std::size_t i = 0; i + 1 < segments_.size(); ++i) {
      ENGRAM_RETURN_IF_ERROR(ReadOlder(segments_[i], segments_[i + 1]));
    }
    return ReadNewest(segments_.back());
  }

 private:
  Result<LogEnd> WithoutSegments() const {
    if (options_.known_durable <= after_) return LogEnd{};
    return Status::CorruptedIndex(options_.directory + ": no log segment; expected commits " +
                                  std::to_string(Raw(Next(after_))) + " to " +
                                  std::to_string(Raw(options_.known_durable)));
  }

  Result<CommitCursor> Open(const LogSegment& segment) const {
    return CommitCursor::Open(*options_.file_system, segment, options_.store_id);
  }

  // A segment gets its name only when all commits before it are durable, so here each must be
  // there. What follows them here was void when `newer` was made.
  Status ReadOlder(const LogSegment& segment, const LogSegment& newer) {
    const Lsn last = Previous(newer.header.first_lsn);
    if (last <= after_) return {};
    ENGRAM_ASSIGN_OR_RETURN(CommitCursor cursor, Open(segment));
    ENGRAM_RETURN_IF_ERROR(VisitThrough(cursor, last));
    if (cursor.lsn() < last) {
      return Missing(segment, cursor, {last, "the next segment, " + newer.path});
    }
    if (ENGRAM_MUTANT(kOldGenerationRead)) return VisitVoid(cursor);
    return {};
  }

  // Only for the mutant: what it must never do.
  Status VisitVoid(CommitCursor& cursor) {
    for (std::uint64_t offset = cursor.end();;) {
      ENGRAM_ASSIGN_OR_RETURN(
          const auto frame, cursor.source().FindFrame(offset, [this](const FrameHeader& header) {
            return header.lsn > visited_ && header.part == 0 && header.kind == FrameKind::kLast;
          }));
      if (!frame) return {};
      offset = frame->end();
      visited_ = frame->header.lsn;
      ENGRAM_RETURN_IF_ERROR(visit_(visited_, std::span(&frame->payload, 1)));
    }
  }

  Result<LogEnd> ReadNewest(const LogSegment& segment) {
    ENGRAM_ASSIGN_OR_RETURN(CommitCursor cursor, Open(segment));
    ENGRAM_RETURN_IF_ERROR(VisitThrough(cursor, kNoLimit));
    ENGRAM_ASSIGN_OR_RETURN(const std::optional<Proof> proof, ProofBehind(segment, cursor));
    if (proof) return Missing(segment, cursor, *proof);
    LogEnd end;
    end.first = segments_.front().header.first_lsn;
    end.last = cursor.lsn();
    end.generation = segment.header.generation;
    end.segments = segments_.size();
    ENGRAM_ASSIGN_OR_RETURN(end.dropped_bytes, cursor.source().CountNonZero(cursor.end()));
    if (ENGRAM_MUTANT(kTornTailAsCorruption) && end.dropped_bytes > 0) {
      return Missing(segment, cursor, {Next(end.last), "the bytes behind the end"});
    }
    return end;
  }

  Status VisitThrough(CommitCursor& cursor, Lsn last) {
    while (cursor.lsn() < last) {
      ENGRAM_ASSIGN_OR_RETURN(const bool found, cursor.Next());
      if (!found) break;
      if (cursor.lsn() <= visited_) continue;
      visited_ = cursor.lsn();
      ENGRAM_RETURN_IF_ERROR(visit_(cursor.lsn(), cursor.payloads()));
    }
    return {};
  }

  // Whether anything shows that more than the commits of `cursor` was durable.
  Result<std::optional<Proof>> ProofBehind(const LogSegment& segment, CommitCursor& cursor) const {
    const Lsn end = cursor.lsn();
    if (options_.known_durable > end) {
      return std::optional<Proof>({options_.known_durable, "the page file or the metadata store"});
    }
    if (after_ > end) return std::optional<Proof>({after_, "the checkpoint"});
    if (segment.header.previous_end > end) {
      return std::optional<Proof>({segment.header.previous_end, "the segment's header"});
    }
    // Sectors that were not synced land in any order, so that valid frames behind a hole are
    // ordinary. A frame that was written after a sync past the hole is not.
    ENGRAM_ASSIGN_OR_RETURN(
        const std::optional<Frame> frame,
        cursor.source().FindFrame(cursor.end(), [end](const FrameHeader& header) {
          return header.durable_through > end;
        }));
    if (!frame) return std::optional<Proof>();
    return std::optional<Proof>({frame->header.durable_through,
                                 "the frame of commit " + std::to_string(Raw(frame->header.lsn)) +
                                     " at offset " + std::to_string(frame->offset)});
  }

  static Status Missing(const LogSegment& segment, const CommitCursor& cursor, const Proof& proof) {
    return Status::CorruptedIndex(segment.path + ": offset " + std::to_string(cursor.stop()) +
                                  ": expected commit " + std::to_string(Raw(Next(cursor.lsn()))) +
                                  ", found no valid frame that continues; commits up to " +
                                  std::to_string(Raw(proof.durable)) + " were durable, as " +
                                  proof.text + " proves");
  }

  const LogReaderOptions& options_;
  const Lsn after_;
  Lsn visited_;
  const CommitVisitor& visit_;
  std::vector<LogSegment> segments_;
};

}  // namespace

Result<LogEnd> ReadLog(const LogReaderOptions& options, Lsn after, const CommitVisitor& visit) {
  return LogReading(options, after, visit).Run();
}

Status ForEachFrame(const LogReaderOptions& options,
                    const std::function<void(const FrameInfo&)>& visit) {
  ENGRAM_ASSIGN_OR_RETURN(const auto segments,
                          ReadSegments(*options.file_system, options.directory, options.store_id));
  const auto any = [](const FrameHeader&) { return true; };
  for (const LogSegment& segment : segments) {
    ENGRAM_ASSIGN_OR_RETURN(FrameSource source,
                            FrameSource::Open(*options.file_system, segment, options.store_id));
    for (std::uint64_t offset = kLogBlockBytes;;) {
      ENGRAM_ASSIGN_OR_RETURN(const auto frame, source.FindFrame(offset, any));
      if (!frame) break;
      visit({segment.path, frame->offset, frame->header});
      offset = frame->end();
    }
  }
  return {};
}

}  // namespace engram
