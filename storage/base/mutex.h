// std::mutex and std::condition_variable with thread-safety annotations.
#ifndef ENGRAM_STORAGE_BASE_MUTEX_H_
#define ENGRAM_STORAGE_BASE_MUTEX_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "storage/base/check.h"
#include "storage/base/thread_annotations.h"

namespace engram {

// Threads: any thread.
class ENGRAM_CAPABILITY("mutex") Mutex {
 public:
  void Lock() ENGRAM_ACQUIRE() {
    mutex_.lock();
    SetOwner(std::this_thread::get_id());
  }
  void Unlock() ENGRAM_RELEASE() {
    SetOwner({});
    mutex_.unlock();
  }
  bool TryLock() ENGRAM_TRY_ACQUIRE(true) {
    const bool locked = mutex_.try_lock();
    if (locked) SetOwner(std::this_thread::get_id());
    return locked;
  }
  // For functions whose callers hold the mutex by another name, which the analysis cannot follow.
  // Checked in debug builds and in those for tests.
  void AssertHeld() const ENGRAM_ASSERT_CAPABILITY(this) {
#if defined(ENGRAM_TEST_HOOKS) || !defined(NDEBUG)
    ENGRAM_CHECK(owner_.load(std::memory_order_relaxed) == std::this_thread::get_id());
#endif
  }

 private:
  friend class CondVar;

#if defined(ENGRAM_TEST_HOOKS) || !defined(NDEBUG)
  void SetOwner(std::thread::id id) { owner_.store(id, std::memory_order_relaxed); }
  // Relaxed: a thread compares it with itself only.
  std::atomic<std::thread::id> owner_{};
#else
  void SetOwner(std::thread::id /*id*/) {}
#endif
  std::mutex mutex_;
};

// Holds a Mutex for a scope. Threads: one thread.
class ENGRAM_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ENGRAM_ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() ENGRAM_RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Threads: any thread.
class CondVar {
 public:
  void Wait(Mutex& mutex) ENGRAM_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    mutex.SetOwner({});
    cv_.wait(lock);
    mutex.SetOwner(std::this_thread::get_id());
    lock.release();
  }
  // False where the time passed.
  bool WaitFor(Mutex& mutex, std::chrono::nanoseconds time) ENGRAM_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    mutex.SetOwner({});
    const auto status = cv_.wait_for(lock, time);
    mutex.SetOwner(std::this_thread::get_id());
    lock.release();
    return status == std::cv_status::no_timeout;
  }
  void NotifyOne() { cv_.notify_one(); }
  void NotifyAll() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_MUTEX_H_
