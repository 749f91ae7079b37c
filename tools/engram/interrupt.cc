#include "tools/engram/interrupt.h"

#include <atomic>

namespace engram::tool {
namespace {

// Relaxed: nothing else is handed over by it.
std::atomic<bool> g_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal handler sets it

void NoteInterrupt(int) { g_interrupted.store(true, std::memory_order_relaxed); }

}  // namespace

Interrupt::Interrupt() {
  g_interrupted.store(false, std::memory_order_relaxed);
  sigaction(SIGINT, nullptr, &before_);
  if ((before_.sa_flags & SA_SIGINFO) == 0 && before_.sa_handler == SIG_IGN) return;
  struct sigaction note {};
  note.sa_handler = NoteInterrupt;
  sigemptyset(&note.sa_mask);
  note.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(SIGINT, &note, nullptr);
}

Interrupt::~Interrupt() { sigaction(SIGINT, &before_, nullptr); }

bool Interrupt::seen() const { return g_interrupted.load(std::memory_order_relaxed); }

}  // namespace engram::tool
