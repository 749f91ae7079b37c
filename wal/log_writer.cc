#include "wal/log_writer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "storage/base/aligned_buffer.h"
#include "storage/base/check.h"
#include "storage/base/coding.h"
#include "storage/base/ids.h"
#include "storage/base/mutex.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "wal/log_carry.h"
#include "wal/log_format.h"
#include "wal/log_frames.h"
#include "wal/log_segments.h"

namespace engram {
namespace {

// A segment as the writer keeps account of it.
struct SegmentUse {
  Lsn first_lsn = Lsn::kNone;
  std::uint64_t size = 0;
  std::uint64_t used = kLogBlockBytes;  // header and frames
};

SegmentHeader HeaderFor(const LogWriterOptions& options, Lsn first_lsn, Lsn previous_end,
                        std::uint32_t previous_generation) {
  SegmentHeader header{};
  header.magic = kSegmentMagic;
  header.format_version = kLogFormatVersion;
  header.generation = options.generation;
  header.store_id = options.store_id;
  header.first_lsn = first_lsn;
  header.previous_end = previous_end;
  header.previous_generation = previous_generation;
  return header;
}

using Deadline = std::chrono::steady_clock::time_point;

// A buffer that one large commit has made larger is not kept.
constexpr std::uint64_t kKeptBufferBytes = 8 << 20;
constexpr std::uint64_t kLeastBufferBytes = 1 << 16;

class LogWriterImpl final : public LogWriter {
 public:
  explicit LogWriterImpl(const LogWriterOptions& options)
      : options_(options), appended_(options.previous_end), durable_(options.previous_end) {}

  Status Start();

  Status Reserve(std::uint64_t bytes, std::uint32_t frames) override ENGRAM_EXCLUDES(mutex_);
  Status Append(std::span<const CommitFrames> commits, SyncMode mode) override
      ENGRAM_EXCLUDES(mutex_);
  Status StartSegment() override ENGRAM_EXCLUDES(mutex_) { return Roll(0); }
  Status SyncAll() override ENGRAM_EXCLUDES(mutex_);
  Status SyncThrough(Lsn lsn) override ENGRAM_EXCLUDES(mutex_);
  void PromiseSync(Deadline deadline) override ENGRAM_EXCLUDES(mutex_);
  std::optional<Deadline> promised_sync() const override ENGRAM_EXCLUDES(mutex_);
  Lsn appended() const override ENGRAM_EXCLUDES(mutex_);
  Lsn durable() const override ENGRAM_EXCLUDES(mutex_);
  Status RemoveThrough(Lsn lsn) override ENGRAM_EXCLUDES(mutex_);
  std::uint64_t BytesOnDisk() const override ENGRAM_EXCLUDES(mutex_);
  LogCounters counters() const override ENGRAM_EXCLUDES(mutex_);
  Status poisoned() const override ENGRAM_EXCLUDES(mutex_);
  void Poison(const Status& cause) override ENGRAM_EXCLUDES(mutex_);

 private:
  // Where an append goes, decided under the mutex.
  struct Place {
    std::shared_ptr<File> file;
    std::uint64_t offset = 0;
    std::uint64_t limit = 0;  // the segment's size
    Lsn durable_through = Lsn::kNone;
  };

  // Of a segment with room for so many bytes of frames.
  std::uint64_t SegmentSize(std::uint64_t room) const;
  // The next segment, with room for so many bytes of frames, behind all that was appended.
  Status Roll(std::uint64_t room) ENGRAM_EXCLUDES(mutex_);
  // Makes the next segment, and makes it the current one.
  Status NextSegment(const SegmentHeader& header, const SegmentUse& use, const SegmentFiller& fill)
      ENGRAM_EXCLUDES(mutex_);
  Result<Place> BeginAppend(Lsn first, SyncMode mode) ENGRAM_EXCLUDES(mutex_);
  // All frames of `commits` in one piece, in buffer_.
  std::span<const std::byte> Gather(std::span<const CommitFrames> commits, Lsn durable_through);
  Status WriteOut(const Place& place, std::span<const std::byte> bytes, SyncMode mode);
  Status FinishAppend(std::uint64_t end, Lsn last, SyncMode mode, const Status& outcome)
      ENGRAM_EXCLUDES(mutex_);
  // Pre: target <= appended().
  Status SyncTo(Lsn target) ENGRAM_EXCLUDES(mutex_);
  // A sync of everything appended begins.
  void BeginSync() ENGRAM_REQUIRES(mutex_);
  // Keeps the first cause; returns what the call that failed reports.
  Status PoisonLocked(const Status& cause) ENGRAM_REQUIRES(mutex_);

  const LogWriterOptions options_;
  AlignedBuffer buffer_;  // of the appender

  mutable Mutex mutex_;  // held for bookkeeping only, never across I/O
  CondVar changed_;      // a sync or a write that somebody may wait for has ended
  std::shared_ptr<File> file_ ENGRAM_GUARDED_BY(mutex_);
  std::vector<SegmentUse> segments_
      ENGRAM_GUARDED_BY(mutex_);  // by first LSN; the last is written to
  Lsn appended_ ENGRAM_GUARDED_BY(mutex_);
  Lsn durable_ ENGRAM_GUARDED_BY(mutex_);
  // The next append starts on a block of its own, since a sync has begun since the last.
  bool fresh_block_ ENGRAM_GUARDED_BY(mutex_) = true;
  // At most one at a time: the system reports a failed write-back to one sync only, so a second,
  // concurrent one could believe itself.
  bool sync_running_ ENGRAM_GUARDED_BY(mutex_) = false;
  // Earliest of the promises since the last sync began: that sync, where it succeeds, meets all
  // before.
  std::optional<Deadline> promised_sync_ ENGRAM_GUARDED_BY(mutex_);
  // A write is going on in a block that holds earlier commits.
  bool write_shares_block_ ENGRAM_GUARDED_BY(mutex_) = false;
  int waiting_for_write_ ENGRAM_GUARDED_BY(mutex_) = 0;
  Status poison_ ENGRAM_GUARDED_BY(mutex_);
  LogCounters counters_ ENGRAM_GUARDED_BY(mutex_);
};

Status LogWriterImpl::Start() {
  FileSystem& file_system = *options_.file_system;
  ENGRAM_RETURN_IF_ERROR(RemoveTemporaryFiles(file_system, options_.directory));
  ENGRAM_ASSIGN_OR_RETURN(const std::vector<LogSegment> segments,
                          ReadSegments(file_system, options_.directory, options_.store_id));
  const LogSegment* newest = segments.empty() ? nullptr : &segments.back();
  ENGRAM_ASSIGN_OR_RETURN(const auto carried, CarriedCommits::Plan(options_, newest));
  {
    MutexLock lock(mutex_);
    for (const LogSegment& segment : segments) {
      segments_.push_back({segment.header.first_lsn, segment.size, segment.size});
    }
    if (newest != nullptr) segments_.back().used = carried.used_before();
  }
  const SegmentHeader header =
      HeaderFor(options_, carried.first_lsn(), options_.previous_end, options_.previous_generation);
  const SegmentUse use{carried.first_lsn(), SegmentSize(carried.space()),
                       kLogBlockBytes + carried.space()};
  return NextSegment(header, use, [&carried](File& to) { return carried.CopyTo(to); });
}

std::uint64_t LogWriterImpl::SegmentSize(std::uint64_t room) const {
  return AlignUp(std::max(options_.segment_bytes, kLogBlockBytes + room), kLogBlockBytes);
}

Status LogWriterImpl::NextSegment(const SegmentHeader& header, const SegmentUse& use,
                                  const SegmentFiller& fill) {
  ENGRAM_ASSIGN_OR_RETURN(
      std::shared_ptr<File> file,
      CreateSegment(*options_.file_system, options_.directory, header, use.size, fill));
  MutexLock lock(mutex_);
  // A segment of the same name was replaced by this one, which holds all of it that counts.
  if (!segments_.empty() && segments_.back().first_lsn == use.first_lsn) segments_.pop_back();
  segments_.push_back(use);
  file_ = std::move(file);
  fresh_block_ = true;
  return {};
}

Status LogWriterImpl::Reserve(std::uint64_t bytes, std::uint32_t frames) {
  // Memory is room too.
  const std::uint64_t in_memory = bytes + frames * (sizeof(FrameHeader) + kFrameAlignment);
  if (buffer_.size() < in_memory) {
    ENGRAM_ASSIGN_OR_RETURN(buffer_,
                            AlignedBuffer::Allocate(std::max(in_memory, kLeastBufferBytes)));
  }
  // Each frame may be an append of its own and start a fresh block.
  const std::uint64_t room =
      bytes + frames * (sizeof(FrameHeader) + kFrameAlignment + kLogBlockBytes);
  {
    MutexLock lock(mutex_);
    if (!poison_.ok()) return poison_;
    if (segments_.back().used + room <= segments_.back().size) return {};
  }
  return Roll(room);
}

Status LogWriterImpl::Roll(std::uint64_t room) {
  Lsn last;
  {
    MutexLock lock(mutex_);
    if (!poison_.ok()) return poison_;
    last = appended_;
    // There is nothing in it yet, and the next would have its name.
    const bool empty = segments_.back().first_lsn == Next(last);
    if (empty && SegmentSize(room) <= segments_.back().size) return {};
  }
  // A newer segment proves that all commits before it were durable.
  ENGRAM_RETURN_IF_ERROR(SyncAll());
  const Status status =
      NextSegment(HeaderFor(options_, Next(last), last, options_.generation),
                  {Next(last), SegmentSize(room)}, [](File&) { return Status(); });
  if (status.ok() || status.code() == Code::kNoSpace) return status;
  MutexLock lock(mutex_);
  return PoisonLocked(status);
}

Status LogWriterImpl::Append(std::span<const CommitFrames> commits, SyncMode mode) {
  ENGRAM_CHECK(!commits.empty());
  ENGRAM_SYNC_POINT("log:before_append");
  ENGRAM_ASSIGN_OR_RETURN(const Place place, BeginAppend(commits.front().lsn, mode));
  const auto bytes = Gather(commits, place.durable_through);
  ENGRAM_CHECK(place.offset + bytes.size() <= place.limit);
  const Status outcome = WriteOut(place, bytes, mode);
  const std::uint64_t size = bytes.size();
  if (buffer_.size() > kKeptBufferBytes) buffer_ = AlignedBuffer();
  return FinishAppend(place.offset + size, commits.back().lsn, mode, outcome);
}

Result<LogWriterImpl::Place> LogWriterImpl::BeginAppend(Lsn first, SyncMode mode) {
  MutexLock lock(mutex_);
  if (mode == SyncMode::kSync) {
    while (sync_running_) changed_.Wait(mutex_);
  }
  if (!poison_.ok()) return poison_;
  ENGRAM_CHECK(first == Next(appended_));
  const SegmentUse& current = segments_.back();
  Place place;
  place.file = file_;
  place.offset =
      fresh_block_ || waiting_for_write_ > 0 ? AlignUp(current.used, kLogBlockBytes) : current.used;
  place.limit = current.size;
  place.durable_through = durable_;
  fresh_block_ = false;
  if (mode == SyncMode::kSync) {
    BeginSync();
  } else {
    write_shares_block_ = place.offset % kLogBlockBytes != 0;
  }
  return place;
}

std::span<const std::byte> LogWriterImpl::Gather(std::span<const CommitFrames> commits,
                                                 Lsn durable_through) {
  std::uint64_t size = 0;
  for (const CommitFrames& commit : commits) size += CommitSpace(commit.payloads);
  if (buffer_.size() < size) buffer_ = AlignedBuffer(std::max(size, kLeastBufferBytes));
  FrameStamp stamp;
  stamp.generation = options_.generation;
  stamp.store_id = options_.store_id;
  stamp.durable_through = durable_through;
  stamp.lsn = commits.front().lsn;
  std::byte* to = buffer_.data();
  for (const CommitFrames& commit : commits) {
    ENGRAM_CHECK(commit.lsn == stamp.lsn);
    PutCommit(stamp, commit.payloads, to);
    to += CommitSpace(commit.payloads);
    stamp.lsn = Next(stamp.lsn);
  }
  return buffer_.span().first(size);
}

Status LogWriterImpl::WriteOut(const Place& place, std::span<const std::byte> bytes,
                               SyncMode mode) {
  Status status;
  if (mode == SyncMode::kNoSync || ENGRAM_MUTANT(kAcknowledgeBeforeSync)) {
    status = place.file->WriteAt(place.offset, bytes);
  } else {
    ENGRAM_SYNC_POINT("log:before_sync");
    status = place.file->WriteAndSync(place.offset, bytes);
    if (!status.ok() && ENGRAM_MUTANT(kFailedSyncRetried)) status = place.file->SyncData();
    ENGRAM_SYNC_POINT("log:synced");
  }
  ENGRAM_SYNC_POINT("log:appended");
  return status;
}

Status LogWriterImpl::FinishAppend(std::uint64_t end, Lsn last, SyncMode mode,
                                   const Status& outcome) {
  MutexLock lock(mutex_);
  write_shares_block_ = false;
  if (mode == SyncMode::kSync) sync_running_ = false;
  changed_.NotifyAll();
  if (!outcome.ok()) return PoisonLocked(outcome);
  // Whoever poisoned the log meanwhile was told that nothing more becomes durable.
  if (!poison_.ok()) return poison_;
  SegmentUse& current = segments_.back();
  counters_.bytes_appended += end - current.used;
  current.used = end;
  appended_ = last;
  if (mode == SyncMode::kSync) {
    ++counters_.syncs;
    durable_ = last;
    fresh_block_ = true;
    promised_sync_.reset();
  }
  return {};
}

Status LogWriterImpl::SyncAll() { return SyncTo(appended()); }

Status LogWriterImpl::SyncThrough(Lsn lsn) {
  ENGRAM_CHECK(lsn <= appended());
  return SyncTo(lsn);
}

Status LogWriterImpl::SyncTo(Lsn target) {
  std::shared_ptr<File> file;
  Lsn covered;
  {
    MutexLock lock(mutex_);
    for (;;) {
      if (!poison_.ok()) return poison_;
      if (durable_ >= target) return {};
      if (!sync_running_ && !write_shares_block_) break;
      // A block would be reported durable while it is being rewritten. That write ends without
      // anyone's help, and as long as somebody waits here no further one begins in a block with
      // earlier commits.
      const int waits = sync_running_ ? 0 : 1;
      waiting_for_write_ += waits;
      changed_.Wait(mutex_);
      waiting_for_write_ -= waits;
    }
    BeginSync();
    covered = appended_;
    file = file_;
    fresh_block_ =
        true;  // before the sync: what is appended while it runs must not touch what it covers
  }
  ENGRAM_SYNC_POINT("log:before_sync");
  Status status = file->SyncData();
  if (!status.ok() && ENGRAM_MUTANT(kFailedSyncRetried)) status = file->SyncData();
  ENGRAM_SYNC_POINT("log:synced");
  MutexLock lock(mutex_);
  sync_running_ = false;
  changed_.NotifyAll();
  if (!status.ok()) return PoisonLocked(status);
  if (!poison_.ok()) return poison_;
  ++counters_.syncs;
  durable_ = std::max(durable_, covered);
  if (durable_ == appended_) promised_sync_.reset();  // of a promise made while it ran
  return {};
}

void LogWriterImpl::BeginSync() {
  sync_running_ = true;
  promised_sync_.reset();
}

void LogWriterImpl::PromiseSync(Deadline deadline) {
  MutexLock lock(mutex_);
  if (durable_ == appended_) return;
  promised_sync_ = std::min(promised_sync_.value_or(deadline), deadline);
}

std::optional<Deadline> LogWriterImpl::promised_sync() const {
  MutexLock lock(mutex_);
  return promised_sync_;
}

Lsn LogWriterImpl::appended() const {
  MutexLock lock(mutex_);
  return appended_;
}

Lsn LogWriterImpl::durable() const {
  MutexLock lock(mutex_);
  return durable_;
}

Status LogWriterImpl::RemoveThrough(Lsn lsn) {
  std::vector<Lsn> superfluous;
  {
    MutexLock lock(mutex_);
    if (!poison_.ok()) return poison_;
    for (std::size_t i = 0; i + 1 < segments_.size(); ++i) {
      if (Previous(segments_[i + 1].first_lsn) <= lsn)
        superfluous.push_back(segments_[i].first_lsn);
    }
  }
  if (superfluous.empty()) return {};
  for (const Lsn first : superfluous) {  // oldest first: what is left is without a gap
    const Status status =
        options_.file_system->Unlink(JoinPath(options_.directory, SegmentName(first)));
    if (!status.ok() && status.code() != Code::kNotFound) return status;
    MutexLock lock(mutex_);
    std::erase_if(segments_, [first](const SegmentUse& use) { return use.first_lsn == first; });
  }
  return options_.file_system->SyncDirectory(options_.directory);
}

std::uint64_t LogWriterImpl::BytesOnDisk() const {
  MutexLock lock(mutex_);
  std::uint64_t bytes = 0;
  for (const SegmentUse& use : segments_) bytes += use.size;
  return bytes;
}

LogCounters LogWriterImpl::counters() const {
  MutexLock lock(mutex_);
  return counters_;
}

Status LogWriterImpl::poisoned() const {
  MutexLock lock(mutex_);
  return poison_;
}

void LogWriterImpl::Poison(const Status& cause) {
  MutexLock lock(mutex_);
  PoisonLocked(cause).IgnoreError();  // the caller knows the cause
  changed_.NotifyAll();
}

Status LogWriterImpl::PoisonLocked(const Status& cause) {
  if (poison_.ok()) {
    poison_ = cause.code() == Code::kReadOnly
                  ? cause
                  : Status::ReadOnly(
                        "nothing is written any more until the store is opened again, since: " +
                        cause.ToString());
  }
  // kNoSpace would say that nothing has changed.
  if (cause.code() == Code::kNoSpace) return Status::IoError(std::string(cause.message()));
  return cause;
}

}  // namespace

Result<std::unique_ptr<LogWriter>> LogWriter::Create(const LogWriterOptions& options) {
  auto writer = std::make_unique<LogWriterImpl>(options);
  ENGRAM_RETURN_IF_ERROR(writer->Start());
  return std::unique_ptr<LogWriter>(std::move(writer));
}

}  // namespace engram
