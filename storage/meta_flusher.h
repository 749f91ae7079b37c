// Flushes of a metadata store: asked for, waited for, repeated once a full disk has room again; and
// commits that wait while RocksDB is behind. Leaves what is in the rows to meta_store.cc.
// Threads: any thread. Implements docs/rocksdb.md, "A full disk under RocksDB".
#ifndef ENGRAM_STORAGE_META_FLUSHER_H_
#define ENGRAM_STORAGE_META_FLUSHER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include <engram/result.h>
#include <engram/status.h>

#include "storage/base/file.h"
#include "storage/base/mutex.h"
#include "storage/meta_database.h"
#include "storage/meta_store.h"

namespace engram {

class MetaFlusher {
 public:
  // `database` outlives this, and is open before anything is called.
  MetaFlusher(const MetaDatabase& database, const MetaStoreOptions& options)
      : database_(database),
        buffer_bytes_(options.buffer_bytes),
        file_system_(options.file_system) {}

  // Flushes every family and waits for `durable`. Errors: that of a flush that failed meanwhile.
  Status FlushUntil(const std::function<Result<bool>()>& durable);
  // Until each family holds what it held when this began, its LSN in `applied`.
  Status FlushAll(const FamilyLsns& applied);
  // MetaStore::Resume(); `applied` says which LSNs are to be flushed.
  Status Resume(const std::function<FamilyLsns()>& applied);
  // Takes that much of the disk, until FreeRoom() or the next opening. Errors: kNoSpace.
  Status TakeRoom(std::uint64_t bytes) const;
  Status FreeRoom() const;

 private:
  // Whether as much as the write buffers hold can be written. Errors: kNoSpace.
  Status TryRoom() const;
  // Waits while RocksDB is too far behind. Errors: what keeps it from catching up.
  Status WaitForBackground();
  // Of the family that has most: buffers that take no more rows and are not flushed yet.
  std::uint64_t MostFullBuffers() const;
  // Looks only where a flush has ended since it last found few.
  bool TooManyLevel0Files(std::uint64_t flushes) ENGRAM_EXCLUDES(mutex_);

  const MetaDatabase& database_;
  const std::uint64_t buffer_bytes_;
  const std::shared_ptr<FileSystem> file_system_;
  Mutex mutex_;
  // BackgroundWork's count when every family had few files in level 0.
  std::optional<std::uint64_t> flushes_checked_ ENGRAM_GUARDED_BY(mutex_);
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_META_FLUSHER_H_
