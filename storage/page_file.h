// graph.engram: pages by segment and number, where their extents lie, and the superblock pair.
// Changed by checkpoints and by recovery alone (I5); growth only reserves space.
// Leaves what pages hold, and when they may be written, to others (page_space.h,
// engine/checkpointer.h).
// Threads: one writer, many readers: AddExtent() and RestoreLength() by the holder of the writer
// role; WritePages(), Sync(), WriteSuperblock() by the checkpointer or recovery, which may run
// beside AddExtent(); ReadPages() by anyone, who may meet pages that are half written.
// Implements docs/file-format.md.
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
  std::uint32_t ExtentCount(SegmentKind segment) const ENGRAM_EXCLUDES(mutex_);
  // Pre: the page lies in an extent.
  std::uint64_t FileOffset(PageRef ref) const ENGRAM_EXCLUDES(mutex_);

  // Room first: reserves space on disk for `pages` more pages of the segment and says where;
  // nothing knows of it until AddExtent(). Calling again without AddExtent() gives the same place.
  // Errors: kNoSpace; kIndexFull (no entry or no page number left).
  Result<ExtentEntry> ReserveExtent(SegmentKind segment, std::uint32_t pages)
      ENGRAM_EXCLUDES(mutex_);
  // Makes a reserved or logged extent part of its segment as that segment's extent number `index`;
  // the same again changes nothing. The file is made long enough where it is not (replay). Errors:
  // kCorruptedIndex where it contradicts the extents that are there; kNoSpace. A file opened with
  // kRead knows of the extent in memory alone.
  Status AddExtent(std::uint32_t index, const ExtentEntry& extent) ENGRAM_EXCLUDES(mutex_);
  // Makes the file as long as its extents say, where somebody has cut it since. Errors: kNoSpace.
  Status RestoreLength() ENGRAM_EXCLUDES(mutex_);
  // Errors: kIoError where the file is shorter than its extents. Whoever would make a file longer
  // of which there are views asks before: what it had lost would be zeros in them, and not missed.
  Status CheckLength() const ENGRAM_EXCLUDES(mutex_);
  // All extents in the order of addition, for the next superblock.
  std::vector<ExtentEntry> Extents() const ENGRAM_EXCLUDES(mutex_);

  // A private view of the extent, which need not be part of its segment yet, over the addresses of
  // `space` from `at` on. Pre: the file is long enough. Errors: as AddressSpace::MapFile().
  Status MapExtent(const ExtentEntry& extent, AddressSpace& space, std::uint64_t at) const;

  // Reads pages [first, first + count) in large reads; does not look at them. Pre: they lie in
  // extents; `out` has count * PageBytes bytes.
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

  Result<std::uint64_t> BytesOnDisk() const { return file_->Size(); }
  // Relaxed: a figure for stats.
  std::uint64_t bytes_written() const { return bytes_written_.load(std::memory_order_relaxed); }

 private:
  PageFile(std::unique_ptr<File> file, OpenMode mode, CheckpointRoot root);

  struct Run {  // an extent, and where its pages begin within the segment
    std::uint32_t first_page = 0;
    ExtentEntry extent{};
  };

  struct Lengths {  // of the file
    std::uint64_t found = 0;
    std::uint64_t expected = 0;  // at least, by its extents
  };

  Result<Lengths> GetLengths() const ENGRAM_EXCLUDES(mutex_);
  Status CheckNewExtent(std::uint32_t index, const ExtentEntry& extent) const
      ENGRAM_REQUIRES(mutex_);
  void Append(const ExtentEntry& extent) ENGRAM_REQUIRES(mutex_);
  std::uint32_t CountPages(SegmentKind segment) const ENGRAM_REQUIRES(mutex_);
  // The run that holds the page. Pre: there is one.
  const Run& FindRun(PageRef ref) const ENGRAM_REQUIRES(mutex_);
  std::uint64_t OffsetOf(PageRef ref) const ENGRAM_REQUIRES(mutex_);
  // Where each image goes, in the order of places.
  Result<std::vector<WriteOp>> Place(std::span<const PageImage> images) const
      ENGRAM_EXCLUDES(mutex_);
  Status Write(std::span<const WriteOp> ops);
  // A superblock and its table, into their slot.
  Status WriteRoot(const Superblock& superblock, std::span<const std::byte> table);

  const std::unique_ptr<File> file_;
  const OpenMode mode_;
  const StoreParameters parameters_;
  Superblock superblock_{};
  std::optional<Lsn> older_lsn_;
  std::atomic<std::uint64_t> bytes_written_{0};
  mutable Mutex mutex_;
  std::array<std::vector<Run>, kSegments> runs_ ENGRAM_GUARDED_BY(mutex_);
  std::vector<ExtentEntry> table_ ENGRAM_GUARDED_BY(mutex_);          // in the order of addition
  std::uint64_t end_ ENGRAM_GUARDED_BY(mutex_) = kFirstExtentOffset;  // behind the last extent
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
