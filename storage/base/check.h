// Checks of our own assumptions. Bytes from disk and arguments of callers are never checked with
// these: they get a Status.
#ifndef ENGRAM_STORAGE_BASE_CHECK_H_
#define ENGRAM_STORAGE_BASE_CHECK_H_

#include <cstdio>
#include <cstdlib>

namespace engram {

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* what) {
  std::fprintf(stderr, "engram: %s:%d: check failed: %s\n", file, line, what);
  std::abort();
}

}  // namespace engram

// Ends the process where `condition` is false: a bug of ours that must not go on to write.
#define ENGRAM_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::engram::CheckFailed(__FILE__, __LINE__, #condition))

// The same for hot paths: only in builds without NDEBUG.
#ifdef NDEBUG
#define ENGRAM_DCHECK(condition) static_cast<void>(sizeof(!(condition)))
#else
#define ENGRAM_DCHECK(condition) ENGRAM_CHECK(condition)
#endif

#endif  // ENGRAM_STORAGE_BASE_CHECK_H_
