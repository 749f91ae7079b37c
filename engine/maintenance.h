// What happens by the clock: syncs of what was written with kInterval, checkpoints that are due, slots that can be freed. On a
// thread of its own, or on the host's by RunOnce().
// Threads: any thread. Implements docs/concurrency.md, "Threads".
#ifndef ENGRAM_ENGINE_MAINTENANCE_H_
#define ENGRAM_ENGINE_MAINTENANCE_H_

#include <chrono>
#include <thread>

#include <engram/status.h>

#include "engine/checkpointer.h"
#include "engine/core.h"
#include "engine/writer.h"
#include "storage/base/mutex.h"

namespace engram {

class Maintenance {
 public:
  Maintenance(Core& core, Writer& writer, Checkpointer& checkpointer)
      : core_(core), writer_(writer), checkpointer_(checkpointer) {}
  ~Maintenance() { Stop(); }

  // Starts a thread; Stop() ends it.
  void Start();
  void Stop() ENGRAM_EXCLUDES(mutex_);

  // One round on this thread: sync what is unsynced, free slots until `budget` is used, checkpoint if one is due.
  Status RunOnce(std::chrono::microseconds budget);

 private:
  void Loop() ENGRAM_EXCLUDES(mutex_);

  Core& core_;
  Writer& writer_;
  Checkpointer& checkpointer_;
  std::thread thread_;
  Mutex mutex_;
  CondVar wake_;
  bool stop_ ENGRAM_GUARDED_BY(mutex_) = false;
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_MAINTENANCE_H_
