// What RocksDB tells on its own: log lines, and failures of its background work.
// Threads: any thread.
#ifndef ENGRAM_STORAGE_ROCKSDB_EVENTS_H_
#define ENGRAM_STORAGE_ROCKSDB_EVENTS_H_

#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <string>
#include <vector>

#include <engram/options.h>
#include <engram/status.h>
#include <rocksdb/env.h>
#include <rocksdb/listener.h>

#include "storage/base/mutex.h"

namespace engram {

// Keeps RocksDB's warnings and errors until somebody who holds no lock hands them on: RocksDB
// writes them with its own held. Informational lines are many, and are not even formatted.
class RocksDbLogger : public rocksdb::Logger {
 public:
  explicit RocksDbLogger(LogCallback log);

  using rocksdb::Logger::Logv;
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override
      __attribute__((format(printf, 3, 0)));
  // The header is a dump of all options.
  void LogHeader(const char*, va_list) override {}

  // Calls the callback with what has come, on this thread, without a lock.
  void Deliver() ENGRAM_EXCLUDES(mutex_);

 private:
  struct Line {
    LogLevel level = LogLevel::kWarning;
    std::string text;
  };

  const LogCallback log_;
  Mutex mutex_;
  std::vector<Line> lines_ ENGRAM_GUARDED_BY(mutex_);
  std::uint64_t dropped_ ENGRAM_GUARDED_BY(mutex_) = 0;  // when there were too many
};

// Keeps the first failure of a flush, a compaction or a MANIFEST write, and lets RocksDB repair
// nothing by itself. That a flush or a compaction found no room is kept from RocksDB: it would
// refuse rows of a commit that is in our log already. It goes on with the rows in memory; a
// compaction it begins again, a flush when it is asked to.
class BackgroundWork : public rocksdb::EventListener {
 public:
  // What has ended, well or badly, since the database was opened.
  struct Counts {
    std::uint64_t flushes = 0;  // their rows are durable
    std::uint64_t failed_flushes = 0;
    std::uint64_t compactions = 0;
    std::uint64_t failed_compactions = 0;
    bool operator==(const Counts&) const = default;
  };

  // The first failure. kNoSpace is of a flush that can be repeated, and stays until
  // ClearNoSpace(); any other takes its place, and stays.
  Status error() const ENGRAM_EXCLUDES(mutex_);
  // Unless more than `failed_flushes` have failed by now.
  void ClearNoSpace(std::uint64_t failed_flushes) ENGRAM_EXCLUDES(mutex_);

  Counts counts() const ENGRAM_EXCLUDES(mutex_);
  // Returns when they are others than `seen`, or there is an error that stays.
  void WaitForChange(const Counts& seen) ENGRAM_EXCLUDES(mutex_);
  // The same, but after `most` in any case.
  void WaitForChange(const Counts& seen, std::chrono::milliseconds most) ENGRAM_EXCLUDES(mutex_);

  // A compaction by a thread of ours has ended well: of such ones RocksDB tells nobody.
  void CountCompaction() ENGRAM_EXCLUDES(mutex_);

  void OnFlushCompleted(rocksdb::DB* db, const rocksdb::FlushJobInfo& info) override
      ENGRAM_EXCLUDES(mutex_);
  void OnCompactionCompleted(rocksdb::DB* db, const rocksdb::CompactionJobInfo& info) override
      ENGRAM_EXCLUDES(mutex_);
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override
      ENGRAM_EXCLUDES(mutex_);
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason, rocksdb::Status error,
                            bool* auto_recovery) override;

 private:
  bool Waits(const Counts& seen) const ENGRAM_REQUIRES(mutex_) {
    return counts_ == seen && (error_.ok() || error_.code() == Code::kNoSpace);
  }

  mutable Mutex mutex_;
  CondVar changed_;  // error_ or counts_
  Status error_ ENGRAM_GUARDED_BY(mutex_);
  Counts counts_ ENGRAM_GUARDED_BY(mutex_);
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_ROCKSDB_EVENTS_H_
