#include "storage/meta_store.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "storage/base/coding.h"
#include "storage/base/mutex.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "storage/meta_codec.h"
#include "storage/meta_database.h"
#include "storage/meta_flusher.h"
#include "storage/meta_keys.h"
#include "storage/meta_rows.h"
#include "storage/rocksdb_slice.h"

namespace engram {
namespace {

using rocksdb::Slice;

// A batch that one large commit has made larger is not kept.
constexpr std::size_t kKeptBatchBytes = 8 << 20;

Result<VersionRow> ParseVersionRow(const Slice& key, const Slice& value) {
  ENGRAM_ASSIGN_OR_RETURN(const ParsedKey parsed, ParseIdsKey(key.ToStringView()));
  if (value.size() != sizeof(SlotId)) {
    return Status::CorruptedIndex("version " + std::to_string(Raw(parsed.version)) +
                                  " of pattern " + std::to_string(parsed.id) + ": its row has " +
                                  std::to_string(value.size()) + " bytes, expected 4");
  }
  return VersionRow{parsed.id, parsed.version, LoadAs<SlotId>(AsSpan(value).data())};
}

class RocksMetaStore : public MetaStore {
 public:
  explicit RocksMetaStore(const MetaStoreOptions& options)
      : database_(options), flusher_(database_, options) {}

  Status Open(const MetaStoreOptions& options);

  FamilyLsns applied() const override {
    MutexLock lock(mutex_);
    return applied_;
  }
  Result<FamilyLsns> DurableLsns() const override {
    return database_.ReadLsns(rocksdb::kPersistedTier);
  }
  Status Apply(const RowBatch& batch, Lsn lsn, FamilySet families) override;
  Status WriteMarkers(Lsn lsn) override;
  Status Flush() override {
    ENGRAM_RETURN_IF_ERROR(BackgroundError());
    return flusher_.FlushAll(applied());
  }
  Status BackgroundError() const override { return database_.work().error(); }
  Status Resume() override {
    return flusher_.Resume([this] { return applied(); });
  }
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
  void DeliverLog() override { database_.log().Deliver(); }
  std::uint64_t MemoryBytes() const override;

 private:
  std::shared_ptr<const FieldNames> names() const {
    MutexLock lock(mutex_);
    return names_;
  }
  // The id of the store, made durable before there can be a commit: without it there is none.
  Status CheckStoreId(const MetaStoreOptions& options, const FamilyLsns& applied);
  Status WriteStoreId(std::uint64_t store_id);
  Result<FieldNames> ReadNames() const;
  // Writes what is in batch_, and on success notes `lsn` for `touched`.
  Status Write(FamilySet touched, Lsn lsn);
  // Empty where there is no row.
  Status GetMetaRow(PatternId id, Lsn version, rocksdb::PinnableSlice& row) const;

  MetaDatabase database_;
  MetaFlusher flusher_;

  rocksdb::WriteBatch batch_;  // kept for its memory; used by the writer alone

  mutable Mutex mutex_;
  FamilyLsns applied_ ENGRAM_GUARDED_BY(mutex_){};
  // What it points to never changes.
  std::shared_ptr<const FieldNames> names_ ENGRAM_GUARDED_BY(mutex_) =
      std::make_shared<FieldNames>();
};

Status RocksMetaStore::Open(const MetaStoreOptions& options) {
  ENGRAM_RETURN_IF_ERROR(database_.Open(options));
  ENGRAM_ASSIGN_OR_RETURN(const FamilyLsns applied, database_.ReadLsns(rocksdb::kReadAllTier));
  if (options.store_id) ENGRAM_RETURN_IF_ERROR(CheckStoreId(options, applied));
  ENGRAM_ASSIGN_OR_RETURN(FieldNames names, ReadNames());
  MutexLock lock(mutex_);
  applied_ = applied;
  names_ = std::make_shared<FieldNames>(std::move(names));
  return Status::Ok();
}

Status RocksMetaStore::CheckStoreId(const MetaStoreOptions& options, const FamilyLsns& applied) {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status =
      database_.db().Get({}, database_.handle(Family::kState), kStoreIdKey, &value);
  const std::string expected = ", expected " + std::to_string(*options.store_id);
  if (status.IsNotFound()) {
    const Lsn newest = *std::max_element(applied.begin(), applied.end());
    if (newest != Lsn::kNone) {
      return Status::CorruptedIndex(database_.What("open: it holds commits up to ") +
                                    std::to_string(Raw(newest)) + " and no store id" + expected);
    }
    if (options.read_only)
      return Status::NotFound(database_.What("open: there is no store id yet"));
    return WriteStoreId(*options.store_id);
  }
  ENGRAM_RETURN_IF_ERROR(database_.Wrap(status, "store id"));
  if (value.size() != sizeof(std::uint64_t)) {
    return Status::CorruptedIndex(database_.What("the store id has ") +
                                  std::to_string(value.size()) + " bytes, expected 8");
  }
  const auto found = LoadAs<std::uint64_t>(AsSpan(value).data());
  if (found == *options.store_id) return Status::Ok();
  return Status::CorruptedIndex(database_.What("store id ") + std::to_string(found) + expected);
}

Status RocksMetaStore::WriteStoreId(std::uint64_t store_id) {
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  ENGRAM_RETURN_IF_ERROR(database_.Wrap(database_.db().Put(write, database_.handle(Family::kState),
                                                           kStoreIdKey, AsSlice(AsBytes(store_id))),
                                        "write the store id"));
  return flusher_.FlushUntil([this]() -> Result<bool> {
    rocksdb::ReadOptions durable;
    durable.read_tier = rocksdb::kPersistedTier;
    rocksdb::PinnableSlice value;
    const rocksdb::Status status =
        database_.db().Get(durable, database_.handle(Family::kState), kStoreIdKey, &value);
    if (status.IsNotFound()) return false;
    ENGRAM_RETURN_IF_ERROR(database_.Wrap(status, "store id"));
    return true;
  });
}

Result<FieldNames> RocksMetaStore::ReadNames() const {
  FieldNames names;
  ENGRAM_RETURN_IF_ERROR(database_.ForEachRow(Family::kState, [&](Slice key, Slice name) -> Status {
    ENGRAM_ASSIGN_OR_RETURN(const std::uint16_t field, ParseNameKey(key.ToStringView()));
    SetName(names, field, name.ToString());
    return Status::Ok();
  }));
  return names;
}

Status RocksMetaStore::Apply(const RowBatch& batch, Lsn lsn, FamilySet families) {
  // RocksDB hears of a failure only after BackgroundWork.
  if (const Status error = database_.work().error(); error.code() != Code::kNoSpace) {
    ENGRAM_RETURN_IF_ERROR(error);
  }
  RowBatchBuilder builder(batch_, database_.handles(), families);
  std::shared_ptr<const FieldNames> names = this->names();
  if (!batch.field_names.empty()) {
    FieldNames more = *names;
    for (const auto& [field, name] : batch.field_names) {
      SetName(more, field, name);
      builder.AddName(field, name);
    }
    names = std::make_shared<FieldNames>(std::move(more));
  }
  for (const RowInsert& row : batch.inserts) {
    ENGRAM_RETURN_IF_ERROR(builder.AddInsert(row, *names));
  }
  for (const RowErase& row : batch.erases) builder.AddErase(row);
  const FamilySet touched = builder.touched();
  builder.PutApplied(touched, lsn);
  ENGRAM_RETURN_IF_ERROR(database_.Wrap(builder.status(), "build a batch"));
  ENGRAM_RETURN_IF_ERROR(Write(touched, lsn));
  MutexLock lock(mutex_);
  names_ = std::move(names);
  return Status::Ok();
}

Status RocksMetaStore::WriteMarkers(Lsn lsn) {
  const FamilySet all = FamilySet().set();
  RowBatchBuilder builder(batch_, database_.handles(), all);
  builder.PutApplied(all, lsn);
  ENGRAM_RETURN_IF_ERROR(database_.Wrap(builder.status(), "build a batch"));
  return Write(all, lsn);
}

Status RocksMetaStore::Write(FamilySet touched, Lsn lsn) {
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  const rocksdb::Status written = database_.db().Write(write, &batch_);
  if (batch_.GetDataSize() > kKeptBatchBytes) batch_ = rocksdb::WriteBatch();
  ENGRAM_RETURN_IF_ERROR(database_.Wrap(written, "write"));
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < kFamilies; ++i) {
    if (touched[i] || ENGRAM_MUTANT(kOneLsnForAllFamilies)) applied_[i] = lsn;
  }
  return Status::Ok();
}

Result<std::optional<VersionRow>> RocksMetaStore::FindVersion(PatternId id, Lsn at) const {
  const IdsKey newest = MakeIdsKey(id, at);
  // Version 0 is none, so its key ends the rows of `id`. Without the bound, deletions behind would
  // be walked over.
  const IdsKey end = MakeIdsKey(id, Lsn::kNone);
  const Slice upper_bound(end.view());
  rocksdb::ReadOptions read;
  read.iterate_upper_bound = &upper_bound;
  const std::unique_ptr<rocksdb::Iterator> row(
      database_.db().NewIterator(read, database_.handle(Family::kIds)));
  row->Seek(newest.view());
  if (!row->Valid()) {
    ENGRAM_RETURN_IF_ERROR(database_.Wrap(row->status(), "find a version"));
    return std::optional<VersionRow>();
  }
  ENGRAM_ASSIGN_OR_RETURN(const VersionRow found, ParseVersionRow(row->key(), row->value()));
  return std::optional<VersionRow>(found);
}

Status RocksMetaStore::GetMetaRow(PatternId id, Lsn version, rocksdb::PinnableSlice& row) const {
  const rocksdb::Status status = database_.db().Get({}, database_.handle(Family::kMeta),
                                                    MakeMetaKey(id, version).view(), &row);
  return status.IsNotFound() ? Status::Ok() : database_.Wrap(status, "read metadata");
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

Status RocksMetaStore::ForEachVersion(const std::function<Status(const VersionRow&)>& visit) const {
  return database_.ForEachRow(Family::kIds, [&](Slice key, Slice value) -> Status {
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
  return database_.ForEachRow(family, [&](Slice key, Slice) -> Status {
    ENGRAM_ASSIGN_OR_RETURN(const ParsedKey row, parse(key.ToStringView()));
    return visit({family, row.id, row.version, row.timestamp_us, row.type});
  });
}

Status RocksMetaStore::VerifyChecksums() const {
  return database_.Wrap(database_.db().VerifyChecksum(rocksdb::ReadOptions()), "verify checksums");
}

std::uint64_t RocksMetaStore::MemoryBytes() const {
  std::uint64_t total = database_.cache().GetUsage();
  for (rocksdb::ColumnFamilyHandle* family : database_.handles()) {
    std::uint64_t bytes = 0;
    if (database_.db().GetIntProperty(family, rocksdb::DB::Properties::kSizeAllMemTables, &bytes)) {
      total += bytes;
    }
  }
  return total;
}

}  // namespace

Result<std::unique_ptr<MetaStore>> MetaStore::Open(const MetaStoreOptions& options) {
  auto store = std::make_unique<RocksMetaStore>(options);
  ENGRAM_RETURN_IF_ERROR(store->Open(options));
  store->DeliverLog();
  return std::unique_ptr<MetaStore>(std::move(store));
}

}  // namespace engram
