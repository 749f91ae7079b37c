#include "storage/meta_rows.h"

#include <optional>
#include <utility>
#include <variant>

#include "storage/base/coding.h"
#include "storage/base/ids.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "storage/meta_codec.h"
#include "storage/meta_keys.h"
#include "storage/meta_values.h"
#include "storage/rocksdb_slice.h"

namespace engram {

using rocksdb::Slice;

void SetName(FieldNames& names, std::uint16_t field, std::string name) {
  if (names.size() <= field) names.resize(std::size_t{field} + 1);
  names[field] = std::move(name);
}

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

void RowBatchBuilder::AddName(std::uint16_t field, std::string_view name) {
  Put(Family::kState, MakeNameKey(field).view(), name);
}

Status RowBatchBuilder::AddInsert(const RowInsert& row, const FieldNames& names) {
  Put(Family::kIds, MakeIdsKey(row.id, row.version).view(), AsSlice(MakeVersionValue(row).view()));
  if (row.moved_at != Lsn::kNone) return Status::Ok();
  Put(Family::kTime, MakeTimeKey(row.timestamp_us, row.id, row.version).view(), Slice());
  if (row.type != 0) {
    Put(Family::kType, MakeTypeKey(row.type, row.timestamp_us, row.id, row.version).view(),
        Slice());
  }
  if (row.expires_us != kNeverExpires) {
    Put(Family::kState, MakeExpiryKey(row.expires_us, row.id, row.version).view(), Slice());
  }
  if (row.metadata.empty()) return Status::Ok();
  Put(Family::kMeta, MakeMetaKey(row.id, row.version).view(), AsSlice(row.metadata));
  if (names.empty() || !Wants(Family::kField)) return Status::Ok();
  ENGRAM_ASSIGN_OR_RETURN(const auto fields, FieldKeysOf(row.metadata, names));
  for (const RowFieldKey& field : fields) {
    MakeFieldKey(field.field, field.value, row.id, row.version, field_key_);
    Put(Family::kField, field_key_, Slice());
  }
  return Status::Ok();
}

void RowBatchBuilder::AddErase(const RowErase& row) {
  Delete(Family::kIds, MakeIdsKey(row.id, row.version).view());
  Delete(Family::kTime, MakeTimeKey(row.timestamp_us, row.id, row.version).view());
  if (row.type != 0) {
    Delete(Family::kType, MakeTypeKey(row.type, row.timestamp_us, row.id, row.version).view());
  }
  if (row.expires_us != kNeverExpires) {
    Delete(Family::kState, MakeExpiryKey(row.expires_us, row.id, row.version).view());
  }
  Delete(Family::kMeta, MakeMetaKey(row.id, row.version).view());
  for (const RowFieldKey& field : row.fields) {
    MakeFieldKey(field.field, field.value, row.id, row.version, field_key_);
    Delete(Family::kField, field_key_);
  }
}

Status RowBatchBuilder::AddChange(const StateChange& change) {
  if (const auto* clock = std::get_if<ClockRow>(&change)) {
    Put(Family::kState, MakeClockKey(clock->clock_us).view(), AsSlice(AsBytes(clock->lsn)));
    return Status::Ok();
  }
  if (const auto* clock = std::get_if<ClockErase>(&change)) {
    Delete(Family::kState, MakeClockKey(clock->clock_us).view());
    return Status::Ok();
  }
  const auto* put = std::get_if<SnapshotRow>(&change);
  const std::string& name = put != nullptr ? put->name : std::get<SnapshotErase>(change).name;
  if (name.empty() || name.size() > kMaxSnapshotNameBytes) {
    return Status::InvalidArgument("a snapshot's name has " + std::to_string(name.size()) +
                                   " bytes, expected 1 to " +
                                   std::to_string(kMaxSnapshotNameBytes));
  }
  const std::string key = MakeSnapshotKey(name);
  if (put == nullptr) {
    Delete(Family::kState, key);
  } else {
    Put(Family::kState, key, AsSlice(MakeSnapshotValue(*put).view()));
  }
  return Status::Ok();
}

void RowBatchBuilder::PutApplied(FamilySet families, Lsn lsn) {
  if (ENGRAM_MUTANT(kOneLsnForAllFamilies)) families = FamilySet().set(IndexOf(Family::kMeta));
  for (const Family family : kAllFamilies) {
    if (!families[IndexOf(family)]) continue;
    Note(batch_.Put(handles_[IndexOf(family)], kAppliedKey, AsSlice(AsBytes(Raw(lsn)))), family);
  }
}

void RowBatchBuilder::Put(Family family, std::string_view key, const Slice& value) {
  if (Wants(family)) Note(batch_.Put(handles_[IndexOf(family)], key, value), family);
}

void RowBatchBuilder::Delete(Family family, std::string_view key) {
  if (Wants(family)) Note(batch_.Delete(handles_[IndexOf(family)], key), family);
}

void RowBatchBuilder::Note(rocksdb::Status status, Family family) {
  touched_.set(IndexOf(family));
  if (status_.ok()) status_ = std::move(status);
}

}  // namespace engram
