#include "engine/dump.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/raw_store_fixture.h"

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

  // Extents lie in the order of their making, nodes first.
  static constexpr std::uint64_t kFirstNodesPage = 0;
};

TEST_F(DumpTest, NodesPageShowsHeaderAndBlocks) {
  MakeStore(End::kClosed);
  const auto sections = Page(kFirstNodesPage);
  ASSERT_GE(sections.size(), 3u);
  EXPECT_EQ(sections[0].title, "nodes page 0 at 65536");
  EXPECT_EQ(ValueOf(sections[0], "page"), "0");
  EXPECT_EQ(ValueOf(sections[0], "segment"), "1 (nodes)");
  EXPECT_THAT(ValueOf(sections[0], "checksum"), Not(HasSubstr("wrong")));
  EXPECT_EQ(sections[1].title, "node 0");
  EXPECT_EQ(ValueOf(sections[1], "id"), "1");
  EXPECT_EQ(ValueOf(sections[1], "valid to"), "forever");
  EXPECT_THAT(ValueOf(sections[1], "vector"), StartsWith("0 0.14285"));
}

TEST_F(DumpTest, DamagedPageSaysWhatIsWrong) {
  MakeStore(End::kClosed);
  Flip("graph.engram", kFirstExtentOffset + 200);
  const auto sections = Page(kFirstNodesPage);
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
  EXPECT_EQ(ValueOf(sections[2], "0").substr(0, 12), "nodes pages ");
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
      if (ValueOf(section, "holds").starts_with("10 inserts; then ")) ++inserts;
    }
  }
  EXPECT_EQ(segments, Names("wal").size());
  EXPECT_GE(inserts, 10u);
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
