// How a test is built, for those that do less where everything is slow. Threads: none.
#ifndef ENGRAM_TESTS_SUPPORT_SANITIZERS_H_
#define ENGRAM_TESTS_SUPPORT_SANITIZERS_H_

namespace engram {

#ifdef __SANITIZE_THREAD__
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif

// Sanitizers take memory for each byte, and keep what is freed for a while.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool kMemoryIsOurs = false;
#else
inline constexpr bool kMemoryIsOurs = !kThreadSanitizer;
#endif

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_SANITIZERS_H_
