#include "engine/checkpointer.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "engine/residency.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

std::int64_t SteadyMicros(Clock& clock) {
  const auto now = clock.Steady().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

// The writer role for one slice; left out by the mutant that takes images between linking and
// append.
class ENGRAM_SCOPED_CAPABILITY SliceLock {
 public:
  explicit SliceLock(Mutex& role) ENGRAM_ACQUIRE(role) ENGRAM_NO_THREAD_SAFETY_ANALYSIS
      : role_(role),
        held_(!ENGRAM_MUTANT(kImageBeforeAppend)) {
    if (held_) role_.Lock();
  }
  ~SliceLock() ENGRAM_RELEASE() ENGRAM_NO_THREAD_SAFETY_ANALYSIS {
    if (held_) role_.Unlock();
  }
  SliceLock(const SliceLock&) = delete;
  SliceLock& operator=(const SliceLock&) = delete;

 private:
  Mutex& role_;
  const bool held_;
};

}  // namespace

Checkpointer::Checkpointer(Core& core) : core_(core) {
  lsn_.store(Raw(core.page_file->superblock().lsn), std::memory_order_relaxed);
  number_.store(core.page_file->superblock().checkpoint, std::memory_order_relaxed);
  NoteTime();
}

void Checkpointer::NoteTime() {
  last_us_.store(SteadyMicros(*core_.clock), std::memory_order_relaxed);
}

std::uint64_t Checkpointer::LogBytes() const {
  return core_.counters.replayed_bytes.load(std::memory_order_relaxed) +
         core_.log->counters().bytes_appended;
}

Status Checkpointer::Run() {
  MutexLock lock(mutex_);
  return RunLocked();
}

Status Checkpointer::RunBehind(const std::function<Status()>& change) {
  MutexLock lock(mutex_);
  ENGRAM_RETURN_IF_ERROR(change());
  return ENGRAM_MUTANT(kCutBeforeCheckpoint) ? Status::Ok() : RunLocked();
}

Status Checkpointer::HoldOff(const std::function<Status()>& work) {
  MutexLock lock(mutex_);
  return work();
}

bool Checkpointer::CopiesAreMany() const {
  return core_.residency == Residency::kMapped &&
         core_.pages->copied_bytes() >= SoftCopyLimit(core_);
}

bool Checkpointer::CopiesAreTooMany() const {
  return core_.residency == Residency::kMapped &&
         core_.pages->copied_bytes() >= HardCopyLimit(core_);
}

void Checkpointer::MakeRoomForCopies() {
  if (!CopiesAreTooMany()) return;
  MutexLock lock(mutex_);
  // Another one's checkpoint may have done it meanwhile. One that finds no room for rows has: only
  // the log stays.
  if (CopiesAreTooMany()) RunLocked().IgnoreError();
}

Status Checkpointer::RunLocked() {
  if (!ENGRAM_MUTANT(kPoisonIgnored)) ENGRAM_RETURN_IF_ERROR(core_.log->poisoned());
  // Without a commit since the last one only rows and log may be left over from it, or pages that
  // are to be written anew (engine/scrubber.h).
  const bool changed =
      core_.log->appended() != core_.page_file->superblock().lsn || core_.pages->dirty_pages() > 0;
  Status status = changed ? WritePageFile() : Status::Ok();
  if (status.ok()) {
    status = ReleaseLog();
    // The page file is as it should be and the log has all rows: the next try may find room for
    // them.
    if (status.code() == Code::kNoSpace && core_.log->poisoned().ok()) return status;
  }
  if (!status.ok() && !ENGRAM_MUTANT(kPoisonIgnored)) {
    // What is on disk is still right, but what a failed sync left behind is unknown: only a
    // reopening finds out.
    core_.log->Poison(status);
    // kNoSpace would say that nothing has changed.
    if (status.code() == Code::kNoSpace) return Status::IoError(std::string(status.message()));
  }
  return status;
}

Status Checkpointer::WritePageFile() {
  Cut cut = TakeCut();
  const std::uint64_t checkpoint = cut.superblock.checkpoint;
  PageSpace::Cursor cursor;
  std::uint32_t round = 0;
  for (bool last = false; !last;) {
    PageSpace::Images images;
    const Lsn end = TakeRound(cursor, images, last);
    ENGRAM_SYNC_POINT("checkpoint:captured");
    ENGRAM_RETURN_IF_ERROR(core_.pages->CheckFaults());  // images of lost pages are of zeros
    if (ENGRAM_MUTANT(kLogSyncedOnlyToS)) {
      ENGRAM_RETURN_IF_ERROR(core_.log->SyncThrough(cut.superblock.lsn));
    } else if (!ENGRAM_MUTANT(kLogNotSyncedBeforePages)) {
      ENGRAM_RETURN_IF_ERROR(core_.log->SyncThrough(end));  // R1
    }
    ENGRAM_RETURN_IF_ERROR(WriteRounds(checkpoint, images, round));
  }
  if (ENGRAM_MUTANT(kJournalReusedEarly)) ENGRAM_RETURN_IF_ERROR(core_.page_file->Sync());
  if (ENGRAM_MUTANT(kLogCutBeforeSuperblock)) {
    ENGRAM_RETURN_IF_ERROR(MarkFamilies());
    ENGRAM_RETURN_IF_ERROR(CutLog(cut.superblock.lsn));
  }
  ENGRAM_RETURN_IF_ERROR(core_.page_file->WriteSuperblock(cut.superblock, cut.extents));
  ENGRAM_SYNC_POINT("checkpoint:superblock");
  lsn_.store(Raw(cut.superblock.lsn), std::memory_order_relaxed);
  number_.store(checkpoint, std::memory_order_relaxed);
  journal_bytes_.store(core_.journal->bytes_written(), std::memory_order_relaxed);
  page_bytes_.store(core_.page_file->bytes_written(), std::memory_order_relaxed);
  log_bytes_at_cut_.store(cut.log_bytes, std::memory_order_relaxed);
  NoteTime();
  return Status::Ok();
}

Status Checkpointer::ReleaseLog() {
  if (!ENGRAM_MUTANT(kLogCutIgnoresFamilies)) ENGRAM_RETURN_IF_ERROR(MarkFamilies());
  return CutLog(core_.page_file->superblock().lsn);
}

Checkpointer::Cut Checkpointer::TakeCut() {
  Cut cut;
  SliceLock role(core_.writer_role);
  cut.superblock = core_.page_file->superblock();
  ++cut.superblock.checkpoint;
  cut.superblock.lsn = core_.log->appended();
  cut.log_bytes = LogBytes();
  cut.superblock.log_generation = core_.generation;
  cut.superblock.state = core_.writer.state;
  cut.superblock.progress = core_.writer.progress;
  // Slots that were cut since have been swept.
  std::uint32_t& swept = cut.superblock.progress.sweep_next;
  swept = std::min(swept, cut.superblock.state.node_slots);
  cut.extents = core_.page_file->Extents();
  return cut;
}

Lsn Checkpointer::TakeRound(PageSpace::Cursor& cursor, PageSpace::Images& images, bool& last) {
  const std::uint64_t round_bytes =
      core_.page_file->parameters().journal_blocks * std::uint64_t{kBlockBytes};
  Lsn end = Lsn::kNone;
  last = false;
  // Slices leave the writer room between them; a round is no larger than about half of the journal.
  while (!last && images.bytes <= round_bytes / 2) {
    ENGRAM_SYNC_POINT("checkpoint:slice");
    core_.LetLeadersIn();
    SliceLock role(core_.writer_role);
    last = core_.pages->TakeImages(cursor, core_.config.checkpoint_slice_bytes, images);
    end = core_.log->appended();
  }
  return end;
}

Status Checkpointer::WriteRounds(std::uint64_t checkpoint, PageSpace::Images& images,
                                 std::uint32_t& round) {
  std::vector<PageImage> sealed;
  sealed.reserve(images.refs.size());
  for (std::size_t i = 0; i < images.refs.size(); ++i) {
    SealPage(images.pages[i], core_.store_id);  // R10: over the copy
    sealed.push_back({images.refs[i], images.pages[i]});
  }
  for (std::span<const PageImage> rest = sealed; !rest.empty();) {
    const std::size_t count = core_.journal->FitRound(rest);
    ENGRAM_RETURN_IF_ERROR(WriteRound(checkpoint, round, rest.first(count)));
    rest = rest.subspan(count);
    ++round;
  }
  return Status::Ok();
}

Status Checkpointer::WriteRound(std::uint64_t checkpoint, std::uint32_t round,
                                std::span<const PageImage> images) {
  if (core_.residency == Residency::kMapped) {
    ENGRAM_RETURN_IF_ERROR(core_.page_file->CheckLength());
  }
  ENGRAM_RETURN_IF_ERROR(core_.journal->WriteRound({core_.generation, checkpoint, round}, images));
  ENGRAM_SYNC_POINT("checkpoint:journal");
  if (ENGRAM_MUTANT(kDropBeforeWrite)) DropCopies(images);
  ENGRAM_RETURN_IF_ERROR(core_.page_file->WritePages(images));
  if (ENGRAM_MUTANT(kDropBeforeSync)) DropCopies(images);
  ENGRAM_SYNC_POINT("checkpoint:pages");
  if (ENGRAM_MUTANT(kPagesNotSyncedBeforeSuperblock) || ENGRAM_MUTANT(kJournalReusedEarly)) {
    return Status::Ok();
  }
  ENGRAM_RETURN_IF_ERROR(core_.page_file->Sync());  // R2: before the journal is used again
  DropCopies(images);                               // R3: only now
  return Status::Ok();
}

// A drop costs more than a copy of as many bytes, so that slices are smaller than those of images.
void Checkpointer::DropCopies(std::span<const PageImage> images) {
  constexpr std::uint64_t kShare = 4;
  if (core_.residency != Residency::kMapped) return;
  std::vector<PageRef> refs;
  refs.reserve(images.size());
  for (const PageImage& image : images) refs.push_back(image.ref);
  std::size_t next = 0;
  for (bool done = false; !done;) {
    ENGRAM_SYNC_POINT("checkpoint:drop");
    core_.LetLeadersIn();
    SliceLock role(core_.writer_role);
    done = core_.pages->DropCopies(refs, next, core_.config.checkpoint_slice_bytes / kShare);
  }
  if (core_.pages->keeps_copies()) core_.Note(News::kCopiesKept);
}

Status Checkpointer::MarkFamilies() {
  ENGRAM_RETURN_IF_ERROR(core_.meta->Resume());
  {
    SliceLock role(core_.writer_role);
    ENGRAM_RETURN_IF_ERROR(core_.meta->WriteMarkers(core_.versions.visible()));
  }
  return core_.meta->Flush();
}

Status Checkpointer::CutLog(Lsn lsn) {
  if (!ENGRAM_MUTANT(kLogCutIgnoresFamilies)) {
    ENGRAM_ASSIGN_OR_RETURN(const FamilyLsns durable, core_.meta->DurableLsns());
    lsn = std::min(lsn, *std::min_element(durable.begin(), durable.end()));
  }
  return core_.log->RemoveThrough(lsn);
}

bool Checkpointer::Due() const {
  const Lsn last = lsn();
  if (core_.log->appended() == last) return false;
  if (CopiesAreMany()) return true;
  const Options& options = core_.options();
  const std::uint64_t log_limit =
      std::max(options.checkpoint_log_bytes, core_.page_file->BytesInExtents() / 4);
  const std::uint64_t at_cut = log_bytes_at_cut_.load(std::memory_order_relaxed);
  if (LogBytes() - at_cut >= log_limit) return true;
  if (options.dirty_page_bytes != 0 && core_.pages->dirty_bytes() >= options.dirty_page_bytes) {
    return true;
  }
  const auto interval =
      std::chrono::duration_cast<std::chrono::microseconds>(options.checkpoint_interval).count();
  return interval != 0 &&
         SteadyMicros(*core_.clock) - last_us_.load(std::memory_order_relaxed) >= interval;
}

}  // namespace engram
