// The writer's part for what keeps a store as good as new, beside the sweep: the horizon, the times
// of commits, named states, moves, cuts, and erasing for ever.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/apply.h"
#include "engine/page_loader.h"
#include "engine/writer.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

// How long what was looked up of the history is good enough: the horizon only lags by it.
constexpr std::chrono::milliseconds kHistoryLag{100};

SyncMode ModeOf(Durability durability) {
  return durability == Durability::kSync ? SyncMode::kSync : SyncMode::kNoSync;
}

}  // namespace

// --- What is kept ---

// The oldest state that its time keeps. A row that cannot be read keeps all.
Lsn Writer::HistoryLimit() {
  const std::chrono::microseconds history = core_.options().history;
  if (history.count() == 0 || ENGRAM_MUTANT(kHistoryIgnored)) return static_cast<Lsn>(~0ull);
  WriterState& writer = core_.writer;
  const auto now = core_.clock->Steady();
  if (writer.history != Lsn::kNone && now - writer.history_asked < kHistoryLag) {
    return writer.history;
  }
  const auto found = core_.meta->FindClock(core_.clock->NowMicros() - history.count());
  // Before the history is full, its first state is the oldest: the one when it began.
  if (found.ok() && found->has_value()) writer.history = (*found)->lsn;
  writer.history_asked = now;
  return writer.history;
}

Lsn Writer::AdvanceHorizon() {
  core_.writer_role.AssertHeld();
  Versions::HorizonLimits limits;
  limits.history = HistoryLimit();
  const std::chrono::microseconds most = core_.options().max_snapshot_age;
  if (most.count() > 0) limits.oldest_taken = core_.clock->Steady() - most;
  return core_.versions.AdvanceHorizon(limits);
}

Result<bool> Writer::ForgetTimes(std::size_t most) {
  core_.writer_role.AssertHeld();
  const std::chrono::microseconds history = core_.options().history;
  std::int64_t before = kNeverExpires;
  if (history.count() > 0) {
    // The newest that is old enough says what the oldest state is that is kept.
    ENGRAM_ASSIGN_OR_RETURN(const std::optional<ClockRow> oldest,
                            core_.meta->FindClock(core_.clock->NowMicros() - history.count()));
    if (!oldest) return false;
    before = oldest->clock_us;
  }
  CommitPlan plan = OwnPlan();
  std::vector<std::int64_t>& erases = plan.record.upkeep.clock_erases;
  ENGRAM_RETURN_IF_ERROR(core_.meta->ForEachClock(before, [&](const ClockRow& row) -> Result<bool> {
    erases.push_back(row.clock_us);
    return erases.size() < most;
  }));
  if (erases.empty()) return false;
  const bool more = erases.size() == most;
  ENGRAM_RETURN_IF_ERROR(CommitPlans({&plan, 1}, SyncMode::kNoSync));
  return more;
}

Status Writer::BeginHistory() {
  core_.writer_role.AssertHeld();
  CommitPlan plan = OwnPlan();
  plan.record.state.clock_us = std::max(plan.record.state.clock_us, core_.clock->NowMicros());
  plan.record.upkeep.keeps_clock = true;
  core_.writer.history = plan.lsn;
  return CommitPlans({&plan, 1}, SyncMode::kNoSync);
}

Result<NamedSnapshot> Writer::AddName(const std::string& name, Lsn lsn, std::int64_t taken_us,
                                      Durability durability) {
  core_.writer_role.AssertHeld();
  ENGRAM_RETURN_IF_ERROR(core_.log->poisoned());
  if (core_.versions.FindNamed(name)) {
    return Status::AlreadyExists("there is a snapshot of the name \"" + name + "\" already");
  }
  const std::size_t names = core_.versions.names();
  if (names >= core_.options().max_named_snapshots) {
    return Status::IndexFull("there are " + std::to_string(names) +
                             " named snapshots, max_named_snapshots is " +
                             std::to_string(core_.options().max_named_snapshots));
  }
  CommitPlan plan = OwnPlan();
  plan.record.state.clock_us = std::max(plan.record.state.clock_us, core_.clock->NowMicros());
  plan.record.upkeep.keeps_clock = core_.options().history.count() > 0;
  const Lsn state = lsn == Lsn::kNone ? plan.lsn : lsn;
  plan.record.upkeep.snapshots.push_back({name, state, taken_us});
  ENGRAM_RETURN_IF_ERROR(CommitPlans({&plan, 1}, ModeOf(durability)));
  return NamedSnapshot{name, state, Timestamp(std::chrono::microseconds(taken_us))};
}

Status Writer::DropName(const std::string& name, Durability durability) {
  core_.writer_role.AssertHeld();
  ENGRAM_RETURN_IF_ERROR(core_.log->poisoned());
  if (!core_.versions.FindNamed(name)) {
    return Status::NotFound("there is no snapshot of the name \"" + name + "\"");
  }
  CommitPlan plan = OwnPlan();
  plan.record.upkeep.snapshots.push_back({name, Lsn::kNone, 0});
  return CommitPlans({&plan, 1}, ModeOf(durability));
}

// --- Moves ---

// Pre: the version is live.
Result<InsertRecord> Writer::MovedRecord(SlotId from, const ConstNodeView& node) {
  InsertRecord insert;
  insert.id = node.id();
  insert.type = node.type();
  insert.norm = node.norm();
  insert.timestamp_us = node.timestamp_us();
  insert.vector = std::as_bytes(node.vector());
  insert.version = node.version();
  insert.moved_from = from;
  insert.expires_us = node.expires_us();
  if (!node.has_expiry()) {
    insert.inserted_us = node.inserted_us();
    return insert;
  }
  ENGRAM_ASSIGN_OR_RETURN(const std::optional<VersionRow> row,
                          core_.meta->FindVersion(node.id(), kForever));
  if (!row || row->version != node.version() || !row->inserted_us) {
    return Status::CorruptedIndex(
        core_.MetaPath() + ": version " + std::to_string(Raw(node.version())) + " of pattern " +
        std::to_string(node.id()) + " has no row that says when it was inserted");
  }
  insert.inserted_us = *row->inserted_us;
  return insert;
}

void Writer::PlaceMoved(CommitPlan& plan, InsertRecord insert, std::uint32_t level) {
  insert.slot = core_.slots->Take();
  insert.level = static_cast<std::uint8_t>(level);
  insert.upper = kNoUpper;
  for (std::uint32_t at = level; at > 0; --at) {
    const std::uint32_t block = Raw(core_.upper_slots->Take());
    plan.record.uppers.push_back({block, insert.slot, insert.upper, static_cast<std::uint8_t>(at)});
    insert.upper = block;
  }
  plan.record.ends.push_back({insert.moved_from, insert.id, insert.version});
  plan.record.inserts.push_back(std::move(insert));
}

void Writer::GiveBackPlaces(const CommitPlan& plan) {
  const CommitRecord& record = plan.record;
  for (auto insert = record.inserts.rbegin(); insert != record.inserts.rend(); ++insert) {
    core_.slots->GiveBack(insert->slot);
  }
  for (auto upper = record.uppers.rbegin(); upper != record.uppers.rend(); ++upper) {
    core_.upper_slots->GiveBack(static_cast<SlotId>(upper->block));
  }
}

Result<std::size_t> Writer::Move(std::span<const Mover> movers) {
  core_.writer_role.AssertHeld();
  ENGRAM_RETURN_IF_ERROR(core_.log->poisoned());
  ReleaseLimbo();
  const Lsn horizon = AdvanceHorizon();
  CommitPlan plan = OwnPlan();
  Status status;
  for (const Mover& mover : movers) {
    if (core_.slots->state(mover.slot) != SlotState::kLive) continue;
    const Result<ConstNodeView> node = core_.ReadNode(mover.slot);
    if (!node.ok()) status = node.status();
    if (!status.ok()) break;
    // G15: its row knows of two places, not of three.
    if (node->valid_from() != node->version() && node->valid_from() > horizon) continue;
    const std::uint32_t level = node->level();
    if (core_.slots->free() == 0 || core_.upper_slots->free() < level) break;
    Result<InsertRecord> insert = MovedRecord(mover.slot, *node);
    if (!insert.ok()) status = insert.status();
    if (!status.ok()) break;
    PlaceMoved(plan, std::move(*insert), level);
    plan.near.push_back(mover.near ? &*mover.near : nullptr);
  }
  const std::size_t moved = plan.record.inserts.size();
  plan.record.state.dead += moved;
  if (status.ok() && moved > 0) status = CommitPlans({&plan, 1}, SyncMode::kNoSync);
  if (!status.ok()) {
    if (core_.log->poisoned().ok()) GiveBackPlaces(plan);
    return status;
  }
  core_.counters.moved.fetch_add(moved, std::memory_order_relaxed);
  return moved;
}

// --- Cuts ---

Result<std::uint64_t> Writer::Cut(std::uint32_t node_slots, std::uint32_t upper_slots) {
  core_.writer_role.AssertHeld();
  CommitPlan plan = OwnPlan();
  plan.record.state.node_slots = node_slots;
  plan.record.state.upper_slots = upper_slots;
  const StoreState state = FromRecord(plan.record.state);
  for (const SegmentKind segment : kAllSegments) {
    const std::uint32_t pages = PagesInUse(*core_.layout, state, segment);
    if (pages < core_.page_file->PageCount(segment)) {
      plan.record.upkeep.cuts.push_back({segment, pages});
    }
  }
  ENGRAM_RETURN_IF_ERROR(CommitPlans({&plan, 1}, SyncMode::kNoSync));
  core_.linker->EndAudit();  // it would look behind the end
  core_.slots->Cut(node_slots);
  core_.upper_slots->Cut(upper_slots);
  SweepRound& round = core_.writer.sweep;
  round.end = std::min(round.end, node_slots);
  round.next = std::min(round.next, round.end);
  core_.counters.free_slots.store(core_.slots->free(), std::memory_order_relaxed);
  // G13: what was visible reached further: scans that began before look at states behind the end.
  return core_.versions.StepEpoch();
}

// --- For ever ---

Status Writer::Void(std::span<const EndRecord> versions) {
  core_.writer_role.AssertHeld();
  ENGRAM_RETURN_IF_ERROR(core_.log->poisoned());
  CommitPlan plan = OwnPlan();
  for (const EndRecord& version : versions) {
    plan.record.upkeep.voids.push_back(version);
    if (core_.slots->state(version.slot) != SlotState::kLive) continue;
    --plan.record.state.live;
    ++plan.record.state.dead;
  }
  // The round that goes on is given up (ApplyVoids()).
  if (!ENGRAM_MUTANT(kVoidKeepsSweep)) {
    plan.record.upkeep.progress = {core_.writer.progress.horizon, Lsn::kNone, 0};
  }
  return CommitPlans({&plan, 1}, SyncMode::kSync);
}

Status Writer::Wipe(std::vector<SlotId> slots) {
  core_.writer_role.AssertHeld();
  ENGRAM_RETURN_IF_ERROR(core_.log->poisoned());
  CommitPlan plan = OwnPlan();
  plan.record.upkeep.wipes = std::move(slots);
  return CommitPlans({&plan, 1}, SyncMode::kNoSync);
}

}  // namespace engram
