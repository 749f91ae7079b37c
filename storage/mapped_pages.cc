// PageSpace's part that is about views of the page file: what lies where, checks at the first
// touch, copies and their end.
#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include "storage/base/check.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "storage/mapped_pages.h"
#include "storage/page_file.h"

namespace engram {
namespace {

constexpr std::uint32_t kBits = PageGuard::kBitsPerWord;

// A page on its way through a check; warm from the last one.
AlignedBuffer& BufferOfThisThread(std::size_t size) {
  thread_local AlignedBuffer buffer;
  if (buffer.size() < size) buffer = AlignedBuffer(size);
  return buffer;
}

}  // namespace

PageSpace::PageSpace() = default;
PageSpace::~PageSpace() = default;

bool PageGuard::FirstTouch(PageId page) const {
  if (pages_->IsUnwritten(page)) return false;
  Status status = pages_->Check(page);
  if (status.ok()) return true;
  errors_->Note(std::move(status));
  return false;
}

PageGuard PageSpace::Guard(PageErrors& errors) const {
  return mapped_ == nullptr ? PageGuard() : PageGuard(*this, mapped_->checked(), errors);
}

Status PageSpace::MakeMapped(const MappedFile& mapped) {
  mapped_ = std::make_unique<Mapped>();
  mapped_->file = mapped.file;
  mapped_->in_use.store(mapped.nodes_in_use,
                        std::memory_order_relaxed);  // nobody else is there yet
  const Segment& nodes = At(SegmentKind::kNodes);
  mapped_->scratch = AlignedBuffer(nodes.page_bytes);
  if (mapped.guard_faults) {
    ENGRAM_ASSIGN_OR_RETURN(mapped_->faults,
                            FaultRange::Register(nodes.space.base(), nodes.space.capacity()));
  }
  const std::uint64_t pages = nodes.space.capacity() / nodes.page_bytes;
  ENGRAM_ASSIGN_OR_RETURN(mapped_->bits, AddressSpace::Reserve(pages / 8 + kBlockBytes, kBlockBytes,
                                                               AddressSpace::Pages::kSmall));
  return Status::Ok();
}

Status PageSpace::MapExtent(std::uint32_t first, const ExtentEntry& extent) {
  Segment& segment = At(extent.segment);
  const std::uint32_t pages = first + extent.pages;
  const std::uint64_t bytes = std::uint64_t{pages} * segment.page_bytes;
  // Relaxed, as in Extend().
  ENGRAM_CHECK(first <= segment.pages.load(std::memory_order_relaxed));
  if (bytes > segment.space.capacity()) {
    return Status::IndexFull("pages need " + std::to_string(bytes) + " bytes of addresses, " +
                             std::to_string(segment.space.capacity()) + " are reserved");
  }
  // Room is made before the commit that makes the extent part of the file.
  if (mapped_->last_first == first && mapped_->last == extent) return Status::Ok();
  // What lies there already was of an extent that the file never got, or that was cut: nobody looks
  // at it.
  const Status bits = mapped_->bits.Extend((pages + kBits - 1) / kBits * sizeof(std::uint64_t));
  if (!bits.ok()) return Status::IndexFull("no memory for pages: " + std::string(bits.message()));
  ENGRAM_RETURN_IF_ERROR(
      mapped_->file->MapExtent(extent, segment.space, std::uint64_t{first} * segment.page_bytes));
  mapped_->copies.resize(
      std::max<std::size_t>(mapped_->copies.size(), (pages + kBits - 1) / kBits));
  mapped_->last_first = first;
  mapped_->last = extent;
  Publish(segment, std::max(pages, segment.pages.load(std::memory_order_relaxed)));
  return Status::Ok();
}

// Pages from `first` to `end` were cut. Should they come again, then at another place of the file,
// which no checkpoint has written: what lies there means nothing.
void PageSpace::ForgetMapped(std::uint32_t first, std::uint32_t end) {
  const std::uint32_t in_use = mapped_->in_use.load(std::memory_order_relaxed);
  mapped_->in_use.store(std::min(in_use, first), std::memory_order_relaxed);
  std::uint64_t copies = 0;
  ForEachWord(first, end, [&](std::size_t word, std::uint64_t mask) {
    copies += static_cast<std::uint64_t>(std::popcount(mapped_->copies[word] & mask));
    mapped_->copies[word] &= ~mask;
    mapped_->checked()[word].fetch_and(~mask, std::memory_order_relaxed);
  });
  const std::uint64_t bytes = copies * page_bytes(SegmentKind::kNodes);
  copied_bytes_.fetch_sub(bytes, std::memory_order_relaxed);  // as at its declaration
  mapped_->last = {};
}

Status PageSpace::CheckFaults() const {
  if (mapped_ == nullptr || mapped_->faults.count() == 0) return Status::Ok();
  const std::uint64_t page =
      mapped_->faults.first_offset().value_or(0) / page_bytes(SegmentKind::kNodes);
  const PageRef ref{SegmentKind::kNodes, static_cast<PageId>(page)};
  return Status::IoError(mapped_->file->path() + ": " + Describe(ref) +
                         " could not be read again: the file was cut short, or its disk failed; "
                         "verify the store, and open it again");
}

bool PageSpace::IsUnwritten(PageId page) const {
  // Relaxed, as at its declaration.
  return static_cast<std::uint32_t>(page) >= mapped_->in_use.load(std::memory_order_relaxed) &&
         !PageGuard::IsChecked(mapped_->checked(), page);
}

// Reads what lies in the file rather than the view: a disk that fails answers here, and does not
// end in a signal. Both show the same, since the system has one copy of a page that is not written.
Status PageSpace::Check(PageId page) const {
  if (mapped_ == nullptr || PageGuard::IsChecked(mapped_->checked(), page)) return Status::Ok();
  const PageRef ref{SegmentKind::kNodes, page};
  const std::size_t size = page_bytes(ref.segment);
  const std::span<std::byte> bytes = BufferOfThisThread(size).span().first(size);
  Status status = mapped_->file->ReadPages(ref.segment, static_cast<std::uint32_t>(page), 1, bytes);
  if (status.ok()) status = CheckPage(bytes, ref, store_id_);
  if (!status.ok()) {
    // The writer checks a page before it changes it, so one that is checked by now may have been
    // written by a checkpoint while it was read here. Acquire, as in IsChecked().
    return PageGuard::IsChecked(mapped_->checked(), page) ? Status::Ok() : status;
  }
  mapped_->SetChecked(static_cast<std::uint32_t>(page));
  return Status::Ok();
}

// Whether the writer may change the page: it was checked, or holds nothing yet and is zero now.
bool PageSpace::MakeWritable(std::uint32_t page) {
  const auto id = static_cast<PageId>(page);
  const std::size_t size = page_bytes(SegmentKind::kNodes);
  if (IsUnwritten(id)) {
    // A checkpoint that was not finished may have left something in the file.
    std::memset(mutable_base(SegmentKind::kNodes) + page * size, 0, size);
    mapped_->SetChecked(page);
  } else if (Status status = Check(id); !status.ok()) {
    writer_errors_.Note(std::move(status));
    return false;
  }
  std::uint64_t& word = mapped_->copies[page / kBits];
  const std::uint64_t bit = std::uint64_t{1} << page % kBits;
  if ((word & bit) == 0) {
    word |= bit;
    copied_bytes_.fetch_add(size, std::memory_order_relaxed);  // as at its declaration
  }
  return true;
}

bool PageSpace::MayDrop(PageRef ref) const {
  if (!IsMapped(ref.segment)) return false;
  const auto page = static_cast<std::uint32_t>(ref.page);
  const std::uint64_t bit = std::uint64_t{1} << page % kBits;
  const bool dirty = (At(ref.segment).dirty[page / kBits] & bit) != 0;
  return (mapped_->copies[page / kBits] & bit) != 0 && (!dirty || ENGRAM_MUTANT(kDropRedirtied));
}

void PageSpace::Drop(PageRef first, std::uint32_t count) {
  const auto page = static_cast<std::uint32_t>(first.page);
  const std::uint64_t size = page_bytes(first.segment);
  if (!At(first.segment).space.Drop(page * size, count * size)) {
    keeps_copies_.store(true, std::memory_order_relaxed);  // as at its declaration
  }
  for (std::uint32_t i = page; i < page + count; ++i) {
    mapped_->copies[i / kBits] &= ~(std::uint64_t{1} << i % kBits);
  }
  copied_bytes_.fetch_sub(count * size, std::memory_order_relaxed);  // as at its declaration
}

bool PageSpace::DropCopies(std::span<const PageRef> refs, std::size_t& next,
                           std::uint64_t max_bytes) {
  std::uint64_t bytes = 0;
  while (next < refs.size() && bytes < max_bytes) {
    const PageRef first = refs[next++];
    if (!MayDrop(first)) continue;
    // One call for neighbours: each costs the processors' entries for what it drops.
    std::uint32_t count = 1;
    const std::uint64_t size = page_bytes(first.segment);
    const auto behind = [&] {
      return PageRef{first.segment,
                     static_cast<PageId>(static_cast<std::uint32_t>(first.page) + count)};
    };
    while (next < refs.size() && bytes + count * size < max_bytes && refs[next] == behind() &&
           MayDrop(refs[next])) {
      ++count;
      ++next;
    }
    Drop(first, count);
    bytes += count * size;
  }
  return next == refs.size();
}

}  // namespace engram
