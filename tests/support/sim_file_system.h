// A file system in memory that records what a power loss could undo. A test runs a store on it,
// walks the trace with a CrashReplayer, and opens a store on a SimFileSystem made from each image.
// Hard and symbolic links do not exist; a relative path means the same as one from the root.
// Leaves to others: what survives a power loss (crash_replayer.h), failing calls
// (fault_file_system.h). Threads: any thread.
#ifndef ENGRAM_TESTS_SUPPORT_SIM_FILE_SYSTEM_H_
#define ENGRAM_TESTS_SUPPORT_SIM_FILE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <engram/result.h>
#include <engram/status.h>

#include "storage/base/file.h"
#include "tests/support/crash_replayer.h"
#include "tests/support/sim_disk.h"
#include "tests/support/sim_image.h"

namespace engram {

class SimFileSystem : public FileSystem {
 public:
  // An empty root directory.
  SimFileSystem() : SimFileSystem(SimImage()) {}
  // All of `image` is durable, nothing is locked.
  explicit SimFileSystem(const SimImage& image);

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Unlink(const std::string& path) override;
  Status CreateDirectory(const std::string& path) override;
  Status RemoveDirectory(const std::string& path) override;
  Status SyncDirectory(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& path) override;
  Result<FileInfo> Stat(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path, LockMode mode,
                                         const std::string& owner) override;

  // Notes in the trace, as "commit n was acknowledged".
  void Mark(std::uint64_t number) { disk_->Mark(number, {}); }
  void Mark(std::string text) { disk_->Mark(0, std::move(text)); }
  // How many operations the trace holds; the next one has this index.
  std::size_t OpCount() const { return disk_->OpCount(); }
  // For messages. Pre: index < OpCount().
  std::string DescribeOp(std::size_t index) const { return disk_->op(index).ToString(); }

  // From the operation with this index on, whatever would change the disk fails with kIoError and
  // changes nothing, syncs and marks too; reads go on. A running store can then be destroyed.
  void FreezeAt(std::size_t op_index) { disk_->FreezeAt(op_index); }

  // A sync of this file failed as on Linux: bytes written since the last sync stay readable, some
  // sectors of each write have reached the disk, never the first, and the rest never will. Errors:
  // kNotFound, kInvalidArgument for a file of another file system.
  Status DropUnsynced(const std::string& path);
  Status DropUnsynced(const File& file);

  // What a process killed now leaves behind: all of it, the system goes on.
  SimImage LiveImage() const { return disk_->LiveImage(); }
  // At the first operation.
  CrashReplayer Replay() const { return CrashReplayer(disk_); }

 private:
  std::shared_ptr<SimDisk> disk_;  // files and locks keep it too
};

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_SIM_FILE_SYSTEM_H_
