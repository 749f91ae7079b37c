// Which states are kept readable by handles: one line a snapshot, taken and given back without a
// lock, so that a snapshot costs its owner a few atomic operations and other snapshots nothing. The
// writer looks at all lines to learn what must stay. Leaves the horizon, which decides whether a
// line came in time, to versions.h.
// Threads: Take() and GiveBack(): any thread; the rest: the holder of the writer role, but for the
// figures, which anyone may ask. Implements docs/concurrency.md, "Snapshots".
#ifndef ENGRAM_ENGINE_SNAPSHOT_SET_H_
#define ENGRAM_ENGINE_SNAPSHOT_SET_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <engram/types.h>

#include "storage/base/mutex.h"

namespace engram {

// What one snapshot keeps. In a set for as long as that lives; its owner has it from Take() to
// GiveBack().
struct SnapshotLine {
  static constexpr std::uint64_t kFree = ~0ull;
  static constexpr std::uint64_t kRevoked = ~0ull - 1;

  // The LSN, kFree or kRevoked. seq_cst on both sides: of an owner's "taken" and the writer's
  // "passed" (Versions), one sees the other; a reader's "pinned" and the writer's "revoked"
  // likewise.
  std::atomic<std::uint64_t> lsn{kFree};
  // When it was taken, by the steady clock. Relaxed: written before `lsn` (seq_cst), and read only
  // behind a load of that.
  std::atomic<std::int64_t> taken_ns{0};
  // The next free line, while this one is free. Relaxed: ordered by SnapshotSet::free_.
  std::atomic<SnapshotLine*> next{nullptr};
};

class SnapshotSet {
 public:
  SnapshotSet() = default;
  ~SnapshotSet();
  SnapshotSet(const SnapshotSet&) = delete;
  SnapshotSet& operator=(const SnapshotSet&) = delete;

  // A line of the caller's, which keeps nothing yet. Takes a lock only where all lines that were
  // ever made are in use.
  SnapshotLine* Take() ENGRAM_EXCLUDES(mutex_);
  // It keeps nothing any more.
  void GiveBack(SnapshotLine* line);

  // The smallest LSN that a line keeps, SnapshotLine::kFree where there is none.
  std::uint64_t MinLsn() const;
  // Takes from lines that were taken before `moment` what they keep; returns of how many.
  std::uint64_t RevokeBefore(std::chrono::steady_clock::time_point moment);

  // Of the lines that keep something, or did until they were revoked.
  struct Figures {
    std::uint64_t count = 0;
    std::optional<std::chrono::steady_clock::time_point> oldest;
    Lsn lsn = Lsn::kNone;  // the smallest; of those that were not revoked
  };
  Figures figures() const;

 private:
  static constexpr std::size_t kChunkLines = 64;
  struct Chunk {
    std::array<SnapshotLine, kChunkLines> lines;
    Chunk* next = nullptr;  // written before the chunk is published
  };

  // Top of the stack of free lines, in the low 48 bits, which hold every address of a process, and
  // a count of changes above, so that a line that went and came back is told from one that stayed.
  static constexpr int kAddressBits = 48;
  static SnapshotLine* LineOf(std::uint64_t top);
  static std::uint64_t Pack(SnapshotLine* line, std::uint64_t before);
  void Push(SnapshotLine* first, SnapshotLine* last);
  SnapshotLine* Pop();
  SnapshotLine* AddChunk() ENGRAM_EXCLUDES(mutex_);
  template <typename Visit>
  void ForEach(Visit visit) const;

  // Release in Push() and Pop(), acquire in Pop(): what the last owner did with a line came before.
  std::atomic<std::uint64_t> free_{0};
  // seq_cst: a line that was published in a new chunk before the writer looks is looked at.
  std::atomic<Chunk*> chunks_{nullptr};
  Mutex mutex_;
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_SNAPSHOT_SET_H_
