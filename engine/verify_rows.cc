#include "engine/verify_rows.h"

#include <algorithm>
#include <optional>

#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/meta_codec.h"

namespace engram {
namespace {

// A row of any family; members that its family's rows do not have stay 0.
struct Row {
  PatternId id = 0;
  Lsn version = Lsn::kNone;
  SlotId slot = SlotId::kNone;
  std::int64_t timestamp_us = 0;  // in kState when it expires
  TypeTag type = 0;
  bool has_inserted = false;  // kIds
};

std::string_view NameOf(Family family) {
  switch (family) {
    case Family::kMeta:
      return "meta";
    case Family::kIds:
      return "ids";
    case Family::kTime:
      return "time";
    case Family::kType:
      return "type";
    case Family::kField:
      return "field";
    case Family::kState:
      return "state";
  }
  return "";
}

std::string Describe(PatternId id, Lsn version) {
  return "pattern " + std::to_string(id) + ", version " + std::to_string(Raw(version));
}

class RowChecker {
 public:
  RowChecker(const MetaStore& meta, const LogRows& log, const std::vector<StoredVersion>* versions,
             Findings& findings)
      : meta_(meta), log_(log), versions_(versions), findings_(findings), applied_(meta.applied()) {
    if (versions_ != nullptr) {
      keys_expected_.resize(versions_->size());
      keys_found_.resize(versions_->size());
    }
  }

  std::uint64_t Run() {
    CheckFamily(Family::kIds);
    CheckFamily(Family::kTime);
    CheckFamily(Family::kType);
    CheckFamily(Family::kState);
    const bool keys_are_known = CheckFamily(Family::kMeta);
    if (CheckFamily(Family::kField) && keys_are_known) CheckFieldCounts();
    return rows_;
  }

 private:
  Lsn AppliedTo(Family family) const { return applied_[static_cast<std::size_t>(family)]; }

  void Complain(Family family, std::string what) {
    findings_.Add(FindingKind::kRow, "meta: family " + std::string(NameOf(family)),
                  std::move(what));
  }

  // False where not all of its rows could be read.
  bool CheckFamily(Family family) {
    seen_.assign(versions_ == nullptr ? 0 : versions_->size(), false);
    if (const Status status = ReadFamily(family); !status.ok()) {
      Complain(family, std::string(status.message()));
      return false;
    }
    if (versions_ == nullptr) return true;
    CheckLogged(family);
    for (std::size_t i = 0; i < versions_->size(); ++i) {
      const StoredVersion& version = (*versions_)[i];
      if (seen_[i] || !NeedsRow(family, version)) continue;
      Complain(family, Describe(version.id, version.version) + ": no row, but slot " +
                           std::to_string(Raw(version.slot)) + " holds it");
    }
    return true;
  }

  static bool NeedsRow(Family family, const StoredVersion& version) {
    return family == Family::kIds || family == Family::kTime ||
           (family == Family::kType && version.type != 0) ||
           (family == Family::kState && version.expires_us != kNeverExpires);
  }

  Status ReadFamily(Family family) {
    if (family == Family::kIds) {
      return meta_.ForEachVersion([&](const VersionRow& row) {
        CheckStored(family, {.id = row.id,
                             .version = row.version,
                             .slot = log_.SlotOf(row, AppliedTo(family)),
                             .has_inserted = row.inserted_us.has_value()});
        return Status::Ok();
      });
    }
    return meta_.ForEachIndexRow(family, [&](const MetaStore::IndexRow& row) {
      CheckStored(family, {.id = row.id,
                           .version = row.version,
                           .timestamp_us = row.timestamp_us,
                           .type = row.type});
      return Status::Ok();
    });
  }

  // A row of the store.
  void CheckStored(Family family, const Row& row) {
    ++rows_;
    std::optional<std::size_t> field_keys;
    if (family == Family::kMeta) field_keys = DecodeRow(row);
    if (versions_ == nullptr) return;
    if (log_.RetiresAbove({row.id, row.version}, AppliedTo(family))) return;
    const std::optional<std::size_t> index = Match(family, row);
    if (index && field_keys) keys_expected_[*index] = *field_keys;
    if (index && family == Family::kField) ++keys_found_[*index];
  }

  // Rows that the log has and the store does not have yet.
  void CheckLogged(Family family) {
    const Lsn applied = AppliedTo(family);
    for (const auto& [key, change] : log_.changes()) {
      const auto& [id, version] = key;
      if (!change.inserted || version <= applied || change.retired != Lsn::kNone) continue;
      if (family == Family::kType && change.type == 0) continue;
      if (family == Family::kMeta && !change.has_metadata) continue;
      if (family == Family::kField && change.field_keys == 0) continue;
      if (family == Family::kState && change.expires_us == kNeverExpires) continue;
      const std::int64_t time_us =
          family == Family::kState ? change.expires_us : change.timestamp_us;
      const bool expires = change.expires_us != kNeverExpires;
      const std::optional<std::size_t> index =
          Match(family, {id, version, change.slot, time_us, change.type, expires});
      if (index && family == Family::kMeta) keys_expected_[*index] = change.field_keys;
      if (index && family == Family::kField) keys_found_[*index] += change.field_keys;
    }
  }

  // The version that the row belongs to, and whether both say the same.
  std::optional<std::size_t> Match(Family family, const Row& row) {
    const auto key = std::pair(row.id, row.version);
    const auto found = std::lower_bound(
        versions_->begin(), versions_->end(), key,
        [](const StoredVersion& v, const auto& k) { return std::pair(v.id, v.version) < k; });
    if (found == versions_->end() || std::pair(found->id, found->version) != key) {
      Complain(family, Describe(row.id, row.version) + ": a row, but no slot holds it");
      return std::nullopt;
    }
    Compare(family, row, *found);
    const auto index = static_cast<std::size_t>(found - versions_->begin());
    seen_[index] = true;
    return index;
  }

  void Compare(Family family, const Row& row, const StoredVersion& version) {
    const std::string who = Describe(row.id, row.version) + ": ";
    if (family == Family::kIds && row.slot != version.slot) {
      Complain(family, who + "slot " + std::to_string(Raw(row.slot)) + ", expected " +
                           std::to_string(Raw(version.slot)));
    }
    const bool expires = version.expires_us != kNeverExpires;
    if (family == Family::kIds && row.has_inserted != expires) {
      Complain(family, who + (expires ? "no time of insertion, expected one"
                                      : "a time of insertion, expected none"));
    }
    if (family == Family::kState && row.timestamp_us != version.expires_us) {
      Complain(family, who + "expires at " + std::to_string(row.timestamp_us) + ", expected " +
                           std::to_string(version.expires_us));
    }
    const bool has_time = family == Family::kTime || family == Family::kType;
    if (has_time && row.timestamp_us != version.timestamp_us) {
      Complain(family, who + "timestamp " + std::to_string(row.timestamp_us) + ", expected " +
                           std::to_string(version.timestamp_us));
    }
    if (family == Family::kType && row.type != version.type) {
      Complain(family, who + "type " + std::to_string(row.type) + ", expected " +
                           std::to_string(version.type));
    }
  }

  // How many keys of indexed fields the metadata has; nothing where it cannot be decoded.
  std::optional<std::size_t> DecodeRow(const Row& row) {
    const auto count = [&]() -> Result<std::size_t> {
      ENGRAM_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes,
                              meta_.GetEncodedMetadata(row.id, row.version));
      ENGRAM_RETURN_IF_ERROR(DecodeMetadata(bytes).status());
      return log_.CountFieldKeys(bytes);
    }();
    if (count.ok()) return *count;
    Complain(Family::kMeta,
             Describe(row.id, row.version) + ": " + std::string(count.status().message()));
    return std::nullopt;
  }

  void CheckFieldCounts() {
    if (versions_ == nullptr) return;
    for (std::size_t i = 0; i < versions_->size(); ++i) {
      if (keys_found_[i] == keys_expected_[i]) continue;
      Complain(Family::kField, Describe((*versions_)[i].id, (*versions_)[i].version) + ": " +
                                   std::to_string(keys_found_[i]) + " rows, its metadata has " +
                                   std::to_string(keys_expected_[i]) + " indexed values");
    }
  }

  const MetaStore& meta_;
  const LogRows& log_;
  const std::vector<StoredVersion>* const versions_;
  Findings& findings_;
  const FamilyLsns applied_;
  std::uint64_t rows_ = 0;
  // Parallel to *versions_.
  std::vector<bool> seen_;
  std::vector<std::size_t> keys_expected_;
  std::vector<std::size_t> keys_found_;
};

}  // namespace

Status LogRows::Add(Lsn lsn, const CommitRecord& record) {
  for (const FieldNameRecord& name : record.field_names) {
    if (names_.size() <= name.field) names_.resize(std::size_t{name.field} + 1);
    names_[name.field] = name.name;
  }
  for (const InsertRecord& insert : record.inserts) {
    Change& change = changes_[{insert.id, insert.is_moved() ? insert.version : lsn}];
    change.slot = insert.slot;
    if (insert.is_moved()) {
      change.moved = lsn;
      continue;
    }
    change.inserted = true;
    change.expires_us = insert.expires_us;
    change.timestamp_us = insert.timestamp_us;
    change.type = insert.type;
    change.has_metadata = !insert.metadata.empty();
    if (!change.has_metadata) continue;
    ENGRAM_RETURN_IF_ERROR(DecodeMetadata(insert.metadata).status());
    ENGRAM_ASSIGN_OR_RETURN(change.field_keys, CountFieldKeys(insert.metadata));
  }
  for (const RetireRecord& retire : record.retires) {
    if (retire.version == Lsn::kNone) continue;  // moved: its rows stay
    changes_[{retire.id, retire.version}].retired = lsn;
  }
  for (const SnapshotRecord& snapshot : record.upkeep.snapshots) {
    dropped_names_.emplace(snapshot.name);
  }
  return Status::Ok();
}

bool LogRows::RetiresAbove(const Key& key, Lsn applied) const {
  const auto change = changes_.find(key);
  return change != changes_.end() && change->second.retired > applied;
}

SlotId LogRows::SlotOf(const VersionRow& row, Lsn applied) const {
  const auto change = changes_.find({row.id, row.version});
  return change != changes_.end() && change->second.moved > applied ? change->second.slot
                                                                    : row.slot;
}

Result<std::size_t> LogRows::CountFieldKeys(std::span<const std::byte> metadata) const {
  ENGRAM_ASSIGN_OR_RETURN(const auto scalars, FindScalars(metadata, names_));
  return static_cast<std::size_t>(
      std::count_if(scalars.begin(), scalars.end(),
                    [&](const auto& scalar) { return !names_[scalar.first].empty(); }));
}

std::uint64_t CheckRows(const MetaStore& meta, const LogRows& log,
                        const std::vector<StoredVersion>* versions, Findings& findings) {
  return RowChecker(meta, log, versions, findings).Run();
}

}  // namespace engram
