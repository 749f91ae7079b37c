// The pages in memory: each segment lies in one range of addresses that never moves, so a page is
// an addition away. Knows which pages changed since their last image.
// Residency kResident: anonymous memory in huge pages, filled at open.
// Leaves reading and writing to page_file.h.
// Threads: one writer, many readers. Bytes of pages are read by anyone; Extend(),
// TakeImages() and MutablePage() belong to the holder of the writer role.
// Implements docs/architecture.md, "Pages in memory".
#ifndef ENGRAM_STORAGE_PAGE_SPACE_H_
#define ENGRAM_STORAGE_PAGE_SPACE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <engram/result.h>

#include "storage/base/address_space.h"
#include "storage/base/aligned_buffer.h"
#include "storage/page_format.h"

namespace engram {

class PageSpace {
 public:
  // `page_bytes` by IndexOf(segment). `capacity_bytes`: addresses to reserve for the nodes segment;
  // the others get what goes with it.
  static Result<std::unique_ptr<PageSpace>> Create(
      std::uint64_t store_id, const std::array<std::uint32_t, kSegments>& page_bytes,
      std::uint64_t capacity_bytes);

  std::uint32_t page_bytes(SegmentKind segment) const { return At(segment).page_bytes; }
  // Pages that have memory.
  std::uint32_t page_count(SegmentKind segment) const {
    // Acquire: pairs with the release in Extend(); a reader that sees the count may touch the
    // pages.
    return At(segment).pages.load(std::memory_order_acquire);
  }
  // Where page 0 lies; never changes.
  const std::byte* base(SegmentKind segment) const { return At(segment).space.base(); }
  std::byte* mutable_base(SegmentKind segment) { return At(segment).space.base(); }
  const std::byte* page(PageRef ref) const {
    return base(ref.segment) + static_cast<std::size_t>(ref.page) * page_bytes(ref.segment);
  }

  // Gives the segment memory for `pages` pages in all; new pages are zero. Errors: kIndexFull where
  // addresses end or the system has no memory.
  Status Extend(SegmentKind segment, std::uint32_t pages);

  // The page, to be changed by the commit `lsn`: it gets its identity and LSN, and counts as dirty.
  std::byte* MutablePage(PageRef ref, Lsn lsn);

  std::uint64_t dirty_pages() const { return dirty_pages_.load(std::memory_order_relaxed); }
  std::uint64_t dirty_bytes() const { return dirty_bytes_.load(std::memory_order_relaxed); }
  std::uint64_t memory_bytes() const;

  // Images of dirty pages, taken in slices: the pages stop being dirty as their bytes are copied.
  struct Images {
    std::vector<PageRef> refs;
    std::vector<std::span<std::byte>> pages;  // parallel to refs; not sealed
    std::vector<AlignedBuffer> slabs;         // what the pages lie in
    std::size_t left = 0;                     // bytes of the last slab
    std::uint64_t bytes = 0;
  };
  // Where the next slice goes on; a default one starts.
  struct Cursor {
    std::size_t segment = 0;
    std::size_t page = 0;
  };
  // Adds up to about `max_bytes` of images to `out`; true when the cursor has passed the last page.
  // A page that is changed behind the cursor stays dirty for the next checkpoint.
  bool TakeImages(Cursor& cursor, std::uint64_t max_bytes, Images& out);

 private:
  static std::span<std::byte> AddImage(PageRef ref, std::size_t page_bytes,
                                       std::uint64_t slab_bytes, Images& out);

  struct Segment {
    AddressSpace space;
    std::uint32_t page_bytes = 0;
    std::atomic<std::uint32_t> pages{0};  // release in Extend(), acquire in page_count()
    std::vector<std::uint64_t> dirty;     // a bit a page; the writer role's
  };

  PageSpace() = default;
  const Segment& At(SegmentKind segment) const { return segments_[IndexOf(segment)]; }
  Segment& At(SegmentKind segment) { return segments_[IndexOf(segment)]; }

  std::uint64_t store_id_ = 0;
  std::array<Segment, kSegments> segments_;
  // Relaxed: figures for limits and stats, ordered by the writer role where it matters.
  std::atomic<std::uint64_t> dirty_pages_{0};
  std::atomic<std::uint64_t> dirty_bytes_{0};
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_PAGE_SPACE_H_
