#include "engine/writer.h"

#include <algorithm>
#include <utility>

#include "engine/apply.h"
#include "engine/residency.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "wal/log_format.h"

namespace engram {
namespace {

// Slots that a round looks at in passing, for each new one that a commit group needs: a round is
// through when less new ones came than made it worth it, and no insert waits for long.
constexpr std::size_t kSweptInPassing = 32;
constexpr std::size_t kFreedInPassing = 512;  // what a step that frees slots counts as
constexpr std::size_t kSweptWhenFull = 1024;  // at a time, where an insert has to wait for it
// Dead nodes, or a sixteenth of all slots, that are worth a round in passing.
constexpr std::size_t kWorthSweeping = 64;
constexpr std::uint64_t kLargestExtentBytes = 1ull << 30;
constexpr std::uint64_t kUpperShare = 8;
// Encoders and rows keep the memory of the largest commit they had, which is at most what all had
// together. Beyond this it is given back, so that one huge batch does not cost its size for ever.
constexpr std::uint64_t kKeptBytes = 8ull << 20;
// Slot 2^32 - 1 stands for none.
constexpr std::uint64_t kMostSlots = kMostElements;

std::size_t MostInserts(const Transaction& transaction) {
  return static_cast<std::size_t>(
      std::count_if(transaction.ops.begin(), transaction.ops.end(),
                    [](const PendingOp& op) { return !std::holds_alternative<PendingErase>(op); }));
}

bool WantsIntervalSync(const CommitPlan& plan) {
  return plan.transaction != nullptr && plan.transaction->durability == Durability::kInterval;
}

}  // namespace

void Writer::Commit(std::span<Transaction* const> group) {
  core_.writer_role.AssertHeld();
  if (const Status poison = core_.log->poisoned(); !poison.ok()) {
    for (Transaction* transaction : group) transaction->status = poison;
    return;
  }
  std::size_t inserts = 0;
  for (const Transaction* transaction : group) inserts += MostInserts(*transaction);
  const Status room = MakeRoom(inserts);

  // Where there are too few slots, the reason is what kept the page file from growing.
  const auto reason = [&room](Status status) {
    return status.code() == Code::kIndexFull && !room.ok() ? room : std::move(status);
  };

  Planner planner(core_, NextLsn(), core_.writer.state, core_.writer.ids);
  std::vector<CommitPlan> plans;
  plans.reserve(group.size());
  for (Transaction* transaction : group) {
    auto plan = planner.Add(*transaction, core_.writer.durable_ids, Available(RoomForNodes()),
                            Available(RoomForUppers()));
    if (plan.ok()) {
      plans.push_back(std::move(plan).value());
    } else {
      transaction->status = reason(plan.status());
    }
    for (Refusal& refusal : transaction->refused)
      refusal.status = reason(std::move(refusal.status));
  }
  if (plans.empty()) return;
  const Status status = CommitPlans(plans, ModeFor(plans));
  for (const CommitPlan& plan : plans) {
    plan.transaction->status = status;
    plan.transaction->lsn = plan.lsn;
  }
  if (!status.ok() && core_.log->poisoned().ok()) {
    for (auto plan = plans.rbegin(); plan != plans.rend(); ++plan) planner.Undo(*plan);
  }
}

SyncMode Writer::ModeFor(std::span<const CommitPlan> plans) const {
  for (const CommitPlan& plan : plans) {
    if (plan.needs_sync) return SyncMode::kSync;
  }
  // Where no thread of ours syncs by the clock, a commit does it for those before it.
  const auto promised = core_.log->promised_sync();
  return promised && *promised <= core_.clock->Steady() ? SyncMode::kSync : SyncMode::kNoSync;
}

Writer::Room Writer::RoomForNodes() const {
  return {SegmentKind::kNodes, SegmentKind::kNodeSlots, core_.layout->blocks_per_page(),
          *core_.slots};
}

Writer::Room Writer::RoomForUppers() const {
  return {SegmentKind::kUpper, SegmentKind::kUpperSlots, core_.layout->upper_blocks_per_page(),
          *core_.upper_slots};
}

std::uint64_t Writer::Available(const Room& room) const {
  // By the extents: only pages that the log knows may be used.
  const std::uint64_t with_blocks =
      std::uint64_t{core_.page_file->PageCount(room.blocks)} * room.blocks_per_page;
  const std::uint64_t with_states =
      std::uint64_t{core_.page_file->PageCount(room.states)} * kSlotsPerPage;
  const std::uint64_t slots = std::min({with_blocks, with_states, kMostSlots});
  return room.slots.Available(slots);
}

Status Writer::Grow(const Room& room, std::uint64_t slots) {
  ENGRAM_RETURN_IF_ERROR(
      GrowSegment(room.blocks, AlignUp(slots, room.blocks_per_page) / room.blocks_per_page));
  return GrowSegment(room.states, AlignUp(slots, kSlotsPerPage) / kSlotsPerPage);
}

// A step heals no more than one commit may: as many of them as the new slots are worth.
Status Writer::SweepInPassing(std::size_t slots, std::size_t least_dead) {
  const SweepRound& round = core_.writer.sweep;
  for (std::size_t looked_at = 0; looked_at < slots;) {
    const bool began = round.doomed == 0;
    const std::uint32_t before = began ? 0 : round.next;
    ENGRAM_ASSIGN_OR_RETURN(const bool more, Sweep(slots - looked_at, least_dead));
    if (!more) break;
    // A step that frees slots looks at as many.
    looked_at += round.next > before ? round.next - before : kFreedInPassing;
  }
  return Status::Ok();
}

Status Writer::MakeRoom(std::size_t slots) {
  ReleaseLimbo();
  if (slots == 0) return Status::Ok();
  const std::size_t least_dead = std::max<std::size_t>(kWorthSweeping, core_.slots->used() / 16);
  ENGRAM_RETURN_IF_ERROR(SweepInPassing(kSweptInPassing * slots, least_dead));
  Status status = GrowFor(slots);
  // A full store takes what the dead leave, as far as nobody sees them any more.
  for (bool more = true; more && status.code() == Code::kIndexFull;) {
    const Result<bool> swept = Sweep(kSweptWhenFull, 1);
    more = swept.ok() && *swept;
    ReleaseLimbo();
    status = GrowFor(slots);
  }
  return status;
}

// A compaction that keeps slots at the end from being filled gives way.
void Writer::LiftLimits() {
  core_.slots->clear_limit();
  core_.upper_slots->clear_limit();
}

Status Writer::GrowFor(std::size_t slots) {
  ENGRAM_RETURN_IF_ERROR(MakeRoomForUppers(slots));
  const Room room = RoomForNodes();
  if (Available(room) < slots) LiftLimits();
  if (Available(room) >= slots) return Status::Ok();
  const std::uint64_t needed = core_.slots->used() + (slots - core_.slots->free());
  if (needed > kMostSlots) return Status::IndexFull("the page file holds at most 2^32 - 2 slots");
  return Grow(room, needed);
}

// A node has 1 / (m - 1) upper blocks on average. Twice that, and the most that one node can have,
// are more than any number of nodes is likely to need (Planner::Place() makes do with less).
Status Writer::MakeRoomForUppers(std::size_t nodes) {
  const std::uint64_t blocks = 2 * nodes / (core_.page_file->parameters().m - 1) + 2 * kMaxLevel;
  const Room room = RoomForUppers();
  if (Available(room) < blocks) LiftLimits();
  if (Available(room) >= blocks) return Status::Ok();
  const std::uint64_t free = std::min(blocks, core_.upper_slots->free());
  return Grow(room, std::min(core_.upper_slots->used() + blocks - free, kMostSlots));
}

// A commit of its own: pages of an extent are used only by commits behind the one that records it.
Status Writer::GrowSegment(SegmentKind segment, std::uint64_t pages_needed) {
  // By the extents, not by memory: that may be ahead, where an earlier growth found no room in the
  // log.
  const std::uint64_t have = core_.page_file->PageCount(segment);
  if (pages_needed <= have) return Status::Ok();
  const std::uint64_t page_bytes = core_.pages->page_bytes(segment);
  // Upper blocks are few.
  const bool few = segment == SegmentKind::kUpper || segment == SegmentKind::kUpperSlots;
  const std::uint64_t least = core_.config.min_extent_bytes / (few ? kUpperShare : 1);
  std::uint64_t bytes = std::max(least, have * page_bytes / 8);
  bytes = std::max(std::min(bytes, kLargestExtentBytes), (pages_needed - have) * page_bytes);
  std::uint64_t pages = AlignUp(bytes, page_bytes) / page_bytes;

  const std::uint64_t budget = core_.options().memory_budget_bytes;
  // Views of the file take none.
  const std::uint64_t taken = core_.pages->IsMapped(segment) ? 0 : page_bytes;
  const std::uint64_t in_memory = core_.pages->resident_bytes();
  // Near the budget only what is needed.
  if (in_memory + pages * taken > budget) pages = pages_needed - have;
  if (taken != 0 && in_memory + pages * taken > budget) {
    return Status::IndexFull(
        "the pages would need " + std::to_string(in_memory + pages * taken) +
        " bytes of memory, memory_budget_bytes is " + std::to_string(budget) +
        ": raise it, erase patterns, or open the store with residency kMapped");
  }
  if (in_memory + pages * taken > NearlyAll(budget)) core_.Note(News::kBudgetNear);
  if (core_.residency == Residency::kMapped) {
    ENGRAM_RETURN_IF_ERROR(core_.page_file->CheckLength());
  }
  ENGRAM_ASSIGN_OR_RETURN(
      const ExtentEntry extent,
      core_.page_file->ReserveExtent(segment, static_cast<std::uint32_t>(pages)));
  ENGRAM_RETURN_IF_ERROR(core_.pages->AddExtent(static_cast<std::uint32_t>(have), extent));
  CommitPlan plan = OwnPlan();
  plan.record.extents.push_back({segment, core_.page_file->ExtentCount(segment), extent.file_offset,
                                 static_cast<std::uint32_t>(pages)});
  if (ENGRAM_MUTANT(kGrowthNotLogged)) {
    return core_.page_file->AddExtent(core_.page_file->ExtentCount(segment), extent);
  }
  return CommitPlans({&plan, 1}, SyncMode::kNoSync);
}

// G4: what readers that began before the step may look at stays as it is.
void Writer::ReleaseLimbo() {
  while (!core_.writer.limbo.empty() &&
         (core_.versions.QuietSince(core_.writer.limbo.front().epoch) || ENGRAM_MUTANT(kNoGrace))) {
    for (const SlotId slot : core_.writer.limbo.front().slots) core_.slots->Release(slot);
    for (const std::uint32_t block : core_.writer.limbo.front().uppers) {
      core_.upper_slots->Release(static_cast<SlotId>(block));
    }
    core_.writer.limbo.pop_front();
  }
}

Status Writer::DeclareFields(const std::vector<std::string>& names) {
  core_.writer_role.AssertHeld();
  CommitPlan plan = OwnPlan();
  for (std::size_t i = 0; i < names.size(); ++i) {
    plan.record.field_names.push_back({static_cast<std::uint16_t>(i), names[i]});
  }
  return CommitPlans({&plan, 1}, SyncMode::kSync);
}

Status Writer::ReturnReservedIds() {
  core_.writer_role.AssertHeld();
  const PatternId next = core_.writer.ids.next;
  const PatternId reserved = std::max(next, core_.writer.ids.given_from);
  const StoreState& state = core_.writer.state;
  if (state.next_id == next && state.reserved_id == reserved) return core_.log->SyncAll();
  // First all that was acknowledged: only then is it known which ids are in use.
  ENGRAM_RETURN_IF_ERROR(core_.log->SyncAll());
  CommitPlan plan = OwnPlan();
  plan.record.state.next_id = next;
  plan.record.state.reserved_id = reserved;
  return CommitPlans({&plan, 1}, SyncMode::kSync);
}

CommitPlan Writer::OwnPlan() const {
  CommitPlan plan;
  plan.lsn = NextLsn();
  plan.record.state = ToRecord(core_.writer.state);
  plan.ids = core_.writer.ids;
  return plan;
}

Status Writer::CommitPlans(std::span<CommitPlan> plans, SyncMode mode) {
  const Status status = MakeCommits(plans, mode);
  GiveBackMemory();
  return status;
}

Status Writer::MakeCommits(std::span<CommitPlan> plans, SyncMode mode) {
  ENGRAM_RETURN_IF_ERROR(ReserveRoom(plans));
  ENGRAM_SYNC_POINT("writer:room");
  Status applied;
  for (std::size_t i = 0; i < plans.size() && applied.ok(); ++i) applied = ApplyAndLink(plans[i]);
  ENGRAM_SYNC_POINT("writer:linked");
  if (applied.ok()) Encode(plans);
  // A bad page of a mapped store that nobody had looked at before: what was made of it goes
  // nowhere.
  const Status trouble = core_.PageTrouble(core_.pages->writer_errors());
  if (!trouble.ok() || !applied.ok()) {
    // Where it was no page: room was made for all of it, so a bug, or memory that the system took.
    core_.log->Poison(trouble.ok() ? applied : trouble);
    return core_.log->poisoned();
  }
  ENGRAM_RETURN_IF_ERROR(ReserveEncoded());
  ENGRAM_RETURN_IF_ERROR(AppendAndAddRows(plans, mode));
  Publish(plans);
  ENGRAM_SYNC_POINT("writer:published");
  return Status::Ok();
}

// A flush of rows that failed for lack of space may succeed by now; whatever else failed, only a
// reopening puts right.
Status Writer::CheckRows() {
  const Status status = core_.meta->Resume();
  if (status.ok() || status.code() == Code::kNoSpace) return status;
  core_.log->Poison(status);
  return core_.log->poisoned();
}

// Before anything changes, so that which links the commits change is not known yet.
Status Writer::ReserveRoom(std::span<CommitPlan> plans) {
  ENGRAM_RETURN_IF_ERROR(CheckRows());
  std::uint64_t bytes = 0;
  std::uint32_t frames = 0;
  for (const CommitPlan& plan : plans) {
    const EncodedBound bound = BoundOf(plan.record, LinkRoom(plan));
    bytes += bound.bytes;
    frames += bound.frames;
  }
  return core_.log->Reserve(bytes, frames);
}

void Writer::Encode(std::span<CommitPlan> plans) {
  while (encoders_.size() < plans.size()) encoders_.push_back(std::make_unique<RecordEncoder>());
  frames_.clear();
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (ENGRAM_MUTANT(kCutNotLogged)) plans[i].record.upkeep.cuts.clear();
    const auto& payloads = encoders_[i]->Encode(plans[i].record, kTargetPayloadBytes);
    frames_.push_back({plans[i].lsn, payloads});
    for (const auto payload : payloads) encoded_bytes_ += payload.size();
  }
}

// Nearly always there is room. Where links took more than expected there may be none, and what
// changed in memory cannot be undone.
Status Writer::ReserveEncoded() {
  std::uint64_t bytes = 0;
  std::size_t frames = 0;
  for (const CommitFrames& commit : frames_) {
    frames += commit.payloads.size();
    for (const auto payload : commit.payloads) bytes += payload.size();
  }
  const Status status = core_.log->Reserve(bytes, static_cast<std::uint32_t>(frames));
  if (status.ok()) return status;
  core_.log->Poison(status);
  return core_.log->poisoned();
}

void Writer::GiveBackMemory() {
  if (encoded_bytes_ <= kKeptBytes) return;
  encoded_bytes_ = 0;
  frames_.clear();
  encoders_.clear();
  rows_ = RowBatch();
}

Status Writer::AppendAndAddRows(std::span<CommitPlan> plans, SyncMode mode) {
  ENGRAM_RETURN_IF_ERROR(core_.log->Append(frames_, mode));
  ENGRAM_SYNC_POINT("writer:appended");
  if (mode == SyncMode::kSync) {
    const StateRecord& state = plans.back().record.state;
    core_.writer.durable_ids = {state.next_id, state.reserved_id};
  } else if (std::any_of(plans.begin(), plans.end(), WantsIntervalSync)) {
    core_.log->PromiseSync(core_.clock->Steady() + core_.options().sync_interval);
  }
  rows_.Clear();
  for (const CommitPlan& plan : plans) AppendRows(plan.lsn, plan.record, rows_);
  if (const Status status = core_.meta->Apply(rows_, plans.back().lsn, FamilySet().set());
      !status.ok()) {
    // The log has the commit, the rows do not: only a reopening can bring them together.
    core_.log->Poison(status);
    return core_.log->poisoned();
  }
  return Status::Ok();
}

void Writer::NoteNames(const UpkeepRecord& upkeep) {
  for (const SnapshotRecord& snapshot : upkeep.snapshots) {
    if (snapshot.lsn == Lsn::kNone) {
      core_.versions.RemoveNamed(snapshot.name);
    } else {
      const Timestamp taken_at{std::chrono::microseconds(snapshot.taken_us)};
      core_.versions.AddNamed({std::string(snapshot.name), snapshot.lsn, taken_at});
    }
  }
}

void Writer::Publish(std::span<CommitPlan> plans) {
  const StoreState& state = core_.writer.state;
  core_.writer.ids = plans.back().ids;
  // Release: pairs with the acquire of scans; pages of slots below it exist.
  core_.visible_slots.store(state.node_slots, std::memory_order_release);
  core_.versions.Publish(plans.back().lsn);

  Limbo limbo;
  for (const CommitPlan& plan : plans) {
    NoteNames(plan.record.upkeep);
    for (const RetireRecord& retire : plan.record.retires) limbo.slots.push_back(retire.slot);
    const std::vector<std::uint32_t>& uppers = plan.record.upper_retires;
    limbo.uppers.insert(limbo.uppers.end(), uppers.begin(), uppers.end());
  }
  if (!limbo.slots.empty()) {
    // G2: marks were set and rows deleted before: a read that begins in the new epoch finds no way
    // to these slots.
    limbo.epoch = core_.versions.StepEpoch();
    core_.writer.limbo.push_back(std::move(limbo));
  }
  Counters& counters = core_.counters;
  counters.commits.fetch_add(plans.size(), std::memory_order_relaxed);
  counters.live.store(state.live, std::memory_order_relaxed);
  counters.dead.store(state.dead, std::memory_order_relaxed);
  counters.next_id.store(std::max(core_.writer.ids.next, core_.writer.ids.given_from),
                         std::memory_order_relaxed);
  counters.free_slots.store(core_.slots->free() + core_.slots->held(), std::memory_order_relaxed);
}

}  // namespace engram
