#include "storage/meta_store.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "storage/base/coding.h"
#include "storage/base/mutex.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "storage/meta_codec.h"
#include "storage/meta_database.h"
#include "storage/meta_flusher.h"
#include "storage/meta_gate.h"
#include "storage/meta_keys.h"
#include "storage/meta_purge.h"
#include "storage/meta_reads.h"
#include "storage/meta_rows.h"
#include "storage/rocksdb_events.h"
#include "storage/rocksdb_manifest.h"
#include "storage/rocksdb_manifest_room.h"
#include "storage/rocksdb_slice.h"

namespace engram {
namespace {

using rocksdb::Slice;

// A batch that one large commit has made larger is not kept.
constexpr std::size_t kKeptBatchBytes = 8 << 20;
// What an opening writes beside the MANIFEST.
constexpr std::uint64_t kOpeningBytes = 64 << 10;

std::string Describe(const FamilyLsns& lsns) {
  std::string text;
  for (const Family family : kAllFamilies) {
    if (!text.empty()) text += ", ";
    text += NameOf(family) + " up to " + std::to_string(Raw(lsns[IndexOf(family)]));
  }
  return text;
}

class RocksMetaStore : public MetaStore {
 public:
  explicit RocksMetaStore(const MetaStoreOptions& options)
      : options_(options), log_(std::make_shared<RocksDbLogger>(options.log)) {}
  // Delivers what RocksDB has had to say, to its end.
  ~RocksMetaStore() override;

  Status Open();

  FamilyLsns applied() const override {
    MutexLock lock(mutex_);
    return applied_;
  }
  Result<FamilyLsns> DurableLsns() const override;
  Status Apply(const RowBatch& batch, Lsn lsn, FamilySet families) override;
  Status WriteMarkers(Lsn lsn) override;
  Status Flush() override;
  Status Purge(const std::function<bool()>& cancelled) override;
  Status Rewrite() override;
  Status BackgroundError() const override;
  Status Resume() override;

  Result<std::optional<VersionRow>> FindVersion(PatternId id, Lsn at) const override {
    return Read([&](const MetaReads& reads) { return reads.FindVersion(id, at); });
  }
  Result<Metadata> GetMetadata(PatternId id, Lsn version) const override;
  Result<std::vector<std::byte>> GetEncodedMetadata(PatternId id, Lsn version) const override;
  Result<std::vector<RowFieldKey>> FieldKeys(std::span<const std::byte> metadata) const override {
    return FieldKeysOf(metadata, *names());
  }
  std::vector<std::string> field_names() const override { return *names(); }
  Status ForEachVersion(const std::function<Status(const VersionRow&)>& visit) const override {
    return Read([&](const MetaReads& reads) { return reads.ForEachVersion(visit); });
  }
  Status ForEachIndexRow(Family family,
                         const std::function<Status(const IndexRow&)>& visit) const override {
    return Read([&](const MetaReads& reads) { return reads.ForEachIndexRow(family, visit); });
  }
  Status ForEachInTime(std::int64_t from_us, std::int64_t to_us,
                       const IndexVisitor& visit) const override {
    return Read([&](const MetaReads& reads) { return reads.ForEachInTime(from_us, to_us, visit); });
  }
  Status ForEachOfType(TypeTag type, std::int64_t from_us, std::int64_t to_us,
                       const IndexVisitor& visit) const override {
    return Read(
        [&](const MetaReads& reads) { return reads.ForEachOfType(type, from_us, to_us, visit); });
  }
  Status ForEachExpiry(std::int64_t from_us, std::int64_t to_us,
                       const IndexVisitor& visit) const override {
    return Read([&](const MetaReads& reads) { return reads.ForEachExpiry(from_us, to_us, visit); });
  }
  Result<std::optional<ClockRow>> FindClock(std::int64_t at_us) const override {
    return Read([&](const MetaReads& reads) { return reads.FindClock(at_us); });
  }
  Result<std::optional<ClockRow>> FindClockOf(Lsn lsn) const override {
    return Read([&](const MetaReads& reads) { return reads.FindClockOf(lsn); });
  }
  Status ForEachClock(std::int64_t to_us,
                      const std::function<Result<bool>(const ClockRow&)>& visit) const override {
    return Read([&](const MetaReads& reads) { return reads.ForEachClock(to_us, visit); });
  }
  Result<std::vector<SnapshotRow>> ReadSnapshots() const override {
    return Read([](const MetaReads& reads) { return reads.ReadSnapshots(); });
  }
  Status VerifyChecksums() const override;
  void DeliverLog() override { log_->Deliver(); }
  std::uint64_t MemoryBytes() const override;

 private:
  std::shared_ptr<const FieldNames> names() const {
    MutexLock lock(mutex_);
    return names_;
  }
  // Makes the call inside the gate. Errors: why there is no database.
  template <typename Call>
  auto Read(const Call& call) const -> decltype(call(std::declval<const MetaReads&>())) {
    const ReopenGate::Hold hold(gate_);
    ENGRAM_RETURN_IF_ERROR(lost_);
    return call(MetaReads(*database_));
  }
  // The id of the store, made durable before there can be a commit: without it there is none.
  Status CheckStoreId(const FamilyLsns& applied);
  Status WriteStoreId(std::uint64_t store_id);
  // Writes what is in batch_, and on success notes `lsn` for `touched`.
  Status Write(FamilySet touched, Lsn lsn);

  Status OpenDatabase();
  // What Rewrite() does with the gate closed: all of it, its second part, and the opening, which
  // must show `held`.
  Status Reopen() ENGRAM_EXCLUDES(mutex_);
  Status OpenAgain(const FamilyLsns& held);
  // Of the MANIFESTs among `names` nothing is left, not even after a power loss.
  Status RemoveManifests(std::span<const std::string> names) const;

  const MetaStoreOptions options_;
  const std::shared_ptr<RocksDbLogger> log_;

  // Whoever uses the next three is inside; Open() alone is before all else, and whoever changes
  // them has closed it.
  mutable ReopenGate gate_;
  std::unique_ptr<MetaDatabase> database_;
  std::unique_ptr<MetaFlusher> flusher_;
  Status lost_;  // why there is no database: it could not be opened again

  rocksdb::WriteBatch batch_;  // kept for its memory; used by the writer alone

  mutable Mutex mutex_;
  FamilyLsns applied_ ENGRAM_GUARDED_BY(mutex_){};
  // What it points to never changes.
  std::shared_ptr<const FieldNames> names_ ENGRAM_GUARDED_BY(mutex_) =
      std::make_shared<FieldNames>();
};

RocksMetaStore::~RocksMetaStore() {
  flusher_.reset();
  database_.reset();
  log_->Deliver();
}

Status RocksMetaStore::OpenDatabase() {
  database_ = std::make_unique<MetaDatabase>(options_, log_);
  flusher_ = std::make_unique<MetaFlusher>(*database_, options_);
  return database_->Open(options_);
}

Status RocksMetaStore::Open() {
  ENGRAM_RETURN_IF_ERROR(OpenDatabase());
  ENGRAM_ASSIGN_OR_RETURN(const FamilyLsns applied, database_->ReadLsns(rocksdb::kReadAllTier));
  if (options_.store_id) ENGRAM_RETURN_IF_ERROR(CheckStoreId(applied));
  ENGRAM_ASSIGN_OR_RETURN(FieldNames names, MetaReads(*database_).ReadNames());
  MutexLock lock(mutex_);
  applied_ = applied;
  names_ = std::make_shared<FieldNames>(std::move(names));
  return Status::Ok();
}

Status RocksMetaStore::CheckStoreId(const FamilyLsns& applied) {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status =
      database_->db().Get({}, database_->handle(Family::kState), kStoreIdKey, &value);
  const std::string expected = ", expected " + std::to_string(*options_.store_id);
  if (status.IsNotFound()) {
    const Lsn newest = *std::max_element(applied.begin(), applied.end());
    if (newest != Lsn::kNone) {
      return Status::CorruptedIndex(database_->What("open: it holds commits up to ") +
                                    std::to_string(Raw(newest)) + " and no store id" + expected);
    }
    if (options_.read_only)
      return Status::NotFound(database_->What("open: there is no store id yet"));
    return WriteStoreId(*options_.store_id);
  }
  ENGRAM_RETURN_IF_ERROR(database_->Wrap(status, "store id"));
  if (value.size() != sizeof(std::uint64_t)) {
    return Status::CorruptedIndex(database_->What("the store id has ") +
                                  std::to_string(value.size()) + " bytes, expected 8");
  }
  const auto found = LoadAs<std::uint64_t>(AsSpan(value).data());
  if (found == *options_.store_id) return Status::Ok();
  return Status::CorruptedIndex(database_->What("store id ") + std::to_string(found) + expected);
}

Status RocksMetaStore::WriteStoreId(std::uint64_t store_id) {
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  ENGRAM_RETURN_IF_ERROR(
      database_->Wrap(database_->db().Put(write, database_->handle(Family::kState), kStoreIdKey,
                                          AsSlice(AsBytes(store_id))),
                      "write the store id"));
  return flusher_->FlushUntil([this]() -> Result<bool> {
    rocksdb::ReadOptions durable;
    durable.read_tier = rocksdb::kPersistedTier;
    rocksdb::PinnableSlice value;
    const rocksdb::Status status =
        database_->db().Get(durable, database_->handle(Family::kState), kStoreIdKey, &value);
    if (status.IsNotFound()) return false;
    ENGRAM_RETURN_IF_ERROR(database_->Wrap(status, "store id"));
    return true;
  });
}

Result<FamilyLsns> RocksMetaStore::DurableLsns() const {
  const ReopenGate::Hold hold(gate_);
  ENGRAM_RETURN_IF_ERROR(lost_);
  return database_->ReadLsns(rocksdb::kPersistedTier);
}

Status RocksMetaStore::Apply(const RowBatch& batch, Lsn lsn, FamilySet families) {
  const ReopenGate::Hold hold(gate_);
  ENGRAM_RETURN_IF_ERROR(lost_);
  // RocksDB hears of a failure only after BackgroundWork.
  if (const Status error = database_->work().error(); error.code() != Code::kNoSpace) {
    ENGRAM_RETURN_IF_ERROR(error);
  }
  RowBatchBuilder builder(batch_, database_->handles(), families);
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
  for (const StateChange& change : batch.state) ENGRAM_RETURN_IF_ERROR(builder.AddChange(change));
  const FamilySet touched = builder.touched();
  builder.PutApplied(touched, lsn);
  ENGRAM_RETURN_IF_ERROR(database_->Wrap(builder.status(), "build a batch"));
  ENGRAM_RETURN_IF_ERROR(Write(touched, lsn));
  MutexLock lock(mutex_);
  names_ = std::move(names);
  return Status::Ok();
}

Status RocksMetaStore::WriteMarkers(Lsn lsn) {
  const ReopenGate::Hold hold(gate_);
  ENGRAM_RETURN_IF_ERROR(lost_);
  const FamilySet all = FamilySet().set();
  RowBatchBuilder builder(batch_, database_->handles(), all);
  builder.PutApplied(all, lsn);
  ENGRAM_RETURN_IF_ERROR(database_->Wrap(builder.status(), "build a batch"));
  return Write(all, lsn);
}

Status RocksMetaStore::Write(FamilySet touched, Lsn lsn) {
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  const rocksdb::Status written = database_->db().Write(write, &batch_);
  if (batch_.GetDataSize() > kKeptBatchBytes) batch_ = rocksdb::WriteBatch();
  ENGRAM_RETURN_IF_ERROR(database_->Wrap(written, "write"));
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < kFamilies; ++i) {
    if (touched[i] || ENGRAM_MUTANT(kOneLsnForAllFamilies)) applied_[i] = lsn;
  }
  return Status::Ok();
}

Status RocksMetaStore::Flush() {
  const ReopenGate::Hold hold(gate_);
  ENGRAM_RETURN_IF_ERROR(lost_);
  ENGRAM_RETURN_IF_ERROR(database_->work().error());
  return flusher_->FlushAll(applied());
}

Status RocksMetaStore::BackgroundError() const {
  const ReopenGate::Hold hold(gate_);
  return lost_.ok() ? database_->work().error() : lost_;
}

Status RocksMetaStore::Resume() {
  const ReopenGate::Hold hold(gate_);
  ENGRAM_RETURN_IF_ERROR(lost_);
  return flusher_->Resume([this] { return applied(); });
}

Status RocksMetaStore::Purge(const std::function<bool()>& cancelled) {
  const ReopenGate::Hold hold(gate_);
  ENGRAM_RETURN_IF_ERROR(lost_);
  if (options_.read_only) {
    return Status::NotSupported(database_->What("purge: it is open for reading only"));
  }
  ENGRAM_RETURN_IF_ERROR(Resume());
  ENGRAM_RETURN_IF_ERROR(Flush());
  for (const Family family : kAllFamilies) {
    if (cancelled()) return Status::Cancelled(database_->What("purge: cancelled"));
    ENGRAM_RETURN_IF_ERROR(PurgeFamily(*database_, family));
  }
  return WaitForWork(*database_);
}

Status RocksMetaStore::Rewrite() {
  ENGRAM_RETURN_IF_ERROR(Purge([] { return false; }));  // readers go on
  gate_.Close();
  const Status status = lost_.ok() ? Reopen() : lost_;
  gate_.Open();
  return status;
}

Status RocksMetaStore::Reopen() {
  ENGRAM_RETURN_IF_ERROR(database_->work().error());
  const FamilyLsns held = applied();
  // Nothing but the LSNs of a checkpoint can have come since. There is no log to bring them back.
  ENGRAM_RETURN_IF_ERROR(flusher_->FlushAll(held));
  ENGRAM_ASSIGN_OR_RETURN(const MetaDatabase::Files files, database_->LiveFiles());
  ENGRAM_RETURN_IF_ERROR(flusher_->TakeRoom(files.manifest_bytes + kManifestRoom + kOpeningBytes));
  database_->Stop();
  const Result<MetaDatabase::Files> needed = database_->LiveFiles();
  // A MANIFEST whose write has failed may name more.
  lost_ = needed.ok() ? database_->work().error() : needed.status();
  flusher_.reset();
  database_.reset();
  ENGRAM_RETURN_IF_ERROR(lost_);
  const Status removed = RemoveUnneeded(*options_.file_system, options_.directory, needed->names);
  lost_ = OpenAgain(held);
  ENGRAM_RETURN_IF_ERROR(lost_);
  ENGRAM_RETURN_IF_ERROR(removed);
  return RemoveManifests(needed->names);
}

Status RocksMetaStore::OpenAgain(const FamilyLsns& held) {
  Status status = OpenDatabase();
  if (status.ok()) {
    const Result<FamilyLsns> found = database_->ReadLsns(rocksdb::kReadAllTier);
    if (!found.ok()) {
      status = found.status();
    } else if (*found != held) {
      status = Status::CorruptedIndex(database_->What("opened again, it holds ") +
                                      Describe(*found) + ", expected " + Describe(held));
    }
  }
  if (status.ok()) return status;
  flusher_.reset();
  database_.reset();
  // Freeing space mends nothing now.
  const Code code = status.code() == Code::kNoSpace ? Code::kIoError : status.code();
  return Status(code, "after it was written anew: " + std::string(status.message()));
}

Status RocksMetaStore::RemoveManifests(std::span<const std::string> names) const {
  ENGRAM_ASSIGN_OR_RETURN(const MetaDatabase::Files live, database_->LiveFiles());
  FileSystem& files = *options_.file_system;
  for (const std::string& name : names) {
    if (!IsManifest(name)) continue;
    if (std::find(live.names.begin(), live.names.end(), name) != live.names.end()) {
      return Status::IoError(database_->What("it goes on with ") + name + ", expected a new one");
    }
    // RocksDB has tried, and may have kept a failure to itself.
    const Status removed = files.Unlink(JoinPath(options_.directory, name));
    if (removed.code() != Code::kNotFound) ENGRAM_RETURN_IF_ERROR(removed);
  }
  if (options_.log_barrier) ENGRAM_RETURN_IF_ERROR(options_.log_barrier());
  return files.SyncDirectory(options_.directory);
}

Status RocksMetaStore::VerifyChecksums() const {
  const ReopenGate::Hold hold(gate_);
  ENGRAM_RETURN_IF_ERROR(lost_);
  return database_->Wrap(database_->db().VerifyChecksum(rocksdb::ReadOptions()),
                         "verify checksums");
}

Result<Metadata> RocksMetaStore::GetMetadata(PatternId id, Lsn version) const {
  return Read([&](const MetaReads& reads) -> Result<Metadata> {
    rocksdb::PinnableSlice row;
    ENGRAM_RETURN_IF_ERROR(reads.GetMetaRow(id, version, row));
    return DecodeMetadata(AsSpan(row));
  });
}

Result<std::vector<std::byte>> RocksMetaStore::GetEncodedMetadata(PatternId id, Lsn version) const {
  return Read([&](const MetaReads& reads) -> Result<std::vector<std::byte>> {
    rocksdb::PinnableSlice row;
    ENGRAM_RETURN_IF_ERROR(reads.GetMetaRow(id, version, row));
    const auto bytes = AsSpan(row);
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  });
}

std::uint64_t RocksMetaStore::MemoryBytes() const {
  const ReopenGate::Hold hold(gate_);
  if (!lost_.ok()) return 0;
  std::uint64_t total = database_->cache().GetUsage();
  for (rocksdb::ColumnFamilyHandle* family : database_->handles()) {
    std::uint64_t bytes = 0;
    if (database_->db().GetIntProperty(family, rocksdb::DB::Properties::kSizeAllMemTables,
                                       &bytes)) {
      total += bytes;
    }
  }
  return total;
}

}  // namespace

Result<std::unique_ptr<MetaStore>> MetaStore::Open(const MetaStoreOptions& options) {
  auto store = std::make_unique<RocksMetaStore>(options);
  ENGRAM_RETURN_IF_ERROR(store->Open());
  store->DeliverLog();
  return std::unique_ptr<MetaStore>(std::move(store));
}

}  // namespace engram
