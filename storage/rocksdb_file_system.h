// RocksDB over our file layer: everything it reads or writes goes through an engram::FileSystem,
// and nothing of its is made durable before our log is (docs/recovery.md, "The barrier"). Leaves
// what the barrier does to the engine. Threads: any thread. Implements docs/architecture.md,
// "RocksDB".
#ifndef ENGRAM_STORAGE_ROCKSDB_FILE_SYSTEM_H_
#define ENGRAM_STORAGE_ROCKSDB_FILE_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include <engram/status.h>
#include <rocksdb/file_system.h>

#include "storage/base/file.h"

namespace engram {

// The reason given where RocksDB would write its options to a file.
inline constexpr std::string_view kNoOptionsFile = "no options file is kept";

// `log_barrier` runs before every sync of a file or directory, on RocksDB's thread; where it fails
// the sync fails, and nothing is synced. Empty: no barrier. `manifest_bytes`: RocksDB's
// max_manifest_file_size.
std::shared_ptr<rocksdb::FileSystem> MakeRocksDbFileSystem(std::shared_ptr<FileSystem> file_system,
                                                           std::function<Status()> log_barrier,
                                                           std::uint64_t manifest_bytes);

}  // namespace engram

#endif  // ENGRAM_STORAGE_ROCKSDB_FILE_SYSTEM_H_
