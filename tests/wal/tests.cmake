# engram_test(NAME LABEL SOURCES...), paths relative to tests/.
engram_test(wal_test unit
  wal/log_carry_test.cc
  wal/log_crash_test.cc
  wal/log_reader_test.cc
  wal/log_segments_test.cc
  wal/log_test_support.cc
  wal/log_writer_test.cc
  wal/record_codec_test.cc
  wal/sample_commit.cc
  wal/upkeep_codec_test.cc)
