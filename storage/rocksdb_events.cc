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
// Between two deliveries: the first tell most.
constexpr std::size_t kMostLines = 64;

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
  MutexLock lock(mutex_);
  if (lines_.size() < kMostLines) {
    lines_.push_back({error ? LogLevel::kError : LogLevel::kWarning, std::move(text)});
  } else {
    ++dropped_;
  }
}

void RocksDbLogger::Deliver() {
  std::vector<Line> lines;
  std::uint64_t dropped = 0;
  {
    MutexLock lock(mutex_);
    std::swap(lines, lines_);
    std::swap(dropped, dropped_);
  }
  for (const Line& line : lines) log_(line.level, line.text);
  if (dropped != 0) {
    log_(LogLevel::kWarning, "RocksDB: " + std::to_string(dropped) + " more lines were left out");
  }
}

Status BackgroundWork::error() const {
  MutexLock lock(mutex_);
  return error_;
}

void BackgroundWork::ClearNoSpace(std::uint64_t failed_flushes) {
  MutexLock lock(mutex_);
  if (counts_.failed_flushes > failed_flushes) return;
  if (error_.code() == Code::kNoSpace) error_ = Status::Ok();
}

BackgroundWork::Counts BackgroundWork::counts() const {
  MutexLock lock(mutex_);
  return counts_;
}

void BackgroundWork::WaitForChange(const Counts& seen) {
  MutexLock lock(mutex_);
  while (Waits(seen)) changed_.Wait(mutex_);
}

void BackgroundWork::WaitForChange(const Counts& seen, std::chrono::milliseconds most) {
  MutexLock lock(mutex_);
  while (Waits(seen) && changed_.WaitFor(mutex_, most)) {
  }
}

void BackgroundWork::CountCompaction() {
  MutexLock lock(mutex_);
  ++counts_.compactions;
  changed_.NotifyAll();
}

void BackgroundWork::OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo&) {
  MutexLock lock(mutex_);
  ++counts_.flushes;
  changed_.NotifyAll();
}

void BackgroundWork::OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo& info) {
  if (!info.status.ok()) return;
  MutexLock lock(mutex_);
  ++counts_.compactions;
  changed_.NotifyAll();
}

void BackgroundWork::OnBackgroundError(rocksdb::BackgroundErrorReason reason,
                                       rocksdb::Status* error) {
  using Reason = rocksdb::BackgroundErrorReason;
  const bool flush = reason == Reason::kFlush || reason == Reason::kFlushNoWAL;
  // A compaction by a thread of ours gives its failure this reason whatever it was that failed, and
  // words are all that tells a failed MANIFEST write from it.
  const bool compaction =
      reason == Reason::kCompaction && error->ToString().find("MANIFEST") == std::string::npos;
  Status status = FromRocksDb(*error, "metadata store: " + std::string(NameOf(reason)) + " failed");
  if (status.code() == Code::kNoSpace) {
    if (flush || compaction) {
      *error = rocksdb::Status::OK();
    } else {
      // What a failed MANIFEST write has left is unknown.
      status = Status::IoError(std::string(status.message()));
    }
  }
  MutexLock lock(mutex_);
  counts_.failed_flushes += flush ? 1 : 0;
  counts_.failed_compactions += compaction ? 1 : 0;
  const bool keep = !compaction || status.code() != Code::kNoSpace;
  if (keep && (error_.ok() || error_.code() == Code::kNoSpace)) error_ = std::move(status);
  changed_.NotifyAll();
}

void BackgroundWork::OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                                          bool* auto_recovery) {
  *auto_recovery = false;
}

}  // namespace engram
