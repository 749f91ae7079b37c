// What happens by the clock: syncs of what was written with kInterval, checkpoints that are due,
// slots that can be freed, a look at the pages on the disk, an audit of the graph. On two threads
// of its own, since a sync must not wait for a checkpoint, or on the host's by RunOnce(). Threads:
// any thread. Implements docs/concurrency.md, "Threads".
#ifndef ENGRAM_ENGINE_MAINTENANCE_H_
#define ENGRAM_ENGINE_MAINTENANCE_H_

#include <chrono>
#include <optional>
#include <thread>

#include <engram/status.h>

#include "engine/checkpointer.h"
#include "engine/core.h"
#include "engine/eraser.h"
#include "engine/scrubber.h"
#include "engine/writer.h"
#include "storage/base/mutex.h"

namespace engram {

class Maintenance {
 public:
  // Who does the work.
  struct Work {
    Writer& writer;
    Eraser& eraser;
    Checkpointer& checkpointer;
    Scrubber& scrubber;
  };
  Maintenance(Core& core, const Work& work)
      : core_(core),
        writer_(work.writer),
        eraser_(work.eraser),
        checkpointer_(work.checkpointer),
        scrubber_(work.scrubber),
        last_round_(core.clock->Steady()),
        audit_due_(core.clock->Steady() + core.options().audit_interval) {}
  ~Maintenance() { Stop(); }

  // Starts the threads; Stop() ends them. Errors: kIoError where the system gives none.
  Status Start() ENGRAM_EXCLUDES(mutex_);
  void Stop() ENGRAM_EXCLUDES(mutex_);

  // The thread for checkpoints looks at once. A hint: while it works, nothing comes of it.
  void Hurry() { wake_.NotifyAll(); }

  // One round on this thread: sync what kInterval has promised, end what has expired, free slots
  // and then scrub until `budget` is used, checkpoint if one is due, and audit where there is time
  // left.
  Status RunOnce(std::chrono::microseconds budget);

 private:
  void SyncLoop() ENGRAM_EXCLUDES(mutex_);
  void WorkLoop() ENGRAM_EXCLUDES(mutex_);
  // False where it is time to end.
  bool Sleep(std::chrono::nanoseconds nap) ENGRAM_EXCLUDES(mutex_);
  // A sync where one is promised before `before`.
  Status SyncPromised(std::chrono::steady_clock::time_point before);
  // Ends what has expired, and frees, until the first of these moments; scrubs until the other.
  Status FreeAndCheckpoint(std::chrono::steady_clock::time_point free_until,
                           std::chrono::steady_clock::time_point scrub_until);
  Status Sweep(std::chrono::steady_clock::time_point until);
  // How many dead are worth a round.
  std::size_t LeastDead() ENGRAM_REQUIRES(core_.writer_role);
  // Steps of the audit, where a round is due or on its way.
  Status AuditUntil(std::chrono::steady_clock::time_point until) ENGRAM_EXCLUDES(core_.writer_role);
  // One step; false where there is none to be made.
  Result<bool> AuditStep(std::optional<AuditReport>& ended) ENGRAM_EXCLUDES(core_.writer_role);
  void TellOf(const AuditReport& report) const;
  // Once for failures in a row.
  void Tell(const Status& status, const char* what, bool& told) const;

  Core& core_;
  Writer& writer_;
  Eraser& eraser_;
  Checkpointer& checkpointer_;
  Scrubber& scrubber_;
  // When the sweep was seen at work last.
  std::chrono::steady_clock::time_point last_round_ ENGRAM_GUARDED_BY(core_.writer_role);
  // The next round of the audit begins no sooner.
  std::chrono::steady_clock::time_point audit_due_ ENGRAM_GUARDED_BY(core_.writer_role);
  std::thread syncer_;
  std::thread worker_;
  Mutex mutex_;
  CondVar wake_;
  bool stop_ ENGRAM_GUARDED_BY(mutex_) = false;
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_MAINTENANCE_H_
