// The best file system of this machine, counting what is written to each kind of file of a store.
// Threads: any thread.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_COUNTING_FILE_SYSTEM_H_
#define ENGRAM_TOOLS_BENCH_PEERS_COUNTING_FILE_SYSTEM_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "storage/base/file.h"

namespace engram::bench {

// Bytes. relaxed: sums that are read when no one writes any more.
struct WrittenBytes {
  std::atomic<std::uint64_t> log{0};
  std::atomic<std::uint64_t> journal{0};
  std::atomic<std::uint64_t> pages{0};
  std::atomic<std::uint64_t> rows{0};  // RocksDB's files
  std::atomic<std::uint64_t> other{0};

  // The one that a file with that path counts in.
  std::atomic<std::uint64_t>& Of(const std::string& path);
};

class CountingFileSystem final : public FileSystem {
 public:
  explicit CountingFileSystem(std::shared_ptr<FileSystem> base) : base_(std::move(base)) {}

  const WrittenBytes& written() const { return written_; }

  // Its files count as long as this object lives.
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

 private:
  std::shared_ptr<FileSystem> base_;
  WrittenBytes written_;
};

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_COUNTING_FILE_SYSTEM_H_
