// Room on a filling disk for what RocksDB has to write once a flush or compaction has made its
// tables: records of the MANIFEST, now and then a new MANIFEST, and CURRENT. Without room for a
// table it goes on later; without room for a record it never goes on. So room for records is taken
// before each table, and where there is none the table is refused. Leaves to RocksDB when it writes
// what. Threads: any thread. Implements docs/rocksdb.md, "A full disk under RocksDB".
#ifndef ENGRAM_STORAGE_ROCKSDB_MANIFEST_ROOM_H_
#define ENGRAM_STORAGE_ROCKSDB_MANIFEST_ROOM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <engram/result.h>
#include <engram/status.h>

#include "storage/base/file.h"
#include "storage/base/mutex.h"

namespace engram {

// What a MANIFEST has room for behind its end when a table is made, at least. The records of one
// flush and one compaction take 20 KiB; beside them RocksDB moves tables between levels, which
// makes none: at most those that waited in level 0, a few times each, with 200 bytes a record.
inline constexpr std::uint64_t kLeastManifestRoom = 128 << 10;
// Taken at once, so that it is taken seldom.
inline constexpr std::uint64_t kManifestRoom = 256 << 10;

// Files in which that room is kept until they get the names that RocksDB means them to have. What a
// crash has left of them is to be removed before RocksDB is opened: it may hold what was written
// under the other name.
inline constexpr std::string_view kSpareManifest = "manifest.spare";
inline constexpr std::string_view kSpareCurrent = "current.spare";

class ManifestRoom {
 public:
  // `roll_bytes`: the size above which RocksDB begins a new MANIFEST while it runs.
  ManifestRoom(std::shared_ptr<FileSystem> files, std::uint64_t roll_bytes)
      : files_(std::move(files)), roll_bytes_(roll_bytes) {}

  // An empty file, and up to where writes to it cannot fail for lack of space.
  struct EmptyFile {
    std::unique_ptr<File> file;
    std::uint64_t reserved_bytes = 0;
  };
  // Gives the spare, if there is one for a file of such a name, that name. No file otherwise.
  Result<EmptyFile> TakeSpare(const std::string& path) ENGRAM_EXCLUDES(mutex_);
  // Takes room for `file`, the newest MANIFEST, now and before each write that leaves it less than
  // the least. A write that fits goes on without more. Errors: kNoSpace, before anything changes.
  Result<std::shared_ptr<File>> AdoptManifest(EmptyFile file) ENGRAM_EXCLUDES(mutex_);
  // Asked before a table is made. Errors: kNoSpace, where the records that follow from it might
  // find no room, be it in a new MANIFEST. One new MANIFEST: there are more only where it begins
  // above `roll_bytes`, with tens of thousands of tables.
  Status Prepare() ENGRAM_EXCLUDES(mutex_);

 private:
  class ManifestFile;
  struct Spare {
    std::string path;
    std::uint64_t bytes = 0;  // 0: there is none
  };

  Status PrepareSpare(Spare& spare, std::uint64_t least, std::uint64_t wanted)
      ENGRAM_REQUIRES(mutex_);

  const std::shared_ptr<FileSystem> files_;
  const std::uint64_t roll_bytes_;
  // Held across I/O: of those who come here, seldom and on RocksDB's threads alone, the second has
  // to wait for what the first does anyway.
  Mutex mutex_;
  std::weak_ptr<ManifestFile> manifest_ ENGRAM_GUARDED_BY(mutex_);  // RocksDB closes it
  Spare spare_manifest_ ENGRAM_GUARDED_BY(mutex_);
  Spare spare_current_ ENGRAM_GUARDED_BY(mutex_);
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_ROCKSDB_MANIFEST_ROOM_H_
