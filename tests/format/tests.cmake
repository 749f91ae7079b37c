# engram_test(NAME LABEL SOURCES...), paths relative to tests/.
engram_test(format_test unit
  format/format_doc_test.cc
  format/golden_test.cc
  format/sizes_doc_test.cc)
target_compile_definitions(format_test PRIVATE
  ENGRAM_DOCS="${CMAKE_SOURCE_DIR}/docs"
  ENGRAM_SOURCES="${CMAKE_SOURCE_DIR}")
