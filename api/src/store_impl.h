// What Store and Snapshot point to.
// Threads: as Store.
#ifndef ENGRAM_API_SRC_STORE_IMPL_H_
#define ENGRAM_API_SRC_STORE_IMPL_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <engram/store.h>

#include "engine/engine.h"

namespace engram {

// How many times this process has been forked from the one that loaded the library: a store opened
// by the parent is of no use to the child.
unsigned ForkGeneration();

// In a forked child: never destroys the parent's engine, whose files, threads and locks the child
// must not touch.
inline void LeaveToParent(std::shared_ptr<Engine> engine) {
  static_cast<void>(new std::shared_ptr<Engine>(std::move(engine)));  // NOLINT: leaked on purpose
}

class StoreImpl {
 public:
  explicit StoreImpl(std::shared_ptr<Engine> engine)
      : engine_(std::move(engine)), fork_generation_(ForkGeneration()) {}

  // Success where calls may go on to the engine.
  Status Check() const {
    if (fork_generation_ != ForkGeneration()) {
      return Status::NotSupported(
          "the store was opened before this process was forked: open it here");
    }
    return engine_ != nullptr ? Status::Ok() : Status::InvalidArgument("the store is closed");
  }
  // Where `snapshot` reads; unset for nullptr. Errors: kInvalidArgument. Pre: Check().
  Result<std::optional<Lsn>> SnapshotLsn(const Snapshot* snapshot) const;
  bool in_owner() const { return fork_generation_ == ForkGeneration(); }
  Engine& engine() const { return *engine_; }
  const std::shared_ptr<Engine>& shared() const { return engine_; }
  std::shared_ptr<Engine> Release() { return std::move(engine_); }

 private:
  std::shared_ptr<Engine> engine_;
  const unsigned fork_generation_;
};

class SnapshotImpl {
 public:
  SnapshotImpl(std::shared_ptr<Engine> engine, Lsn lsn)
      : engine_(std::move(engine)), lsn_(lsn), fork_generation_(ForkGeneration()) {}
  ~SnapshotImpl() {
    if (fork_generation_ == ForkGeneration()) {
      engine_->DropSnapshot(lsn_);
    } else {
      LeaveToParent(std::move(engine_));
    }
  }
  SnapshotImpl(const SnapshotImpl&) = delete;
  SnapshotImpl& operator=(const SnapshotImpl&) = delete;

  Lsn lsn() const { return lsn_; }
  bool IsOf(const Engine& engine) const { return engine_.get() == &engine; }

 private:
  std::shared_ptr<Engine> engine_;
  const Lsn lsn_;
  const unsigned fork_generation_;
};

}  // namespace engram

#endif  // ENGRAM_API_SRC_STORE_IMPL_H_
