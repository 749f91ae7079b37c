# engram_test(NAME LABEL SOURCES...), paths relative to tests/.
engram_test(engine_test unit
  engine/analyze_test.cc
  engine/checkpointer_test.cc
  engine/commit_queue_test.cc
  engine/engine_test.cc
  engine/graph_mutants_test.cc
  engine/maintenance_test.cc
  engine/planner_test.cc
  engine/reader_slots_test.cc
  engine/recall_meter_test.cc
  engine/rebalance_test.cc
  engine/recovery_test.cc
  engine/residency_test.cc
  engine/scan_pool_test.cc
  engine/scrubber_test.cc
  engine/stats_test.cc
  engine/versions_test.cc
  engine/writer_test.cc)
engram_test(verify_test unit
  engine/dump_test.cc
  engine/page_loader_test.cc
  engine/raw_store_fixture.cc
  engine/verify_test.cc)
engram_test(corruption_test unit
  engine/audit_test.cc
  engine/corruption_fixture.cc
  engine/corruption_test.cc
  engine/graph_corruption_test.cc
  engine/parents_test.cc
  engine/raw_store_fixture.cc)
engram_test(log_cut_test crash
  engine/log_cut_test.cc)
engram_test(graph_verify_test unit
  engine/graph_verify_test.cc)
