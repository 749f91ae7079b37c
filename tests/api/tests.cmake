# engram_test(NAME LABEL SOURCES...), paths relative to tests/.
engram_test(api_test unit
  api/batch_inserter_test.cc
  api/feature_encoder_test.cc
  api/open_test.cc
  api/options_test.cc
  api/rebalance_test.cc
  api/store_test.cc)
engram_test(upkeep_test unit
  api/compact_test.cc
  api/erase_forever_test.cc
  api/expiry_test.cc
  api/snapshots_test.cc
  api/turnover_test.cc)
engram_test(model_test unit
  api/model.cc
  api/model_test.cc)
engram_test(api_graph_test unit
  api/graph_test.cc)
engram_test(robust_graph_test unit
  api/robust_graph_test.cc)
engram_c_test(c_api_test unit
  api/c_api_test.c
  api/c_fixture.c
  api/c_search_test.c
  api/c_store_test.c
  api/c_upkeep_test.c
  api/c_values_test.c)
