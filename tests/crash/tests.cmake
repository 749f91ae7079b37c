# engram_test(NAME LABEL SOURCES...), paths relative to tests/.
set(ENGRAM_CRASH_SOURCES
  crash/history.cc
  crash/model.cc
  crash/oracle.cc
  crash/player.cc
  crash/player_upkeep.cc
  crash/player_writes.cc
  crash/sweep.cc)
engram_test(crash_test crash
  crash/fault_sweep_test.cc
  crash/mutants_test.cc
  crash/replay_test.cc
  crash/sweep_test.cc
  ${ENGRAM_CRASH_SOURCES})
# The same sweeps over more histories.
engram_test(crash_slow_test slow
  crash/fault_sweep_test.cc
  crash/sweep_test.cc
  ${ENGRAM_CRASH_SOURCES})
target_compile_definitions(crash_slow_test PRIVATE ENGRAM_LONG_SWEEPS)
# Processes on real files, killed.
engram_test(kill_test crash
  crash/kill_test.cc
  crash/kill_witness.cc)
add_executable(kill_child crash/kill_child.cc)
target_include_directories(kill_child PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(kill_child PRIVATE engram engram_flags)
set_target_properties(kill_child PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_dependencies(kill_test kill_child engram_tool)
target_compile_definitions(kill_test PRIVATE
  ENGRAM_KILL_CHILD="$<TARGET_FILE:kill_child>"
  ENGRAM_TOOL="$<TARGET_FILE:engram_tool>")
engram_test(full_disk_test crash
  crash/full_disk_test.cc
  crash/full_disk_upkeep_test.cc)
