// Which commits are visible, who still looks at older ones, and so what nobody can see any more.
// Leaves what is done with the unseen to the writer (writer.h).
// Threads: one writer, many readers: Publish(), AdvanceHorizon() and changes of names belong to the
// holder of the writer role, the rest to anyone. Implements docs/concurrency.md, "Versions".
#ifndef ENGRAM_ENGINE_VERSIONS_H_
#define ENGRAM_ENGINE_VERSIONS_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <engram/result.h>
#include <engram/snapshot.h>
#include <engram/types.h>

#include "engine/reader_slots.h"
#include "engine/snapshot_set.h"
#include "storage/base/mutex.h"

namespace engram {

class Versions {
 public:
  // A running read. While it lives, what it may look at is neither purged nor reused.
  // Threads: one thread, which must be the one that made it.
  class Pin {
   public:
    Pin() = default;
    Pin(Pin&& other) noexcept;
    Pin& operator=(Pin&& other) noexcept;
    ~Pin() { Release(); }

    // What it reads: the newest visible commit when it began, or that of its snapshot.
    Lsn lsn() const { return lsn_; }

   private:
    friend class Versions;
    Pin(ReaderLine* line, Lsn lsn) : line_(line), lsn_(lsn) {}
    void Release();

    ReaderLine* line_ = nullptr;
    Lsn lsn_ = Lsn::kNone;
  };

  // Begins a read at the newest visible commit. Errors: kBusy where too many threads read.
  Result<Pin> Begin();
  // Begins a read of what a snapshot keeps. Errors: kSnapshotExpired, where it gave way; kBusy.
  Result<Pin> Begin(const SnapshotLine& snapshot);

  // The newest visible commit. Acquire: pairs with the release in Publish(); pages and rows of the
  // commit were written before it.
  Lsn visible() const { return static_cast<Lsn>(visible_.load(std::memory_order_acquire)); }
  void Publish(Lsn lsn);

  // Keeps the newest visible commit readable until the line is dropped; never nullptr.
  SnapshotLine* TakeSnapshot(std::chrono::steady_clock::time_point now);
  // The same of an older one. Errors: kSnapshotExpired, where it may have lost something already.
  // Pre: lsn <= visible().
  Result<SnapshotLine*> TakeSnapshotAt(Lsn lsn, std::chrono::steady_clock::time_point now);
  void DropSnapshot(SnapshotLine* line) { snapshots_.GiveBack(line); }
  SnapshotSet::Figures snapshots() const { return snapshots_.figures(); }
  // Relaxed: a figure.
  std::uint64_t expired_snapshots() const { return expired_.load(std::memory_order_relaxed); }

  // Named states stay readable until they are removed. Adding and removing belong to the holder of
  // the writer role: a commit says so too.
  void AddNamed(NamedSnapshot snapshot) ENGRAM_EXCLUDES(mutex_);
  void RemoveNamed(std::string_view name) ENGRAM_EXCLUDES(mutex_);
  std::optional<NamedSnapshot> FindNamed(std::string_view name) const ENGRAM_EXCLUDES(mutex_);
  std::vector<NamedSnapshot> named() const ENGRAM_EXCLUDES(mutex_);  // by name
  std::size_t names() const ENGRAM_EXCLUDES(mutex_);

  // What holds the horizon back beside readers, snapshots and names.
  struct HorizonLimits {
    Lsn history = static_cast<Lsn>(~0ull);  // the oldest state that is kept for its time's sake
    // Snapshots that were taken before it give way.
    std::optional<std::chrono::steady_clock::time_point> oldest_taken;
  };
  // No read that runs or will ever begin looks at a state below the returned LSN: what ended at or
  // before it is unseen.
  Lsn AdvanceHorizon(const HorizonLimits& limits) ENGRAM_EXCLUDES(mutex_);
  Lsn AdvanceHorizon() { return AdvanceHorizon(HorizonLimits{}); }
  // What AdvanceHorizon() has come to. Acquire: a figure, for who asks whether a state is whole.
  Lsn horizon() const { return static_cast<Lsn>(horizon_.load(std::memory_order_acquire)); }
  // After opening: states below it are not whole.
  void SetHorizon(Lsn lsn) {  // before anybody reads
    horizon_.store(static_cast<std::uint64_t>(lsn), std::memory_order_seq_cst);
  }

  // The second horizon: memory that was marked unreachable before StepEpoch() returned e may be
  // reused when QuietSince(e).
  std::uint64_t StepEpoch() { return readers_.StepEpoch(); }
  bool QuietSince(std::uint64_t epoch) const { return readers_.MinEpoch() >= epoch; }

 private:
  ReaderSlots readers_;
  void PinEpoch(ReaderLine& line);
  Lsn MinNamed() const ENGRAM_EXCLUDES(mutex_);

  SnapshotSet snapshots_;
  std::atomic<std::uint64_t> visible_{0};
  // seq_cst store in AdvanceHorizon(), seq_cst load in Begin(), TakeSnapshot(), TakeSnapshotAt():
  // one of the two sees the other.
  std::atomic<std::uint64_t> horizon_{0};
  std::atomic<std::uint64_t> expired_{0};
  mutable Mutex mutex_;
  std::map<std::string, NamedSnapshot, std::less<>> named_ ENGRAM_GUARDED_BY(mutex_);
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_VERSIONS_H_
