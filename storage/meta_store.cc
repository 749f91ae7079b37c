#include "storage/meta_store.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/write_batch.h>

#include "storage/base/check.h"
#include "storage/base/coding.h"
#include "storage/base/mutex.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "storage/meta_codec.h"
#include "storage/meta_keys.h"
#include "storage/rocksdb_env.h"
#include "storage/rocksdb_events.h"
#include "storage/rocksdb_file_system.h"
#include "storage/rocksdb_options.h"
#include "storage/rocksdb_status.h"

namespace engram {
namespace {

using rocksdb::Slice;

// In the order of Family. kState lives in the family that every RocksDB has.
const std::array<std::string, kFamilies> kFamilyNames = {
    "meta", "ids", "time", "type", "field", rocksdb::kDefaultColumnFamilyName};

constexpr std::array<Family, kFamilies> kAllFamilies = {
    Family::kMeta, Family::kIds, Family::kTime, Family::kType, Family::kField, Family::kState};

// Where a family has as many, rows wait for RocksDB: before their commit, and at less than would
// let RocksDB itself keep them waiting, which on a full disk it would do for ever
// (rocksdb_options.cc).
constexpr std::uint64_t kMostFullBuffers = 2;
constexpr std::uint64_t kMostLevel0Files = 20;

constexpr std::size_t kBlockCacheBytes = 8 << 20;
// A batch that one large commit has made larger is not kept.
constexpr std::size_t kKeptBatchBytes = 8 << 20;
// While it is found out whether there is room for a flush.
constexpr const char* kRoomFile = "room.tmp";
constexpr int kBlockCacheShardBits = 2;

constexpr std::size_t IndexOf(Family family) { return static_cast<std::size_t>(family); }

Slice AsSlice(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> AsSpan(const Slice& slice) {
  return std::as_bytes(std::span(slice.data(), slice.size()));
}

// The indexed names by number; "" for a number that is not given out. Never changed once shared.
using FieldNames = std::vector<std::string>;

Result<std::vector<RowFieldKey>> FieldKeysOf(std::span<const std::byte> metadata,
                                             const FieldNames& names) {
  std::vector<RowFieldKey> keys;
  ENGRAM_ASSIGN_OR_RETURN(const auto scalars, FindScalars(metadata, names));
  for (const auto& [number, value] : scalars) {
    if (names[number].empty()) continue;
    if (std::optional<std::string> key = MakeValueKey(value)) {
      keys.push_back({static_cast<std::uint16_t>(number), *std::move(key)});
    }
  }
  return keys;
}

void SetName(FieldNames& names, std::uint16_t field, std::string name) {
  if (names.size() <= field) names.resize(std::size_t{field} + 1);
  names[field] = std::move(name);
}

Result<VersionRow> ParseVersionRow(const Slice& key, const Slice& value) {
  ENGRAM_ASSIGN_OR_RETURN(const ParsedKey parsed, ParseIdsKey(key.ToStringView()));
  if (value.size() != sizeof(SlotId)) {
    return Status::CorruptedIndex("version " + std::to_string(Raw(parsed.version)) +
                                  " of pattern " + std::to_string(parsed.id) + ": its row has " +
                                  std::to_string(value.size()) + " bytes, expected 4");
  }
  return VersionRow{parsed.id, parsed.version, LoadAs<SlotId>(AsSpan(value).data())};
}

using FamilyHandles = std::array<rocksdb::ColumnFamilyHandle*, kFamilies>;

// One batch of rows for RocksDB, and which families got any.
class BatchBuilder {
 public:
  BatchBuilder(rocksdb::WriteBatch& batch, const FamilyHandles& handles, FamilySet wanted)
      : batch_(batch), handles_(handles), wanted_(wanted) {
    batch_.Clear();
  }

  bool Wants(Family family) const { return wanted_[IndexOf(family)]; }
  FamilySet touched() const { return touched_; }

  void Put(Family family, std::string_view key, const Slice& value) {
    if (!Wants(family)) return;
    Note(batch_.Put(handles_[IndexOf(family)], key, value), family);
  }
  void Delete(Family family, std::string_view key) {
    if (!Wants(family)) return;
    Note(batch_.Delete(handles_[IndexOf(family)], key), family);
  }

  // Into every family that got a row, or into all of `families`.
  void PutApplied(FamilySet families, Lsn lsn) {
    if (ENGRAM_MUTANT(kOneLsnForAllFamilies)) families = FamilySet().set(IndexOf(Family::kMeta));
    for (const Family family : kAllFamilies) {
      if (!families[IndexOf(family)]) continue;
      Note(batch_.Put(handles_[IndexOf(family)], kAppliedKey, AsSlice(AsBytes(Raw(lsn)))), family);
    }
  }

  // The first row that RocksDB refused, as larger than it takes.
  const rocksdb::Status& status() const { return status_; }

 private:
  void Note(rocksdb::Status status, Family family) {
    touched_.set(IndexOf(family));
    if (status_.ok()) status_ = std::move(status);
  }

  rocksdb::WriteBatch& batch_;
  const FamilyHandles& handles_;
  const FamilySet wanted_;
  FamilySet touched_;
  rocksdb::Status status_;
};

// RocksDB would make the directory in either mode, and warn first that it is not there.
Status PrepareDirectory(const MetaStoreOptions& options) {
  FileSystem& files = *options.file_system;
  if (!options.read_only) {
    ENGRAM_RETURN_IF_ERROR(files.CreateDirectory(options.directory));
    const Status removed = files.Unlink(JoinPath(options.directory, kRoomFile));  // a crash left it
    return removed.code() == Code::kNotFound ? Status::Ok() : removed;
  }
  const auto current = files.Stat(JoinPath(options.directory, "CURRENT"));
  if (current.code() != Code::kNotFound) return current.status();
  return Status::NotFound("no metadata store in " + options.directory);
}

class RocksMetaStore : public MetaStore {
 public:
  explicit RocksMetaStore(const MetaStoreOptions& options)
      : directory_(options.directory),
        buffer_bytes_(options.buffer_bytes),
        file_system_(options.file_system),
        env_(MakeRocksDbEnv(MakeRocksDbFileSystem(options.file_system, options.log_barrier))),
        cache_(rocksdb::NewLRUCache(kBlockCacheBytes, kBlockCacheShardBits)),
        work_(std::make_shared<BackgroundWork>()),
        log_(std::make_shared<RocksDbLogger>(options.log)) {}
  ~RocksMetaStore() override;

  Status OpenDatabase(const MetaStoreOptions& options);
  // A crash while the database was made leaves it without some families, which only an opening for
  // writing adds. Errors: kNotFound.
  Status CheckFamilies(const rocksdb::DBOptions& options) const;
  // The id of the store, made durable before there can be a commit: without it there is none.
  Status CheckStoreId(const MetaStoreOptions& options, const FamilyLsns& applied);
  Status WriteStoreId(std::uint64_t store_id);

  FamilyLsns applied() const override {
    MutexLock lock(mutex_);
    return applied_;
  }
  Result<FamilyLsns> DurableLsns() const override { return ReadLsns(rocksdb::kPersistedTier); }
  Status Apply(const RowBatch& batch, Lsn lsn, FamilySet families) override;
  Status WriteMarkers(Lsn lsn) override;
  Status Flush() override;
  Status BackgroundError() const override { return work_->error(); }
  Status Resume() override;
  Result<std::optional<VersionRow>> FindVersion(PatternId id, Lsn at) const override;
  Result<Metadata> GetMetadata(PatternId id, Lsn version) const override;
  Result<std::vector<std::byte>> GetEncodedMetadata(PatternId id, Lsn version) const override;
  Result<std::vector<RowFieldKey>> FieldKeys(std::span<const std::byte> metadata) const override {
    return FieldKeysOf(metadata, *names());
  }
  std::vector<std::string> field_names() const override { return *names(); }
  Status ForEachVersion(const std::function<Status(const VersionRow&)>& visit) const override;
  Status ForEachIndexRow(Family family,
                         const std::function<Status(const IndexRow&)>& visit) const override;
  Status VerifyChecksums() const override;
  void DeliverLog() override { log_->Deliver(); }
  std::uint64_t MemoryBytes() const override;

 private:
  rocksdb::ColumnFamilyHandle* handle(Family family) const { return handles_[IndexOf(family)]; }
  std::shared_ptr<const FieldNames> names() const {
    MutexLock lock(mutex_);
    return names_;
  }
  std::string What(std::string_view call) const {
    return "metadata store in " + directory_ + ": " + std::string(call);
  }
  Status Wrap(const rocksdb::Status& status, std::string_view call) const {
    return status.ok() ? Status::Ok() : FromRocksDb(status, What(call));
  }

  Result<FamilyLsns> ReadLsns(rocksdb::ReadTier tier) const;
  Result<FieldNames> ReadNames() const;
  Status AddInsert(const RowInsert& row, const FieldNames& names, BatchBuilder& builder);
  void AddErase(const RowErase& row, BatchBuilder& builder);
  // Writes what is in batch_, and on success notes `lsn` for `touched`.
  Status Write(FamilySet touched, Lsn lsn);
  // Calls `visit` with key and value of every row but the applied LSN and the store id.
  Status ForEachRow(Family family, const std::function<Status(Slice, Slice)>& visit) const;
  // Empty where there is no row.
  Status GetMetaRow(PatternId id, Lsn version, rocksdb::PinnableSlice& row) const;

  // Whether as much as the write buffers hold can be written. Errors: kNoSpace.
  Status TryRoom() const;
  // Flushes every family and waits for `durable`. Errors: that of a flush that failed meanwhile.
  Status FlushUntil(const std::function<Result<bool>()>& durable);
  Status FlushAll();
  // Waits while RocksDB is too far behind. Errors: what keeps it from catching up.
  Status WaitForBackground();
  bool TooManyFullBuffers() const;
  // Looks only where a flush has ended since it last found few.
  bool TooManyLevel0Files(std::uint64_t flushes) ENGRAM_EXCLUDES(mutex_);

  const std::string directory_;
  const std::uint64_t buffer_bytes_;
  const std::shared_ptr<FileSystem> file_system_;
  // Declared before db_, which uses them to its end.
  const std::unique_ptr<rocksdb::Env> env_;
  const std::shared_ptr<rocksdb::Cache> cache_;
  const std::shared_ptr<BackgroundWork> work_;
  const std::shared_ptr<RocksDbLogger> log_;
  std::unique_ptr<rocksdb::DB> db_;
  FamilyHandles handles_{};

  // Kept for their memory; used by the writer alone.
  rocksdb::WriteBatch batch_;
  std::string field_key_;

  mutable Mutex mutex_;
  FamilyLsns applied_ ENGRAM_GUARDED_BY(mutex_){};
  // BackgroundWork's count when every family had few files in level 0.
  std::optional<std::uint64_t> flushes_checked_ ENGRAM_GUARDED_BY(mutex_);
  std::shared_ptr<const FieldNames> names_ ENGRAM_GUARDED_BY(mutex_) =
      std::make_shared<FieldNames>();
};

RocksMetaStore::~RocksMetaStore() {
  for (rocksdb::ColumnFamilyHandle* family : handles_) {
    // Nothing to be done about a failure, and nothing is lost by one.
    if (family != nullptr) db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  if (db_ != nullptr) db_->Close().PermitUncheckedError();
  db_.reset();
  log_->Deliver();
}

Status RocksMetaStore::OpenDatabase(const MetaStoreOptions& options) {
  ENGRAM_RETURN_IF_ERROR(PrepareDirectory(options));
  rocksdb::DBOptions db_options = MakeDbOptions(options.buffer_bytes);
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

  ENGRAM_ASSIGN_OR_RETURN(const FamilyLsns applied, ReadLsns(rocksdb::kReadAllTier));
  if (options.store_id) ENGRAM_RETURN_IF_ERROR(CheckStoreId(options, applied));
  ENGRAM_ASSIGN_OR_RETURN(FieldNames names, ReadNames());
  MutexLock lock(mutex_);
  applied_ = applied;
  names_ = std::make_shared<FieldNames>(std::move(names));
  return Status::Ok();
}

Status RocksMetaStore::CheckFamilies(const rocksdb::DBOptions& options) const {
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

Status RocksMetaStore::CheckStoreId(const MetaStoreOptions& options, const FamilyLsns& applied) {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = db_->Get({}, handle(Family::kState), kStoreIdKey, &value);
  const std::string expected = ", expected " + std::to_string(*options.store_id);
  if (status.IsNotFound()) {
    const Lsn newest = *std::max_element(applied.begin(), applied.end());
    if (newest != Lsn::kNone) {
      return Status::CorruptedIndex(What("open: it holds commits up to ") +
                                    std::to_string(Raw(newest)) + " and no store id" + expected);
    }
    if (options.read_only) return Status::NotFound(What("open: there is no store id yet"));
    return WriteStoreId(*options.store_id);
  }
  ENGRAM_RETURN_IF_ERROR(Wrap(status, "store id"));
  if (value.size() != sizeof(std::uint64_t)) {
    return Status::CorruptedIndex(What("the store id has ") + std::to_string(value.size()) +
                                  " bytes, expected 8");
  }
  const auto found = LoadAs<std::uint64_t>(AsSpan(value).data());
  if (found == *options.store_id) return Status::Ok();
  return Status::CorruptedIndex(What("store id ") + std::to_string(found) + expected);
}

Status RocksMetaStore::WriteStoreId(std::uint64_t store_id) {
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  ENGRAM_RETURN_IF_ERROR(
      Wrap(db_->Put(write, handle(Family::kState), kStoreIdKey, AsSlice(AsBytes(store_id))),
           "write the store id"));
  return FlushUntil([this]() -> Result<bool> {
    rocksdb::ReadOptions durable;
    durable.read_tier = rocksdb::kPersistedTier;
    rocksdb::PinnableSlice value;
    const rocksdb::Status status = db_->Get(durable, handle(Family::kState), kStoreIdKey, &value);
    if (status.IsNotFound()) return false;
    ENGRAM_RETURN_IF_ERROR(Wrap(status, "store id"));
    return true;
  });
}

Result<FamilyLsns> RocksMetaStore::ReadLsns(rocksdb::ReadTier tier) const {
  rocksdb::ReadOptions read;
  read.read_tier = tier;
  FamilyLsns lsns{};
  for (const Family family : kAllFamilies) {
    const Family source = ENGRAM_MUTANT(kOneLsnForAllFamilies) ? Family::kMeta : family;
    rocksdb::PinnableSlice value;
    const rocksdb::Status status = db_->Get(read, handle(source), kAppliedKey, &value);
    if (status.IsNotFound()) continue;
    ENGRAM_RETURN_IF_ERROR(Wrap(status, "applied LSN of " + kFamilyNames[IndexOf(family)]));
    if (value.size() != sizeof(Lsn)) {
      return Status::CorruptedIndex(What("applied LSN of ") + kFamilyNames[IndexOf(family)] +
                                    " has " + std::to_string(value.size()) + " bytes, expected 8");
    }
    lsns[IndexOf(family)] = LoadAs<Lsn>(AsSpan(value).data());
  }
  return lsns;
}

Result<FieldNames> RocksMetaStore::ReadNames() const {
  FieldNames names;
  ENGRAM_RETURN_IF_ERROR(ForEachRow(Family::kState, [&](Slice key, Slice name) -> Status {
    ENGRAM_ASSIGN_OR_RETURN(const std::uint16_t field, ParseNameKey(key.ToStringView()));
    SetName(names, field, name.ToString());
    return Status::Ok();
  }));
  return names;
}

Status RocksMetaStore::AddInsert(const RowInsert& row, const FieldNames& names,
                                 BatchBuilder& builder) {
  builder.Put(Family::kIds, MakeIdsKey(row.id, row.version).view(), AsSlice(AsBytes(row.slot)));
  builder.Put(Family::kTime, MakeTimeKey(row.timestamp_us, row.id, row.version).view(), Slice());
  if (row.type != 0) {
    builder.Put(Family::kType, MakeTypeKey(row.type, row.timestamp_us, row.id, row.version).view(),
                Slice());
  }
  if (row.metadata.empty()) return Status::Ok();
  builder.Put(Family::kMeta, MakeMetaKey(row.id, row.version).view(), AsSlice(row.metadata));
  if (names.empty() || !builder.Wants(Family::kField)) return Status::Ok();
  ENGRAM_ASSIGN_OR_RETURN(const auto fields, FieldKeysOf(row.metadata, names));
  for (const RowFieldKey& field : fields) {
    MakeFieldKey(field.field, field.value, row.id, row.version, field_key_);
    builder.Put(Family::kField, field_key_, Slice());
  }
  return Status::Ok();
}

void RocksMetaStore::AddErase(const RowErase& row, BatchBuilder& builder) {
  builder.Delete(Family::kIds, MakeIdsKey(row.id, row.version).view());
  builder.Delete(Family::kTime, MakeTimeKey(row.timestamp_us, row.id, row.version).view());
  if (row.type != 0) {
    builder.Delete(Family::kType,
                   MakeTypeKey(row.type, row.timestamp_us, row.id, row.version).view());
  }
  builder.Delete(Family::kMeta, MakeMetaKey(row.id, row.version).view());
  for (const RowFieldKey& field : row.fields) {
    MakeFieldKey(field.field, field.value, row.id, row.version, field_key_);
    builder.Delete(Family::kField, field_key_);
  }
}

Status RocksMetaStore::Apply(const RowBatch& batch, Lsn lsn, FamilySet families) {
  // RocksDB hears of a failure only after BackgroundWork.
  if (const Status error = work_->error(); error.code() != Code::kNoSpace) {
    ENGRAM_RETURN_IF_ERROR(error);
  }
  BatchBuilder builder(batch_, handles_, families);
  std::shared_ptr<const FieldNames> names = this->names();
  if (!batch.field_names.empty()) {
    FieldNames more = *names;
    for (const auto& [field, name] : batch.field_names) {
      SetName(more, field, name);
      builder.Put(Family::kState, MakeNameKey(field).view(), name);
    }
    names = std::make_shared<FieldNames>(std::move(more));
  }
  for (const RowInsert& row : batch.inserts) {
    ENGRAM_RETURN_IF_ERROR(AddInsert(row, *names, builder));
  }
  for (const RowErase& row : batch.erases) AddErase(row, builder);
  const FamilySet touched = builder.touched();
  builder.PutApplied(touched, lsn);
  ENGRAM_RETURN_IF_ERROR(Wrap(builder.status(), "build a batch"));
  ENGRAM_RETURN_IF_ERROR(Write(touched, lsn));
  MutexLock lock(mutex_);
  names_ = std::move(names);
  return Status::Ok();
}

Status RocksMetaStore::WriteMarkers(Lsn lsn) {
  const FamilySet all = FamilySet().set();
  BatchBuilder builder(batch_, handles_, all);
  builder.PutApplied(all, lsn);
  ENGRAM_RETURN_IF_ERROR(Wrap(builder.status(), "build a batch"));
  return Write(all, lsn);
}

Status RocksMetaStore::Write(FamilySet touched, Lsn lsn) {
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  const rocksdb::Status written = db_->Write(write, &batch_);
  if (batch_.GetDataSize() > kKeptBatchBytes) batch_ = rocksdb::WriteBatch();
  ENGRAM_RETURN_IF_ERROR(Wrap(written, "write"));
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < kFamilies; ++i) {
    if (touched[i] || ENGRAM_MUTANT(kOneLsnForAllFamilies)) applied_[i] = lsn;
  }
  return Status::Ok();
}

Status RocksMetaStore::Flush() {
  ENGRAM_RETURN_IF_ERROR(BackgroundError());
  return FlushAll();
}

Status RocksMetaStore::FlushAll() {
  const FamilyLsns wanted = applied();
  return FlushUntil([this, &wanted]() -> Result<bool> {
    // Rows may have come without a new LSN; what was there when the flush began is immutable now.
    for (rocksdb::ColumnFamilyHandle* family : handles_) {
      std::uint64_t waiting = 0;
      db_->GetIntProperty(family, rocksdb::DB::Properties::kNumImmutableMemTable, &waiting);
      if (waiting > 0) return false;
    }
    ENGRAM_ASSIGN_OR_RETURN(const FamilyLsns durable, DurableLsns());
    return std::equal(durable.begin(), durable.end(), wanted.begin(), std::greater_equal<>());
  });
}

Status RocksMetaStore::FlushUntil(const std::function<Result<bool>()>& durable) {
  std::uint64_t failed = work_->counts().failed_flushes;
  rocksdb::FlushOptions flush;
  flush.wait = false;  // for ever, where it fails and BackgroundWork has kept that from RocksDB
  flush.allow_write_stall = true;  // rather than wait for a moment without writes
  ENGRAM_RETURN_IF_ERROR(Wrap(db_->Flush(flush, {handles_.begin(), handles_.end()}), "flush"));
  while (true) {
    const BackgroundWork::Counts seen = work_->counts();
    ENGRAM_ASSIGN_OR_RETURN(const bool done, durable());
    if (done) {
      work_->ClearNoSpace(failed);
      return Status::Ok();
    }
    const Status error = work_->error();
    if (!error.ok() && (error.code() != Code::kNoSpace || seen.failed_flushes != failed)) {
      return error;
    }
    failed = seen.failed_flushes;  // where there were more, another thread has repeated them
    work_->WaitForChange(seen);
  }
}

Status RocksMetaStore::TryRoom() const {
  const std::string path = JoinPath(directory_, kRoomFile);
  ENGRAM_ASSIGN_OR_RETURN(std::unique_ptr<File> file, file_system_->Open(path, OpenMode::kCreate));
  std::uint64_t bytes = buffer_bytes_;
  db_->GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &bytes);
  const Status room = file->Allocate(0, bytes);
  file.reset();
  const Status removed = file_system_->Unlink(path);
  return room.ok() ? removed : room;
}

Status RocksMetaStore::Resume() {
  // A flush that was under way before there was room may fail behind the look for room.
  constexpr int kTries = 2;
  Status error = work_->error();
  for (int i = 0; i < kTries && error.code() == Code::kNoSpace; ++i) {
    ENGRAM_RETURN_IF_ERROR(TryRoom());
    error = FlushAll();
  }
  ENGRAM_RETURN_IF_ERROR(error);
  return WaitForBackground();
}

Status RocksMetaStore::WaitForBackground() {
  while (true) {
    const BackgroundWork::Counts seen = work_->counts();
    const bool level0 = TooManyLevel0Files(seen.flushes);
    if (!level0 && !TooManyFullBuffers()) return Status::Ok();
    // Full buffers are being flushed, or that has failed; a compaction that fails is begun again.
    ENGRAM_RETURN_IF_ERROR(BackgroundError());
    work_->WaitForChange(seen);
    if (level0 && work_->counts().failed_compactions != seen.failed_compactions) {
      ENGRAM_RETURN_IF_ERROR(BackgroundError());
      return Status::NoSpace(What("no room for a compaction, and too many files wait for one"));
    }
  }
}

bool RocksMetaStore::TooManyFullBuffers() const {
  return std::any_of(handles_.begin(), handles_.end(), [this](auto* family) {
    std::uint64_t full = 0;
    return db_->GetIntProperty(family, rocksdb::DB::Properties::kNumImmutableMemTable, &full) &&
           full >= kMostFullBuffers;
  });
}

bool RocksMetaStore::TooManyLevel0Files(std::uint64_t flushes) {
  MutexLock lock(mutex_);
  if (flushes_checked_ == flushes) return false;
  for (rocksdb::ColumnFamilyHandle* family : handles_) {
    std::string files;
    db_->GetProperty(family, rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0", &files);
    std::uint64_t count = 0;
    std::from_chars(files.data(), files.data() + files.size(), count);
    if (count >= kMostLevel0Files) return true;
  }
  flushes_checked_ = flushes;
  return false;
}

Result<std::optional<VersionRow>> RocksMetaStore::FindVersion(PatternId id, Lsn at) const {
  const IdsKey newest = MakeIdsKey(id, at);
  // Version 0 is none, so its key ends the rows of `id`. Without the bound, deletions behind would
  // be walked over.
  const IdsKey end = MakeIdsKey(id, Lsn::kNone);
  const Slice upper_bound(end.view());
  rocksdb::ReadOptions read;
  read.iterate_upper_bound = &upper_bound;
  const std::unique_ptr<rocksdb::Iterator> row(db_->NewIterator(read, handle(Family::kIds)));
  row->Seek(newest.view());
  if (!row->Valid()) {
    ENGRAM_RETURN_IF_ERROR(Wrap(row->status(), "find a version"));
    return std::optional<VersionRow>();
  }
  ENGRAM_ASSIGN_OR_RETURN(const VersionRow found, ParseVersionRow(row->key(), row->value()));
  return std::optional<VersionRow>(found);
}

Status RocksMetaStore::GetMetaRow(PatternId id, Lsn version, rocksdb::PinnableSlice& row) const {
  const rocksdb::Status status =
      db_->Get({}, handle(Family::kMeta), MakeMetaKey(id, version).view(), &row);
  return status.IsNotFound() ? Status::Ok() : Wrap(status, "read metadata");
}

Result<Metadata> RocksMetaStore::GetMetadata(PatternId id, Lsn version) const {
  rocksdb::PinnableSlice row;
  ENGRAM_RETURN_IF_ERROR(GetMetaRow(id, version, row));
  return DecodeMetadata(AsSpan(row));
}

Result<std::vector<std::byte>> RocksMetaStore::GetEncodedMetadata(PatternId id, Lsn version) const {
  rocksdb::PinnableSlice row;
  ENGRAM_RETURN_IF_ERROR(GetMetaRow(id, version, row));
  const auto bytes = AsSpan(row);
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

Status RocksMetaStore::ForEachRow(Family family,
                                  const std::function<Status(Slice, Slice)>& visit) const {
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> row(db_->NewIterator(read, handle(family)));
  for (row->SeekToFirst(); row->Valid(); row->Next()) {
    const std::string_view key = row->key().ToStringView();
    if (key == kAppliedKey || (family == Family::kState && key == kStoreIdKey)) continue;
    ENGRAM_RETURN_IF_ERROR(visit(row->key(), row->value()));
  }
  return Wrap(row->status(), "read " + kFamilyNames[IndexOf(family)]);
}

Status RocksMetaStore::ForEachVersion(const std::function<Status(const VersionRow&)>& visit) const {
  return ForEachRow(Family::kIds, [&](Slice key, Slice value) -> Status {
    ENGRAM_ASSIGN_OR_RETURN(const VersionRow row, ParseVersionRow(key, value));
    return visit(row);
  });
}

Status RocksMetaStore::ForEachIndexRow(Family family,
                                       const std::function<Status(const IndexRow&)>& visit) const {
  Result<ParsedKey> (*parse)(std::string_view) = nullptr;
  switch (family) {
    case Family::kMeta:
      parse = ParseMetaKey;
      break;
    case Family::kTime:
      parse = ParseTimeKey;
      break;
    case Family::kType:
      parse = ParseTypeKey;
      break;
    case Family::kField:
      parse = ParseFieldKey;
      break;
    case Family::kIds:
    case Family::kState:
      return Status::InvalidArgument("this family has no index rows");
  }
  return ForEachRow(family, [&](Slice key, Slice) -> Status {
    ENGRAM_ASSIGN_OR_RETURN(const ParsedKey row, parse(key.ToStringView()));
    return visit({family, row.id, row.version, row.timestamp_us, row.type});
  });
}

Status RocksMetaStore::VerifyChecksums() const {
  return Wrap(db_->VerifyChecksum(rocksdb::ReadOptions()), "verify checksums");
}

std::uint64_t RocksMetaStore::MemoryBytes() const {
  std::uint64_t total = cache_->GetUsage();
  for (rocksdb::ColumnFamilyHandle* family : handles_) {
    std::uint64_t bytes = 0;
    if (db_->GetIntProperty(family, rocksdb::DB::Properties::kSizeAllMemTables, &bytes)) {
      total += bytes;
    }
  }
  return total;
}

}  // namespace

Result<std::unique_ptr<MetaStore>> MetaStore::Open(const MetaStoreOptions& options) {
  auto store = std::make_unique<RocksMetaStore>(options);
  ENGRAM_RETURN_IF_ERROR(store->OpenDatabase(options));
  store->DeliverLog();
  return std::unique_ptr<MetaStore>(std::move(store));
}

}  // namespace engram
