#include <engram/c.h>

#include <inttypes.h>
#include <stdio.h>

int main(void) {
  engram_error* error = NULL;
  engram_store* store = NULL;
  engram_search_result* found = NULL;
  engram_options* options = engram_options_create();
  engram_metadata* fields = engram_metadata_create();
  engram_options_set_dimensions(options, 3);
  engram_options_set_metric(options, ENGRAM_METRIC_COSINE);
  engram_metadata_set_string(fields, "name", "orange");

  const float orange[] = {1.0F, 0.5F, 0.0F};
  const float question[] = {0.9F, 0.6F, 0.1F};
  const engram_new_pattern pattern = {.vector = orange, .dimensions = 3, .metadata = fields};
  engram_code code = engram_store_open("palette-c", options, &store, &error);
  if (code == ENGRAM_OK) {  // on disk when this returns
    code = engram_store_insert(store, &pattern, ENGRAM_DURABILITY_DEFAULT, NULL, &error);
  }
  if (code == ENGRAM_OK) code = engram_store_search(store, question, 3, NULL, &found, &error);
  for (size_t i = 0; i < engram_search_result_size(found); ++i) {
    printf("%" PRIu64 " %f\n", engram_search_result_id(found, i),
           (double)engram_search_result_distance(found, i));
  }
  if (code != ENGRAM_OK) {
    fprintf(stderr, "%s: %s\n", engram_code_name(code), engram_error_message(error));
  }
  engram_error_free(error);
  engram_search_result_free(found);
  engram_store_free(store);
  engram_metadata_free(fields);
  engram_options_free(options);
  return code == ENGRAM_OK ? 0 : 1;
}
