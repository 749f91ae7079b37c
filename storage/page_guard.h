// Asked before a page of the nodes is looked at: whether it was found right. Where pages were
// checked when they were read, it always was; of a mapped store each is checked when it is touched
// for the first time in this process, and one that is bad is noted in the caller's PageErrors.
// Leaves the check to storage/page_space.h, and what becomes of the call to its caller.
// Threads: any thread. Implements docs/architecture.md, "Pages in memory".
#ifndef ENGRAM_STORAGE_PAGE_GUARD_H_
#define ENGRAM_STORAGE_PAGE_GUARD_H_

#include <atomic>
#include <cstdint>

#include "storage/base/ids.h"
#include "storage/page_errors.h"

namespace engram {

class PageSpace;

class PageGuard {
 public:
  static constexpr std::uint32_t kBitsPerWord = 64;

  // Everything may be looked at.
  PageGuard() = default;
  // `checked`: a bit a page, set once it was found right. All three outlive this.
  PageGuard(const PageSpace& pages, const std::atomic<std::uint64_t>* checked, PageErrors& errors)
      : pages_(&pages), checked_(checked), errors_(&errors) {}

  // False: not to be looked at. It is bad, which is noted, or was never written.
  bool MayUse(PageId page) const {
    return checked_ == nullptr || IsChecked(checked_, page) || FirstTouch(page);
  }
  // Whether a page was bad.
  bool failed() const { return errors_ != nullptr && errors_->any(); }

  // Acquire: pairs with the release of whoever checked the page, or wrote it first.
  static bool IsChecked(const std::atomic<std::uint64_t>* checked, PageId page) {
    const auto number = static_cast<std::uint32_t>(page);
    return (checked[number / kBitsPerWord].load(std::memory_order_acquire) >>
                number % kBitsPerWord &
            1) != 0;
  }

 private:
  bool FirstTouch(PageId page) const;

  const PageSpace* pages_ = nullptr;
  const std::atomic<std::uint64_t>* checked_ = nullptr;
  PageErrors* errors_ = nullptr;
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_PAGE_GUARD_H_
