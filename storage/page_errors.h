// What a call, or the writer, met among the pages of a mapped store that cannot be used: the first
// of it is what the call answers with.
// Threads: any thread; the threads of one call share it.
#ifndef ENGRAM_STORAGE_PAGE_ERRORS_H_
#define ENGRAM_STORAGE_PAGE_ERRORS_H_

#include <atomic>
#include <utility>

#include <engram/status.h>

#include "storage/base/mutex.h"

namespace engram {

class PageErrors {
 public:
  void Note(Status status) ENGRAM_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (first_.ok()) first_ = std::move(status);
    any_.store(true, std::memory_order_release);  // pairs with any()
  }
  // Acquire: pairs with Note().
  bool any() const { return any_.load(std::memory_order_acquire); }
  Status first() const ENGRAM_EXCLUDES(mutex_) {
    if (!any()) return Status::Ok();
    MutexLock lock(mutex_);
    return first_;
  }

 private:
  std::atomic<bool> any_{false};
  mutable Mutex mutex_;
  Status first_ ENGRAM_GUARDED_BY(mutex_);
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_PAGE_ERRORS_H_
