# engram_test(NAME LABEL SOURCES...), paths relative to tests/.
engram_test(storage_base_test unit
  storage/base/address_space_test.cc
  storage/base/aligned_buffer_test.cc
  storage/base/clock_test.cc
  storage/base/fault_guard_test.cc
  storage/base/file_test.cc
  storage/base/logger_test.cc
  storage/base/posix_file_system_test.cc
  storage/base/uring_file_system_test.cc
  storage/base/uring_test.cc)
engram_test(meta_test unit
  storage/meta_codec_test.cc
  storage/meta_gate_test.cc
  storage/meta_keys_test.cc
  storage/meta_purge_test.cc
  storage/meta_reads_test.cc
  storage/meta_store_test.cc
  storage/meta_values_test.cc
  storage/rocksdb_events_test.cc
  storage/rocksdb_file_system_test.cc
  storage/rocksdb_manifest_room_test.cc
  storage/rocksdb_manifest_test.cc)
engram_test(meta_full_disk_test unit
  storage/meta_full_disk_test.cc)
engram_test(meta_power_loss_test crash
  storage/meta_power_loss_test.cc)
engram_test(sim_test unit
  storage/base/fault_file_system_test.cc
  storage/base/sim_file_system_test.cc)
engram_test(storage_test unit
  storage/byte_ranges_test.cc
  storage/journal_test.cc
  storage/page_file_cut_test.cc
  storage/page_file_fixture.cc
  storage/page_file_test.cc
  storage/page_space_cut_test.cc
  storage/page_space_test.cc
  storage/parents_file_test.cc
  storage/slot_map_test.cc
  storage/superblock_test.cc)
