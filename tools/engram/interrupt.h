// Lets a person break off a job by Ctrl-C, so that it ends in good order.
// Threads: one thread, and one of them at a time.
#ifndef ENGRAM_TOOLS_ENGRAM_INTERRUPT_H_
#define ENGRAM_TOOLS_ENGRAM_INTERRUPT_H_

#include <signal.h>  // NOLINT: of POSIX, not of the standard library

namespace engram::tool {

// While it lives, the first SIGINT is only noted; the second does what it always does. Where SIGINT
// is ignored, as in what a shell runs in the background, it stays ignored.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool seen() const;

 private:
  struct sigaction before_ {};
};

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_INTERRUPT_H_
