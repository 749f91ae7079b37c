/* Has this incident been seen before? Reads one a line. usage: tutorial DIRECTORY */
#include <engram/c.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { kDimensions = 256 };
static const float kAlike = 0.5F; /* cosine distance: 0 is the same, 1 has nothing in common */

/* Prints a known incident, or stores the line as a new one. */
static engram_code Recall(engram_store* store, const engram_feature_encoder* encoder,
                          const engram_search_options* nearest, const char* line,
                          engram_error** error) {
  float vector[kDimensions];
  engram_search_result* found = NULL;
  engram_code code =
      engram_feature_encoder_encode_text(encoder, line, strlen(line), vector, kDimensions, error);
  if (code != ENGRAM_OK) return code;
  code = engram_store_search(store, vector, kDimensions, nearest, &found, error);
  if (code != ENGRAM_OK && code != ENGRAM_EMPTY_INDEX) return code;
  if (engram_search_result_size(found) > 0 && engram_search_result_distance(found, 0) < kAlike) {
    const engram_metadata* fields = engram_search_result_metadata(found, 0);
    printf("seen: %s\n", engram_value_get_string(engram_metadata_find(fields, "text"), NULL));
    engram_search_result_free(found);
    return ENGRAM_OK;
  }
  engram_search_result_free(found);
  engram_error_free(*error); /* the store was empty, which is no error here */

  uint64_t id = 0;
  engram_metadata* fields = engram_metadata_create();
  engram_metadata_set_string(fields, "text", line);
  const engram_new_pattern incident = {
      .vector = vector, .dimensions = kDimensions, .metadata = fields};
  code = engram_store_insert(store, &incident, ENGRAM_DURABILITY_DEFAULT, &id, error);
  if (code == ENGRAM_OK) printf("new: remembered as %" PRIu64 "\n", id); /* it is on disk */
  engram_metadata_free(fields);
  return code;
}

int main(int argc, char** argv) {
  if (argc != 2) return fprintf(stderr, "usage: tutorial DIRECTORY\n"), 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  engram_error* error = NULL;
  engram_store* store = NULL;
  engram_feature_encoder* encoder = NULL; /* words to vectors; a model does too */
  engram_search_options* nearest = engram_search_options_create();
  engram_search_options_set_k(nearest, 1);
  engram_search_options_set_include(nearest, ENGRAM_INCLUDE_METADATA);
  engram_options* options = engram_options_create();
  engram_options_set_dimensions(options, kDimensions);
  engram_options_set_metric(options, ENGRAM_METRIC_COSINE);

  engram_code code = engram_feature_encoder_create(kDimensions, &encoder, &error);
  if (code == ENGRAM_OK) code = engram_store_open(argv[1], options, &store, &error);
  char line[1024];
  while (code == ENGRAM_OK && fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, "crash") == 0) raise(SIGKILL); /* as kill -9: nothing is closed or flushed */
    code = Recall(store, encoder, nearest, line, &error);
  }
  if (code == ENGRAM_OK) code = engram_store_close(store, &error);
  if (code != ENGRAM_OK) {
    fprintf(stderr, "tutorial: %s: %s\n", engram_code_name(code), engram_error_message(error));
  }
  engram_error_free(error);
  engram_store_free(store);
  engram_options_free(options);
  engram_search_options_free(nearest);
  engram_feature_encoder_free(encoder);
  return code == ENGRAM_OK ? 0 : 1;
}
