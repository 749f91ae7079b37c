#include "engine/page_loader.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

constexpr std::uint64_t kReadBytes = 4ull << 20;

// Gives the segment's extents memory.
Status AddExtents(Core& core, SegmentKind segment) {
  std::uint32_t first = 0;
  for (const ExtentEntry& extent : core.page_file->Extents()) {
    if (extent.segment != segment) continue;
    ENGRAM_RETURN_IF_ERROR(core.pages->AddExtent(first, extent));
    first += extent.pages;
  }
  return Status::Ok();
}

// Of a mapped segment only memory: its pages are checked when they are touched.
Status LoadSegment(Core& core, SegmentKind segment, std::vector<BadPage>& bad) {
  const StoreState& state = core.page_file->superblock().state;
  const std::uint32_t pages = PagesInUse(*core.layout, state, segment);
  if (pages > core.page_file->PageCount(segment)) {
    return Status::CorruptedIndex(core.GraphPath() + ": the superblock counts " +
                                  std::to_string(pages) + " " + std::string(SegmentName(segment)) +
                                  " pages in use, the extent table has " +
                                  std::to_string(core.page_file->PageCount(segment)));
  }
  ENGRAM_RETURN_IF_ERROR(AddExtents(core, segment));
  if (core.pages->IsMapped(segment)) return Status::Ok();
  const std::uint32_t page_bytes = core.pages->page_bytes(segment);
  const auto at_a_time =
      static_cast<std::uint32_t>(std::max<std::uint64_t>(1, kReadBytes / page_bytes));
  for (std::uint32_t first = 0; first < pages; first += at_a_time) {
    const std::uint32_t count = std::min(at_a_time, pages - first);
    std::byte* const to = core.pages->mutable_base(segment) + std::size_t{first} * page_bytes;
    const std::span<std::byte> bytes(to, std::size_t{count} * page_bytes);
    ENGRAM_RETURN_IF_ERROR(core.page_file->ReadPages(segment, first, count, bytes));
    for (std::uint32_t i = 0; i < count; ++i) {
      const PageRef ref{segment, static_cast<PageId>(first + i)};
      Status why =
          CheckPage(bytes.subspan(std::size_t{i} * page_bytes, page_bytes), ref, core.store_id);
      if (!why.ok()) bad.push_back({ref, std::move(why)});
    }
  }
  return Status::Ok();
}

bool IsInUse(const Core& core, PageRef ref) {
  return Raw(ref.page) < PagesInUse(*core.layout, core.page_file->superblock().state, ref.segment);
}

// Adds the mapped pages that are bad of those that a round names: a crash tears no others, since
// each round was durable in place before the next began.
Status CheckMappedPages(const Core& core, const Journal::Round& round, std::vector<BadPage>& bad) {
  std::vector<std::byte> bytes;
  for (const PageImage& image : round.images) {
    if (!core.pages->IsMapped(image.ref.segment) || !IsInUse(core, image.ref)) continue;
    bytes.resize(core.pages->page_bytes(image.ref.segment));
    ENGRAM_RETURN_IF_ERROR(
        core.page_file->ReadPages(image.ref.segment, Raw(image.ref.page), 1, bytes));
    Status why = CheckPage(bytes, image.ref, core.store_id);
    if (!why.ok()) bad.push_back({image.ref, std::move(why)});
  }
  return Status::Ok();
}

// Whether the page in place holds the image.
Result<bool> IsInPlace(const Core& core, const PageImage& image) {
  const auto [segment, page] = image.ref;
  if (!core.pages->IsMapped(segment)) {
    return std::memcmp(core.pages->page(image.ref), image.bytes.data(), image.bytes.size()) == 0;
  }
  std::vector<std::byte> bytes(image.bytes.size());
  ENGRAM_RETURN_IF_ERROR(core.page_file->ReadPages(segment, Raw(page), 1, bytes));
  return std::equal(bytes.begin(), bytes.end(), image.bytes.begin());
}

// The images of a round whose checkpoint did not finish, of pages in use, where writing them in
// place had begun. Pages that look right may be so in the system's memory alone (a killed process,
// a failed sync), and this journal, durable before any of them was written, is soon overwritten.
// Where writing had not begun, the journal itself may not be durable: nothing is then taken from
// it, and nothing is missing.
Result<std::vector<PageImage>> BegunRound(const Core& core, const Journal::Round& round,
                                          std::span<const BadPage> bad) {
  std::vector<PageImage> images;
  bool begun = !bad.empty();
  for (const PageImage& image : round.images) {
    const bool fits = image.bytes.size() == core.pages->page_bytes(image.ref.segment);
    if (!fits || !IsInUse(core, image.ref)) continue;
    if (!begun) {
      ENGRAM_ASSIGN_OR_RETURN(begun, IsInPlace(core, image));
    }
    images.push_back(image);
  }
  if (!begun || ENGRAM_MUTANT(kRoundNotRepeated)) images.clear();
  return images;
}

}  // namespace

std::uint32_t PagesInUse(const NodeLayout& layout, const StoreState& state, SegmentKind segment) {
  const auto pages = [](std::uint64_t slots, std::uint64_t per_page) {
    return static_cast<std::uint32_t>(AlignUp(slots, per_page) / per_page);
  };
  switch (segment) {
    case SegmentKind::kNodes:
      return pages(state.node_slots, layout.blocks_per_page());
    case SegmentKind::kUpper:
      return pages(state.upper_slots, layout.upper_blocks_per_page());
    case SegmentKind::kNodeSlots:
      return pages(state.node_slots, kSlotsPerPage);
    case SegmentKind::kUpperSlots:
      return pages(state.upper_slots, kSlotsPerPage);
  }
  return 0;
}

std::array<std::uint32_t, kSegments> PageSizes(const PageFile& file) {
  std::array<std::uint32_t, kSegments> sizes{};
  for (const SegmentKind segment : kAllSegments) {
    sizes[IndexOf(segment)] = file.PageBytes(segment);
  }
  return sizes;
}

std::vector<PageImage> ImagesFor(const Journal::Round& round, std::uint64_t checkpoint,
                                 std::vector<BadPage>& bad) {
  std::vector<PageImage> images;
  // An older checkpoint's image lacks what the superblock says is in the page.
  if (round.name.checkpoint < checkpoint && !ENGRAM_MUTANT(kJournalOlderRestored)) return images;
  std::map<std::pair<SegmentKind, PageId>, const PageImage*> by_page;
  for (const PageImage& image : round.images) by_page[{image.ref.segment, image.ref.page}] = &image;
  std::erase_if(bad, [&](const BadPage& page) {
    const auto image = by_page.find({page.ref.segment, page.ref.page});
    if (image == by_page.end()) return false;
    images.push_back(*image->second);
    return true;
  });
  return images;
}

Status PutImages(Core& core, std::span<const PageImage> images) {
  for (const PageImage& image : images) {
    const std::uint32_t page_bytes = core.pages->page_bytes(image.ref.segment);
    if (image.bytes.size() != page_bytes) {
      return Status::CorruptedIndex(core.JournalPath() + ": image of " + Describe(image.ref) +
                                    " has " + std::to_string(image.bytes.size()) +
                                    " bytes, expected " + std::to_string(page_bytes));
    }
    ENGRAM_RETURN_IF_ERROR(CheckPage(image.bytes, image.ref, core.store_id));
    // What lies in a view is seen there as soon as it is in place, before anybody looks.
    if (core.pages->IsMapped(image.ref.segment)) continue;
    std::memcpy(
        core.pages->mutable_base(image.ref.segment) + std::size_t{Raw(image.ref.page)} * page_bytes,
        image.bytes.data(), page_bytes);
  }
  return Status::Ok();
}

Status ReadPagesInUse(Core& core, std::vector<BadPage>& bad) {
  const auto sizes = PageSizes(*core.page_file);
  // Addresses are free, but not without end: a process has 128 TiB, for many stores and itself. All
  // extents that a page file can have take hardly more than this.
  const std::uint64_t capacity =
      std::min<std::uint64_t>(std::uint64_t{sizes[IndexOf(SegmentKind::kNodes)]} << 32, 1ull << 40);
  MappedFile mapped;
  if (core.residency == Residency::kMapped) {
    const StoreState& state = core.page_file->superblock().state;
    mapped = {core.page_file.get(), PagesInUse(*core.layout, state, SegmentKind::kNodes),
              core.options().handle_sigbus};
  }
  ENGRAM_ASSIGN_OR_RETURN(core.pages, PageSpace::Create(core.store_id, sizes, capacity, mapped));
  core.slots = std::make_unique<SlotMap>(*core.pages, SegmentKind::kNodeSlots);
  core.upper_slots = std::make_unique<SlotMap>(*core.pages, SegmentKind::kUpperSlots);
  for (const SegmentKind segment : kAllSegments) {
    ENGRAM_RETURN_IF_ERROR(LoadSegment(core, segment, bad));
  }
  MutexLock role(core.writer_role);
  core.writer.state = core.page_file->superblock().state;
  core.writer.progress = core.page_file->superblock().progress;
  core.slots->set_used(core.writer.state.node_slots);
  core.upper_slots->set_used(core.writer.state.upper_slots);
  return Status::Ok();
}

Result<LoadedPages> LoadPages(Core& core) {
  LoadedPages loaded;
  std::vector<BadPage> bad;
  ENGRAM_RETURN_IF_ERROR(ReadPagesInUse(core, bad));
  const std::uint64_t checkpoint = core.page_file->superblock().checkpoint;
  ENGRAM_ASSIGN_OR_RETURN(const std::uint64_t journaled, core.journal->ReadCheckpoint());
  const bool unfinished = journaled > checkpoint && !core.read_only;
  if (bad.empty() && !unfinished) return loaded;

  ENGRAM_ASSIGN_OR_RETURN(loaded.round, core.journal->Read());
  std::vector<PageImage> begun;
  if (unfinished) {
    ENGRAM_RETURN_IF_ERROR(CheckMappedPages(core, loaded.round, bad));
    ENGRAM_ASSIGN_OR_RETURN(begun, BegunRound(core, loaded.round, bad));
  }
  std::vector<PageImage> torn = ImagesFor(loaded.round, checkpoint, bad);
  if (!bad.empty()) {
    return Status::CorruptedIndex(core.GraphPath() + ": " + std::string(bad.front().why.message()) +
                                  " and the journal has no image of it (" +
                                  std::to_string(bad.size()) + " such pages)");
  }
  loaded.torn = torn.size();
  // Where a round is unfinished, a torn page is one of its pages.
  loaded.unproven = begun.empty() ? std::move(torn) : std::move(begun);
  ENGRAM_RETURN_IF_ERROR(PutImages(core, loaded.unproven));
  return loaded;
}

}  // namespace engram
