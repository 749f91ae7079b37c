// What Store and Snapshot point to.
// Threads: as Store.
#ifndef ENGRAM_API_SRC_STORE_IMPL_H_
#define ENGRAM_API_SRC_STORE_IMPL_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <engram/store.h>

#include "api/src/options.h"
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
  Result<std::optional<KeptState>> StateOf(const Snapshot* snapshot) const;
  // What a write is to promise. Errors: kInvalidArgument.
  Result<Durability> DurabilityOf(const WriteOptions& options) const {
    if (!options.override_durability) return engine().options().durability;
    const Status status = CheckDurability(options.durability);
    if (!status.ok()) return status;
    return options.durability;
  }
  bool in_owner() const { return fork_generation_ == ForkGeneration(); }
  Engine& engine() const { return *engine_; }
  const std::shared_ptr<Engine>& shared() const { return engine_; }
  std::shared_ptr<Engine> Release() { return std::move(engine_); }

 private:
  std::shared_ptr<Engine> engine_;
  const unsigned fork_generation_;
};

// nullptr: the store was moved from.
inline Status CheckOpen(const StoreImpl* impl) {
  return impl != nullptr ? impl->Check() : Status::InvalidArgument("the store was moved from");
}

class SnapshotImpl {
 public:
  SnapshotImpl(std::shared_ptr<Engine> engine, const KeptState& state)
      : engine_(std::move(engine)), state_(state), fork_generation_(ForkGeneration()) {}
  ~SnapshotImpl() {
    if (fork_generation_ == ForkGeneration()) {
      engine_->DropSnapshot(state_);
    } else {
      LeaveToParent(std::move(engine_));
    }
  }
  SnapshotImpl(const SnapshotImpl&) = delete;
  SnapshotImpl& operator=(const SnapshotImpl&) = delete;

  const KeptState& state() const { return state_; }
  bool IsOf(const Engine& engine) const { return engine_.get() == &engine; }

 private:
  std::shared_ptr<Engine> engine_;
  const KeptState state_;
  const unsigned fork_generation_;
};

}  // namespace engram

#endif  // ENGRAM_API_SRC_STORE_IMPL_H_
