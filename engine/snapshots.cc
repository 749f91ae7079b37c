// Engine's snapshots: of now, of the past, with a name.
#include <algorithm>
#include <limits>
#include <optional>
#include <string>

#include "engine/engine.h"
#include "storage/base/clock.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

constexpr std::chrono::hours kLongestHistory{10 * 366 * 24};  // that Options::history may say

constexpr std::int64_t kEndlessUs = std::numeric_limits<std::int64_t>::max();

// The oldest state whose time is known.
Result<std::optional<ClockRow>> FirstClock(const MetaStore& meta) {
  std::optional<ClockRow> first;
  ENGRAM_RETURN_IF_ERROR(meta.ForEachClock(kNeverExpires, [&](const ClockRow& row) -> Result<bool> {
    first = row;
    return false;
  }));
  return first;
}

// Since when states are kept: from the first on that has a time, but for no longer than `most_us`.
Result<std::string> TellKept(const MetaStore& meta, std::int64_t now_us, std::int64_t most_us) {
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<ClockRow> first, FirstClock(meta));
  if (!first) return std::string("no earlier state is kept");
  const std::int64_t kept_us = std::min(MicrosBetween(first->clock_us, now_us), most_us);
  return "only those from " + std::to_string(kept_us) + " microseconds ago on are";
}

}  // namespace

KeptState Engine::TakeSnapshot() {
  SnapshotLine* line = core_.versions.TakeSnapshot(core_.clock->Steady());
  const auto lsn = static_cast<Lsn>(line->lsn.load(std::memory_order_relaxed));  // our own
  return {line, lsn, core_.SightNow(lsn).now_us};
}

Result<KeptState> Engine::Keep(Lsn lsn, std::int64_t now_us) {
  ENGRAM_ASSIGN_OR_RETURN(SnapshotLine* const line,
                          core_.versions.TakeSnapshotAt(lsn, core_.clock->Steady()));
  return KeptState{line, lsn, core_.Expires() ? now_us : Sight::kNothingExpires};
}

Result<Lsn> Engine::OldestKept() {
  const std::chrono::microseconds history = core_.options().history;
  if (history.count() == 0 && !core_.read_only) return core_.versions.visible();
  if (!core_.read_only) {
    const std::int64_t since = core_.clock->NowMicros() - history.count();
    ENGRAM_ASSIGN_OR_RETURN(const std::optional<ClockRow> found, core_.meta->FindClock(since));
    if (found) return found->lsn;
  }
  // It is not as long as that yet: from its beginning on.
  const Lsn newest = core_.versions.visible();
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<ClockRow> first, FirstClock(*core_.meta));
  return first ? std::min(newest, first->lsn) : newest;
}

Result<KeptState> Engine::TakeSnapshotAt(Lsn lsn) {
  CheckOpen();
  const Lsn newest = core_.versions.visible();
  if (lsn > newest) {
    return Status::InvalidArgument("commit " + std::to_string(Raw(lsn)) +
                                   " is not there yet, the newest is " +
                                   std::to_string(Raw(newest)));
  }
  ENGRAM_ASSIGN_OR_RETURN(const Lsn oldest, OldestKept());
  if (lsn < oldest) {
    return Status::SnapshotExpired("the state of commit " + std::to_string(Raw(lsn)) +
                                   " is not kept, only those from commit " +
                                   std::to_string(Raw(oldest)) + " on are (Options::history)");
  }
  // As of its own time, where that is known.
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<ClockRow> row, core_.meta->FindClockOf(lsn));
  return Keep(lsn, row ? row->clock_us : core_.clock->NowMicros());
}

Result<KeptState> Engine::TakeSnapshotAt(Timestamp time) {
  CheckOpen();
  const std::int64_t at_us = UnixMicros(time);
  const std::int64_t now_us = core_.clock->NowMicros();
  if (at_us > now_us) {
    return Status::InvalidArgument("the time is " + std::to_string(MicrosBetween(now_us, at_us)) +
                                   " microseconds from now, expected one in the past");
  }
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<ClockRow> row, core_.meta->FindClock(at_us));
  const std::int64_t ago_us = MicrosBetween(at_us, now_us);
  const std::int64_t history_us = core_.options().history.count();
  // Of a store that is only read, nothing goes: what there is, counts.
  if (!row || (!core_.read_only && ago_us > history_us)) {
    ENGRAM_ASSIGN_OR_RETURN(
        const std::string kept,
        TellKept(*core_.meta, now_us, core_.read_only ? kEndlessUs : history_us));
    return Status::SnapshotExpired("the state of " + std::to_string(ago_us) +
                                   " microseconds ago is not kept, " + kept +
                                   " (Options::history)");
  }
  // Rows come before their commit is visible.
  return Keep(std::min(row->lsn, core_.versions.visible()), at_us);
}

Result<NamedSnapshot> Engine::CreateNamedSnapshot(const std::string& name,
                                                  const std::optional<KeptState>& state,
                                                  Durability durability) {
  ENGRAM_RETURN_IF_ERROR(RequireWritable());
  if (!state) {
    MutexLock role(core_.writer_role);
    return writer_->AddName(name, Lsn::kNone, core_.clock->NowMicros(), durability);
  }
  // G10: the pin keeps the state until the name does.
  ENGRAM_ASSIGN_OR_RETURN(const Reading reading, BeginRead(state));
  if (reading.sight.lsn == Lsn::kNone) {
    return Status::InvalidArgument(
        "the snapshot is of a store without a commit: there is no state "
        "to be given a name");
  }
  // What has expired since the snapshot's moment stays in it.
  const std::int64_t moment_us = reading.sight.now_us;
  MutexLock role(core_.writer_role);
  return writer_->AddName(
      name, reading.sight.lsn,
      moment_us == Sight::kNothingExpires ? core_.clock->NowMicros() : moment_us, durability);
}

Result<KeptState> Engine::OpenNamedSnapshot(const std::string& name) {
  CheckOpen();
  const std::optional<NamedSnapshot> named = core_.versions.FindNamed(name);
  if (!named) return Status::NotFound("there is no snapshot of the name \"" + name + "\"");
  // Dropped meanwhile, its state may be gone: then the name is, too.
  auto kept = Keep(named->lsn, UnixMicros(named->taken_at));
  if (kept.code() != Code::kSnapshotExpired) return kept;
  return Status::NotFound("there is no snapshot of the name \"" + name + "\" any more");
}

Status Engine::DropNamedSnapshot(const std::string& name, Durability durability) {
  ENGRAM_RETURN_IF_ERROR(RequireWritable());
  MutexLock role(core_.writer_role);
  return writer_->DropName(name, durability);
}

// Times that were kept for a history say nothing of what came when none was; where one begins, its
// first state gets a time.
Status Engine::BeginHistory() {
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<ClockRow> oldest, FirstClock(*core_.meta));
  const Lsn first = oldest ? oldest->lsn : Lsn::kNone;
  Options& options = core_.config.options;
  const bool goes_on = options.history.count() == 0 && options.keep_history;
  if (goes_on && first != Lsn::kNone) options.history = kLongestHistory;
  if (core_.read_only) return Status::Ok();
  MutexLock role(core_.writer_role);
  if (options.history.count() == 0) {
    constexpr std::size_t kAtATime = 10'000;
    for (bool more = first != Lsn::kNone; more;) {
      ENGRAM_ASSIGN_OR_RETURN(more, writer_->ForgetTimes(kAtATime));
    }
    return Status::Ok();
  }
  core_.writer.history = first;
  return first == Lsn::kNone ? writer_->BeginHistory() : Status::Ok();
}

}  // namespace engram
