#include "engine/dump.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/dump_text.h"
#include "engine/raw_store.h"
#include "index/node_layout.h"
#include "index/node_view.h"
#include "index/upper_view.h"
#include "storage/base/aligned_buffer.h"
#include "storage/base/checksum.h"
#include "storage/base/coding.h"
#include "storage/base/status_macros.h"
#include "storage/extent_table.h"
#include "storage/page_file.h"
#include "storage/slot_bits.h"
#include "storage/superblock.h"

namespace engram {
namespace {

std::string GraphPath(const std::string& directory) { return JoinPath(directory, "graph.engram"); }

Result<std::unique_ptr<File>> OpenGraph(FileSystem& files, const std::string& directory) {
  auto file = files.Open(GraphPath(directory), OpenMode::kRead);
  if (file.code() == Code::kNotFound) {
    return Status::NotFound(directory + " holds no store: there is no graph.engram in it");
  }
  return file;
}

// A page by its number in the order of the file.
struct PagePlace {
  PageRef ref;
  std::uint64_t offset = 0;
};

std::optional<PagePlace> FindPage(const CheckpointRoot& root, std::uint64_t number) {
  struct Run {
    ExtentEntry extent;
    std::uint32_t first_page = 0;
  };
  std::vector<Run> runs;
  std::array<std::uint32_t, kSegments> pages{};
  for (const ExtentEntry& extent : root.extents) {
    runs.push_back({extent, pages[IndexOf(extent.segment)]});
    pages[IndexOf(extent.segment)] += extent.pages;
  }
  std::sort(runs.begin(), runs.end(),
            [](const Run& a, const Run& b) { return a.extent.file_offset < b.extent.file_offset; });
  for (const Run& run : runs) {
    if (number < run.extent.pages) {
      const auto index = static_cast<std::uint32_t>(number);
      const std::uint64_t page_bytes = PageBytesOf(root.superblock.parameters, run.extent.segment);
      return PagePlace{{run.extent.segment, static_cast<PageId>(run.first_page + index)},
                       run.extent.file_offset + index * page_bytes};
    }
    number -= run.extent.pages;
  }
  return std::nullopt;
}

DumpSection HeaderSection(std::span<const std::byte> page, const PagePlace& place,
                          std::uint64_t store_id) {
  DumpSection section;
  section.title = Describe(place.ref) + " at " + std::to_string(place.offset);
  if (IsNeverWritten(page)) {
    section.fields = {{"page", "never written"}};
    return section;
  }
  const auto header = LoadAs<PageHeader>(page.data());
  const std::uint64_t checksum = Checksum64(page.subspan(sizeof(PageHeader::checksum)), store_id);
  const bool right_segment = header.segment == place.ref.segment;
  section.fields = {
      {"checksum", HexOrWrong(header.checksum, checksum)},
      {"store id", HexOrWrong(header.store_id, store_id)},
      {"lsn", std::to_string(Raw(header.lsn))},
      {"page", NumberOrWrong(header.page, Raw(place.ref.page))},
      {"segment",
       SegmentText(header.segment) +
           (right_segment ? "" : " (wrong: expected " + SegmentText(place.ref.segment) + ")")},
      {"reserved", Reserved(page.subspan(offsetof(PageHeader, reserved1), 32))}};
  return section;
}

std::string LinkCountText(std::uint32_t count, std::uint32_t capacity) {
  std::string text = std::to_string(count);
  if (count > capacity) text += " (wrong: expected at most " + std::to_string(capacity) + ")";
  return text;
}

std::string LevelText(std::uint32_t level) {
  std::string text = std::to_string(level);
  if (level > kMaxLevel) text += " (wrong: expected at most " + std::to_string(kMaxLevel) + ")";
  return text;
}

std::string UpperText(std::uint32_t block) {
  return block == kNoUpper ? "none" : std::to_string(block);
}

std::string FlagsText(std::uint8_t flags) {
  std::string text = std::to_string(flags);
  if ((flags & static_cast<std::uint8_t>(NodeFlag::kExpires)) != 0) text += ", expires";
  if ((flags & static_cast<std::uint8_t>(NodeFlag::kMoved)) != 0) text += ", moved";
  return text;
}

// The positions of a list, as they lie there.
std::vector<SlotId> Positions(const ConstLinks& links) {
  return {links.data(), links.data() + links.capacity()};
}

DumpSection NodeSection(std::uint32_t slot, const std::byte* block, const NodeLayout& layout) {
  const auto header = LoadAs<NodeHeader>(block);
  const ConstNodeView node(block, layout);
  return {
      "node " + std::to_string(slot),
      {{"id", std::to_string(header.id)},
       {"version", std::to_string(Raw(header.version))},
       {"valid from", std::to_string(Raw(header.valid_from))},
       {"valid to", header.valid_to == kForever ? "forever" : std::to_string(Raw(header.valid_to))},
       {"timestamp", TimeText(header.timestamp_us)},
       {node.has_expiry() ? "expires" : "inserted", TimeText(header.when_us)},
       {"type", std::to_string(header.type)},
       {"norm", VectorText({&header.norm, 1})},
       {"upper", UpperText(header.upper)},
       {"link count", LinkCountText(header.link_count, layout.max_links0())},
       {"level", LevelText(header.level)},
       {"flags", FlagsText(header.flags)},
       {"vector", VectorText(node.vector())},
       {"links", LinksText(Positions(node.links()), header.link_count)}}};
}

DumpSection UpperSection(std::uint32_t number, const std::byte* block, const NodeLayout& layout) {
  const auto header = LoadAs<UpperHeader>(block);
  const ConstUpperView upper(block, layout);
  return {"upper " + std::to_string(number),
          {{"node", std::to_string(header.node)},
           {"above", UpperText(header.above)},
           {"link count", LinkCountText(header.link_count, layout.max_links())},
           {"level", LevelText(header.level)},
           {"reserved", Reserved(std::as_bytes(std::span(header.reserved)))},
           {"links", LinksText(Positions(upper.links()), header.link_count)}}};
}

// Runs of slots in the same state.
DumpSection SlotsSection(std::span<const std::byte> page, PageId number) {
  DumpSection section;
  const std::uint64_t first = std::uint64_t{Raw(number)} * kSlotsPerPage;
  section.title = "states of slots " + std::to_string(first) + " to " +
                  std::to_string(first + kSlotsPerPage - 1);
  const auto state = [&](std::uint32_t slot) {
    return SlotStateIn(LoadAs<std::uint64_t>(page.data() + SlotBitsOffsetInPage(slot)), slot);
  };
  for (std::uint32_t from = 0; from < kSlotsPerPage;) {
    std::uint32_t to = from + 1;
    while (to < kSlotsPerPage && state(to) == state(from)) ++to;
    const std::string range =
        to == from + 1 ? std::to_string(first + from)
                       : std::to_string(first + from) + " to " + std::to_string(first + to - 1);
    section.fields.emplace_back(range, StateText(state(from)));
    from = to;
  }
  return section;
}

void AddBlocks(std::span<const std::byte> page, PageRef ref, const NodeLayout& layout,
               std::vector<DumpSection>& sections) {
  if (ref.segment == SegmentKind::kNodeSlots || ref.segment == SegmentKind::kUpperSlots) {
    sections.push_back(SlotsSection(page, ref.page));
    return;
  }
  const bool nodes = ref.segment == SegmentKind::kNodes;
  const std::uint32_t per_page = nodes ? layout.blocks_per_page() : layout.upper_blocks_per_page();
  const std::uint32_t block_bytes = nodes ? layout.block_bytes() : layout.upper_block_bytes();
  for (std::uint32_t i = 0; i < per_page; ++i) {
    const std::uint32_t number = Raw(ref.page) * per_page + i;
    const std::byte* block = page.data() + kPageHeaderBytes + std::size_t{i} * block_bytes;
    if (AllZero({block, block_bytes})) {
      sections.push_back(
          {(nodes ? "node " : "upper ") + std::to_string(number), {{"block", "never written"}}});
    } else {
      sections.push_back(nodes ? NodeSection(number, block, layout)
                               : UpperSection(number, block, layout));
    }
  }
}

void AddParameters(const StoreParameters& parameters, DumpSection& section) {
  section.fields.insert(section.fields.end(),
                        {{"seed", Hex(parameters.seed)},
                         {"dimensions", std::to_string(parameters.dimensions)},
                         {"m", std::to_string(parameters.m)},
                         {"metric", std::to_string(Raw(parameters.metric)) + " (" +
                                        std::string(MetricName(parameters.metric)) + ")"},
                         {"code bits", std::to_string(parameters.code_bits)},
                         {"page bytes", std::to_string(parameters.page_bytes)},
                         {"journal blocks", std::to_string(parameters.journal_blocks)}});
}

void AddState(const StoreState& state, DumpSection& section) {
  section.fields.insert(section.fields.end(),
                        {{"live", std::to_string(state.live)},
                         {"dead", std::to_string(state.dead)},
                         {"next id", std::to_string(state.next_id)},
                         {"reserved id", std::to_string(state.reserved_id)},
                         {"clock", TimeText(state.clock_us)},
                         {"node slots", std::to_string(state.node_slots)},
                         {"upper slots", std::to_string(state.upper_slots)},
                         {"entry point", SlotText(state.entry_point)},
                         {"top level", std::to_string(state.top_level)},
                         {"sweep cursor", std::to_string(state.sweep_cursor)}});
}

void AddProgress(const StoreProgress& progress, DumpSection& section) {
  section.fields.insert(section.fields.end(),
                        {{"horizon", std::to_string(Raw(progress.horizon))},
                         {"sweep through", std::to_string(Raw(progress.sweep_through))},
                         {"sweep next", std::to_string(progress.sweep_next)}});
}

Result<DumpSection> SuperblockSection(const File& file, unsigned slot, std::uint64_t file_bytes) {
  AlignedBuffer block(kBlockBytes);
  ENGRAM_RETURN_IF_ERROR(ReadExactly(file, SuperblockOffset(slot), block.span()));
  const auto superblock = LoadAs<Superblock>(block.data());
  const Status status = ReadSuperblockSlot(file, slot, file_bytes).status();
  DumpSection section;
  section.title = "superblock " + std::to_string(slot);
  section.fields = {{"valid", status.ok() ? "yes" : "no (" + std::string(status.message()) + ")"}};
  if (AllZero(block.span())) return section;
  const std::uint64_t checksum = Checksum64(block.span().subspan(sizeof(superblock.checksum)));
  section.fields.insert(
      section.fields.end(),
      {{"checksum", HexOrWrong(superblock.checksum, checksum)},
       {"magic", HexOrWrong(superblock.magic, kSuperblockMagic)},
       {"format version", NumberOrWrong(superblock.format_version, kFormatVersion)},
       {"slot", NumberOrWrong(superblock.slot, slot)},
       {"required features", Hex(superblock.required_features)},
       {"optional features", Hex(superblock.optional_features)},
       {"store id", Hex(superblock.store_id)},
       {"checkpoint", std::to_string(superblock.checkpoint)},
       {"lsn", std::to_string(Raw(superblock.lsn))},
       {"log generation", std::to_string(superblock.log_generation)},
       {"created", TimeText(superblock.created_us)}});
  AddParameters(superblock.parameters, section);
  AddState(superblock.state, section);
  AddProgress(superblock.progress, section);
  section.fields.emplace_back("extent table checksum", Hex(superblock.extent_table_checksum));
  section.fields.emplace_back("default max elements",
                              std::to_string(superblock.defaults.max_elements));
  section.fields.emplace_back("default ef construction",
                              std::to_string(superblock.defaults.ef_construction));
  section.fields.emplace_back("default ef", std::to_string(superblock.defaults.ef));
  return section;
}

DumpSection ExtentsSection(const CheckpointRoot& root) {
  DumpSection section;
  section.title = "extents of superblock " + std::to_string(root.superblock.slot);
  std::array<std::uint32_t, kSegments> pages{};
  for (std::size_t i = 0; i < root.extents.size(); ++i) {
    const ExtentEntry& extent = root.extents[i];
    std::uint32_t& first = pages[IndexOf(extent.segment)];
    section.fields.emplace_back(
        std::to_string(i), std::string(SegmentName(extent.segment)) + " pages " +
                               std::to_string(first) + " to " +
                               std::to_string(std::uint64_t{first} + extent.pages - 1) + " at " +
                               std::to_string(extent.file_offset));
    first += extent.pages;
  }
  return section;
}

}  // namespace

Result<std::vector<DumpSection>> DumpPage(const std::shared_ptr<FileSystem>& files,
                                          const std::string& directory, std::uint64_t page) {
  ENGRAM_ASSIGN_OR_RETURN(const auto lock, LockForReading(*files, directory));
  ENGRAM_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, OpenGraph(*files, directory));
  ENGRAM_ASSIGN_OR_RETURN(const CheckpointRoot root, ReadSuperblocks(*file));
  const StoreParameters& parameters = root.superblock.parameters;
  ENGRAM_ASSIGN_OR_RETURN(const NodeLayout layout, NodeLayout::Create(parameters));
  const std::optional<PagePlace> place = FindPage(root, page);
  if (!place) {
    std::uint64_t pages = 0;
    for (const ExtentEntry& extent : root.extents) pages += extent.pages;
    return Status::NotFound(file->path() + ": no page " + std::to_string(page) + ", there are " +
                            std::to_string(pages));
  }
  AlignedBuffer bytes(PageBytesOf(parameters, place->ref.segment));
  ENGRAM_RETURN_IF_ERROR(ReadExactly(*file, place->offset, bytes.span()));
  std::vector<DumpSection> sections;
  sections.push_back(HeaderSection(bytes.span(), *place, root.superblock.store_id));
  if (!IsNeverWritten(bytes.span())) AddBlocks(bytes.span(), place->ref, layout, sections);
  return sections;
}

Result<std::vector<DumpSection>> DumpSuperblock(const std::shared_ptr<FileSystem>& files,
                                                const std::string& directory) {
  ENGRAM_ASSIGN_OR_RETURN(const auto lock, LockForReading(*files, directory));
  ENGRAM_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, OpenGraph(*files, directory));
  ENGRAM_ASSIGN_OR_RETURN(const std::uint64_t file_bytes, file->Size());
  std::vector<DumpSection> sections;
  for (unsigned slot = 0; slot < 2; ++slot) {
    ENGRAM_ASSIGN_OR_RETURN(DumpSection section, SuperblockSection(*file, slot, file_bytes));
    sections.push_back(std::move(section));
  }
  // Where neither counts, the sections say why.
  const auto root = ReadSuperblocks(*file);
  if (root.ok()) sections.push_back(ExtentsSection(*root));
  return sections;
}

}  // namespace engram
