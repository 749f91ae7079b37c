#include "engine/apply.h"

#include <algorithm>
#include <string>
#include <utility>

#include "index/node_view.h"
#include "index/upper_view.h"
#include "storage/base/check.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

Status BadRecord(Lsn lsn, const std::string& what) {
  return Status::CorruptedIndex("log: commit " + std::to_string(Raw(lsn)) + " " + what);
}

Status CheckSlot(const Graph& graph, Lsn lsn, SlotId slot) {
  if (graph.Has(slot)) return Status::Ok();
  return BadRecord(lsn, "names slot " + std::to_string(Raw(slot)) + ", the page file has " +
                            std::to_string(graph.node_limit()));
}

Status ApplyExtent(Core& core, const ExtentRecord& record) {
  ExtentEntry extent{};
  extent.file_offset = record.file_offset;
  extent.pages = record.pages;
  extent.segment = record.segment;
  const std::uint32_t before = core.page_file->PageCount(record.segment);
  ENGRAM_RETURN_IF_ERROR(core.page_file->AddExtent(record.index, extent));
  // One that was there already has memory.
  if (core.page_file->PageCount(record.segment) == before) return Status::Ok();
  return core.pages->AddExtent(before, extent);
}

PageRef NodePage(const Core& core, SlotId slot) {
  return {SegmentKind::kNodes, core.layout->PageOf(slot)};
}

std::byte* MutableNode(Core& core, SlotId slot, Lsn lsn) {
  return core.pages->MutablePage(NodePage(core, slot), lsn) + core.layout->OffsetInPage(slot);
}

std::byte* MutableUpper(Core& core, std::uint32_t block, Lsn lsn) {
  const PageRef page{SegmentKind::kUpper, core.layout->UpperPageOf(block)};
  return core.pages->MutablePage(page, lsn) + core.layout->UpperOffsetInPage(block);
}

void ApplyInsert(Core& core, Lsn lsn, const InsertRecord& record) {
  NodeContents contents;
  contents.id = record.id;
  contents.version = record.is_moved() ? record.version : lsn;
  contents.valid_from = lsn;
  contents.timestamp_us = record.timestamp_us;
  contents.inserted_us = record.inserted_us;
  contents.expires_us = record.expires_us;
  contents.type = record.type;
  contents.level = record.level;
  contents.upper = record.upper;
  contents.norm = record.norm;
  contents.vector = record.vector;
  NodeView(MutableNode(core, record.slot, lsn), *core.layout).WriteNode(contents);
  // The block is complete: the state, a release, lets scans look at it.
  core.slots->Set(record.slot, SlotState::kLive, lsn);
  if (!record.is_moved()) return;
  NodeView(MutableNode(core, record.moved_from, lsn), *core.layout).SetMoved();
}

Status ApplyCut(Core& core, const CutRecord& cut) {
  ENGRAM_RETURN_IF_ERROR(core.page_file->CutSegment(cut.segment, cut.pages));
  core.pages->Cut(cut.segment, cut.pages);
  return Status::Ok();
}

Status CheckUpperBlock(const Graph& graph, Lsn lsn, std::uint32_t block) {
  if (graph.HasUpper(block)) return Status::Ok();
  return BadRecord(
      lsn, "names upper block " + std::to_string(block) + ", which the page file has no room for");
}

Status CheckInsert(const Graph& graph, Lsn lsn, const InsertRecord& insert) {
  ENGRAM_RETURN_IF_ERROR(CheckSlot(graph, lsn, insert.slot));
  const std::size_t vector_bytes = graph.layout().dimensions() * sizeof(float);
  if (insert.vector.size() != vector_bytes) {
    return BadRecord(lsn, "has a vector of " + std::to_string(insert.vector.size()) +
                              " bytes, expected " + std::to_string(vector_bytes));
  }
  if (insert.level > kMaxLevel) {
    return BadRecord(lsn, "has a node of level " + std::to_string(insert.level) +
                              ", expected at most " + std::to_string(kMaxLevel));
  }
  if (insert.is_moved()) return CheckSlot(graph, lsn, insert.moved_from);
  return Status::Ok();
}

}  // namespace

Status ApplyExtents(Core& core, const CommitRecord& record) {
  for (const CutRecord& cut : record.upkeep.cuts) ENGRAM_RETURN_IF_ERROR(ApplyCut(core, cut));
  for (const ExtentRecord& extent : record.extents) {
    ENGRAM_RETURN_IF_ERROR(ApplyExtent(core, extent));
  }
  return Status::Ok();
}

Status CheckRecord(const Core& core, Lsn lsn, const CommitRecord& record) {
  const Graph graph = core.GraphNow();
  for (const RetireRecord& retire : record.retires) {
    ENGRAM_RETURN_IF_ERROR(CheckSlot(graph, lsn, retire.slot));
  }
  for (const std::uint32_t block : record.upper_retires) {
    ENGRAM_RETURN_IF_ERROR(CheckUpperBlock(graph, lsn, block));
  }
  for (const EndRecord& end : record.ends) ENGRAM_RETURN_IF_ERROR(CheckSlot(graph, lsn, end.slot));
  for (const InsertRecord& insert : record.inserts) {
    ENGRAM_RETURN_IF_ERROR(CheckInsert(graph, lsn, insert));
  }
  for (const UpperRecord& upper : record.uppers) {
    ENGRAM_RETURN_IF_ERROR(CheckUpperBlock(graph, lsn, upper.block));
    ENGRAM_RETURN_IF_ERROR(CheckSlot(graph, lsn, upper.node));
  }
  for (const LinkRecord& links : record.links) {
    ENGRAM_RETURN_IF_ERROR(CheckSlot(graph, lsn, links.slot));
  }
  for (const EndRecord& gone : record.upkeep.voids) {
    ENGRAM_RETURN_IF_ERROR(CheckSlot(graph, lsn, gone.slot));
  }
  for (const SlotId slot : record.upkeep.wipes) {
    ENGRAM_RETURN_IF_ERROR(CheckSlot(graph, lsn, slot));
  }
  const StateRecord& state = record.state;
  if (state.node_slots > graph.node_limit() ||
      (state.upper_slots > 0 && !graph.HasUpper(state.upper_slots - 1))) {
    return BadRecord(lsn, "counts " + std::to_string(state.node_slots) + " slots and " +
                              std::to_string(state.upper_slots) +
                              " upper blocks, the page file has room for " +
                              std::to_string(graph.node_limit()) + " slots");
  }
  return Status::Ok();
}

void ApplyRetires(Core& core, Lsn lsn, const CommitRecord& record, ApplyMode mode) {
  const SlotState state = mode == ApplyMode::kLive ? SlotState::kRetired : SlotState::kFree;
  for (const RetireRecord& retire : record.retires) core.slots->Set(retire.slot, state, lsn);
  for (const std::uint32_t block : record.upper_retires) {
    core.upper_slots->Set(static_cast<SlotId>(block), state, lsn);
  }
}

void ApplyEnd(Core& core, Lsn lsn, const EndRecord& record) {
  NodeView(MutableNode(core, record.slot, lsn), *core.layout).SetValidTo(lsn);
  core.slots->Set(record.slot, SlotState::kDead, lsn);
}

void ApplyVoid(Core& core, Lsn lsn, const EndRecord& record) {
  NodeView(MutableNode(core, record.slot, lsn), *core.layout).SetValidTo(Lsn::kNone);
  core.slots->Set(record.slot, SlotState::kDead, lsn);
}

void ApplyWipes(Core& core, Lsn lsn, const CommitRecord& record) {
  for (const SlotId slot : record.upkeep.wipes) {
    NodeView(MutableNode(core, slot, lsn), *core.layout).Wipe();
  }
}

void ApplyState(Core& core, const CommitRecord& record) {
  core.writer.state = FromRecord(record.state);
  const std::optional<ProgressRecord>& progress = record.upkeep.progress;
  if (!progress) return;
  core.writer.progress = {progress->horizon, progress->sweep_through, progress->sweep_next, 0};
}

void ApplyInserts(Core& core, Lsn lsn, const CommitRecord& record) {
  // Upper blocks first: who sees a node sees its upper blocks.
  for (const UpperRecord& upper : record.uppers) {
    UpperView(MutableUpper(core, upper.block, lsn), *core.layout)
        .Write(upper.node, upper.level, upper.above);
    core.upper_slots->Set(static_cast<SlotId>(upper.block), SlotState::kLive, lsn);
  }
  for (const InsertRecord& insert : record.inserts) ApplyInsert(core, lsn, insert);
}

Status ApplyLinks(Core& core, Lsn lsn, const LinkRecord& record, std::span<const LinkSet> sets,
                  std::span<const std::uint8_t> clears, ApplyMode mode) {
  const Graph graph = core.GraphNow();
  const auto bad = [&](const char* what) {
    return BadRecord(lsn, "gives slot " + std::to_string(Raw(record.slot)) + " at level " +
                              std::to_string(record.level) + what);
  };
  std::optional<std::uint32_t> block;
  if (record.level > 0) block = graph.UpperBlock(record.slot, record.level);
  if (record.level > 0 && !block) {
    // A checkpoint copies pages while commits go on: the slot, or an upper block of it, may hold
    // what a later commit wrote there. That commit is in the log too, and writes the block whole.
    if (mode == ApplyMode::kReplay) return Status::Ok();
    return bad(" links, which has no room for any");
  }
  Links links = block ? UpperView(MutableUpper(core, *block, lsn), *core.layout).links()
                      : NodeView(MutableNode(core, record.slot, lsn), *core.layout).links();
  const auto fits = [&](std::uint8_t position) { return position < links.capacity(); };
  if (record.link_count > links.capacity() || !std::all_of(clears.begin(), clears.end(), fits) ||
      !std::all_of(sets.begin(), sets.end(), [&](const LinkSet& set) {
        return fits(set.position) && Raw(set.neighbour) < graph.node_limit();
      })) {
    return bad(" a link that cannot be");
  }
  for (const LinkSet& set : sets) links.Set(set.position, set.neighbour);
  for (const std::uint8_t position : clears) links.Set(position, SlotId::kNone);
  links.SetCount(record.link_count);
  return Status::Ok();
}

Status ApplyToPages(Core& core, Lsn lsn, const CommitRecord& record, ApplyMode mode) {
  ENGRAM_RETURN_IF_ERROR(ApplyExtents(core, record));
  ENGRAM_RETURN_IF_ERROR(CheckRecord(core, lsn, record));
  ApplyRetires(core, lsn, record, mode);
  for (const EndRecord& end : record.ends) ApplyEnd(core, lsn, end);
  for (const EndRecord& gone : record.upkeep.voids) ApplyVoid(core, lsn, gone);
  ApplyInserts(core, lsn, record);
  std::span<const LinkSet> sets(record.link_sets);
  std::span<const std::uint8_t> clears(record.link_clears);
  for (const LinkRecord& links : record.links) {
    ENGRAM_CHECK(links.sets <= sets.size() && links.clears <= clears.size());
    ENGRAM_RETURN_IF_ERROR(
        ApplyLinks(core, lsn, links, sets.first(links.sets), clears.first(links.clears), mode));
    sets = sets.subspan(links.sets);
    clears = clears.subspan(links.clears);
  }
  ApplyWipes(core, lsn, record);
  ApplyState(core, record);
  return Status::Ok();
}

namespace {

void AppendStateRows(Lsn lsn, const CommitRecord& record, RowBatch& rows) {
  const UpkeepRecord& upkeep = record.upkeep;
  for (const std::int64_t clock_us : upkeep.clock_erases) {
    rows.state.emplace_back(ClockErase{clock_us});
  }
  if (upkeep.keeps_clock) rows.state.emplace_back(ClockRow{record.state.clock_us, lsn});
  for (const SnapshotRecord& snapshot : upkeep.snapshots) {
    std::string name(snapshot.name);
    if (snapshot.lsn == Lsn::kNone) {
      rows.state.emplace_back(SnapshotErase{std::move(name)});
    } else {
      rows.state.emplace_back(SnapshotRow{std::move(name), snapshot.lsn, snapshot.taken_us});
    }
  }
}

}  // namespace

void AppendRows(Lsn lsn, const CommitRecord& record, RowBatch& rows) {
  for (const FieldNameRecord& name : record.field_names) {
    rows.field_names.emplace_back(name.field, std::string(name.name));
  }
  for (const RetireRecord& retire : record.retires) {
    if (retire.version == Lsn::kNone) continue;  // it was moved, and its rows stay
    RowErase row;
    row.id = retire.id;
    row.version = retire.version;
    row.timestamp_us = retire.timestamp_us;
    row.type = retire.type;
    row.expires_us = retire.expires_us;
    for (const FieldKey& field : retire.fields) {
      row.fields.push_back({field.field, std::string(field.value)});
    }
    rows.erases.push_back(std::move(row));
  }
  for (const InsertRecord& insert : record.inserts) {
    rows.inserts.push_back(
        {insert.id, lsn, insert.slot, insert.timestamp_us, insert.type, insert.metadata});
    RowInsert& row = rows.inserts.back();
    if (insert.is_moved()) row.version = insert.version;
    if (insert.is_moved()) row.moved_at = lsn;
    row.moved_from = ENGRAM_MUTANT(kMovedRowForgetsOld) ? insert.slot : insert.moved_from;
    row.expires_us = insert.expires_us;
    // The block has no place for both.
    if (insert.expires_us != kNeverExpires) row.inserted_us = insert.inserted_us;
  }
  AppendStateRows(lsn, record, rows);
}

StateRecord ToRecord(const StoreState& state) {
  return {state.live,      state.dead,        state.next_id,     state.reserved_id,
          state.clock_us,  state.node_slots,  state.upper_slots, state.entry_point,
          state.top_level, state.sweep_cursor};
}

StoreState FromRecord(const StateRecord& record) {
  return {record.live,      record.dead,        record.next_id,     record.reserved_id,
          record.clock_us,  record.node_slots,  record.upper_slots, record.entry_point,
          record.top_level, record.sweep_cursor};
}

}  // namespace engram
