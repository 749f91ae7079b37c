// The reading end of the log: the commits after a given one, in order, up to where the log ends;
// and whether that is an ordinary end (a torn or missing tail that nobody was promised) or damage.
// Leaves decoding of payloads to record_codec.h.
// Threads: one thread. Implements docs/wal-format.md, "Where the log ends".
#ifndef ENGRAM_WAL_LOG_READER_H_
#define ENGRAM_WAL_LOG_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <engram/result.h>
#include <engram/types.h>

#include "storage/base/file.h"
#include "wal/log_format.h"

namespace engram {

struct LogReaderOptions {
  std::shared_ptr<FileSystem> file_system;
  std::string directory;
  std::uint64_t store_id = 0;
  // Commits up to here are known to have been durable (superblock, families): the log must reach
  // it.
  Lsn known_durable = Lsn::kNone;
};

// What is left to say when all is read.
struct LogEnd {
  Lsn first = Lsn::kNone;  // the first commit of the oldest segment; kNone where there is none
  Lsn last = Lsn::kNone;   // the last whole commit; kNone where there is no segment
  std::uint32_t generation = 0;  // of the newest segment; 0 where there is none
  std::uint64_t segments = 0;
  std::uint64_t dropped_bytes = 0;  // behind the end in the newest segment, not zero
};

// Views are valid during the call only. `payloads` are 8-byte aligned.
using CommitVisitor =
    std::function<Status(Lsn lsn, std::span<const std::span<const std::byte>> payloads)>;

// Calls `visit` for each commit with an LSN above `after`, in order, each whole. An error of
// `visit` ends the reading and is returned. Errors: kCorruptedIndex where a commit that was
// durable, by any of the proofs of docs/wal-format.md, is damaged or missing, or where the log
// begins behind `after`; the message names segment, offset and LSN.
Result<LogEnd> ReadLog(const LogReaderOptions& options, Lsn after, const CommitVisitor& visit);

// For dump and verify: every valid frame header in file order, with its offset.
struct FrameInfo {
  std::string segment;
  std::uint64_t offset = 0;
  FrameHeader header{};
};
Status ForEachFrame(const LogReaderOptions& options,
                    const std::function<void(const FrameInfo&)>& visit);

}  // namespace engram

#endif  // ENGRAM_WAL_LOG_READER_H_
