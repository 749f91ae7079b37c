#include "storage/base/uring_file_system.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/mutex.h"
#include "storage/base/posix_file_system.h"
#include "storage/base/status_macros.h"
#include "storage/base/uring.h"

namespace engram {
namespace {

// Rings nobody uses at the moment. Threads: any thread.
class RingPool {
 public:
  explicit RingPool(std::unique_ptr<Uring> first) { idle_.push_back(std::move(first)); }

  // Null where there is none to be had; also in a forked child, where the idle ones are the
  // parent's.
  std::unique_ptr<Uring> Take() ENGRAM_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (!idle_.empty()) {
        if (!idle_.back()->usable()) return nullptr;
        std::unique_ptr<Uring> ring = std::move(idle_.back());
        idle_.pop_back();
        return ring;
      }
    }
    Result<std::unique_ptr<Uring>> made = Uring::Create();
    return made.ok() ? std::move(made).value() : nullptr;
  }

  void GiveBack(std::unique_ptr<Uring> ring) ENGRAM_EXCLUDES(mutex_) {
    if (!ring->usable()) return;
    MutexLock lock(mutex_);
    if (idle_.size() < kMostIdle) idle_.push_back(std::move(ring));
  }

 private:
  // More are made where more threads do I/O at once, and go when these are there.
  static constexpr std::size_t kMostIdle = 16;

  Mutex mutex_;
  std::vector<std::unique_ptr<Uring>> idle_ ENGRAM_GUARDED_BY(mutex_);
};

// A ring for one call; may be empty. Threads: one thread.
class RingLease {
 public:
  explicit RingLease(RingPool& pool) : pool_(pool), ring_(pool.Take()) {}
  ~RingLease() {
    if (ring_ != nullptr) pool_.GiveBack(std::move(ring_));
  }
  RingLease(const RingLease&) = delete;
  RingLease& operator=(const RingLease&) = delete;

  Uring* get() const { return ring_.get(); }

 private:
  RingPool& pool_;
  std::unique_ptr<Uring> ring_;
};

class UringFile : public PosixFile {
 public:
  UringFile(FileDescriptor fd, std::string path, std::shared_ptr<RingPool> rings)
      : PosixFile(std::move(fd), std::move(path)), rings_(std::move(rings)) {}

  Status WriteMany(std::span<const WriteOp> ops) override;
  Status ReadMany(std::span<const ReadOp> ops) const override;
  Status WriteAndSync(std::uint64_t offset, std::span<const std::byte> bytes) override;

 private:
  // Whether a ring does the call any good. A ring takes offset -1 for "where the file stands", so
  // what does not fit goes to the plain calls, which refuse it.
  template <typename Op>
  static bool SuitsRing(std::span<const Op> ops) {
    return ops.size() > 1 && std::all_of(ops.begin(), ops.end(), [](const Op& op) {
             return FitsOffset(op.offset, op.bytes.size());
           });
  }

  // Runs the ring's pass over `ops`. Returns what is left of them, as a rule nothing.
  template <typename Op>
  Result<std::vector<Op>> RunBatch(Uring& ring, Uring::Direction direction,
                                   std::span<const Op> ops) const;

  std::shared_ptr<RingPool> rings_;
};

template <typename Op>
Result<std::vector<Op>> UringFile::RunBatch(Uring& ring, Uring::Direction direction,
                                            std::span<const Op> ops) const {
  std::vector<Uring::Transfer> transfers;
  transfers.reserve(ops.size());
  for (const Op& op : ops) {
    // The kernel only reads what a write names.
    transfers.push_back({.offset = op.offset,
                         .data = const_cast<std::byte*>(op.bytes.data()),
                         .size = op.bytes.size()});
  }
  ring.Run(fd(), direction, transfers);
  std::vector<Op> left;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    const std::int64_t result = transfers[i].result;
    if (result < 0) {
      return ErrnoStatus(static_cast<int>(-result),
                         direction == Uring::Direction::kRead ? "read" : "write",
                         AtOffset(path(), ops[i].offset));
    }
    const auto done = static_cast<std::size_t>(result);
    if (done < ops[i].bytes.size()) {
      left.push_back({.offset = ops[i].offset + done, .bytes = ops[i].bytes.subspan(done)});
    }
  }
  return left;
}

Status UringFile::WriteMany(std::span<const WriteOp> ops) {
  if (!SuitsRing(ops)) return File::WriteMany(ops);
  const RingLease ring(*rings_);
  if (ring.get() == nullptr) return File::WriteMany(ops);
  ENGRAM_ASSIGN_OR_RETURN(const std::vector<WriteOp> left,
                          RunBatch(*ring.get(), Uring::Direction::kWrite, ops));
  return File::WriteMany(left);
}

Status UringFile::ReadMany(std::span<const ReadOp> ops) const {
  if (!SuitsRing(ops)) return File::ReadMany(ops);
  const RingLease ring(*rings_);
  if (ring.get() == nullptr) return File::ReadMany(ops);
  ENGRAM_ASSIGN_OR_RETURN(const std::vector<ReadOp> left,
                          RunBatch(*ring.get(), Uring::Direction::kRead, ops));
  return File::ReadMany(left);
}

Status UringFile::WriteAndSync(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (!FitsOffset(offset, bytes.size())) return File::WriteAndSync(offset, bytes);
  const RingLease ring(*rings_);
  if (ring.get() == nullptr) return File::WriteAndSync(offset, bytes);
  const Uring::WriteThenSyncResult result = ring.get()->WriteThenSync(fd(), offset, bytes);
  if (result.sync.value_or(0) < 0) return SyncError(-*result.sync, path());
  if (result.written < 0) {
    return ErrnoStatus(static_cast<int>(-result.written), "write", AtOffset(path(), offset));
  }
  const auto done = static_cast<std::size_t>(result.written);
  if (done == bytes.size() && result.sync.has_value()) return {};
  ENGRAM_RETURN_IF_ERROR(WriteAt(offset + done, bytes.subspan(done)));
  return SyncData();
}

class UringFileSystem : public PosixFileSystem {
 public:
  explicit UringFileSystem(std::unique_ptr<Uring> first)
      : rings_(std::make_shared<RingPool>(std::move(first))) {}

 protected:
  std::unique_ptr<File> MakeFile(FileDescriptor fd, const std::string& path) override {
    return std::make_unique<UringFile>(std::move(fd), path, rings_);
  }

 private:
  std::shared_ptr<RingPool> rings_;  // shared with the files, which may outlive this
};

}  // namespace

Result<std::shared_ptr<FileSystem>> MakeUringFileSystem() {
  ENGRAM_ASSIGN_OR_RETURN(std::unique_ptr<Uring> first, Uring::Create());
  return std::shared_ptr<FileSystem>(std::make_shared<UringFileSystem>(std::move(first)));
}

std::shared_ptr<FileSystem> MakeBestFileSystem() {
  Result<std::shared_ptr<FileSystem>> uring = MakeUringFileSystem();
  return uring.ok() ? std::move(uring).value() : MakePosixFileSystem();
}

}  // namespace engram
