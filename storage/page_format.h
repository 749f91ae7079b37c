// Every byte of graph.engram and graph.journal: fixed structs, little-endian, sizes and offsets
// asserted.
// Leaves to others: reading and writing (page_file, journal), meaning of node blocks
// (index/node_layout.h).
// Threads: plain data.
// Implements docs/file-format.md.
#ifndef ENGRAM_STORAGE_PAGE_FORMAT_H_
#define ENGRAM_STORAGE_PAGE_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <engram/types.h>

#include "storage/base/ids.h"

namespace engram {

// Eight letters as the integer that lies on disk as just these letters.
constexpr std::uint64_t Magic(const char (&letters)[9]) {
  std::uint64_t magic = 0;
  for (std::size_t i = 8; i-- > 0;) magic = magic << 8 | static_cast<unsigned char>(letters[i]);
  return magic;
}

inline constexpr std::uint32_t kFormatVersion = 2;
inline constexpr std::uint32_t kOldestFormatVersion = 1;  // that this build reads, and migrates
inline constexpr std::uint64_t kSuperblockMagic = Magic("ENGRAMSB");
inline constexpr std::uint64_t kExtentTableMagic = Magic("ENGRAMXT");
inline constexpr std::uint64_t kJournalMagic = Magic("ENGRAMJL");
inline constexpr std::size_t kBlockBytes = 4096;  // everything on disk is aligned to it
inline constexpr std::size_t kPageHeaderBytes = 64;
inline constexpr std::size_t kMaxExtents = 1024;
inline constexpr std::size_t kCacheLineBytes = 64;

// Feature flags. An unknown required one refuses to open; an unknown optional one is ignored and
// kept.
inline constexpr std::uint64_t kKnownRequiredFeatures = 0;

// A page anywhere in the file.
struct PageRef {
  SegmentKind segment = SegmentKind::kNodes;
  PageId page{};
  friend bool operator==(const PageRef&, const PageRef&) = default;
};

// Opens each page.
struct PageHeader {        // docs/file-format.md, "Page header"
  std::uint64_t checksum;  // XXH3 of the page after this field, seeded with the store id
  std::uint64_t store_id;
  Lsn lsn;             // of the last change
  std::uint32_t page;  // PageId
  SegmentKind segment;
  std::uint8_t reserved0[3];   // zero
  std::uint8_t reserved1[32];  // zero
};
static_assert(sizeof(PageHeader) == kPageHeaderBytes && offsetof(PageHeader, store_id) == 8 &&
              offsetof(PageHeader, lsn) == 16 && offsetof(PageHeader, page) == 24 &&
              offsetof(PageHeader, segment) == 28 && offsetof(PageHeader, reserved1) == 32);

// One entry of the extent table: `pages` pages of `segment`, behind those of its earlier extents.
struct ExtentEntry {          // docs/file-format.md, "Extent"
  std::uint64_t file_offset;  // bytes, a multiple of kBlockBytes
  std::uint32_t pages;
  SegmentKind segment;
  std::uint8_t reserved[3];  // zero
  friend bool operator==(const ExtentEntry&, const ExtentEntry&) = default;
};
static_assert(sizeof(ExtentEntry) == 16 && offsetof(ExtentEntry, pages) == 8);

// The extent table's own area begins with this; `count` entries follow.
struct ExtentTableHeader {  // docs/file-format.md, "Extent table"
  std::uint64_t checksum;   // XXH3 of what follows, up to the last entry, seeded with the store id
  std::uint64_t magic;      // kExtentTableMagic
  std::uint64_t store_id;
  std::uint64_t checkpoint;  // the superblock that names it
  std::uint32_t count;
  std::uint32_t reserved;  // zero
};
static_assert(sizeof(ExtentTableHeader) == 40);

// Where things lie: two superblocks, then the table that goes with each, then extents.
inline constexpr std::uint64_t kExtentTableBytes = 20480;
static_assert(sizeof(ExtentTableHeader) + kMaxExtents * sizeof(ExtentEntry) <= kExtentTableBytes);
constexpr std::uint64_t SuperblockOffset(unsigned slot) { return slot * kBlockBytes; }
constexpr std::uint64_t ExtentTableOffset(unsigned slot) {
  return 2 * kBlockBytes + slot * kExtentTableBytes;
}
inline constexpr std::uint64_t kFirstExtentOffset = 65536;
static_assert(ExtentTableOffset(1) + kExtentTableBytes <= kFirstExtentOffset);

inline constexpr std::uint8_t kMaxCodeBits = 3;
// Levels of the graph are 0 to this.
inline constexpr std::uint32_t kMaxLevel = 31;

// What never changes after creation.
struct StoreParameters {  // docs/file-format.md, "Parameters"
  std::uint64_t seed;
  std::uint32_t dimensions;
  std::uint32_t m;  // links a level above 0; 2 m at level 0
  Metric metric;
  std::uint8_t code_bits;     // bits a dimension of a neighbour code; 0: blocks hold none
  std::uint8_t reserved0[2];  // zero
  std::uint32_t page_bytes;  // of the nodes and upper segments; the slots segments have kBlockBytes
  std::uint32_t journal_blocks;  // size of graph.journal in kBlockBytes
  std::uint32_t reserved1;       // zero
  friend bool operator==(const StoreParameters&, const StoreParameters&) = default;
};
static_assert(sizeof(StoreParameters) == 32 && offsetof(StoreParameters, metric) == 16 &&
              offsetof(StoreParameters, page_bytes) == 20);

// What changes with commits and is logged with each, as values. The superblock holds it as of S.
struct StoreState {           // docs/file-format.md, "State"
  std::uint64_t live;         // patterns
  std::uint64_t dead;         // ended, not yet retired
  std::uint64_t next_id;      // no pattern has an id at or above it; a caller may give these
  std::uint64_t reserved_id;  // after a crash the store gives these and above; >= next_id
  std::int64_t clock_us;      // of the commit; never decreases
  std::uint32_t node_slots;   // slots ever used: those at or above it are untouched
  std::uint32_t upper_slots;
  SlotId entry_point;  // kNone: no graph
  std::uint32_t top_level;
  std::uint64_t sweep_cursor;
  friend bool operator==(const StoreState&, const StoreState&) = default;
};
static_assert(sizeof(StoreState) == 64 && offsetof(StoreState, node_slots) == 40 &&
              offsetof(StoreState, entry_point) == 48 && offsetof(StoreState, sweep_cursor) == 56);

// What whoever opens the store without saying otherwise gets, as it was given at creation. 0: not
// given.
struct StoreDefaults {  // docs/file-format.md, "Defaults"
  std::uint64_t max_elements;
  std::uint32_t ef_construction;
  std::uint32_t ef;
  bool operator==(const StoreDefaults&) const = default;
};
static_assert(sizeof(StoreDefaults) == 16);

// How far maintenance is. Of version 2: in version 1 all of it is zero.
struct StoreProgress {  // docs/file-format.md, "Progress"
  Lsn horizon;          // what ended at or before it may be gone: states below it are not whole
  Lsn sweep_through;    // the round of the sweep: what ended at or before it is doomed
  std::uint32_t sweep_next;  // slots below it do not link to what is doomed
  std::uint32_t reserved;    // zero
  friend bool operator==(const StoreProgress&, const StoreProgress&) = default;
};
static_assert(sizeof(StoreProgress) == 24);

struct Superblock {              // docs/file-format.md, "Superblock"
  std::uint64_t checksum;        // XXH3 of the block after this field (kBlockBytes in all)
  std::uint64_t magic;           // kSuperblockMagic
  std::uint32_t format_version;  // kFormatVersion
  std::uint32_t slot;            // its own address: 0 or 1
  std::uint64_t required_features;
  std::uint64_t optional_features;
  std::uint64_t store_id;        // random, never 0
  std::uint64_t checkpoint;      // 1 for the one made with the store; the larger valid one counts
  Lsn lsn;                       // S: pages hold every commit up to here
  std::uint64_t log_generation;  // of the log when the checkpoint was made
  std::int64_t created_us;       // when the store was made
  StoreParameters parameters;
  StoreState state;                     // as of S
  std::uint64_t extent_table_checksum;  // of the table in the area of the same slot
  StoreDefaults defaults;
  StoreProgress progress;       // as of S
  std::uint8_t reserved[3872];  // zero
};
static_assert(sizeof(Superblock) == kBlockBytes && offsetof(Superblock, parameters) == 80 &&
              offsetof(Superblock, state) == 112 &&
              offsetof(Superblock, extent_table_checksum) == 176 &&
              offsetof(Superblock, defaults) == 184 && offsetof(Superblock, progress) == 200 &&
              offsetof(Superblock, reserved) == 224);

// graph.journal begins with this, padded to a block; images follow one behind the other, each with
// its own header, then zeros up to a block.
struct JournalHeader {     // docs/journal-format.md, "Journal header"
  std::uint64_t checksum;  // XXH3 of this struct after this field
  std::uint64_t magic;     // kJournalMagic
  std::uint64_t store_id;
  std::uint64_t checkpoint;  // the one being made
  std::uint32_t round;       // from 0 in each checkpoint
  std::uint32_t images;
  std::uint64_t image_bytes;  // all images with their headers
  std::uint32_t generation;   // of the opening whose checkpoint it is, as in the log
  std::uint32_t reserved;     // zero
};
static_assert(sizeof(JournalHeader) == 56);

struct JournalImageHeader {  // docs/journal-format.md, "Journal image"
  std::uint64_t checksum;    // XXH3 of the image, seeded with that of this struct after this field
  std::uint64_t store_id;
  std::uint64_t checkpoint;
  std::uint32_t round;
  std::uint32_t page;        // PageId
  std::uint32_t page_bytes;  // of the image, which follows
  SegmentKind segment;
  std::uint8_t reserved0[3];  // zero
  std::uint32_t generation;
  std::uint8_t reserved1[20];  // zero
};
static_assert(sizeof(JournalImageHeader) == 64 && offsetof(JournalImageHeader, generation) == 40);

// Slots a page of the slots segments describes, two bits each.
inline constexpr std::uint32_t kSlotsPerPage = (kBlockBytes - kPageHeaderBytes) * 4;

static_assert(std::is_trivially_copyable_v<Superblock> && std::is_trivially_copyable_v<PageHeader>);

}  // namespace engram

#endif  // ENGRAM_STORAGE_PAGE_FORMAT_H_
