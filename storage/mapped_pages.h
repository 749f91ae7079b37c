// What a PageSpace keeps of the pages that lie in views of the file. Of storage/page_space.h alone.
// Threads: as each field says.
#ifndef ENGRAM_STORAGE_MAPPED_PAGES_H_
#define ENGRAM_STORAGE_MAPPED_PAGES_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "storage/base/fault_guard.h"
#include "storage/page_space.h"

namespace engram {

// Calls `clear` with each word of a bitmap of pages in which bits from `first` to `end` lie, and
// the mask of these.
template <typename Clear>
void ForEachWord(std::uint32_t first, std::uint32_t end, Clear clear) {
  for (std::size_t word = first / PageGuard::kBitsPerWord; word * PageGuard::kBitsPerWord < end;
       ++word) {
    const std::size_t begin = word * PageGuard::kBitsPerWord;
    std::uint64_t mask = ~std::uint64_t{0};
    if (first > begin) mask <<= first - begin;
    if (end - begin < PageGuard::kBitsPerWord) mask &= ~(~std::uint64_t{0} << (end - begin));
    clear(word, mask);
  }
}

struct PageSpace::Mapped {
  const PageFile* file = nullptr;
  // MappedFile::nodes_in_use, and no more than pages were ever left by a cut. Relaxed: who looks at
  // a page that was cut and came again has acquired the state of a slot in it, which was stored
  // later.
  std::atomic<std::uint32_t> in_use{0};
  // A bit a page: checked, or written by this process. Set by any thread, once the page is right;
  // cleared by the writer when the page is cut and nobody looks at it.
  AddressSpace bits;
  std::vector<std::uint64_t> copies;  // a bit a page: the process has its own; the writer role's
  std::uint32_t last_first = 0;       // the extent that was mapped last; the writer role's
  ExtentEntry last{};
  FaultRange faults;      // of the views; of nothing where they are not guarded
  AlignedBuffer scratch;  // a page that is changed in vain; the writer role's

  // New memory of a range is 0, which is what atomics that were never set hold.
  std::atomic<std::uint64_t>* checked() const {
    static_assert(sizeof(std::atomic<std::uint64_t>) == sizeof(std::uint64_t));
    return reinterpret_cast<std::atomic<std::uint64_t>*>(bits.base());
  }
  void SetChecked(std::uint32_t page) const {
    // Release: pairs with PageGuard::IsChecked(); what was read or written of the page came before.
    checked()[page / PageGuard::kBitsPerWord].fetch_or(
        std::uint64_t{1} << page % PageGuard::kBitsPerWord, std::memory_order_release);
  }
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_MAPPED_PAGES_H_
