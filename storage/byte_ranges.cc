#include "storage/byte_ranges.h"

#include <algorithm>
#include <utility>

namespace engram {

ByteRanges::ByteRanges(std::vector<ByteRange> ranges) {
  std::erase_if(ranges, [](const ByteRange& range) { return range.begin >= range.end; });
  std::sort(ranges.begin(), ranges.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.begin < b.begin; });
  for (const ByteRange& range : ranges) {
    if (!ranges_.empty() && range.begin <= ranges_.back().end) {
      ranges_.back().end = std::max(ranges_.back().end, range.end);
    } else {
      ranges_.push_back(range);
    }
  }
}

void ByteRanges::Add(const ByteRange& range) {
  std::vector<ByteRange> all = ranges_;
  all.push_back(range);
  *this = ByteRanges(std::move(all));
}

void ByteRanges::Add(const ByteRanges& other) {
  std::vector<ByteRange> all = ranges_;
  all.insert(all.end(), other.ranges_.begin(), other.ranges_.end());
  *this = ByteRanges(std::move(all));
}

ByteRanges ByteRanges::Without(const ByteRanges& other) const {
  ByteRanges left;
  auto hole = other.ranges_.begin();
  for (ByteRange range : ranges_) {
    while (hole != other.ranges_.end() && hole->end <= range.begin) ++hole;
    for (auto next = hole; next != other.ranges_.end() && next->begin < range.end; ++next) {
      if (range.begin < next->begin) left.ranges_.push_back({range.begin, next->begin});
      range.begin = next->end;
    }
    if (range.begin < range.end) left.ranges_.push_back(range);
  }
  return left;
}

}  // namespace engram
