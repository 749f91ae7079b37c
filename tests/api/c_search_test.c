// Searches, snapshots and the report on the graph from C.
#define _XOPEN_SOURCE 700  // clock_gettime

#include <math.h>
#include <time.h>

#include "tests/api/c_check.h"

// 200 patterns on a line: the one with id i, from 1, is at {i, 1, 0, 0}.
static engram_store* line_store(const char* directory, const char* name) {
  engram_store* store = open_store(directory, name);
  for (int i = 1; store != NULL && i <= 200; ++i) CHECK(insert(store, (float)i) == (uint64_t)i);
  return store;
}

static void the_nearest_come_first(const engram_store* store) {
  const float query[DIMENSIONS] = {50.1F, 1, 0, 0};
  engram_search_result* result = NULL;
  engram_search_summary summary;
  CHECK_OK(engram_store_search(store, query, DIMENSIONS, NULL, &result, &error));
  CHECK(engram_search_result_size(result) == 10);
  CHECK(engram_search_result_id(result, 0) == 50 && engram_search_result_id(result, 1) == 51);
  CHECK(fabsf(engram_search_result_distance(result, 0) - 0.01F) < 1e-4F);
  CHECK(engram_search_result_vector(result, 0, NULL) == NULL);
  CHECK(engram_search_result_metadata(result, 0) == NULL);
  CHECK(engram_search_result_id(result, 10) == 0);
  CHECK(isnan(engram_search_result_distance(result, 10)));
  CHECK(engram_search_result_summary(result, &summary, sizeof(summary)) == ENGRAM_OK);
  CHECK(summary.lsn == stats_of(store).last_lsn && summary.compared > 0 && !summary.partial &&
        !summary.degraded);
  CHECK(engram_search_result_summary(NULL, &summary, sizeof(summary)) == ENGRAM_INVALID_ARGUMENT);
  CHECK(engram_search_result_summary(result, NULL, 8) == ENGRAM_INVALID_ARGUMENT);
  engram_search_result_free(result);

  engram_search_options* options = engram_search_options_create();
  engram_search_options_set_k(options, 3);
  engram_search_options_set_ef(options, 30);
  engram_search_options_set_exact(options, true);
  engram_search_options_set_max_compared(options, 0);
  engram_search_options_set_include(options, ENGRAM_INCLUDE_ALL);
  engram_search_options_set_timeout_us(options, INT64_MAX);
  CHECK_OK(engram_store_search(store, query, DIMENSIONS, options, &result, &error));
  CHECK(engram_search_result_size(result) == 3);
  size_t size = 0;
  const float* vector = engram_search_result_vector(result, 2, &size);
  CHECK(size == DIMENSIONS && vector != NULL && vector[0] == 49);
  CHECK(engram_search_result_metadata(result, 2) != NULL);
  CHECK(engram_search_result_vector(result, 3, &size) == NULL && size == 0);
  CHECK(engram_search_result_summary(result, &summary, sizeof(summary)) == ENGRAM_OK);
  CHECK(summary.exact && summary.compared == 200);
  engram_search_result_free(result);
  engram_search_options_free(options);
}

static void bad_searches_are_refused(const engram_store* store) {
  float query[DIMENSIONS] = {1, 1, 1, 1};
  engram_search_result* result = NULL;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_search(NULL, query, DIMENSIONS, NULL, &result, &error), "store is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_search(store, NULL, DIMENSIONS, NULL, &result, &error), "query is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_search(store, query, DIMENSIONS, NULL, NULL, &error), "out is NULL");
  CHECK_CODE(ENGRAM_DIMENSION_MISMATCH, engram_store_search(store, query, 3, NULL, &result, &error),
             "3 components");
  CHECK_CODE(ENGRAM_DIMENSION_MISMATCH,
             engram_store_search(store, query, SIZE_MAX, NULL, &result, &error), "");
  query[0] = NAN;
  CHECK_CODE(ENGRAM_INVALID_VECTOR,
             engram_store_search(store, query, DIMENSIONS, NULL, &result, &error), "");
  query[0] = 1;

  engram_search_options* options = engram_search_options_create();
  engram_search_options_set_k(options, 0);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_search(store, query, DIMENSIONS, options, &result, &error), "k is 0");
  engram_search_options_set_k(options, 5);
  engram_search_options_set_ef(options, 4);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_search(store, query, DIMENSIONS, options, &result, &error), "ef is 4");
  engram_search_options_set_ef(options, 0);
  engram_search_options_set_include(options, 8);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_search(store, query, DIMENSIONS, options, &result, &error), "include");
  engram_search_options_set_include(options, ENGRAM_INCLUDE_NONE);
  CHECK_OK(engram_store_search(store, query, DIMENSIONS, options, &result, &error));
  engram_search_result_free(result);
  engram_search_options_free(options);
  engram_search_options_set_k(NULL, 1);
  engram_search_options_set_include(NULL, 1);
  engram_search_options_set_timeout_us(NULL, 1);
  engram_search_options_clear_deadline(NULL);
  engram_search_options_free(NULL);
  engram_search_result_free(NULL);
}

static void deadlines_hold(const engram_store* store) {
  const float query[DIMENSIONS] = {1, 1, 1, 1};
  engram_search_result* result = NULL;
  engram_search_options* options = engram_search_options_create();
  const int64_t passed[] = {0, -1, INT64_MIN};
  for (int i = 0; i < 3; ++i) {
    engram_search_options_set_timeout_us(options, passed[i]);
    CHECK_CODE(ENGRAM_SEARCH_TIMEOUT,
               engram_store_search(store, query, DIMENSIONS, options, &result, &error), "deadline");
    CHECK(result == NULL);
  }
  engram_search_options_clear_deadline(options);
  CHECK_OK(engram_store_search(store, query, DIMENSIONS, options, &result, &error));
  engram_search_result_free(result);
  struct timespec now;
  CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  const int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
  engram_search_options_set_deadline_ns(options, now_ns);
  CHECK_CODE(ENGRAM_SEARCH_TIMEOUT,
             engram_store_search(store, query, DIMENSIONS, options, &result, &error), "deadline");
  engram_search_options_set_deadline_ns(options, now_ns + INT64_C(3600000000000));
  CHECK_OK(engram_store_search(store, query, DIMENSIONS, options, &result, &error));
  engram_search_result_free(result);
  engram_search_options_free(options);
}

static void a_batch_answers_each_query(const engram_store* store) {
  float queries[3][DIMENSIONS] = {{10, 1, 0, 0}, {NAN, 1, 0, 0}, {30, 1, 0, 0}};
  engram_search_batch* batch = NULL;
  CHECK_OK(engram_store_search_batch(store, queries[0], 3, DIMENSIONS, NULL, &batch, &error));
  CHECK(engram_search_batch_size(batch) == 3);
  CHECK(engram_search_result_id(engram_search_batch_result(batch, 0), 0) == 10);
  CHECK(engram_search_result_id(engram_search_batch_result(batch, 2), 0) == 30);
  CHECK(engram_search_batch_error(batch, 0) == NULL);
  CHECK(engram_search_batch_result(batch, 1) == NULL);
  CHECK(engram_error_code(engram_search_batch_error(batch, 1)) == ENGRAM_INVALID_VECTOR);
  CHECK(engram_search_batch_result(batch, 3) == NULL);
  CHECK(engram_search_batch_error(batch, 3) == NULL);
  engram_search_batch_free(batch);

  CHECK_OK(engram_store_search_batch(store, NULL, 0, DIMENSIONS, NULL, &batch, &error));
  CHECK(engram_search_batch_size(batch) == 0);
  engram_search_batch_free(batch);
  CHECK_OK(engram_store_search_batch(store, queries[0], 2, 3, NULL, &batch, &error));
  CHECK(engram_error_code(engram_search_batch_error(batch, 1)) == ENGRAM_DIMENSION_MISMATCH);
  engram_search_batch_free(batch);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_search_batch(store, NULL, 1, DIMENSIONS, NULL, &batch, &error),
             "queries is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_search_batch(store, queries[0], SIZE_MAX, 4, NULL, &batch, &error),
             "addresses");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_search_batch(store, queries[0], SIZE_MAX, 0, NULL, &batch, &error),
             "dimensions is 0");
  CHECK(batch == NULL && engram_search_batch_size(NULL) == 0);
}

static void a_snapshot_keeps_its_state(const char* directory, engram_store* store) {
  const uint64_t before = stats_of(store).last_lsn;
  engram_snapshot* snapshot = NULL;
  CHECK_OK(engram_store_get_snapshot(store, &snapshot, &error));
  CHECK(engram_snapshot_lsn(snapshot) == before && engram_snapshot_lsn(NULL) == 0);
  CHECK(stats_of(store).snapshots == 1 && stats_of(store).oldest_snapshot == before);
  CHECK_OK(engram_store_erase(store, 70, 0, &error));
  const float query[DIMENSIONS] = {70, 1, 0, 0};
  engram_search_options* options = engram_search_options_create();
  engram_search_result* result = NULL;
  CHECK_OK(engram_store_search(store, query, DIMENSIONS, options, &result, &error));
  CHECK(engram_search_result_id(result, 0) == 69);
  engram_search_result_free(result);
  engram_search_options_set_snapshot(options, snapshot);
  CHECK_OK(engram_store_search(store, query, DIMENSIONS, options, &result, &error));
  CHECK(engram_search_result_id(result, 0) == 70);
  engram_search_result_free(result);
  bool there = false;
  CHECK_OK(engram_store_contains(store, 70, snapshot, &there, &error));
  CHECK(there);
  engram_pattern* found = NULL;
  CHECK_OK(engram_store_get(store, 70, ENGRAM_INCLUDE_ALL, snapshot, &found, &error));
  engram_pattern_free(found);
  walk all = {0, UINT64_MAX, true};
  CHECK_OK(
      engram_store_for_each(store, ENGRAM_INCLUDE_VECTOR, snapshot, count_visit, &all, &error));
  CHECK(all.visits == 200);

  engram_store* other = open_store(directory, "other");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_contains(other, 1, snapshot, &there, &error),
             "snapshot");
  engram_store_free(other);
  CHECK_CODE(ENGRAM_BUSY, engram_store_close(store, &error), "snapshot");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_get_snapshot(store, NULL, &error), "out");
  engram_search_options_free(options);
  engram_snapshot_free(snapshot);
  engram_snapshot_free(NULL);
}

static void the_graph_is_looked_at(const engram_store* store) {
  engram_graph_report* report = NULL;
  CHECK_OK(engram_store_analyze(store, 20, 5, 0, &report, &error));
  const engram_graph_summary* summary = engram_graph_report_summary(report);
  CHECK(summary->count == 199 && summary->sampled == 20 && summary->unreachable == 0);
  CHECK(summary->recall > 0.5 && summary->recall <= 1 && summary->bytes_on_disk > 0);
  CHECK(engram_graph_report_levels(report) >= 1);
  const engram_level_report* level = engram_graph_report_level(report, 0);
  CHECK(level->nodes == 199 && level->links > 0 && level->most_links <= 32);
  CHECK(engram_graph_report_level(report, 1000) == NULL);
  CHECK(level->unreached == 0);
  CHECK(summary->recall_low <= summary->recall && summary->recall <= summary->recall_high);
  CHECK(summary->dead_share >= 0 && summary->dead_share < 1 && summary->hanging <= 199);
  CHECK(summary->dead + summary->free_slots == 1);  // 200 were inserted, one erased
  CHECK(summary->duplicates == 0 && summary->duplicated_vectors == 0);
  CHECK(summary->largest_heap == 0 && summary->hub_share >= 0.01 && summary->hub_share <= 1);
  CHECK(engram_graph_report_hubs(report) == 10);
  const engram_hub_report* hub = engram_graph_report_hub(report, 0);
  CHECK(hub->id >= 1 && hub->id <= 200 && hub->in_links == summary->most_in_links);
  CHECK(hub->level < engram_graph_report_levels(report));
  CHECK(engram_graph_report_hub(report, 9)->in_links <= hub->in_links);
  CHECK(engram_graph_report_hub(report, 10) == NULL);
  const engram_space_report* space = engram_graph_report_space(report);
  CHECK(space->page_file_bytes + space->journal_bytes + space->log_bytes + space->metadata_bytes ==
        summary->bytes_on_disk);
  CHECK(space->page_memory_bytes + space->page_copy_bytes + space->metadata_memory_bytes ==
        summary->memory_bytes);
  CHECK(space->live_node_bytes > 0 && space->live_node_bytes % 199 == 0);
  CHECK(space->live_node_bytes + space->free_node_bytes < space->node_bytes);
  CHECK(space->slot_state_bytes > 0);
  size_t counts[2] = {0, 0};
  const uint64_t* degrees[] = {engram_graph_report_out_degrees(report, &counts[0]),
                               engram_graph_report_in_degrees(report, &counts[1])};
  for (int i = 0; i < 2; ++i) {
    uint64_t nodes = 0;
    for (size_t j = 0; j < counts[i]; ++j) nodes += degrees[i][j];
    CHECK(nodes == 199);
  }
  engram_graph_report_free(report);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_analyze(store, 20, 0, 0, &report, &error), "k");
  CHECK(report == NULL);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_analyze(store, 1, 1, 0, NULL, &error), "out");
  CHECK(engram_graph_report_summary(NULL) == NULL && engram_graph_report_levels(NULL) == 0);
  CHECK(engram_graph_report_out_degrees(NULL, NULL) == NULL);
  CHECK(engram_graph_report_hubs(NULL) == 0 && engram_graph_report_hub(NULL, 0) == NULL);
  CHECK(engram_graph_report_space(NULL) == NULL);
}

void test_search(const char* directory) {
  const float query[DIMENSIONS] = {1, 0, 0, 0};
  engram_search_result* result = NULL;
  engram_store* empty = open_store(directory, "empty");
  CHECK_CODE(ENGRAM_EMPTY_INDEX,
             engram_store_search(empty, query, DIMENSIONS, NULL, &result, &error), "");
  engram_store_free(empty);
  engram_store* store = line_store(directory, "line");
  if (store == NULL) return;
  the_nearest_come_first(store);
  bad_searches_are_refused(store);
  deadlines_hold(store);
  a_batch_answers_each_query(store);
  a_snapshot_keeps_its_state(directory, store);
  the_graph_is_looked_at(store);
  engram_store_free(store);
}
