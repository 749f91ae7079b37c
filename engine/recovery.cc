#include "engine/recovery.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/apply.h"
#include "engine/page_loader.h"
#include "engine/replay.h"
#include "engine/residency.h"
#include "engine/upper_states.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/base/test_hooks.h"
#include "storage/parents_file.h"
#include "storage/slot_bits.h"
#include "wal/log_reader.h"

namespace engram {
namespace {

Status CheckAgainstOptions(const Core& core, const StoreParameters& parameters) {
  const Options& options = core.options();
  if (options.dimensions != 0 && options.dimensions != parameters.dimensions) {
    return Status::DimensionMismatch(
        core.directory + " holds vectors of " + std::to_string(parameters.dimensions) +
        " dimensions, the options say " + std::to_string(options.dimensions));
  }
  if (options.metric.value_or(parameters.metric) != parameters.metric) {
    return Status::InvalidArgument(core.directory + " was created with metric " +
                                   std::string(MetricName(parameters.metric)) +
                                   ", the options say " + std::string(MetricName(*options.metric)));
  }
  if (options.m != 0 && options.m != parameters.m) {
    return Status::InvalidArgument(core.directory + " was created with m " +
                                   std::to_string(parameters.m) + ", the options say " +
                                   std::to_string(options.m));
  }
  return Status::Ok();
}

// What the options leave open: as given at creation, or as the library has it.
void FillIn(const StoreDefaults& defaults, Options& options) {
  const auto first = [](auto a, auto b, auto c) { return a != 0 ? a : b != 0 ? b : c; };
  options.max_elements = first(options.max_elements, defaults.max_elements, kMostElements);
  options.ef_construction =
      first(options.ef_construction, defaults.ef_construction, kDefaultEfConstruction);
  options.ef = first(options.ef, defaults.ef, kDefaultEf);
}

Status OpenPageFile(Core& core) {
  const OpenMode mode = core.read_only ? OpenMode::kRead : OpenMode::kReadWrite;
  ENGRAM_ASSIGN_OR_RETURN(core.page_file,
                          PageFile::Open(*core.file_system, core.GraphPath(), mode));
  const Superblock& superblock = core.page_file->superblock();
  ENGRAM_RETURN_IF_ERROR(CheckAgainstOptions(core, superblock.parameters));
  FillIn(superblock.defaults, core.config.options);
  core.store_id = superblock.store_id;
  ENGRAM_ASSIGN_OR_RETURN(const NodeLayout layout, NodeLayout::Create(superblock.parameters));
  core.layout = std::make_unique<NodeLayout>(layout);
  auto journal = Journal::Open(*core.file_system, core.JournalPath(), mode, core.store_id,
                               superblock.parameters.journal_blocks * std::uint64_t{kBlockBytes});
  // "Not found" would say that there is no store.
  if (journal.code() == Code::kNotFound) {
    return Status::CorruptedIndex(core.JournalPath() + " is missing, which every store has");
  }
  ENGRAM_RETURN_IF_ERROR(journal.status());
  core.journal = std::move(*journal);
  return Status::Ok();
}

Status RefuseUnclean(const Core& core, const std::string& what) {
  return Status::NotSupported(core.directory + " was not closed cleanly (" + what +
                              "): open it for writing once before reading it read-only");
}

Status OpenMetaStore(Core& core) {
  MetaStoreOptions options;
  options.file_system = core.file_system;
  options.directory = core.MetaPath();
  options.read_only = core.read_only;
  options.store_id = core.store_id;
  options.buffer_bytes = core.options().metadata_buffer_bytes;
  options.log = core.options().log;
  // Opening adds no rows; replay begins when the log is open.
  options.log_barrier = [&core] {
    return core.log == nullptr ? Status::Ok() : core.log->SyncAll();
  };
  auto opened = MetaStore::Open(options);
  if (core.read_only && opened.code() == Code::kNotFound) {
    return RefuseUnclean(core, "its metadata store is not complete yet");
  }
  ENGRAM_RETURN_IF_ERROR(opened.status());
  core.meta = std::move(*opened);
  return Status::Ok();
}

Status CheckCounts(const Core& core) ENGRAM_REQUIRES(core.writer_role) {
  const StoreState& state = core.writer.state;
  if (core.slots->live() == state.live && core.slots->dead() == state.dead) return Status::Ok();
  return Status::CorruptedIndex(
      core.GraphPath() + ": slots say " + std::to_string(core.slots->live()) + " live and " +
      std::to_string(core.slots->dead()) + " dead patterns, the last commit says " +
      std::to_string(state.live) + " and " + std::to_string(state.dead));
}

// Nobody counts slots behind those in use, so a link that leads to one must find it free. Pages
// behind those in use are zeros.
Status CheckUnused(const Core& core, const SlotMap& slots, const std::string& what) {
  const std::uint32_t used = slots.used();
  const std::uint64_t end = AlignUp(std::uint64_t{used}, kSlotsPerPage);
  for (std::uint64_t i = used; i < end; ++i) {
    if (slots.state(static_cast<SlotId>(i)) == SlotState::kFree) continue;
    return Status::CorruptedIndex(core.GraphPath() + ": " + what + " " + std::to_string(i) +
                                  " is not free, expected only the first " + std::to_string(used) +
                                  " to be used");
  }
  return Status::Ok();
}

Status CheckStates(const Core& core) ENGRAM_REQUIRES(core.writer_role) {
  ENGRAM_RETURN_IF_ERROR(CheckCounts(core));
  ENGRAM_RETURN_IF_ERROR(CheckUnused(core, *core.slots, "slot"));
  ENGRAM_RETURN_IF_ERROR(CheckUnused(core, *core.upper_slots, "upper block"));
  // What mapped nodes say is looked at by whoever frees their blocks, or cuts.
  const bool mapped = core.pages->IsMapped(SegmentKind::kNodes);
  return CheckUpperStates(core, 0, core.upper_slots->used(),
                          mapped ? UpperOwners::kBySlot : UpperOwners::kByNode);
}

// What walks begin with.
Status CheckEntry(const Core& core, EntryPoint entry) {
  if (core.slots->live() == 0 && entry == EntryPoint{}) return Status::Ok();
  if (core.GraphNow().Has(entry.slot) && core.slots->state(entry.slot) == SlotState::kLive) {
    ENGRAM_ASSIGN_OR_RETURN(const ConstNodeView node, core.ReadNode(entry.slot));
    if (node.level() == entry.level) return Status::Ok();
  }
  return Status::CorruptedIndex(
      core.GraphPath() + ": the entry point is slot " + std::to_string(Raw(entry.slot)) +
      " of level " + std::to_string(entry.level) + ", expected a live node of that level");
}

// The dead, oldest end first, as the writer wants them.
Status CollectDead(Core& core) ENGRAM_REQUIRES(core.writer_role) {
  std::vector<DeadSlot> dead;
  for (std::uint32_t i = 0; i < core.slots->used(); ++i) {
    const SlotId slot = static_cast<SlotId>(i);
    if (core.slots->state(slot) != SlotState::kDead) continue;
    ENGRAM_ASSIGN_OR_RETURN(const ConstNodeView node, core.ReadNode(slot));
    dead.push_back({node.valid_to(), slot});
  }
  std::sort(dead.begin(), dead.end(), [](const DeadSlot& a, const DeadSlot& b) {
    return std::pair(a.valid_to, a.slot) < std::pair(b.valid_to, b.slot);
  });
  core.writer.dead.assign(dead.begin(), dead.end());
  return Status::Ok();
}

// Every opening for writing leaves a segment that is durable before a checkpoint can name its
// generation.
Status CheckLogIsThere(const Core& core, const LogEnd& end) {
  const Superblock& superblock = core.page_file->superblock();
  if (end.generation >= superblock.log_generation) return Status::Ok();
  const std::string expected = "expected one of generation " +
                               std::to_string(superblock.log_generation) +
                               " or newer, as the superblock says";
  return Status::CorruptedIndex(core.LogPath() + ": " +
                                (end.segments == 0 ? std::string("no log segment")
                                                   : "the newest segment is of generation " +
                                                         std::to_string(end.generation)) +
                                ", " + expected);
}

// What was read may be in the system's memory alone, after a kill or a failed sync
// (docs/recovery.md, "What the cache may hide"). Pages are written again under the journal's
// protection, the superblock while the older one and the log still make up for it: the log is cut
// by it, and the next one overwrites the older. Where the log no longer reaches back to the older,
// it was durable before the log was cut.
Status ProvePageFile(Core& core, const LoadedPages& pages, const LogEnd& end) {
  // One sync for both: the journal makes up for pages, whichever superblock counts.
  ENGRAM_RETURN_IF_ERROR(core.page_file->WritePages(pages.unproven));
  if (ENGRAM_MUTANT(kRestoreNotSynced)) return Status::Ok();
  if (ENGRAM_MUTANT(kSuperblockNotRepeated)) return core.page_file->Sync();
  const std::optional<Lsn> older = core.page_file->older_lsn();
  const bool replaceable = older && end.segments > 0 && end.first <= Next(*older);
  return replaceable ? core.page_file->RepeatSuperblock() : core.page_file->Sync();
}

// Commits behind `known_durable` are copied into the new segment: the tail that a killed process or
// a failed sync left may be in the system's memory only, and syncing its file again would prove
// nothing.
Status OpenLogWriter(Core& core, const LogEnd& end, Lsn last, Lsn known_durable) {
  LogWriterOptions options;
  options.file_system = core.file_system;
  options.directory = core.LogPath();
  options.store_id = core.store_id;
  options.generation = core.generation;
  options.previous_generation = end.generation;
  options.previous_end = last;
  options.known_durable = known_durable;
  options.segment_bytes = core.options().log_segment_bytes;
  ENGRAM_ASSIGN_OR_RETURN(core.log, LogWriter::Create(options));
  return Status::Ok();
}

// `generation`: of the newest segment, when this opening found it.
ParentsName NameOfParents(const Core& core, std::uint32_t generation, Lsn last)
    ENGRAM_REQUIRES(core.writer_role) {
  return {core.store_id, generation, last, core.writer.state.node_slots};
}

// By the counts that a clean close has left, or from all lists.
Status MakeLinker(Core& core, EntryPoint entry, const ParentsName& name)
    ENGRAM_REQUIRES(core.writer_role) {
  LinkerOptions options;
  options.metric = core.page_file->parameters().metric;
  options.ef_construction = core.options().ef_construction;
  options.keep_pruned = core.options().keep_pruned;
  core.linker = std::make_unique<Linker>(options);
  const auto counts = ReadParents(*core.file_system, core.directory, name);
  if (!counts.ok() || !core.linker->Restore(core.GraphNow(), *counts, entry)) {
    const Status graph = core.linker->Rebuild(core.GraphNow(), name.slots, entry);
    ENGRAM_RETURN_IF_ERROR(core.PageTrouble(core.pages->writer_errors()));
    if (!graph.ok()) {
      return Status(graph.code(), core.GraphPath() + ": " + std::string(graph.message()));
    }
  }
  // From now on they may change. Should the file come back, its generation is another one.
  RemoveParents(*core.file_system, core.directory).IgnoreError();
  return Status::Ok();
}

// The round of the sweep that was under way goes on where the log says; names and the horizon are
// as they were.
Status ResumeUpkeep(Core& core, Lsn last) ENGRAM_REQUIRES(core.writer_role) {
  StoreProgress& progress = core.writer.progress;
  // A store of version 1 has not kept count of what its sweeps took.
  if (core.page_file->superblock().format_version < 2) progress.horizon = last;
  core.versions.SetHorizon(progress.horizon);
  const std::deque<DeadSlot>& dead = core.writer.dead;
  const Lsn through = progress.sweep_through;
  if (through != Lsn::kNone) {
    const auto end =
        std::partition_point(dead.begin(), dead.end(),
                             [through](const DeadSlot& slot) { return slot.valid_to <= through; });
    const std::uint32_t used = core.slots->used();
    core.writer.sweep = {static_cast<std::size_t>(end - dead.begin()), through,
                         std::min(progress.sweep_next, used), used};
  }
  ENGRAM_ASSIGN_OR_RETURN(const std::vector<SnapshotRow> named, core.meta->ReadSnapshots());
  for (const SnapshotRow& row : named) {
    const Timestamp taken_at{std::chrono::microseconds(row.taken_us)};
    core.versions.AddNamed({row.name, row.lsn, taken_at});
  }
  ENGRAM_RETURN_IF_ERROR(core.meta->ForEachExpiry(
      ExpiryCursors::kStart, kNeverExpires, [&](const auto&) -> Result<bool> {
        core.has_ttl.store(true, std::memory_order_relaxed);
        return false;
      }));
  return Status::Ok();
}

// Everything that redo needs is in place: what is in memory becomes what everybody sees.
Status FinishRecovery(Core& core, Lsn last, std::uint32_t found_generation) {
  MutexLock role(core.writer_role);
  StoreState& state = core.writer.state;
  core.slots->Rebuild(state.node_slots);
  core.upper_slots->Rebuild(state.upper_slots);
  ENGRAM_RETURN_IF_ERROR(CheckStates(core));
  ENGRAM_RETURN_IF_ERROR(CollectDead(core));
  const EntryPoint entry{state.entry_point, state.top_level};
  ENGRAM_RETURN_IF_ERROR(CheckEntry(core, entry));
  if (!core.read_only) {
    ENGRAM_RETURN_IF_ERROR(MakeLinker(core, entry, NameOfParents(core, found_generation, last)));
  }
  core.PublishEntry(entry);
  // Behind every id that may have been used and lost: Planner::ReserveIds().
  core.writer.ids = {state.next_id, state.reserved_id};
  core.writer.durable_ids = {state.next_id, state.reserved_id};
  core.visible_slots.store(state.node_slots, std::memory_order_release);
  core.versions.Publish(last);
  ENGRAM_RETURN_IF_ERROR(ResumeUpkeep(core, last));
  core.counters.live.store(state.live, std::memory_order_relaxed);
  core.counters.dead.store(state.dead, std::memory_order_relaxed);
  core.counters.next_id.store(state.reserved_id, std::memory_order_relaxed);
  core.counters.free_slots.store(core.slots->free(), std::memory_order_relaxed);
  return Status::Ok();
}

}  // namespace

Status RecoverStore(Core& core) {
  ENGRAM_RETURN_IF_ERROR(OpenPageFile(core));
  ENGRAM_RETURN_IF_ERROR(ChooseResidency(core));
  ENGRAM_ASSIGN_OR_RETURN(const LoadedPages pages, LoadPages(core));
  core.counters.restored_pages.store(pages.torn, std::memory_order_relaxed);
  if (core.read_only && pages.torn > 0) return RefuseUnclean(core, "a page is torn");
  ENGRAM_RETURN_IF_ERROR(OpenMetaStore(core));

  const Lsn checkpoint = core.page_file->superblock().lsn;
  const FamilyLsns families = core.meta->applied();
  const Lsn oldest = std::min(checkpoint, *std::min_element(families.begin(), families.end()));
  const Lsn newest = std::max(checkpoint, *std::max_element(families.begin(), families.end()));
  ENGRAM_ASSIGN_OR_RETURN(const LogEnd end, FindLogEnd(core, oldest, newest));
  ENGRAM_RETURN_IF_ERROR(CheckLogIsThere(core, end));
  const Lsn last = std::max(end.last, newest);
  if (core.read_only) {
    if (oldest != last) return RefuseUnclean(core, "the log is ahead");
  } else {
    ENGRAM_RETURN_IF_ERROR(ProvePageFile(core, pages, end));
    // The log first: rows that are replayed must not reach the disk ahead of it.
    core.generation =
        std::max(end.generation,
                 static_cast<std::uint32_t>(core.page_file->superblock().log_generation)) +
        1;
    ENGRAM_RETURN_IF_ERROR(OpenLogWriter(core, end, last, newest));
    ENGRAM_RETURN_IF_ERROR(ReplayLog(core, oldest, newest));
  }
  return FinishRecovery(core, last, end.generation);
}

void SaveParents(Core& core) {
  MutexLock role(core.writer_role);
  const ParentsName name = NameOfParents(core, core.generation, core.versions.visible());
  const std::vector<std::uint32_t> counts = core.linker->ParentCounts(core.GraphNow(), name.slots);
  const Status status = WriteParents(*core.file_system, core.directory, name, counts);
  if (status.ok()) return;
  core.logger.Warning(core.directory +
                      ": the next opening looks at every link: " + status.ToString());
}

}  // namespace engram
