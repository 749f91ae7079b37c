// A set of bytes of a file, as ranges: sorted, and none touches the next.
// Threads: one thread.
#ifndef ENGRAM_STORAGE_BYTE_RANGES_H_
#define ENGRAM_STORAGE_BYTE_RANGES_H_

#include <cstdint>
#include <vector>

namespace engram {

struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // behind the last byte
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

class ByteRanges {
 public:
  ByteRanges() = default;
  // In any order; they may overlap, and be empty.
  explicit ByteRanges(std::vector<ByteRange> ranges);

  bool empty() const { return ranges_.empty(); }
  // Behind the last byte. Pre: !empty().
  std::uint64_t end() const { return ranges_.back().end; }
  const std::vector<ByteRange>& ranges() const { return ranges_; }

  void Add(const ByteRange& range);
  void Add(const ByteRanges& other);
  // What `other` has not.
  ByteRanges Without(const ByteRanges& other) const;
  // Whether this has all of it.
  bool Contains(const ByteRanges& other) const { return other.Without(*this).empty(); }

 private:
  std::vector<ByteRange> ranges_;
};

}  // namespace engram

#endif  // ENGRAM_STORAGE_BYTE_RANGES_H_
