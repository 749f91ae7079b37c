// The commits at the old log's end that recovery read though nothing proves them durable. They may
// have come from the page cache alone, even after a sync that failed; syncing the old segment again
// would then prove nothing. So the first segment of a new opening begins with copies of them.
// Threads: one thread. Implements docs/wal-format.md, "Carried commits".
#ifndef ENGRAM_WAL_LOG_CARRY_H_
#define ENGRAM_WAL_LOG_CARRY_H_

#include <cstdint>

#include <engram/result.h>
#include <engram/types.h>

#include "storage/base/file.h"
#include "wal/log_segments.h"
#include "wal/log_writer.h"

namespace engram {

// Borrows what it is planned from.
class CarriedCommits {
 public:
  // Reads `newest` up to options.previous_end; where it is nullptr, nothing is carried.
  // Errors: kInvalidArgument where `options` do not fit it; kCorruptedIndex where it ends earlier.
  static Result<CarriedCommits> Plan(const LogWriterOptions& options, const LogSegment* newest);

  // The first one; where there is none, the commit after previous_end. The new segment's first.
  Lsn first_lsn() const { return first_lsn_; }
  // What the copies take.
  std::uint64_t space() const { return space_; }
  // Header and frames of `newest`, up to previous_end.
  std::uint64_t used_before() const { return used_before_; }

  // Writes them behind the header block of `to`, as frames of options.generation.
  Status CopyTo(File& to) const;

 private:
  explicit CarriedCommits(const LogWriterOptions& options) : options_(options) {}

  const LogWriterOptions& options_;
  const LogSegment* newest_ = nullptr;
  Lsn first_lsn_ = Lsn::kNone;
  std::uint64_t space_ = 0;
  std::uint64_t used_before_ = 0;
};

}  // namespace engram

#endif  // ENGRAM_WAL_LOG_CARRY_H_
