// PageFile's part that is about extents: where they are placed, how they come and go, how long the
// file is to be, and what of it goes back to the file system.
#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "storage/base/check.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "storage/corruption.h"
#include "storage/extent_table.h"
#include "storage/page_file.h"

namespace engram {
namespace {

bool IsSegment(SegmentKind segment) {
  return Raw(segment) >= Raw(SegmentKind::kNodes) && Raw(segment) <= Raw(SegmentKind::kUpperSlots);
}

}  // namespace

std::uint64_t PageFile::EndOf(const ExtentEntry& extent) const {
  return extent.file_offset + ExtentBytes(parameters_, extent);
}

std::uint64_t PageFile::EndOf(std::span<const ExtentEntry> extents) const {
  std::uint64_t end = kFirstExtentOffset;
  for (const ExtentEntry& extent : extents) end = std::max(end, EndOf(extent));
  return end;
}

std::uint32_t PageFile::CountPages(SegmentKind segment) const {
  const std::vector<Run>& runs = runs_[IndexOf(segment)];
  return runs.empty() ? 0 : runs.back().first_page + runs.back().extent.pages;
}

std::uint32_t PageFile::PageCount(SegmentKind segment) const {
  MutexLock lock(mutex_);
  return CountPages(segment);
}

std::uint32_t PageFile::UncutPages(SegmentKind segment) const {
  MutexLock lock(mutex_);
  return std::min(CountPages(segment), uncut_[IndexOf(segment)]);
}

std::uint32_t PageFile::ExtentCount(SegmentKind segment) const {
  MutexLock lock(mutex_);
  return static_cast<std::uint32_t>(runs_[IndexOf(segment)].size());
}

std::vector<ExtentEntry> PageFile::Extents() const {
  MutexLock lock(mutex_);
  return table_;
}

std::uint64_t PageFile::BytesInExtents() const {
  MutexLock lock(mutex_);
  std::uint64_t bytes = 0;
  for (const ExtentEntry& extent : table_) bytes += ExtentBytes(parameters_, extent);
  return bytes;
}

Result<std::uint64_t> PageFile::UnusedBytes() const {
  ENGRAM_ASSIGN_OR_RETURN(const Lengths lengths, GetLengths());
  const std::uint64_t bytes = std::max(lengths.found, lengths.expected) - kFirstExtentOffset;
  return bytes - BytesInExtents();
}

// --- Growing ---

Result<ExtentEntry> PageFile::ReserveExtent(SegmentKind segment, std::uint32_t pages) {
  ENGRAM_CHECK(pages > 0);
  ExtentEntry extent{};
  extent.pages = pages;
  extent.segment = segment;
  MutexLock length(length_mutex_);
  {
    MutexLock lock(mutex_);
    if (table_.size() == kMaxExtents) {
      return Status::IndexFull(file_->path() + ": all " + std::to_string(kMaxExtents) +
                               " extents are in use");
    }
    const std::uint32_t count = CountPages(segment);
    if (pages > std::numeric_limits<std::uint32_t>::max() - count) {
      return Status::IndexFull(file_->path() + ": " + std::string(SegmentName(segment)) + " has " +
                               std::to_string(count) + " pages, no numbers for " +
                               std::to_string(pages) + " more");
    }
    extent.file_offset = end_;
  }
  ENGRAM_RETURN_IF_ERROR(file_->Allocate(extent.file_offset, ExtentBytes(parameters_, extent)));
  MutexLock lock(mutex_);
  reserved_ = extent;
  return extent;
}

Status PageFile::CheckNewExtent(std::uint32_t index, const ExtentEntry& extent) const {
  const std::string where = file_->path() + ": extent " + std::to_string(index);
  ENGRAM_RETURN_IF_ERROR(
      CheckExtent(parameters_, extent, std::numeric_limits<std::uint64_t>::max(), where));
  const std::size_t count = runs_[IndexOf(extent.segment)].size();
  if (index != count) {
    return UnexpectedNumber(where, std::string(SegmentName(extent.segment)) + " extent", index,
                            std::to_string(count));
  }
  if (table_.size() == kMaxExtents) {
    return UnexpectedNumber(where, "extents", table_.size() + 1,
                            "at most " + std::to_string(kMaxExtents));
  }
  if (extent.pages > std::numeric_limits<std::uint32_t>::max() - CountPages(extent.segment)) {
    return UnexpectedNumber(where, "pages", extent.pages, "less than 2^32 in the segment");
  }
  // Not that it lies at end_: what the writer had behind the last extent may be gone by now, or be
  // named still by a superblock that it had left behind.
  for (const ExtentEntry& other : table_) {
    if (extent.file_offset >= EndOf(other) || other.file_offset >= EndOf(extent)) continue;
    return UnexpectedNumber(where, "offset", extent.file_offset,
                            "none that overlaps the " + std::string(SegmentName(other.segment)) +
                                " extent from " + std::to_string(other.file_offset) + " to " +
                                std::to_string(EndOf(other)));
  }
  return Status::Ok();
}

void PageFile::Append(const ExtentEntry& extent) {
  runs_[IndexOf(extent.segment)].push_back({CountPages(extent.segment), extent});
  table_.push_back(extent);
  end_ = std::max(end_, EndOf(extent));
  reserved_.reset();
}

Status PageFile::AddExtent(std::uint32_t index, const ExtentEntry& extent) {
  MutexLock length(length_mutex_);
  {
    MutexLock lock(mutex_);
    if (IsSegment(extent.segment)) {
      const std::vector<Run>& runs = runs_[IndexOf(extent.segment)];
      if (index < runs.size() && runs[index].extent == extent) return Status::Ok();
    }
    ENGRAM_RETURN_IF_ERROR(CheckNewExtent(index, extent));
  }
  ENGRAM_ASSIGN_OR_RETURN(const std::uint64_t size, file_->Size());
  if (size < EndOf(extent) && mode_ != OpenMode::kRead) {
    ENGRAM_RETURN_IF_ERROR(file_->Allocate(extent.file_offset, ExtentBytes(parameters_, extent)));
  }
  MutexLock lock(mutex_);
  Append(extent);
  return Status::Ok();
}

// --- Length ---

Result<PageFile::Lengths> PageFile::GetLengths() const {
  Lengths lengths;
  lengths.expected = EndOf(Extents());
  ENGRAM_ASSIGN_OR_RETURN(lengths.found, file_->Size());
  return lengths;
}

Status PageFile::RestoreLength() {
  MutexLock length(length_mutex_);
  ENGRAM_ASSIGN_OR_RETURN(const Lengths lengths, GetLengths());
  if (lengths.found >= lengths.expected) return Status::Ok();
  released_ = {};  // gaps in what was cut off get space with the rest
  return file_->Allocate(lengths.found, lengths.expected - lengths.found);
}

Status PageFile::CheckLength() const {
  MutexLock length(length_mutex_);
  ENGRAM_ASSIGN_OR_RETURN(const Lengths lengths, GetLengths());
  if (lengths.found >= lengths.expected) return Status::Ok();
  return Status::IoError(file_->path() + " was cut short: it has " + std::to_string(lengths.found) +
                         " bytes, expected at least " + std::to_string(lengths.expected));
}

// --- Shrinking ---

Status PageFile::CutSegment(SegmentKind segment, std::uint32_t pages) {
  const std::string where = file_->path() + ": cut of a segment";
  if (!IsSegment(segment)) return UnexpectedNumber(where, "segment", Raw(segment), "1 to 4");
  MutexLock lock(mutex_);
  if (const std::uint32_t found = CountPages(segment); pages > found) {
    return UnexpectedNumber(where, std::string(SegmentName(segment)) + " pages", found,
                            "at least " + std::to_string(pages));
  }
  std::uint32_t& uncut = uncut_[IndexOf(segment)];
  uncut = std::min(uncut, pages);
  std::vector<Run>& runs = runs_[IndexOf(segment)];
  while (CountPages(segment) > pages) {
    Run& last = runs.back();
    const auto entry = std::find(table_.begin(), table_.end(), last.extent);
    ENGRAM_CHECK(entry != table_.end());
    const std::uint64_t left = pages - std::min(pages, last.first_page);
    fresh_cuts_.Add({last.extent.file_offset + left * PageBytes(segment), EndOf(last.extent)});
    if (left == 0) {
      table_.erase(entry);
      runs.pop_back();
    } else {
      entry->pages = last.extent.pages = static_cast<std::uint32_t>(left);
    }
  }
  return Status::Ok();
}

ByteRanges PageFile::RangesOf(std::span<const ExtentEntry> extents) const {
  std::vector<ByteRange> ranges;
  ranges.reserve(extents.size());
  for (const ExtentEntry& extent : extents) ranges.push_back({extent.file_offset, EndOf(extent)});
  return ByteRanges(std::move(ranges));
}

// What must stay.
ByteRanges PageFile::NeededRanges() const {
  ByteRanges needed = RangesOf(Extents());
  if (!ENGRAM_MUTANT(kReleasedWhileNamed)) needed.Add(RangesOf(named_));
  MutexLock lock(mutex_);
  if (!ENGRAM_MUTANT(kReleasedWhileNamed)) needed.Add(fresh_cuts_);
  if (reserved_) needed.Add({reserved_->file_offset, EndOf(*reserved_)});
  return needed;
}

// Should the newest superblock be lost, the one before makes up for it, with all that it names
// (docs/recovery.md, "What the cache may hide"). So it is overwritten by the newest one's equal.
Status PageFile::ForgetOlder(const ByteRanges& needed) {
  if (needed.Contains(RangesOf(older_named_)) || ENGRAM_MUTANT(kReleasedWhileNamed)) {
    return Status::Ok();
  }
  Superblock next = superblock_;
  ++next.checkpoint;
  const std::vector<ExtentEntry> extents = named_;
  return WriteNext(next, extents);
}

Status PageFile::Deallocate(const ByteRanges& ranges) {
  for (const ByteRange& range : ranges.ranges()) {
    const Status status = file_->Deallocate(range.begin, range.end - range.begin);
    // A file system that cannot keeps the space, until the file is cut below it.
    if (!status.ok() && status.code() != Code::kNotSupported) return status;
    released_.Add(range);
  }
  return Status::Ok();
}

Status PageFile::ReleaseUnused() {
  MutexLock length(length_mutex_);
  const ByteRanges needed = NeededRanges();
  const std::uint64_t end = needed.empty() ? kFirstExtentOffset : needed.end();
  const ByteRanges gaps = ByteRanges({{kFirstExtentOffset, end}}).Without(needed);
  const ByteRanges fresh = gaps.Without(released_);
  ENGRAM_ASSIGN_OR_RETURN(const std::uint64_t size, file_->Size());
  if (size <= end && fresh.empty()) return Status::Ok();
  ENGRAM_RETURN_IF_ERROR(ForgetOlder(needed));
  if (size > end) ENGRAM_RETURN_IF_ERROR(file_->Truncate(end));
  ENGRAM_RETURN_IF_ERROR(Deallocate(fresh));
  // Before the place is used again: replay takes what lies inside of the file for allocated, and
  // the longer file that a crash could bring back may have holes there.
  if (size > end) ENGRAM_RETURN_IF_ERROR(file_->SyncData());
  released_ = gaps;
  MutexLock lock(mutex_);
  end_ = reserved_ ? reserved_->file_offset : end;
  return Status::Ok();
}

ByteRanges PageFile::RangesInUse(const UsedPages& used) const {
  std::vector<ByteRange> ranges;
  MutexLock lock(mutex_);
  for (std::size_t segment = 0; segment < kSegments; ++segment) {
    for (const Run& run : runs_[segment]) {
      if (used[segment] <= run.first_page) continue;
      const std::uint64_t pages = std::min(used[segment] - run.first_page, run.extent.pages);
      const std::uint64_t begin = run.extent.file_offset;
      ranges.push_back({begin, begin + pages * PageBytesOf(parameters_, run.extent.segment)});
    }
  }
  return ByteRanges(std::move(ranges));
}

Status PageFile::WriteZeros(const ByteRange& range) {
  constexpr std::uint64_t kAtATime = 1 << 20;
  AlignedBuffer zeros(std::min(kAtATime, range.end - range.begin));
  std::fill(zeros.span().begin(), zeros.span().end(), std::byte{0});
  for (std::uint64_t at = range.begin; at < range.end; at += zeros.size()) {
    const std::span<const std::byte> some =
        zeros.span().first(std::min<std::uint64_t>(zeros.size(), range.end - at));
    const WriteOp op{at, some};
    ENGRAM_RETURN_IF_ERROR(Write({&op, 1}));
  }
  return Status::Ok();
}

Status PageFile::ClearUnused(const UsedPages& used) {
  MutexLock length(length_mutex_);
  ENGRAM_ASSIGN_OR_RETURN(const std::uint64_t size, file_->Size());
  if (size <= kFirstExtentOffset) return Status::Ok();
  const ByteRanges all({{kFirstExtentOffset, size}});
  const ByteRanges gaps = all.Without(NeededRanges());
  for (const ByteRange& gap : gaps.ranges()) {
    Status status = file_->Deallocate(gap.begin, gap.end - gap.begin);
    if (status.code() == Code::kNotSupported) status = WriteZeros(gap);
    ENGRAM_RETURN_IF_ERROR(status);
  }
  const ByteRanges idle = all.Without(gaps).Without(RangesInUse(used));
  for (const ByteRange& range : idle.ranges()) {
    ENGRAM_RETURN_IF_ERROR(WriteZeros(range));
  }
  return file_->SyncData();
}

}  // namespace engram
