#include "engine/scrubber.h"

#include <algorithm>
#include <utility>

#include "engine/page_loader.h"
#include "storage/base/aligned_buffer.h"
#include "storage/base/coding.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

// Read at a time.
constexpr std::uint64_t kSliceBytes = 512ull << 10;
// What was not used of more than this is forgotten, so that no burst follows a pause.
constexpr std::chrono::microseconds kMostSaved{1'000'000};
// More than these wait before the round goes on.
constexpr std::size_t kMostSuspects = 1024;
// Of a round by name; of the rest the number is told.
constexpr std::uint64_t kMostTold = 16;

// The segment's end was cut off since the round began, or the checkpoint that it looks at.
bool IsGone(const Status& read) { return read.code() == Code::kNotFound; }

}  // namespace

Scrubber::Scrubber(Core& core, Checkpointer& checkpointer)
    : core_(core), checkpointer_(checkpointer) {
  MutexLock lock(mutex_);
  state_ = core.page_file->superblock().state;  // nobody writes it yet
  round_began_ = earned_until_ = Now();
}

// What lies in memory of our own stays whole, whatever becomes of the file; a view shows the file.
bool Scrubber::HealsFromMemory(PageRef ref) const { return !core_.pages->IsMapped(ref.segment); }

bool Scrubber::Run(std::chrono::steady_clock::time_point end) {
  if (core_.options().scrub_bytes_per_second == 0) return false;
  // Pages that a failed checkpoint has left half written are put right by the next opening.
  if (!core_.log->poisoned().ok()) return false;
  if (!mutex_.TryLock()) return false;
  Earn();
  LookAgain();
  while (suspects_.size() < kMostSuspects && Now() < end && ReadOn()) {
  }
  LookAgain();
  TellTheRest();
  const bool wanted =
      std::any_of(suspects_.begin(), suspects_.end(),
                  [this](const Suspect& suspect) { return WaitsForCheckpoint(suspect); });
  const std::vector<std::string> messages = std::exchange(messages_, {});
  mutex_.Unlock();
  for (const std::string& message : messages) core_.logger.Warning(message);
  return wanted;
}

// --- Rate ---

void Scrubber::Earn() {
  const auto now = Now();
  if (now <= earned_until_) return;
  const auto passed = std::min(
      std::chrono::duration_cast<std::chrono::microseconds>(now - earned_until_), kMostSaved);
  const std::uint64_t rate = core_.options().scrub_bytes_per_second;
  const std::uint64_t bytes = rate * static_cast<std::uint64_t>(passed.count()) / 1'000'000;
  if (bytes == 0) return;
  earned_until_ = now;
  // Any page, however large, can be saved for.
  const std::uint64_t most = std::max<std::uint64_t>(rate, core_.layout->page_bytes());
  allowed_bytes_ = std::min(allowed_bytes_ + bytes, most);
}

void Scrubber::Spend(std::uint64_t bytes) { allowed_bytes_ -= std::min(allowed_bytes_, bytes); }

// --- Rounds ---

std::uint32_t Scrubber::EndOf(SegmentKind segment) const {
  return std::min(PagesInUse(*core_.layout, state_, segment), core_.page_file->UncutPages(segment));
}

// The state may be of an older checkpoint, where none could be held off since. Then pages may be
// looked at that were cut and have grown again: Judge() knows better.
bool Scrubber::ReadOn() {
  if (Now() < earned_until_) return false;
  const SegmentKind segment = kAllSegments[segment_];
  const std::uint32_t end = EndOf(segment);
  if (page_ >= end) {
    page_ = 0;
    if (++segment_ < kSegments) return true;
    EndRound();
    return false;
  }
  const std::uint64_t page_bytes = core_.page_file->PageBytes(segment);
  if (allowed_bytes_ < page_bytes) return false;
  const std::uint64_t bytes = std::max(page_bytes, std::min(allowed_bytes_, kSliceBytes));
  const auto count = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(bytes / page_bytes, std::uint64_t{end} - page_));
  AlignedBuffer buffer(count * page_bytes);
  const Status read = core_.page_file->ReadPages(segment, page_, count, buffer.span());
  for (std::uint32_t i = 0; i < count; ++i) {
    const PageRef ref{segment, static_cast<PageId>(page_ + i)};
    const Status found = read.ok() ? CheckPage(buffer.span().subspan(i * page_bytes, page_bytes),
                                               ref, core_.store_id)
                                   : read;
    if (found.ok() || IsGone(found)) continue;
    suspects_.push_back({ref, std::nullopt});
    if (ENGRAM_MUTANT(kScrubBesideCheckpoint)) Report(ref, found);
  }
  page_ += count;
  Spend(count * page_bytes);
  pages_.fetch_add(count, std::memory_order_relaxed);
  return true;
}

void Scrubber::EndRound() {
  segment_ = 0;
  round_ended_ = true;
  rounds_.fetch_add(1, std::memory_order_relaxed);
  // A small store is not read over and over.
  const auto now = Now();
  round_began_ = std::max(now, round_began_ + core_.config.scrub_rest);
  earned_until_ = round_began_;
  allowed_bytes_ = 0;
}

void Scrubber::TellOf(const Rewritten& rewritten, const char* what) {
  if (rewritten.pages == 0) return;
  messages_.push_back(core_.GraphPath() + ": " + std::to_string(rewritten.pages) +
                      " bad pages were written anew and are " + what + "; the first is " +
                      Describe(rewritten.first));
}

void Scrubber::TellTheRest() {
  TellOf(std::exchange(right_again_, {}), "right");
  TellOf(std::exchange(bad_still_, {}), "bad still, as where a disk fails");
  // When the suspects of its last pages are judged.
  if (!std::exchange(round_ended_, false)) return;
  if (bad_in_round_ > kMostTold) {
    messages_.push_back(core_.GraphPath() + ": " + std::to_string(bad_in_round_ - kMostTold) +
                        " more bad pages in this round");
  }
  bad_in_round_ = 0;
}

// --- Suspects ---

Status Scrubber::ReadPage(PageRef ref) {
  AlignedBuffer buffer(core_.page_file->PageBytes(ref.segment));
  Spend(buffer.size());
  const Status read = core_.page_file->ReadPages(ref.segment, Raw(ref.page), 1, buffer.span());
  return read.ok() ? CheckPage(buffer.span(), ref, core_.store_id) : read;
}

void Scrubber::LookAgain() {
  if (!checkpointer_.TryHoldOff()) return;
  state_ = core_.page_file->superblock().state;
  // Under the same lock a checkpoint would have failed and left its pages half written.
  if (core_.log->poisoned().ok()) {
    std::erase_if(suspects_, [this](Suspect& suspect)
                                 ENGRAM_NO_THREAD_SAFETY_ANALYSIS { return !Judge(suspect); });
  }
  checkpointer_.LetGo();
}

bool Scrubber::WaitsForCheckpoint(const Suspect& suspect) const {
  return suspect.marked_after && checkpointer_.number() <= *suspect.marked_after;
}

bool Scrubber::Judge(Suspect& suspect) {
  if (WaitsForCheckpoint(suspect)) return true;
  // It was cut off meanwhile; what has grown in its place nobody has written yet.
  if (Raw(suspect.ref.page) >= EndOf(suspect.ref.segment)) return false;
  const Status now = ReadPage(suspect.ref);
  if (IsGone(now)) return false;
  if (suspect.marked_after) {
    if (now.ok()) healed_.fetch_add(1, std::memory_order_relaxed);
    Rewritten& rewritten = now.ok() ? right_again_ : bad_still_;
    if (rewritten.pages++ == 0) rewritten.first = suspect.ref;
    return false;
  }
  // A checkpoint was writing it.
  if (now.ok()) return false;
  Report(suspect.ref, now);
  if (!HealsFromMemory(suspect.ref)) return false;
  Mark(suspect.ref);
  suspect.marked_after = checkpointer_.number();
  return true;
}

void Scrubber::Report(PageRef ref, const Status& why) {
  bad_.fetch_add(1, std::memory_order_relaxed);
  std::uint64_t none = 0;
  first_bad_.compare_exchange_strong(none, std::uint64_t{Raw(ref.segment)} << 32 | Raw(ref.page),
                                     std::memory_order_relaxed);
  if (++bad_in_round_ > kMostTold) return;
  messages_.push_back(
      core_.directory + ": a page on the disk is bad: " + std::string(why.message()) +
      (HealsFromMemory(ref) ? "; memory has it whole, and the next checkpoint writes it"
                              " anew"
                            : "; restore a copy"));
}

// It stays as it is, down to its LSN: replaying the log would give the same bytes (I12).
void Scrubber::Mark(PageRef ref) {
  MutexLock role(core_.writer_role);
  // Where there is no room, writing the page will say so. Under a view the file stays short: what
  // was cut off must go on to be an error, and no zeros.
  if (core_.residency == Residency::kResident) core_.page_file->RestoreLength().IgnoreError();
  if (Raw(ref.page) >= core_.pages->page_count(ref.segment)) return;  // it was cut off since
  core_.pages->MutablePage(ref, LoadAs<PageHeader>(core_.pages->page(ref)).lsn);
}

Scrubber::Figures Scrubber::figures() const {
  Figures figures;
  figures.pages = pages_.load(std::memory_order_relaxed);
  figures.rounds = rounds_.load(std::memory_order_relaxed);
  figures.bad = bad_.load(std::memory_order_relaxed);
  figures.healed = healed_.load(std::memory_order_relaxed);
  if (const std::uint64_t first = first_bad_.load(std::memory_order_relaxed); first != 0) {
    figures.first_bad = {static_cast<SegmentKind>(first >> 32),
                         static_cast<PageId>(first & 0xffffffff)};
  }
  return figures;
}

}  // namespace engram
