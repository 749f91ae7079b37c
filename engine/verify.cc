#include "engine/verify.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/apply.h"
#include "engine/core.h"
#include "engine/page_loader.h"
#include "engine/raw_store.h"
#include "engine/verify_findings.h"
#include "engine/verify_graph.h"
#include "engine/verify_nodes.h"
#include "engine/verify_pages.h"
#include "engine/verify_rows.h"
#include "index/linker.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/corruption.h"
#include "storage/parents_file.h"
#include "wal/log_reader.h"
#include "wal/record_codec.h"

namespace engram {
namespace {

// Frames in the files of the log, and the commits that they make up.
class FrameCounter {
 public:
  void Add(const FrameHeader& header) {
    ++frames_;
    if (header.part == 0) {
      lsn_ = header.lsn;
      next_part_ = 0;
    }
    if (header.lsn != lsn_ || header.part != next_part_) return;
    ++next_part_;
    if (header.kind == FrameKind::kLast) ++commits_;
  }

  std::uint64_t frames() const { return frames_; }
  std::uint64_t commits() const { return commits_; }

 private:
  std::uint64_t frames_ = 0;
  std::uint64_t commits_ = 0;
  Lsn lsn_ = Lsn::kNone;
  std::uint32_t next_part_ = 0;
};

// Goes as recovery does, in a core of its own: files opened for reading, everything that would be
// written kept in memory. Status results are what keeps it from looking; what is wrong is in
// findings_.
class Verifier {
 public:
  Verifier(std::shared_ptr<FileSystem> files, const std::string& directory) : findings_(directory) {
    core_.file_system = std::move(files);
    core_.directory = directory;
    core_.read_only = true;
  }

  Result<VerifyReport> Run() {
    ENGRAM_RETURN_IF_ERROR(OpenPageFile());
    if (core_.page_file != nullptr) {
      ENGRAM_RETURN_IF_ERROR(OpenJournal());
      ENGRAM_RETURN_IF_ERROR(CheckPages());
    }
    OpenMetaStore();
    if (core_.page_file != nullptr) ENGRAM_RETURN_IF_ERROR(CheckLog());
    ENGRAM_RETURN_IF_ERROR(CheckContents());
    report_.findings = findings_.Take();
    return std::move(report_);
  }

 private:
  void AddFile(const std::string& where, std::string what) {
    findings_.Add(FindingKind::kFile, where, std::move(what));
  }

  Status OpenPageFile();
  Status ReadSlots();
  Status OpenJournal();
  Status CheckPages();
  Status RestorePages();
  void OpenMetaStore();
  Status CheckLog();
  Result<LogEnd> Redo(Lsn oldest, Lsn newest) ENGRAM_EXCLUDES(core_.writer_role);
  void CheckLogEnd(const LogEnd& end);
  Status CheckContents() ENGRAM_EXCLUDES(core_.writer_role);
  Status CheckParents(const StoreState& state);
  void CheckNames() ENGRAM_EXCLUDES(core_.writer_role);

  Core core_;
  Findings findings_;
  VerifyReport report_;
  // Of the superblock slots, where they are not valid.
  Status slots_[2];
  Journal::Round round_;
  bool pages_read_ = false;
  std::vector<BadPage> bad_;  // without an image in the journal
  std::unique_ptr<MetaStore> meta_;
  std::optional<LogRows> log_rows_;
  // The last commit; nothing where the log does not tell.
  std::optional<Lsn> last_;
  std::uint32_t generation_ = 0;  // of the newest segment
};

Status Verifier::OpenPageFile() {
  auto opened = PageFile::Open(*core_.file_system, core_.GraphPath(), OpenMode::kRead);
  ENGRAM_RETURN_IF_ERROR(ReadSlots());
  if (opened.ok()) {
    core_.page_file = std::move(*opened);
    core_.store_id = core_.page_file->superblock().store_id;
    const auto layout = NodeLayout::Create(core_.page_file->superblock().parameters);
    if (layout.ok()) {
      core_.layout = std::make_unique<NodeLayout>(*layout);
    } else {
      AddFile("graph.engram: superblock", std::string(layout.status().message()));
      core_.page_file.reset();
    }
    return Status::Ok();
  }
  if (!IsDamage(opened.status())) return opened.status();
  // Each slot's reason by itself; where it is none of them, what the two are together.
  bool said = false;
  for (const Status& slot : slots_) {
    if (slot.ok()) continue;
    findings_.AddStatus(FindingKind::kFile, slot);
    said = true;
  }
  return said ? Status::Ok()
              : findings_.AddOrFail(FindingKind::kFile, "graph.engram", opened.status());
}

Status Verifier::ReadSlots() {
  const auto file = core_.file_system->Open(core_.GraphPath(), OpenMode::kRead);
  if (!file.ok()) return IsDamage(file.status()) ? Status::Ok() : file.status();
  ENGRAM_ASSIGN_OR_RETURN(const std::uint64_t bytes, (*file)->Size());
  if (bytes < kFirstExtentOffset) return Status::Ok();  // for PageFile::Open() to say
  for (unsigned slot = 0; slot < 2; ++slot) {
    slots_[slot] = ReadSuperblockSlot(**file, slot, bytes).status();
  }
  return Status::Ok();
}

Status Verifier::OpenJournal() {
  const Superblock& superblock = core_.page_file->superblock();
  auto opened =
      Journal::Open(*core_.file_system, core_.JournalPath(), OpenMode::kRead, core_.store_id,
                    superblock.parameters.journal_blocks * std::uint64_t{kBlockBytes});
  if (!opened.ok())
    return findings_.AddOrFail(FindingKind::kFile, "graph.journal", opened.status());
  core_.journal = std::move(*opened);
  // What is not whole in it is ordinary after a crash.
  ENGRAM_ASSIGN_OR_RETURN(round_, core_.journal->Read());
  // Two ahead where recovery wrote the newer superblock once more over itself and lost it: the
  // round is of the checkpoint that was to follow that one.
  const std::uint64_t ahead = slots_[1 - superblock.slot].ok() ? 1 : 2;
  if (round_.name.checkpoint > superblock.checkpoint + ahead) {
    AddFile("graph.journal: header", "checkpoint " + std::to_string(round_.name.checkpoint) +
                                         ", expected at most " +
                                         std::to_string(superblock.checkpoint + ahead));
  }
  return Status::Ok();
}

Status Verifier::CheckPages() {
  const Status status = ReadPagesInUse(core_, bad_);
  if (!status.ok()) return findings_.AddOrFail(FindingKind::kPage, "graph.engram", status);
  pages_read_ = true;
  const StoreState& state = core_.page_file->superblock().state;
  for (const SegmentKind segment : kAllSegments) {
    report_.pages += PagesInUse(*core_.layout, state, segment);
  }
  return bad_.empty() ? Status::Ok() : RestorePages();
}

Status Verifier::RestorePages() {
  const std::uint64_t checkpoint = core_.page_file->superblock().checkpoint;
  // Pages of the superblock's own checkpoint were durable before it: they were damaged since,
  // which no crash does, though recovery mends them too.
  if (round_.name.checkpoint <= checkpoint) {
    for (const BadPage& page : bad_) findings_.AddStatus(FindingKind::kPage, page.why);
  }
  const std::vector<PageImage> images = ImagesFor(round_, checkpoint, bad_);
  if (round_.name.checkpoint > checkpoint) {
    for (const BadPage& page : bad_) findings_.AddStatus(FindingKind::kPage, page.why);
  }
  const Status status = PutImages(core_, images);
  pages_read_ = status.ok();
  report_.restored_pages = status.ok() ? images.size() : 0;
  return findings_.AddOrFail(FindingKind::kPage, "graph.engram", status);
}

// RocksDB does not tell damage from a failing device, so that whatever it says is a finding.
void Verifier::OpenMetaStore() {
  MetaStoreOptions options;
  options.file_system = core_.file_system;
  options.directory = core_.MetaPath();
  options.read_only = true;
  if (core_.page_file != nullptr) options.store_id = core_.store_id;
  auto opened = MetaStore::Open(options);
  // Before the first checkpoint the log has all rows, and an opening makes the store anew.
  const bool may_be_missing =
      core_.page_file != nullptr && core_.page_file->superblock().lsn == Lsn::kNone;
  if (opened.code() == Code::kNotFound && may_be_missing) return;
  if (!opened.ok()) {
    AddFile("meta", std::string(opened.status().message()));
    return;
  }
  meta_ = std::move(*opened);
  if (const Status status = meta_->VerifyChecksums(); !status.ok()) {
    AddFile("meta", std::string(status.message()));
  }
}

Status Verifier::CheckLog() {
  Lsn oldest = core_.page_file->superblock().lsn;
  Lsn newest = oldest;
  if (meta_ != nullptr) {
    const FamilyLsns families = meta_->applied();
    oldest = std::min(oldest, *std::min_element(families.begin(), families.end()));
    newest = std::max(newest, *std::max_element(families.begin(), families.end()));
  }
  const auto end = Redo(oldest, newest);
  if (end.ok()) {
    last_ = std::max(end->last, newest);
    generation_ = end->generation;
    CheckLogEnd(*end);
  } else {
    ENGRAM_RETURN_IF_ERROR(findings_.AddOrFail(FindingKind::kLog, "wal", end.status()));
  }
  LogReaderOptions options;
  options.file_system = core_.file_system;
  options.directory = core_.LogPath();
  options.store_id = core_.store_id;
  FrameCounter counter;
  const Status status =
      ForEachFrame(options, [&](const FrameInfo& frame) { counter.Add(frame.header); });
  // What is wrong with a segment as a whole, reading has said above.
  if (!status.ok() && !IsDamage(status)) return status;
  report_.frames = counter.frames();
  report_.commits = counter.commits();
  return Status::Ok();
}

Result<LogEnd> Verifier::Redo(Lsn oldest, Lsn newest) {
  LogReaderOptions options;
  options.file_system = core_.file_system;
  options.directory = core_.LogPath();
  options.store_id = core_.store_id;
  options.known_durable = newest;
  log_rows_.emplace(meta_ == nullptr ? std::vector<std::string>() : meta_->field_names());
  const Lsn checkpoint = core_.page_file->superblock().lsn;
  MutexLock role(core_.writer_role);
  const auto visit = [&](Lsn lsn, std::span<const std::span<const std::byte>> payloads)
                         ENGRAM_NO_THREAD_SAFETY_ANALYSIS -> Status {
    const std::string where = "wal: commit " + std::to_string(Raw(lsn)) + ": ";
    const auto located = [&where](const Status& status) {
      return status.ok() ? status : Status(status.code(), where + std::string(status.message()));
    };
    CommitRecord record;
    for (const auto payload : payloads) {
      ENGRAM_RETURN_IF_ERROR(located(DecodePayload(payload, record)));
    }
    ENGRAM_RETURN_IF_ERROR(located(log_rows_->Add(lsn, record)));
    if (lsn <= checkpoint || !pages_read_) return Status::Ok();
    return located(ApplyToPages(core_, lsn, record, ApplyMode::kReplay));
  };
  return ReadLog(options, oldest, visit);
}

void Verifier::CheckLogEnd(const LogEnd& end) {
  const Superblock& superblock = core_.page_file->superblock();
  // Each opening for writing makes a segment before anything else, and the newest is never removed.
  if (end.generation < superblock.log_generation) {
    findings_.Add(FindingKind::kLog, "wal",
                  end.segments == 0
                      ? "no segment, expected one of generation " +
                            std::to_string(superblock.log_generation) + " at least"
                      : "the newest segment is of generation " + std::to_string(end.generation) +
                            ", expected " + std::to_string(superblock.log_generation) +
                            " at least: newer ones are missing");
  }
  // The slot that does not count may have been torn by a crash: during a checkpoint, which is made
  // because there are commits above the last, or before the space of extents that are gone went
  // back. Where there are neither, it was damaged since.
  const unsigned other = 1 - superblock.slot;
  const bool never_written = superblock.checkpoint == 1;
  if (slots_[other].ok() || never_written || *last_ > superblock.lsn) return;
  if (round_.name.checkpoint > superblock.checkpoint) return;
  const auto unused = core_.page_file->UnusedBytes();
  if (unused.ok() && *unused > 0) return;
  findings_.AddStatus(FindingKind::kFile, slots_[other]);
}

// What a clean close has left of the linker's counts, against the lists. One of another graph is
// what an opening that was not closed cleanly leaves, and means nothing.
Status Verifier::CheckParents(const StoreState& state) {
  const auto kept = ReadParents(*core_.file_system, core_.directory,
                                {core_.store_id, generation_, *last_, state.node_slots});
  if (kept.code() == Code::kNotFound) return Status::Ok();
  if (!kept.ok()) return findings_.AddOrFail(FindingKind::kFile, "graph.parents", kept.status());
  Linker linker{LinkerOptions()};
  const Graph graph = core_.GraphNow();
  const EntryPoint entry{state.entry_point, state.top_level};
  // What is wrong with the graph itself is said already.
  if (!linker.Rebuild(graph, state.node_slots, entry).ok()) return Status::Ok();
  const std::vector<std::uint32_t> counts = linker.ParentCounts(graph, state.node_slots);
  const auto [found, expected] = std::mismatch(kept->begin(), kept->end(), counts.begin());
  if (found == kept->end()) return Status::Ok();
  AddFile("graph.parents", "slot " + std::to_string(found - kept->begin()) + " has " +
                               std::to_string(*found) + " parents, expected " +
                               std::to_string(*expected) + ", as the links say");
  return Status::Ok();
}

// That states with a name are whole.
void Verifier::CheckNames() {
  const auto named = meta_->ReadSnapshots();
  if (!named.ok()) return AddFile("meta: family state", std::string(named.status().message()));
  Lsn horizon = Lsn::kNone;
  {
    MutexLock role(core_.writer_role);
    horizon = core_.writer.progress.horizon;
  }
  for (const SnapshotRow& row : *named) {
    if (log_rows_->Drops(row.name)) continue;
    if (row.lsn >= horizon && (!last_ || row.lsn <= *last_)) continue;
    findings_.Add(FindingKind::kRow, "meta: family state",
                  "snapshot \"" + row.name + "\" is of commit " + std::to_string(Raw(row.lsn)) +
                      ", expected " + std::to_string(Raw(horizon)) + " to " +
                      std::to_string(Raw(last_.value_or(kForever))) +
                      ", the states that are whole");
  }
}

Status Verifier::CheckContents() {
  std::vector<StoredVersion> versions;
  const bool pages_are_known = pages_read_ && last_.has_value();
  if (pages_are_known) {
    StoreState state;
    {
      MutexLock role(core_.writer_role);
      state = core_.writer.state;
    }
    const BadPages bad(bad_);
    versions = CheckNodes(core_, state, *last_, bad, findings_);
    CheckGraph(core_, state, bad, findings_);
    if (bad_.empty()) ENGRAM_RETURN_IF_ERROR(CheckParents(state));
    report_.patterns = static_cast<std::uint64_t>(
        std::count_if(versions.begin(), versions.end(), [](const auto& v) { return v.live; }));
  }
  if (!pages_are_known && core_.page_file != nullptr) {
    findings_.Add(FindingKind::kPattern, "graph.engram",
                  "patterns were not looked at: what is said above leaves their state unknown");
  }
  if (meta_ == nullptr) return Status::Ok();
  const bool comparable = pages_are_known && bad_.empty();
  if (!log_rows_) log_rows_.emplace(meta_->field_names());
  CheckNames();
  report_.rows = CheckRows(*meta_, *log_rows_, comparable ? &versions : nullptr, findings_);
  if (!comparable) {
    findings_.Add(FindingKind::kRow, "meta",
                  "rows were not compared with patterns: what is said above leaves these unknown");
  }
  return Status::Ok();
}

// A directory without a page file is no store, unless it holds what only a store has.
Result<bool> LostPageFile(FileSystem& files, const std::string& directory) {
  for (const char* name : {"wal", "meta"}) {
    const auto names = files.List(JoinPath(directory, name));
    if (names.ok() && !names->empty()) return true;
    if (!names.ok() && names.code() != Code::kNotFound) return names.status();
  }
  return false;
}

}  // namespace

Result<VerifyReport> VerifyStore(const std::shared_ptr<FileSystem>& files,
                                 const std::string& directory) {
  ENGRAM_ASSIGN_OR_RETURN(const std::unique_ptr<FileLock> lock, LockForReading(*files, directory));
  ENGRAM_ASSIGN_OR_RETURN(const bool there,
                          FileExists(*files, JoinPath(directory, "graph.engram")));
  if (!there) {
    ENGRAM_ASSIGN_OR_RETURN(const bool lost, LostPageFile(*files, directory));
    if (!lost) {
      return Status::NotFound(directory + " holds no store: there is no graph.engram in it");
    }
  }
  return Verifier(files, directory).Run();
}

}  // namespace engram
