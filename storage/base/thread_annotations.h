// Clang's thread-safety annotations; nothing under other compilers.
#ifndef ENGRAM_STORAGE_BASE_THREAD_ANNOTATIONS_H_
#define ENGRAM_STORAGE_BASE_THREAD_ANNOTATIONS_H_

#if defined(__clang__)
#define ENGRAM_ANNOTATION(x) __attribute__((x))
#else
#define ENGRAM_ANNOTATION(x)
#endif

#define ENGRAM_CAPABILITY(name) ENGRAM_ANNOTATION(capability(name))
#define ENGRAM_SCOPED_CAPABILITY ENGRAM_ANNOTATION(scoped_lockable)
#define ENGRAM_GUARDED_BY(m) ENGRAM_ANNOTATION(guarded_by(m))
#define ENGRAM_PT_GUARDED_BY(m) ENGRAM_ANNOTATION(pt_guarded_by(m))
#define ENGRAM_REQUIRES(...) ENGRAM_ANNOTATION(requires_capability(__VA_ARGS__))
#define ENGRAM_EXCLUDES(...) ENGRAM_ANNOTATION(locks_excluded(__VA_ARGS__))
#define ENGRAM_ACQUIRE(...) ENGRAM_ANNOTATION(acquire_capability(__VA_ARGS__))
#define ENGRAM_RELEASE(...) ENGRAM_ANNOTATION(release_capability(__VA_ARGS__))
#define ENGRAM_TRY_ACQUIRE(...) ENGRAM_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define ENGRAM_ASSERT_CAPABILITY(x) ENGRAM_ANNOTATION(assert_capability(x))
#define ENGRAM_RETURN_CAPABILITY(x) ENGRAM_ANNOTATION(lock_returned(x))
#define ENGRAM_NO_THREAD_SAFETY_ANALYSIS ENGRAM_ANNOTATION(no_thread_safety_analysis)

#endif  // ENGRAM_STORAGE_BASE_THREAD_ANNOTATIONS_H_
