#include "engine/versions.h"

#include <algorithm>
#include <utility>

#include "storage/base/coding.h"
#include "storage/base/test_hooks.h"

namespace engram {

Versions::Pin::Pin(Pin&& other) noexcept
    : line_(std::exchange(other.line_, nullptr)), lsn_(other.lsn_) {}

Versions::Pin& Versions::Pin::operator=(Pin&& other) noexcept {
  if (this != &other) {
    Release();
    line_ = std::exchange(other.line_, nullptr);
    lsn_ = other.lsn_;
  }
  return *this;
}

void Versions::Pin::Release() {
  if (line_ == nullptr || --line_->depth > 0) return;
  line_->lsn.store(kIdle, std::memory_order_seq_cst);
  // Last: with it the writer may reuse what this read has looked at; its loads came before.
  line_->epoch.store(kIdle, std::memory_order_seq_cst);
}

Result<Versions::Pin> Versions::Begin() {
  ReaderLine* line = readers_.LineOfThisThread();
  if (line == nullptr) return Status::Busy("more than 65536 threads read from one store");
  if (++line->depth > 1) return Pin(line, visible());  // covered by the outer pin

  // Either this sees the writer's step and pins the new epoch, or the writer's look at the lines
  // sees the pin.
  std::uint64_t epoch = readers_.epoch();
  for (;;) {
    ENGRAM_SYNC_POINT("versions:epoch_read");
    line->epoch.store(epoch, std::memory_order_seq_cst);
    const std::uint64_t now = readers_.epoch();
    if (now == epoch) break;
    epoch = now;
  }
  // The same with the LSN: where the horizon has passed it meanwhile, a newer commit is visible.
  for (;;) {
    const Lsn lsn = visible();
    ENGRAM_SYNC_POINT("versions:lsn_read");
    line->lsn.store(Raw(lsn), std::memory_order_seq_cst);
    ENGRAM_SYNC_POINT("versions:pinned");
    if (horizon_.load(std::memory_order_seq_cst) <= Raw(lsn)) return Pin(line, lsn);
  }
}

void Versions::Publish(Lsn lsn) { visible_.store(Raw(lsn), std::memory_order_release); }

Lsn Versions::TakeSnapshot() {
  MutexLock lock(mutex_);
  const Lsn lsn =
      visible();  // under the lock: AdvanceHorizon() either counts it or has not passed it
  snapshots_.insert(Raw(lsn));
  return lsn;
}

void Versions::DropSnapshot(Lsn lsn) {
  MutexLock lock(mutex_);
  if (const auto it = snapshots_.find(Raw(lsn)); it != snapshots_.end()) snapshots_.erase(it);
}

std::uint64_t Versions::snapshots() const {
  MutexLock lock(mutex_);
  return snapshots_.size();
}

Lsn Versions::oldest_snapshot() const {
  MutexLock lock(mutex_);
  return snapshots_.empty() ? Lsn::kNone : static_cast<Lsn>(*snapshots_.begin());
}

Lsn Versions::AdvanceHorizon() {
  std::uint64_t horizon = Raw(visible());
  {
    MutexLock lock(mutex_);
    if (!snapshots_.empty()) horizon = std::min(horizon, *snapshots_.begin());
    horizon = std::min(horizon, readers_.MinLsn());
    horizon = std::max(horizon, horizon_.load(std::memory_order_seq_cst));
    ENGRAM_SYNC_POINT("versions:horizon_computed");
    horizon_.store(horizon, std::memory_order_seq_cst);
  }
  // A read that published its LSN before it saw the new horizon is seen here; it keeps what it
  // looks at.
  return static_cast<Lsn>(std::min(horizon, readers_.MinLsn()));
}

}  // namespace engram
