// Engine's calls that keep a store as good as new.
#include <string>

#include "engine/compactor.h"
#include "engine/engine.h"
#include "engine/forgetter.h"
#include "storage/base/clock.h"
#include "storage/base/status_macros.h"

namespace engram {

Result<std::uint64_t> Engine::EraseMatching(const PatternFilter& filter, Durability durability) {
  ENGRAM_RETURN_IF_ERROR(RequireWritable());
  return eraser_->EraseAtOnce(filter, durability);
}

Result<std::uint64_t> Engine::PruneBefore(Timestamp time, Durability durability) {
  ENGRAM_RETURN_IF_ERROR(RequireWritable());
  const std::int64_t ahead_us = MicrosBetween(core_.clock->NowMicros(), UnixMicros(time));
  if (ahead_us > 0) {
    return Status::InvalidArgument("the time is " + std::to_string(ahead_us) +
                                   " microseconds from now, expected one in the past");
  }
  PatternFilter filter;
  filter.before = time;
  return eraser_->EraseInSteps(filter, durability);
}

Compactor Engine::MakeCompactor() {
  return {core_, *writer_, *checkpointer_,
          [this](VectorView vector, PageErrors& errors) { return FindNear(vector, errors); }};
}

Result<CompactReport> Engine::Compact(const CompactOptions& options) {
  ENGRAM_RETURN_IF_ERROR(RequireWritable());
  MutexLock lock(upkeep_mutex_);
  CompactReport report;
  ENGRAM_ASSIGN_OR_RETURN(Stats stats, GetStats());
  report.bytes_before = stats.bytes_on_disk;
  const Status status = MakeCompactor().Run(options, report);
  core_.TellNews();
  core_.meta->DeliverLog();
  ENGRAM_RETURN_IF_ERROR(status);
  ENGRAM_ASSIGN_OR_RETURN(stats, GetStats());
  report.bytes_after = stats.bytes_on_disk;
  return report;
}

Result<EraseForeverReport> Engine::EraseForever(std::span<const IdRange> ids) {
  ENGRAM_RETURN_IF_ERROR(RequireWritable());
  MutexLock lock(upkeep_mutex_);
  EraseForeverReport report;
  Compactor compactor = MakeCompactor();
  const Status status = Forgetter(core_, *writer_, *checkpointer_, compactor).Run(ids, report);
  core_.TellNews();
  core_.meta->DeliverLog();
  ENGRAM_RETURN_IF_ERROR(status);
  ENGRAM_ASSIGN_OR_RETURN(const Stats stats, GetStats());
  report.metadata_bytes = stats.metadata_bytes;
  return report;
}

}  // namespace engram
