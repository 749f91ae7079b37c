// Ends a test program that hangs, with a word on where: better than the runner's silent timeout.
#ifndef ENGRAM_TESTS_SUPPORT_WATCHDOG_H_
#define ENGRAM_TESTS_SUPPORT_WATCHDOG_H_

#include <chrono>
#include <string>
#include <thread>

#include "storage/base/mutex.h"

namespace engram {

// Aborts the process where it still lives when `limit` has passed. The limit is far above what the
// work takes on a slow machine under a sanitizer: it finds deadlocks, it measures nothing.
// Threads: one thread makes and destroys it.
class Watchdog {
 public:
  Watchdog(std::string what, std::chrono::seconds limit);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void Watch() ENGRAM_EXCLUDES(mutex_);

  const std::string what_;
  const std::chrono::steady_clock::time_point end_;
  Mutex mutex_;
  CondVar wake_;
  bool done_ ENGRAM_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_WATCHDOG_H_
