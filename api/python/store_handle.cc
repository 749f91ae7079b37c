#include "api/python/store_handle.h"

#include <unistd.h>

#include <vector>

#include "api/python/callbacks.h"
#include "api/python/errors.h"

namespace engram::python {
namespace {

// Every handle whose store is open. Guarded by the GIL; never destroyed, since handles may outlive
// the module.
std::set<StoreHandle*>& OpenHandles() {
  static auto* const handles = new std::set<StoreHandle*>();  // NOLINT
  return *handles;
}

// Errors: StatusError inside a callback that must not do that.
void RequireNoCallback(const char* what) {
  if (RunningCallback() == nullptr) return;
  throw StatusError(Status::InvalidArgument(std::string("the ") + RunningCallback() +
                                            " callback must not " + what));
}

}  // namespace

StoreHandle::InCall::InCall(StoreHandle& handle) : handle_(handle) {
  RequireNoCallback("call the store");
  // A child may have got the mutex locked, by a thread that it has not.
  if (handle_.in_child()) {
    throw StatusError(
        Status::NotSupported("the store was opened before this process was forked: open it here"));
  }
  const std::lock_guard lock(handle_.mutex_);
  if (handle_.state_ != State::kOpen) throw ClosedError("the store");
  ++handle_.calls_;
}

StoreHandle::InCall::~InCall() {
  if (handle_.in_child()) return;  // forked by Python code that the call ran
  const std::lock_guard lock(handle_.mutex_);
  if (--handle_.calls_ == 0) handle_.changed_.notify_all();
}

thread_local const StoreHandle::Alone* StoreHandle::Alone::innermost_ = nullptr;

StoreHandle::Alone::Alone(const StoreHandle& handle) : handle_(handle), around_(innermost_) {
  RequireOutside(handle);
  innermost_ = this;
}

StoreHandle::Alone::~Alone() { innermost_ = around_; }

void StoreHandle::Alone::RequireOutside(const StoreHandle& handle) {
  for (const Alone* alone = innermost_; alone != nullptr; alone = alone->around_) {
    if (&alone->handle_ != &handle) continue;
    throw StatusError(Status::InvalidArgument(
        "the progress callback must not compact, rebalance, erase for ever or close the store"));
  }
}

StoreHandle::StoreHandle(std::string path, Store store, const Stats& stats, Access access)
    : path_(std::move(path)),
      dimensions_(stats.dimensions),
      metric_(stats.metric),
      m_(stats.m),
      access_(access),
      owner_(getpid()),
      store_(std::move(store)) {
  OpenHandles().insert(this);
}

std::shared_ptr<StoreHandle> StoreHandle::Open(const std::string& path, const Options& options,
                                               Access access) {
  RequireNoCallback("open a store");
  // Also where that ends with an error: closing waits for threads, which may want the GIL.
  auto [store, stats] = [&] {
    const py::gil_scoped_release released;
    Store opened = ValueOrThrow(access == Access::kReadOnly ? Store::OpenReadOnly(path, options)
                                                            : Store::Open(path, options));
    const Stats found = ValueOrThrow(opened.GetStats());
    return std::pair(std::move(opened), found);
  }();
  return std::shared_ptr<StoreHandle>(
      new StoreHandle(path, std::move(store), stats, access));  // NOLINT: private constructor
}

StoreHandle::~StoreHandle() {
  OpenHandles().erase(this);
  // No call runs, and no snapshot is there: they hold the handle.
  const py::gil_scoped_release released;
  store_.reset();  // where Close() was not called: closes, and tells failures to the log
}

bool StoreHandle::in_child() const { return owner_ != getpid(); }

bool StoreHandle::closed() const {
  if (in_child()) return false;
  const std::lock_guard lock(mutex_);
  return state_ != State::kOpen;
}

std::shared_ptr<SnapshotHandle> StoreHandle::TakeSnapshot() {
  return Keep([](Store& open) { return open.GetSnapshot(); });
}

bool StoreHandle::BeginClosing() {
  std::unique_lock lock(mutex_);
  if (state_ != State::kOpen) {
    changed_.wait(lock, [this] { return state_ == State::kClosed; });
    return false;
  }
  state_ = State::kClosing;
  changed_.wait(lock, [this] { return calls_ == 0; });
  return true;
}

void StoreHandle::EndClosing() {
  const std::lock_guard lock(mutex_);
  state_ = State::kClosed;
  changed_.notify_all();
}

void StoreHandle::Close() {
  RequireNoCallback("close the store");
  Alone::RequireOutside(*this);
  if (in_child()) return;  // it is the parent's
  {
    const py::gil_scoped_release released;
    if (!BeginClosing()) return;
  }
  OpenHandles().erase(this);
  const std::set<SnapshotHandle*> snapshots = std::exchange(snapshots_, {});
  for (SnapshotHandle* snapshot : snapshots) snapshot->snapshot_.reset();
  Status status;
  {
    const py::gil_scoped_release released;
    status = store_->Close();
    store_.reset();
    EndClosing();
  }
  ThrowIfError(status);
}

void StoreHandle::CloseAll() {
  std::vector<std::shared_ptr<StoreHandle>> open;
  for (StoreHandle* handle : OpenHandles()) {
    if (auto shared = handle->weak_from_this().lock()) open.push_back(std::move(shared));
  }
  for (const auto& handle : open) {
    try {
      handle->Close();
    } catch (const StatusError& error) {
      const py::object exception = ExceptionFor(error.status());
      PyErr_SetObject(py::type::handle_of(exception).ptr(), exception.ptr());
      PyErr_WriteUnraisable(py::str("closing " + handle->path()).ptr());
    }
  }
}

SnapshotHandle::SnapshotHandle(std::shared_ptr<StoreHandle> store, Snapshot snapshot)
    : store_(std::move(store)),
      lsn_(snapshot.lsn()),
      snapshot_(std::make_shared<const Snapshot>(std::move(snapshot))) {
  store_->snapshots_.insert(this);
}

SnapshotHandle::~SnapshotHandle() { Close(); }

std::shared_ptr<const Snapshot> SnapshotHandle::UseIn(const StoreHandle& store) const {
  if (store_.get() != &store) {
    throw StatusError(Status::InvalidArgument("the snapshot is of another store"));
  }
  if (snapshot_ == nullptr) throw ClosedError("the snapshot");
  return snapshot_;
}

// With the GIL to its end: a store that closes meanwhile finds the snapshot either here or gone.
void SnapshotHandle::Close() {
  store_->snapshots_.erase(this);
  snapshot_.reset();  // a call that uses it has a pointer of its own
}

const SnapshotHandle* SnapshotArgument(py::handle value) {
  if (value.is_none()) return nullptr;
  if (!py::isinstance<SnapshotHandle>(value)) {
    throw py::type_error("snapshot is a " + TypeNameOf(value) + ", expected an engram.Snapshot");
  }
  return value.cast<const SnapshotHandle*>();
}

}  // namespace engram::python
