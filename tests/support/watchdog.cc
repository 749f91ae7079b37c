#include "tests/support/watchdog.h"

#include <cstdlib>
#include <iostream>
#include <utility>

namespace engram {

Watchdog::Watchdog(std::string what, std::chrono::seconds limit)
    : what_(std::move(what)),
      end_(std::chrono::steady_clock::now() + limit),
      thread_([this] { Watch(); }) {}

Watchdog::~Watchdog() {
  {
    MutexLock lock(mutex_);
    done_ = true;
  }
  wake_.NotifyAll();
  thread_.join();
}

void Watchdog::Watch() {
  MutexLock lock(mutex_);
  while (!done_) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= end_) {
      std::cerr << "watchdog: " << what_ << " hangs\n";
      std::abort();
    }
    wake_.WaitFor(mutex_, end_ - now);
  }
}

}  // namespace engram
