// graph.engram: pages by segment and number, where their extents lie, and the superblock pair.
// Changed by checkpoints and by recovery alone (I5); growth only reserves space, and what no
// superblock names goes back to the file system. Leaves what pages hold, and when they may be
// written, to others (page_space.h, engine/checkpointer.h).
// Threads: one writer, many readers: ReserveExtent(), AddExtent(), CutSegment(), RestoreLength() by
// the holder of the writer role; WritePages(), Sync(), WriteSuperblock(), ReleaseUnused() by the
// checkpointer or recovery, which may run beside growth; ReadPages() by anyone, who may meet pages
// that are half written. Implements docs/file-format.md.
#ifndef ENGRAM_STORAGE_PAGE_FILE_H_
#define ENGRAM_STORAGE_PAGE_FILE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <engram/result.h>

#include "storage/base/address_space.h"
#include "storage/base/file.h"
#include "storage/base/mutex.h"
#include "storage/byte_ranges.h"
#include "storage/page_format.h"
#include "storage/superblock.h"

namespace engram {

// A page's bytes on their way to or from the disk. `bytes` has the segment's page size.
struct PageImage {
  PageRef ref;
  std::span<const std::byte> bytes;
};

class PageFile {
 public:
  // Makes the file under a temporary name with checkpoint 1 in slot 1, zeros in slot 0 and no
  // extents, everything durable, and renames it into place; the directory is synced by the caller.
  // `first` has parameters, defaults, store_id, created_us, log_generation and state set; the rest
  // is filled in.
  static Status Create(FileSystem& fs, const std::string& path, const Superblock& first);

  // Reads and checks superblocks and extent table. Errors: kNotFound, kNotSupported (another
  // version, an unknown required feature), kCorruptedIndex.
  static Result<std::unique_ptr<PageFile>> Open(FileSystem& fs, const std::string& path,
                                                OpenMode mode);

  const std::string& path() const { return file_->path(); }
  // As the store was created. Any thread, also beside WriteSuperblock().
  const StoreParameters& parameters() const { return parameters_; }
  // The one that counts: as found at open, or as written last. For who may call WriteSuperblock().
  const Superblock& superblock() const { return superblock_; }
  // The LSN of the checkpoint that counts should the newest superblock be lost; nothing where there
  // is none.
  std::optional<Lsn> older_lsn() const { return older_lsn_; }

  std::uint32_t PageBytes(SegmentKind segment) const;
  // Pages in the segment's extents.
  std::uint32_t PageCount(SegmentKind segment) const ENGRAM_EXCLUDES(mutex_);
  // The first of them, as far as they were not cut since the newest checkpoint (or since opening):
  // what has grown behind those no checkpoint has written yet, whatever the superblock counts.
  std::uint32_t UncutPages(SegmentKind segment) const ENGRAM_EXCLUDES(mutex_);
  std::uint32_t ExtentCount(SegmentKind segment) const ENGRAM_EXCLUDES(mutex_);
  // Pre: the page lies in an extent.
  std::uint64_t FileOffset(PageRef ref) const ENGRAM_EXCLUDES(mutex_);

  // Room first: reserves space on disk for `pages` more pages of the segment and says where;
  // nothing knows of it until AddExtent(). Calling again without AddExtent() gives the same place,
  // which lies behind all that a superblock on disk may name, in extents that are gone too. Errors:
  // kNoSpace; kIndexFull (no entry or no page number left).
  Result<ExtentEntry> ReserveExtent(SegmentKind segment, std::uint32_t pages)
      ENGRAM_EXCLUDES(length_mutex_, mutex_);
  // Makes a reserved or logged extent part of its segment as that segment's extent number `index`;
  // the same again changes nothing. The file is made long enough where it is not (replay). Errors:
  // kCorruptedIndex where it contradicts the extents that are there; kNoSpace. A file opened with
  // kRead knows of the extent in memory alone.
  Status AddExtent(std::uint32_t index, const ExtentEntry& extent)
      ENGRAM_EXCLUDES(length_mutex_, mutex_);
  // Makes the file as long as its extents say, where somebody has cut it since. Errors: kNoSpace.
  Status RestoreLength() ENGRAM_EXCLUDES(length_mutex_, mutex_);
  // Errors: kIoError where the file is shorter than its extents. Whoever would make a file longer
  // of which there are views asks before: what it had lost would be zeros in them, and not missed.
  Status CheckLength() const ENGRAM_EXCLUDES(length_mutex_, mutex_);
  // All extents in the order of addition, for the next superblock.
  std::vector<ExtentEntry> Extents() const ENGRAM_EXCLUDES(mutex_);

  // From now on the segment has `pages` pages: extents behind them are gone, the one that they end
  // in is shorter. On disk nothing changes. Pre: no checkpoint is under way, whose superblock would
  // name pages that get no image any more. Errors: kCorruptedIndex where the segment has fewer (a
  // log record said so), or there is no such segment.
  Status CutSegment(SegmentKind segment, std::uint32_t pages) ENGRAM_EXCLUDES(mutex_);
  // Gives the file system back what is in no extent, and was in none when the newest checkpoint was
  // made: the file ends with the last of them, and between them are holes. Before anything goes the
  // older superblock is overwritten, where it names more, so that neither of the two ever names
  // what is gone. What a file system cannot give back stays. Costs nothing where nothing is left to
  // do; which follows from the extents alone, so that it can be called at any time, also after a
  // crash amid of it. Pre: no checkpoint is under way; the newest superblock is known to be
  // durable; nobody looks at pages, or has views of them, that were cut before that checkpoint.
  // Errors: those of a write, which leave nothing wrong, but the older superblock in doubt.
  Status ReleaseUnused() ENGRAM_EXCLUDES(length_mutex_, mutex_);

  // Pages of each segment that are in use: all of its first ones.
  using UsedPages = std::array<std::uint32_t, kSegments>;  // by IndexOf()
  // Nothing that was ever written is left behind the pages in use, nor outside of extents: zeros
  // are written, or the space goes back, and the file is synced. Pages of which none is in use hold
  // whatever a crash or an earlier life left there. Pre: as ReleaseUnused(), called before.
  Status ClearUnused(const UsedPages& used) ENGRAM_EXCLUDES(length_mutex_, mutex_);

  // A private view of the extent, which need not be part of its segment yet, over the addresses of
  // `space` from `at` on. Pre: the file is long enough. Errors: as AddressSpace::MapFile().
  Status MapExtent(const ExtentEntry& extent, AddressSpace& space, std::uint64_t at) const;

  // Reads pages [first, first + count) in large reads; does not look at them. Pre: `out` has count
  // * PageBytes bytes. Errors: kNotFound, with nothing read, where the segment has not so many: it
  // was cut meanwhile.
  Status ReadPages(SegmentKind segment, std::uint32_t first, std::uint32_t count,
                   std::span<std::byte> out) const ENGRAM_EXCLUDES(mutex_);
  // Writes pages in place, sorted by place, many at a time. Errors: kCorruptedIndex where an image
  // names a page that lies in no extent or has another size (it may come from the journal), with
  // nothing written.
  Status WritePages(std::span<const PageImage> images) ENGRAM_EXCLUDES(mutex_);
  Status Sync();

  // Writes table and superblock over the older ones and syncs once for both: should only one of
  // them arrive, the superblock names another table than the one that is there, and the slot does
  // not count. `next` has checkpoint, lsn, log_generation and state set; the rest is kept. Pre: its
  // checkpoint is larger than superblock()'s.
  Status WriteSuperblock(const Superblock& next, std::span<const ExtentEntry> extents);
  // Writes superblock() and its table once more where they are, and syncs: what was read may be in
  // the system's memory alone. Pre: a crash meanwhile may lose them.
  Status RepeatSuperblock();

  // What the file takes on the disk, holes left out.
  Result<std::uint64_t> BytesOnDisk() const { return file_->AllocatedBytes(); }
  // What it is to hold: the pages of all extents.
  std::uint64_t BytesInExtents() const ENGRAM_EXCLUDES(mutex_);
  // What lies between extents and behind them: extents that are gone, whether their space went back
  // or not, and room that was reserved.
  Result<std::uint64_t> UnusedBytes() const ENGRAM_EXCLUDES(mutex_);
  // Relaxed: a figure for stats.
  std::uint64_t bytes_written() const { return bytes_written_.load(std::memory_order_relaxed); }

 private:
  PageFile(std::unique_ptr<File> file, OpenMode mode, CheckpointRoot root);

  static constexpr std::uint32_t kNoPageNumber = ~std::uint32_t{0};
  static constexpr UsedPages kAllPages = {kNoPageNumber, kNoPageNumber, kNoPageNumber,
                                          kNoPageNumber};
  static_assert(kAllPages.back() == kNoPageNumber, "one for each segment");

  struct Run {  // an extent, and where its pages begin within the segment
    std::uint32_t first_page = 0;
    ExtentEntry extent{};
  };

  struct Lengths {  // of the file
    std::uint64_t found = 0;
    std::uint64_t expected = 0;  // at least, by its extents
  };

  Result<Lengths> GetLengths() const ENGRAM_EXCLUDES(mutex_);
  std::uint64_t EndOf(const ExtentEntry& extent) const;
  // Behind the last of them; where the first would lie if there is none.
  std::uint64_t EndOf(std::span<const ExtentEntry> extents) const;
  Status CheckNewExtent(std::uint32_t index, const ExtentEntry& extent) const
      ENGRAM_REQUIRES(mutex_);
  void Append(const ExtentEntry& extent) ENGRAM_REQUIRES(mutex_);
  ByteRanges RangesOf(std::span<const ExtentEntry> extents) const;
  ByteRanges NeededRanges() const ENGRAM_EXCLUDES(mutex_);
  Status ForgetOlder(const ByteRanges& needed);
  ByteRanges RangesInUse(const UsedPages& used) const ENGRAM_EXCLUDES(mutex_);
  Status WriteZeros(const ByteRange& range);
  Status Deallocate(const ByteRanges& ranges) ENGRAM_REQUIRES(length_mutex_);
  std::uint32_t CountPages(SegmentKind segment) const ENGRAM_REQUIRES(mutex_);
  // The run that holds the page. Pre: there is one.
  const Run& FindRun(PageRef ref) const ENGRAM_REQUIRES(mutex_);
  std::uint64_t OffsetOf(PageRef ref) const ENGRAM_REQUIRES(mutex_);
  // Where each image goes, in the order of places.
  Result<std::vector<WriteOp>> Place(std::span<const PageImage> images) const
      ENGRAM_EXCLUDES(mutex_);
  Status Write(std::span<const WriteOp> ops);
  Status WriteNext(const Superblock& next, std::span<const ExtentEntry> extents);
  // A superblock and its table, into their slot.
  Status WriteRoot(const Superblock& superblock, std::span<const std::byte> table);

  const std::unique_ptr<File> file_;
  const OpenMode mode_;
  const StoreParameters parameters_;
  // For who may call WriteSuperblock(): the newest superblock and the one before, and what they
  // name.
  Superblock superblock_{};
  std::optional<Lsn> older_lsn_;
  std::vector<ExtentEntry> named_;
  std::vector<ExtentEntry> older_named_;
  std::atomic<std::uint64_t> bytes_written_{0};

  // Whoever changes the file's length holds it from the decision to the end, across I/O: what grows
  // is not cut off. Growth is rare, and release rarer. Taken before mutex_.
  mutable Mutex length_mutex_;
  ByteRanges released_ ENGRAM_GUARDED_BY(length_mutex_);  // gaps whose space went back

  mutable Mutex mutex_;
  std::array<std::vector<Run>, kSegments> runs_ ENGRAM_GUARDED_BY(mutex_);
  std::vector<ExtentEntry> table_ ENGRAM_GUARDED_BY(mutex_);  // in the order of addition
  // Where the next extent is placed: behind all extents, and all that superblocks name. Falls in
  // ReleaseUnused() alone.
  std::uint64_t end_ ENGRAM_GUARDED_BY(mutex_) = kFirstExtentOffset;
  std::optional<ExtentEntry> reserved_ ENGRAM_GUARDED_BY(mutex_);  // not added yet
  // Since the newest checkpoint: what was cut, and the fewest pages that each segment had.
  ByteRanges fresh_cuts_ ENGRAM_GUARDED_BY(mutex_);
  UsedPages uncut_ ENGRAM_GUARDED_BY(mutex_) = kAllPages;
};

// Fills in store id and checksum of a page header.
void SealPage(std::span<std::byte> page, std::uint64_t store_id);
// Whether all bytes are zero, as in a page of an extent that no checkpoint has written yet.
bool IsNeverWritten(std::span<const std::byte> page);
// kCorruptedIndex naming the page, found against expected; checks checksum, store id, segment,
// number, reserved bytes. A page that was never written fails, and the message says so.
Status CheckPage(std::span<const std::byte> page, PageRef ref, std::uint64_t store_id);

// "nodes page 7".
std::string Describe(PageRef ref);
std::string_view SegmentName(SegmentKind segment);

}  // namespace engram

#endif  // ENGRAM_STORAGE_PAGE_FILE_H_
