#include "storage/meta_database.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <rocksdb/convenience.h>

#include "storage/base/check.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "storage/meta_keys.h"
#include "storage/rocksdb_env.h"
#include "storage/rocksdb_file_system.h"
#include "storage/rocksdb_manifest_room.h"
#include "storage/rocksdb_options.h"
#include "storage/rocksdb_slice.h"
#include "storage/rocksdb_status.h"

namespace engram {
namespace {

using rocksdb::Slice;

// In the order of Family. kState lives in the family that every RocksDB has.
const std::array<std::string, kFamilies> kFamilyNames = {
    "meta", "ids", "time", "type", "field", rocksdb::kDefaultColumnFamilyName};

constexpr std::size_t kBlockCacheBytes = 8 << 20;
constexpr int kBlockCacheShardBits = 2;

// RocksDB would make the directory in either mode, and warn first that it is not there.
Status PrepareDirectory(const MetaStoreOptions& options) {
  FileSystem& files = *options.file_system;
  if (!options.read_only) {
    ENGRAM_RETURN_IF_ERROR(files.CreateDirectory(options.directory));
    for (const std::string_view name : {kRoomFile, kSpareManifest, kSpareCurrent}) {
      const Status removed = files.Unlink(JoinPath(options.directory, std::string(name)));
      if (removed.code() != Code::kNotFound) ENGRAM_RETURN_IF_ERROR(removed);
    }
    return Status::Ok();
  }
  const auto current = files.Stat(JoinPath(options.directory, "CURRENT"));
  if (current.code() != Code::kNotFound) return current.status();
  return Status::NotFound("no metadata store in " + options.directory);
}

}  // namespace

const std::string& NameOf(Family family) { return kFamilyNames[IndexOf(family)]; }

MetaDatabase::MetaDatabase(const MetaStoreOptions& options, std::shared_ptr<RocksDbLogger> log)
    : directory_(options.directory),
      env_(MakeRocksDbEnv(
          MakeRocksDbFileSystem(options.file_system, options.log_barrier, options.manifest_bytes))),
      cache_(rocksdb::NewLRUCache(kBlockCacheBytes, kBlockCacheShardBits)),
      work_(std::make_shared<BackgroundWork>()),
      log_(std::move(log)) {}

MetaDatabase::~MetaDatabase() {
  for (rocksdb::ColumnFamilyHandle* family : handles_) {
    // Nothing to be done about a failure, and nothing is lost by one.
    if (family != nullptr) db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  if (db_ != nullptr) db_->Close().PermitUncheckedError();
  db_.reset();
}

std::string MetaDatabase::What(std::string_view call) const {
  return "metadata store in " + directory_ + ": " + std::string(call);
}

Status MetaDatabase::Wrap(const rocksdb::Status& status, std::string_view call) const {
  return status.ok() ? Status::Ok() : FromRocksDb(status, What(call));
}

Status MetaDatabase::Open(const MetaStoreOptions& options) {
  ENGRAM_RETURN_IF_ERROR(PrepareDirectory(options));
  rocksdb::DBOptions db_options = MakeDbOptions(options.buffer_bytes, options.manifest_bytes);
  db_options.env = env_.get();
  db_options.info_log = log_;
  db_options.listeners.push_back(work_);
  const auto family_options = MakeFamilyOptions(options.buffer_bytes, cache_);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : kFamilyNames) families.emplace_back(name, family_options);
  if (options.read_only) ENGRAM_RETURN_IF_ERROR(CheckFamilies(db_options));

  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      options.read_only
          ? rocksdb::DB::OpenForReadOnly(db_options, directory_, families, &handles, &db)
          : rocksdb::DB::Open(db_options, directory_, families, &handles, &db);
  if (status.IsNotFound() ||
      status.IsPathNotFound()) {  // the store is there, one of its files is not
    return Status::CorruptedIndex(What("open: ") + status.ToString());
  }
  ENGRAM_RETURN_IF_ERROR(Wrap(status, "open"));
  db_.reset(db);
  ENGRAM_CHECK(handles.size() == kFamilies);
  std::copy(handles.begin(), handles.end(), handles_.begin());
  return Status::Ok();
}

Status MetaDatabase::CheckFamilies(const rocksdb::DBOptions& options) const {
  std::vector<std::string> found;
  const rocksdb::Status status = rocksdb::DB::ListColumnFamilies(options, directory_, &found);
  if (!status.ok()) return Status::Ok();  // the open will say the same
  for (const std::string& name : kFamilyNames) {
    if (std::find(found.begin(), found.end(), name) == found.end()) {
      return Status::NotFound(What("open: there is no family ") + name);
    }
  }
  return Status::Ok();
}

Result<MetaDatabase::Files> MetaDatabase::LiveFiles() const {
  Files files;
  ENGRAM_RETURN_IF_ERROR(
      Wrap(db_->GetLiveFiles(files.names, &files.manifest_bytes, /*flush_memtable=*/false),
           "list its files"));
  for (std::string& name : files.names) name.erase(0, name.find_last_of('/') + 1);
  return files;
}

void MetaDatabase::Stop() { rocksdb::CancelAllBackgroundWork(db_.get(), /*wait=*/true); }

Result<FamilyLsns> MetaDatabase::ReadLsns(rocksdb::ReadTier tier) const {
  rocksdb::ReadOptions read;
  read.read_tier = tier;
  FamilyLsns lsns{};
  for (const Family family : kAllFamilies) {
    const Family source = ENGRAM_MUTANT(kOneLsnForAllFamilies) ? Family::kMeta : family;
    rocksdb::PinnableSlice value;
    const rocksdb::Status status = db_->Get(read, handle(source), kAppliedKey, &value);
    if (status.IsNotFound()) continue;
    ENGRAM_RETURN_IF_ERROR(Wrap(status, "applied LSN of " + NameOf(family)));
    if (value.size() != sizeof(Lsn)) {
      return Status::CorruptedIndex(What("applied LSN of ") + NameOf(family) + " has " +
                                    std::to_string(value.size()) + " bytes, expected 8");
    }
    lsns[IndexOf(family)] = LoadAs<Lsn>(AsSpan(value).data());
  }
  return lsns;
}

Status MetaDatabase::ForEachRow(Family family,
                                const std::function<Status(Slice, Slice)>& visit) const {
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> row(db_->NewIterator(read, handle(family)));
  for (row->SeekToFirst(); row->Valid(); row->Next()) {
    const std::string_view key = row->key().ToStringView();
    if (key == kAppliedKey || (family == Family::kState && key == kStoreIdKey)) continue;
    ENGRAM_RETURN_IF_ERROR(visit(row->key(), row->value()));
  }
  return Wrap(row->status(), "read " + NameOf(family));
}

}  // namespace engram
