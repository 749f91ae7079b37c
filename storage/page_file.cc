#include "storage/page_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "storage/base/aligned_buffer.h"
#include "storage/base/check.h"
#include "storage/base/checksum.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "storage/corruption.h"
#include "storage/extent_table.h"

namespace engram {
namespace {

constexpr std::size_t kReadOpBytes = 1u << 20;
constexpr std::size_t kMergeBytes = 4u << 20;
constexpr std::size_t kMaxOps = 1024;

std::uint64_t PageChecksum(std::span<const std::byte> page, std::uint64_t store_id) {
  return Checksum64(page.subspan(sizeof(PageHeader::checksum)), store_id);
}

bool Adjacent(const WriteOp& a, const WriteOp& b) { return a.offset + a.bytes.size() == b.offset; }

// How many ops from the front one write can take: neighbours in the file, up to `room` bytes in
// all. At least one.
std::size_t MergeLength(std::span<const WriteOp> ops, std::size_t room) {
  std::size_t count = 1;
  std::size_t bytes = ops[0].bytes.size();
  while (count < ops.size() && Adjacent(ops[count - 1], ops[count]) &&
         bytes + ops[count].bytes.size() <= room) {
    bytes += ops[count].bytes.size();
    ++count;
  }
  return count;
}

}  // namespace

PageFile::PageFile(std::unique_ptr<File> file, OpenMode mode, CheckpointRoot root)
    : file_(std::move(file)),
      mode_(mode),
      parameters_(root.superblock.parameters),
      superblock_(root.superblock),
      older_lsn_(root.older_lsn),
      named_(std::move(root.extents)),
      older_named_(std::move(root.older_extents)) {
  MutexLock lock(mutex_);
  for (const ExtentEntry& extent : named_) Append(extent);
  end_ = std::max(end_, EndOf(older_named_));
}

Status PageFile::Create(FileSystem& fs, const std::string& path, const Superblock& first) {
  Superblock superblock{};
  superblock.magic = kSuperblockMagic;
  superblock.format_version = kFormatVersion;
  superblock.slot = 1;
  superblock.optional_features = first.optional_features;
  superblock.store_id = first.store_id;
  superblock.checkpoint = 1;
  superblock.lsn = first.lsn;
  superblock.log_generation = first.log_generation;
  superblock.created_us = first.created_us;
  superblock.parameters = first.parameters;
  superblock.defaults = first.defaults;
  superblock.state = first.state;
  superblock.progress = first.progress;
  const AlignedBuffer table = BuildExtentTable(superblock, {});
  superblock.extent_table_checksum = LoadAs<std::uint64_t>(table.data());
  SealSuperblock(superblock);
  ENGRAM_CHECK(CheckSuperblock(superblock, superblock.slot, path).ok());

  const std::string temporary = path + ".tmp";
  // One may be left over from a crash.
  ENGRAM_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, fs.Open(temporary, OpenMode::kCreate));
  ENGRAM_RETURN_IF_ERROR(file->Truncate(0));
  ENGRAM_RETURN_IF_ERROR(file->Allocate(0, kFirstExtentOffset));
  ENGRAM_RETURN_IF_ERROR(file->WriteAt(ExtentTableOffset(superblock.slot), table.span()));
  ENGRAM_RETURN_IF_ERROR(file->WriteAt(SuperblockOffset(superblock.slot), AsBytes(superblock)));
  ENGRAM_RETURN_IF_ERROR(file->SyncData());
  return fs.Rename(temporary, path);
}

Result<std::unique_ptr<PageFile>> PageFile::Open(FileSystem& fs, const std::string& path,
                                                 OpenMode mode) {
  ENGRAM_ASSIGN_OR_RETURN(std::unique_ptr<File> file, fs.Open(path, mode));
  ENGRAM_ASSIGN_OR_RETURN(CheckpointRoot root, ReadSuperblocks(*file));
  return std::unique_ptr<PageFile>(new PageFile(std::move(file), mode, std::move(root)));
}

std::uint32_t PageFile::PageBytes(SegmentKind segment) const {
  return PageBytesOf(parameters_, segment);
}

const PageFile::Run& PageFile::FindRun(PageRef ref) const {
  ENGRAM_CHECK(Raw(ref.page) < CountPages(ref.segment));
  const std::vector<Run>& runs = runs_[IndexOf(ref.segment)];
  const auto after =
      std::upper_bound(runs.begin(), runs.end(), Raw(ref.page),
                       [](std::uint32_t page, const Run& run) { return page < run.first_page; });
  return *std::prev(after);
}

std::uint64_t PageFile::OffsetOf(PageRef ref) const {
  const Run& run = FindRun(ref);
  return run.extent.file_offset +
         std::uint64_t{Raw(ref.page) - run.first_page} * PageBytes(ref.segment);
}

std::uint64_t PageFile::FileOffset(PageRef ref) const {
  MutexLock lock(mutex_);
  return OffsetOf(ref);
}

Status PageFile::MapExtent(const ExtentEntry& extent, AddressSpace& space, std::uint64_t at) const {
  return space.MapFile(*file_, extent.file_offset, ExtentBytes(parameters_, extent), at);
}

Status PageFile::ReadPages(SegmentKind segment, std::uint32_t first, std::uint32_t count,
                           std::span<std::byte> out) const {
  const std::size_t page_bytes = PageBytes(segment);
  ENGRAM_CHECK(out.size() == count * page_bytes);
  std::vector<ReadOp> ops;
  {
    MutexLock lock(mutex_);
    if (const std::uint32_t pages = CountPages(segment); std::uint64_t{first} + count > pages) {
      return Status::NotFound(file_->path() + ": " + std::to_string(count) + " " +
                              std::string(SegmentName(segment)) + " pages from " +
                              std::to_string(first) + " on, there are " + std::to_string(pages));
    }
    while (count > 0) {
      const PageRef ref{segment, static_cast<PageId>(first)};
      const Run& run = FindRun(ref);
      const auto per_op =
          static_cast<std::uint32_t>(std::max<std::size_t>(1, kReadOpBytes / page_bytes));
      const std::uint32_t here =
          std::min({count, per_op, run.first_page + run.extent.pages - first});
      ops.push_back({OffsetOf(ref), out.first(here * page_bytes)});
      out = out.subspan(here * page_bytes);
      first += here;
      count -= here;
    }
  }
  return file_->ReadMany(ops);
}

Result<std::vector<WriteOp>> PageFile::Place(std::span<const PageImage> images) const {
  std::vector<WriteOp> ops;
  ops.reserve(images.size());
  {
    MutexLock lock(mutex_);
    for (const PageImage& image : images) {
      const std::uint32_t pages = CountPages(image.ref.segment);
      if (Raw(image.ref.page) >= pages) {
        return Unexpected(file_->path(), "image of", Describe(image.ref),
                          "a page below " + std::to_string(pages));
      }
      if (image.bytes.size() != PageBytes(image.ref.segment)) {
        return UnexpectedNumber(file_->path(), "bytes in the image of " + Describe(image.ref),
                                image.bytes.size(), std::to_string(PageBytes(image.ref.segment)));
      }
      ops.push_back({OffsetOf(image.ref), image.bytes});
    }
  }
  std::sort(ops.begin(), ops.end(),
            [](const WriteOp& a, const WriteOp& b) { return a.offset < b.offset; });
  for (std::size_t i = 1; i < ops.size(); ++i) {
    if (ops[i].offset == ops[i - 1].offset) {
      return UnexpectedNumber(file_->path(), "a second image for offset", ops[i].offset, "one");
    }
  }
  return ops;
}

Status PageFile::WritePages(std::span<const PageImage> images) {
  if (images.empty()) return Status::Ok();
  ENGRAM_ASSIGN_OR_RETURN(const std::vector<WriteOp> pages, Place(images));
  // Neighbours are copied together: a copy costs less than a request to the disk.
  std::size_t total = 0;
  for (const WriteOp& page : pages) total += page.bytes.size();
  AlignedBuffer merged(std::min(kMergeBytes, total));
  std::size_t merged_used = 0;
  std::vector<WriteOp> ops;
  for (std::span<const WriteOp> rest(pages); !rest.empty();) {
    const std::size_t length = MergeLength(rest, merged.size() - merged_used);
    WriteOp op = rest[0];
    if (length > 1) {
      const std::size_t begin = merged_used;
      for (const WriteOp& page : rest.first(length)) {
        std::memcpy(merged.data() + merged_used, page.bytes.data(), page.bytes.size());
        merged_used += page.bytes.size();
      }
      op.bytes = merged.span().subspan(begin, merged_used - begin);
    }
    ops.push_back(op);
    rest = rest.subspan(length);
    const bool full = !rest.empty() && merged.size() - merged_used < 2 * rest[0].bytes.size();
    if (rest.empty() || full || ops.size() == kMaxOps) {
      ENGRAM_RETURN_IF_ERROR(Write(ops));
      ops.clear();
      merged_used = 0;
    }
  }
  return Status::Ok();
}

Status PageFile::Write(std::span<const WriteOp> ops) {
  ENGRAM_RETURN_IF_ERROR(file_->WriteMany(ops));
  std::uint64_t bytes = 0;
  for (const WriteOp& op : ops) bytes += op.bytes.size();
  bytes_written_.fetch_add(bytes, std::memory_order_relaxed);  // a figure for stats
  return Status::Ok();
}

Status PageFile::Sync() { return file_->SyncData(); }

Status PageFile::WriteSuperblock(const Superblock& next, std::span<const ExtentEntry> extents) {
  ENGRAM_RETURN_IF_ERROR(WriteNext(next, extents));
  MutexLock lock(mutex_);
  fresh_cuts_ = {};
  uncut_ = kAllPages;
  return Status::Ok();
}

Status PageFile::WriteNext(const Superblock& next, std::span<const ExtentEntry> extents) {
  ENGRAM_CHECK(next.checkpoint > superblock_.checkpoint);
  Superblock superblock = superblock_;
  superblock.checkpoint = next.checkpoint;
  superblock.lsn = next.lsn;
  superblock.log_generation = next.log_generation;
  superblock.state = next.state;
  superblock.progress = next.progress;
  superblock.format_version = kFormatVersion;
  if (!ENGRAM_MUTANT(kSuperblockOneSlot)) superblock.slot = 1 - superblock_.slot;
  const AlignedBuffer table = BuildExtentTable(superblock, extents);
  superblock.extent_table_checksum = LoadAs<std::uint64_t>(table.data());
  SealSuperblock(superblock);
  ENGRAM_RETURN_IF_ERROR(WriteRoot(superblock, table.span()));
  if (!ENGRAM_MUTANT(kSuperblockNotSynced)) ENGRAM_RETURN_IF_ERROR(file_->SyncData());
  older_lsn_ = superblock_.lsn;
  superblock_ = superblock;
  older_named_ = std::exchange(named_, {extents.begin(), extents.end()});
  return Status::Ok();
}

Status PageFile::RepeatSuperblock() {
  const AlignedBuffer table = BuildExtentTable(superblock_, named_);
  ENGRAM_CHECK(superblock_.extent_table_checksum == LoadAs<std::uint64_t>(table.data()));
  ENGRAM_RETURN_IF_ERROR(WriteRoot(superblock_, table.span()));
  return file_->SyncData();
}

Status PageFile::WriteRoot(const Superblock& superblock, std::span<const std::byte> table) {
  const WriteOp ops[] = {{ExtentTableOffset(superblock.slot), table},
                         {SuperblockOffset(superblock.slot), AsBytes(superblock)}};
  return Write(ops);
}

void SealPage(std::span<std::byte> page, std::uint64_t store_id) {
  ENGRAM_CHECK(page.size() >= sizeof(PageHeader));
  StoreAs(page.data() + offsetof(PageHeader, store_id), store_id);
  StoreAs(page.data() + offsetof(PageHeader, checksum), PageChecksum(page, store_id));
}

bool IsNeverWritten(std::span<const std::byte> page) { return AllZero(page); }

Status CheckPage(std::span<const std::byte> page, PageRef ref, std::uint64_t store_id) {
  ENGRAM_CHECK(page.size() >= sizeof(PageHeader));
  const std::string where = "graph.engram: " + Describe(ref);
  const auto header = LoadAs<PageHeader>(page.data());
  if (IsNeverWritten(page)) return Status::CorruptedIndex(where + ": never written");
  // First, because the checksum depends on it: a page of another store says so.
  if (header.store_id != store_id) {
    return UnexpectedHex(where, "store id", header.store_id, store_id);
  }
  const std::uint64_t checksum = PageChecksum(page, store_id);
  if (header.checksum != checksum) {
    return UnexpectedHex(where, "checksum", header.checksum, checksum);
  }
  if (header.segment != ref.segment) {
    return UnexpectedNumber(where, "segment", Raw(header.segment),
                            std::to_string(Raw(ref.segment)));
  }
  if (header.page != Raw(ref.page)) {
    return UnexpectedNumber(where, "number", header.page, std::to_string(Raw(ref.page)));
  }
  if (!AllZero(std::as_bytes(std::span(header.reserved0))) ||
      !AllZero(std::as_bytes(std::span(header.reserved1)))) {
    return Unexpected(where, "reserved bytes", "not zero", "zero");
  }
  return Status::Ok();
}

std::string_view SegmentName(SegmentKind segment) {
  switch (segment) {
    case SegmentKind::kNodes:
      return "nodes";
    case SegmentKind::kUpper:
      return "upper";
    case SegmentKind::kNodeSlots:
      return "node slots";
    case SegmentKind::kUpperSlots:
      return "upper slots";
  }
  return "unknown segment";
}

std::string Describe(PageRef ref) {
  return std::string(SegmentName(ref.segment)) + " page " + std::to_string(Raw(ref.page));
}

}  // namespace engram
