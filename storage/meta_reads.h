// Looks for rows, and walks over them, within bounds: deletions outside are not walked over. Leaves
// when the database may be used to meta_store.cc. Threads: any thread.
#ifndef ENGRAM_STORAGE_META_READS_H_
#define ENGRAM_STORAGE_META_READS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include <engram/result.h>
#include <engram/status.h>
#include <engram/types.h>
#include <rocksdb/slice.h>

#include "storage/meta_database.h"
#include "storage/meta_keys.h"
#include "storage/meta_rows.h"
#include "storage/meta_store.h"

namespace engram {

// Calls are those of MetaStore by the same names. Valid as long as the database.
class MetaReads {
 public:
  using IndexRow = MetaStore::IndexRow;
  using IndexVisitor = MetaStore::IndexVisitor;

  explicit MetaReads(const MetaDatabase& database) : database_(database) {}

  // `row` stays empty where there is none.
  Status GetMetaRow(PatternId id, Lsn version, rocksdb::PinnableSlice& row) const;
  Result<std::optional<VersionRow>> FindVersion(PatternId id, Lsn at) const;
  Status ForEachVersion(const std::function<Status(const VersionRow&)>& visit) const;
  Status ForEachIndexRow(Family family, const std::function<Status(const IndexRow&)>& visit) const;

  Status ForEachInTime(std::int64_t from_us, std::int64_t to_us, const IndexVisitor& visit) const;
  Status ForEachOfType(TypeTag type, std::int64_t from_us, std::int64_t to_us,
                       const IndexVisitor& visit) const;
  Status ForEachExpiry(std::int64_t from_us, std::int64_t to_us, const IndexVisitor& visit) const;

  Result<std::optional<ClockRow>> FindClock(std::int64_t at_us) const;
  Result<std::optional<ClockRow>> FindClockOf(Lsn lsn) const;
  Status ForEachClock(std::int64_t to_us,
                      const std::function<Result<bool>(const ClockRow&)>& visit) const;
  Result<std::vector<SnapshotRow>> ReadSnapshots() const;
  Result<FieldNames> ReadNames() const;

 private:
  using RowVisitor = std::function<Result<bool>(rocksdb::Slice key, rocksdb::Slice value)>;
  using ParseKey = Result<ParsedKey> (*)(std::string_view key);

  // Rows from `from` on and before `to`, in order.
  Status ForEachBetween(Family family, std::string_view from, std::string_view to,
                        const RowVisitor& visit) const;
  Status ForEachKey(Family family, std::string_view from, std::string_view to, ParseKey parse,
                    const IndexVisitor& visit) const;
  // Rows of kState whose key begins with `tag`.
  Status ForEachTagged(char tag, const RowVisitor& visit) const;

  const MetaDatabase& database_;
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_META_READS_H_
