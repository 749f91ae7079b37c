#include "engine/forgetter.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "engine/page_loader.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"

namespace engram {
namespace {

constexpr std::size_t kAtATime = 512;  // versions or blocks of one commit

Status Busy() {
  return Status::Busy(
      "a read that began earlier goes on: nobody sees the patterns any more, but their bytes are "
      "still there; call EraseForever() again when it has ended");
}

// In order, none touching the next, and none beyond `newest`. Pre: all begin at 1 or above.
std::vector<IdRange> Merged(std::span<const IdRange> ids, PatternId newest) {
  std::vector<IdRange> sorted(ids.begin(), ids.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const IdRange& a, const IdRange& b) { return a.first < b.first; });
  std::vector<IdRange> merged;
  for (const IdRange& range : sorted) {
    const PatternId last = std::min(range.last, newest);
    if (!merged.empty() && range.first - 1 <= merged.back().last) {
      merged.back().last = std::max(merged.back().last, last);
    } else {
      merged.push_back({range.first, last});
    }
  }
  return merged;
}

bool Contains(const std::vector<IdRange>& merged, PatternId id) {
  const auto behind =
      std::upper_bound(merged.begin(), merged.end(), id,
                       [](PatternId wanted, const IdRange& range) { return wanted < range.first; });
  return behind != merged.begin() && id <= std::prev(behind)->last;
}

}  // namespace

Status Forgetter::CheckIds(std::span<const IdRange> ids) const {
  if (ids.empty()) return Status::InvalidArgument("there is no id to erase");
  const PatternId next = core_.writer.ids.next;
  for (const auto& [first, last] : ids) {
    if (first > last || (first == 0 && last != 0)) {
      return Status::InvalidArgument("a range of ids is " + std::to_string(first) + " to " +
                                     std::to_string(last) +
                                     ", expected one from 1 or above that does not end before");
    }
    if (first != 0 && first < next) continue;
    return Status::NotFound("pattern " + std::to_string(first) +
                            " was never in the store, ids up to " + std::to_string(next - 1) +
                            " were");
  }
  return Status::Ok();
}

Result<Forgetter::Blocks> Forgetter::FindBlocks(const Ids& ids) const {
  Blocks blocks;
  for (std::uint32_t i = 0; i < core_.slots->used(); ++i) {
    const auto slot = static_cast<SlotId>(i);
    const PageId page = core_.layout->PageOf(slot);
    // Nothing was ever written there.
    if (core_.pages->IsMapped(SegmentKind::kNodes) && core_.pages->IsUnwritten(page)) continue;
    ENGRAM_ASSIGN_OR_RETURN(const ConstNodeView node, core_.ReadNode(slot));
    if (!Contains(ids, node.id())) continue;
    const SlotState state = core_.slots->state(slot);
    if (state == SlotState::kLive || state == SlotState::kDead) {
      blocks.live += state == SlotState::kLive ? 1 : 0;
      blocks.versions.push_back({slot, node.id(), node.version()});
    } else {
      blocks.in_grace = blocks.in_grace || state == SlotState::kRetired;
      blocks.others.push_back(slot);
    }
  }
  return blocks;
}

Status Forgetter::VoidAll(const Ids& ids, EraseForeverReport& report) {
  MutexLock role(core_.writer_role);
  ENGRAM_ASSIGN_OR_RETURN(const Blocks blocks, FindBlocks(ids));
  report.patterns = blocks.live;
  report.versions = blocks.versions.size() + blocks.others.size();
  for (std::size_t i = 0; i < blocks.versions.size(); i += kAtATime) {
    const std::size_t count = std::min(kAtATime, blocks.versions.size() - i);
    ENGRAM_RETURN_IF_ERROR(writer_.Void(std::span(blocks.versions).subspan(i, count)));
  }
  return Status::Ok();
}

// A read that began before may still want the rows of what it found.
Status Forgetter::AwaitReaders() {
  std::uint64_t epoch = 0;
  {
    MutexLock role(core_.writer_role);
    epoch = core_.versions.StepEpoch();
  }
  ENGRAM_ASSIGN_OR_RETURN(const bool quiet, compactor_.AwaitQuiet(epoch, {}));
  return quiet ? Status::Ok() : Busy();
}

// Slots that were filled again hold another pattern by now.
Status Forgetter::WipeAll(const Ids& ids) {
  MutexLock role(core_.writer_role);
  writer_.ReleaseGraces();
  ENGRAM_ASSIGN_OR_RETURN(const Blocks blocks, FindBlocks(ids));
  if (!blocks.versions.empty() || blocks.in_grace) return Busy();
  for (std::size_t i = 0; i < blocks.others.size(); i += kAtATime) {
    const std::size_t count = std::min(kAtATime, blocks.others.size() - i);
    const auto first = blocks.others.begin() + static_cast<std::ptrdiff_t>(i);
    ENGRAM_RETURN_IF_ERROR(writer_.Wipe({first, first + static_cast<std::ptrdiff_t>(count)}));
  }
  return Status::Ok();
}

// A compaction that did not come to its end, or a crash amid of it, has left bytes behind the pages
// in use, and growth may have taken their place since without a write. Readers from before are
// gone. In use is what the newest checkpoint has written: what came into use since lies in memory
// alone, and in the file not before the next one.
Status Forgetter::ClearUnused() {
  ENGRAM_RETURN_IF_ERROR(compactor_.Release());
  return checkpointer_.HoldOff([this]() -> Status {
    PageFile::UsedPages used{};
    for (const SegmentKind segment : kAllSegments) {
      used[IndexOf(segment)] =
          PagesInUse(*core_.layout, core_.page_file->superblock().state, segment);
    }
    return core_.page_file->ClearUnused(used);
  });
}

// Pages, rows and log first: the journal is needed for these.
Status Forgetter::RewriteFiles(EraseForeverReport& report) {
  {
    MutexLock role(core_.writer_role);
    ENGRAM_RETURN_IF_ERROR(core_.log->StartSegment());
  }
  const std::uint64_t log_before = core_.log->BytesOnDisk();
  ENGRAM_RETURN_IF_ERROR(checkpointer_.Run());
  const std::uint64_t log_after = core_.log->BytesOnDisk();
  report.log_bytes = log_before > log_after ? log_before - log_after : 0;
  ENGRAM_SYNC_POINT("forgetter:checkpoint");
  ENGRAM_RETURN_IF_ERROR(ClearUnused());
  {
    MutexLock role(core_.writer_role);
    const Status rewritten = core_.meta->Rewrite();
    if (!rewritten.ok() && rewritten.code() != Code::kNoSpace) core_.log->Poison(rewritten);
    ENGRAM_RETURN_IF_ERROR(rewritten);
  }
  ENGRAM_SYNC_POINT("forgetter:rows");
  return checkpointer_.HoldOff([&]() -> Status {
    const Status wiped = core_.journal->Wipe();
    if (wiped.ok()) {
      report.journal_bytes =
          core_.page_file->parameters().journal_blocks * std::uint64_t{kBlockBytes};
      return Status::Ok();
    }
    core_.log->Poison(wiped);
    return core_.log->poisoned();  // no room would mend it
  });
}

Status Forgetter::Run(std::span<const IdRange> ids, EraseForeverReport& report) {
  Ids wanted;
  {
    MutexLock role(core_.writer_role);
    ENGRAM_RETURN_IF_ERROR(core_.log->poisoned());
    ENGRAM_RETURN_IF_ERROR(CheckIds(ids));
    wanted = Merged(ids, core_.writer.ids.next - 1);  // what comes from now on is not meant
  }
  ENGRAM_RETURN_IF_ERROR(VoidAll(wanted, report));
  ENGRAM_SYNC_POINT("forgetter:voided");
  ENGRAM_RETURN_IF_ERROR(AwaitReaders());
  ENGRAM_RETURN_IF_ERROR(compactor_.SweepAll({}));
  ENGRAM_SYNC_POINT("forgetter:swept");
  ENGRAM_RETURN_IF_ERROR(WipeAll(wanted));
  return RewriteFiles(report);
}

}  // namespace engram
