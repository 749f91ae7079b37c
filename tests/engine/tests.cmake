# engram_test(NAME LABEL SOURCES...), paths relative to tests/.
engram_test(verify_test unit
  engine/dump_test.cc
  engine/raw_store_fixture.cc
  engine/verify_test.cc)
