#include "engine/replay.h"

#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "engine/apply.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "wal/log_frames.h"
#include "wal/record_codec.h"

namespace engram {
namespace {

// Rows of many commits go to the metadata store together.
constexpr std::size_t kRowsAtATime = 2000;

// Collects the rows of consecutive commits that the same families lack. Rows borrow metadata from
// frames that are gone after each commit, so it is kept here.
class RowFeeder {
 public:
  explicit RowFeeder(Core& core) : core_(core), applied_(core.meta->applied()) {}

  Status Add(Lsn lsn, const CommitRecord& record) {
    const FamilySet lacking = Lacking(lsn);
    if (lacking.none()) return Status::Ok();
    if (lacking != families_ || rows_.inserts.size() + rows_.erases.size() >= kRowsAtATime) {
      ENGRAM_RETURN_IF_ERROR(Flush());
    }
    families_ = lacking;
    last_ = lsn;
    const std::size_t first = rows_.inserts.size();
    AppendRows(lsn, record, rows_);
    for (std::size_t i = first; i < rows_.inserts.size(); ++i) {
      rows_.inserts[i].metadata = Keep(rows_.inserts[i].metadata);
    }
    return Status::Ok();
  }

  Status Flush() {
    if (last_ == Lsn::kNone) return Status::Ok();
    ENGRAM_RETURN_IF_ERROR(core_.meta->Resume());
    ENGRAM_RETURN_IF_ERROR(core_.meta->Apply(rows_, last_, families_));
    rows_.Clear();
    kept_.clear();
    last_ = Lsn::kNone;
    return Status::Ok();
  }

 private:
  FamilySet Lacking(Lsn lsn) const {
    FamilySet lacking;
    for (std::size_t i = 0; i < kFamilies; ++i) lacking[i] = applied_[i] < lsn;
    return lacking;
  }

  std::span<const std::byte> Keep(std::span<const std::byte> bytes) {
    if (bytes.empty()) return {};
    return kept_.emplace_back(bytes.begin(), bytes.end());
  }

  Core& core_;
  const FamilyLsns applied_;  // when the replay began
  FamilySet families_;
  Lsn last_ = Lsn::kNone;
  RowBatch rows_;
  std::deque<std::vector<std::byte>> kept_;
};

LogReaderOptions ReaderOptions(const Core& core, Lsn newest) {
  LogReaderOptions options;
  options.file_system = core.file_system;
  options.directory = core.LogPath();
  options.store_id = core.store_id;
  options.known_durable = newest;
  return options;
}

// Mutant kRedoGatedByPageLsn: leaves out what a page's LSN claims to have.
bool GatedOut(const Core& core, Lsn lsn, const CommitRecord& record) {
  if (!ENGRAM_MUTANT(kRedoGatedByPageLsn) || !record.extents.empty()) return false;
  for (const InsertRecord& insert : record.inserts) {
    const PageRef ref{SegmentKind::kNodes, core.layout->PageOf(insert.slot)};
    if (Raw(ref.page) >= core.pages->page_count(ref.segment)) return false;
    if (LoadAs<PageHeader>(core.pages->page(ref)).lsn < lsn) return false;
  }
  return !record.inserts.empty();
}

}  // namespace

Result<LogEnd> FindLogEnd(Core& core, Lsn oldest, Lsn newest) {
  return ReadLog(ReaderOptions(core, newest), oldest, [](Lsn, auto) { return Status::Ok(); });
}

Status ReplayLog(Core& core, Lsn oldest, Lsn newest) {
  const Lsn checkpoint = core.page_file->superblock().lsn;
  RowFeeder feeder(core);
  MutexLock role(core.writer_role);
  const auto visit = [&](Lsn lsn, std::span<const std::span<const std::byte>> payloads)
                         ENGRAM_NO_THREAD_SAFETY_ANALYSIS -> Status {
    core.counters.replayed_commits.fetch_add(1, std::memory_order_relaxed);
    core.counters.replayed_bytes.fetch_add(CommitSpace(payloads), std::memory_order_relaxed);
    CommitRecord record;
    for (const auto payload : payloads) ENGRAM_RETURN_IF_ERROR(DecodePayload(payload, record));
    if (lsn > checkpoint && !GatedOut(core, lsn, record)) {
      ENGRAM_RETURN_IF_ERROR(ApplyToPages(core, lsn, record, ApplyMode::kReplay));
      ENGRAM_RETURN_IF_ERROR(core.PageTrouble(core.pages->writer_errors()));
    }
    return feeder.Add(lsn, record);
  };
  ENGRAM_RETURN_IF_ERROR(ReadLog(ReaderOptions(core, newest), oldest, visit).status());
  return feeder.Flush();
}

}  // namespace engram
