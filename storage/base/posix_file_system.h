// Names, directories and locks over plain system calls; files are posix_file.h's unless a derived
// class opens others. Threads: any thread. Implements docs/architecture.md, "The file layer".
#ifndef ENGRAM_STORAGE_BASE_POSIX_FILE_SYSTEM_H_
#define ENGRAM_STORAGE_BASE_POSIX_FILE_SYSTEM_H_

#include <memory>
#include <string>
#include <vector>

#include "storage/base/file.h"
#include "storage/base/posix_file.h"

namespace engram {

class PosixFileSystem : public FileSystem {
 public:
  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Unlink(const std::string& path) override;
  Status CreateDirectory(const std::string& path) override;
  Status RemoveDirectory(const std::string& path) override;
  Status SyncDirectory(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& path) override;
  Result<FileInfo> Stat(const std::string& path) override;
  // A flock(2): bound to this open of the file, so a second Lock() in the same process is refused
  // too, and closing another descriptor of the file does not drop it. A forked child that lets it
  // go leaves the parent's lock alone.
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path, LockMode mode,
                                         const std::string& owner) override;

 protected:
  // What Open() gives out for a descriptor it has opened.
  virtual std::unique_ptr<File> MakeFile(FileDescriptor fd, const std::string& path);
};

std::shared_ptr<FileSystem> MakePosixFileSystem();

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_POSIX_FILE_SYSTEM_H_
