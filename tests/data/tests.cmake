# engram_test(NAME LABEL SOURCES...), paths relative to tests/.
engram_test(data_test slow
  data/recall_test.cc)
target_compile_definitions(data_test PRIVATE ENGRAM_DATA_DIRECTORY="${ENGRAM_DATA}")
