// A file system that fails on purpose, over any other one. A plan says which operation, how, and
// whether for good. A sweep over every fault: run once without a plan and read ops(); then run with
// nth = 0, 1, ..., ops() - 1. Files already open follow a plan that is set later. Threads: any
// thread.
#ifndef ENGRAM_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
#define ENGRAM_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <engram/result.h>
#include <engram/status.h>

#include "storage/base/file.h"

namespace engram {

enum class IoKind : std::uint8_t {
  kOpen,    // of a file that exists
  kCreate,  // of one that does not
  kRename,
  kUnlink,  // removing a directory too
  kSyncDir,
  kAllocate,  // Reserve too
  kTruncate,
  kDeallocate,
  kRead,   // mapping too
  kWrite,  // one for each op of WriteMany; WriteAndSync is a write and a sync
  kSync,
  kList,
  kStat,  // a file's size and space too
  kLock,
  kMkdir,
};

class IoKinds {
 public:
  constexpr IoKinds(std::initializer_list<IoKind> kinds) {
    for (const IoKind kind : kinds) bits_ |= Bit(kind);
  }
  constexpr bool contains(IoKind kind) const { return (bits_ & Bit(kind)) != 0; }
  friend constexpr IoKinds operator|(IoKinds a, IoKinds b) {
    a.bits_ |= b.bits_;
    return a;
  }

 private:
  static constexpr std::uint32_t Bit(IoKind kind) { return 1U << static_cast<unsigned>(kind); }
  std::uint32_t bits_ = 0;
};

inline constexpr IoKinds kMutatingIo = {IoKind::kCreate,     IoKind::kRename,   IoKind::kUnlink,
                                        IoKind::kSyncDir,    IoKind::kAllocate, IoKind::kTruncate,
                                        IoKind::kDeallocate, IoKind::kWrite,    IoKind::kSync,
                                        IoKind::kLock,       IoKind::kMkdir};
inline constexpr IoKinds kReadingIo = {IoKind::kOpen, IoKind::kRead, IoKind::kList, IoKind::kStat};
inline constexpr IoKinds kAllIo = kMutatingIo | kReadingIo;

enum class Fault : std::uint8_t {
  kError,    // kIoError, nothing done
  kNoSpace,  // kNoSpace from what needs space, a write having written its first half; kIoError from
             // the rest, a sync as with kSyncFail
  kShort,    // a write writes its first half, then kIoError; the rest as kError
  kSyncFail,  // kIoError from a sync of data, and over a SimFileSystem what it should have made
              // durable never becomes so (DropUnsynced); the rest as kError
  kCrash,  // the operation is done, unless it is a sync, but nobody hears of it, and nothing after
           // it works: a SimFileSystem is frozen, over any other one every later call fails
};

enum class FaultRepeat : std::uint8_t { kOnce, kSticky };

struct FaultPlan {
  Fault fault = Fault::kError;
  // kSticky: after the first hit every matching operation is hit.
  FaultRepeat repeat = FaultRepeat::kOnce;
  // Operations that match: of these kinds, on a path that contains this text (either path of a
  // rename).
  IoKinds kinds = kMutatingIo;
  std::string path_contains = {};
  // Hit: the n-th matching operation since the plan was set, from 0; or, where the probability is
  // above 0, each matching one by itself with that probability.
  std::uint64_t nth = 0;
  double probability = 0;
  std::uint64_t seed = 1;
};

class FaultFileSystem : public FileSystem {
 public:
  // `counted`: what ops() counts.
  explicit FaultFileSystem(std::shared_ptr<FileSystem> base, IoKinds counted = kMutatingIo);

  // Replaces the plan, and starts its counting.
  void SetPlan(FaultPlan plan);
  void ClearPlan();
  // Every sync, of data or names, of a path that contains this text takes this long before it
  // begins.
  void SetSyncDelay(std::chrono::microseconds delay, std::string path_contains = {});
  // Operations seen, and those of them that a plan has hit.
  std::uint64_t ops() const;
  std::uint64_t faults_hit() const;
  bool crashed() const;

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
  class State;
  class FaultFile;

  std::shared_ptr<FileSystem> base_;
  std::shared_ptr<State> state_;  // files keep it too
};

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
