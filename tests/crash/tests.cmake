# engram_test(NAME LABEL SOURCES...), paths relative to tests/.
set(ENGRAM_CRASH_SOURCES
  crash/history.cc
  crash/model.cc
  crash/oracle.cc
  crash/player.cc
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
