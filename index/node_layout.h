// Where everything lies in a node block and in an upper block: the one place that knows.
// A node block is header | vector | level-0 links | codes of the linked neighbours, each part
// padded with zeros to 64 bytes; header and vector come first because a scan reads just these, one
// behind the other. Codes are 2 m times code_bits planes of `dimensions` bits rounded up to 64,
// then 2 m times two floats.
// Threads: immutable. Implements docs/file-format.md, "Node block".
#ifndef ENGRAM_INDEX_NODE_LAYOUT_H_
#define ENGRAM_INDEX_NODE_LAYOUT_H_

#include <cstddef>
#include <cstdint>

#include <engram/result.h>
#include <engram/types.h>

#include "storage/page_format.h"

namespace engram {

// Visibility and the commonest filters need nothing but this.
struct NodeHeader {  // docs/file-format.md, "Node header"
  PatternId id;
  Lsn version;                // the commit that wrote this version; names its rows; never changes
  Lsn valid_from;             // seen by snapshots at or above it
  Lsn valid_to;               // and below it; kForever while live
  std::int64_t timestamp_us;  // the pattern's own time
  std::int64_t when_us;       // when it was inserted, or, with kExpires, when it expires
  TypeTag type;
  float norm;                // Euclidean length of the vector
  std::uint32_t upper;       // first upper block; kNoUpper where level is 0
  std::uint16_t link_count;  // level-0 links in use
  std::uint8_t level;        // top level of the node
  std::uint8_t flags;        // NodeFlag
};
// Bits of NodeHeader::flags; others are zero. Values are on disk.
enum class NodeFlag : std::uint8_t {
  kExpires = 1,  // when_us says when; when it was inserted is in its row
  kMoved = 2,    // the version lies in another slot since valid_to
};
static_assert(sizeof(NodeHeader) == 64 && offsetof(NodeHeader, valid_to) == 24 &&
              offsetof(NodeHeader, type) == 48 && offsetof(NodeHeader, link_count) == 60);
inline constexpr Lsn kForever = static_cast<Lsn>(~0ull);
inline constexpr std::uint32_t kNoUpper = 0xffffffff;

// Links of one node at one level above 0; `links` of m entries follow.
struct UpperHeader {    // docs/file-format.md, "Upper block"
  std::uint32_t node;   // SlotId
  std::uint32_t above;  // the block of the next level, or kNoUpper
  std::uint16_t link_count;
  std::uint8_t level;
  std::uint8_t reserved[5];  // zero
};
static_assert(sizeof(UpperHeader) == 16);

class NodeLayout {
 public:
  // The layout for a store's parameters; page_bytes is computed, and must agree where it is set.
  // Errors: kInvalidArgument for a dimension, m or code size out of range; kCorruptedIndex where
  // parameters.page_bytes is neither 0 nor what these parameters give.
  static Result<NodeLayout> Create(const StoreParameters& parameters);

  std::uint32_t dimensions() const { return dimensions_; }
  std::uint32_t max_links0() const { return max_links0_; }  // 2 m
  std::uint32_t max_links() const { return max_links_; }    // m
  std::uint32_t vector_offset() const { return sizeof(NodeHeader); }
  std::uint32_t links_offset() const { return links_offset_; }
  std::uint32_t codes_offset() const { return codes_offset_; }
  std::uint32_t block_bytes() const { return block_bytes_; }
  std::uint32_t blocks_per_page() const { return blocks_per_page_; }
  std::uint32_t upper_block_bytes() const { return upper_block_bytes_; }
  std::uint32_t upper_blocks_per_page() const { return upper_blocks_per_page_; }
  // The smallest multiple of 4 KiB that holds whole node blocks with at most 25 % waste.
  std::uint32_t page_bytes() const { return page_bytes_; }

  PageId PageOf(SlotId slot) const {
    return static_cast<PageId>(Quotient(static_cast<std::uint32_t>(slot)));
  }
  std::uint32_t OffsetInPage(SlotId slot) const {
    const auto number = static_cast<std::uint32_t>(slot);
    return static_cast<std::uint32_t>(kPageHeaderBytes) +
           (number - Quotient(number) * blocks_per_page_) * block_bytes_;
  }
  // Where the block lies from page 0 of the segment on, pages one behind the other.
  std::uint64_t OffsetInSegment(SlotId slot) const {
    const auto number = static_cast<std::uint32_t>(slot);
    const std::uint32_t page = Quotient(number);
    return std::uint64_t{page} * page_bytes_ + kPageHeaderBytes +
           std::uint64_t{number - page * blocks_per_page_} * block_bytes_;
  }
  // The same of upper blocks, which lie behind a page's header without gaps.
  PageId UpperPageOf(std::uint32_t block) const {
    return static_cast<PageId>(block / upper_blocks_per_page_);
  }
  std::uint32_t UpperOffsetInPage(std::uint32_t block) const {
    return static_cast<std::uint32_t>(kPageHeaderBytes) +
           block % upper_blocks_per_page_ * upper_block_bytes_;
  }

 private:
  NodeLayout() = default;

  // slot / blocks_per_page_, without a division: a search does this for each neighbour. Exact for
  // each 32-bit slot, since the multiplier is 2^64 / blocks_per_page_ rounded up and errs by less
  // than 2^32 / 2^64 in all.
  std::uint32_t Quotient(std::uint32_t slot) const {
    if (blocks_per_page_ == 1) return slot;
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint32_t>(static_cast<Wide>(slot) * reciprocal_ >> 64);
  }

  std::uint32_t dimensions_ = 0;
  std::uint32_t max_links_ = 0;
  std::uint32_t max_links0_ = 0;
  std::uint32_t links_offset_ = 0;
  std::uint32_t codes_offset_ = 0;
  std::uint32_t block_bytes_ = 0;
  std::uint32_t blocks_per_page_ = 0;
  std::uint32_t upper_block_bytes_ = 0;
  std::uint32_t upper_blocks_per_page_ = 0;
  std::uint32_t page_bytes_ = 0;
  std::uint64_t reciprocal_ = 0;  // of blocks_per_page_
};

}  // namespace engram

#endif  // ENGRAM_INDEX_NODE_LAYOUT_H_
