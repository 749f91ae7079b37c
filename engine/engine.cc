#include "engine/engine.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <thread>
#include <utility>

#include "engine/recovery.h"
#include "storage/base/check.h"
#include "storage/base/clock.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "storage/base/uring_file_system.h"

namespace engram {
namespace {

constexpr std::uint32_t kOthersMayWrite = 0022;
// A scan is bound by the memory's bandwidth, which fewer cores than a large machine has use up; and
// in a host process threads are not ours alone.
constexpr unsigned kDefaultSearchThreads = 16;

std::uint64_t DefaultMemoryBudget() {
  const auto pages = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES));
  const auto page_bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return pages * page_bytes / 4 * 3;
}

// Says what time it is for patterns and commits; deadlines go by the system's.
class HostClock final : public Clock {
 public:
  explicit HostClock(ClockCallback now) : now_(std::move(now)) {}
  std::int64_t NowMicros() override { return UnixMicros(now_()); }
  std::chrono::steady_clock::time_point Steady() override { return SystemClock()->Steady(); }

 private:
  const ClockCallback now_;
};

AgeLimits AgesOf(const Options& options) {
  std::vector<std::pair<TypeTag, std::int64_t>> by_type;
  for (const auto& [type, age] : options.max_age_by_type) by_type.emplace_back(type, age.count());
  return AgeLimits(options.max_age.count(), std::move(by_type));
}

std::string LockOwner() {
  char host[256] = {};
  if (gethostname(host, sizeof(host) - 1) != 0) host[0] = '\0';
  return "process " + std::to_string(getpid()) + " on " + host;
}

Status CheckDirectory(FileSystem& fs, const std::string& directory, bool check_permissions) {
  ENGRAM_ASSIGN_OR_RETURN(const FileInfo info, fs.Stat(directory));
  if (info.type != FileType::kDirectory) {
    return Status::InvalidArgument(directory + " is not a directory");
  }
  if (check_permissions && (info.permissions & kOthersMayWrite) != 0) {
    return Status::InvalidArgument(directory +
                                   " may be written by its group or by others: chmod go-w, or set "
                                   "Options::check_permissions to false");
  }
  return Status::Ok();
}

Result<bool> Exists(FileSystem& fs, const std::string& path) {
  const auto info = fs.Stat(path);
  if (info.ok()) return true;
  if (info.code() == Code::kNotFound) return false;
  return info.status();
}

std::string WithoutTrailingSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// The directory that holds the name of `directory`, which ends without a slash unless it is the
// root.
std::string ParentOf(const std::string& directory) {
  const auto slash = directory.find_last_of('/');
  const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
  const std::string_view name = std::string_view(directory).substr(begin);
  if (name == "." || name == "..") return JoinPath(directory, "..");
  return begin == 0 ? "." : WithoutTrailingSlashes(directory.substr(0, begin));
}

// Makes the directory of a store that is to be made. A name that an interrupted call made may not
// be durable yet, so the directory above is synced even where the name is there.
Status PrepareDirectory(FileSystem& fs, const std::string& directory, const Options& options) {
  if (options.dimensions == 0) {
    return Status::InvalidArgument("dimensions is 0: a new store needs 1 to " +
                                   std::to_string(kMaxDimensions));
  }
  ENGRAM_RETURN_IF_ERROR(fs.CreateDirectory(directory));
  return fs.SyncDirectory(ParentOf(directory));
}

void ForgetNear(PendingOp& op) {
  if (auto* insert = std::get_if<PendingInsert>(&op)) insert->near.reset();
  if (auto* update = std::get_if<PendingUpdate>(&op)) update->near.reset();
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Open(const std::string& directory, EngineOptions config,
                                             Access access) {
  if (directory.empty()) return Status::InvalidArgument("the name of the directory is empty");
  std::unique_ptr<Engine> engine(new Engine());  // NOLINT: the constructor is private
  Core& core = engine->core_;
  core.directory = WithoutTrailingSlashes(directory);
  core.file_system = config.file_system ? config.file_system : MakeBestFileSystem();
  if (config.clock == nullptr && config.options.clock) {
    core.own_clock = std::make_unique<HostClock>(config.options.clock);
    config.clock = core.own_clock.get();
  }
  core.clock = config.clock != nullptr ? config.clock : SystemClock();
  core.ages = AgesOf(config.options);
  core.logger = Logger(config.options.log);
  core.read_only = access == Access::kReadOnly;
  core.config = std::move(config);
  Options& options = core.config.options;
  if (options.memory_budget_bytes == 0) options.memory_budget_bytes = DefaultMemoryBudget();

  FileSystem& fs = *core.file_system;
  const bool may_create = options.create_if_missing && !core.read_only;
  ENGRAM_ASSIGN_OR_RETURN(bool there, Exists(fs, core.GraphPath()));
  if (!there && !may_create) {
    return Status::NotFound(directory + " holds no store: there is no graph.engram in it");
  }
  if (!there) ENGRAM_RETURN_IF_ERROR(PrepareDirectory(fs, core.directory, options));
  ENGRAM_RETURN_IF_ERROR(CheckDirectory(fs, core.directory, options.check_permissions));
  ENGRAM_ASSIGN_OR_RETURN(
      engine->lock_,
      fs.Lock(core.LockPath(), core.read_only ? LockMode::kShared : LockMode::kExclusive,
              LockOwner()));
  ENGRAM_ASSIGN_OR_RETURN(there,
                          Exists(fs, core.GraphPath()));  // made while this waited for nobody
  if (there && options.error_if_exists) {
    return Status::AlreadyExists(directory + " holds a store already");
  }
  ENGRAM_RETURN_IF_ERROR(engine->OpenLocked(!there));
  return engine;
}

Status Engine::OpenLocked(bool create) {
  if (create) ENGRAM_RETURN_IF_ERROR(CreateStoreFiles(core_));
  ENGRAM_RETURN_IF_ERROR(RecoverStore(core_));
  writer_ = std::make_unique<Writer>(core_);
  queue_ = std::make_unique<CommitQueue>(core_, *writer_);
  checkpointer_ = std::make_unique<Checkpointer>(core_);
  scrubber_ = std::make_unique<Scrubber>(core_, *checkpointer_);
  eraser_ = std::make_unique<Eraser>(core_, [this](Transaction& transaction) {
    checkpointer_->MakeRoomForCopies();
    queue_->Submit(transaction);
  });
  maintenance_ = std::make_unique<Maintenance>(
      core_, Maintenance::Work{*writer_, *eraser_, *checkpointer_, *scrubber_});
  ENGRAM_RETURN_IF_ERROR(DeclareFields());
  ENGRAM_RETURN_IF_ERROR(BeginHistory());
  return StartThreads();
}

Status Engine::DeclareFields() {
  const std::vector<std::string>& wanted = core_.options().indexed_fields;
  const std::vector<std::string> have = core_.meta->field_names();
  if (wanted.empty() || wanted == have) return Status::Ok();
  if (core_.versions.visible() == Lsn::kNone && !core_.read_only) {
    MutexLock role(core_.writer_role);
    return writer_->DeclareFields(wanted);
  }
  return Status::InvalidArgument(core_.directory + " was created with " +
                                 std::to_string(have.size()) +
                                 " indexed fields, the options name others (" +
                                 std::to_string(wanted.size()) + "): pass none, or the same");
}

Status Engine::StartThreads() {
  const Options& options = core_.options();
  std::size_t searchers = options.search_threads;
  if (searchers == 0)
    searchers = std::clamp(std::thread::hardware_concurrency(), 1u, kDefaultSearchThreads);
  if (options.background_threads == 0 && options.search_threads == 0) searchers = 1;
  pool_ = std::make_unique<ScanPool>(searchers - 1);
  if (pool_->helpers() + 1 < searchers) {
    core_.logger.Warning(core_.directory + ": the system gave " + std::to_string(pool_->helpers()) +
                         " threads for searches, wanted were " + std::to_string(searchers - 1));
  }
  writer_->SetHelpers([this](std::size_t tasks, const std::function<void(std::size_t)>& body) {
    pool_->Run(tasks, body);
  });
  if (options.background_threads == 0 || core_.read_only) return Status::Ok();
  return maintenance_->Start();
}

Engine::~Engine() {
  if (maintenance_ != nullptr) maintenance_->Stop();
}

void Engine::CheckOpen() const { ENGRAM_CHECK(core_.meta != nullptr); }

Status Engine::RequireWritable() const {
  CheckOpen();
  if (core_.read_only) return Status::ReadOnly(core_.directory + " was opened for reading only");
  return core_.log->poisoned();
}

void Engine::Commit(Transaction& transaction) {
  transaction.status = RequireWritable();
  if (transaction.status.ok()) checkpointer_->MakeRoomForCopies();
  std::optional<Versions::Pin> pin;
  if (transaction.status.ok()) pin = FindNear(transaction);
  if (transaction.status.ok()) {
    ENGRAM_SYNC_POINT("commit:searched");
    queue_->Submit(transaction);
    if (transaction.status.code() == Code::kIndexFull && pin) {
      // Places that the dead have left may wait for our own pin: once more, the leader searches.
      for (PendingOp& op : transaction.ops) ForgetNear(op);
      pin.reset();
      queue_->Submit(transaction);
    }
  }
  if (!core_.read_only && checkpointer_->CopiesAreMany()) maintenance_->Hurry();
  core_.TellNews();
  if (!transaction.status.ok()) core_.meta->DeliverLog();  // it may know more of the reason
}

Status Engine::Flush() {
  ENGRAM_RETURN_IF_ERROR(RequireWritable());
  return core_.log->SyncAll();
}

Status Engine::WaitDurable(Lsn lsn) {
  CheckOpen();
  // What is durable stays so, whatever failed since.
  if (core_.log != nullptr && lsn <= core_.log->durable()) return Status::Ok();
  ENGRAM_RETURN_IF_ERROR(RequireWritable());
  if (lsn > core_.versions.visible()) {
    return Status::InvalidArgument("commit " + std::to_string(Raw(lsn)) +
                                   " is not there yet, the newest is " +
                                   std::to_string(Raw(core_.versions.visible())));
  }
  return core_.log->SyncThrough(lsn);
}

Status Engine::Checkpoint() {
  ENGRAM_RETURN_IF_ERROR(RequireWritable());
  const Status status = checkpointer_->Run();
  core_.TellNews();
  core_.meta->DeliverLog();
  return status;
}

Status Engine::RunMaintenance(std::chrono::microseconds budget) {
  ENGRAM_RETURN_IF_ERROR(RequireWritable());
  return maintenance_->RunOnce(budget);
}

Status Engine::Close() {
  CheckOpen();
  if (const std::uint64_t open = core_.versions.snapshots().count; open > 0) {
    return Status::Busy(std::to_string(open) + " snapshots of " + core_.directory +
                        " are still open: drop them first");
  }
  maintenance_->Stop();
  Status status;
  if (!core_.read_only) {
    status = core_.log->poisoned();
    if (status.ok()) {
      MutexLock role(core_.writer_role);
      status = writer_->ReturnReservedIds();
    }
    const bool changed =
        checkpointer_->lsn() != core_.versions.visible() || core_.pages->dirty_pages() > 0;
    if (status.ok() && core_.options().checkpoint_on_close && changed)
      status = checkpointer_->Run();
    if (status.ok()) SaveParents(core_);
  }
  core_.meta.reset();
  core_.log.reset();
  lock_.reset();
  return status;
}

}  // namespace engram
