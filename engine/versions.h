// Which commits are visible, who still looks at older ones, and so what nobody can see any more.
// Leaves what is done with the unseen to the writer (writer.h).
// Threads: one writer, many readers: Publish() and AdvanceHorizon() belong to the holder of the
// writer role, the rest to anyone. Implements docs/concurrency.md, "Versions".
#ifndef ENGRAM_ENGINE_VERSIONS_H_
#define ENGRAM_ENGINE_VERSIONS_H_

#include <atomic>
#include <cstdint>
#include <set>

#include <engram/result.h>
#include <engram/types.h>

#include "engine/reader_slots.h"
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

    // The newest visible commit when it began.
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

  // The newest visible commit. Acquire: pairs with the release in Publish(); pages and rows of the
  // commit were written before it.
  Lsn visible() const { return static_cast<Lsn>(visible_.load(std::memory_order_acquire)); }
  void Publish(Lsn lsn);

  // Keeps the newest visible commit readable until it is dropped.
  Lsn TakeSnapshot() ENGRAM_EXCLUDES(mutex_);
  void DropSnapshot(Lsn lsn) ENGRAM_EXCLUDES(mutex_);
  std::uint64_t snapshots() const ENGRAM_EXCLUDES(mutex_);
  Lsn oldest_snapshot() const ENGRAM_EXCLUDES(mutex_);  // kNone where there is none

  // No read that runs or will ever begin looks at a state below the returned LSN: what ended at or
  // before it is unseen.
  Lsn AdvanceHorizon() ENGRAM_EXCLUDES(mutex_);

  // The second horizon: memory that was marked unreachable before StepEpoch() returned e may be
  // reused when QuietSince(e).
  std::uint64_t StepEpoch() { return readers_.StepEpoch(); }
  bool QuietSince(std::uint64_t epoch) const { return readers_.MinEpoch() >= epoch; }

 private:
  ReaderSlots readers_;
  std::atomic<std::uint64_t> visible_{0};
  // seq_cst store in AdvanceHorizon(), seq_cst load in Begin(): one of the two sees the other.
  std::atomic<std::uint64_t> horizon_{0};
  mutable Mutex mutex_;
  std::multiset<std::uint64_t> snapshots_ ENGRAM_GUARDED_BY(mutex_);
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_VERSIONS_H_
