// Snapshots of the past and with a name, expiry, erasing, compaction and rebalancing from C, by a
// clock that the test moves.
#include <math.h>
#include <string.h>

#include "tests/api/c_check.h"

enum { SECOND = 1000 * 1000 };
static const int64_t START_US = INT64_C(1700000000000000);

static int64_t now_us;
static int clock_calls;

static int64_t tell_time(void* context) {
  ++clock_calls;
  return *(const int64_t*)context;
}

static engram_store* open_with(engram_options* options) {
  engram_store* store = NULL;
  engram_options_set_clock(options, tell_time, &now_us);
  CHECK_OK(engram_store_open(path, options, &store, &error));
  engram_options_free(options);
  return store;
}

// Inserts with what `set` says; the id.
static uint64_t put(engram_store* store, engram_new_pattern set) {
  const float vector[DIMENSIONS] = {1, 2, 3, 4};
  uint64_t id = 0;
  set.vector = vector;
  set.dimensions = DIMENSIONS;
  CHECK_OK(engram_store_insert(store, &set, ENGRAM_DURABILITY_NONE, &id, &error));
  return id;
}

static uint64_t put_at(engram_store* store, int64_t timestamp_us, uint32_t type) {
  engram_new_pattern set = {0};
  set.has_timestamp = true;
  set.timestamp_us = timestamp_us;
  set.type = type;
  return put(store, set);
}

static bool has(const engram_store* store, uint64_t id, const engram_snapshot* snapshot) {
  bool found = false;
  CHECK_OK(engram_store_contains(store, id, snapshot, &found, &error));
  return found;
}

// When the pattern expires; 0: not by itself.
static int64_t expiry_of(const engram_store* store, uint64_t id) {
  engram_pattern* pattern = NULL;
  int64_t at = -1;
  CHECK_OK(engram_store_get(store, id, ENGRAM_INCLUDE_NONE, NULL, &pattern, &error));
  const bool expires = engram_pattern_get_expires_at_us(pattern, &at);
  CHECK(expires == (at != -1));
  engram_pattern_free(pattern);
  return expires ? at : 0;
}

static void maintain(engram_store* store) {
  for (int i = 0; i < 20; ++i) CHECK_OK(engram_store_run_maintenance(store, 20000, &error));
}

static void the_options_have_their_ranges(void) {
  typedef void (*setter)(engram_options*, int64_t);
  const setter setters[] = {engram_options_set_history_us, engram_options_set_max_snapshot_age_us,
                            engram_options_set_max_age_us, engram_options_set_sweep_interval_s};
  const char* names[] = {"history", "max_snapshot_age", "max_age", "sweep_interval"};
  for (int i = 0; i < 4; ++i) {
    engram_options* options = small_options();
    setters[i](options, 3600);
    CHECK_OK(engram_options_validate(options, &error));
    setters[i](options, -1);
    CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_options_validate(options, &error), names[i]);
    engram_options_free(options);
    setters[i](NULL, 1);
  }
  engram_options* options = small_options();
  engram_options_set_max_named_snapshots(options, 65537);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_options_validate(options, &error),
             "max_named_snapshots is 65537");
  engram_options_set_max_named_snapshots(options, 2);
  engram_options_set_max_age_of_type_us(options, 7, -5);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_options_validate(options, &error),
             "max_age_by_type[7]");
  engram_options_set_max_age_of_type_us(options, 7, 5);
  CHECK_OK(engram_options_validate(options, &error));
  engram_options_free(options);
  engram_options_set_max_named_snapshots(NULL, 1);
  engram_options_set_max_age_of_type_us(NULL, 1, 1);
  engram_options_set_clock(NULL, tell_time, NULL);
  engram_options_set_keep_history(NULL, true);
}

// Opens the store at `path` once more, without a history of its own.
static void a_past_goes_on_where_it_is_kept(uint64_t lsn, uint64_t id) {
  engram_options* options = small_options();
  engram_options_set_keep_history(options, true);
  engram_store* store = open_with(options);
  engram_snapshot* then = NULL;
  CHECK_OK(engram_store_snapshot_at_lsn(store, lsn, &then, &error));
  CHECK(has(store, id, then) && !has(store, id, NULL));
  engram_snapshot_free(then);
  engram_store_free(store);

  options = small_options();
  engram_options_set_keep_history(options, true);
  engram_options_set_keep_history(options, false);
  store = open_with(options);
  CHECK_CODE(ENGRAM_SNAPSHOT_EXPIRED, engram_store_snapshot_at_lsn(store, lsn, &then, &error), "");
  engram_store_free(store);
}

static void the_past_is_read(const char* directory) {
  now_us = START_US;
  clock_calls = 0;
  set_path(directory, "past");
  engram_options* options = small_options();
  engram_options_set_history_us(options, INT64_C(3600) * SECOND);
  engram_store* store = open_with(options);
  if (store == NULL) return;
  const uint64_t first = insert(store, 1);
  const uint64_t lsn = stats_of(store).last_lsn;
  now_us += 10 * SECOND;
  CHECK_OK(engram_store_erase(store, first, 0, &error));
  const uint64_t second = insert(store, 2);
  CHECK(clock_calls > 2);

  engram_snapshot* by_lsn = NULL;
  engram_snapshot* by_time = NULL;
  CHECK_OK(engram_store_snapshot_at_lsn(store, lsn, &by_lsn, &error));
  CHECK_OK(engram_store_snapshot_at_time_us(store, START_US + 5 * SECOND, &by_time, &error));
  CHECK(engram_snapshot_lsn(by_lsn) == lsn && engram_snapshot_lsn(by_time) == lsn);
  CHECK(has(store, first, by_lsn) && !has(store, second, by_lsn));
  CHECK(has(store, first, by_time) && !has(store, second, by_time));
  CHECK(!has(store, first, NULL) && has(store, second, NULL));
  CHECK(stats_of(store).snapshots == 2);
  engram_snapshot_free(by_lsn);
  engram_snapshot_free(by_time);

  engram_snapshot* none = (engram_snapshot*)store;  // must be overwritten
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_snapshot_at_lsn(store, 1000, &none, &error),
             "commit 1000 is not there yet");
  CHECK(none == NULL);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_snapshot_at_time_us(store, now_us + 1, &none, &error), "from now");
  CHECK_CODE(ENGRAM_SNAPSHOT_EXPIRED,
             engram_store_snapshot_at_time_us(store, INT64_MIN / 4, &none, &error), "not kept");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_snapshot_at_lsn(NULL, 1, &none, &error),
             "store is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_snapshot_at_time_us(store, 1, NULL, &error),
             "out is NULL");
  engram_store_free(store);
  a_past_goes_on_where_it_is_kept(lsn, first);
}

static void names_are_listed(const engram_store* store, uint64_t lsn) {
  engram_named_snapshot_list* list = NULL;
  size_t bytes = 0;
  CHECK_OK(engram_store_list_named_snapshots(store, &list, &error));
  CHECK(engram_named_snapshot_list_size(list) == 2);
  const engram_named_snapshot* named = engram_named_snapshot_list_at(list, 0);
  CHECK(memcmp(engram_named_snapshot_name(named, &bytes), "a\0b", 4) == 0 && bytes == 3);
  CHECK_TEXT(engram_named_snapshot_name(engram_named_snapshot_list_at(list, 1), NULL), "before");
  CHECK(engram_named_snapshot_lsn(named) > lsn);
  CHECK(engram_named_snapshot_lsn(engram_named_snapshot_list_at(list, 1)) == lsn);
  CHECK(engram_named_snapshot_taken_at_us(named) == START_US);
  CHECK(engram_named_snapshot_list_at(list, 2) == NULL);
  engram_named_snapshot_list_free(list);

  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_list_named_snapshots(store, NULL, &error),
             "out is NULL");
  CHECK(engram_named_snapshot_list_size(NULL) == 0);
  CHECK(engram_named_snapshot_list_at(NULL, 0) == NULL);
  CHECK(engram_named_snapshot_name(NULL, &bytes) == NULL && bytes == 0);
  CHECK(engram_named_snapshot_lsn(NULL) == 0 && engram_named_snapshot_taken_at_us(NULL) == 0);
  engram_named_snapshot_list_free(NULL);
  engram_named_snapshot_free(NULL);
}

static void a_name_keeps_a_state_over_closing(const char* directory) {
  now_us = START_US;
  set_path(directory, "named");
  engram_options* options = small_options();
  engram_options_set_max_named_snapshots(options, 2);
  engram_store* store = open_with(options);
  if (store == NULL) return;
  const uint64_t id = insert(store, 1);
  const uint64_t lsn = stats_of(store).last_lsn;
  engram_snapshot* then = NULL;
  CHECK_OK(engram_store_get_snapshot(store, &then, &error));
  CHECK_OK(engram_store_erase(store, id, 0, &error));
  engram_named_snapshot* named = NULL;
  CHECK_OK(engram_store_create_named_snapshot(store, "before", 6, then, ENGRAM_DURABILITY_SYNC,
                                              &named, &error));
  CHECK_TEXT(engram_named_snapshot_name(named, NULL), "before");
  CHECK(engram_named_snapshot_lsn(named) == lsn);
  engram_named_snapshot_free(named);
  engram_snapshot_free(then);
  CHECK_OK(engram_store_create_named_snapshot(store, "a\0b", 3, NULL, 0, NULL, &error));
  CHECK_CODE(ENGRAM_ALREADY_EXISTS,
             engram_store_create_named_snapshot(store, "before", 6, NULL, 0, &named, &error), "");
  CHECK(named == NULL);
  CHECK_CODE(ENGRAM_INDEX_FULL,
             engram_store_create_named_snapshot(store, "c", 1, NULL, 0, NULL, &error), "");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_create_named_snapshot(store, "", 0, NULL, 0, NULL, &error), "0 bytes");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_create_named_snapshot(store, NULL, 0, NULL, 0, NULL, &error),
             "name is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_create_named_snapshot(store, "d", 1, NULL, 9, NULL, &error),
             "durability is 9");
  names_are_listed(store, lsn);
  engram_store_free(store);

  store = open_with(small_options());
  if (store == NULL) return;
  CHECK(stats_of(store).named_snapshots == 2);
  CHECK_OK(engram_store_open_named_snapshot(store, "before", 6, &then, &error));
  CHECK(has(store, id, then) && !has(store, id, NULL));
  CHECK_CODE(ENGRAM_BUSY, engram_store_close(store, &error), "");
  CHECK_OK(engram_store_drop_named_snapshot(store, "before", 6, 0, &error));
  CHECK(has(store, id, then));
  engram_snapshot_free(then);
  CHECK_CODE(ENGRAM_NOT_FOUND, engram_store_open_named_snapshot(store, "before", 6, &then, &error),
             "before");
  CHECK(then == NULL);
  CHECK_CODE(ENGRAM_NOT_FOUND, engram_store_drop_named_snapshot(store, "a", 1, 0, &error), "");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_drop_named_snapshot(store, NULL, 1, 0, &error),
             "name is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_drop_named_snapshot(store, "a", 1, 4, &error),
             "durability is 4");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_open_named_snapshot(store, NULL, 1, &then, &error), "name is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_open_named_snapshot(store, "a", 1, NULL, &error),
             "out is NULL");
  engram_store_free(store);
}

static void a_ttl_ends_a_pattern(engram_store* store) {
  engram_new_pattern set = {0};
  set.ttl_us = 10 * SECOND;
  const uint64_t goes = put(store, set);
  const uint64_t stays = put(store, set);
  const uint64_t never = insert(store, 1);
  CHECK(expiry_of(store, goes) == now_us + 10 * SECOND && expiry_of(store, never) == 0);
  engram_pattern_change change = {0};
  change.has_ttl = true;
  CHECK_OK(engram_store_update(store, stays, &change, 0, &error));
  CHECK(expiry_of(store, stays) == 0);
  change.ttl_us = 20 * SECOND;
  CHECK_OK(engram_store_update(store, never, &change, 0, &error));
  CHECK(expiry_of(store, never) == now_us + 20 * SECOND);
  change.has_ttl = false;
  change.has_type = true;
  CHECK_OK(engram_store_update(store, never, &change, 0, &error));
  CHECK(expiry_of(store, never) == now_us + 20 * SECOND);

  now_us += 15 * SECOND;
  CHECK(!has(store, goes, NULL) && has(store, stays, NULL) && has(store, never, NULL));
  const uint64_t expired = stats_of(store).expired;
  maintain(store);
  CHECK(stats_of(store).expired == expired + 1);

  set.ttl_us = -1;
  const float vector[DIMENSIONS] = {1, 0, 0, 0};
  set.vector = vector;
  set.dimensions = DIMENSIONS;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_insert(store, &set, 0, NULL, &error),
             "ttl is -1");
  change.has_ttl = true;
  change.ttl_us = INT64_MAX;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_update(store, stays, &change, 0, &error), "ttl");
  int64_t at = 5;
  CHECK(!engram_pattern_get_expires_at_us(NULL, &at) && at == 5);
}

static void ages_end_patterns(const char* directory) {
  now_us = START_US;
  set_path(directory, "ages");
  engram_options* options = small_options();
  engram_options_set_max_age_us(options, INT64_C(100) * SECOND);
  engram_options_set_max_age_of_type_us(options, 7, 1);
  engram_options_set_max_age_of_type_us(options, 7, INT64_C(1000) * SECOND);
  engram_options_set_sweep_interval_s(options, 1);
  engram_store* store = open_with(options);
  if (store == NULL) return;
  const uint64_t old = put_at(store, now_us - INT64_C(200) * SECOND, 0);
  const uint64_t young = put_at(store, now_us - INT64_C(50) * SECOND, 0);
  const uint64_t other = put_at(store, now_us - INT64_C(200) * SECOND, 7);
  CHECK(!has(store, old, NULL) && has(store, young, NULL) && has(store, other, NULL));
  maintain(store);
  CHECK(stats_of(store).expired == 1 && stats_of(store).count == 2);
  a_ttl_ends_a_pattern(store);
  engram_store_free(store);
}

static void a_filter_erases_what_it_means(engram_store* store) {
  uint64_t ids[6];
  for (uint32_t i = 0; i < 6; ++i)
    ids[i] = put_at(store, now_us - (int64_t)(i + 1) * SECOND, i % 2);
  uint64_t erased = 99;
  engram_pattern_filter filter = {0};
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_erase_matching(store, &filter, 0, &erased, &error), "filter");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_erase_matching(store, NULL, 0, &erased, &error),
             "filter is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_erase_matching(NULL, &filter, 0, NULL, &error),
             "store is NULL");
  filter.has_type = true;
  filter.type = 1;
  filter.has_from = true;
  filter.from_us = now_us - 5 * SECOND;
  filter.has_before = true;
  filter.before_us = now_us - 2 * SECOND;
  filter.reserved[8] = 1;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_erase_matching(store, &filter, 0, &erased, &error), "reserved");
  filter.reserved[8] = 0;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_erase_matching(store, &filter, 4, &erased, &error), "durability is 4");
  CHECK(erased == 99);
  CHECK_OK(engram_store_erase_matching(store, &filter, ENGRAM_DURABILITY_NONE, &erased, &error));
  CHECK(erased == 1 && !has(store, ids[3], NULL) && has(store, ids[1], NULL) &&
        has(store, ids[5], NULL) && has(store, ids[2], NULL));
  CHECK_OK(engram_store_erase_matching(store, &filter, 0, NULL, &error));

  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_store_prune_before(store, now_us + 1, 0, &erased, &error), "from now");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_prune_before(store, now_us, -1, NULL, &error),
             "durability is -1");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_prune_before(NULL, now_us, 0, NULL, &error),
             "store is NULL");
  CHECK_OK(engram_store_prune_before(store, now_us - 2 * SECOND, 0, &erased, &error));
  CHECK(erased == 3 && stats_of(store).count == 2);
  CHECK_OK(engram_store_prune_before(store, now_us, 0, NULL, &error));
  CHECK(stats_of(store).count == 0);
}

typedef struct told {
  int calls;
  int most;
  engram_compact_phase last;
  bool sensible;
} told;

static bool tell_progress(void* context, const engram_compact_progress* progress) {
  told* so_far = context;
  so_far->sensible = so_far->sensible && progress->phase >= ENGRAM_COMPACT_SWEEPING &&
                     progress->phase <= ENGRAM_COMPACT_METADATA && progress->reserved == 0 &&
                     progress->done <= progress->total;
  so_far->last = progress->phase;
  return ++so_far->calls < so_far->most;
}

static void compaction_reports_and_can_be_cancelled(engram_store* store) {
  uint64_t ids[400];
  for (int i = 0; i < 400; ++i) ids[i] = insert(store, (float)i);
  for (int i = 0; i < 300; ++i) CHECK_OK(engram_store_erase(store, ids[i], 3, &error));
  told some = {0, 1, 0, true};
  engram_compact_options options = {0};
  options.progress = tell_progress;
  options.context = &some;
  struct {
    engram_compact_report known;
    uint64_t later;
  } report;
  memset(&report, 0xff, sizeof(report));
  CHECK_CODE(ENGRAM_CANCELLED,
             engram_store_compact(store, &options, &report.known, sizeof(report), &error),
             "cancelled");
  CHECK(some.calls == 1 && report.known.moved == UINT64_MAX);
  options.reserved[22] = 1;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_compact(store, &options, NULL, 0, &error),
             "reserved");
  options.reserved[22] = 0;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_compact(NULL, &options, NULL, 0, &error),
             "store is NULL");

  told all = {0, INT32_MAX, 0, true};
  options.context = &all;
  options.skip_metadata = true;
  CHECK_OK(engram_store_compact(store, &options, &report.known, sizeof(report), &error));
  CHECK(all.calls > 1 && all.sensible && all.last == ENGRAM_COMPACT_RETURNING);
  CHECK(report.later == 0 && report.known.moved > 0 && !report.known.gave_way);
  CHECK(report.known.reclaimed >= report.known.moved && report.known.held == 0);
  CHECK(report.known.bytes_before > 0 && report.known.bytes_after > 0);
  CHECK(stats_of(store).moved == report.known.moved && stats_of(store).dead == 0);
  for (int i = 0; i < 400; ++i) CHECK(has(store, ids[i], NULL) == (i >= 300));

  options.skip_metadata = false;
  CHECK_OK(engram_store_compact(store, &options, NULL, 0, &error));
  CHECK(all.last == ENGRAM_COMPACT_METADATA && all.sensible);
  CHECK_OK(engram_store_compact(store, NULL, NULL, 0, &error));
}

typedef struct relinking {
  const engram_store* store;
  uint64_t count;
  int calls;
  int most;
  bool sensible;
} relinking;

static bool tell_relinked(void* context, const engram_rebalance_progress* progress) {
  relinking* so_far = context;
  so_far->sensible = so_far->sensible && progress->done <= progress->total &&
                     progress->relinked <= progress->done &&
                     stats_of(so_far->store).count == so_far->count;
  return ++so_far->calls < so_far->most;
}

static void check_health(const engram_graph_health* health, uint64_t count, uint64_t sampled) {
  CHECK(health->count == count && health->sampled == sampled);
  CHECK(health->mean_links_out > 2 && health->mean_links_in > 2 && health->least_links_in >= 1);
  CHECK(health->one_link_in < count && health->finds_itself > 0.8 && health->finds_itself <= 1);
  CHECK(health->recall > 0.8 && health->recall <= 1 && health->recall_error < 0.2);
  for (int i = 0; i < 9; ++i) CHECK(health->reserved[i] == 0);
}

static void bad_options_of_rebalancing_are_named(engram_store* store) {
  engram_rebalance_options options = {0};
  options.reserved[29] = 1;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_rebalance(store, &options, NULL, 0, &error),
             "reserved");
  options.reserved[29] = 0;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_rebalance(NULL, &options, NULL, 0, &error),
             "store is NULL");
  options.worst_share = NAN;  // not looked at
  options.sample = 100001;
  CHECK_OK(engram_store_rebalance(store, &options, NULL, 0, &error));
  options.has_worst_share = true;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_rebalance(store, &options, NULL, 0, &error),
             "worst_share is nan");
  options.worst_share = 1;
  options.has_sample = true;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_rebalance(store, &options, NULL, 0, &error),
             "sample is 100001");
}

static void rebalancing_reports_and_can_be_cancelled(engram_store* store) {
  const uint64_t before = stats_of(store).count;
  for (int i = 0; i < 300; ++i) insert(store, (float)(i * 7 % 100));
  bad_options_of_rebalancing_are_named(store);
  relinking some = {store, before + 300, 0, 2, true};
  engram_rebalance_options options = {0};
  options.progress = tell_relinked;
  options.context = &some;
  struct {
    engram_rebalance_report known;
    uint64_t later;
  } report;
  memset(&report, 0xff, sizeof(report));
  CHECK_CODE(ENGRAM_CANCELLED,
             engram_store_rebalance(store, &options, &report.known, sizeof(report), &error),
             "cancelled");
  CHECK(some.calls == 2 && some.sensible && report.known.looked_at == UINT64_MAX);

  some.most = INT32_MAX;
  CHECK_OK(engram_store_rebalance(store, &options, &report.known, sizeof(report), &error));
  CHECK(some.calls > 4 && some.sensible && report.later == 0);
  CHECK(report.known.looked_at == some.count && report.known.bad <= some.count);
  CHECK(report.known.relinked <= report.known.bad && report.known.relinked <= some.count / 20 + 1);
  check_health(&report.known.before, some.count, 100);
  check_health(&report.known.after, some.count, 100);

  options.has_worst_share = true;  // 0: nothing is linked anew
  options.has_sample = true;
  options.sample = 7;
  CHECK_OK(engram_store_rebalance(store, &options, &report.known, sizeof(report.known), &error));
  CHECK(report.known.relinked == 0);
  CHECK(report.known.before.sampled == 7 && report.known.after.sampled == 7);
  CHECK_OK(engram_store_rebalance(store, NULL, NULL, 0, &error));
}

static void erasing_for_ever_reports(engram_store* store) {
  const uint64_t ids[] = {insert(store, 1), insert(store, 2)};
  const uint64_t never_given[] = {ids[0], 123456};
  CHECK_OK(engram_store_erase(store, ids[1], 0, &error));
  engram_snapshot* snapshot = NULL;
  CHECK_OK(engram_store_get_snapshot(store, &snapshot, &error));
  struct {
    engram_erase_forever_report known;
    uint64_t later;
  } report;
  memset(&report, 0xff, sizeof(report));
  CHECK_CODE(ENGRAM_NOT_FOUND, engram_store_erase_forever(store, never_given, 2, NULL, 0, &error),
             "123456");
  CHECK(has(store, ids[0], NULL));
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_erase_forever(store, NULL, 0, NULL, 0, &error),
             "");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_erase_forever(store, NULL, 1, NULL, 0, &error),
             "ids is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_store_erase_forever(NULL, ids, 1, NULL, 0, &error),
             "store is NULL");
  CHECK_OK(engram_store_erase_forever(store, ids, 2, &report.known, sizeof(report), &error));
  CHECK(report.later == 0 && report.known.patterns == 1 && report.known.versions == 2);
  CHECK(report.known.journal_bytes == 1 << 20 && report.known.metadata_bytes > 0);
  CHECK(!has(store, ids[0], NULL) && !has(store, ids[0], snapshot));
  engram_snapshot_free(snapshot);
  CHECK_OK(engram_store_erase_forever(store, ids, 1, NULL, 0, &error));
}

void test_upkeep(const char* directory) {
  the_options_have_their_ranges();
  the_past_is_read(directory);
  a_name_keeps_a_state_over_closing(directory);
  ages_end_patterns(directory);
  now_us = START_US;
  set_path(directory, "upkeep");
  engram_store* store = open_with(small_options());
  if (store == NULL) return;
  a_filter_erases_what_it_means(store);
  compaction_reports_and_can_be_cancelled(store);
  rebalancing_reports_and_can_be_cancelled(store);
  erasing_for_ever_reports(store);
  engram_store_free(store);
}
