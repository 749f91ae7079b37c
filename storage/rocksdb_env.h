// RocksDB's surroundings: our file layer for its files, its own threads, and its clock without the
// long sleeps. Threads: any thread.
#ifndef ENGRAM_STORAGE_ROCKSDB_ENV_H_
#define ENGRAM_STORAGE_ROCKSDB_ENV_H_

#include <memory>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

namespace engram {

std::unique_ptr<rocksdb::Env> MakeRocksDbEnv(std::shared_ptr<rocksdb::FileSystem> file_system);

}  // namespace engram

#endif  // ENGRAM_STORAGE_ROCKSDB_ENV_H_
