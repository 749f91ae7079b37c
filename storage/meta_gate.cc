#include "storage/meta_gate.h"

#include "storage/base/check.h"

namespace engram {
namespace {

// Begins the list of the holds of this thread.
thread_local const ReopenGate::Hold* t_innermost = nullptr;

}  // namespace

ReopenGate::Hold::Hold(ReopenGate& gate)
    : gate_(gate), again_(ThreadIsInside(gate)), outer_(t_innermost) {
  if (!again_) gate_.Enter();
  t_innermost = this;
}

ReopenGate::Hold::~Hold() {
  t_innermost = outer_;
  if (!again_) gate_.Leave();
}

bool ReopenGate::Hold::ThreadIsInside(const ReopenGate& gate) {
  for (const Hold* hold = t_innermost; hold != nullptr; hold = hold->outer_) {
    if (&hold->gate_ == &gate) return true;
  }
  return false;
}

void ReopenGate::Enter() {
  while (true) {
    inside_.fetch_add(1, std::memory_order_seq_cst);
    if (!closed_.load(std::memory_order_seq_cst)) return;
    Leave();
    MutexLock lock(mutex_);
    while (closed_.load(std::memory_order_seq_cst)) changed_.Wait(mutex_);
  }
}

void ReopenGate::Leave() {
  const bool last = inside_.fetch_sub(1, std::memory_order_seq_cst) == 1;
  if (!last || !closed_.load(std::memory_order_seq_cst)) return;
  MutexLock lock(mutex_);  // so that who closes is not between its look and its wait
  changed_.NotifyAll();
}

void ReopenGate::Close() {
  ENGRAM_CHECK(!Hold::ThreadIsInside(*this));
  MutexLock lock(mutex_);
  ENGRAM_CHECK(!closed_.exchange(true, std::memory_order_seq_cst));
  while (inside_.load(std::memory_order_seq_cst) != 0) changed_.Wait(mutex_);
}

void ReopenGate::Open() {
  MutexLock lock(mutex_);
  closed_.store(false, std::memory_order_seq_cst);
  changed_.NotifyAll();
}

}  // namespace engram
