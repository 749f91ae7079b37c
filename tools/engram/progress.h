// Tells a person how far a long job is: a bar on a terminal, a line every few seconds elsewhere.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_ENGRAM_PROGRESS_H_
#define ENGRAM_TOOLS_ENGRAM_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "tools/engram/context.h"

namespace engram::tool {

class Progress {
 public:
  Progress(Context& context, std::string what);
  // Takes the bar off the screen.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Shows at once what goes on, where there is a screen for it: how far it is may be told late.
  void Begin();
  // `done` things, which is `fraction` of all (0 to 1) where that is known. Cheap: most calls print
  // nothing.
  void Update(std::uint64_t done, std::optional<double> fraction);
  // `done` of `total` things; 0: nobody knows of how many.
  void UpdateOf(std::uint64_t done, std::uint64_t total);

 private:
  using Clock = std::chrono::steady_clock;
  std::string Describe(std::uint64_t done, std::optional<double> fraction) const;

  Context& context_;
  std::string what_;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point printed_ = begin_;
  bool bar_shown_ = false;
};

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_PROGRESS_H_
