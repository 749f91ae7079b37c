// The pages in memory: each segment lies in one range of addresses that never moves, so a page is
// an addition away. Knows which pages changed since their last image.
// Resident: anonymous memory in huge pages, filled at open. Mapped: the nodes lie in private views
// of the page file, so that a page is read when it is touched and a changed one is the process's
// own copy until it is written and dropped; the other segments, about a hundredth of the file, are
// resident there too.
// Leaves reading and writing to page_file.h.
// Threads: one writer, many readers. Bytes of pages are read by anyone; Extend(), AddExtent(),
// Cut(), ReleaseMemory(), TakeImages(), DropCopies() and MutablePage() belong to the holder of the
// writer role. Implements docs/architecture.md, "Pages in memory".
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
#include "storage/page_errors.h"
#include "storage/page_format.h"
#include "storage/page_guard.h"

namespace engram {

class PageFile;

// What a mapped space views. Both as the last checkpoint left them.
struct MappedFile {
  const PageFile* file = nullptr;  // outlives the space; nullptr: resident
  std::uint32_t nodes_in_use = 0;  // pages at or above it hold nothing yet, whatever lies there
  bool guard_faults = true;        // pages that cannot be read any more do not end the process
};

class PageSpace {
 public:
  // `page_bytes` by IndexOf(segment). `capacity_bytes`: addresses to reserve for the nodes segment;
  // the others get what goes with it. With a file: a mapped space.
  static Result<std::unique_ptr<PageSpace>> Create(
      std::uint64_t store_id, const std::array<std::uint32_t, kSegments>& page_bytes,
      std::uint64_t capacity_bytes, MappedFile mapped = {});
  ~PageSpace();

  std::uint32_t page_bytes(SegmentKind segment) const { return At(segment).page_bytes; }
  // Pages that have memory, and were not cut.
  std::uint32_t page_count(SegmentKind segment) const {
    // Acquire: pairs with the release in Publish(); a reader that sees the count may touch the
    // pages.
    return At(segment).pages.load(std::memory_order_acquire);
  }
  // Where page 0 lies; never changes.
  const std::byte* base(SegmentKind segment) const { return At(segment).space.base(); }
  std::byte* mutable_base(SegmentKind segment) { return At(segment).space.base(); }
  const std::byte* page(PageRef ref) const {
    return base(ref.segment) + static_cast<std::size_t>(ref.page) * page_bytes(ref.segment);
  }
  // Whether the segment lies in views of the file.
  bool IsMapped(SegmentKind segment) const {
    return mapped_ != nullptr && segment == SegmentKind::kNodes;
  }

  // Gives the segment memory for `pages` pages in all; new pages are zero. Pre: it is not mapped.
  // Errors: kIndexFull where addresses end or the system has no memory.
  Status Extend(SegmentKind segment, std::uint32_t pages);
  // Gives the pages of an extent memory, which are its segment's from page `first` on. An extent
  // that did not come to be part of the file may be followed by another one at the same place.
  // Pre: the file is long enough. Errors: as Extend(), File::MapPrivate().
  Status AddExtent(std::uint32_t first, const ExtentEntry& extent);

  // From now on the segment has `pages` pages. Those behind them are not dirty any more, and in no
  // later image; what lies there stays where it is until ReleaseMemory(). Should the segment grow
  // before that, the new pages are zero; who began to look at slot states earlier finds them as
  // they were or free. Pre: no checkpoint is under way, which would miss images; nobody looks at
  // blocks in what is cut, and slots there are free.
  void Cut(SegmentKind segment, std::uint32_t pages);
  // Gives back the memory behind the segment's pages, or the views, and with them the file. Pre: no
  // reader is left that began before the last Cut(). Errors: kIoError, where the system refuses:
  // views stay, so that their part of the file has to.
  Status ReleaseMemory(SegmentKind segment);

  // The page, to be changed by the commit `lsn`: it gets its identity and LSN, and counts as dirty.
  // Where it is bad, memory that nobody looks at, and writer_errors() says so.
  std::byte* MutablePage(PageRef ref, Lsn lsn);
  // Bad pages that the holder of the writer role met. A commit that did must not go on.
  PageErrors& writer_errors() const { return writer_errors_; }

  // For whoever looks at nodes; `errors` gets what it finds bad.
  PageGuard Guard(PageErrors& errors) const;
  // Checks the page as it lies in the file, unless that was done. Errors: kCorruptedIndex naming
  // it; kIoError.
  Status Check(PageId page) const;
  // Whether a page that was in memory once could not be read again: the file was cut short, or its
  // disk failed. What was read since the store was opened may then be zeros, and so may what was
  // written; only opening it again helps. Errors: kIoError naming file and page.
  Status CheckFaults() const;
  // Whether the page was never written, so that nobody may look at it. Pre: mapped.
  bool IsUnwritten(PageId page) const;

  std::uint64_t dirty_pages() const { return dirty_pages_.load(std::memory_order_relaxed); }
  std::uint64_t dirty_bytes() const { return dirty_bytes_.load(std::memory_order_relaxed); }
  // Of mapped pages: the process's own copies that were not dropped yet.
  std::uint64_t copied_bytes() const { return copied_bytes_.load(std::memory_order_relaxed); }
  // Memory that is taken whatever changes, and with it, the copies.
  std::uint64_t resident_bytes() const;
  std::uint64_t memory_bytes() const { return resident_bytes() + copied_bytes(); }
  // Whether the system has refused to drop copies; they stay, and are no longer counted.
  bool keeps_copies() const { return keeps_copies_.load(std::memory_order_relaxed); }

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

  // Lets go of the copies of mapped pages whose images are in the file, durable (R3), unless they
  // were changed again (R4). Begins at refs[next], moves `next`, and stops after about `max_bytes`;
  // true where that was the last. `refs` in the order in which TakeImages() gives them.
  bool DropCopies(std::span<const PageRef> refs, std::size_t& next, std::uint64_t max_bytes);

 private:
  struct Segment {
    AddressSpace space;
    std::uint32_t page_bytes = 0;
    std::atomic<std::uint32_t> pages{0};  // release in Publish() and Cut(), acquire in page_count()
    // With those behind them that were cut and not released. Relaxed: a figure for limits and
    // stats, ordered by the writer role where it matters. Of segments that are not mapped.
    std::atomic<std::uint32_t> kept{0};
    std::vector<std::uint64_t> dirty;  // a bit a page; the writer role's; never shrinks
  };
  struct Mapped;

  PageSpace();
  const Segment& At(SegmentKind segment) const { return segments_[IndexOf(segment)]; }
  Segment& At(SegmentKind segment) { return segments_[IndexOf(segment)]; }

  static std::span<std::byte> AddImage(PageRef ref, std::size_t page_bytes,
                                       std::uint64_t slab_bytes, Images& out);
  Status MakeMapped(const MappedFile& mapped);
  Status MapExtent(std::uint32_t first, const ExtentEntry& extent);
  void Publish(Segment& segment, std::uint32_t pages);
  void ForgetMapped(std::uint32_t first, std::uint32_t end);
  bool MakeWritable(std::uint32_t page);
  bool MayDrop(PageRef ref) const;
  void Drop(PageRef first, std::uint32_t count);

  std::uint64_t store_id_ = 0;
  std::array<Segment, kSegments> segments_;
  std::unique_ptr<Mapped> mapped_;
  mutable PageErrors writer_errors_;
  // Relaxed: figures for limits and stats, ordered by the writer role where it matters.
  std::atomic<std::uint64_t> dirty_pages_{0};
  std::atomic<std::uint64_t> dirty_bytes_{0};
  std::atomic<std::uint64_t> copied_bytes_{0};
  std::atomic<bool> keeps_copies_{false};
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_PAGE_SPACE_H_
