# The benchmarks run and say what they should; how fast anything is no test asks.
if(NOT ENGRAM_BUILD_BENCHMARKS)
  message(STATUS "the tests of the benchmarks are left out of this build (ENGRAM_BUILD_BENCHMARKS)")
  return()
endif()

add_test(NAME bench_peers COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/tools/bench/peers_test.py
  $<TARGET_FILE:engram_bench_peers>)
add_test(NAME bench_churn COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/tools/bench/churn_test.py
  $<TARGET_FILE:engram_churn_bench>)
add_test(NAME bench_compare COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/tools/bench/compare_test.py
  ${CMAKE_SOURCE_DIR}/tools/bench/compare)
set_tests_properties(bench_peers bench_churn bench_compare PROPERTIES LABELS unit TIMEOUT 300
  ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
add_dependencies(unit_tests engram_bench_peers engram_churn_bench)
