# engram_test(NAME LABEL SOURCES...), paths relative to tests/.
engram_test(api_test unit
  api/feature_encoder_test.cc
  api/options_test.cc
  api/store_test.cc)
