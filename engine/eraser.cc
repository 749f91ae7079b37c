#include "engine/eraser.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "index/node_view.h"
#include "storage/base/clock.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

// Patterns that one step ends: other writers wait for no more than these.
constexpr std::size_t kStep = 256;
// Ids that are found ahead of ending them.
constexpr std::size_t kCollected = 16'384;
constexpr std::int64_t kEarliest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kLatest = std::numeric_limits<std::int64_t>::max();

// Of times at or before `us`.
std::int64_t Behind(std::int64_t us) { return us == kLatest ? kLatest : us + 1; }

EraseMatch MatchFor(const PatternFilter& filter) {
  EraseMatch match;
  match.type = filter.type;
  if (filter.from) match.from_us = UnixMicros(*filter.from);
  if (filter.before) match.before_us = UnixMicros(*filter.before);
  return match;
}

}  // namespace

// There are no rows of patterns without a type in the index by type.
Eraser::Rows Eraser::RowsFor(const PatternFilter& filter) {
  Rows rows;
  if (filter.type.value_or(0) != 0) rows.index = Rows::Index::kType;
  rows.type = filter.type.value_or(0);
  rows.from_us = filter.from ? UnixMicros(*filter.from) : kEarliest;
  rows.before_us = filter.before ? UnixMicros(*filter.before) : kLatest;
  return rows;
}

Status Eraser::WalkRows(const Rows& rows,
                        const std::function<Result<bool>(const MetaStore::IndexRow&)>& visit) {
  switch (rows.index) {
    case Rows::Index::kTime:
      return core_.meta->ForEachInTime(rows.from_us, rows.before_us, visit);
    case Rows::Index::kType:
      return core_.meta->ForEachOfType(rows.type, rows.from_us, rows.before_us, visit);
    case Rows::Index::kExpiry:
      return core_.meta->ForEachExpiry(rows.from_us, rows.before_us, visit);
  }
  return Status::Ok();
}

bool Eraser::Matches(const ConstNodeView& node, const EraseMatch& match) const {
  if (match.type && node.type() != *match.type) return false;
  if (match.expired_by_us && !core_.SightAt(Lsn::kNone, *match.expired_by_us).Expired(node)) {
    return false;
  }
  return node.timestamp_us() >= match.from_us &&
         (!match.before_us || node.timestamp_us() < *match.before_us);
}

// A commit on its way has changed slots and not yet rows, or rows and not yet what is visible: its
// patterns are meant until they are planned, which is when nothing is on its way.
Result<bool> Eraser::IsMeant(const MetaStore::IndexRow& index, Lsn began, const EraseMatch& match) {
  if (index.version > began) return false;
  std::optional<SlotId> looked_at;
  for (;;) {
    ENGRAM_ASSIGN_OR_RETURN(const std::optional<VersionRow> row,
                            core_.meta->FindVersion(index.id, kForever));
    if (!row) return false;
    // An older one than the newest leads to it where that came too late for a row of its own.
    if (row->version != index.version && row->version <= began) return false;
    if (row->slot == looked_at) return false;
    if (Raw(row->slot) >= core_.visible_slots.load(std::memory_order_acquire)) return true;
    const SlotState state = core_.slots->state(row->slot);
    if (state == SlotState::kLive || state == SlotState::kDead) {
      ENGRAM_ASSIGN_OR_RETURN(const ConstNodeView node, core_.ReadNode(row->slot));
      if (state == SlotState::kLive || node.valid_to() > core_.versions.visible()) {
        return Matches(node, match);
      }
    }
    // Its end is visible. Where it was moved, so is the row that says where to.
    looked_at = row->slot;
  }
}

// Not a step inside of the walk: a writer who has the metadata store to itself would wait for it,
// and it for the writer.
Result<Eraser::Found> Eraser::Collect(const Rows& rows, const EraseMatch& match, std::size_t most) {
  Found found;
  const Lsn began = core_.versions.visible();
  // States of slots have memory while this is pinned: some rows at a time, for others' sake.
  std::optional<Versions::Pin> pin;
  std::size_t looked_at = 0;
  ENGRAM_RETURN_IF_ERROR(WalkRows(rows, [&](const MetaStore::IndexRow& row) -> Result<bool> {
    if (found.ids.size() >= most) {
      found.next_us = row.timestamp_us;  // there may have been others of that very moment
      return false;
    }
    ENGRAM_SYNC_POINT("eraser:found_row");
    if (looked_at++ % kStep == 0) {
      pin.reset();
      ENGRAM_ASSIGN_OR_RETURN(pin, core_.versions.Begin());
    }
    ENGRAM_ASSIGN_OR_RETURN(const bool meant, IsMeant(row, began, match));
    if (meant) found.ids.push_back(row.id);
    return true;
  }));
  return found;
}

Result<std::uint64_t> Eraser::Erase(std::span<const PatternId> ids, const EraseMatch& match,
                                    Durability durability) {
  Transaction transaction;
  transaction.durability = durability;
  for (const PatternId id : ids) transaction.ops.emplace_back(PendingErase{id, match});
  transaction.bytes = ids.size() * sizeof(PendingErase);
  ENGRAM_SYNC_POINT("eraser:collected");
  submit_(transaction);
  ENGRAM_RETURN_IF_ERROR(transaction.status);
  return transaction.ended;
}

Result<std::size_t> Eraser::EraseAll(std::span<const PatternId> ids, const EraseMatch& match,
                                     Durability durability, const Stop& stop,
                                     std::uint64_t& count) {
  std::size_t done = 0;
  while (done < ids.size()) {
    const std::size_t some = std::min(kStep, ids.size() - done);
    ENGRAM_ASSIGN_OR_RETURN(const std::uint64_t ended,
                            Erase(ids.subspan(done, some), match, durability));
    count += ended;
    done += some;
    if (stop()) break;
  }
  return done;
}

Result<std::uint64_t> Eraser::EraseAtOnce(const PatternFilter& filter, Durability durability) {
  const EraseMatch match = MatchFor(filter);
  ENGRAM_ASSIGN_OR_RETURN(const Found found, Collect(RowsFor(filter), match, kMostAtOnce));
  if (found.next_us) {
    return Status::InvalidArgument("the filter means more than " + std::to_string(kMostAtOnce) +
                                   " patterns, the most of one commit: divide it by time or type, "
                                   "or use PruneBefore()");
  }
  if (found.ids.empty()) return std::uint64_t{0};
  return Erase(found.ids, match, durability);
}

Result<std::uint64_t> Eraser::EraseInSteps(const PatternFilter& filter, Durability durability) {
  std::uint64_t erased = 0;
  const EraseMatch match = MatchFor(filter);
  const Durability on_the_way = durability == Durability::kSync ? Durability::kNone : durability;
  Rows rows = RowsFor(filter);
  for (bool more = true; more;) {
    ENGRAM_ASSIGN_OR_RETURN(const Found found, Collect(rows, match, kCollected));
    ENGRAM_RETURN_IF_ERROR(EraseAll(
                               found.ids, match, on_the_way, [] { return false; }, erased)
                               .status());
    more = found.next_us.has_value();
    rows.from_us = found.next_us.value_or(0);
  }
  if (durability == Durability::kSync && erased > 0) ENGRAM_RETURN_IF_ERROR(core_.log->SyncAll());
  return erased;
}

// --- Expiry ---

std::int64_t& Eraser::CursorOf(const Rows& rows) {
  ExpiryCursors& cursors = core_.writer.expiry;
  if (rows.by_type)
    return cursors.types.try_emplace(rows.type, ExpiryCursors::kStart).first->second;
  return rows.index == Rows::Index::kExpiry ? cursors.ttl_us : cursors.time_us;
}

Status Eraser::ExpireRows(Rows rows, std::int64_t now_us,
                          std::chrono::steady_clock::time_point until) {
  {
    MutexLock role(core_.writer_role);
    std::int64_t& cursor = CursorOf(rows);
    if (cursor >= rows.before_us) return Status::Ok();
    rows.from_us = cursor;
    // Before the rows are looked at: what is inserted from now on takes it back.
    cursor = rows.before_us;
  }
  const std::int64_t started_us = rows.from_us;
  const auto stop = [&] { return core_.clock->Steady() >= until; };
  Result<std::int64_t> reached = ExpireUntil(rows, now_us, stop);
  if (reached.ok() && *reached == rows.before_us) return Status::Ok();
  MutexLock role(core_.writer_role);
  std::int64_t& cursor = CursorOf(rows);
  cursor = std::min(cursor, reached.ok() ? *reached : started_us);
  return reached.status();
}

Result<std::int64_t> Eraser::ExpireUntil(Rows rows, std::int64_t now_us, const Stop& stop) {
  EraseMatch match;
  match.expired_by_us = now_us;
  for (;;) {
    ENGRAM_ASSIGN_OR_RETURN(const Found found, Collect(rows, match, kCollected));
    std::uint64_t ended = 0;
    const Result<std::size_t> done = EraseAll(found.ids, match, Durability::kNone, stop, ended);
    core_.counters.expired.fetch_add(ended, std::memory_order_relaxed);
    ENGRAM_RETURN_IF_ERROR(done.status());
    if (*done < found.ids.size()) return rows.from_us;
    if (!found.next_us) return rows.before_us;
    rows.from_us = *found.next_us;
    if (stop()) return rows.from_us;
  }
}

Status Eraser::Expire(std::chrono::steady_clock::time_point until) {
  if (!core_.Expires()) return Status::Ok();
  const std::int64_t now_us = core_.clock->NowMicros();
  if (core_.has_ttl.load(std::memory_order_relaxed)) {
    const Rows rows{Rows::Index::kExpiry, 0, kEarliest, Behind(now_us), false};
    ENGRAM_RETURN_IF_ERROR(ExpireRows(rows, now_us, until));
  }
  for (const auto& [type, limit] : core_.ages.by_type()) {
    if (limit == AgeLimits::kNone) continue;
    // Patterns without a type are in the index by time alone.
    const auto index = type == 0 ? Rows::Index::kTime : Rows::Index::kType;
    const std::int64_t cutoff = core_.ages.Cutoff(type, now_us);
    ENGRAM_RETURN_IF_ERROR(
        ExpireRows({index, type, kEarliest, Behind(cutoff), true}, now_us, until));
  }
  const std::int64_t limit = core_.ages.general_us();
  if (limit == AgeLimits::kNone || now_us < kEarliest + limit) return Status::Ok();
  return ExpireRows({Rows::Index::kTime, 0, kEarliest, Behind(now_us - limit), false}, now_us,
                    until);
}

}  // namespace engram
