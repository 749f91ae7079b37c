#include "storage/journal.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "storage/base/check.h"
#include "storage/base/checksum.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "storage/corruption.h"
#include "storage/superblock.h"

namespace engram {
namespace {

constexpr std::size_t kBufferBytes = 1u << 20;
// Zeros for every gap.
constexpr std::byte kZeros[kBlockBytes] = {};

std::uint64_t BytesInJournal(std::uint64_t page_bytes) {
  return sizeof(JournalImageHeader) + page_bytes;
}

std::uint64_t RoundBytes(std::uint64_t image_bytes) {
  return AlignUp(kBlockBytes + image_bytes, kBlockBytes);
}

std::uint64_t HeaderChecksum(const JournalHeader& header) {
  return Checksum64(AsBytes(header).subspan(kChecksumBytes));
}

std::uint64_t ImageChecksum(const JournalImageHeader& header, std::span<const std::byte> image) {
  return Checksum64(image, Checksum64(AsBytes(header).subspan(kChecksumBytes)));
}

// Everything but the checksum, which needs the image's bytes.
Status CheckImageHeader(const JournalImageHeader& image, const JournalHeader& round,
                        const std::string& where) {
  if (image.store_id != round.store_id) {
    return UnexpectedHex(where, "store id", image.store_id, round.store_id);
  }
  if (image.checkpoint != round.checkpoint) {
    return UnexpectedNumber(where, "checkpoint", image.checkpoint,
                            std::to_string(round.checkpoint));
  }
  if (image.round != round.round) {
    return UnexpectedNumber(where, "round", image.round, std::to_string(round.round));
  }
  if (image.generation != round.generation) {
    return UnexpectedNumber(where, "generation", image.generation,
                            std::to_string(round.generation));
  }
  const auto kind = Raw(image.segment);
  if (kind < Raw(SegmentKind::kNodes) || kind > Raw(SegmentKind::kUpperSlots)) {
    return UnexpectedNumber(where, "segment", kind, "1 to 4");
  }
  if (!AllZero(std::as_bytes(std::span(image.reserved0))) ||
      !AllZero(std::as_bytes(std::span(image.reserved1)))) {
    return Unexpected(where, "reserved bytes", "not zero", "zero");
  }
  return Status::Ok();
}

}  // namespace

Status Journal::Create(FileSystem& fs, const std::string& path, std::uint64_t bytes) {
  ENGRAM_CHECK(bytes > 0 && bytes % kBlockBytes == 0);
  const std::string temporary = path + ".tmp";
  // One may be left over from a crash.
  ENGRAM_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, fs.Open(temporary, OpenMode::kCreate));
  ENGRAM_RETURN_IF_ERROR(file->Truncate(0));
  ENGRAM_RETURN_IF_ERROR(file->Allocate(0, bytes));
  ENGRAM_RETURN_IF_ERROR(file->SyncData());
  return fs.Rename(temporary, path);
}

Result<std::unique_ptr<Journal>> Journal::Open(FileSystem& fs, const std::string& path,
                                               OpenMode mode, std::uint64_t store_id,
                                               std::uint64_t bytes) {
  ENGRAM_ASSIGN_OR_RETURN(std::unique_ptr<File> file, fs.Open(path, mode));
  ENGRAM_ASSIGN_OR_RETURN(const std::uint64_t size, file->Size());
  if (size != bytes) return UnexpectedNumber(path, "bytes", size, std::to_string(bytes));
  return std::unique_ptr<Journal>(new Journal(std::move(file), store_id, bytes));
}

std::size_t Journal::FitRound(std::span<const PageImage> images) const {
  std::uint64_t image_bytes = 0;
  std::size_t count = 0;
  while (count < images.size()) {
    image_bytes += BytesInJournal(images[count].bytes.size());
    if (RoundBytes(image_bytes) > bytes_) break;
    ++count;
  }
  ENGRAM_CHECK(count > 0 || images.empty());
  return count;
}

Status Journal::WriteRound(const RoundName& name, std::span<const PageImage> images) {
  if (ENGRAM_MUTANT(kJournalSkipped)) return Status::Ok();
  JournalHeader header{};
  header.magic = kJournalMagic;
  header.store_id = store_id_;
  header.checkpoint = name.checkpoint;
  header.round = name.round;
  header.generation = name.generation;
  header.images = static_cast<std::uint32_t>(images.size());
  for (const PageImage& image : images) header.image_bytes += BytesInJournal(image.bytes.size());
  header.checksum = HeaderChecksum(header);
  ENGRAM_CHECK(!images.empty() && RoundBytes(header.image_bytes) <= bytes_);

  if (buffer_.size() == 0) buffer_ = AlignedBuffer(std::min<std::uint64_t>(kBufferBytes, bytes_));
  buffered_ = 0;  // an earlier round may have failed half way
  next_offset_ = 0;
  const std::span<const std::byte> zeros(kZeros);
  ENGRAM_RETURN_IF_ERROR(Append(AsBytes(header)));
  ENGRAM_RETURN_IF_ERROR(Append(zeros.first(kBlockBytes - sizeof(header))));
  for (const PageImage& image : images) {
    JournalImageHeader image_header{};
    image_header.store_id = store_id_;
    image_header.checkpoint = name.checkpoint;
    image_header.round = name.round;
    image_header.generation = name.generation;
    image_header.page = Raw(image.ref.page);
    image_header.page_bytes = static_cast<std::uint32_t>(image.bytes.size());
    image_header.segment = image.ref.segment;
    image_header.checksum = ImageChecksum(image_header, image.bytes);
    ENGRAM_RETURN_IF_ERROR(Append(AsBytes(image_header)));
    ENGRAM_RETURN_IF_ERROR(Append(image.bytes));
  }
  // Whole blocks, so that no block has to be read before it is written.
  const std::uint64_t end = next_offset_ + buffered_;
  ENGRAM_RETURN_IF_ERROR(Append(zeros.first(AlignUp(end, kBlockBytes) - end)));
  ENGRAM_RETURN_IF_ERROR(FlushBuffer());
  if (ENGRAM_MUTANT(kJournalNotSynced)) return Status::Ok();
  return file_->SyncData();
}

Status Journal::Append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::size_t length = std::min(bytes.size(), buffer_.size() - buffered_);
    std::memcpy(buffer_.data() + buffered_, bytes.data(), length);
    buffered_ += length;
    bytes = bytes.subspan(length);
    if (buffered_ == buffer_.size()) ENGRAM_RETURN_IF_ERROR(FlushBuffer());
  }
  return Status::Ok();
}

Status Journal::FlushBuffer() {
  if (buffered_ == 0) return Status::Ok();
  ENGRAM_RETURN_IF_ERROR(file_->WriteAt(next_offset_, buffer_.span().first(buffered_)));
  bytes_written_.fetch_add(buffered_, std::memory_order_relaxed);  // a figure for stats
  next_offset_ += buffered_;
  buffered_ = 0;
  return Status::Ok();
}

Status Journal::CheckHeader(const JournalHeader& header) const {
  const std::string where = file_->path() + ": header";
  if (header.magic != kJournalMagic) {
    return UnexpectedHex(where, "magic", header.magic, kJournalMagic);
  }
  const std::uint64_t checksum = HeaderChecksum(header);
  if (header.checksum != checksum) {
    return UnexpectedHex(where, "checksum", header.checksum, checksum);
  }
  if (header.store_id != store_id_) {
    return UnexpectedHex(where, "store id", header.store_id, store_id_);
  }
  if (header.checkpoint == 0) return UnexpectedNumber(where, "checkpoint", 0, "at least 1");
  if (header.image_bytes > bytes_ - kBlockBytes) {
    return UnexpectedNumber(where, "image bytes", header.image_bytes,
                            "at most " + std::to_string(bytes_ - kBlockBytes));
  }
  const std::uint64_t most = header.image_bytes / BytesInJournal(kBlockBytes);
  if (header.images == 0 || header.images > most) {
    return UnexpectedNumber(where, "images", header.images, "1 to " + std::to_string(most));
  }
  if (header.reserved != 0) return UnexpectedNumber(where, "reserved bytes", header.reserved, "0");
  return Status::Ok();
}

Status Journal::Wipe() {
  constexpr std::uint64_t kAtATime = 1u << 20;
  AlignedBuffer zeros(std::min(kAtATime, bytes_));
  std::memset(zeros.data(), 0, zeros.size());
  for (std::uint64_t at = 0; at < bytes_; at += zeros.size()) {
    const std::uint64_t count = std::min<std::uint64_t>(zeros.size(), bytes_ - at);
    ENGRAM_RETURN_IF_ERROR(file_->WriteAt(at, zeros.span().first(count)));
  }
  return file_->SyncData();
}

Result<std::uint64_t> Journal::ReadCheckpoint() const {
  AlignedBuffer block(kBlockBytes);
  ENGRAM_RETURN_IF_ERROR(ReadExactly(*file_, 0, block.span()));
  const auto header = LoadAs<JournalHeader>(block.data());
  return CheckHeader(header).ok() ? header.checkpoint : 0;
}

Result<Journal::Round> Journal::Read() const {
  Round round;
  AlignedBuffer block(kBlockBytes);
  ENGRAM_RETURN_IF_ERROR(ReadExactly(*file_, 0, block.span()));
  if (AllZero(block.span())) return round;
  const auto header = LoadAs<JournalHeader>(block.data());
  if (const Status status = CheckHeader(header); !status.ok()) {
    round.problems.emplace_back(status.message());
    return round;
  }
  round.name = {header.generation, header.checkpoint, header.round};
  ENGRAM_ASSIGN_OR_RETURN(round.bytes, AlignedBuffer::Allocate(header.image_bytes));
  ENGRAM_RETURN_IF_ERROR(ReadExactly(*file_, kBlockBytes, round.bytes.span()));
  ReadImages(header, round);
  return round;
}

void Journal::ReadImages(const JournalHeader& header, Round& round) const {
  std::set<std::pair<SegmentKind, std::uint32_t>> seen;
  std::span<const std::byte> rest = round.bytes.span();
  for (std::uint32_t i = 0; i < header.images; ++i) {
    const std::string where = file_->path() + ": image " + std::to_string(i);
    if (rest.size() < sizeof(JournalImageHeader)) {
      round.problems.push_back(where + ": behind the end of the round");
      return;
    }
    const auto image = LoadAs<JournalImageHeader>(rest.data());
    rest = rest.subspan(sizeof(image));
    if (image.page_bytes == 0 || image.page_bytes % kBlockBytes != 0 ||
        image.page_bytes > kMaxPageBytes || image.page_bytes > rest.size()) {
      // Nobody knows where the next image lies.
      round.problems.emplace_back(
          UnexpectedNumber(where, "page bytes", image.page_bytes,
                           "a multiple of 4096 up to " + std::to_string(rest.size()))
              .message());
      return;
    }
    const std::span<const std::byte> bytes = rest.first(image.page_bytes);
    rest = rest.subspan(image.page_bytes);
    Status status = CheckImageHeader(image, header, where);
    if (const std::uint64_t checksum = ImageChecksum(image, bytes);
        status.ok() && image.checksum != checksum) {
      status = UnexpectedHex(where, "checksum", image.checksum, checksum);
    }
    if (status.ok() && !seen.insert({image.segment, image.page}).second) {
      status = Status::CorruptedIndex(where + ": a second one of " +
                                      Describe({image.segment, static_cast<PageId>(image.page)}));
    }
    // One image that is not whole takes nothing from those behind it: each has its own checksum.
    if (status.ok()) {
      round.images.push_back({{image.segment, static_cast<PageId>(image.page)}, bytes});
    } else {
      round.problems.emplace_back(status.message());
    }
  }
}

}  // namespace engram
