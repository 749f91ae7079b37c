// Lets many threads use what one thread now and then takes away and puts back: the database that
// MetaStore::Rewrite() closes and opens again. Leaves what is used to the caller.
// Threads: any thread enters; one thread at a time closes.
#ifndef ENGRAM_STORAGE_META_GATE_H_
#define ENGRAM_STORAGE_META_GATE_H_

#include <atomic>
#include <cstdint>

#include "storage/base/mutex.h"

namespace engram {

class ReopenGate {
 public:
  // Inside for a scope of one thread; waits first while the gate is closed. A thread that is inside
  // may enter again: that never waits, since who closes may be waiting for it.
  class Hold {
   public:
    explicit Hold(ReopenGate& gate);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    friend class ReopenGate;
    static bool ThreadIsInside(const ReopenGate& gate);

    ReopenGate& gate_;
    const bool again_;
    const Hold* const outer_;  // this thread's hold before this one, of whatever gate
  };

  // Lets nobody in, and waits until all are out. Pre: this thread is not inside, the gate is open.
  void Close() ENGRAM_EXCLUDES(mutex_);
  // What the closing thread did before is seen by all who enter from now on.
  void Open() ENGRAM_EXCLUDES(mutex_);

 private:
  void Enter() ENGRAM_EXCLUDES(mutex_);
  void Leave() ENGRAM_EXCLUDES(mutex_);

  // All accesses of both are sequentially consistent: whoever enters counts himself and then looks
  // whether the gate is closed, who closes it does so and then looks at the count, so that one of
  // the two sees the other.
  std::atomic<std::uint64_t> inside_{0};
  std::atomic<bool> closed_{false};
  Mutex mutex_;  // of those who wait
  CondVar changed_;
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_META_GATE_H_
