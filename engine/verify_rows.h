// Whether the metadata store's rows are those of the patterns on the pages (I2, I3): each family
// with what the log above its own LSN adds and takes away, in memory.
// Memory: what the log changes, and a few bytes for each version on the pages.
// Threads: one thread.
#ifndef ENGRAM_ENGINE_VERIFY_ROWS_H_
#define ENGRAM_ENGINE_VERIFY_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <engram/status.h>

#include "engine/verify_findings.h"
#include "engine/verify_nodes.h"
#include "storage/meta_store.h"
#include "wal/record.h"

namespace engram {

// What the log does to rows.
class LogRows {
 public:
  // What it says of one version.
  struct Change {
    bool inserted = false;
    bool has_metadata = false;
    TypeTag type = 0;
    SlotId slot = SlotId::kNone;  // where it lies in the end
    Lsn moved = Lsn::kNone;       // the commit that moved it last
    std::int64_t expires_us = kNeverExpires;
    std::int64_t timestamp_us = 0;
    std::size_t field_keys = 0;  // indexed values in the metadata
    Lsn retired = Lsn::kNone;    // the commit that did
  };
  using Key = std::pair<PatternId, Lsn>;

  // `names`: the indexed fields that the metadata store knows; the log may bring more.
  explicit LogRows(std::vector<std::string> names) : names_(std::move(names)) {}

  // Errors: kCorruptedIndex where metadata cannot be decoded.
  Status Add(Lsn lsn, const CommitRecord& record);

  const std::map<Key, Change>& changes() const { return changes_; }
  // Whether a commit above `applied` takes the version's rows away.
  bool RetiresAbove(const Key& key, Lsn applied) const;
  // Whether the log takes the name from a snapshot, or gives it to another one.
  bool Drops(const std::string& name) const { return dropped_names_.contains(name); }
  // Where the version lies, of which the store has `row` as of `applied`.
  SlotId SlotOf(const VersionRow& row, Lsn applied) const;
  // How many rows of kField this metadata gives. Errors: kCorruptedIndex.
  Result<std::size_t> CountFieldKeys(std::span<const std::byte> metadata) const;

 private:
  std::vector<std::string> names_;
  std::map<Key, Change> changes_;
  std::set<std::string> dropped_names_;
};

// Reads every row of every family and decodes it. Where `versions` (sorted by id and version) is
// not null, there must be just the rows of these. Returns the number of rows in the store.
std::uint64_t CheckRows(const MetaStore& meta, const LogRows& log,
                        const std::vector<StoredVersion>* versions, Findings& findings);

}  // namespace engram

#endif  // ENGRAM_ENGINE_VERIFY_ROWS_H_
