#include "engine/compactor.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "engine/upper_states.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

using Phase = CompactProgress::Phase;

// Slots that a step of the sweep looks at while it holds the writer role.
constexpr std::size_t kSweptAtATime = 4096;
constexpr std::uint32_t kCheckedAtATime = 1024;  // upper blocks, each of a page of nodes
constexpr std::size_t kMovedAtATime = 16;        // nodes of one commit
constexpr std::chrono::microseconds kNap{200};
// Readers that go on for longer keep what they look at; the rest is done without it.
constexpr std::chrono::seconds kLongestWait{10};

// Gives slots from the front only, for as long as it lives.
class FrontOnly {
 public:
  FrontOnly(Core& core, std::uint32_t slots, std::uint32_t uppers) ENGRAM_REQUIRES(core.writer_role)
      : core_(core) {
    core.slots->set_limit(slots);
    core.upper_slots->set_limit(uppers);
  }
  ~FrontOnly() {
    MutexLock role(core_.writer_role);
    core_.slots->clear_limit();
    core_.upper_slots->clear_limit();
  }
  FrontOnly(const FrontOnly&) = delete;
  FrontOnly& operator=(const FrontOnly&) = delete;

 private:
  Core& core_;
};

// The first slots of `map` that must be left, so that whole blocks of `step` are.
std::uint32_t EndOfUse(const SlotMap& map, std::uint32_t step) {
  std::uint32_t end = map.used();
  while (end > 0 && map.state(static_cast<SlotId>(end - 1)) == SlotState::kFree) --end;
  return std::min(static_cast<std::uint32_t>(AlignUp(std::uint64_t{end}, step)), map.used());
}

}  // namespace

Status Compactor::Ask(const CompactOptions& options, Phase phase, std::uint64_t done,
                      std::uint64_t total) const {
  if (!options.progress || options.progress({phase, done, total})) return Status::Ok();
  return Status::Cancelled("compaction was cancelled; what was done stays done");
}

Result<bool> Compactor::AwaitQuiet(std::uint64_t epoch, const CompactOptions& options) {
  const auto end = std::chrono::steady_clock::now() + kLongestWait;
  while (!core_.versions.QuietSince(epoch)) {
    if (std::chrono::steady_clock::now() >= end) return false;
    ENGRAM_RETURN_IF_ERROR(Ask(options, Phase::kReturning, 0, 0));
    std::this_thread::sleep_for(kNap);
  }
  return true;
}

// Slots in their grace become free as readers end.
Status Compactor::AwaitLimbo(const CompactOptions& options) {
  const auto end = std::chrono::steady_clock::now() + kLongestWait;
  for (;;) {
    {
      MutexLock role(core_.writer_role);
      if (!writer_.ReleaseGraces() || std::chrono::steady_clock::now() >= end) return Status::Ok();
    }
    ENGRAM_RETURN_IF_ERROR(Ask(options, Phase::kSweeping, 0, 0));
    std::this_thread::sleep_for(kNap);
  }
}

// Some at a time. Opening has looked at all but what needs mapped nodes.
Status Compactor::CheckUppers() {
  if (!core_.pages->IsMapped(SegmentKind::kNodes)) return Status::Ok();
  std::uint32_t first = 0;
  for (bool more = true; more;) {
    core_.LetLeadersIn();
    MutexLock role(core_.writer_role);
    const std::uint32_t used = core_.upper_slots->used();
    const auto end = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(used, std::uint64_t{first} + kCheckedAtATime));
    ENGRAM_RETURN_IF_ERROR(CheckUpperStates(core_, first, end, UpperOwners::kByNode));
    first = end;
    more = end < used;
  }
  return Status::Ok();
}

Status Compactor::SweepAll(const CompactOptions& options) {
  for (bool more = true; more;) {
    const std::uint32_t end = core_.counters.sweep_end.load(std::memory_order_relaxed);
    const std::uint32_t next = core_.counters.sweep_next.load(std::memory_order_relaxed);
    ENGRAM_RETURN_IF_ERROR(Ask(options, Phase::kSweeping, next, end));
    core_.LetLeadersIn();
    MutexLock role(core_.writer_role);
    ENGRAM_RETURN_IF_ERROR(core_.log->poisoned());
    ENGRAM_ASSIGN_OR_RETURN(more, writer_.Sweep(kSweptAtATime, 1));
  }
  return AwaitLimbo(options);
}

// As few pages as hold what there is, but none before the last one that has to stay where it is.
Compactor::Target Compactor::ChooseTarget() {
  const SlotMap& slots = *core_.slots;
  const SlotMap& uppers = *core_.upper_slots;
  const auto in_use = [](const SlotMap& map) {
    return static_cast<std::uint32_t>(map.used() - map.free());
  };
  Target target{in_use(slots), in_use(uppers)};
  for (std::uint32_t i = slots.used(); i-- > target.slots;) {
    const SlotState state = slots.state(static_cast<SlotId>(i));
    // Somebody sees or looks at it: it cannot move.
    if (state == SlotState::kDead || state == SlotState::kRetired) target.slots = i + 1;
  }
  const Graph graph = core_.GraphNow();
  for (std::uint32_t i = uppers.used(); i-- > target.uppers;) {
    const SlotState state = uppers.state(static_cast<SlotId>(i));
    const SlotId node = state == SlotState::kLive ? graph.Upper(i).node() : SlotId::kNone;
    const bool moves = graph.Has(node) && slots.state(node) == SlotState::kLive;
    if (state != SlotState::kFree && !moves) target.uppers = i + 1;
  }
  const auto round_up = [](std::uint32_t count, std::uint32_t per_page, std::uint32_t most) {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(AlignUp(std::uint64_t{count}, per_page), most));
  };
  target.slots = round_up(target.slots, core_.layout->blocks_per_page(), slots.used());
  target.uppers = round_up(target.uppers, core_.layout->upper_blocks_per_page(), uppers.used());
  return target;
}

// Live nodes behind the target, or with an upper block behind it; the last ones first.
std::vector<SlotId> Compactor::ChooseMovers(const Target& target) {
  std::vector<SlotId> movers;
  for (std::uint32_t i = core_.slots->used(); i-- > target.slots;) {
    if (core_.slots->state(static_cast<SlotId>(i)) == SlotState::kLive) {
      movers.push_back(static_cast<SlotId>(i));
    }
  }
  const Graph graph = core_.GraphNow();
  for (std::uint32_t block = core_.upper_slots->used(); block-- > target.uppers;) {
    if (core_.upper_slots->state(static_cast<SlotId>(block)) != SlotState::kLive) continue;
    const SlotId node = graph.Upper(block).node();
    if (graph.Has(node) && Raw(node) < target.slots &&
        core_.slots->state(node) == SlotState::kLive) {
      movers.push_back(node);
    }
  }
  std::sort(movers.begin(), movers.end(), [](SlotId a, SlotId b) { return Raw(b) < Raw(a); });
  movers.erase(std::unique(movers.begin(), movers.end()), movers.end());
  return movers;
}

// Searched for ahead, as inserts are; the pin keeps what was found until it is linked.
Result<std::size_t> Compactor::MoveSome(std::span<const SlotId> slots) {
  ENGRAM_ASSIGN_OR_RETURN(const Versions::Pin pin, core_.versions.Begin());
  PageErrors errors;
  std::vector<Writer::Mover> movers;
  for (const SlotId slot : slots) {
    Writer::Mover mover;
    mover.slot = slot;
    if (core_.slots->state(slot) != SlotState::kLive) continue;
    ENGRAM_ASSIGN_OR_RETURN(const ConstNodeView node, core_.ReadNode(slot));
    mover.near = find_near_(node.vector(), errors);
    movers.push_back(std::move(mover));
  }
  ENGRAM_RETURN_IF_ERROR(core_.PageTrouble(errors));
  ENGRAM_SYNC_POINT("compactor:searched");
  core_.LetLeadersIn();
  MutexLock role(core_.writer_role);
  return writer_.Move(movers);
}

Status Compactor::MoveAll(const std::vector<SlotId>& movers, const CompactOptions& options,
                          CompactReport& report) {
  for (std::size_t i = 0; i < movers.size(); i += kMovedAtATime) {
    ENGRAM_RETURN_IF_ERROR(Ask(options, Phase::kMoving, i, movers.size()));
    const std::span<const SlotId> some =
        std::span(movers).subspan(i, std::min(kMovedAtATime, movers.size() - i));
    checkpointer_.MakeRoomForCopies();
    ENGRAM_ASSIGN_OR_RETURN(const std::size_t moved, MoveSome(some));
    report.moved += moved;
    MutexLock role(core_.writer_role);
    report.gave_way = !core_.slots->limited();
    if (report.gave_way) return Status::Ok();
  }
  return Status::Ok();
}

Compactor::Target Compactor::InUse() const {
  return {EndOfUse(*core_.slots, core_.layout->blocks_per_page()),
          EndOfUse(*core_.upper_slots, core_.layout->upper_blocks_per_page())};
}

Status Compactor::Release() {
  return checkpointer_.HoldOff([this]() -> Status {
    MutexLock role(core_.writer_role);
    for (const SegmentKind segment : kAllSegments) {
      ENGRAM_RETURN_IF_ERROR(core_.pages->ReleaseMemory(segment));
    }
    ENGRAM_SYNC_POINT("compactor:memory_released");
    const Status released = core_.page_file->ReleaseUnused();
    // It writes the page file: what a failure has left of that, only a reopening finds out.
    if (released.ok()) return released;
    core_.log->Poison(released);
    return core_.log->poisoned();
  });
}

// The order is the point: the removal logged, a checkpoint without it, the grace, memory, space
// (docs/compaction.md).
Status Compactor::CutAll(const CompactOptions& options) {
  ENGRAM_RETURN_IF_ERROR(Ask(options, Phase::kReturning, 0, 0));
  std::uint64_t epoch = 0;
  ENGRAM_RETURN_IF_ERROR(checkpointer_.RunBehind([&]() -> Status {
    MutexLock role(core_.writer_role);
    const Target use = InUse();
    ENGRAM_ASSIGN_OR_RETURN(epoch, writer_.Cut(use.slots, use.uppers));
    ENGRAM_SYNC_POINT("compactor:cut");
    return Status::Ok();
  }));
  ENGRAM_SYNC_POINT("compactor:checkpoint");
  ENGRAM_ASSIGN_OR_RETURN(const bool quiet, AwaitQuiet(epoch, options));
  // Where a read does not end, the next compaction gives the space back.
  return quiet ? Release() : Status::Ok();
}

Status Compactor::Run(const CompactOptions& options, CompactReport& report) {
  // A first round takes what is dead; one more what moving leaves behind.
  constexpr int kRounds = 3;
  const std::uint64_t reclaimed = core_.counters.reclaimed.load(std::memory_order_relaxed);
  ENGRAM_RETURN_IF_ERROR(CheckUppers());
  ENGRAM_RETURN_IF_ERROR(SweepAll(options));
  for (int i = 0; i < kRounds && !report.gave_way; ++i) {
    std::vector<SlotId> movers;
    std::optional<FrontOnly> front;
    {
      MutexLock role(core_.writer_role);
      const Target target = ChooseTarget();
      movers = ChooseMovers(target);
      if (movers.empty()) break;
      front.emplace(core_, target.slots, target.uppers);
    }
    ENGRAM_RETURN_IF_ERROR(MoveAll(movers, options, report));
    ENGRAM_RETURN_IF_ERROR(SweepAll(options));
  }
  ENGRAM_RETURN_IF_ERROR(CutAll(options));
  report.reclaimed = core_.counters.reclaimed.load(std::memory_order_relaxed) - reclaimed;
  report.held = core_.counters.dead.load(std::memory_order_relaxed);
  if (!options.metadata) return Status::Ok();
  ENGRAM_RETURN_IF_ERROR(Ask(options, Phase::kMetadata, 0, kFamilies));
  std::uint64_t families = 0;
  return core_.meta->Purge(
      [&] { return !Ask(options, Phase::kMetadata, ++families, kFamilies).ok(); });
}

}  // namespace engram
