// Threads that help a caller with one large scan. The caller works too, so a pool of none still
// gets everything done. Threads: any thread. Implements docs/concurrency.md, "Threads".
#ifndef ENGRAM_ENGINE_SCAN_POOL_H_
#define ENGRAM_ENGINE_SCAN_POOL_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "storage/base/mutex.h"

namespace engram {

class ScanPool {
 public:
  // May start fewer helpers, where the system gives no more threads.
  explicit ScanPool(std::size_t helpers);
  ~ScanPool();
  ScanPool(const ScanPool&) = delete;
  ScanPool& operator=(const ScanPool&) = delete;

  // Runs body(0) to body(tasks - 1), each once, on this thread and free helpers; returns when all
  // are done.
  void Run(std::size_t tasks, const std::function<void(std::size_t)>& body) ENGRAM_EXCLUDES(mutex_);

  std::size_t helpers() const { return threads_.size(); }

 private:
  struct Job;
  void Work() ENGRAM_EXCLUDES(mutex_);
  static void Help(Job& job);

  Mutex mutex_;
  CondVar wake_;
  bool stop_ ENGRAM_GUARDED_BY(mutex_) = false;
  std::deque<std::shared_ptr<Job>> jobs_ ENGRAM_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_SCAN_POOL_H_
