// Which pages are bad, for those who look at the others.
// Threads: immutable.
#ifndef ENGRAM_ENGINE_VERIFY_PAGES_H_
#define ENGRAM_ENGINE_VERIFY_PAGES_H_

#include <array>
#include <cstdint>
#include <set>
#include <span>

#include "engine/page_loader.h"
#include "storage/base/ids.h"
#include "storage/page_format.h"

namespace engram {

class BadPages {
 public:
  explicit BadPages(std::span<const BadPage> bad) {
    for (const BadPage& page : bad) {
      pages_[IndexOf(page.ref.segment)].insert(static_cast<std::uint32_t>(page.ref.page));
    }
  }

  bool Contains(PageRef page) const {
    const std::set<std::uint32_t>& pages = pages_[IndexOf(page.segment)];
    return !pages.empty() && pages.contains(static_cast<std::uint32_t>(page.page));
  }
  bool AnyOf(SegmentKind segment) const { return !pages_[IndexOf(segment)].empty(); }

 private:
  std::array<std::set<std::uint32_t>, kSegments> pages_;  // by IndexOf()
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_VERIFY_PAGES_H_
