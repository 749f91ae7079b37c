// Which rows of which families the patterns of a commit have. Leaves how a key is laid out to
// meta_keys.h, and what is done with the rows to meta_store.cc. Threads: one thread.
#ifndef ENGRAM_STORAGE_META_ROWS_H_
#define ENGRAM_STORAGE_META_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <engram/result.h>
#include <engram/status.h>
#include <rocksdb/write_batch.h>

#include "storage/meta_database.h"
#include "storage/meta_store.h"

namespace engram {

// The indexed names by number; "" for a number that is not given out.
using FieldNames = std::vector<std::string>;

void SetName(FieldNames& names, std::uint16_t field, std::string name);

Result<std::vector<RowFieldKey>> FieldKeysOf(std::span<const std::byte> metadata,
                                             const FieldNames& names);

// One batch of rows for RocksDB, and which families got any.
class RowBatchBuilder {
 public:
  // Clears `batch`, and fills it with rows of the families of `wanted`.
  RowBatchBuilder(rocksdb::WriteBatch& batch, const FamilyHandles& handles, FamilySet wanted)
      : batch_(batch), handles_(handles), wanted_(wanted) {
    batch_.Clear();
  }

  FamilySet touched() const { return touched_; }
  // The first row that RocksDB refused, as larger than it takes.
  const rocksdb::Status& status() const { return status_; }

  void AddName(std::uint16_t field, std::string_view name);
  Status AddInsert(const RowInsert& row, const FieldNames& names);
  void AddErase(const RowErase& row);
  // Errors: kInvalidArgument (a snapshot's name that is empty or too long).
  Status AddChange(const StateChange& change);
  // Into every family of `families`.
  void PutApplied(FamilySet families, Lsn lsn);

 private:
  bool Wants(Family family) const { return wanted_[IndexOf(family)]; }
  void Put(Family family, std::string_view key, const rocksdb::Slice& value);
  void Delete(Family family, std::string_view key);
  void Note(rocksdb::Status status, Family family);

  rocksdb::WriteBatch& batch_;
  const FamilyHandles& handles_;
  const FamilySet wanted_;
  FamilySet touched_;
  rocksdb::Status status_;
  std::string field_key_;  // kept for its memory
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_META_ROWS_H_
