#include "engine/apply.h"

#include <algorithm>
#include <string>
#include <utility>

#include "index/node_view.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

std::uint64_t SlotsWithPages(const Core& core) {
  const std::uint64_t by_nodes =
      std::uint64_t{core.pages->page_count(SegmentKind::kNodes)} * core.layout->blocks_per_page();
  const std::uint64_t by_states =
      std::uint64_t{core.pages->page_count(SegmentKind::kNodeSlots)} * kSlotsPerPage;
  return std::min(by_nodes, by_states);
}

Status CheckSlot(const Core& core, Lsn lsn, SlotId slot) {
  const std::uint64_t slots = SlotsWithPages(core);
  if (Raw(slot) < slots) return Status::Ok();
  return Status::CorruptedIndex("log: commit " + std::to_string(Raw(lsn)) + " names slot " +
                                std::to_string(Raw(slot)) + ", the page file has " +
                                std::to_string(slots));
}

Status ApplyExtent(Core& core, const ExtentRecord& record) {
  ExtentEntry extent{};
  extent.file_offset = record.file_offset;
  extent.pages = record.pages;
  extent.segment = record.segment;
  ENGRAM_RETURN_IF_ERROR(core.page_file->AddExtent(record.index, extent));
  return core.pages->Extend(record.segment, core.page_file->PageCount(record.segment));
}

PageRef NodePage(const Core& core, SlotId slot) {
  return {SegmentKind::kNodes, core.layout->PageOf(slot)};
}

void ApplyInsert(Core& core, Lsn lsn, const InsertRecord& record) {
  std::byte* page = core.pages->MutablePage(NodePage(core, record.slot), lsn);
  NodeContents contents;
  contents.id = record.id;
  contents.version = lsn;
  contents.valid_from = lsn;
  contents.timestamp_us = record.timestamp_us;
  contents.inserted_us = record.inserted_us;
  contents.type = record.type;
  contents.level = record.level;
  contents.norm = record.norm;
  contents.vector = record.vector;
  NodeView(page + core.layout->OffsetInPage(record.slot), *core.layout).WriteNode(contents);
  // The block is complete: the state, a release, lets scans look at it.
  core.slots->Set(record.slot, SlotState::kLive, lsn);
}

void ApplyEnd(Core& core, Lsn lsn, const EndRecord& record) {
  std::byte* page = core.pages->MutablePage(NodePage(core, record.slot), lsn);
  NodeView(page + core.layout->OffsetInPage(record.slot), *core.layout).SetValidTo(lsn);
  core.slots->Set(record.slot, SlotState::kDead, lsn);
}

Status CheckRecord(const Core& core, Lsn lsn, const CommitRecord& record) {
  for (const RetireRecord& retire : record.retires) {
    ENGRAM_RETURN_IF_ERROR(CheckSlot(core, lsn, retire.slot));
  }
  for (const EndRecord& end : record.ends) ENGRAM_RETURN_IF_ERROR(CheckSlot(core, lsn, end.slot));
  const std::size_t vector_bytes = core.layout->dimensions() * sizeof(float);
  for (const InsertRecord& insert : record.inserts) {
    ENGRAM_RETURN_IF_ERROR(CheckSlot(core, lsn, insert.slot));
    if (insert.vector.size() != vector_bytes) {
      return Status::CorruptedIndex("log: commit " + std::to_string(Raw(lsn)) +
                                    " has a vector of " + std::to_string(insert.vector.size()) +
                                    " bytes, expected " + std::to_string(vector_bytes));
    }
  }
  if (record.state.node_slots > SlotsWithPages(core)) {
    return Status::CorruptedIndex("log: commit " + std::to_string(Raw(lsn)) + " counts " +
                                  std::to_string(record.state.node_slots) +
                                  " slots, the page file has " +
                                  std::to_string(SlotsWithPages(core)));
  }
  return Status::Ok();
}

}  // namespace

Status ApplyToPages(Core& core, Lsn lsn, const CommitRecord& record, ApplyMode mode) {
  for (const ExtentRecord& extent : record.extents) {
    ENGRAM_RETURN_IF_ERROR(ApplyExtent(core, extent));
  }
  ENGRAM_RETURN_IF_ERROR(CheckRecord(core, lsn, record));
  for (const RetireRecord& retire : record.retires) {
    core.slots->Set(retire.slot, mode == ApplyMode::kLive ? SlotState::kRetired : SlotState::kFree,
                    lsn);
  }
  for (const EndRecord& end : record.ends) {
    ApplyEnd(core, lsn, end);
    if (mode == ApplyMode::kLive) core.writer.dead.push_back({lsn, end.slot});
  }
  for (const InsertRecord& insert : record.inserts) ApplyInsert(core, lsn, insert);
  core.writer.state = FromRecord(record.state);
  return Status::Ok();
}

void AppendRows(Lsn lsn, const CommitRecord& record, RowBatch& rows) {
  for (const FieldNameRecord& name : record.field_names) {
    rows.field_names.emplace_back(name.field, std::string(name.name));
  }
  for (const RetireRecord& retire : record.retires) {
    RowErase row;
    row.id = retire.id;
    row.version = retire.version;
    row.timestamp_us = retire.timestamp_us;
    row.type = retire.type;
    for (const FieldKey& field : retire.fields) {
      row.fields.push_back({field.field, std::string(field.value)});
    }
    rows.erases.push_back(std::move(row));
  }
  for (const InsertRecord& insert : record.inserts) {
    rows.inserts.push_back(
        {insert.id, lsn, insert.slot, insert.timestamp_us, insert.type, insert.metadata});
  }
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
