# engram_test(NAME LABEL SOURCES...), paths relative to tests/.
engram_test(tools_test unit
  tools/analyze_test.cc
  tools/eval_test.cc
  tools/importer_test.cc
  tools/json_values_test.cc
  tools/npy_test.cc
  tools/passages_test.cc
  tools/past_commands_test.cc
  tools/text_test.cc
  tools/times_test.cc
  tools/tool_bad_input_test.cc
  tools/tool_test.cc
  tools/upkeep_commands_test.cc
  tools/vector_file_test.cc)
target_link_libraries(tools_test PRIVATE engram_tool_commands)
target_compile_definitions(tools_test PRIVATE ENGRAM_SOURCES="${CMAKE_SOURCE_DIR}")
