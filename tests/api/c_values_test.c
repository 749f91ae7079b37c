// Names, errors, metadata, options and the feature encoder from C.
#include <math.h>
#include <string.h>

#include "tests/api/c_check.h"

static void names_and_errors(void) {
  CHECK_TEXT(engram_version(), "0.1.0");
  CHECK_TEXT(engram_code_name(ENGRAM_OK), "kOk");
  CHECK_TEXT(engram_code_name(ENGRAM_NOT_FOUND), "kNotFound");
  CHECK_TEXT(engram_code_name(ENGRAM_NOT_SUPPORTED), "kNotSupported");
  CHECK_TEXT(engram_code_name(ENGRAM_NOT_SUPPORTED + 1), "kUnknown");
  CHECK_TEXT(engram_code_name(-1), "kUnknown");
  CHECK_TEXT(engram_code_name(256), "kUnknown");
  CHECK_TEXT(engram_metric_name(ENGRAM_METRIC_L2), "l2");
  CHECK_TEXT(engram_metric_name(ENGRAM_METRIC_COSINE), "cosine");
  CHECK_TEXT(engram_metric_name(ENGRAM_METRIC_INNER_PRODUCT), "ip");
  CHECK_TEXT(engram_metric_name(ENGRAM_METRIC_DEFAULT), "unknown");
  CHECK_TEXT(engram_metric_name(257), "unknown");
  CHECK(engram_error_code(NULL) == ENGRAM_OK);
  CHECK_TEXT(engram_error_message(NULL), "");
  engram_error_free(NULL);
}

static void scalars_keep_kind_and_value(void) {
  bool flag = false;
  int64_t whole = 7;
  double real = 7;
  engram_value* value = engram_value_create_bool(true);
  CHECK(engram_value_kind(value) == ENGRAM_KIND_BOOL);
  CHECK(engram_value_get_bool(value, &flag) && flag);
  CHECK(!engram_value_get_int64(value, &whole) && whole == 7);
  CHECK(!engram_value_get_double(value, &real) && real == 7);
  CHECK(!engram_value_get_time_us(value, &whole) && whole == 7);
  CHECK(!engram_value_get_bool(value, NULL));
  engram_value_free(value);

  value = engram_value_create_int64(INT64_MIN);
  CHECK(engram_value_kind(value) == ENGRAM_KIND_INT64);
  CHECK(engram_value_get_int64(value, &whole) && whole == INT64_MIN);
  CHECK(!engram_value_get_bool(value, &flag));
  engram_value_free(value);

  value = engram_value_create_double(0.5);
  CHECK(engram_value_kind(value) == ENGRAM_KIND_DOUBLE);
  CHECK(engram_value_get_double(value, &real) && real == 0.5);
  engram_value_free(value);

  value = engram_value_create_time_us(-1);
  CHECK(engram_value_kind(value) == ENGRAM_KIND_TIME);
  CHECK(engram_value_get_time_us(value, &whole) && whole == -1);
  CHECK(!engram_value_get_time_us(value, NULL));
  engram_value_free(value);

  value = engram_value_create_null();
  CHECK(engram_value_kind(value) == ENGRAM_KIND_NULL);
  engram_value_free(value);
}

static void text_and_bytes_keep_zeros(void) {
  size_t bytes = 99;
  engram_value* value = engram_value_create_string("words");
  CHECK(engram_value_kind(value) == ENGRAM_KIND_STRING);
  CHECK_TEXT(engram_value_get_string(value, &bytes), "words");
  CHECK(bytes == 5);
  CHECK_TEXT(engram_value_get_string(value, NULL), "words");
  CHECK(engram_value_get_bytes(value, &bytes) == NULL && bytes == 0);
  engram_value_free(value);

  value = engram_value_create_string_n("a\0b", 3);
  const char* text = engram_value_get_string(value, &bytes);
  CHECK(text != NULL && bytes == 3 && memcmp(text, "a\0b", 4) == 0);
  engram_value_free(value);

  value = engram_value_create_string_n(NULL, 0);
  CHECK_TEXT(engram_value_get_string(value, &bytes), "");
  engram_value_free(value);

  value = engram_value_create_bytes("\0\1\2", 3);
  CHECK(engram_value_kind(value) == ENGRAM_KIND_BYTES);
  const void* data = engram_value_get_bytes(value, &bytes);
  CHECK(data != NULL && bytes == 3 && memcmp(data, "\0\1\2", 3) == 0);
  CHECK(engram_value_get_string(value, &bytes) == NULL && bytes == 0);
  engram_value_free(value);

  value = engram_value_create_bytes(NULL, 0);
  CHECK(engram_value_get_bytes(value, &bytes) != NULL && bytes == 0);
  engram_value_free(value);

  CHECK(engram_value_create_string(NULL) == NULL);
  CHECK(engram_value_create_string_n(NULL, 1) == NULL);
  CHECK(engram_value_create_bytes(NULL, 1) == NULL);
}

static void lists_and_maps_nest(void) {
  engram_value* list = engram_value_create_list();
  CHECK(engram_value_kind(list) == ENGRAM_KIND_LIST && engram_value_list_size(list) == 0);
  CHECK(engram_value_append(list, engram_value_create_int64(1)) == ENGRAM_OK);
  engram_metadata* inner = engram_metadata_create();
  CHECK(engram_metadata_set_string(inner, "deep", "down") == ENGRAM_OK);
  CHECK(engram_value_append(list, engram_value_create_map(inner)) == ENGRAM_OK);
  CHECK(engram_value_list_size(list) == 2);
  CHECK(engram_value_kind(engram_value_list_at(list, 0)) == ENGRAM_KIND_INT64);
  CHECK(engram_value_list_at(list, 2) == NULL);
  CHECK(engram_value_get_map(list) == NULL);
  const engram_metadata* map = engram_value_get_map(engram_value_list_at(list, 1));
  CHECK_TEXT(engram_value_get_string(engram_metadata_find(map, "deep"), NULL), "down");

  engram_value* same = engram_value_copy(list);
  CHECK(engram_value_equal(list, same));
  CHECK(engram_value_append(same, engram_value_create_null()) == ENGRAM_OK);
  CHECK(!engram_value_equal(list, same) && engram_value_list_size(list) == 2);
  engram_value_free(same);

  // What is refused is taken all the same.
  CHECK(engram_value_append(list, NULL) == ENGRAM_INVALID_ARGUMENT);
  CHECK(engram_value_append(NULL, engram_value_create_null()) == ENGRAM_INVALID_ARGUMENT);
  CHECK(engram_value_append(list, list) == ENGRAM_INVALID_ARGUMENT);
  engram_value* number = engram_value_create_int64(1);
  CHECK(engram_value_append(number, engram_value_create_null()) == ENGRAM_INVALID_ARGUMENT);
  CHECK(engram_value_list_size(number) == 0 && engram_value_list_at(number, 0) == NULL);
  engram_value_free(number);
  engram_value_free(list);
  CHECK(engram_value_create_map(NULL) == NULL && engram_value_copy(NULL) == NULL);
  CHECK(engram_value_equal(NULL, NULL));
}

static void metadata_is_set_found_walked_and_removed(void) {
  engram_metadata* fields = engram_metadata_create();
  CHECK(engram_metadata_size(fields) == 0);
  CHECK(engram_metadata_set_bool(fields, "b", true) == ENGRAM_OK);
  CHECK(engram_metadata_set_int64(fields, "a", 1) == ENGRAM_OK);
  CHECK(engram_metadata_set_double(fields, "d", 0.25) == ENGRAM_OK);
  CHECK(engram_metadata_set_time_us(fields, "t", 5) == ENGRAM_OK);
  CHECK(engram_metadata_set_n(fields, "z\0", 2, engram_value_create_null()) == ENGRAM_OK);
  CHECK(engram_metadata_set(fields, "a", engram_value_create_string("new")) == ENGRAM_OK);
  CHECK(engram_metadata_size(fields) == 5);
  CHECK_TEXT(engram_value_get_string(engram_metadata_find(fields, "a"), NULL), "new");
  CHECK(engram_metadata_find(fields, "z") == NULL);
  CHECK(engram_metadata_find_n(fields, "z\0", 2) != NULL);

  char walked[16] = "";
  const char* name = NULL;
  size_t bytes = 0;
  const engram_value* value = NULL;
  while (engram_metadata_next(fields, &name, &bytes, &value)) {
    CHECK(value == engram_metadata_find_n(fields, name, bytes));
    strncat(walked, name, 1);
  }
  CHECK_TEXT(walked, "abdtz");
  CHECK(bytes == 2);
  name = "c";  // from where there is no field
  bytes = 1;
  CHECK(engram_metadata_next(fields, &name, &bytes, &value));
  CHECK_TEXT(name, "d");

  engram_metadata* same = engram_metadata_copy(fields);
  CHECK(engram_metadata_equal(fields, same) && !engram_metadata_equal(fields, NULL));
  CHECK(engram_metadata_remove(same, "a") == ENGRAM_OK);
  CHECK(engram_metadata_remove(same, "a") == ENGRAM_NOT_FOUND);
  CHECK(!engram_metadata_equal(fields, same));
  engram_metadata_free(same);

  CHECK(engram_metadata_set(fields, "x", NULL) == ENGRAM_INVALID_ARGUMENT);
  CHECK(engram_metadata_set(fields, NULL, engram_value_create_null()) == ENGRAM_INVALID_ARGUMENT);
  CHECK(engram_metadata_set(NULL, "x", engram_value_create_null()) == ENGRAM_INVALID_ARGUMENT);
  CHECK(engram_metadata_set_string(fields, "x", NULL) == ENGRAM_INVALID_ARGUMENT);
  CHECK(engram_metadata_set_int64(NULL, "x", 1) == ENGRAM_INVALID_ARGUMENT);
  CHECK(engram_metadata_remove(NULL, "x") == ENGRAM_INVALID_ARGUMENT);
  CHECK(engram_metadata_size(fields) == 5);
  engram_metadata_free(fields);

  CHECK(engram_metadata_find(NULL, "x") == NULL && engram_metadata_size(NULL) == 0);
  CHECK(!engram_metadata_next(NULL, &name, &bytes, &value));
  CHECK(engram_metadata_copy(NULL) == NULL);
  engram_metadata_free(NULL);
  engram_value_free(NULL);
}

static void null_is_no_value(void) {
  bool flag = true;
  size_t bytes = 9;
  CHECK(engram_value_kind(NULL) == ENGRAM_KIND_NULL);
  CHECK(!engram_value_get_bool(NULL, &flag) && flag);
  CHECK(engram_value_get_string(NULL, &bytes) == NULL && bytes == 0);
  CHECK(engram_value_get_map(NULL) == NULL && engram_value_list_size(NULL) == 0);
}

void test_values(void) {
  names_and_errors();
  scalars_keep_kind_and_value();
  text_and_bytes_keep_zeros();
  lists_and_maps_nest();
  metadata_is_set_found_walked_and_removed();
  null_is_no_value();
}

// Every setter reaches its field: each is told of by name when it is out of range.
static void options_out_of_range_are_named(void) {
  struct {
    const char* name;
    void (*set32)(engram_options*, uint32_t);
    uint32_t value32;
    void (*set64)(engram_options*, uint64_t);
    uint64_t value64;
  } cases[] = {
      {"dimensions", engram_options_set_dimensions, ENGRAM_MAX_DIMENSIONS + 1, NULL, 0},
      {"m is", engram_options_set_m, ENGRAM_MAX_M + 1, NULL, 0},
      {"ef_construction", engram_options_set_ef_construction, ENGRAM_MAX_EF + 1, NULL, 0},
      {"ef is", engram_options_set_ef, ENGRAM_MAX_EF + 1, NULL, 0},
      {"background_threads", engram_options_set_background_threads, 2, NULL, 0},
      {"search_threads", engram_options_set_search_threads, 257, NULL, 0},
      {"max_elements", NULL, 0, engram_options_set_max_elements, ENGRAM_MOST_ELEMENTS + 1},
      {"log_segment_bytes", NULL, 0, engram_options_set_log_segment_bytes, 1},
      {"checkpoint_log_bytes", NULL, 0, engram_options_set_checkpoint_log_bytes, 1},
      {"journal_bytes", NULL, 0, engram_options_set_journal_bytes, 1},
      {"metadata_buffer_bytes", NULL, 0, engram_options_set_metadata_buffer_bytes, 1},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
    engram_options* options = engram_options_create();
    CHECK_OK(engram_options_validate(options, &error));
    if (cases[i].set32 != NULL) cases[i].set32(options, cases[i].value32);
    if (cases[i].set64 != NULL) cases[i].set64(options, cases[i].value64);
    CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_options_validate(options, &error), cases[i].name);
    engram_options_free(options);
  }
}

static void refused_options_are_told_later(void) {
  engram_options* options = engram_options_create();
  engram_options_set_sync_interval_ms(options, 0);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_options_validate(options, &error), "sync_interval");
  engram_options_set_sync_interval_ms(options, 1);
  engram_options_set_checkpoint_interval_s(options, -1);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_options_validate(options, &error), "checkpoint_int");
  engram_options_set_checkpoint_interval_s(options, 1);
  engram_options_set_audit_interval_s(options, -1);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_options_validate(options, &error), "audit_interval");
  engram_options_set_audit_interval_s(options, 0);
  engram_options_add_indexed_field(options, "");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_options_validate(options, &error), "indexed_fields");
  engram_options_free(options);

  options = engram_options_create_high_accuracy();
  engram_options_set_metric(options, 257);  // 1 in a byte
  engram_options_set_durability(options, 77);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_options_validate(options, &error), "metric is 257");
  engram_options_free(options);

  options = engram_options_create_high_speed();
  engram_options_set_durability(options, ENGRAM_DURABILITY_DEFAULT);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_options_validate(options, &error), "durability is 0");
  engram_options_free(options);

  options = engram_options_create();
  engram_options_add_indexed_field(options, NULL);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_options_validate(options, &error), "NULL");
  engram_options_free(options);

  engram_options_set_dimensions(NULL, 1);
  engram_options_set_metric(NULL, ENGRAM_METRIC_L2);
  engram_options_set_log(NULL, NULL, NULL);
  engram_options_free(NULL);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_options_validate(NULL, &error), "options is NULL");
}

static double length_of(const float* vector, size_t dimensions) {
  double squares = 0;
  for (size_t i = 0; i < dimensions; ++i) squares += (double)vector[i] * (double)vector[i];
  return sqrt(squares);
}

static void features_become_unit_vectors(void) {
  engram_feature_encoder* encoder = NULL;
  CHECK_OK(engram_feature_encoder_create(64, &encoder, &error));
  CHECK(engram_feature_encoder_dimensions(encoder) == 64);
  float a[64] = {0};
  float b[64] = {0};
  engram_feature features[2] = {{"red", 3, 1.0F}, {"round", 5, 2.0F}};
  CHECK_OK(engram_feature_encoder_encode(encoder, features, 2, a, 64, &error));
  CHECK(fabs(length_of(a, 64) - 1) < 1e-5);
  CHECK_OK(engram_feature_encoder_encode(encoder, features, 2, b, 64, &error));
  CHECK(memcmp(a, b, sizeof(a)) == 0);
  CHECK_OK(engram_feature_encoder_encode(encoder, NULL, 0, b, 64, &error));
  CHECK(length_of(b, 64) == 0);

  features[1].weight = NAN;
  CHECK_CODE(ENGRAM_INVALID_VECTOR,
             engram_feature_encoder_encode(encoder, features, 2, a, 64, &error), "feature 1");
  features[1].name = NULL;
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_feature_encoder_encode(encoder, features, 2, a, 64, &error), "NULL");
  CHECK_CODE(ENGRAM_DIMENSION_MISMATCH,
             engram_feature_encoder_encode(encoder, features, 1, a, 63, &error), "63");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_feature_encoder_encode(encoder, NULL, 1, a, 64, &error), "features is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_feature_encoder_encode(NULL, features, 1, a, 64, &error), "encoder is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_feature_encoder_encode(encoder, features, 1, NULL, 64, &error), "vector");
  engram_feature_encoder_free(encoder);
}

static void learnt_words_are_saved_and_loaded(void) {
  engram_feature_encoder* encoder = NULL;
  engram_feature_encoder* loaded = NULL;
  float before[32] = {0};
  float after[32] = {0};
  const char* text = "the rare cat and the cat";
  CHECK_OK(engram_feature_encoder_create(32, &encoder, &error));
  CHECK_OK(engram_feature_encoder_encode_text(encoder, text, strlen(text), before, 32, &error));
  CHECK_OK(engram_feature_encoder_learn(encoder, "the cat", 7, &error));
  CHECK_OK(engram_feature_encoder_learn(encoder, "the dog and", 11, &error));
  CHECK_OK(engram_feature_encoder_encode_text(encoder, text, strlen(text), after, 32, &error));
  CHECK(memcmp(before, after, sizeof(before)) != 0);
  CHECK_OK(engram_feature_encoder_encode_text(encoder, NULL, 0, before, 32, &error));
  CHECK(length_of(before, 32) == 0);

  engram_value* saved = engram_feature_encoder_save(encoder);
  size_t bytes = 0;
  const void* data = engram_value_get_bytes(saved, &bytes);
  CHECK(data != NULL && bytes > 0);
  CHECK_OK(engram_feature_encoder_load(32, data, bytes, &loaded, &error));
  CHECK_OK(engram_feature_encoder_encode_text(loaded, text, strlen(text), before, 32, &error));
  CHECK(memcmp(before, after, sizeof(before)) == 0);
  engram_feature_encoder_free(loaded);
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT,
             engram_feature_encoder_load(32, data, bytes - 1, &loaded, &error), "saved words");
  CHECK(loaded == NULL);
  engram_value_free(saved);

  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_feature_encoder_load(32, NULL, 0, &loaded, &error),
             "saved is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_feature_encoder_create(0, &loaded, &error),
             "dimensions is 0");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_feature_encoder_create(8, NULL, &error), "out");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_feature_encoder_learn(encoder, NULL, 1, &error),
             "text is NULL");
  CHECK_CODE(ENGRAM_INVALID_ARGUMENT, engram_feature_encoder_learn(NULL, "x", 1, &error),
             "encoder is NULL");
  CHECK(engram_feature_encoder_save(NULL) == NULL);
  CHECK(engram_feature_encoder_dimensions(NULL) == 0);
  engram_feature_encoder_free(encoder);
  engram_feature_encoder_free(NULL);
}

void test_options_and_encoder(void) {
  options_out_of_range_are_named();
  refused_options_are_told_later();
  features_become_unit_vectors();
  learnt_words_are_saved_and_loaded();
}
