// The state under a simulated file system: what the running process sees, and a trace of every
// operation from which CrashReplayer makes the disk after a power loss at any point. Leaves to
// others: the FileSystem interface (sim_file_system.h), what survives a power loss
// (crash_replayer.h). Threads: any thread.
#ifndef ENGRAM_TESTS_SUPPORT_SIM_DISK_H_
#define ENGRAM_TESTS_SUPPORT_SIM_DISK_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <engram/result.h>
#include <engram/status.h>

#include "storage/base/file.h"
#include "storage/base/mutex.h"
#include "tests/support/sim_image.h"
#include "tests/support/sim_view.h"

namespace engram {

class SimDisk {
 public:
  // All of `image` is durable.
  explicit SimDisk(const SimImage& image);

  // As in FileSystem. An inode stays readable and writable after its last name is gone.
  Result<InodeId> Open(const std::string& path, OpenMode mode);
  Status Rename(const std::string& from, const std::string& to);
  Status Unlink(const std::string& path);
  Status CreateDirectory(const std::string& path);
  Status RemoveDirectory(const std::string& path);
  Status SyncDirectory(const std::string& path);
  Result<std::vector<std::string>> List(const std::string& path) const;
  Result<FileInfo> Stat(const std::string& path) const;
  Result<InodeId> Lock(const std::string& path, LockMode mode, const std::string& owner);
  void Unlock(InodeId inode);

  // As in File; `path` is for the trace.
  std::size_t Read(InodeId inode, std::uint64_t offset, std::span<std::byte> out) const;
  std::uint64_t Size(InodeId inode) const;
  Status Write(InodeId inode, const std::string& path, std::uint64_t offset,
               std::span<const std::byte> bytes);
  Status Truncate(InodeId inode, const std::string& path, std::uint64_t size);
  Status Allocate(InodeId inode, const std::string& path, std::uint64_t offset,
                  std::uint64_t length);
  // A step of the trace that changes nothing: there is always room here.
  Status Reserve(InodeId inode, const std::string& path, std::uint64_t offset,
                 std::uint64_t length);
  Status Deallocate(InodeId inode, const std::string& path, std::uint64_t offset,
                    std::uint64_t length);
  // The size in whole blocks, without those that were deallocated and not written or allocated
  // since. What the disk began with has no holes.
  std::uint64_t AllocatedBytes(InodeId inode) const;
  // Not in the trace: it changes nothing.
  Status MapPrivate(InodeId inode, const std::string& path, std::uint64_t offset,
                    std::uint64_t length, std::byte* at);
  Status Sync(InodeId inode, const std::string& path);
  Status DropUnsynced(InodeId inode, const std::string& path);

  void Mark(std::uint64_t number, std::string text);
  // The trace never gets longer than `op_index`.
  void FreezeAt(std::size_t op_index);
  std::size_t OpCount() const;
  // Pre: index < OpCount(). Stays valid and unchanged as long as the disk.
  const TraceOp& op(std::size_t index) const;
  const SimImage& initial() const { return initial_; }
  SimImage LiveImage() const;

 private:
  // Allocate(), Reserve() and Deallocate().
  Status ChangeRoom(TraceOp::Kind kind, InodeId inode, const std::string& path,
                    std::uint64_t offset, std::uint64_t length) ENGRAM_EXCLUDES(mutex_);
  std::uint64_t SizeOf(InodeId inode) const ENGRAM_REQUIRES(mutex_);
  // Which blocks of its file are holes.
  void NoteHoles(const TraceOp& op) ENGRAM_REQUIRES(mutex_);
  // The only way to change anything: the trace and the live tree agree.
  Status Apply(TraceOp op) ENGRAM_REQUIRES(mutex_);
  // What is seen in the views of its file.
  void Show(const TraceOp& op) ENGRAM_REQUIRES(mutex_);
  Result<InodeId> Create(const std::string& path, TraceOp::Kind kind) ENGRAM_REQUIRES(mutex_);
  Status Remove(const std::string& path, FileType type) ENGRAM_REQUIRES(mutex_);
  Status CheckReplace(InodeId from, const std::string& from_path, InodeId to,
                      const std::string& to_path) const ENGRAM_REQUIRES(mutex_);

  const SimImage initial_;

  mutable Mutex mutex_;
  SimImage live_ ENGRAM_GUARDED_BY(mutex_);
  std::deque<TraceOp> trace_
      ENGRAM_GUARDED_BY(mutex_);  // grows only: references to steps stay good
  std::size_t freeze_at_ ENGRAM_GUARDED_BY(mutex_) = std::numeric_limits<std::size_t>::max();
  // The number of shared locks on an inode, or kExclusive.
  static constexpr int kExclusive = -1;
  std::map<InodeId, int> locks_ ENGRAM_GUARDED_BY(mutex_);
  std::map<InodeId, SimView> views_ ENGRAM_GUARDED_BY(mutex_);  // of files that were mapped
  std::map<InodeId, std::set<std::uint64_t>> holes_ ENGRAM_GUARDED_BY(mutex_);  // block numbers
  std::map<InodeId, std::uint64_t> modified_ ENGRAM_GUARDED_BY(mutex_);  // steps, shown as us
};

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_SIM_DISK_H_
