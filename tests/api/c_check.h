// What tests written in C have in place of GoogleTest. Threads: one thread.
#ifndef ENGRAM_TESTS_API_C_CHECK_H_
#define ENGRAM_TESTS_API_C_CHECK_H_

#include <engram/c.h>

// Goes on after a failure; main() says how many there were.
#define CHECK(condition) check_true(__FILE__, __LINE__, #condition, (condition))
#define CHECK_TEXT(got, want) check_text(__FILE__, __LINE__, #got, (got), (want))
// `call` passes `&error` on, which must be written in any case; its message must contain `part`.
#define CHECK_CODE(want, call, part)                                        \
  do {                                                                      \
    engram_error* error = check_unwritten();                                \
    const engram_code code_got = (call);                                    \
    check_code(__FILE__, __LINE__, #call, code_got, (want), error, (part)); \
  } while (0)
#define CHECK_OK(call) CHECK_CODE(ENGRAM_OK, call, "")

void check_true(const char* file, int line, const char* what, bool holds);
void check_text(const char* file, int line, const char* what, const char* got, const char* want);
void check_code(const char* file, int line, const char* what, engram_code got, engram_code want,
                engram_error* error, const char* part);
// An address that no error has.
engram_error* check_unwritten(void);

// Small stores on real files.
enum { DIMENSIONS = 4 };
extern char path[4200];  // of the store opened last
void set_path(const char* directory, const char* name);
// Without threads of its own.
engram_options* small_options(void);
// NULL after a failure, which is counted.
engram_store* open_store(const char* directory, const char* name);
// The rest is as after {0}.
engram_new_pattern pattern_of(const float* vector);
// The id of {first, 1, 0, 0}.
uint64_t insert(engram_store* store, float first);
engram_stats stats_of(const engram_store* store);

typedef struct walk {
  uint64_t visits;
  uint64_t most;
  bool vectors;
} walk;

// Counts visits in the walk that is its context, and says whether all had their vector.
bool count_visit(void* context, const engram_pattern* pattern);

// What the program runs, one for each source.
void test_values(void);
void test_options_and_encoder(void);
void test_store(const char* directory);
void test_search(const char* directory);
void test_upkeep(const char* directory);

#endif  // ENGRAM_TESTS_API_C_CHECK_H_
