// Opening, writing, getting and closing from C: each call as it is meant, and with bad input.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/api/c_check.h"

static void opening_says_what_is_wrong(const char* directory) {
  engram_store* store = NULL;
  engram_store* second = NULL;
  engram_options* options = small_options();
  set_path(directory, "open");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_open(NULL, options, &store, &error),
             "directory is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_open(path, NULL, &store, &error),
             "options is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_open(path, options, NULL, &error),
             "out is NULL");
  CHECK(engram_store_open(path, NULL, NULL, NULL) == ENGRAM_INVALID_ARGUMENT);
  engram_options_set_create_if_missing(options, false);
  store = (engram_store*)options;  // must be overwritten
  CHECK_CODE(ENGRAM_NOT_FOUND, engram_store_open(path, options, &store, &error), "");
  CHECK(store == NULL);
  CHECK_CODE(ENGRAM_NOT_FOUND, engram_store_open_read_only(path, NULL, &store, &error), "");
  engram_options_set_create_if_missing(options, true);
  engram_options_set_metric(options, 9);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_open(path, options, &store, &error),
             "metric is 9");
  engram_options_free(options);

  options = small_options();
  engram_options_set_create_if_missing(options, true);
  engram_options_set_residency(options, 3);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_open(path, options, &store, &error),
             "residency is 3");
  engram_options_free(options);

  options = small_options();
  engram_options_set_metric(options, ENGRAM_METRIC_COSINE);
  engram_options_set_m(options, 8);
  engram_options_set_seed(options, 42);
  engram_options_add_indexed_field(options, "topic");
  engram_options_set_ef(options, 50);
  engram_options_set_keep_pruned(options, true);
  engram_options_set_check_permissions(options, false);
  engram_options_set_dirty_page_bytes(options, 1 << 20);
  engram_options_set_residency(options, ENGRAM_RESIDENCY_MAPPED);
  engram_options_set_handle_sigbus(options, true);
  engram_options_set_memory_budget_bytes(options, 1 << 30);
  engram_options_set_scrub_bytes_per_second(options, 1 << 20);
  CHECK_OK(engram_store_open(path, options, &store, &error));
  CHECK_CODE(ENGRAM_BUSY, engram_store_open(path, options, &second, &error), "");
  const engram_stats stats = stats_of(store);
  CHECK(stats.dimensions == DIMENSIONS && stats.metric == ENGRAM_METRIC_COSINE && stats.m == 8);
  CHECK(stats.residency == ENGRAM_RESIDENCY_MAPPED && stats.reserved2 == 0);
  CHECK_OK(engram_store_close(store, &error));
  engram_store_free(store);

  engram_options_set_error_if_exists(options, true);
  CHECK_CODE(ENGRAM_ALREADY_EXISTS, engram_store_open(path, options, &store, &error), "");
  engram_options_set_error_if_exists(options, false);
  engram_options_set_dimensions(options, DIMENSIONS + 1);
  CHECK_CODE(ENGRAM_DIMENSION_MISMATCH, engram_store_open(path, options, &store, &error), "");
  CHECK(store == NULL);
  engram_options_free(options);
}

static void presets_reach_the_store(const char* directory) {
  engram_options* presets[] = {engram_options_create_high_accuracy(),
                               engram_options_create_high_speed()};
  const uint32_t m[] = {32, 8};
  const char* names[] = {"accuracy", "speed"};
  for (int i = 0; i < 2; ++i) {
    engram_store* store = NULL;
    engram_options_set_dimensions(presets[i], DIMENSIONS);
    engram_options_set_journal_bytes(presets[i], 1 << 20);
    set_path(directory, names[i]);
    CHECK_OK(engram_store_open(path, presets[i], &store, &error));
    CHECK(stats_of(store).m == m[i]);
    engram_store_free(store);
    engram_options_free(presets[i]);
  }
}

// A field of every kind.
static engram_metadata* every_kind(void) {
  engram_metadata* fields = engram_metadata_create();
  engram_metadata* inner = engram_metadata_create();
  engram_value* list = engram_value_create_list();
  CHECK(engram_value_append(list, engram_value_create_double(0.5)) == ENGRAM_OK);
  CHECK(engram_metadata_set_string(inner, "in", "side") == ENGRAM_OK);
  CHECK(engram_metadata_set(fields, "null", engram_value_create_null()) == ENGRAM_OK);
  CHECK(engram_metadata_set_bool(fields, "bool", true) == ENGRAM_OK);
  CHECK(engram_metadata_set_int64(fields, "int64", INT64_MIN) == ENGRAM_OK);
  CHECK(engram_metadata_set_double(fields, "double", 1e300) == ENGRAM_OK);
  CHECK(engram_metadata_set(fields, "string", engram_value_create_string_n("a\0b", 3)) ==
        ENGRAM_OK);
  CHECK(engram_metadata_set(fields, "bytes", engram_value_create_bytes("\377\0", 2)) == ENGRAM_OK);
  CHECK(engram_metadata_set_time_us(fields, "time", -5) == ENGRAM_OK);
  CHECK(engram_metadata_set(fields, "list", list) == ENGRAM_OK);
  CHECK(engram_metadata_set(fields, "map", engram_value_create_map(inner)) == ENGRAM_OK);
  return fields;
}

static void a_pattern_comes_back_as_it_was(engram_store* store) {
  const float vector[DIMENSIONS] = {1, 2, 3, 4};
  engram_metadata* fields = every_kind();
  engram_new_pattern pattern = pattern_of(vector);
  pattern.metadata = fields;
  pattern.has_timestamp = true;
  pattern.timestamp_us = 1234567;
  pattern.type = 7;
  uint64_t id = 0;
  CHECK_OK(engram_store_insert(store, &pattern, ENGRAM_DURABILITY_SYNC, &id, &error));
  CHECK(id != 0);

  engram_pattern* found = NULL;
  size_t size = 0;
  CHECK_OK(engram_store_get(store, id, ENGRAM_INCLUDE_ALL, NULL, &found, &error));
  CHECK(engram_pattern_id(found) == id && engram_pattern_type(found) == 7);
  const float* stored = engram_pattern_vector(found, &size);
  CHECK(size == DIMENSIONS && stored != NULL && memcmp(stored, vector, sizeof(vector)) == 0);
  CHECK(engram_metadata_equal(engram_pattern_metadata(found), fields));
  CHECK(engram_pattern_timestamp_us(found) == 1234567);
  CHECK(engram_pattern_inserted_at_us(found) > 1234567);
  CHECK(engram_pattern_version(found) == stats_of(store).last_lsn);
  engram_pattern_free(found);

  CHECK_OK(engram_store_get(store, id, ENGRAM_INCLUDE_NONE, NULL, &found, &error));
  CHECK(engram_pattern_vector(found, &size) == NULL && size == 0);
  CHECK(engram_metadata_size(engram_pattern_metadata(found)) == 0);
  engram_pattern_free(found);
  engram_metadata_free(fields);

  bool there = false;
  CHECK_OK(engram_store_contains(store, id, NULL, &there, &error));
  CHECK(there);
  CHECK_OK(engram_store_erase(store, id, ENGRAM_DURABILITY_DEFAULT, &error));
  CHECK_OK(engram_store_contains(store, id, NULL, &there, &error));
  CHECK(!there);
  CHECK_CODE(ENGRAM_NOT_FOUND, engram_store_get(store, id, 0, NULL, &found, &error), "");
  CHECK(found == NULL);
  CHECK_CODE(ENGRAM_NOT_FOUND, engram_store_erase(store, id, 0, &error), "");
}

static void an_update_changes_what_it_sets(engram_store* store) {
  const uint64_t id = insert(store, 5);
  const float vector[DIMENSIONS] = {9, 9, 9, 9};
  engram_metadata* fields = engram_metadata_create();
  CHECK(engram_metadata_set_int64(fields, "n", 1) == ENGRAM_OK);
  engram_pattern_change change = {0};
  change.metadata = fields;
  CHECK_OK(engram_store_update(store, id, &change, ENGRAM_DURABILITY_NONE, &error));
  engram_pattern_change rest = {0};
  rest.vector = vector;
  rest.dimensions = DIMENSIONS;
  rest.has_type = true;
  rest.type = 3;
  rest.has_timestamp = true;
  rest.timestamp_us = 10;
  CHECK_OK(engram_store_update(store, id, &rest, ENGRAM_DURABILITY_INTERVAL, &error));
  engram_pattern* found = NULL;
  CHECK_OK(engram_store_get(store, id, ENGRAM_INCLUDE_ALL, NULL, &found, &error));
  CHECK(memcmp(engram_pattern_vector(found, NULL), vector, sizeof(vector)) == 0);
  CHECK(engram_metadata_equal(engram_pattern_metadata(found), fields));
  CHECK(engram_pattern_type(found) == 3 && engram_pattern_timestamp_us(found) == 10);
  engram_pattern_free(found);
  engram_metadata_free(fields);

  CHECK_CODE(ENGRAM_NOT_FOUND, engram_store_update(store, 999, &rest, 0, &error), "");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_update(store, id, NULL, 0, &error), "change");
  rest.dimensions = 1;
  CHECK_CODE(ENGRAM_DIMENSION_MISMATCH, engram_store_update(store, id, &rest, 0, &error), "1 comp");
  rest.vector = NULL;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_update(store, id, &rest, 0, &error), "NULL");
  rest.dimensions = 0;
  rest.reserved[1] = 1;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_update(store, id, &rest, 0, &error), "reserved");
  CHECK_OK(engram_store_erase(store, id, 0, &error));
}

static void bad_inserts_are_refused(engram_store* store) {
  float vector[DIMENSIONS] = {1, 2, 3, 4};
  const uint64_t before = stats_of(store).count;
  engram_new_pattern pattern = pattern_of(vector);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_insert(NULL, &pattern, 0, NULL, &error),
             "store is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_insert(store, NULL, 0, NULL, &error),
             "pattern is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_insert(store, &pattern, 257, NULL, &error),
             "durability is 257");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_insert(store, &pattern, -1, NULL, &error),
             "durability is -1");
  pattern.dimensions = 3;
  CHECK_CODE(ENGRAM_DIMENSION_MISMATCH, engram_store_insert(store, &pattern, 0, NULL, &error), "3");
  pattern.dimensions = SIZE_MAX;
  CHECK_CODE(ENGRAM_DIMENSION_MISMATCH, engram_store_insert(store, &pattern, 0, NULL, &error), "");
  pattern.dimensions = DIMENSIONS;
  pattern.vector = NULL;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_insert(store, &pattern, 0, NULL, &error),
             "vector is NULL");
  pattern.vector = vector;
  pattern.reserved[0] = 1;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_insert(store, &pattern, 0, NULL, &error),
             "reserved");
  pattern.reserved[0] = 0;
  pattern.id = UINT64_MAX;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_insert(store, &pattern, 0, NULL, &error), "id");
  pattern.id = 1;
  CHECK_CODE(ENGRAM_ALREADY_EXISTS, engram_store_insert(store, &pattern, 0, NULL, &error), "");
  pattern.id = 0;
  vector[2] = NAN;
  CHECK_CODE(ENGRAM_INVALID_VECTOR, engram_store_insert(store, &pattern, 0, NULL, &error), "");
  vector[2] = 0;

  engram_value* deep = engram_value_create_list();
  for (int i = 0; i < 40; ++i) {
    engram_value* around = engram_value_create_list();
    CHECK(engram_value_append(around, deep) == ENGRAM_OK);
    deep = around;
  }
  engram_metadata* fields = engram_metadata_create();
  CHECK(engram_metadata_set(fields, "deep", deep) == ENGRAM_OK);
  pattern.metadata = fields;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_insert(store, &pattern, 0, NULL, &error), "");
  engram_metadata_free(fields);
  CHECK(stats_of(store).count == before);
}

static void a_batch_tells_of_each_pattern(engram_store* store) {
  float vectors[6][DIMENSIONS] = {{1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}, {6, 0}};
  engram_new_pattern patterns[6];
  for (int i = 0; i < 6; ++i) patterns[i] = pattern_of(vectors[i]);
  patterns[1].vector = NULL;
  vectors[3][0] = INFINITY;
  patterns[4].dimensions = 2;
  engram_batch_result* result = NULL;
  CHECK_OK(engram_store_insert_batch(store, patterns, 6, 0, &result, &error));
  size_t count = 0;
  const uint64_t* ids = engram_batch_result_ids(result, &count);
  CHECK(count == 6 && ids[0] != 0 && ids[1] == 0 && ids[2] > ids[0] && ids[3] == 0 && ids[4] == 0 &&
        ids[5] > ids[2]);
  CHECK(engram_batch_result_failures(result) == 3);
  CHECK(engram_batch_result_failed_position(result, 0) == 1);
  CHECK(engram_batch_result_failed_position(result, 2) == 4);
  CHECK(engram_batch_result_failed_position(result, 3) == SIZE_MAX);
  CHECK(engram_batch_result_error(result, 0) == NULL);
  CHECK(engram_error_code(engram_batch_result_error(result, 1)) == ENGRAM_INVALID_ARGUMENT);
  CHECK_TEXT(engram_error_message(engram_batch_result_error(result, 1)), "pattern->vector is NULL");
  CHECK(engram_error_code(engram_batch_result_error(result, 3)) == ENGRAM_INVALID_VECTOR);
  CHECK(engram_error_code(engram_batch_result_error(result, 4)) == ENGRAM_DIMENSION_MISMATCH);
  CHECK(engram_batch_result_error(result, 5) == NULL);
  CHECK(engram_batch_result_error(result, 6) == NULL);
  CHECK(engram_batch_result_lsn(result) == stats_of(store).last_lsn);
  engram_batch_result_free(result);

  CHECK_OK(engram_store_insert_batch(store, NULL, 0, 0, &result, &error));
  CHECK(engram_batch_result_ids(result, &count) == NULL && count == 0);
  engram_batch_result_free(result);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_insert_batch(store, NULL, 1, 0, &result, &error),
             "patterns is NULL");
  CHECK(result == NULL);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_insert_batch(store, patterns, 1, 4, &result, &error), "durability is 4");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_insert_batch(store, patterns, 1, 0, NULL, &error), "out is NULL");
  CHECK(engram_batch_result_failures(NULL) == 0 && engram_batch_result_lsn(NULL) == 0);
  CHECK(engram_batch_result_error(NULL, 0) == NULL && engram_batch_result_ids(NULL, NULL) == NULL);
}

static void a_write_batch_is_all_or_nothing(engram_store* store) {
  const uint64_t old = insert(store, 20);
  const uint64_t gone = insert(store, 21);
  float vector[DIMENSIONS] = {22, 0, 0, 0};
  const engram_new_pattern pattern = pattern_of(vector);
  engram_pattern_change change = {0};
  change.has_type = true;
  change.type = 11;
  engram_write_batch* batch = engram_write_batch_create();
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_write(store, batch, 0, NULL, &error), "");
  CHECK_OK(engram_write_batch_insert(batch, &pattern, &error));
  CHECK_OK(engram_write_batch_update(batch, old, &change, &error));
  CHECK_OK(engram_write_batch_erase(batch, gone, &error));
  CHECK_OK(engram_write_batch_insert(batch, &pattern, &error));
  CHECK(engram_write_batch_size(batch) == 4);
  vector[0] = NAN;  // was copied
  engram_commit_result* commit = NULL;
  CHECK_OK(engram_store_write(store, batch, ENGRAM_DURABILITY_SYNC, &commit, &error));
  size_t count = 0;
  const uint64_t* ids = engram_commit_result_ids(commit, &count);
  CHECK(count == 2 && ids[0] > gone && ids[1] > ids[0]);
  CHECK(engram_commit_result_lsn(commit) == stats_of(store).last_lsn);
  bool there = true;
  CHECK_OK(engram_store_contains(store, gone, NULL, &there, &error));
  CHECK(!there);
  engram_pattern* found = NULL;
  CHECK_OK(engram_store_get(store, old, 0, NULL, &found, &error));
  CHECK(engram_pattern_type(found) == 11);
  engram_pattern_free(found);
  engram_commit_result_free(commit);

  // Again: its third operation cannot be.
  const uint64_t before = stats_of(store).count;
  CHECK_CODE(ENGRAM_NOT_FOUND, engram_store_write(store, batch, 0, &commit, &error), "2");
  CHECK(commit == NULL && stats_of(store).count == before);
  engram_write_batch_clear(batch);
  CHECK(engram_write_batch_size(batch) == 0);

  engram_new_pattern bad = pattern;
  bad.dimensions = SIZE_MAX;
  CHECK_CODE(ENGRAM_DIMENSION_MISMATCH, engram_write_batch_insert(batch, &bad, &error), "");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_write_batch_insert(batch, NULL, &error), "pattern");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_write_batch_insert(NULL, &pattern, &error), "batch");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_write_batch_update(batch, 1, NULL, &error), "change");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_write_batch_erase(NULL, 1, &error), "batch is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_write(store, NULL, 0, NULL, &error), "batch");
  CHECK(engram_write_batch_size(batch) == 0 && engram_write_batch_size(NULL) == 0);
  CHECK(engram_commit_result_ids(NULL, &count) == NULL && count == 0);
  CHECK(engram_commit_result_lsn(NULL) == 0);
  engram_write_batch_clear(NULL);
  engram_write_batch_free(batch);
  engram_write_batch_free(NULL);
}

static void every_pattern_is_visited_until_told(engram_store* store) {
  walk all = {0, UINT64_MAX, true};
  CHECK_OK(engram_store_for_each(store, ENGRAM_INCLUDE_VECTOR, NULL, count_visit, &all, &error));
  CHECK(all.visits == stats_of(store).count && all.visits > 2 && all.vectors);
  walk some = {0, 2, true};
  CHECK_OK(engram_store_for_each(store, ENGRAM_INCLUDE_ALL, NULL, count_visit, &some, &error));
  CHECK(some.visits == 2);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_for_each(store, 0, NULL, NULL, NULL, &error),
             "visit is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_for_each(store, 4, NULL, count_visit, &all, &error), "include is 4");
  engram_pattern* found = NULL;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_get(store, 1, 8, NULL, &found, &error),
             "include is 8");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_get(store, 1, 0, NULL, NULL, &error),
             "out is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_contains(store, 1, NULL, NULL, &error),
             "found is NULL");
  CHECK(engram_pattern_id(NULL) == 0 && engram_pattern_metadata(NULL) == NULL);
  CHECK(engram_pattern_vector(NULL, NULL) == NULL);
}

static void test_writes_and_gets(const char* directory) {
  engram_store* store = open_store(directory, "writes");
  if (store == NULL) return;
  a_pattern_comes_back_as_it_was(store);
  an_update_changes_what_it_sets(store);
  bad_inserts_are_refused(store);
  a_batch_tells_of_each_pattern(store);
  a_write_batch_is_all_or_nothing(store);
  every_pattern_is_visited_until_told(store);
  engram_store_free(store);
}

static void stats_fit_older_and_newer_programs(const engram_store* store) {
  struct {
    engram_stats known;
    uint64_t later;
  } newer;
  memset(&newer, 0xff, sizeof(newer));
  CHECK_OK(engram_store_get_stats(store, &newer.known, sizeof(newer), &error));
  CHECK(newer.later == 0 && newer.known.count == 1 && newer.known.reserved == 0);
  engram_stats older;
  memset(&older, 0xff, sizeof(older));
  CHECK_OK(engram_store_get_stats(store, &older, sizeof(older.count), &error));
  CHECK(older.count == 1 && older.dead == UINT64_MAX);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_get_stats(store, NULL, 8, &error), "stats");
}

static void what_is_durable_is_known(engram_store* store) {
  CHECK(insert(store, 1) == 1);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_wait_durable(store, 1000, &error), "");
  CHECK_OK(engram_store_wait_durable(store, 1, &error));
  CHECK(stats_of(store).durable_lsn >= 1);
  CHECK_OK(engram_store_flush(store, &error));
  const uint64_t checkpoints = stats_of(store).checkpoints;
  CHECK_OK(engram_store_checkpoint(store, &error));
  CHECK(stats_of(store).checkpoints == checkpoints + 1);
  CHECK_OK(engram_store_run_maintenance(store, 1000, &error));
  CHECK_OK(engram_store_run_maintenance(store, INT64_MIN, &error));
  CHECK_OK(engram_store_run_maintenance(store, INT64_MAX, &error));
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_flush(NULL, &error), "store is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_checkpoint(NULL, &error), "store is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_wait_durable(NULL, 1, &error), "store");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_run_maintenance(NULL, 1, &error), "store");
}

static void a_closed_store_refuses(engram_store* store) {
  const float query[DIMENSIONS] = {1, 0, 0, 0};
  engram_search_result* result = NULL;
  engram_search_batch* batch = NULL;
  CHECK_OK(engram_store_close(store, &error));
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_close(store, &error), "closed");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_close(NULL, &error), "store is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_flush(store, &error), "closed");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_search(store, query, DIMENSIONS, NULL, &result, &error), "closed");
  CHECK_OK(engram_store_search_batch(store, query, 1, DIMENSIONS, NULL, &batch, &error));
  CHECK(engram_error_code(engram_search_batch_error(batch, 0)) == ENGRAM_INVALID_ARGUMENT);
  engram_search_batch_free(batch);
  engram_store_free(store);
  engram_store_free(NULL);
}

static void read_only_reads_only(void) {
  engram_store* store = NULL;
  CHECK_OK(engram_store_open_read_only(path, NULL, &store, &error));
  if (store == NULL) return;
  const float vector[DIMENSIONS] = {1, 0, 0, 0};
  const engram_new_pattern pattern = pattern_of(vector);
  engram_search_result* result = NULL;
  CHECK_OK(engram_store_search(store, vector, DIMENSIONS, NULL, &result, &error));
  CHECK(engram_search_result_size(result) == 1);
  engram_search_result_free(result);
  CHECK_CODE(ENGRAM_READ_ONLY, engram_store_insert(store, &pattern, 0, NULL, &error), "");
  engram_store_free(store);
}

static void remember_error(void* context, engram_log_level level, const char* message) {
  char* kept = context;
  if (level == ENGRAM_LOG_ERROR) snprintf(kept, 200, "%s", message);
}

static void a_failure_to_close_is_logged(void) {
  char logged[200] = "";
  engram_store* store = NULL;
  engram_snapshot* snapshot = NULL;
  engram_options* options = small_options();
  engram_options_set_log(options, remember_error, logged);
  engram_options_set_checkpoint_on_close(options, false);
  CHECK_OK(engram_store_open(path, options, &store, &error));
  engram_options_free(options);
  if (store == NULL) return;
  CHECK_OK(engram_store_get_snapshot(store, &snapshot, &error));
  engram_store_free(store);
  CHECK(strstr(logged, "snapshot") != NULL);
  engram_snapshot_free(snapshot);
}

static void test_life(const char* directory) {
  engram_store* store = open_store(directory, "life");
  if (store == NULL) return;
  what_is_durable_is_known(store);
  stats_fit_older_and_newer_programs(store);
  a_closed_store_refuses(store);
  set_path(directory, "life");
  read_only_reads_only();
  a_failure_to_close_is_logged();
}

void test_store(const char* directory) {
  opening_says_what_is_wrong(directory);
  presets_reach_the_store(directory);
  test_writes_and_gets(directory);
  test_life(directory);
}
