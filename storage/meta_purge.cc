#include "storage/meta_purge.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/metadata.h>
#include <rocksdb/table_properties.h>

#include "storage/base/status_macros.h"
#include "storage/rocksdb_manifest.h"

namespace engram {
namespace {

// As RocksDB's own compactions make them.
constexpr std::uint64_t kTableBytes = 64ull << 20;
// Until it is tried again, where a compaction of RocksDB's own has some of the tables and does not
// tell when it ends.
constexpr std::chrono::milliseconds kLongestWait{10};
// So often it may say that tables are not there which it lists.
constexpr int kMostUnchanged = 200;

// The tables of a family.
struct Tables {
  std::vector<std::string> names;
  int deepest = 0;       // the level farthest down that has one
  bool one_run = false;  // no two of them can hold the same key
  friend bool operator==(const Tables&, const Tables&) = default;
};

Tables TablesOf(const MetaDatabase& database, Family family) {
  rocksdb::ColumnFamilyMetaData data;
  database.db().GetColumnFamilyMetaData(database.handle(family), &data);
  Tables tables;
  int levels = 0;
  for (const rocksdb::LevelMetaData& level : data.levels) {
    if (level.files.empty()) continue;
    ++levels;
    tables.deepest = std::max(tables.deepest, level.level);
    for (const rocksdb::SstFileMetaData& file : level.files) tables.names.push_back(file.name);
  }
  tables.one_run = levels == 1 && (tables.deepest > 0 || tables.names.size() == 1);
  return tables;
}

// Whether a key lies in two tables, or a table says that one is deleted.
Result<bool> HidesSomething(const MetaDatabase& database, Family family, const Tables& tables) {
  if (tables.names.empty()) return false;
  if (!tables.one_run) return true;
  rocksdb::TablePropertiesCollection properties;
  const rocksdb::Status status =
      database.db().GetPropertiesOfAllTables(database.handle(family), &properties);
  ENGRAM_RETURN_IF_ERROR(database.Wrap(status, "properties of " + NameOf(family)));
  return std::any_of(properties.begin(), properties.end(),
                     [](const auto& table) { return table.second->num_deletions > 0; });
}

bool IsTableOrPointer(std::string_view name) {
  return name.ends_with(".sst") || name.ends_with(".dbtmp");
}

// A failure that ends all work of RocksDB, until the database is opened again.
Status Failure(const MetaDatabase& database) {
  Status error = database.work().error();
  return error.code() == Code::kNoSpace ? Status::Ok() : error;
}

// CompactRange() would flush first what came meanwhile, and where there is no room for that it
// would wait for ever (BackgroundWork keeps such a failure from RocksDB). This takes tables alone.
// But where it fails it removes the tables that it has made, even if the MANIFEST, whose write has
// failed, names them already; so after such a failure nothing is removed any more.
rocksdb::Status CompactTables(const MetaDatabase& database, Family family, const Tables& tables) {
  rocksdb::CompactionOptions options;
  options.compression = rocksdb::kDisableCompressionOption;  // that of the family
  options.output_file_size_limit = kTableBytes;
  rocksdb::DB& db = database.db();
  if (rocksdb::Status status = db.DisableFileDeletions(); !status.ok()) return status;
  rocksdb::Status status =
      db.CompactFiles(options, database.handle(family), tables.names, std::max(tables.deepest, 1));
  if (!Failure(database).ok()) return status;
  const rocksdb::Status enabled = db.EnableFileDeletions(/*force=*/false);
  return status.ok() ? enabled : status;
}

}  // namespace

Status PurgeFamily(const MetaDatabase& database, Family family) {
  for (int unchanged = 0;;) {
    const BackgroundWork::Counts seen = database.work().counts();
    const Tables tables = TablesOf(database, family);
    ENGRAM_ASSIGN_OR_RETURN(const bool hides, HidesSomething(database, family, tables));
    if (!hides) return Status::Ok();
    const rocksdb::Status status = CompactTables(database, family, tables);
    if (status.ok()) {
      database.work().CountCompaction();
      return Status::Ok();
    }
    // A compaction of RocksDB's own has some of them, or they are gone since. For a moment it does
    // not tell that they are: where the MANIFEST was written for several families at a time,
    // CompactFiles() goes by the new version of each at once, and the list of tables by the old one
    // until the family's own thread has had the mutex.
    const bool gone = status.IsInvalidArgument();
    if (gone && tables == TablesOf(database, family)) ++unchanged;
    if (!status.IsAborted() && (!gone || unchanged > kMostUnchanged)) {
      return database.Wrap(status, "purge " + NameOf(family));
    }
    database.work().WaitForChange(seen, kLongestWait);
    ENGRAM_RETURN_IF_ERROR(Failure(database));
  }
}

Status WaitForWork(const MetaDatabase& database) {
  ENGRAM_RETURN_IF_ERROR(database.Wrap(database.db().PauseBackgroundWork(), "pause"));
  return database.Wrap(database.db().ContinueBackgroundWork(), "continue");
}

Status RemoveUnneeded(FileSystem& files, const std::string& directory,
                      std::span<const std::string> needed) {
  ENGRAM_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  for (const std::string& name : names) {
    if (!IsTableOrPointer(name) && !IsManifest(name)) continue;
    if (std::find(needed.begin(), needed.end(), name) != needed.end()) continue;
    ENGRAM_RETURN_IF_ERROR(files.Unlink(JoinPath(directory, name)));
  }
  return Status::Ok();
}

}  // namespace engram
