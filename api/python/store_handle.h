// An open store as Python holds it. The library asks that nothing else runs while a store closes;
// Python code cannot promise that, so the handle sees to it: closing waits for the calls of other
// threads, ends the snapshots, and whoever comes later gets engram.ClosedError.
// Threads: with the GIL, but for the work given to Call().
#ifndef ENGRAM_API_PYTHON_STORE_HANDLE_H_
#define ENGRAM_API_PYTHON_STORE_HANDLE_H_

#include <pybind11/pybind11.h>
#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <engram/store.h>

#include "api/python/errors.h"

namespace engram::python {

namespace py = pybind11;

class SnapshotHandle;

class StoreHandle : public std::enable_shared_from_this<StoreHandle> {
 public:
  enum class Access { kReadWrite, kReadOnly };

  static std::shared_ptr<StoreHandle> Open(const std::string& path, const Options& options,
                                           Access access);
  ~StoreHandle();
  StoreHandle(const StoreHandle&) = delete;
  StoreHandle& operator=(const StoreHandle&) = delete;

  // Runs `work(Store&)` without the GIL and returns what it returns. The store stays open
  // meanwhile. Errors: ClosedError, StatusError (a forked child, a log or clock callback).
  template <typename Work>
  auto Call(Work work) {
    const InCall in_call(*this);
    const py::gil_scoped_release released;
    return work(*store_);
  }

  // The same with what `snapshot` sees, which lasts as long as the call; nullptr is the newest
  // state and gets nullptr. Errors: also StatusError where it is of another store.
  template <typename Work>
  auto CallAt(const SnapshotHandle* snapshot, Work work);

  // The same for what works on the store as a whole, one at a time, and calls back to Python: from
  // there this thread can neither come here again nor close the store, which would wait for itself.
  // Errors: also StatusError where it tries.
  template <typename Work>
  auto CallAlone(Work work) {
    const Alone alone(*this);
    return Call(std::move(work));
  }

  // Takes a snapshot by `take(Store&)` and keeps it among the store's. Errors: as Call(), and what
  // `take` returns.
  template <typename Take>
  std::shared_ptr<SnapshotHandle> Keep(Take take);
  // The newest state. Errors as Call().
  std::shared_ptr<SnapshotHandle> TakeSnapshot();

  // Does nothing where it is closed. Errors: what Store::Close() met; then it is closed too.
  void Close();
  bool closed() const;

  const std::string& path() const { return path_; }
  std::uint32_t dimensions() const { return dimensions_; }
  Metric metric() const { return metric_; }
  std::uint32_t m() const { return m_; }
  bool read_only() const { return access_ == Access::kReadOnly; }

  // Closes what is still open when the interpreter ends, while threads may still take the GIL.
  static void CloseAll();

 private:
  friend class SnapshotHandle;
  enum class State { kOpen, kClosing, kClosed };

  // While one is there, the store is open.
  class InCall {
   public:
    explicit InCall(StoreHandle& handle);
    ~InCall();
    InCall(const InCall&) = delete;
    InCall& operator=(const InCall&) = delete;

   private:
    StoreHandle& handle_;
  };

  // While one is there, this thread is in CallAlone() of that store.
  class Alone {
   public:
    explicit Alone(const StoreHandle& handle);
    ~Alone();
    Alone(const Alone&) = delete;
    Alone& operator=(const Alone&) = delete;

    // Errors: StatusError where this thread is in CallAlone() of `handle`.
    static void RequireOutside(const StoreHandle& handle);

   private:
    static thread_local const Alone* innermost_;

    const StoreHandle& handle_;
    const Alone* const around_;  // of another store
  };

  StoreHandle(std::string path, Store store, const Stats& stats, Access access);

  bool in_child() const;
  // Whether this caller is the one that closes. Waits for another that does. Without the GIL.
  bool BeginClosing();
  void EndClosing();

  const std::string path_;
  const std::uint32_t dimensions_;
  const Metric metric_;
  const std::uint32_t m_;
  const Access access_;
  const pid_t owner_;
  std::optional<Store> store_;           // changed by who closes alone, when no call runs
  std::set<SnapshotHandle*> snapshots_;  // open ones; guarded by the GIL

  // Nobody waits for the GIL while holding it.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kOpen;  // guarded by mutex_
  std::size_t calls_ = 0;       // guarded by mutex_
};

// A snapshot as Python holds it. Keeps its store alive; ends with the store's closing.
class SnapshotHandle {
 public:
  // Takes its place among the store's. Pre: a call of the store runs.
  SnapshotHandle(std::shared_ptr<StoreHandle> store, Snapshot snapshot);
  ~SnapshotHandle();
  SnapshotHandle(const SnapshotHandle&) = delete;
  SnapshotHandle& operator=(const SnapshotHandle&) = delete;

  void Close();
  bool closed() const { return snapshot_ == nullptr; }
  Lsn lsn() const { return lsn_; }
  const std::shared_ptr<StoreHandle>& store() const { return store_; }

 private:
  friend class StoreHandle;

  // Keeps it while it is used by a call of `store`, and no longer: a store with a snapshot does not
  // close. Errors: ClosedError, StatusError.
  std::shared_ptr<const Snapshot> UseIn(const StoreHandle& store) const;

  const std::shared_ptr<StoreHandle> store_;
  const Lsn lsn_;
  std::shared_ptr<const Snapshot> snapshot_;
};

template <typename Work>
auto StoreHandle::CallAt(const SnapshotHandle* snapshot, Work work) {
  const InCall in_call(*this);
  const std::shared_ptr<const Snapshot> used =
      snapshot == nullptr ? nullptr : snapshot->UseIn(*this);
  const py::gil_scoped_release released;
  return work(*store_, used.get());
}

template <typename Take>
std::shared_ptr<SnapshotHandle> StoreHandle::Keep(Take take) {
  const InCall in_call(*this);  // until it is among the store's: closing finds all of them
  Result<Snapshot> snapshot = [&] {
    const py::gil_scoped_release released;
    return take(*store_);
  }();
  return std::make_shared<SnapshotHandle>(shared_from_this(), ValueOrThrow(std::move(snapshot)));
}

// An argument `snapshot`; None is nullptr. Lives as long as `value`. Errors: TypeError.
const SnapshotHandle* SnapshotArgument(py::handle value);

}  // namespace engram::python

#endif  // ENGRAM_API_PYTHON_STORE_HANDLE_H_
