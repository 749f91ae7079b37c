// What time it is, behind an interface so that tests can decide it (tests/support/manual_clock.h).
// Threads: any thread.
#ifndef ENGRAM_STORAGE_BASE_CLOCK_H_
#define ENGRAM_STORAGE_BASE_CLOCK_H_

#include <chrono>
#include <cstdint>
#include <limits>

#include <engram/types.h>

namespace engram {

class Clock {
 public:
  virtual ~Clock() = default;

  // Microseconds since 1970, UTC. May jump, also backwards: for timestamps, never for waiting.
  virtual std::int64_t NowMicros() = 0;
  // Never goes back: for deadlines and durations.
  virtual std::chrono::steady_clock::time_point Steady() = 0;
};

// As NowMicros() counts.
inline std::int64_t UnixMicros(Timestamp time) { return time.time_since_epoch().count(); }

// From one moment to another, either of which may be any there is: as close to it as can be said.
inline std::int64_t MicrosBetween(std::int64_t from_us, std::int64_t to_us) {
  std::int64_t between = 0;
  if (!__builtin_sub_overflow(to_us, from_us, &between)) return between;
  using Limits = std::numeric_limits<std::int64_t>;
  return to_us < from_us ? Limits::min() : Limits::max();
}

// The system's. Lives as long as the process.
Clock* SystemClock();

}  // namespace engram

#endif  // ENGRAM_STORAGE_BASE_CLOCK_H_
