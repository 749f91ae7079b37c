// What RocksDB tells on its own: log lines, and failures of its background work.
// Threads: any thread.
#ifndef ENGRAM_STORAGE_ROCKSDB_EVENTS_H_
#define ENGRAM_STORAGE_ROCKSDB_EVENTS_H_

#include <cstdarg>
#include <cstdint>

#include <engram/options.h>
#include <engram/status.h>
#include <rocksdb/env.h>
#include <rocksdb/listener.h>

#include "storage/base/mutex.h"

namespace engram {

// Hands RocksDB's warnings and errors on; informational lines are many, and are not even formatted.
class RocksDbLogger : public rocksdb::Logger {
 public:
  // `log` may be called with a lock of RocksDB held.
  explicit RocksDbLogger(LogCallback log);

  using rocksdb::Logger::Logv;
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override
      __attribute__((format(printf, 3, 0)));
  // The header is a dump of all options.
  void LogHeader(const char*, va_list) override {}

 private:
  const LogCallback log_;
};

// Keeps the first failure of a flush, a compaction or a MANIFEST write, and lets RocksDB repair
// nothing by itself. A compaction that found no room is none: RocksDB begins it again. kNoSpace is
// kept only for a flush, which MetaStore::Resume() can repeat.
class BackgroundWork : public rocksdb::EventListener {
 public:
  // The first failure since the last ClearError().
  Status error() const ENGRAM_EXCLUDES(mutex_);
  void ClearError() ENGRAM_EXCLUDES(mutex_);

  // Flushes whose rows are durable.
  std::uint64_t flushes() const ENGRAM_EXCLUDES(mutex_);
  // Returns when there are more than `seen`, or there is an error.
  void WaitForFlush(std::uint64_t seen) ENGRAM_EXCLUDES(mutex_);

  void OnFlushCompleted(rocksdb::DB* db, const rocksdb::FlushJobInfo& info) override
      ENGRAM_EXCLUDES(mutex_);
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override
      ENGRAM_EXCLUDES(mutex_);
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason, rocksdb::Status error,
                            bool* auto_recovery) override;

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  Status error_ ENGRAM_GUARDED_BY(mutex_);
  std::uint64_t flushes_ ENGRAM_GUARDED_BY(mutex_) = 0;
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_ROCKSDB_EVENTS_H_
