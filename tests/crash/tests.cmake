# engram_test(NAME LABEL SOURCES...), paths relative to tests/.
engram_test(crash_test slow
  crash/fault_sweep_test.cc
  crash/history.cc
  crash/model.cc
  crash/mutants_test.cc
  crash/oracle.cc
  crash/player.cc
  crash/sweep.cc
  crash/sweep_test.cc)
