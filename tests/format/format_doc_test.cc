// The field tables of the documents on formats against the structs they describe: those of the
// code, and those of the schema of log records.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "index/node_layout.h"
#include "storage/page_format.h"
#include "storage/parents_file.h"
#include "wal/log_format.h"

namespace engram {
namespace {

struct Field {
  std::string name;
  std::size_t offset = 0;
  std::size_t bytes = 0;
  friend bool operator==(const Field&, const Field&) = default;
};

void PrintTo(const Field& field, std::ostream* out) {
  *out << field.offset << " | " << field.bytes << " | " << field.name;
}

struct Layout {
  std::string document;
  std::string heading;  // as in the struct's comment
  std::size_t bytes = 0;
  std::vector<Field> fields;
};

#define ENGRAM_FIELD(type, field) \
  Field { #field, offsetof(type, field), sizeof(type::field) }

std::vector<Layout> FileLayouts() {
  return {
      {"file-format.md",
       "Page header",
       sizeof(PageHeader),
       {ENGRAM_FIELD(PageHeader, checksum), ENGRAM_FIELD(PageHeader, store_id),
        ENGRAM_FIELD(PageHeader, lsn), ENGRAM_FIELD(PageHeader, page),
        ENGRAM_FIELD(PageHeader, segment), ENGRAM_FIELD(PageHeader, reserved0),
        ENGRAM_FIELD(PageHeader, reserved1)}},
      {"file-format.md",
       "Extent",
       sizeof(ExtentEntry),
       {ENGRAM_FIELD(ExtentEntry, file_offset), ENGRAM_FIELD(ExtentEntry, pages),
        ENGRAM_FIELD(ExtentEntry, segment), ENGRAM_FIELD(ExtentEntry, reserved)}},
      {"file-format.md",
       "Extent table",
       sizeof(ExtentTableHeader),
       {ENGRAM_FIELD(ExtentTableHeader, checksum), ENGRAM_FIELD(ExtentTableHeader, magic),
        ENGRAM_FIELD(ExtentTableHeader, store_id), ENGRAM_FIELD(ExtentTableHeader, checkpoint),
        ENGRAM_FIELD(ExtentTableHeader, count), ENGRAM_FIELD(ExtentTableHeader, reserved)}},
      {"file-format.md",
       "Parameters",
       sizeof(StoreParameters),
       {ENGRAM_FIELD(StoreParameters, seed), ENGRAM_FIELD(StoreParameters, dimensions),
        ENGRAM_FIELD(StoreParameters, m), ENGRAM_FIELD(StoreParameters, metric),
        ENGRAM_FIELD(StoreParameters, code_bits), ENGRAM_FIELD(StoreParameters, reserved0),
        ENGRAM_FIELD(StoreParameters, page_bytes), ENGRAM_FIELD(StoreParameters, journal_blocks),
        ENGRAM_FIELD(StoreParameters, reserved1)}},
      {"file-format.md",
       "Defaults",
       sizeof(StoreDefaults),
       {ENGRAM_FIELD(StoreDefaults, max_elements), ENGRAM_FIELD(StoreDefaults, ef_construction),
        ENGRAM_FIELD(StoreDefaults, ef)}},
      {"file-format.md",
       "Progress",
       sizeof(StoreProgress),
       {ENGRAM_FIELD(StoreProgress, horizon), ENGRAM_FIELD(StoreProgress, sweep_through),
        ENGRAM_FIELD(StoreProgress, sweep_next), ENGRAM_FIELD(StoreProgress, reserved)}},
      {"file-format.md",
       "State",
       sizeof(StoreState),
       {ENGRAM_FIELD(StoreState, live), ENGRAM_FIELD(StoreState, dead),
        ENGRAM_FIELD(StoreState, next_id), ENGRAM_FIELD(StoreState, reserved_id),
        ENGRAM_FIELD(StoreState, clock_us), ENGRAM_FIELD(StoreState, node_slots),
        ENGRAM_FIELD(StoreState, upper_slots), ENGRAM_FIELD(StoreState, entry_point),
        ENGRAM_FIELD(StoreState, top_level), ENGRAM_FIELD(StoreState, sweep_cursor)}},
      {"file-format.md",
       "Superblock",
       sizeof(Superblock),
       {ENGRAM_FIELD(Superblock, checksum), ENGRAM_FIELD(Superblock, magic),
        ENGRAM_FIELD(Superblock, format_version), ENGRAM_FIELD(Superblock, slot),
        ENGRAM_FIELD(Superblock, required_features), ENGRAM_FIELD(Superblock, optional_features),
        ENGRAM_FIELD(Superblock, store_id), ENGRAM_FIELD(Superblock, checkpoint),
        ENGRAM_FIELD(Superblock, lsn), ENGRAM_FIELD(Superblock, log_generation),
        ENGRAM_FIELD(Superblock, created_us), ENGRAM_FIELD(Superblock, parameters),
        ENGRAM_FIELD(Superblock, state), ENGRAM_FIELD(Superblock, extent_table_checksum),
        ENGRAM_FIELD(Superblock, defaults), ENGRAM_FIELD(Superblock, progress),
        ENGRAM_FIELD(Superblock, reserved)}},
      {"journal-format.md",
       "Journal header",
       sizeof(JournalHeader),
       {ENGRAM_FIELD(JournalHeader, checksum), ENGRAM_FIELD(JournalHeader, magic),
        ENGRAM_FIELD(JournalHeader, store_id), ENGRAM_FIELD(JournalHeader, checkpoint),
        ENGRAM_FIELD(JournalHeader, round), ENGRAM_FIELD(JournalHeader, images),
        ENGRAM_FIELD(JournalHeader, image_bytes), ENGRAM_FIELD(JournalHeader, generation),
        ENGRAM_FIELD(JournalHeader, reserved)}},
      {"journal-format.md",
       "Journal image",
       sizeof(JournalImageHeader),
       {ENGRAM_FIELD(JournalImageHeader, checksum), ENGRAM_FIELD(JournalImageHeader, store_id),
        ENGRAM_FIELD(JournalImageHeader, checkpoint), ENGRAM_FIELD(JournalImageHeader, round),
        ENGRAM_FIELD(JournalImageHeader, page), ENGRAM_FIELD(JournalImageHeader, page_bytes),
        ENGRAM_FIELD(JournalImageHeader, segment), ENGRAM_FIELD(JournalImageHeader, reserved0),
        ENGRAM_FIELD(JournalImageHeader, generation), ENGRAM_FIELD(JournalImageHeader, reserved1)}},
      {"journal-format.md",
       "Parents header",
       sizeof(ParentsHeader),
       {ENGRAM_FIELD(ParentsHeader, checksum), ENGRAM_FIELD(ParentsHeader, magic),
        ENGRAM_FIELD(ParentsHeader, store_id), ENGRAM_FIELD(ParentsHeader, lsn),
        ENGRAM_FIELD(ParentsHeader, format_version), ENGRAM_FIELD(ParentsHeader, generation),
        ENGRAM_FIELD(ParentsHeader, slots), ENGRAM_FIELD(ParentsHeader, reserved)}},
  };
}

std::vector<Layout> NodeLayouts() {
  return {
      {"file-format.md",
       "Node header",
       sizeof(NodeHeader),
       {ENGRAM_FIELD(NodeHeader, id), ENGRAM_FIELD(NodeHeader, version),
        ENGRAM_FIELD(NodeHeader, valid_from), ENGRAM_FIELD(NodeHeader, valid_to),
        ENGRAM_FIELD(NodeHeader, timestamp_us), ENGRAM_FIELD(NodeHeader, when_us),
        ENGRAM_FIELD(NodeHeader, type), ENGRAM_FIELD(NodeHeader, norm),
        ENGRAM_FIELD(NodeHeader, upper), ENGRAM_FIELD(NodeHeader, link_count),
        ENGRAM_FIELD(NodeHeader, level), ENGRAM_FIELD(NodeHeader, flags)}},
      {"file-format.md",
       "Upper block",
       sizeof(UpperHeader),
       {ENGRAM_FIELD(UpperHeader, node), ENGRAM_FIELD(UpperHeader, above),
        ENGRAM_FIELD(UpperHeader, link_count), ENGRAM_FIELD(UpperHeader, level),
        ENGRAM_FIELD(UpperHeader, reserved)}},
  };
}

std::vector<Layout> LogLayouts() {
  return {
      {"wal-format.md",
       "Segment header",
       sizeof(SegmentHeader),
       {ENGRAM_FIELD(SegmentHeader, checksum), ENGRAM_FIELD(SegmentHeader, magic),
        ENGRAM_FIELD(SegmentHeader, format_version), ENGRAM_FIELD(SegmentHeader, generation),
        ENGRAM_FIELD(SegmentHeader, store_id), ENGRAM_FIELD(SegmentHeader, first_lsn),
        ENGRAM_FIELD(SegmentHeader, previous_end), ENGRAM_FIELD(SegmentHeader, previous_generation),
        ENGRAM_FIELD(SegmentHeader, reserved)}},
      {"wal-format.md",
       "Frame header",
       sizeof(FrameHeader),
       {ENGRAM_FIELD(FrameHeader, checksum), ENGRAM_FIELD(FrameHeader, frame_bytes),
        ENGRAM_FIELD(FrameHeader, generation), ENGRAM_FIELD(FrameHeader, lsn),
        ENGRAM_FIELD(FrameHeader, durable_through), ENGRAM_FIELD(FrameHeader, part),
        ENGRAM_FIELD(FrameHeader, kind), ENGRAM_FIELD(FrameHeader, reserved)}},
  };
}

#undef ENGRAM_FIELD

std::string_view Trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '`' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> Cells(std::string_view line) {
  std::vector<std::string_view> cells;
  if (!line.starts_with('|')) return cells;
  line.remove_prefix(1);
  for (std::size_t bar; (bar = line.find('|')) != line.npos; line.remove_prefix(bar + 1)) {
    cells.push_back(Trimmed(line.substr(0, bar)));
  }
  return cells;
}

// "3,912" and "3912".
std::optional<std::size_t> Number(std::string_view cell) {
  std::string digits(cell);
  std::erase(digits, ',');
  std::size_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto [last, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc() || last != end) return std::nullopt;
  return number;
}

// The rows of the tables of fields below `heading`, down to the next heading; nothing where there
// is no such heading.
std::optional<std::vector<Field>> FieldsInDocument(const std::string& document,
                                                   const std::string& heading) {
  std::ifstream file(std::string(ENGRAM_DOCS) + "/" + document);
  std::optional<std::vector<Field>> fields;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) {
      if (fields.has_value()) break;
      const std::string_view text = std::string_view(line).substr(line.find_first_not_of('#'));
      if (Trimmed(text) == heading) fields.emplace();
      continue;
    }
    const std::vector<std::string_view> cells = Cells(line);
    if (!fields.has_value() || cells.size() < 3) continue;
    const auto offset = Number(cells[0]);
    const auto bytes = Number(cells[1]);
    if (offset && bytes) fields->push_back({std::string(cells[2]), *offset, *bytes});
  }
  return fields;
}

// A scalar's bytes in a schema; 0 where it is none.
std::size_t ScalarBytes(std::string_view type) {
  static constexpr std::pair<std::string_view, std::size_t> kScalars[] = {
      {"ubyte", 1}, {"ushort", 2}, {"uint", 4}, {"float", 4}, {"ulong", 8}, {"long", 8}};
  for (const auto& [name, bytes] : kScalars) {
    if (type == name) return bytes;
  }
  return 0;
}

// The struct `name` of wal/schema/record.fbs as FlatBuffers lays it out: each field aligned to its
// size, the whole to the largest.
Layout SchemaLayout(const std::string& name) {
  std::ifstream file(std::string(ENGRAM_SOURCES) + "/wal/schema/record.fbs");
  Layout layout{"record-format.md", name, 0, {}};
  std::size_t alignment = 1;
  const auto pad_to = [&layout](std::size_t multiple) {
    const std::size_t gap = (multiple - layout.bytes % multiple) % multiple;
    if (gap != 0) layout.fields.push_back({"padding", layout.bytes, gap});
    layout.bytes += gap;
  };
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == "struct " + name + " {") {
      inside = true;
      continue;
    }
    if (!inside) continue;
    if (line == "}") break;
    const std::size_t colon = line.find(':');
    const std::size_t end = line.find(';');
    const std::size_t bytes = ScalarBytes(line.substr(colon + 1, end - colon - 1));
    if (bytes == 0) {
      ADD_FAILURE() << "record.fbs, " << name << ": unknown type: " << line;
      return layout;
    }
    pad_to(bytes);
    layout.fields.push_back(
        {std::string(Trimmed(std::string_view(line).substr(0, colon))), layout.bytes, bytes});
    layout.bytes += bytes;
    alignment = std::max(alignment, bytes);
  }
  EXPECT_FALSE(layout.fields.empty()) << "record.fbs has no struct " << name;
  pad_to(alignment);
  return layout;
}

void ExpectDocumented(const std::vector<Layout>& layouts) {
  for (const Layout& layout : layouts) {
    const auto fields = FieldsInDocument(layout.document, layout.heading);
    if (!fields.has_value()) {
      ADD_FAILURE() << "docs/" << layout.document << " has no heading \"" << layout.heading << '"';
      continue;
    }
    EXPECT_EQ(*fields, layout.fields) << "docs/" << layout.document << ", " << layout.heading;
    std::size_t end = 0;
    for (const Field& field : *fields) {
      EXPECT_EQ(field.offset, end) << layout.heading << ": " << field.name << ": a gap before it";
      end = field.offset + field.bytes;
    }
    EXPECT_EQ(end, layout.bytes) << layout.heading << ": a gap behind its last field";
  }
}

TEST(FormatDocuments, TablesOfThePageFileAgreeWithTheStructs) { ExpectDocumented(FileLayouts()); }
TEST(FormatDocuments, TablesOfNodeBlocksAgreeWithTheStructs) { ExpectDocumented(NodeLayouts()); }
TEST(FormatDocuments, TablesOfTheLogAgreeWithTheStructs) { ExpectDocumented(LogLayouts()); }
TEST(FormatDocuments, TablesOfLogRecordsAgreeWithTheSchema) {
  std::vector<Layout> layouts;
  for (const char* name :
       {"Insert", "Upper", "Links", "Origin", "Expiry", "Cut", "End", "Snapshot", "Progress"}) {
    layouts.push_back(SchemaLayout(name));
  }
  ExpectDocumented(layouts);
}

}  // namespace
}  // namespace engram
