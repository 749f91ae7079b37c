// What one commit changes, as absolute assignments: replaying it any number of times gives the same
// bytes. Views borrow: from the caller when a commit is made, from the frame's bytes when it was
// read. Threads: plain data. Implements docs/record-format.md, "Records".
#ifndef ENGRAM_WAL_RECORD_H_
#define ENGRAM_WAL_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <engram/types.h>

#include "storage/base/ids.h"

namespace engram {

// A version in a slot: the block is written whole, and the slot becomes live. Its valid_from is the
// commit's LSN, and so is its version where it is new; then its rows are added. One that was moved
// keeps version and rows, of which one learns where it lies.
struct InsertRecord {
  PatternId id = 0;
  SlotId slot = SlotId::kNone;
  TypeTag type = 0;
  std::uint8_t level = 0;
  std::uint32_t upper = 0xffffffff;  // its upper block at level 1, where level > 0
  float norm = 0;
  std::int64_t timestamp_us = 0;
  std::int64_t inserted_us = 0;
  // float32, not necessarily aligned.
  std::span<const std::byte> vector;
  // Encoded by storage/meta_codec.h; empty where there is none, and of moved ones.
  std::span<const std::byte> metadata;
  std::int64_t expires_us = kNeverExpires;
  Lsn version = Lsn::kNone;           // of one that was moved; kNone: it is new
  SlotId moved_from = SlotId::kNone;  // where it was, until this commit

  bool is_moved() const { return version != Lsn::kNone; }
};

// An upper block is written whole, without links, and becomes live.
struct UpperRecord {
  std::uint32_t block = 0;
  SlotId node = SlotId::kNone;
  std::uint32_t above = 0xffffffff;  // the node's block at the next level
  std::uint8_t level = 0;            // at least 1
};

// Position `position` of a list of links names `neighbour`.
struct LinkSet {
  SlotId neighbour = SlotId::kNone;
  std::uint8_t position = 0;
};

// A position is a byte: a list has at most this many (level 0 has 2 M, M is at most 128).
inline constexpr std::uint32_t kMaxLinkPositions = 256;

// What changes in the links of `slot` at `level`: the next `sets` entries of
// CommitRecord::link_sets and the next `clears` of link_clears (positions that name no neighbour
// any more); link_count becomes what it says. A position is in at most one of both.
struct LinkRecord {
  SlotId slot = SlotId::kNone;
  std::uint8_t level = 0;
  std::uint16_t link_count = 0;  // positions at or above it are clear
  std::uint16_t sets = 0;
  std::uint16_t clears = 0;
};

// valid_to of the slot's block becomes the commit's LSN, the slot becomes dead.
struct EndRecord {
  SlotId slot = SlotId::kNone;
  PatternId id = 0;
  Lsn version = Lsn::kNone;
};

// An indexed field's value as a key (storage/meta_keys.h).
struct FieldKey {
  std::uint16_t field = 0;
  std::string_view value;
};

// Nobody sees the version any more: the slot becomes free, its rows go. Carries all that names the
// rows. Version kNone: it lies elsewhere since it was moved, and its rows stay.
struct RetireRecord {
  SlotId slot = SlotId::kNone;
  PatternId id = 0;
  Lsn version = Lsn::kNone;
  std::int64_t timestamp_us = 0;
  TypeTag type = 0;
  std::vector<FieldKey> fields;
  std::int64_t expires_us = kNeverExpires;
};

// The segment's extent number `index` (counted within the segment) lies at `file_offset`.
struct ExtentRecord {
  SegmentKind segment = SegmentKind::kNodes;
  std::uint32_t index = 0;
  std::uint64_t file_offset = 0;
  std::uint32_t pages = 0;
};

// Field number `field` of the `field` family is the top-level metadata name `name`.
struct FieldNameRecord {
  std::uint16_t field = 0;
  std::string_view name;
};

// Everything that the superblock keeps, after this commit.
struct StateRecord {
  std::uint64_t live = 0;
  std::uint64_t dead = 0;
  std::uint64_t next_id = 0;
  std::uint64_t reserved_id = 0;
  std::int64_t clock_us = 0;
  std::uint32_t node_slots = 0;
  std::uint32_t upper_slots = 0;
  SlotId entry_point = SlotId::kNone;
  std::uint32_t top_level = 0;
  std::uint64_t sweep_cursor = 0;
};

// The segment has `pages` pages; extents behind them are cut or go.
struct CutRecord {
  SegmentKind segment = SegmentKind::kNodes;
  std::uint32_t pages = 0;
  friend bool operator==(const CutRecord&, const CutRecord&) = default;
};

// A state gets a name, or, with lsn kNone, a name is dropped.
struct SnapshotRecord {
  std::string_view name;
  Lsn lsn = Lsn::kNone;
  std::int64_t taken_us = 0;
};

// How far maintenance is, as the superblock keeps it.
struct ProgressRecord {
  // What ended at or before it may be gone: states below it are not whole.
  Lsn horizon = Lsn::kNone;
  // The round of the sweep: what ended at or before sweep_through is doomed, slots below sweep_next
  // do not link to it.
  Lsn sweep_through = Lsn::kNone;
  std::uint32_t sweep_next = 0;
  friend bool operator==(const ProgressRecord&, const ProgressRecord&) = default;
};

// What only maintenance does; little in any one commit.
struct UpkeepRecord {
  std::optional<ProgressRecord> progress;
  std::vector<CutRecord> cuts;
  // Versions that no state sees any more, not even older ones: valid_to of the slot's block becomes
  // 0, the slot becomes dead, whether it was live or dead.
  std::vector<EndRecord> voids;
  // Free slots whose blocks become zero.
  std::vector<SlotId> wipes;
  std::vector<std::int64_t> clock_erases;  // rows from time to LSN that go
  std::vector<SnapshotRecord> snapshots;
  bool keeps_clock = false;  // a row says that state.clock_us is the time of this commit

  bool empty() const {
    return !progress && cuts.empty() && voids.empty() && wipes.empty() && clock_erases.empty() &&
           snapshots.empty() && !keeps_clock;
  }
};

// One commit. Applied in the order of the lists, cuts before everything. No slot is retired, ended
// or inserted twice in it, and no list of links changes twice.
struct CommitRecord {
  std::vector<ExtentRecord> extents;
  std::vector<FieldNameRecord> field_names;
  std::vector<RetireRecord> retires;
  std::vector<std::uint32_t> upper_retires;  // upper blocks that become free
  std::vector<EndRecord> ends;
  std::vector<InsertRecord> inserts;
  std::vector<UpperRecord> uppers;
  std::vector<LinkRecord> links;
  std::vector<LinkSet> link_sets;         // of `links`, in their order
  std::vector<std::uint8_t> link_clears;  // the same
  UpkeepRecord upkeep;
  StateRecord state;
};

}  // namespace engram

#endif  // ENGRAM_WAL_RECORD_H_
