#include "tests/support/fault_file_system.h"

#include <optional>
#include <random>
#include <span>
#include <string_view>
#include <thread>
#include <utility>

#include "storage/base/mutex.h"
#include "storage/base/status_macros.h"
#include "tests/support/sim_file_system.h"

namespace engram {
namespace {

constexpr IoKinds kNeedsSpace = {IoKind::kCreate,   IoKind::kRename,     IoKind::kAllocate,
                                 IoKind::kTruncate, IoKind::kDeallocate, IoKind::kWrite,
                                 IoKind::kLock,     IoKind::kMkdir};
constexpr IoKinds kSyncs = {IoKind::kSync, IoKind::kSyncDir};

}  // namespace

// The plan and its counters.
class FaultFileSystem::State {
 public:
  State(std::shared_ptr<SimFileSystem> sim, IoKinds counted)
      : sim_(std::move(sim)), counted_(counted) {}

  void SetPlan(std::optional<FaultPlan> plan) {
    MutexLock lock(mutex_);
    plan_ = std::move(plan);
    matched_ = 0;
    sticking_ = false;
    if (plan_) random_.seed(plan_->seed);
  }

  void SetSyncDelay(std::chrono::microseconds delay, std::string path_contains) {
    MutexLock lock(mutex_);
    sync_delay_ = delay;
    delayed_paths_ = std::move(path_contains);
  }

  std::uint64_t ops() const {
    MutexLock lock(mutex_);
    return ops_;
  }

  std::uint64_t hits() const {
    MutexLock lock(mutex_);
    return hits_;
  }

  bool crashed() const {
    MutexLock lock(mutex_);
    return crashed_;
  }

  // Counts the operation; the fault that it must meet.
  std::optional<Fault> Judge(IoKind kind, std::string_view path, std::string_view path2 = {}) {
    MutexLock lock(mutex_);
    if (counted_.contains(kind)) ++ops_;
    // The frozen simulation answers for itself.
    if (crashed_) return sim_ == nullptr ? std::optional(Fault::kError) : std::nullopt;
    if (!plan_ || !plan_->kinds.contains(kind)) return std::nullopt;
    if (path.find(plan_->path_contains) == path.npos &&
        path2.find(plan_->path_contains) == path2.npos) {
      return std::nullopt;
    }
    if (!Hits(matched_++)) return std::nullopt;
    ++hits_;
    sticking_ = plan_->repeat == FaultRepeat::kSticky;
    return plan_->fault;
  }

  // Waits as long as a sync shall take.
  void DelaySync(const std::string& path) const {
    std::chrono::microseconds delay{0};
    {
      MutexLock lock(mutex_);
      if (path.find(delayed_paths_) != path.npos) delay = sync_delay_;
    }
    if (delay.count() > 0) std::this_thread::sleep_for(delay);
  }

  // The answer of an operation that met `fault`, with nothing done yet; `act` does it.
  template <typename Act>
  Status Fail(Fault fault, IoKind kind, const std::string& path, Act act) {
    if (fault == Fault::kCrash) {
      // Under way: it may or may not reach the disk.
      if (!kSyncs.contains(kind)) act().IgnoreError();  // whatever it answered, nobody hears it
      Crash();
      return Status::IoError("simulated crash: " + path);
    }
    if (fault == Fault::kNoSpace && kNeedsSpace.contains(kind)) {
      return Status::NoSpace(path + ": simulated: no space left");
    }
    return Status::IoError(path + ": simulated: input/output error");
  }

  template <typename Act>
  Status Do(IoKind kind, const std::string& path, Act act) {
    const std::optional<Fault> fault = Judge(kind, path);
    return fault ? Fail(*fault, kind, path, act) : act();
  }

  // The same for what has a value.
  template <typename T, typename Act>
  Result<T> Get(IoKind kind, const std::string& path, Act act) {
    const std::optional<Fault> fault = Judge(kind, path);
    if (!fault) return act();
    return Fail(*fault, kind, path, [&] { return act().status(); });
  }

  void DropUnsynced(const File& file) {
    if (sim_ == nullptr) return;
    // Fails where the simulation is frozen: then nothing becomes durable anyway.
    sim_->DropUnsynced(file).IgnoreError();
  }

 private:
  bool Hits(std::uint64_t index) ENGRAM_REQUIRES(mutex_) {
    if (sticking_) return true;
    if (plan_->probability <= 0) return index == plan_->nth;
    return std::uniform_real_distribution<double>()(random_) < plan_->probability;
  }

  void Crash() {
    if (sim_ != nullptr) sim_->FreezeAt(0);
    MutexLock lock(mutex_);
    crashed_ = true;
  }

  const std::shared_ptr<SimFileSystem> sim_;  // null over any other file system
  const IoKinds counted_;
  mutable Mutex mutex_;
  std::optional<FaultPlan> plan_ ENGRAM_GUARDED_BY(mutex_);
  std::mt19937_64 random_ ENGRAM_GUARDED_BY(mutex_);
  std::uint64_t matched_ ENGRAM_GUARDED_BY(mutex_) = 0;
  bool sticking_ ENGRAM_GUARDED_BY(mutex_) = false;
  bool crashed_ ENGRAM_GUARDED_BY(mutex_) = false;
  std::uint64_t ops_ ENGRAM_GUARDED_BY(mutex_) = 0;
  std::uint64_t hits_ ENGRAM_GUARDED_BY(mutex_) = 0;
  std::chrono::microseconds sync_delay_ ENGRAM_GUARDED_BY(mutex_){0};
  std::string delayed_paths_ ENGRAM_GUARDED_BY(mutex_);
};

class FaultFileSystem::FaultFile : public File {
 public:
  FaultFile(std::unique_ptr<File> base, std::shared_ptr<State> state)
      : File(base->path()), base_(std::move(base)), state_(std::move(state)) {}

  Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::byte> out) const override {
    return state_->Get<std::size_t>(IoKind::kRead, path(),
                                    [&] { return base_->ReadAt(offset, out); });
  }

  Status WriteAt(std::uint64_t offset, std::span<const std::byte> bytes) override {
    const std::optional<Fault> fault = state_->Judge(IoKind::kWrite, path());
    return fault ? FailWrite(*fault, {offset, bytes}) : base_->WriteAt(offset, bytes);
  }

  Status WriteMany(std::span<const WriteOp> ops) override {
    for (std::size_t i = 0; i < ops.size(); ++i) {
      const std::optional<Fault> fault = state_->Judge(IoKind::kWrite, path());
      if (!fault) continue;
      ENGRAM_RETURN_IF_ERROR(base_->WriteMany(ops.first(i)));
      return FailWrite(*fault, ops[i]);
    }
    return base_->WriteMany(ops);
  }

  Status ReadMany(std::span<const ReadOp> ops) const override {
    for (std::size_t i = 0; i < ops.size(); ++i) {
      const std::optional<Fault> fault = state_->Judge(IoKind::kRead, path());
      if (!fault) continue;
      return state_->Fail(*fault, IoKind::kRead, path(),
                          [&] { return base_->ReadMany(ops.first(i)); });
    }
    return base_->ReadMany(ops);
  }

  Status SyncData() override {
    state_->DelaySync(path());
    const std::optional<Fault> fault = state_->Judge(IoKind::kSync, path());
    return fault ? FailSync(*fault) : base_->SyncData();
  }

  Status WriteAndSync(std::uint64_t offset, std::span<const std::byte> bytes) override {
    const std::optional<Fault> write_fault = state_->Judge(IoKind::kWrite, path());
    if (write_fault) return FailWrite(*write_fault, {offset, bytes});
    state_->DelaySync(path());
    const std::optional<Fault> sync_fault = state_->Judge(IoKind::kSync, path());
    if (!sync_fault) return base_->WriteAndSync(offset, bytes);
    ENGRAM_RETURN_IF_ERROR(base_->WriteAt(offset, bytes));
    return FailSync(*sync_fault);
  }

  Status Allocate(std::uint64_t offset, std::uint64_t length) override {
    return state_->Do(IoKind::kAllocate, path(), [&] { return base_->Allocate(offset, length); });
  }

  Status Reserve(std::uint64_t offset, std::uint64_t length) override {
    return state_->Do(IoKind::kAllocate, path(), [&] { return base_->Reserve(offset, length); });
  }

  Status Truncate(std::uint64_t size) override {
    return state_->Do(IoKind::kTruncate, path(), [&] { return base_->Truncate(size); });
  }

  Status Deallocate(std::uint64_t offset, std::uint64_t length) override {
    return state_->Do(IoKind::kDeallocate, path(),
                      [&] { return base_->Deallocate(offset, length); });
  }

  Result<std::uint64_t> Size() const override {
    return state_->Get<std::uint64_t>(IoKind::kStat, path(), [&] { return base_->Size(); });
  }

  Result<std::uint64_t> AllocatedBytes() const override {
    return state_->Get<std::uint64_t>(IoKind::kStat, path(),
                                      [&] { return base_->AllocatedBytes(); });
  }

  Result<Mapping> Map(std::uint64_t offset, std::size_t length) const override {
    return state_->Get<Mapping>(IoKind::kRead, path(), [&] { return base_->Map(offset, length); });
  }

  Status MapPrivate(std::uint64_t offset, std::uint64_t length, std::byte* at) const override {
    return state_->Do(IoKind::kRead, path(), [&] { return base_->MapPrivate(offset, length, at); });
  }

 private:
  Status FailWrite(Fault fault, const WriteOp& op) {
    if (fault == Fault::kShort || fault == Fault::kNoSpace) {
      ENGRAM_RETURN_IF_ERROR(base_->WriteAt(op.offset, op.bytes.first(op.bytes.size() / 2)));
    }
    return state_->Fail(fault, IoKind::kWrite, path(),
                        [&] { return base_->WriteAt(op.offset, op.bytes); });
  }

  Status FailSync(Fault fault) {
    if (fault == Fault::kSyncFail || fault == Fault::kNoSpace) state_->DropUnsynced(*base_);
    return state_->Fail(fault, IoKind::kSync, path(), [] { return Status(); });
  }

  std::unique_ptr<File> base_;
  std::shared_ptr<State> state_;
};

FaultFileSystem::FaultFileSystem(std::shared_ptr<FileSystem> base, IoKinds counted)
    : base_(std::move(base)),
      state_(std::make_shared<State>(std::dynamic_pointer_cast<SimFileSystem>(base_), counted)) {}

void FaultFileSystem::SetPlan(FaultPlan plan) { state_->SetPlan(std::move(plan)); }
void FaultFileSystem::ClearPlan() { state_->SetPlan(std::nullopt); }
void FaultFileSystem::SetSyncDelay(std::chrono::microseconds delay, std::string path_contains) {
  state_->SetSyncDelay(delay, std::move(path_contains));
}
std::uint64_t FaultFileSystem::ops() const { return state_->ops(); }
std::uint64_t FaultFileSystem::faults_hit() const { return state_->hits(); }
bool FaultFileSystem::crashed() const { return state_->crashed(); }

Result<std::unique_ptr<File>> FaultFileSystem::Open(const std::string& path, OpenMode mode) {
  const bool creates = mode == OpenMode::kCreateNew ||
                       (mode == OpenMode::kCreate && base_->Stat(path).code() == Code::kNotFound);
  ENGRAM_ASSIGN_OR_RETURN(
      std::unique_ptr<File> file,
      state_->Get<std::unique_ptr<File>>(creates ? IoKind::kCreate : IoKind::kOpen, path,
                                         [&] { return base_->Open(path, mode); }));
  return std::unique_ptr<File>(std::make_unique<FaultFile>(std::move(file), state_));
}

Status FaultFileSystem::Rename(const std::string& from, const std::string& to) {
  const auto act = [&] { return base_->Rename(from, to); };
  const std::optional<Fault> fault = state_->Judge(IoKind::kRename, from, to);
  return fault ? state_->Fail(*fault, IoKind::kRename, from + " to " + to, act) : act();
}

Status FaultFileSystem::Unlink(const std::string& path) {
  return state_->Do(IoKind::kUnlink, path, [&] { return base_->Unlink(path); });
}

Status FaultFileSystem::CreateDirectory(const std::string& path) {
  return state_->Do(IoKind::kMkdir, path, [&] { return base_->CreateDirectory(path); });
}

Status FaultFileSystem::RemoveDirectory(const std::string& path) {
  return state_->Do(IoKind::kUnlink, path, [&] { return base_->RemoveDirectory(path); });
}

Status FaultFileSystem::SyncDirectory(const std::string& path) {
  state_->DelaySync(path);
  return state_->Do(IoKind::kSyncDir, path, [&] { return base_->SyncDirectory(path); });
}

Result<std::vector<std::string>> FaultFileSystem::List(const std::string& path) {
  return state_->Get<std::vector<std::string>>(IoKind::kList, path,
                                               [&] { return base_->List(path); });
}

Result<FileInfo> FaultFileSystem::Stat(const std::string& path) {
  return state_->Get<FileInfo>(IoKind::kStat, path, [&] { return base_->Stat(path); });
}

Result<std::unique_ptr<FileLock>> FaultFileSystem::Lock(const std::string& path, LockMode mode,
                                                        const std::string& owner) {
  return state_->Get<std::unique_ptr<FileLock>>(IoKind::kLock, path,
                                                [&] { return base_->Lock(path, mode, owner); });
}

}  // namespace engram
