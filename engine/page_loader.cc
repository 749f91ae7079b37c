#include "engine/page_loader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

constexpr std::uint64_t kReadBytes = 4ull << 20;

Status LoadSegment(Core& core, SegmentKind segment, std::vector<BadPage>& bad) {
  const StoreState& state = core.page_file->superblock().state;
  const std::uint32_t pages = PagesInUse(*core.layout, state, segment);
  if (pages > core.page_file->PageCount(segment)) {
    return Status::CorruptedIndex(core.GraphPath() + ": the superblock counts " +
                                  std::to_string(pages) + " " + std::string(SegmentName(segment)) +
                                  " pages in use, the extent table has " +
                                  std::to_string(core.page_file->PageCount(segment)));
  }
  ENGRAM_RETURN_IF_ERROR(core.pages->Extend(segment, core.page_file->PageCount(segment)));
  const std::uint32_t page_bytes = core.pages->page_bytes(segment);
  const auto at_a_time = static_cast<std::uint32_t>(std::max<std::uint64_t>(1, kReadBytes / page_bytes));
  for (std::uint32_t first = 0; first < pages; first += at_a_time) {
    const std::uint32_t count = std::min(at_a_time, pages - first);
    std::byte* const to = core.pages->mutable_base(segment) + std::size_t{first} * page_bytes;
    const std::span<std::byte> bytes(to, std::size_t{count} * page_bytes);
    ENGRAM_RETURN_IF_ERROR(core.page_file->ReadPages(segment, first, count, bytes));
    for (std::uint32_t i = 0; i < count; ++i) {
      const PageRef ref{segment, static_cast<PageId>(first + i)};
      Status why = CheckPage(bytes.subspan(std::size_t{i} * page_bytes, page_bytes), ref, core.store_id);
      if (!why.ok()) bad.push_back({ref, std::move(why)});
    }
  }
  return Status::Ok();
}

// In place and durable at once: the next checkpoint overwrites the journal, the only other place of these bytes.
Status RestoreInPlace(Core& core, std::span<const PageImage> images) {
  ENGRAM_RETURN_IF_ERROR(core.page_file->WritePages(images));
  if (ENGRAM_MUTANT(kRestoreNotSynced)) return Status::Ok();
  return core.page_file->Sync();
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
  for (const SegmentKind segment : {SegmentKind::kNodes, SegmentKind::kUpper, SegmentKind::kNodeSlots,
                                    SegmentKind::kUpperSlots}) {
    sizes[IndexOf(segment)] = file.PageBytes(segment);
  }
  return sizes;
}

std::vector<PageImage> ImagesFor(const Journal::Round& round, std::uint64_t checkpoint,
                                 std::vector<BadPage>& bad) {
  std::vector<PageImage> images;
  // An older checkpoint's image lacks what the superblock says is in the page.
  if (round.checkpoint < checkpoint && !ENGRAM_MUTANT(kJournalOlderRestored)) return images;
  std::erase_if(bad, [&](const BadPage& page) {
    const auto image = std::find_if(round.images.begin(), round.images.end(),
                                    [&](const PageImage& i) { return i.ref == page.ref; });
    if (image == round.images.end()) return false;
    images.push_back(*image);
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
    std::memcpy(core.pages->mutable_base(image.ref.segment) +
                    std::size_t{Raw(image.ref.page)} * page_bytes,
                image.bytes.data(), page_bytes);
  }
  return Status::Ok();
}

Status ReadPagesInUse(Core& core, std::vector<BadPage>& bad) {
  const auto sizes = PageSizes(*core.page_file);
  // Addresses are free, but not without end: what a sanitizer allows, and 2^32 slots need no more.
  const std::uint64_t capacity = std::min<std::uint64_t>(
      std::uint64_t{sizes[IndexOf(SegmentKind::kNodes)]} << 32, 1ull << 42);
  ENGRAM_ASSIGN_OR_RETURN(core.pages, PageSpace::Create(core.store_id, sizes, capacity));
  core.slots = std::make_unique<SlotMap>(*core.pages, SegmentKind::kNodeSlots);
  for (const SegmentKind segment : {SegmentKind::kNodes, SegmentKind::kUpper, SegmentKind::kNodeSlots,
                                    SegmentKind::kUpperSlots}) {
    ENGRAM_RETURN_IF_ERROR(LoadSegment(core, segment, bad));
  }
  MutexLock role(core.writer_role);
  core.writer.state = core.page_file->superblock().state;
  core.slots->set_used(core.writer.state.node_slots);
  return Status::Ok();
}

Result<std::uint64_t> LoadPages(Core& core) {
  std::vector<BadPage> bad;
  ENGRAM_RETURN_IF_ERROR(ReadPagesInUse(core, bad));
  if (bad.empty()) return std::uint64_t{0};
  ENGRAM_ASSIGN_OR_RETURN(const Journal::Round round, core.journal->Read());
  const std::vector<PageImage> images =
      ImagesFor(round, core.page_file->superblock().checkpoint, bad);
  if (!bad.empty()) {
    return Status::CorruptedIndex(core.GraphPath() + ": " + std::string(bad.front().why.message()) +
                                  " and the journal has no image of it (" +
                                  std::to_string(bad.size()) + " such pages)");
  }
  ENGRAM_RETURN_IF_ERROR(PutImages(core, images));
  if (!core.read_only) ENGRAM_RETURN_IF_ERROR(RestoreInPlace(core, images));
  return std::uint64_t{images.size()};
}

}  // namespace engram
