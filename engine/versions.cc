#include "engine/versions.h"

#include <algorithm>
#include <string>
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

// G3: either this sees the writer's step and pins the new epoch, or the writer's look at the lines
// sees the pin.
void Versions::PinEpoch(ReaderLine& line) {
  std::uint64_t epoch = readers_.epoch();
  for (;;) {
    ENGRAM_SYNC_POINT("versions:epoch_read");
    line.epoch.store(epoch, std::memory_order_seq_cst);
    const std::uint64_t now = readers_.epoch();
    if (now == epoch) return;
    epoch = now;
  }
}

Result<Versions::Pin> Versions::Begin() {
  ReaderLine* line = readers_.LineOfThisThread();
  if (line == nullptr) return Status::Busy("more than 65536 threads read from one store");
  if (++line->depth > 1) return Pin(line, visible());  // covered by the outer pin
  PinEpoch(*line);
  // The same with the LSN (G7): where the horizon has passed it meanwhile, a newer commit is
  // visible.
  for (;;) {
    const Lsn lsn = visible();
    ENGRAM_SYNC_POINT("versions:lsn_read");
    line->lsn.store(Raw(lsn), std::memory_order_seq_cst);
    ENGRAM_SYNC_POINT("versions:pinned");
    if (horizon_.load(std::memory_order_seq_cst) <= Raw(lsn)) return Pin(line, lsn);
  }
}

// G9: the line keeps the state until the writer revokes it. It does so before it looks at the
// readers' lines: either this sees it, or the writer sees what is pinned here.
Result<Versions::Pin> Versions::Begin(const SnapshotLine& snapshot) {
  ReaderLine* line = readers_.LineOfThisThread();
  if (line == nullptr) return Status::Busy("more than 65536 threads read from one store");
  const std::uint64_t lsn = snapshot.lsn.load(std::memory_order_seq_cst);
  const bool outermost = ++line->depth == 1;
  if (outermost) PinEpoch(*line);
  Pin pin(line, static_cast<Lsn>(lsn));
  if (lsn < SnapshotLine::kRevoked) {
    // Within another read of this thread the older of the two counts, until the outer one ends.
    const std::uint64_t outer = line->lsn.load(std::memory_order_relaxed);  // our own
    line->lsn.store(outermost ? lsn : std::min(outer, lsn), std::memory_order_seq_cst);
    ENGRAM_SYNC_POINT("versions:snapshot_pinned");
    if (snapshot.lsn.load(std::memory_order_seq_cst) == lsn) return pin;
  }
  return Status::SnapshotExpired("the snapshot was older than max_snapshot_age and gave way");
}

void Versions::Publish(Lsn lsn) { visible_.store(Raw(lsn), std::memory_order_release); }

namespace {

void Stamp(SnapshotLine& line, std::chrono::steady_clock::time_point now) {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch());
  line.taken_ns.store(since.count(), std::memory_order_relaxed);  // ordered by the store of the LSN
}

}  // namespace

SnapshotLine* Versions::TakeSnapshot(std::chrono::steady_clock::time_point now) {
  SnapshotLine* line = snapshots_.Take();
  Stamp(*line, now);
  for (;;) {
    const Lsn lsn = visible();
    ENGRAM_SYNC_POINT("versions:snapshot_lsn_read");
    line->lsn.store(Raw(lsn), std::memory_order_seq_cst);
    if (horizon_.load(std::memory_order_seq_cst) <= Raw(lsn) || ENGRAM_MUTANT(kSnapshotUnchecked)) {
      return line;
    }
  }
}

Result<SnapshotLine*> Versions::TakeSnapshotAt(Lsn lsn, std::chrono::steady_clock::time_point now) {
  SnapshotLine* line = snapshots_.Take();
  Stamp(*line, now);
  line->lsn.store(Raw(lsn), std::memory_order_seq_cst);
  const std::uint64_t horizon = horizon_.load(std::memory_order_seq_cst);
  if (horizon <= Raw(lsn)) return line;
  snapshots_.GiveBack(line);
  return Status::SnapshotExpired("the state of commit " + std::to_string(Raw(lsn)) +
                                 " is not kept any more, only those from commit " +
                                 std::to_string(horizon) + " on are");
}

void Versions::AddNamed(NamedSnapshot snapshot) {
  MutexLock lock(mutex_);
  std::string name = snapshot.name;
  named_.insert_or_assign(std::move(name), std::move(snapshot));
}

void Versions::RemoveNamed(std::string_view name) {
  MutexLock lock(mutex_);
  if (const auto it = named_.find(name); it != named_.end()) named_.erase(it);
}

std::optional<NamedSnapshot> Versions::FindNamed(std::string_view name) const {
  MutexLock lock(mutex_);
  const auto it = named_.find(name);
  return it != named_.end() ? std::optional(it->second) : std::nullopt;
}

std::vector<NamedSnapshot> Versions::named() const {
  MutexLock lock(mutex_);
  std::vector<NamedSnapshot> all;
  for (const auto& [name, snapshot] : named_) all.push_back(snapshot);
  return all;
}

std::size_t Versions::names() const {
  MutexLock lock(mutex_);
  return named_.size();
}

Lsn Versions::MinNamed() const {
  if (ENGRAM_MUTANT(kNamedForgotten)) return static_cast<Lsn>(~0ull);
  MutexLock lock(mutex_);
  Lsn least = static_cast<Lsn>(~0ull);
  for (const auto& [name, snapshot] : named_) least = std::min(least, snapshot.lsn);
  return least;
}

Lsn Versions::AdvanceHorizon(const HorizonLimits& limits) {
  if (limits.oldest_taken) {
    // Before the readers' lines are looked at: Begin(snapshot), G9.
    const std::uint64_t expired = snapshots_.RevokeBefore(*limits.oldest_taken);
    expired_.fetch_add(expired, std::memory_order_relaxed);
  }
  const auto seen = [this] { return std::min(readers_.MinLsn(), snapshots_.MinLsn()); };
  std::uint64_t horizon = std::min(Raw(visible()), Raw(limits.history));
  horizon = std::min({horizon, Raw(MinNamed()), seen()});
  horizon = std::max(horizon, horizon_.load(std::memory_order_seq_cst));
  ENGRAM_SYNC_POINT("versions:horizon_computed");
  horizon_.store(horizon, std::memory_order_seq_cst);
  // A read or snapshot that published its LSN before it saw the new horizon is seen here; it keeps
  // what it looks at (G7, G8).
  return static_cast<Lsn>(std::min(horizon, seen()));
}

}  // namespace engram
