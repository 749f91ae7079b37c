#include "engine/maintenance.h"

#include <algorithm>
#include <string>
#include <system_error>

#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

// A step of the sweep while the writer role is held.
constexpr std::size_t kSlotsAtATime = 4096;
// A round goes over all nodes: it begins when one in so many slots is dead.
constexpr std::size_t kWorthSweepingShare = 512;
// Rows that say when a commit was, of which the history needs no more.
constexpr std::size_t kTimesAtATime = 1024;
constexpr std::chrono::milliseconds kShortestNap{1};
constexpr std::chrono::milliseconds kNap{200};
constexpr std::chrono::milliseconds kBudget{2};
// Without the role, and mostly spent waiting for the disk.
constexpr std::chrono::milliseconds kScrubBudget{200};
// Nobody waits for the audit, and inserts wait for a step of it: a millisecond where nothing of it
// is in the cache.
constexpr std::size_t kAuditedAtATime = 512;
constexpr std::chrono::milliseconds kAuditBudget{2};

}  // namespace

Status Maintenance::Start() {
  try {
    ENGRAM_SYNC_POINT("maintenance:start_thread");
    syncer_ = std::thread([this] { SyncLoop(); });
    worker_ = std::thread([this] { WorkLoop(); });
  } catch (const std::system_error& error) {
    Stop();
    return Status::IoError("the system gives the store of " + core_.directory +
                           " no thread for background work (" + error.what() +
                           "): raise its limit, or set background_threads to 0");
  }
  return Status::Ok();
}

void Maintenance::Stop() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
  }
  wake_.NotifyAll();
  if (syncer_.joinable()) syncer_.join();
  if (worker_.joinable()) worker_.join();
}

Status Maintenance::RunOnce(std::chrono::microseconds budget) {
  Status status = SyncPromised(std::chrono::steady_clock::time_point::max());
  const auto end = core_.clock->Steady() + budget;
  if (status.ok()) status = FreeAndCheckpoint(end, end);
  if (status.ok()) status = AuditUntil(end);
  core_.TellNews();
  core_.meta->DeliverLog();
  return status;
}

Status Maintenance::SyncPromised(std::chrono::steady_clock::time_point before) {
  const auto promised = core_.log->promised_sync();
  if (promised && *promised <= before) return core_.log->SyncAll();
  return core_.log->poisoned();
}

// One in so many slots, or any at all, where the last round was long ago.
std::size_t Maintenance::LeastDead() {
  const auto now = core_.clock->Steady();
  if (core_.writer.sweep.doomed > 0) last_round_ = now;
  const bool overdue = now - last_round_ >= core_.options().sweep_interval;
  if (overdue) last_round_ = now;
  return overdue ? 1 : core_.slots->used() / kWorthSweepingShare;
}

Status Maintenance::Sweep(std::chrono::steady_clock::time_point until) {
  for (bool more = true; more && core_.clock->Steady() < until && !checkpointer_.CopiesAreMany();) {
    core_.LetLeadersIn();
    MutexLock role(core_.writer_role);
    ENGRAM_ASSIGN_OR_RETURN(more, writer_.Sweep(kSlotsAtATime, LeastDead()));
  }
  if (core_.options().history.count() == 0) return Status::Ok();
  MutexLock role(core_.writer_role);
  return writer_.ForgetTimes(kTimesAtATime).status();
}

Status Maintenance::FreeAndCheckpoint(std::chrono::steady_clock::time_point free_until,
                                      std::chrono::steady_clock::time_point scrub_until) {
  if (!checkpointer_.CopiesAreMany()) ENGRAM_RETURN_IF_ERROR(eraser_.Expire(free_until));
  ENGRAM_RETURN_IF_ERROR(Sweep(free_until));
  // A bad page on the disk is one that a crash would lose: it does not wait until one is due.
  const bool wanted = scrubber_.Run(scrub_until);
  return wanted || checkpointer_.Due() ? checkpointer_.Run() : Status::Ok();
}

// The least of all: what comes of it is rare, and none of it is urgent.
Status Maintenance::AuditUntil(std::chrono::steady_clock::time_point until) {
  if (core_.options().audit_interval.count() == 0) return Status::Ok();
  for (bool more = true; more && core_.clock->Steady() < until && !checkpointer_.CopiesAreMany();) {
    core_.LetLeadersIn();
    std::optional<AuditReport> ended;
    ENGRAM_ASSIGN_OR_RETURN(more, AuditStep(ended));
    if (ended) TellOf(*ended);
  }
  return Status::Ok();
}

Result<bool> Maintenance::AuditStep(std::optional<AuditReport>& ended) {
  MutexLock role(core_.writer_role);
  if (!core_.linker->auditing()) {
    const auto now = core_.clock->Steady();
    if (now < audit_due_) return false;
    // Also where the round ends early.
    audit_due_ = now + core_.options().audit_interval;
  }
  ENGRAM_ASSIGN_OR_RETURN(ended, writer_.Audit(kAuditedAtATime));
  return !ended.has_value();
}

void Maintenance::TellOf(const AuditReport& report) const {
  if (report.mended == 0) return;
  core_.logger.Warning(
      "the graph of " + core_.directory + " was not as it should be, and was put right: of " +
      std::to_string(report.looked_at) + " nodes " + std::to_string(report.mended) + " (" +
      std::to_string(report.links) + " links cleared, " + std::to_string(report.counts) +
      " counts corrected, " + std::to_string(report.adopted) + " nodes linked to again, " +
      std::to_string(report.entries) + " entry points replaced): run `engram verify`");
}

void Maintenance::SyncLoop() {
  const auto nap =
      std::clamp<std::chrono::nanoseconds>(core_.options().sync_interval / 4, kShortestNap, kNap);
  for (bool told = false; Sleep(nap);) {
    // What is due before the next look, and the time that a sync takes.
    const Status status = SyncPromised(core_.clock->Steady() + 2 * nap);
    Tell(status, "syncs", told);
  }
}

void Maintenance::WorkLoop() {
  for (bool told = false; Sleep(kNap);) {
    const auto now = core_.clock->Steady();
    Status status = FreeAndCheckpoint(now + kBudget, now + kScrubBudget);
    if (status.ok()) status = AuditUntil(core_.clock->Steady() + kAuditBudget);
    // A store that takes no writes any more is told of by the other thread.
    if (core_.log->poisoned().ok()) Tell(status, "background work", told);
    core_.TellNews();
    core_.meta->DeliverLog();
  }
}

bool Maintenance::Sleep(std::chrono::nanoseconds nap) {
  MutexLock lock(mutex_);
  if (!stop_) wake_.WaitFor(mutex_, nap);
  return !stop_;
}

void Maintenance::Tell(const Status& status, const char* what, bool& told) const {
  if (!status.ok() && !told) {
    core_.logger.Error(std::string(what) + " of " + core_.directory +
                       " failed: " + status.ToString());
  }
  told = !status.ok();
}

}  // namespace engram
