// The writer's part that takes dead nodes out of the graph, in rounds: first every list that names
// one is healed, a few at a time, then their slots are freed. What dies during a round waits for
// the next one. Each commit of a round leaves a graph as good as any, and says how far the round
// is, so that it goes on where the store is opened again.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "engine/apply.h"
#include "engine/upper_states.h"
#include "engine/writer.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "wal/record_codec.h"

namespace engram {
namespace {

constexpr std::size_t kMostHealed = 64;   // nodes in one commit
constexpr std::size_t kMostRelinked = 8;  // each is searched for, as a new one is
constexpr std::size_t kMostRetired = 512;
// Most lists of a round are only looked at: where they lie is known, and asked for so many slots
// ahead.
constexpr std::uint32_t kAhead = 4;
constexpr std::size_t kLinkBytesAhead = 128;

void AskForLinks(const Graph& graph, SlotId slot) {
  if (!graph.Has(slot)) return;
  Prefetch(graph.Block(slot) + graph.layout().links_offset(), kLinkBytesAhead);
}

// Whether a list of the node at any level names a doomed one.
template <typename Doomed>
bool IsSick(const Graph& graph, SlotId slot, const Doomed& doomed) {
  bool sick = false;
  for (std::uint32_t level = 0; level <= graph.Node(slot).level() && !sick; ++level) {
    graph.ForEachNeighbour(slot, level, [&](SlotId to) { sick = sick || doomed(to); });
  }
  return sick;
}

// Whether most of the node's links lead to doomed ones, so that what is left of its neighbourhood
// is too little to choose from.
template <typename Doomed>
bool IsHurt(const Graph& graph, SlotId slot, const Doomed& doomed) {
  if (graph.state(slot) != SlotState::kLive) return false;
  std::size_t links = 0;
  std::size_t lost = 0;
  graph.ForEachNeighbour(slot, 0, [&](SlotId to) {
    ++links;
    if (doomed(to)) ++lost;
  });
  return 2 * lost > links;
}

}  // namespace

Result<bool> Writer::Sweep(std::size_t slots, std::size_t least_dead) {
  core_.writer_role.AssertHeld();
  ReleaseLimbo();
  SweepRound& round = core_.writer.sweep;
  if (round.doomed == 0) {
    if (core_.writer.dead.size() < std::max<std::size_t>(least_dead, 1)) return false;
    BeginRound(least_dead);
    if (round.doomed == 0) return false;
  }
  if (round.next < round.end) {
    const std::uint32_t begin = round.next;
    const Status healed = HealSome(slots);
    if (!healed.ok()) round.next = begin;  // no room in the log: nothing was healed
    ENGRAM_RETURN_IF_ERROR(healed);
  } else if (!round.hurt.empty()) {
    ENGRAM_RETURN_IF_ERROR(RelinkSome());
  } else {
    ENGRAM_RETURN_IF_ERROR(RetireSome(kMostRetired));
  }
  CountSweep();
  return round.doomed > 0 || core_.writer.dead.size() >= std::max<std::size_t>(least_dead, 1);
}

bool Writer::ReleaseGraces() {
  core_.writer_role.AssertHeld();
  ReleaseLimbo();
  core_.counters.free_slots.store(core_.slots->free(), std::memory_order_relaxed);
  return !core_.writer.limbo.empty();
}

void Writer::BeginRound(std::size_t least_dead) {
  const Lsn horizon = AdvanceHorizon();
  const std::deque<DeadSlot>& dead = core_.writer.dead;
  const auto end = std::partition_point(
      dead.begin(), dead.end(), [&](const DeadSlot& slot) { return slot.valid_to <= horizon; });
  const auto doomed = static_cast<std::size_t>(end - dead.begin());
  if (doomed < std::max<std::size_t>(least_dead, 1)) return;
  core_.writer.sweep = {doomed, horizon, 0, core_.slots->used()};
  core_.counters.sweep_rounds.fetch_add(1, std::memory_order_relaxed);
}

// With the next commit: what a round has looked at before a crash, it need not look at again.
void Writer::NoteProgress(CommitPlan& plan, const SweepRound& round) {
  const Lsn horizon = std::max(core_.writer.progress.horizon, round.through);
  const std::uint32_t next = ENGRAM_MUTANT(kSweepAheadOfHealing) ? round.end : round.next;
  plan.record.upkeep.progress = {horizon, round.through, next};
}

// Figures for stats.
void Writer::CountSweep() {
  const SweepRound& round = core_.writer.sweep;
  Counters& counters = core_.counters;
  counters.sweep_next.store(round.doomed == 0 ? 0 : round.next, std::memory_order_relaxed);
  counters.sweep_end.store(round.doomed == 0 ? 0 : round.end, std::memory_order_relaxed);
}

Status Writer::HealSome(std::size_t slots) {
  SweepRound& round = core_.writer.sweep;
  // Only looks: a bad page ends the step, and nothing was changed.
  PageErrors errors;
  const Graph graph = core_.GraphNow(errors);
  const auto doomed = [&graph, through = round.through](SlotId slot) {
    return graph.state(slot) == SlotState::kDead && graph.Node(slot).valid_to() <= through;
  };
  std::vector<SlotId> sick;
  std::vector<SlotId> hurt;
  std::uint64_t lists = 0;
  for (; slots > 0 && round.next < round.end && sick.size() < kMostHealed; --slots) {
    const auto slot = static_cast<SlotId>(round.next++);
    AskForLinks(graph, static_cast<SlotId>(Raw(slot) + kAhead));
    const SlotState state = graph.state(slot);
    // Doomed ones only where they are freed in several commits, between which none may lead to what
    // is gone (I9): walks that are on their way over them lose it.
    const bool at_once = round.doomed <= kMostRetired;
    if (state != SlotState::kLive && (state != SlotState::kDead || (at_once && doomed(slot)))) {
      continue;
    }
    if (!IsSick(graph, slot, doomed)) continue;
    sick.push_back(slot);
    if (IsHurt(graph, slot, doomed)) hurt.push_back(slot);
    lists += std::uint64_t{1} + graph.Node(slot).level();
  }
  ENGRAM_RETURN_IF_ERROR(errors.first());
  if (sick.empty()) return Status::Ok();
  CommitPlan plan = OwnPlan();
  NoteProgress(plan, round);
  const std::uint64_t most_links = core_.layout->max_links0();
  plan.most_link_bytes = lists * LinkBytes(most_links, most_links);
  plan.relink = [&](LinkSink& links) ENGRAM_NO_THREAD_SAFETY_ANALYSIS {
    const Graph own = core_.GraphNow();
    for (const SlotId slot : sick) core_.linker->Heal(own, slot, doomed, links);
  };
  ENGRAM_RETURN_IF_ERROR(CommitPlans({&plan, 1}, SyncMode::kNoSync));
  core_.counters.healed_nodes.fetch_add(sick.size(), std::memory_order_relaxed);
  round.hurt.insert(round.hurt.end(), hurt.begin(), hurt.end());
  return Status::Ok();
}

// Behind the last list, so that none loses its doomed ones to a new link before it is healed. The
// dead are walked over still, though no list names them: what dies meanwhile waits for the next
// round.
Status Writer::RelinkSome() {
  std::vector<SlotId>& hurt = core_.writer.sweep.hurt;
  PageErrors errors;
  const Graph graph = core_.GraphNow(errors);
  std::vector<FoundNode> nodes;
  while (!hurt.empty() && nodes.size() < kMostRelinked) {
    const SlotId slot = hurt.back();
    hurt.pop_back();
    if (!graph.Has(slot) || graph.state(slot) != SlotState::kLive) continue;
    nodes.push_back(
        {slot, Linker::FindFor(graph, core_.linker->entry(), core_.linker->options(), slot)});
  }
  ENGRAM_RETURN_IF_ERROR(errors.first());
  return nodes.empty() ? Status::Ok() : Relink(nodes).status();
}

Status Writer::RetireSome(std::size_t limit) {
  SweepRound& round = core_.writer.sweep;
  CommitPlan plan = OwnPlan();
  const std::size_t count = std::min(limit, round.doomed);
  ENGRAM_RETURN_IF_ERROR(AddRetires(plan, count));
  NoteProgress(plan, round);
  // Behind the last one there is no round.
  if (count == round.doomed) plan.record.upkeep.progress->sweep_through = Lsn::kNone;
  if (count == round.doomed) plan.record.upkeep.progress->sweep_next = 0;
  ENGRAM_RETURN_IF_ERROR(CommitPlans({&plan, 1}, SyncMode::kNoSync));
  const std::size_t retired = plan.record.retires.size();
  for (const RetireRecord& retire : plan.record.retires) core_.linker->Forget(retire.slot);
  std::deque<DeadSlot>& dead = core_.writer.dead;
  dead.erase(dead.begin(), dead.begin() + static_cast<std::ptrdiff_t>(retired));
  round.doomed -= retired;
  core_.counters.reclaimed.fetch_add(retired, std::memory_order_relaxed);
  return Status::Ok();
}

Status Writer::AddRetires(CommitPlan& plan, std::size_t count) {
  const bool has_fields = !core_.meta->field_names().empty();
  const Graph graph = core_.GraphNow();
  for (std::size_t i = 0; i < count; ++i) {
    const SlotId slot = core_.writer.dead[i].slot;
    ENGRAM_RETURN_IF_ERROR(AddRetire(plan, slot, has_fields));
    for (std::uint32_t level = 1; level <= graph.Node(slot).level(); ++level) {
      const std::optional<std::uint32_t> block = graph.UpperBlock(slot, level);
      if (!block) continue;
      ENGRAM_RETURN_IF_ERROR(CheckUpperInUse(core_, slot, level, *block));
      plan.record.upper_retires.push_back(*block);
    }
  }
  plan.record.state.dead -= count;
  return Status::Ok();
}

Status Writer::AddRetire(CommitPlan& plan, SlotId slot, bool has_fields) {
  ENGRAM_ASSIGN_OR_RETURN(const ConstNodeView node, core_.ReadNode(slot));
  RetireRecord retire;
  retire.slot = slot;
  if (node.is_moved()) {  // its rows are the version's, which lies elsewhere
    plan.record.retires.push_back(std::move(retire));
    return Status::Ok();
  }
  retire.id = node.id();
  retire.version = node.version();
  retire.timestamp_us = node.timestamp_us();
  retire.type = node.type();
  retire.expires_us = node.expires_us();
  if (has_fields) {
    ENGRAM_ASSIGN_OR_RETURN(const std::vector<std::byte> metadata,
                            core_.meta->GetEncodedMetadata(retire.id, retire.version));
    ENGRAM_ASSIGN_OR_RETURN(const std::vector<RowFieldKey> keys, core_.meta->FieldKeys(metadata));
    for (const RowFieldKey& key : keys) {
      retire.fields.push_back({key.field, plan.owned_text.emplace_back(key.value)});
    }
  }
  plan.record.retires.push_back(std::move(retire));
  return Status::Ok();
}

}  // namespace engram
