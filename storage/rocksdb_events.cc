#include "storage/rocksdb_events.h"

#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "storage/rocksdb_file_system.h"
#include "storage/rocksdb_status.h"

namespace engram {
namespace {

// Longer lines are cut.
constexpr std::size_t kMaxLineBytes = 512;

std::string_view NameOf(rocksdb::BackgroundErrorReason reason) {
  switch (reason) {
    case rocksdb::BackgroundErrorReason::kFlush:
    case rocksdb::BackgroundErrorReason::kFlushNoWAL:
      return "flush";
    case rocksdb::BackgroundErrorReason::kCompaction:
      return "compaction";
    case rocksdb::BackgroundErrorReason::kManifestWrite:
    case rocksdb::BackgroundErrorReason::kManifestWriteNoWAL:
      return "MANIFEST write";
    case rocksdb::BackgroundErrorReason::kWriteCallback:
    case rocksdb::BackgroundErrorReason::kMemTable:
      return "write";
  }
  return "background work";
}

}  // namespace

RocksDbLogger::RocksDbLogger(LogCallback log)
    : Logger(rocksdb::InfoLogLevel::WARN_LEVEL), log_(std::move(log)) {}

void RocksDbLogger::Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) {
  if (!log_ || level < GetInfoLogLevel()) return;
  std::array<char, kMaxLineBytes> line;
  if (std::vsnprintf(line.data(), line.size(), format, arguments) < 0) return;
  std::string text = std::string("RocksDB: ") + line.data();
  // That our file layer refuses to keep RocksDB's options is as we want it, and no news.
  if (text.find(kNoOptionsFile) != std::string::npos) return;
  while (text.back() == '\n') text.pop_back();
  const bool error = level >= rocksdb::InfoLogLevel::ERROR_LEVEL;
  log_(error ? LogLevel::kError : LogLevel::kWarning, text);
}

Status BackgroundWork::error() const {
  MutexLock lock(mutex_);
  return error_;
}

void BackgroundWork::ClearError() {
  MutexLock lock(mutex_);
  error_ = Status::Ok();
}

std::uint64_t BackgroundWork::flushes() const {
  MutexLock lock(mutex_);
  return flushes_;
}

void BackgroundWork::WaitForFlush(std::uint64_t seen) {
  MutexLock lock(mutex_);
  while (flushes_ <= seen && error_.ok()) changed_.Wait(mutex_);
}

void BackgroundWork::OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo&) {
  MutexLock lock(mutex_);
  ++flushes_;
  changed_.NotifyAll();
}

void BackgroundWork::OnBackgroundError(rocksdb::BackgroundErrorReason reason,
                                       rocksdb::Status* error) {
  using Reason = rocksdb::BackgroundErrorReason;
  if (error->IsNoSpace() && reason == Reason::kCompaction) {
    // Nothing is lost and RocksDB tries again. An error would stop flushes too, and 7.8.3 forgets
    // one that was about to begin, so that a resume would wait for it for ever.
    *error = rocksdb::Status::OK();
    return;
  }
  Status status = FromRocksDb(*error, "metadata store: " + std::string(NameOf(reason)) + " failed");
  // After a failed MANIFEST write the same can happen, so that it cannot be resumed.
  if (status.code() == Code::kNoSpace && reason != Reason::kFlush &&
      reason != Reason::kFlushNoWAL) {
    status = Status::IoError(std::string(status.message()));
  }
  MutexLock lock(mutex_);
  if (error_.ok()) error_ = std::move(status);
  changed_.NotifyAll();
}

void BackgroundWork::OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                                          bool* auto_recovery) {
  *auto_recovery = false;
}

}  // namespace engram
