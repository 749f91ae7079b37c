// Fills memory with the pages that the superblock counts, and puts torn ones right from the
// journal. Threads: one thread, before anybody else sees the store. Implements docs/recovery.md,
// "Opening".
#ifndef ENGRAM_ENGINE_PAGE_LOADER_H_
#define ENGRAM_ENGINE_PAGE_LOADER_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <engram/result.h>

#include "engine/core.h"

namespace engram {

struct LoadedPages {
  std::uint64_t torn = 0;  // pages that failed their check and have an image
  Journal::Round round;    // what `unproven` borrows from
  // Images that are now in memory, and must be written in place before anything else is: those of
  // the torn pages, or, where an unfinished checkpoint had begun to write its round in place, of
  // the whole round.
  std::vector<PageImage> unproven;
};

// Reads every page that was in use at the checkpoint into core.pages, checks it, and replaces those
// that fail by their images in the journal, in memory. Of mapped pages only those are looked at
// that a crash may have torn; they become right when `unproven` is in place. Nothing is written.
// Errors: kCorruptedIndex naming the first page that is bad and has no image.
Result<LoadedPages> LoadPages(Core& core) ENGRAM_EXCLUDES(core.writer_role);

// Pages of a segment that hold something at `state`.
std::uint32_t PagesInUse(const NodeLayout& layout, const StoreState& state, SegmentKind segment);

// The page size of each segment, by IndexOf().
std::array<std::uint32_t, kSegments> PageSizes(const PageFile& file);

// The steps of LoadPages(), for verify too, which restores into memory only.

struct BadPage {
  PageRef ref;
  Status why;
};

// Gives all pages memory, as core.residency says, reads every page that was in use at the
// checkpoint and is not mapped, and takes over the checkpoint's state. Pages that fail their check
// lie in memory as they were found, and are added to `bad`.
Status ReadPagesInUse(Core& core, std::vector<BadPage>& bad) ENGRAM_EXCLUDES(core.writer_role);

// Images of bad pages from a journal round that belongs to the superblock's checkpoint or the one
// after; pages without one stay in `bad`.
std::vector<PageImage> ImagesFor(const Journal::Round& round, std::uint64_t checkpoint,
                                 std::vector<BadPage>& bad);

// Over the pages in memory, as far as they are not views of the file. Pre: they are in use. Errors:
// kCorruptedIndex where an image is not the page that it is to be.
Status PutImages(Core& core, std::span<const PageImage> images);

}  // namespace engram

#endif  // ENGRAM_ENGINE_PAGE_LOADER_H_
