// How RocksDB is set up: for Debian's 7.8.3, whose defects and the settings that avoid them
// docs/recovery.md lists. Threads: pure functions.
#ifndef ENGRAM_STORAGE_ROCKSDB_OPTIONS_H_
#define ENGRAM_STORAGE_ROCKSDB_OPTIONS_H_

#include <cstdint>
#include <memory>

#include <rocksdb/cache.h>
#include <rocksdb/options.h>

namespace engram {

// env, info_log and listeners are left to the caller.
rocksdb::DBOptions MakeDbOptions(std::uint64_t buffer_bytes, std::uint64_t manifest_bytes);

// Of every family. `cache` holds blocks of all of them.
rocksdb::ColumnFamilyOptions MakeFamilyOptions(std::uint64_t buffer_bytes,
                                               std::shared_ptr<rocksdb::Cache> cache);

}  // namespace engram

#endif  // ENGRAM_STORAGE_ROCKSDB_OPTIONS_H_
