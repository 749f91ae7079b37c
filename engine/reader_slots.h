// Who is reading, since when, and at which LSN: one cache line a thread, written by that thread
// alone, so that readers never wait and never share a written line. The writer looks at all lines
// to learn what nobody can see or touch any more. Leaves the meaning of LSNs to versions.h.
// Threads: Pin and its destructor: any thread; MinEpoch() and MinLsn(): the holder of the writer
// role. Implements docs/concurrency.md, "Pins".
#ifndef ENGRAM_ENGINE_READER_SLOTS_H_
#define ENGRAM_ENGINE_READER_SLOTS_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include <engram/result.h>
#include <engram/types.h>

#include "storage/base/mutex.h"
#include "storage/page_format.h"

namespace engram {

inline constexpr std::uint64_t kIdle = ~0ull;

// What one thread reads at. A thread may pin again while it is pinned: the outermost pin counts.
struct alignas(kCacheLineBytes) ReaderLine {
  // seq_cst stores of the reader, seq_cst loads of the writer (ReaderSlots::MinEpoch, MinLsn): the
  // order of a reader's "pinned" and a writer's "stepped" must be the same for both.
  std::atomic<std::uint64_t> epoch{kIdle};
  std::atomic<std::uint64_t> lsn{kIdle};
  std::uint32_t depth = 0;  // the owning thread's
};

// The lines of one store. Shared with the threads that own lines in it, which may outlive the
// store.
class ReaderSlots {
 public:
  ReaderSlots();
  ~ReaderSlots();
  ReaderSlots(const ReaderSlots&) = delete;
  ReaderSlots& operator=(const ReaderSlots&) = delete;

  // The calling thread's line; taken at its first call, given back when the thread ends. nullptr
  // where kMaxLines threads hold one.
  ReaderLine* LineOfThisThread();

  std::uint64_t epoch() const;
  // Begins a new epoch and returns it: pins that began before have a smaller one.
  std::uint64_t StepEpoch();
  // The smallest epoch of a pin, kIdle where there is none.
  std::uint64_t MinEpoch() const;
  // The smallest LSN of a pin, kIdle where there is none.
  std::uint64_t MinLsn() const;

  static constexpr std::size_t kMaxLines = 65536;

  class Registry;

 private:
  std::shared_ptr<Registry> registry_;
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_READER_SLOTS_H_
