#include "engine/maintenance.h"

#include <algorithm>

#include "storage/base/status_macros.h"

namespace engram {
namespace {

constexpr std::size_t kSlotsAtATime = 256;
constexpr std::chrono::milliseconds kLongestNap{200};

}  // namespace

void Maintenance::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Maintenance::Stop() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
  }
  wake_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

Status Maintenance::RunOnce(std::chrono::microseconds budget) {
  const auto end = core_.clock->Steady() + budget;
  if (core_.options().durability != Durability::kNone) {
    ENGRAM_RETURN_IF_ERROR(core_.log->SyncAll());
  }
  for (bool more = true; more && core_.clock->Steady() < end;) {
    MutexLock role(core_.writer_role);
    const std::size_t before = core_.writer.dead.size();
    ENGRAM_RETURN_IF_ERROR(writer_.Reclaim(kSlotsAtATime));
    more = core_.writer.dead.size() < before;
  }
  return checkpointer_.Due() ? checkpointer_.Run() : Status::Ok();
}

void Maintenance::Loop() {
  // Half of the promised interval, so that a sync begins well before it has passed.
  const auto nap = std::min<std::chrono::nanoseconds>(core_.options().sync_interval / 2, kLongestNap);
  for (bool told = false;;) {
    {
      MutexLock lock(mutex_);
      if (!stop_) wake_.WaitFor(mutex_, std::max<std::chrono::nanoseconds>(nap, std::chrono::milliseconds(1)));
      if (stop_) return;
    }
    const Status status = RunOnce(std::chrono::milliseconds(2));
    if (!status.ok() && !told) {
      core_.logger.Error("background work of " + core_.directory + " failed: " + status.ToString());
    }
    told = !status.ok();
  }
}

}  // namespace engram
