// The writing end of the log: room, appends, syncs, durable LSN, removal of old segments.
// Leaves the meaning of payloads to record_codec.h, and who may append to the engine.
// Threads: one appender (Reserve, Append; the caller holds the writer role); any thread for the
// rest. RocksDB's flushes call SyncAll(), so it takes no lock but the one of the bookkeeping, and
// waits for nothing but I/O of the log that is under way: another sync, or the one write that
// shares a block with what is to be synced. Neither needs anybody's help to end. Implements
// docs/wal-format.md.
#ifndef ENGRAM_WAL_LOG_WRITER_H_
#define ENGRAM_WAL_LOG_WRITER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <engram/result.h>
#include <engram/types.h>

#include "storage/base/file.h"

namespace engram {

struct LogWriterOptions {
  std::shared_ptr<FileSystem> file_system;
  std::string directory;  // exists
  std::uint64_t store_id = 0;
  std::uint32_t generation = 0;  // of this opening; larger than any before
  std::uint32_t previous_generation = 0;
  Lsn previous_end =
      Lsn::kNone;  // where recovery found the log to end; the first commit here is the next
  // As LogReaderOptions::known_durable: commits up to here need not be carried into the new
  // segment.
  Lsn known_durable = Lsn::kNone;
  std::uint64_t segment_bytes = 64ull << 20;
};

// One commit ready to be appended.
struct CommitFrames {
  Lsn lsn = Lsn::kNone;
  std::span<const std::span<const std::byte>> payloads;  // at least one
};

enum class SyncMode : std::uint8_t { kNoSync, kSync };

struct LogCounters {
  std::uint64_t syncs = 0;
  std::uint64_t bytes_appended = 0;  // with headers and padding
};

class LogWriter {
 public:
  // Makes the first segment of this generation: header and preallocation durable under a temporary
  // name, renamed, directory synced. It begins with copies of those commits up to previous_end that
  // nothing proves durable, so all up to there are durable on return; commits behind previous_end
  // in older segments are void from here on. Replaces a segment of the same name, of which it then
  // holds all that counts. Removes what earlier crashes left half made. Errors: kInvalidArgument
  // where generation or previous_end do not fit the segments there; kNoSpace.
  static Result<std::unique_ptr<LogWriter>> Create(const LogWriterOptions& options);
  virtual ~LogWriter() = default;

  // Room first: after success, appending up to `bytes` of payload in at most `frames` frames cannot
  // fail for lack of space. May open the next segment (the old one is synced first). Errors:
  // kNoSpace, and kIoError where there is no memory, nothing changed; others poison.
  virtual Status Reserve(std::uint64_t bytes, std::uint32_t frames) = 0;
  // Appends whole commits, LSNs increasing by one, with one write; with kSync they are durable on
  // return. Any error poisons. Pre: Reserve().
  virtual Status Append(std::span<const CommitFrames> commits, SyncMode mode) = 0;

  // What is appended from now on goes into a new segment. Pre, errors: as Reserve().
  virtual Status StartSegment() = 0;

  // Makes everything appended so far durable (the barrier). Concurrent callers share syncs. Any
  // error poisons.
  virtual Status SyncAll() = 0;
  // The same up to `lsn`; returns at once where that is durable. Pre: lsn <= appended().
  virtual Status SyncThrough(Lsn lsn) = 0;

  // What is appended by now is to be durable at `deadline`. Somebody has to see to it: nothing here
  // runs by the clock.
  virtual void PromiseSync(std::chrono::steady_clock::time_point deadline) = 0;
  // The earliest deadline that no sync has met or has begun to meet.
  virtual std::optional<std::chrono::steady_clock::time_point> promised_sync() const = 0;

  virtual Lsn appended() const = 0;
  virtual Lsn durable() const = 0;

  // Removes segments whose commits are all at or below `lsn`, and syncs the directory. Never the
  // current one. Errors do not poison: the files are only superfluous.
  virtual Status RemoveThrough(Lsn lsn) = 0;
  // Size of all segments on disk.
  virtual std::uint64_t BytesOnDisk() const = 0;
  virtual LogCounters counters() const = 0;

  // The first failure of a write or sync here, kept for good; every later call returns it. Also
  // settable from outside, for failures of the other files.
  virtual Status poisoned() const = 0;
  virtual void Poison(const Status& cause) = 0;
};

}  // namespace engram

#endif  // ENGRAM_WAL_LOG_WRITER_H_
