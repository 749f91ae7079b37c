#include "storage/meta_flusher.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "storage/base/status_macros.h"

namespace engram {
namespace {

// Where a family has as many, rows wait for RocksDB: before their commit, and at less than would
// let RocksDB itself keep them waiting, which on a full disk it would do for ever
// (rocksdb_options.cc).
constexpr std::uint64_t kTooManyFullBuffers = 2;
constexpr std::uint64_t kMostLevel0Files = 20;

}  // namespace

Status MetaFlusher::FlushUntil(const std::function<Result<bool>()>& durable) {
  std::uint64_t failed = database_.work().counts().failed_flushes;
  const FamilyHandles& handles = database_.handles();
  rocksdb::FlushOptions flush;
  flush.wait = false;  // for ever, where it fails and BackgroundWork has kept that from RocksDB
  flush.allow_write_stall = true;  // rather than wait for a moment without writes
  ENGRAM_RETURN_IF_ERROR(
      database_.Wrap(database_.db().Flush(flush, {handles.begin(), handles.end()}), "flush"));
  while (true) {
    const BackgroundWork::Counts seen = database_.work().counts();
    ENGRAM_ASSIGN_OR_RETURN(const bool done, durable());
    if (done) {
      database_.work().ClearNoSpace(failed);
      return Status::Ok();
    }
    const Status error = database_.work().error();
    if (!error.ok() && (error.code() != Code::kNoSpace || seen.failed_flushes != failed)) {
      return error;
    }
    failed = seen.failed_flushes;  // where there were more, another thread has repeated them
    database_.work().WaitForChange(seen);
  }
}

Status MetaFlusher::FlushAll(const FamilyLsns& applied) {
  return FlushUntil([&]() -> Result<bool> {
    // Rows may have come without a new LSN; what was there when the flush began is full now.
    if (MostFullBuffers() > 0) return false;
    ENGRAM_ASSIGN_OR_RETURN(const FamilyLsns durable, database_.ReadLsns(rocksdb::kPersistedTier));
    return std::equal(durable.begin(), durable.end(), applied.begin(), std::greater_equal<>());
  });
}

Status MetaFlusher::TakeRoom(std::uint64_t bytes) const {
  const std::string path = JoinPath(database_.directory(), std::string(kRoomFile));
  ENGRAM_ASSIGN_OR_RETURN(std::unique_ptr<File> file, file_system_->Open(path, OpenMode::kCreate));
  const Status room = file->Allocate(0, bytes);
  file.reset();
  if (room.ok()) return room;
  FreeRoom().IgnoreError();  // the next one to take room, or to open, will find it
  return room;
}

Status MetaFlusher::FreeRoom() const {
  return file_system_->Unlink(JoinPath(database_.directory(), std::string(kRoomFile)));
}

Status MetaFlusher::TryRoom() const {
  std::uint64_t bytes = buffer_bytes_;
  database_.db().GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &bytes);
  ENGRAM_RETURN_IF_ERROR(TakeRoom(bytes));
  return FreeRoom();
}

Status MetaFlusher::Resume(const std::function<FamilyLsns()>& applied) {
  // A flush that was under way before there was room may fail behind the look for room.
  constexpr int kTries = 2;
  Status error = database_.work().error();
  for (int i = 0; i < kTries && error.code() == Code::kNoSpace; ++i) {
    ENGRAM_RETURN_IF_ERROR(TryRoom());
    error = FlushAll(applied());
  }
  ENGRAM_RETURN_IF_ERROR(error);
  return WaitForBackground();
}

Status MetaFlusher::WaitForBackground() {
  while (true) {
    const BackgroundWork::Counts seen = database_.work().counts();
    const bool level0 = TooManyLevel0Files(seen.flushes);
    if (!level0 && MostFullBuffers() < kTooManyFullBuffers) return Status::Ok();
    // Full buffers are being flushed, or that has failed; a compaction that fails is begun again.
    ENGRAM_RETURN_IF_ERROR(database_.work().error());
    database_.work().WaitForChange(seen);
    if (level0 && database_.work().counts().failed_compactions != seen.failed_compactions) {
      ENGRAM_RETURN_IF_ERROR(database_.work().error());
      return Status::NoSpace(
          database_.What("no room for a compaction, and too many files wait for one"));
    }
  }
}

std::uint64_t MetaFlusher::MostFullBuffers() const {
  std::uint64_t most = 0;
  for (rocksdb::ColumnFamilyHandle* family : database_.handles()) {
    std::uint64_t full = 0;
    database_.db().GetIntProperty(family, rocksdb::DB::Properties::kNumImmutableMemTable, &full);
    most = std::max(most, full);
  }
  return most;
}

bool MetaFlusher::TooManyLevel0Files(std::uint64_t flushes) {
  MutexLock lock(mutex_);
  if (flushes_checked_ == flushes) return false;
  for (rocksdb::ColumnFamilyHandle* family : database_.handles()) {
    std::string files;
    database_.db().GetProperty(family, rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0",
                               &files);
    std::uint64_t count = 0;
    std::from_chars(files.data(), files.data() + files.size(), count);
    if (count >= kMostLevel0Files) return true;
  }
  flushes_checked_ = flushes;
  return false;
}

}  // namespace engram
