#include "storage/page_space.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "storage/base/check.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/mapped_pages.h"

namespace engram {
namespace {

constexpr std::size_t kBitsPerWord = 64;

bool HoldsSlots(SegmentKind segment) {
  return segment == SegmentKind::kNodeSlots || segment == SegmentKind::kUpperSlots;
}

// Slots in their grace are free on disk: after a restart no search is left to wait for.
void FreeRetiredSlots(std::span<std::byte> page) {
  static_assert(Raw(SlotState::kRetired) == 3 && Raw(SlotState::kFree) == 0);
  for (std::size_t at = kPageHeaderBytes; at < page.size(); at += sizeof(std::uint64_t)) {
    const auto word = LoadAs<std::uint64_t>(page.data() + at);
    const std::uint64_t retired = word & word >> 1 & 0x5555555555555555;  // the low bit of each
    if (retired != 0) StoreAs(page.data() + at, word & ~(retired | retired << 1));
  }
}

}  // namespace

Result<std::unique_ptr<PageSpace>> PageSpace::Create(
    std::uint64_t store_id, const std::array<std::uint32_t, kSegments>& page_bytes,
    std::uint64_t capacity_bytes, MappedFile mapped) {
  std::unique_ptr<PageSpace> space(new PageSpace());
  space->store_id_ = store_id;
  // No block is smaller than its header.
  const std::uint64_t slots_bytes =
      (capacity_bytes / kCacheLineBytes / kSlotsPerPage + 1) * kBlockBytes;
  for (const SegmentKind kind : kAllSegments) {
    Segment& segment = space->At(kind);
    segment.page_bytes = page_bytes[IndexOf(kind)];
    ENGRAM_CHECK(segment.page_bytes > 0 && segment.page_bytes % kBlockBytes == 0);
    // A node has 1 / (m - 1) upper blocks on average, which take a sixth of its own at most (m 2).
    const std::uint64_t nodes_or_upper =
        kind == SegmentKind::kUpper ? capacity_bytes / 4 : capacity_bytes;
    const std::uint64_t capacity = HoldsSlots(kind) ? slots_bytes : nodes_or_upper;
    ENGRAM_ASSIGN_OR_RETURN(segment.space, AddressSpace::Reserve(capacity, segment.page_bytes));
  }
  if (mapped.file != nullptr) ENGRAM_RETURN_IF_ERROR(space->MakeMapped(mapped));
  return space;
}

void PageSpace::Publish(Segment& segment, std::uint32_t pages) {
  const std::size_t words = (pages + kBitsPerWord - 1) / kBitsPerWord;
  segment.dirty.resize(std::max(segment.dirty.size(), words));
  // Pairs with the acquire in page_count(): the memory is there.
  segment.pages.store(pages, std::memory_order_release);
}

Status PageSpace::AddExtent(std::uint32_t first, const ExtentEntry& extent) {
  if (IsMapped(extent.segment)) return MapExtent(first, extent);
  return Extend(extent.segment, first + extent.pages);
}

Status PageSpace::Extend(SegmentKind kind, std::uint32_t pages) {
  ENGRAM_CHECK(!IsMapped(kind));
  Segment& segment = At(kind);
  // Relaxed: the caller is the only one who stores.
  if (pages <= segment.pages.load(std::memory_order_relaxed)) return Status::Ok();
  const std::uint64_t bytes = std::uint64_t{pages} * segment.page_bytes;
  if (bytes > segment.space.capacity()) {
    return Status::IndexFull("pages need " + std::to_string(bytes) + " bytes of addresses, " +
                             std::to_string(segment.space.capacity()) + " are reserved");
  }
  if (const Status status = segment.space.Extend(bytes); !status.ok()) {
    return Status::IndexFull("no memory for pages: " + std::string(status.message()));
  }
  // Where pages were cut, and their memory was not given back, it holds what they held.
  const std::uint64_t have = segment.pages.load(std::memory_order_relaxed);  // our own store
  const std::uint64_t kept = segment.kept.load(std::memory_order_relaxed);  // as at its declaration
  if (have < kept) {
    const std::uint64_t again = std::min<std::uint64_t>(pages, kept) - have;
    segment.space.Clear(have * segment.page_bytes, again * segment.page_bytes);
  }
  segment.kept.store(std::max(pages, static_cast<std::uint32_t>(kept)), std::memory_order_relaxed);
  Publish(segment, pages);
  return Status::Ok();
}

void PageSpace::Cut(SegmentKind kind, std::uint32_t pages) {
  Segment& segment = At(kind);
  const std::uint32_t have = segment.pages.load(std::memory_order_relaxed);  // our own store
  ENGRAM_CHECK(pages <= have);
  if (pages == have) return;
  std::uint64_t clean = 0;
  ForEachWord(pages, have, [&](std::size_t word, std::uint64_t mask) {
    clean += static_cast<std::uint64_t>(std::popcount(segment.dirty[word] & mask));
    segment.dirty[word] &= ~mask;
  });
  dirty_pages_.fetch_sub(clean, std::memory_order_relaxed);  // as at its declaration
  dirty_bytes_.fetch_sub(clean * segment.page_bytes, std::memory_order_relaxed);
  if (IsMapped(kind)) ForgetMapped(pages, have);
  // Pairs with the acquire in page_count(), as in Publish(): who sees fewer pages looks at fewer.
  segment.pages.store(pages, std::memory_order_release);
}

Status PageSpace::ReleaseMemory(SegmentKind kind) {
  Segment& segment = At(kind);
  const std::uint32_t pages = segment.pages.load(std::memory_order_relaxed);  // our own store
  ENGRAM_RETURN_IF_ERROR(segment.space.Shrink(std::uint64_t{pages} * segment.page_bytes));
  segment.kept.store(pages, std::memory_order_relaxed);  // as at its declaration
  return Status::Ok();
}

std::byte* PageSpace::MutablePage(PageRef ref, Lsn lsn) {
  Segment& segment = At(ref.segment);
  const std::uint32_t page_number = Raw(ref.page);
  ENGRAM_CHECK(page_number < segment.pages.load(std::memory_order_relaxed));  // our own store
  std::byte* page = segment.space.base() + std::size_t{page_number} * segment.page_bytes;
  if (IsMapped(ref.segment) && !MakeWritable(page_number)) return mapped_->scratch.data();
  PageHeader header{};
  header.store_id = store_id_;
  header.lsn = lsn;
  header.page = page_number;
  header.segment = ref.segment;
  StoreAs(page, header);
  std::uint64_t& word = segment.dirty[page_number / kBitsPerWord];
  const std::uint64_t bit = std::uint64_t{1} << page_number % kBitsPerWord;
  if ((word & bit) == 0) {
    word |= bit;
    dirty_pages_.fetch_add(1, std::memory_order_relaxed);  // as at its declaration
    dirty_bytes_.fetch_add(segment.page_bytes, std::memory_order_relaxed);
  }
  return page;
}

std::uint64_t PageSpace::resident_bytes() const {
  std::uint64_t bytes = 0;
  for (const SegmentKind kind : kAllSegments) {
    if (IsMapped(kind)) continue;
    bytes += std::uint64_t{At(kind).kept.load(std::memory_order_relaxed)} * page_bytes(kind);
  }
  return bytes;
}

// Room for one more, in a slab for about `slab_bytes` of them.
std::span<std::byte> PageSpace::AddImage(PageRef ref, std::size_t page_bytes,
                                         std::uint64_t slab_bytes, Images& out) {
  if (out.left < page_bytes) {
    out.left = AlignUp(std::max<std::size_t>(slab_bytes, page_bytes), page_bytes);
    out.slabs.emplace_back(out.left);
  }
  const std::span<std::byte> image = out.slabs.back().span().last(out.left).first(page_bytes);
  out.left -= page_bytes;
  out.refs.push_back(ref);
  out.pages.push_back(image);
  out.bytes += page_bytes;
  return image;
}

bool PageSpace::TakeImages(Cursor& cursor, std::uint64_t max_bytes, Images& out) {
  const std::uint64_t slab_bytes = std::min(max_bytes, dirty_bytes());
  const std::uint64_t stop_at = out.bytes + max_bytes;
  for (; cursor.segment < kSegments; ++cursor.segment, cursor.page = 0) {
    const SegmentKind kind = kAllSegments[cursor.segment];
    Segment& segment = At(kind);
    while (cursor.page < segment.dirty.size() * kBitsPerWord) {
      std::uint64_t& word = segment.dirty[cursor.page / kBitsPerWord];
      // Not those behind the cursor: changed again, they may have an image already.
      const std::uint64_t ahead = word >> cursor.page % kBitsPerWord;
      if (ahead == 0) {
        cursor.page = (cursor.page / kBitsPerWord + 1) * kBitsPerWord;
        continue;
      }
      if (out.bytes >= stop_at) return false;
      cursor.page += static_cast<std::size_t>(std::countr_zero(ahead));
      const PageRef ref{kind, static_cast<PageId>(cursor.page)};
      const std::span<std::byte> image = AddImage(ref, segment.page_bytes, slab_bytes, out);
      std::memcpy(image.data(), page(ref), image.size());
      if (HoldsSlots(kind)) FreeRetiredSlots(image);
      word &= ~(std::uint64_t{1} << cursor.page % kBitsPerWord);
      dirty_pages_.fetch_sub(1, std::memory_order_relaxed);  // as at its declaration
      dirty_bytes_.fetch_sub(segment.page_bytes, std::memory_order_relaxed);
      ++cursor.page;
    }
  }
  return true;
}

}  // namespace engram
