#include "engine/scan_pool.h"

#include <atomic>
#include <system_error>

#include "storage/base/test_hooks.h"

namespace engram {

struct ScanPool::Job {
  Job(std::size_t count, const std::function<void(std::size_t)>& work) : tasks(count), body(work) {}

  const std::size_t tasks;
  const std::function<void(std::size_t)>&
      body;                          // the caller's; not called once all tasks are taken
  std::atomic<std::size_t> next{0};  // relaxed: hands out numbers
  Mutex mutex;
  CondVar all_done;
  std::size_t done ENGRAM_GUARDED_BY(mutex) = 0;
};

ScanPool::ScanPool(std::size_t helpers) {
  threads_.reserve(helpers);
  try {
    for (std::size_t i = 0; i < helpers; ++i) {
      ENGRAM_SYNC_POINT("scan_pool:start_thread");
      threads_.emplace_back([this] { Work(); });
    }
  } catch (const std::system_error&) {
    // The system has no more threads for us. Those there are do.
  }
}

ScanPool::~ScanPool() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
  }
  wake_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

void ScanPool::Run(std::size_t tasks, const std::function<void(std::size_t)>& body) {
  const auto job = std::make_shared<Job>(tasks, body);
  if (tasks > 1 && !threads_.empty()) {
    {
      MutexLock lock(mutex_);
      jobs_.push_back(job);
    }
    wake_.NotifyAll();
  }
  Help(*job);
  MutexLock lock(job->mutex);
  while (job->done < job->tasks) job->all_done.Wait(job->mutex);
}

void ScanPool::Help(Job& job) {
  std::size_t finished = 0;
  for (;;) {
    const std::size_t task = job.next.fetch_add(1, std::memory_order_relaxed);
    if (task >= job.tasks) break;
    job.body(task);
    ++finished;
  }
  MutexLock lock(job.mutex);
  job.done += finished;
  if (job.done >= job.tasks) job.all_done.NotifyAll();
}

void ScanPool::Work() {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      MutexLock lock(mutex_);
      while (!stop_ && jobs_.empty()) wake_.Wait(mutex_);
      if (stop_) return;
      job = jobs_.front();
      if (job->next.load(std::memory_order_relaxed) >= job->tasks) {
        jobs_.pop_front();
        continue;
      }
    }
    Help(*job);
  }
}

}  // namespace engram
