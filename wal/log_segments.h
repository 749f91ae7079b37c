// The files of the log: their names, their headers, listing them and making one.
// Leaves frames to log_frames.h.
// Threads: pure functions over a FileSystem. Implements docs/wal-format.md, "Segments".
#ifndef ENGRAM_WAL_LOG_SEGMENTS_H_
#define ENGRAM_WAL_LOG_SEGMENTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <engram/result.h>
#include <engram/types.h>

#include "storage/base/file.h"
#include "wal/log_format.h"

namespace engram {

// A segment on disk whose header was found good.
struct LogSegment {
  std::string path;
  std::uint64_t size = 0;
  SegmentHeader header{};
};

// "00000000000000ff.wal".
std::string SegmentName(Lsn first_lsn);
std::optional<Lsn> ParseSegmentName(std::string_view name);

// All segments by first LSN, each header checked, and that each follows the one before; other files
// are passed over. Errors: kCorruptedIndex, kNotSupported (a newer format version), kIoError.
Result<std::vector<LogSegment>> ReadSegments(FileSystem& file_system, const std::string& directory,
                                             std::uint64_t store_id);

// What a new segment begins with, behind its header.
using SegmentFiller = std::function<Status(File&)>;

// Makes a segment of `size` bytes, all allocated, and returns it open: it gets its name, replacing
// a file of that name, only when header and filling are durable, and returns when the name is. The
// header's checksum is set here. Errors: kNoSpace, then nothing has changed; after any other it may
// be there or not.
Result<std::unique_ptr<File>> CreateSegment(FileSystem& file_system, const std::string& directory,
                                            SegmentHeader header, std::uint64_t size,
                                            const SegmentFiller& fill);

// What CreateSegment() left behind in a crash.
Status RemoveTemporaryFiles(FileSystem& file_system, const std::string& directory);

}  // namespace engram

#endif  // ENGRAM_WAL_LOG_SEGMENTS_H_
