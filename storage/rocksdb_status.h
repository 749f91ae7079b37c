// Outcomes between our file layer, RocksDB and the engine.
// Threads: pure functions.
#ifndef ENGRAM_STORAGE_ROCKSDB_STATUS_H_
#define ENGRAM_STORAGE_ROCKSDB_STATUS_H_

#include <string_view>

#include <engram/status.h>
#include <rocksdb/io_status.h>
#include <rocksdb/status.h>

namespace engram {

// For RocksDB. Nothing but kNoSpace is an error that RocksDB could recover from by itself.
rocksdb::IOStatus ToIoStatus(const Status& status);

// From RocksDB. `what` was tried: "metadata store in /x/meta: flush".
Status FromRocksDb(const rocksdb::Status& status, std::string_view what);

}  // namespace engram

#endif  // ENGRAM_STORAGE_ROCKSDB_STATUS_H_
