// The RocksDB under a metadata store: opened with all families, or made; and asked what every part
// of the store asks of it. Leaves rows to meta_rows.h and meta_store.cc, flushes to meta_flusher.h.
// Threads: Open() by one thread, before all else; then any thread.
#ifndef ENGRAM_STORAGE_META_DATABASE_H_
#define ENGRAM_STORAGE_META_DATABASE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <engram/result.h>
#include <engram/status.h>
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include "storage/meta_store.h"
#include "storage/rocksdb_events.h"

namespace engram {

inline constexpr std::array<Family, kFamilies> kAllFamilies = {
    Family::kMeta, Family::kIds, Family::kTime, Family::kType, Family::kField, Family::kState};

constexpr std::size_t IndexOf(Family family) { return static_cast<std::size_t>(family); }

// The name by which RocksDB knows it.
const std::string& NameOf(Family family);

// Made while it is found out whether there is room for a flush.
inline constexpr std::string_view kRoomFile = "room.tmp";

using FamilyHandles = std::array<rocksdb::ColumnFamilyHandle*, kFamilies>;

class MetaDatabase {
 public:
  // `log` gets what RocksDB has to say, and is left to the caller to deliver.
  MetaDatabase(const MetaStoreOptions& options, std::shared_ptr<RocksDbLogger> log);
  ~MetaDatabase();
  MetaDatabase(const MetaDatabase&) = delete;
  MetaDatabase& operator=(const MetaDatabase&) = delete;

  // Errors: as MetaStore::Open(), but for the store's id. Nothing else may be called before.
  Status Open(const MetaStoreOptions& options);

  const std::string& directory() const { return directory_; }
  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* handle(Family family) const { return handles_[IndexOf(family)]; }
  const FamilyHandles& handles() const { return handles_; }
  BackgroundWork& work() const { return *work_; }
  const rocksdb::Cache& cache() const { return *cache_; }

  // "metadata store in <directory>: <call>".
  std::string What(std::string_view call) const;
  Status Wrap(const rocksdb::Status& status, std::string_view call) const;

  struct Files {
    std::vector<std::string> names;  // within the directory: tables, MANIFEST, CURRENT
    std::uint64_t manifest_bytes = 0;
  };
  // Those that hold what is durable now.
  Result<Files> LiveFiles() const;
  // Ends RocksDB's own work, waiting for what goes on. Nothing may follow but reads and the end.
  void Stop();

  Result<FamilyLsns> ReadLsns(rocksdb::ReadTier tier) const;
  // Calls `visit` with key and value of every row but the applied LSN and the store id.
  Status ForEachRow(
      Family family,
      const std::function<Status(rocksdb::Slice key, rocksdb::Slice value)>& visit) const;

 private:
  // A crash while the database was made leaves it without some families, which only an opening for
  // writing adds. Errors: kNotFound.
  Status CheckFamilies(const rocksdb::DBOptions& options) const;

  const std::string directory_;
  // Declared before db_, which uses them to its end.
  const std::unique_ptr<rocksdb::Env> env_;
  const std::shared_ptr<rocksdb::Cache> cache_;
  const std::shared_ptr<BackgroundWork> work_;
  const std::shared_ptr<RocksDbLogger> log_;
  std::unique_ptr<rocksdb::DB> db_;
  FamilyHandles handles_{};
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_META_DATABASE_H_
