#include "storage/rocksdb_options.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

namespace engram {
namespace {

constexpr int kBloomBitsPerKey = 10;
constexpr std::uint64_t kLeastFamilyBufferBytes = 64 << 10;

rocksdb::CompressionType BestCompression() {
  const auto supported = rocksdb::GetSupportedCompressions();
  const bool lz4 =
      std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) != supported.end();
  return lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
}

}  // namespace

rocksdb::DBOptions MakeDbOptions(std::uint64_t buffer_bytes, std::uint64_t manifest_bytes) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  options.best_efforts_recovery = false;
  options.db_write_buffer_size = buffer_bytes;

  // One flush at a time: a failed flush can delete the output of one beside it, and retried flushes
  // of one family can change places.
  options.max_background_flushes = 1;
  options.max_background_compactions = 1;
  options.max_background_jobs = 2;
  // With its own log off, atomic_flush loses data in 7.8.3; each family has its own LSN instead.
  options.atomic_flush = false;
  // What a failed sync has lost no repetition brings back.
  options.max_bgerror_resume_count = 0;
  // Our log holds what a shutdown leaves unflushed.
  options.avoid_flush_during_shutdown = true;
  options.avoid_flush_during_recovery = true;
  // RocksDB's own log stays empty but for a mark at open; torn remains of that mark must not stop
  // an open.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  options.recycle_log_file_num = 0;
  options.track_and_verify_wals_in_manifest = false;

  options.allow_mmap_reads = false;
  options.allow_mmap_writes = false;
  options.use_direct_reads = false;
  options.use_direct_io_for_flush_and_compaction = false;

  // One writer: the parallel paths only cost.
  options.allow_concurrent_memtable_write = false;
  options.enable_write_thread_adaptive_yield = false;
  options.two_write_queues = false;
  options.unordered_write = false;

  // No periodic work, and an open that starts no threads and reads nothing it does not need. Size
  // and checksum of a file are checked when it is read.
  options.statistics = nullptr;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.max_open_files = 512;
  options.max_file_opening_threads = 1;
  options.table_cache_numshardbits = 2;
  options.max_manifest_file_size = manifest_bytes;
  options.skip_stats_update_on_db_open = true;
  options.skip_checking_sst_file_sizes_on_db_open = true;
  // The options are this file; RocksDB's copy on disk is nobody's.
  options.fail_if_options_file_error = false;
  return options;
}

rocksdb::ColumnFamilyOptions MakeFamilyOptions(std::uint64_t buffer_bytes,
                                               std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = std::move(cache);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;

  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = BestCompression();
  // One family may fill a good part of the common buffer.
  options.write_buffer_size = std::max(buffer_bytes / 4, kLeastFamilyBufferBytes);
  // RocksDB must never keep a write waiting: its commit is in our log, and where the disk is full
  // the wait has no end. MetaStore::Resume() lets commits wait at a fraction of these.
  options.max_write_buffer_number = 16;
  options.level0_slowdown_writes_trigger = 60;
  options.level0_stop_writes_trigger = 80;
  options.soft_pending_compaction_bytes_limit = 0;  // no limit
  options.hard_pending_compaction_bytes_limit = 0;
  options.inplace_update_support = false;
  return options;
}

}  // namespace engram
