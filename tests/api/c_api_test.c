// The program that tests <engram/c.h> from C11.
#define _XOPEN_SOURCE 700  // mkdtemp, nftw

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/api/c_check.h"

static int failures = 0;
static int checks = 0;

void check_true(const char* file, int line, const char* what, bool holds) {
  ++checks;
  if (holds) return;
  ++failures;
  fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
}

void check_text(const char* file, int line, const char* what, const char* got, const char* want) {
  const bool same = got != NULL && strcmp(got, want) == 0;
  check_true(file, line, what, same);
  if (!same) fprintf(stderr, "  got \"%s\", want \"%s\"\n", got == NULL ? "(NULL)" : got, want);
}

engram_error* check_unwritten(void) {
  static char place;
  return (engram_error*)&place;
}

void check_code(const char* file, int line, const char* what, engram_code got, engram_code want,
                engram_error* error, const char* part) {
  const bool written = error != check_unwritten();
  if (!written) error = NULL;
  const bool holds = written && got == want && engram_error_code(error) == got &&
                     (error == NULL) == (got == ENGRAM_OK) &&
                     strstr(engram_error_message(error), part) != NULL;
  check_true(file, line, what, holds);
  if (!holds) {
    fprintf(stderr, "  got %s \"%s\"%s, want %s \"...%s...\"\n", engram_code_name(got),
            engram_error_message(error), written ? "" : " (error not written)",
            engram_code_name(want), part);
  }
  engram_error_free(error);
}

static int remove_one(const char* name, const struct stat* what, int kind, struct FTW* where) {
  (void)what;
  (void)kind;
  (void)where;
  return remove(name);
}

int main(void) {
  const char* root = getenv("TMPDIR");
  char directory[4096];
  const int length =
      snprintf(directory, sizeof(directory), "%s/engram-c-XXXXXX", root != NULL ? root : "/tmp");
  if (length < 0 || (size_t)length >= sizeof(directory) || mkdtemp(directory) == NULL) {
    perror("cannot make a directory");
    return 1;
  }
  test_values();
  test_options_and_encoder();
  test_store(directory);
  test_search(directory);
  test_upkeep(directory);
  nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  printf("%d checks, %d failed\n", checks, failures);
  return failures == 0 ? 0 : 1;
}
