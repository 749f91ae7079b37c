# engram_test(NAME LABEL SOURCES...), paths relative to tests/.
engram_test(stress_test stress
  stress/analyze_stress_test.cc
  stress/fault_guard_stress_test.cc
  stress/hang_test.cc
  stress/history_test.cc
  stress/mapped_pages_test.cc
  stress/pairs.cc
  stress/rebalance_stress_test.cc
  stress/schedules_test.cc
  stress/scrub_stress_test.cc
  stress/search_history.cc
  stress/set_hash_test.cc
  stress/stress_test.cc
  stress/threads_test.cc
  storage/page_file_fixture.cc)
