// What tests of stores from C share.
#include <stdio.h>

#include "tests/api/c_check.h"

char path[4200];

void set_path(const char* directory, const char* name) {
  snprintf(path, sizeof(path), "%s/%s", directory, name);
}

engram_options* small_options(void) {
  engram_options* options = engram_options_create();
  engram_options_set_dimensions(options, DIMENSIONS);
  engram_options_set_journal_bytes(options, 1 << 20);
  engram_options_set_log_segment_bytes(options, 1 << 20);
  engram_options_set_background_threads(options, 0);
  return options;
}

engram_store* open_store(const char* directory, const char* name) {
  engram_store* store = NULL;
  engram_options* options = small_options();
  set_path(directory, name);
  CHECK_OK(engram_store_open(path, options, &store, &error));
  engram_options_free(options);
  return store;
}

engram_new_pattern pattern_of(const float* vector) {
  engram_new_pattern pattern = {0};
  pattern.vector = vector;
  pattern.dimensions = DIMENSIONS;
  return pattern;
}

uint64_t insert(engram_store* store, float first) {
  const float vector[DIMENSIONS] = {first, 1, 0, 0};
  const engram_new_pattern pattern = pattern_of(vector);
  uint64_t id = 0;
  CHECK_OK(engram_store_insert(store, &pattern, ENGRAM_DURABILITY_NONE, &id, &error));
  return id;
}

engram_stats stats_of(const engram_store* store) {
  engram_stats stats = {0};
  CHECK_OK(engram_store_get_stats(store, &stats, sizeof(stats), &error));
  return stats;
}

bool count_visit(void* context, const engram_pattern* pattern) {
  walk* so_far = context;
  size_t size = 0;
  engram_pattern_vector(pattern, &size);
  so_far->vectors = so_far->vectors && size == DIMENSIONS && engram_pattern_id(pattern) != 0;
  return ++so_far->visits < so_far->most;
}
