#include "storage/meta_reads.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>

#include <rocksdb/db.h>

#include "storage/base/coding.h"
#include "storage/base/ids.h"
#include "storage/base/status_macros.h"
#include "storage/meta_values.h"
#include "storage/rocksdb_slice.h"

namespace engram {
namespace {

using rocksdb::Slice;

// The key of every row of a family but kIds and kState.
Result<ParsedKey> ParseIndexKey(Family family, std::string_view key) {
  switch (family) {
    case Family::kMeta:
      return ParseMetaKey(key);
    case Family::kTime:
      return ParseTimeKey(key);
    case Family::kType:
      return ParseTypeKey(key);
    case Family::kField:
      return ParseFieldKey(key);
    case Family::kIds:
    case Family::kState:
      break;
  }
  return Status::InvalidArgument("this family has no index rows");
}

// Whether a row of kState, one by expiry apart, is as it must be.
Status CheckStateRow(const Slice& key, const Slice& value) {
  switch (key.empty() ? '\0' : key[0]) {
    case kSnapshotTag:
      return ParseSnapshotRow(key.ToStringView(), AsSpan(value)).status();
    case kClockTag:
      return ParseClockRow(key.ToStringView(), AsSpan(value)).status();
    default:  // no other tags are known, and it says so
      return ParseNameKey(key.ToStringView()).status();
  }
}

MetaStore::IndexRow AsIndexRow(Family family, const ParsedKey& key) {
  return {family, key.id, key.version, key.timestamp_us, key.type};
}

// Walks over the rows of the clock, all of one state.
class ClockCursor {
 public:
  explicit ClockCursor(const MetaDatabase& database) : database_(database) {
    rocksdb::ReadOptions read;
    read.iterate_lower_bound = &begin_bound_;
    read.iterate_upper_bound = &end_bound_;
    row_.reset(database.db().NewIterator(read, database.handle(Family::kState)));
  }

  using Row = Result<std::optional<ClockRow>>;
  Row First() {
    row_->SeekToFirst();
    return Current();
  }
  Row Last() {
    row_->SeekToLast();
    return Current();
  }
  Row AtOrBefore(std::int64_t clock_us) {
    row_->SeekForPrev(MakeClockKey(clock_us).view());
    return Current();
  }
  // Pre: there is a row here.
  Row Next() {
    row_->Next();
    return Current();
  }

 private:
  Row Current() const {
    if (!row_->Valid()) {
      ENGRAM_RETURN_IF_ERROR(database_.Wrap(row_->status(), "look for a time"));
      return std::optional<ClockRow>();
    }
    ENGRAM_ASSIGN_OR_RETURN(const ClockRow row,
                            ParseClockRow(row_->key().ToStringView(), AsSpan(row_->value())));
    return std::optional<ClockRow>(row);
  }

  const MetaDatabase& database_;
  const TagKey begin_ = MakeTagKey(kClockTag);
  const TagKey end_ = MakeTagEnd(kClockTag);
  const Slice begin_bound_{begin_.view()};
  const Slice end_bound_{end_.view()};
  std::unique_ptr<rocksdb::Iterator> row_;
};

// Where rows by time end: before the first one of that moment, but behind the last one of the last
// moment there is, since none lies behind it.
struct Behind {
  explicit Behind(std::int64_t to_us) {
    if (to_us != std::numeric_limits<std::int64_t>::max()) return;
    id = ~PatternId{0};
    version = static_cast<Lsn>(~0ull);
  }
  PatternId id = 0;
  Lsn version = Lsn::kNone;
};

Status CheckOrder(const ClockRow& earlier, const ClockRow& later) {
  if (earlier.clock_us <= later.clock_us && earlier.lsn <= later.lsn) return Status::Ok();
  return Status::CorruptedIndex("the row of the clock at " + std::to_string(later.clock_us) +
                                " names commit " + std::to_string(Raw(later.lsn)) +
                                ", expected one from " + std::to_string(Raw(earlier.lsn)) +
                                " on, the one at " + std::to_string(earlier.clock_us));
}

// Rounded down; never overflows. Pre: low <= high.
std::int64_t Middle(std::int64_t low, std::int64_t high) {
  const auto distance = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + distance / 2);
}

// A row that lies where there is one for sure, unless keys on disk are not in order.
Result<ClockRow> Expect(const ClockCursor::Row& row) {
  if (!row.ok()) return row.status();
  if (row->has_value()) return **row;
  return Status::CorruptedIndex("no row of the clock between two others, expected one of them");
}

// The row of the newest commit at or below `lsn`, which is at `low` or behind it, and before
// `high`. Halves the time between them, so that it ends however the rows lie.
Result<ClockRow> Bisect(ClockCursor& cursor, ClockRow low, ClockRow high, Lsn lsn) {
  constexpr int kMostSteps = 64;
  ENGRAM_RETURN_IF_ERROR(CheckOrder(low, high));
  std::int64_t low_us = low.clock_us;  // up to here there is nothing behind `low`
  for (int step = 0; step < kMostSteps; ++step) {
    const std::int64_t middle = Middle(low_us, high.clock_us);
    if (middle == low_us) break;
    ENGRAM_ASSIGN_OR_RETURN(const ClockRow found, Expect(cursor.AtOrBefore(middle)));
    ENGRAM_RETURN_IF_ERROR(CheckOrder(low, found));
    ENGRAM_RETURN_IF_ERROR(CheckOrder(found, high));
    if (found.lsn > lsn) {
      high = found;
      continue;
    }
    ENGRAM_ASSIGN_OR_RETURN(const ClockRow next, Expect(cursor.Next()));
    ENGRAM_RETURN_IF_ERROR(CheckOrder(found, next));
    if (next.lsn > lsn) return found;
    low = next;  // behind `middle`
    low_us = low.clock_us;
  }
  return low;
}

}  // namespace

Status MetaReads::ForEachBetween(Family family, std::string_view from, std::string_view to,
                                 const RowVisitor& visit) const {
  if (from >= to) return Status::Ok();
  const Slice upper_bound(to);
  rocksdb::ReadOptions read;
  read.iterate_upper_bound = &upper_bound;
  const std::unique_ptr<rocksdb::Iterator> row(
      database_.db().NewIterator(read, database_.handle(family)));
  for (row->Seek(from); row->Valid(); row->Next()) {
    ENGRAM_ASSIGN_OR_RETURN(const bool go_on, visit(row->key(), row->value()));
    if (!go_on) return Status::Ok();
  }
  return database_.Wrap(row->status(), "read " + NameOf(family));
}

Status MetaReads::ForEachKey(Family family, std::string_view from, std::string_view to,
                             ParseKey parse, const IndexVisitor& visit) const {
  return ForEachBetween(family, from, to, [&](Slice key, Slice) -> Result<bool> {
    ENGRAM_ASSIGN_OR_RETURN(const ParsedKey parsed, parse(key.ToStringView()));
    return visit(AsIndexRow(family, parsed));
  });
}

Status MetaReads::ForEachTagged(char tag, const RowVisitor& visit) const {
  const TagKey from = MakeTagKey(tag);
  const TagKey to = MakeTagEnd(tag);
  return ForEachBetween(Family::kState, from.view(), to.view(), visit);
}

Status MetaReads::GetMetaRow(PatternId id, Lsn version, rocksdb::PinnableSlice& row) const {
  const rocksdb::Status status = database_.db().Get({}, database_.handle(Family::kMeta),
                                                    MakeMetaKey(id, version).view(), &row);
  return status.IsNotFound() ? Status::Ok() : database_.Wrap(status, "read metadata");
}

Result<std::optional<VersionRow>> MetaReads::FindVersion(PatternId id, Lsn at) const {
  const IdsKey newest = MakeIdsKey(id, at);
  // Version 0 is none, so its key ends the rows of `id`.
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
  ENGRAM_ASSIGN_OR_RETURN(const VersionRow found,
                          ParseVersionRow(row->key().ToStringView(), AsSpan(row->value())));
  return std::optional<VersionRow>(found);
}

Status MetaReads::ForEachVersion(const std::function<Status(const VersionRow&)>& visit) const {
  return database_.ForEachRow(Family::kIds, [&](Slice key, Slice value) -> Status {
    ENGRAM_ASSIGN_OR_RETURN(const VersionRow row,
                            ParseVersionRow(key.ToStringView(), AsSpan(value)));
    return visit(row);
  });
}

Status MetaReads::ForEachIndexRow(Family family,
                                  const std::function<Status(const IndexRow&)>& visit) const {
  if (family == Family::kIds) return ParseIndexKey(family, {}).status();
  return database_.ForEachRow(family, [&](Slice key, Slice value) -> Status {
    const bool state = family == Family::kState;
    if (state && (key.empty() || key[0] != kExpiryTag)) return CheckStateRow(key, value);
    ENGRAM_ASSIGN_OR_RETURN(const ParsedKey row, state ? ParseExpiryKey(key.ToStringView())
                                                       : ParseIndexKey(family, key.ToStringView()));
    return visit(AsIndexRow(family, row));
  });
}

Status MetaReads::ForEachInTime(std::int64_t from_us, std::int64_t to_us,
                                const IndexVisitor& visit) const {
  const TimeKey from = MakeTimeKey(from_us, 0, Lsn::kNone);
  const Behind behind(to_us);
  const TimeKey to = MakeTimeKey(to_us, behind.id, behind.version);
  return ForEachKey(Family::kTime, from.view(), to.view(), ParseTimeKey, visit);
}

Status MetaReads::ForEachOfType(TypeTag type, std::int64_t from_us, std::int64_t to_us,
                                const IndexVisitor& visit) const {
  const TypeKey from = MakeTypeKey(type, from_us, 0, Lsn::kNone);
  const Behind behind(to_us);
  const TypeKey to = MakeTypeKey(type, to_us, behind.id, behind.version);
  return ForEachKey(Family::kType, from.view(), to.view(), ParseTypeKey, visit);
}

Status MetaReads::ForEachExpiry(std::int64_t from_us, std::int64_t to_us,
                                const IndexVisitor& visit) const {
  const ExpiryKey from = MakeExpiryKey(from_us, 0, Lsn::kNone);
  const ExpiryKey to = MakeExpiryKey(to_us, 0, Lsn::kNone);
  return ForEachKey(Family::kState, from.view(), to.view(), ParseExpiryKey, visit);
}

Result<std::optional<ClockRow>> MetaReads::FindClock(std::int64_t at_us) const {
  return ClockCursor(database_).AtOrBefore(at_us);
}

Result<std::optional<ClockRow>> MetaReads::FindClockOf(Lsn lsn) const {
  ClockCursor cursor(database_);
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<ClockRow> last, cursor.Last());
  if (!last || last->lsn <= lsn) return last;
  ENGRAM_ASSIGN_OR_RETURN(const ClockRow first, Expect(cursor.First()));
  if (first.lsn > lsn) return std::optional<ClockRow>();
  ENGRAM_ASSIGN_OR_RETURN(const ClockRow found, Bisect(cursor, first, *last, lsn));
  return std::optional<ClockRow>(found);
}

Status MetaReads::ForEachClock(std::int64_t to_us,
                               const std::function<Result<bool>(const ClockRow&)>& visit) const {
  const TagKey from = MakeTagKey(kClockTag);
  const ClockKey to = MakeClockKey(to_us);
  return ForEachBetween(Family::kState, from.view(), to.view(),
                        [&](Slice key, Slice value) -> Result<bool> {
                          ENGRAM_ASSIGN_OR_RETURN(const ClockRow row,
                                                  ParseClockRow(key.ToStringView(), AsSpan(value)));
                          return visit(row);
                        });
}

Result<std::vector<SnapshotRow>> MetaReads::ReadSnapshots() const {
  std::vector<SnapshotRow> rows;
  ENGRAM_RETURN_IF_ERROR(ForEachTagged(kSnapshotTag, [&](Slice key, Slice value) -> Result<bool> {
    ENGRAM_ASSIGN_OR_RETURN(SnapshotRow row, ParseSnapshotRow(key.ToStringView(), AsSpan(value)));
    rows.push_back(std::move(row));
    return true;
  }));
  return rows;
}

Result<FieldNames> MetaReads::ReadNames() const {
  FieldNames names;
  ENGRAM_RETURN_IF_ERROR(ForEachTagged(kFieldNameTag, [&](Slice key, Slice name) -> Result<bool> {
    ENGRAM_ASSIGN_OR_RETURN(const std::uint16_t field, ParseNameKey(key.ToStringView()));
    SetName(names, field, name.ToString());
    return true;
  }));
  return names;
}

}  // namespace engram
