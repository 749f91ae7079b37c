#include "engine/dump.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "index/node_layout.h"
#include "index/upper_view.h"
#include "storage/base/coding.h"
#include "storage/page_file.h"
#include "tests/engine/raw_store_fixture.h"
#include "wal/log_frames.h"
#include "wal/log_segments.h"
#include "wal/record_codec.h"

namespace engram {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string ValueOf(const DumpSection& section, const std::string& name) {
  for (const auto& [field, value] : section.fields) {
    if (field == name) return value;
  }
  return "no field " + name;
}

class DumpTest : public RawStoreTest {
 protected:
  std::vector<DumpSection> Check(Result<std::vector<DumpSection>> sections) {
    EXPECT_TRUE(sections.ok()) << sections.status();
    return sections.ok() ? std::move(*sections) : std::vector<DumpSection>();
  }
  std::vector<DumpSection> Page(std::uint64_t page) {
    return Check(DumpPage(files_, path(), page));
  }

  // A segment of one commit, behind all others.
  void AddSegment(std::span<const std::span<const std::byte>> payloads) {
    const std::string newest = Read("wal/" + Names("wal").back());
    auto header = LoadAs<SegmentHeader>(reinterpret_cast<const std::byte*>(newest.data()));
    header.first_lsn = static_cast<Lsn>(1 << 20);
    const FrameStamp stamp{header.first_lsn, header.previous_end, header.generation,
                           header.store_id};
    std::vector<std::byte> frames(CommitSpace(payloads));
    PutCommit(stamp, payloads, frames.data());
    const auto made = CreateSegment(
        *files_, PathOf("wal"), header, AlignUp(kLogBlockBytes + frames.size(), kLogBlockBytes),
        [&](File& file) { return file.WriteAt(kLogBlockBytes, frames); });
    ASSERT_TRUE(made.ok()) << made.status();
  }

  // The number of a segment's first page, in the order of the file.
  std::uint64_t FirstPage(SegmentKind segment) const {
    std::vector<ExtentEntry> extents = OpenPages()->Extents();
    std::sort(extents.begin(), extents.end(), [](const ExtentEntry& a, const ExtentEntry& b) {
      return a.file_offset < b.file_offset;
    });
    std::uint64_t pages = 0;
    for (const ExtentEntry& extent : extents) {
      if (extent.segment == segment) return pages;
      pages += extent.pages;
    }
    ADD_FAILURE() << "no page of " << SegmentName(segment);
    return 0;
  }
  std::uint64_t FirstOffset(SegmentKind segment) const {
    return OpenPages()->FileOffset({segment, PageId{0}});
  }
  NodeLayout Layout() const { return *NodeLayout::Create(OpenPages()->superblock().parameters); }
};

TEST_F(DumpTest, NodesPageShowsHeaderAndBlocks) {
  MakeStore(End::kClosed);
  const auto sections = Page(FirstPage(SegmentKind::kNodes));
  ASSERT_GE(sections.size(), 3u);
  EXPECT_EQ(sections[0].title,
            "nodes page 0 at " + std::to_string(FirstOffset(SegmentKind::kNodes)));
  EXPECT_EQ(ValueOf(sections[0], "page"), "0");
  EXPECT_EQ(ValueOf(sections[0], "segment"), "1 (nodes)");
  EXPECT_THAT(ValueOf(sections[0], "checksum"), Not(HasSubstr("wrong")));
  EXPECT_EQ(sections[1].title, "node 0");
  EXPECT_EQ(ValueOf(sections[1], "id"), "1");
  EXPECT_EQ(ValueOf(sections[1], "valid to"), "forever");
  EXPECT_THAT(ValueOf(sections[1], "vector"), StartsWith("0 0.14285"));
}

TEST_F(DumpTest, LinksOfANodeAreShownByPositionAndClearOnesToo) {
  MakeStore(End::kClosed);
  const NodeLayout layout = Layout();
  EditPage(SegmentKind::kNodes, 0, [&](std::span<std::byte> page) {
    std::byte* const block = page.data() + layout.OffsetInPage(SlotId{1});
    const std::array<std::uint32_t, 8> links = {17, 0xffffffff, 4, 5, 0xffffffff, 9, ~0u, ~0u};
    StoreAs(block + layout.links_offset(), links);
    StoreAs(block + offsetof(NodeHeader, link_count), std::uint16_t{3});
  });
  const auto sections = Page(FirstPage(SegmentKind::kNodes));
  ASSERT_GE(sections.size(), 3u);
  EXPECT_EQ(ValueOf(sections[2], "link count"), "3");
  EXPECT_EQ(ValueOf(sections[2], "links"),
            "0: 17, 1: clear, 2: 4, 3: 5 (wrong: expected clear), 4: clear, "
            "5: 9 (wrong: expected clear)");
}

TEST_F(DumpTest, CountsAndLevelsThatCannotBeAreMarked) {
  MakeStore(End::kClosed);
  const NodeLayout layout = Layout();
  EditPage(SegmentKind::kNodes, 0, [&](std::span<std::byte> page) {
    std::byte* const block = page.data() + layout.OffsetInPage(SlotId{1});
    StoreAs(block + offsetof(NodeHeader, link_count), std::uint16_t{999});
    StoreAs(block + offsetof(NodeHeader, level), std::uint8_t{77});
    const std::array<std::uint32_t, 8> links = {1, 2, 3, 4, 5, 6, 7, ~0u};
    StoreAs(block + layout.links_offset(), links);
  });
  const auto sections = Page(FirstPage(SegmentKind::kNodes));
  EXPECT_EQ(ValueOf(sections[2], "link count"), "999 (wrong: expected at most 8)");
  EXPECT_EQ(ValueOf(sections[2], "level"), "77 (wrong: expected at most 31)");
  EXPECT_EQ(ValueOf(sections[2], "links"), "0: 1, 1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 7: clear");
}

TEST_F(DumpTest, UpperPageShowsItsBlocks) {
  MakeStore(End::kClosed);
  const NodeLayout layout = Layout();
  EditPage(SegmentKind::kUpper, 0, [&](std::span<std::byte> page) {
    UpperView upper(page.data() + layout.UpperOffsetInPage(1), layout);
    upper.Write(SlotId{12}, 2, 30);
    Links links = upper.links();
    links.Set(0, SlotId{5});
    links.Set(2, SlotId{6});
    links.SetCount(3);
    UpperView(page.data() + layout.UpperOffsetInPage(2), layout).Write(SlotId{13}, 1, kNoUpper);
  });
  const auto sections = Page(FirstPage(SegmentKind::kUpper));
  ASSERT_GE(sections.size(), 4u);
  EXPECT_EQ(sections[0].title,
            "upper page 0 at " + std::to_string(FirstOffset(SegmentKind::kUpper)));
  EXPECT_EQ(ValueOf(sections[0], "segment"), "2 (upper)");
  EXPECT_THAT(ValueOf(sections[0], "checksum"), Not(HasSubstr("wrong")));
  EXPECT_EQ(sections[2].title, "upper 1");
  EXPECT_EQ(ValueOf(sections[2], "node"), "12");
  EXPECT_EQ(ValueOf(sections[2], "above"), "30");
  EXPECT_EQ(ValueOf(sections[2], "link count"), "3");
  EXPECT_EQ(ValueOf(sections[2], "level"), "2");
  EXPECT_EQ(ValueOf(sections[2], "reserved"), "zero");
  EXPECT_EQ(ValueOf(sections[2], "links"), "0: 5, 1: clear, 2: 6");
  EXPECT_EQ(ValueOf(sections[3], "above"), "none");
  EXPECT_EQ(ValueOf(sections[3], "links"), "none");
  EXPECT_EQ(ValueOf(sections.back(), "block"), "never written");
}

TEST_F(DumpTest, DamagedPageSaysWhatIsWrong) {
  MakeStore(End::kClosed);
  Flip("graph.engram", FirstOffset(SegmentKind::kNodes) + 200);
  const auto sections = Page(FirstPage(SegmentKind::kNodes));
  ASSERT_FALSE(sections.empty());
  EXPECT_THAT(ValueOf(sections[0], "checksum"), HasSubstr("wrong: expected 0x"));
}

TEST_F(DumpTest, EveryPageCanBeShownAndTheNextIsNotFound) {
  MakeStore(End::kClosed);
  const auto pages = OpenPages();
  std::uint64_t count = 0;
  for (const ExtentEntry& extent : pages->Extents()) count += extent.pages;
  bool states = false;
  for (std::uint64_t page = 0; page < count; ++page) {
    const auto sections = Page(page);
    ASSERT_FALSE(sections.empty());
    const auto last = sections.back();
    if (sections[0].title.starts_with("node slots page 0")) {
      states = true;
      EXPECT_EQ(last.title, "states of slots 0 to 16127");
      EXPECT_EQ(last.fields.back().second, "free");
      EXPECT_EQ(last.fields.front().second, "live");
    }
  }
  EXPECT_TRUE(states);
  EXPECT_EQ(DumpPage(files_, path(), count).code(), Code::kNotFound);
}

TEST_F(DumpTest, SuperblockShowsBothSlotsAndTheExtents) {
  MakeStore(End::kClosed);
  const auto sections = Check(DumpSuperblock(files_, path()));
  ASSERT_EQ(sections.size(), 3u);
  EXPECT_EQ(sections[0].title, "superblock 0");
  EXPECT_EQ(ValueOf(sections[0], "valid"), "yes");
  EXPECT_EQ(ValueOf(sections[0], "dimensions"), "8");
  EXPECT_EQ(ValueOf(sections[0], "metric"), "1 (l2)");
  EXPECT_THAT(sections[2].title, StartsWith("extents of superblock"));
  EXPECT_THAT(ValueOf(sections[2], "0"), HasSubstr(" pages 0 to "));
}

TEST_F(DumpTest, SuperblocksThatAreNotValidAreShownAllTheSame) {
  MakeStore(End::kClosed);
  Flip("graph.engram", SuperblockOffset(0) + offsetof(Superblock, parameters.metric));
  Flip("graph.engram", SuperblockOffset(1) + 200);
  const auto sections = Check(DumpSuperblock(files_, path()));
  ASSERT_EQ(sections.size(), 2u);
  for (const DumpSection& section : sections) {
    EXPECT_THAT(ValueOf(section, "valid"), StartsWith("no ("));
    EXPECT_THAT(ValueOf(section, "checksum"), HasSubstr("wrong"));
  }
  EXPECT_EQ(DumpPage(files_, path(), 0).code(), Code::kCorruptedIndex);
  EXPECT_EQ(DumpLog(files_, path()).code(), Code::kCorruptedIndex);
}

TEST_F(DumpTest, LogShowsSegmentsAndFrames) {
  MakeStore(End::kKilled);
  const auto sections = Check(DumpLog(files_, path()));
  std::size_t segments = 0;
  std::size_t inserts = 0;
  for (const DumpSection& section : sections) {
    if (section.title.starts_with("segment ")) {
      ++segments;
      EXPECT_THAT(ValueOf(section, "checksum"), Not(HasSubstr("wrong")));
    } else {
      EXPECT_THAT(section.title, StartsWith("frame at "));
      EXPECT_EQ(ValueOf(section, "kind"), "last");
      if (ValueOf(section, "holds").starts_with("10 inserts")) ++inserts;
    }
  }
  EXPECT_EQ(segments, Names("wal").size());
  EXPECT_GE(inserts, 10u);
}

TEST_F(DumpTest, LogShowsUpperBlocksAndLinksOfEachSlot) {
  MakeStore(End::kKilled);
  CommitRecord record;
  record.upper_retires = {40};
  record.uppers = {{41, static_cast<SlotId>(7), 0xffffffff, 2}};
  record.links = {{static_cast<SlotId>(7), 0, 2, 2, 0}, {static_cast<SlotId>(3), 1, 5, 1, 2}};
  record.link_sets = {
      {static_cast<SlotId>(3), 0}, {static_cast<SlotId>(9), 1}, {static_cast<SlotId>(7), 4}};
  record.link_clears = {6, 8};
  record.state.entry_point = static_cast<SlotId>(7);
  record.state.top_level = 2;
  RecordEncoder encoder;
  AddSegment(encoder.Encode(record, kTargetPayloadBytes));
  const auto sections = Check(DumpLog(files_, path()));
  ASSERT_FALSE(sections.empty());
  const DumpSection& frame = sections.back();
  const std::string holds = ValueOf(frame, "holds");
  EXPECT_THAT(holds, StartsWith("1 upper blocks freed, 1 upper blocks, 2 lists of links; then "));
  EXPECT_THAT(holds, HasSubstr("entry 7, top level 2"));
  EXPECT_EQ(ValueOf(frame, "upper block 40"), "free");
  EXPECT_EQ(ValueOf(frame, "upper block 41"), "slot 7, level 2, above it none");
  EXPECT_EQ(ValueOf(frame, "links of slot 7 at level 0"), "2 links; 0: 3, 1: 9");
  EXPECT_EQ(ValueOf(frame, "links of slot 3 at level 1"), "5 links; 4: 7; clear 6, 8");
}

TEST_F(DumpTest, DamagedSegmentIsShownAsItLies) {
  MakeStore(End::kKilled);
  const std::string name = Names("wal").back();
  Flip("wal/" + name, 24);  // the store's id
  const auto sections = Check(DumpLog(files_, path()));
  const auto segment = std::find_if(sections.begin(), sections.end(), [&](const DumpSection& s) {
    return s.title == "segment " + name;
  });
  ASSERT_NE(segment, sections.end());
  EXPECT_THAT(ValueOf(*segment, "store id"), HasSubstr("wrong"));
  EXPECT_THAT(ValueOf(*segment, "checksum"), HasSubstr("wrong"));
}

TEST_F(DumpTest, FrameThatIsDamagedLeavesAGap) {
  MakeStore(End::kKilled);
  const std::string name = "wal/" + Names("wal").back();
  Flip(name, 4096 + 60);
  const auto sections = Check(DumpLog(files_, path()));
  EXPECT_TRUE(std::any_of(sections.begin(), sections.end(), [](const DumpSection& section) {
    return section.title.starts_with("no valid frame from 4096 to ");
  }));
}

TEST_F(DumpTest, ChangesNothing) {
  MakeStore(End::kKilled);
  const std::vector<std::string> before = Everything();
  Page(0);
  Check(DumpSuperblock(files_, path()));
  Check(DumpLog(files_, path()));
  EXPECT_TRUE(before == Everything());
}

TEST_F(DumpTest, SaysWhereThereIsNoStoreAndWhereOneIsOpen) {
  EXPECT_EQ(DumpPage(files_, path(), 0).code(), Code::kNotFound);
  EXPECT_EQ(DumpSuperblock(files_, path()).code(), Code::kNotFound);
  EXPECT_EQ(DumpLog(files_, path()).code(), Code::kNotFound);
  const auto engine = OpenEngine();
  EXPECT_EQ(DumpPage(files_, path(), 0).code(), Code::kBusy);
  EXPECT_EQ(DumpSuperblock(files_, path()).code(), Code::kBusy);
  EXPECT_EQ(DumpLog(files_, path()).code(), Code::kBusy);
}

}  // namespace
}  // namespace engram
