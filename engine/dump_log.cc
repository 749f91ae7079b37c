// DumpLog(): segments and frames.
#include <algorithm>
#include <optional>
#include <utility>

#include "engine/dump.h"
#include "engine/dump_text.h"
#include "engine/raw_store.h"
#include "storage/base/aligned_buffer.h"
#include "storage/base/checksum.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/page_file.h"
#include "storage/superblock.h"
#include "wal/log_frames.h"
#include "wal/log_segments.h"
#include "wal/record_codec.h"

namespace engram {
namespace {

DumpSection SegmentSection(const LogSegment& segment, std::span<const std::byte> block, Lsn name,
                           std::uint64_t store_id) {
  const SegmentHeader& header = segment.header;
  const std::uint64_t checksum = Checksum64(block.subspan(sizeof(header.checksum)));
  return {"segment " + SegmentName(name),
          {{"bytes", std::to_string(segment.size)},
           {"checksum", HexOrWrong(header.checksum, checksum)},
           {"magic", HexOrWrong(header.magic, kSegmentMagic)},
           {"format version", NumberOrWrong(header.format_version, kLogFormatVersion)},
           {"generation", std::to_string(header.generation)},
           {"store id", HexOrWrong(header.store_id, store_id)},
           {"first lsn", NumberOrWrong(Raw(header.first_lsn), Raw(name))},
           {"previous end", std::to_string(Raw(header.previous_end))},
           {"previous generation", std::to_string(header.previous_generation)},
           {"reserved", Reserved(block.subspan(offsetof(SegmentHeader, reserved)))}}};
}

std::string Contents(const CommitRecord& record) {
  std::string text;
  const auto add = [&text](std::size_t count, const std::string& what) {
    if (count == 0) return;
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + what;
  };
  add(record.extents.size(), "extents");
  add(record.field_names.size(), "field names");
  add(record.retires.size(), "retires");
  add(record.upper_retires.size(), "upper blocks freed");
  add(record.ends.size(), "ends");
  add(record.inserts.size(), "inserts");
  add(record.uppers.size(), "upper blocks");
  add(record.links.size(), "lists of links");
  const UpkeepRecord& upkeep = record.upkeep;
  add(upkeep.cuts.size(), "segments cut");
  add(upkeep.voids.size(), "versions erased for ever");
  add(upkeep.wipes.size(), "blocks zeroed");
  add(upkeep.clock_erases.size(), "times forgotten");
  add(upkeep.keeps_clock ? 1 : 0, "time kept");
  add(upkeep.snapshots.size(), "names of snapshots");
  add(upkeep.progress ? 1 : 0, "progress");
  const StateRecord& state = record.state;
  return (text.empty() ? "no changes" : text) + "; then " + std::to_string(state.live) + " live, " +
         std::to_string(state.dead) + " dead, next id " + std::to_string(state.next_id) +
         ", reserved id " + std::to_string(state.reserved_id) + ", clock " +
         TimeText(state.clock_us) + ", " + std::to_string(state.node_slots) + " node slots, " +
         std::to_string(state.upper_slots) + " upper slots, entry " + SlotText(state.entry_point) +
         ", top level " + std::to_string(state.top_level);
}

// "32 links; 4: 17, 9: 203; clear 11, 12".
std::string ChangesText(const LinkRecord& links, std::span<const LinkSet> sets,
                        std::span<const std::uint8_t> clears) {
  std::string text = std::to_string(links.link_count) + " links";
  const char* before = "; ";
  for (const LinkSet& set : sets) {
    text += before + std::to_string(set.position) + ": " + SlotText(set.neighbour);
    before = ", ";
  }
  before = "; clear ";
  for (const std::uint8_t position : clears) {
    text += before + std::to_string(position);
    before = ", ";
  }
  return text;
}

// Upper blocks, and the changes of each list of links.
void AddGraph(const CommitRecord& record, DumpSection& section) {
  for (const std::uint32_t block : record.upper_retires) {
    section.fields.push_back({"upper block " + std::to_string(block), "free"});
  }
  for (const UpperRecord& upper : record.uppers) {
    section.fields.push_back({"upper block " + std::to_string(upper.block),
                              "slot " + SlotText(upper.node) + ", level " +
                                  std::to_string(upper.level) + ", above it " +
                                  SlotText(static_cast<SlotId>(upper.above))});
  }
  std::span<const LinkSet> sets = record.link_sets;
  std::span<const std::uint8_t> clears = record.link_clears;
  for (const LinkRecord& links : record.links) {
    section.fields.push_back(
        {"links of slot " + SlotText(links.slot) + " at level " + std::to_string(links.level),
         ChangesText(links, sets.first(links.sets), clears.first(links.clears))});
    sets = sets.subspan(links.sets);
    clears = clears.subspan(links.clears);
  }
}

// What maintenance has changed, and where versions were moved.
void AddUpkeep(const CommitRecord& record, DumpSection& section) {
  const UpkeepRecord& upkeep = record.upkeep;
  for (const InsertRecord& insert : record.inserts) {
    if (!insert.is_moved()) continue;
    section.fields.push_back(
        {"slot " + SlotText(insert.slot), "version " + std::to_string(Raw(insert.version)) +
                                              " of pattern " + std::to_string(insert.id) +
                                              ", moved from slot " + SlotText(insert.moved_from)});
  }
  for (const CutRecord& cut : upkeep.cuts) {
    section.fields.push_back({"segment " + std::string(SegmentName(cut.segment)),
                              "cut to " + std::to_string(cut.pages) + " pages"});
  }
  for (const EndRecord& gone : upkeep.voids) {
    section.fields.push_back(
        {"slot " + SlotText(gone.slot), "pattern " + std::to_string(gone.id) + " erased for ever"});
  }
  for (const SlotId slot : upkeep.wipes) {
    section.fields.push_back({"slot " + SlotText(slot), "zeroed"});
  }
  for (const SnapshotRecord& snapshot : upkeep.snapshots) {
    section.fields.push_back(
        {"snapshot \"" + std::string(snapshot.name) + "\"",
         snapshot.lsn == Lsn::kNone ? "dropped" : "commit " + std::to_string(Raw(snapshot.lsn))});
  }
  if (!upkeep.progress) return;
  section.fields.push_back(
      {"progress", "horizon " + std::to_string(Raw(upkeep.progress->horizon)) + ", sweep through " +
                       std::to_string(Raw(upkeep.progress->sweep_through)) + ", next slot " +
                       std::to_string(upkeep.progress->sweep_next)});
}

DumpSection FrameSection(const Frame& frame) {
  const FrameHeader& header = frame.header;
  CommitRecord record;
  const Status status = DecodePayload(frame.payload, record);
  DumpSection section = {
      "frame at " + std::to_string(frame.offset),
      {{"checksum", Hex(header.checksum)},
       {"bytes", std::to_string(header.frame_bytes)},
       {"generation", std::to_string(header.generation)},
       {"lsn", std::to_string(Raw(header.lsn))},
       {"durable through", std::to_string(Raw(header.durable_through))},
       {"part", std::to_string(header.part)},
       {"kind", header.kind == FrameKind::kLast ? "last" : "part"},
       {"holds", status.ok() ? Contents(record) : "wrong: " + std::string(status.message())}}};
  if (status.ok()) AddGraph(record, section);
  if (status.ok()) AddUpkeep(record, section);
  return section;
}

Result<std::vector<Lsn>> SegmentNames(FileSystem& files, const std::string& directory) {
  ENGRAM_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  std::vector<Lsn> firsts;
  for (const std::string& name : names) {
    if (const auto first = ParseSegmentName(name)) firsts.push_back(*first);
  }
  std::sort(firsts.begin(), firsts.end());
  return firsts;
}

// A damaged header is shown as it lies; what frames it lets find, follow.
Status AddSegment(FileSystem& files, const std::string& directory, Lsn name, std::uint64_t store_id,
                  std::vector<DumpSection>& sections) {
  LogSegment segment;
  segment.path = JoinPath(directory, SegmentName(name));
  ENGRAM_ASSIGN_OR_RETURN(const auto file, files.Open(segment.path, OpenMode::kRead));
  ENGRAM_ASSIGN_OR_RETURN(segment.size, file->Size());
  if (segment.size < kLogBlockBytes) {
    sections.push_back({"segment " + SegmentName(name),
                        {{"bytes", std::to_string(segment.size) + " (wrong: expected at least " +
                                       std::to_string(kLogBlockBytes) + ")"}}});
    return Status::Ok();
  }
  AlignedBuffer block(kLogBlockBytes);
  ENGRAM_RETURN_IF_ERROR(ReadExactly(*file, 0, block.span()));
  segment.header = LoadAs<SegmentHeader>(block.data());
  sections.push_back(SegmentSection(segment, block.span(), name, store_id));
  ENGRAM_ASSIGN_OR_RETURN(FrameSource source, FrameSource::Open(files, segment, store_id));
  const auto any = [](const FrameHeader&) { return true; };
  for (std::uint64_t offset = kLogBlockBytes;;) {
    ENGRAM_ASSIGN_OR_RETURN(const std::optional<Frame> frame, source.FindFrame(offset, any));
    if (!frame) return Status::Ok();
    if (frame->offset > AlignUp(offset, kLogBlockBytes)) {
      sections.push_back({"no valid frame from " + std::to_string(offset) + " to " +
                              std::to_string(frame->offset - 1),
                          {}});
    }
    sections.push_back(FrameSection(*frame));
    offset = frame->end();
  }
}

}  // namespace

Result<std::vector<DumpSection>> DumpLog(const std::shared_ptr<FileSystem>& files,
                                         const std::string& directory) {
  ENGRAM_ASSIGN_OR_RETURN(const auto lock, LockForReading(*files, directory));
  const std::string graph = JoinPath(directory, "graph.engram");
  ENGRAM_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files->Open(graph, OpenMode::kRead));
  // Checksums of frames depend on the store's id.
  ENGRAM_ASSIGN_OR_RETURN(const CheckpointRoot root, ReadSuperblocks(*file));
  const std::string log = JoinPath(directory, "wal");
  ENGRAM_ASSIGN_OR_RETURN(const std::vector<Lsn> names, SegmentNames(*files, log));
  std::vector<DumpSection> sections;
  for (const Lsn name : names) {
    ENGRAM_RETURN_IF_ERROR(AddSegment(*files, log, name, root.superblock.store_id, sections));
  }
  return sections;
}

}  // namespace engram
