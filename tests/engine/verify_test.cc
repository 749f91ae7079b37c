#include "engine/verify.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/verify_findings.h"
#include "index/node_layout.h"
#include "storage/base/coding.h"
#include "storage/page_file.h"
#include "tests/engine/raw_store_fixture.h"
#include "wal/log_reader.h"

namespace engram {

// Found by its argument's namespace.
void PrintTo(const Finding& finding, std::ostream* out);
void PrintTo(const Finding& finding, std::ostream* out) {
  *out << finding.where << " | " << finding.what;
}

namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

class VerifyTest : public RawStoreTest {
 protected:
  VerifyReport Verify() {
    auto report = VerifyStore(files_, path());
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? std::move(*report) : VerifyReport{};
  }

  static auto Says(const std::string& where, const std::string& what) {
    return Contains(AllOf(Field("where", &Finding::where, HasSubstr(where)),
                          Field("what", &Finding::what, HasSubstr(what))));
  }

  std::uint64_t PageOffset(SegmentKind segment, std::uint32_t page) const {
    return OpenPages()->FileOffset({segment, static_cast<PageId>(page)});
  }

  // The header of a node, to be changed.
  void EditNode(std::uint32_t slot, const std::function<void(NodeHeader&)>& edit) {
    const NodeLayout layout = *NodeLayout::Create(OpenPages()->superblock().parameters);
    const auto id = static_cast<SlotId>(slot);
    EditPage(SegmentKind::kNodes, Raw(layout.PageOf(id)), [&](std::span<std::byte> page) {
      std::byte* block = page.data() + layout.OffsetInPage(id);
      auto header = LoadAs<NodeHeader>(block);
      edit(header);
      StoreAs(block, header);
    });
  }

  std::vector<FrameInfo> Frames() const {
    LogReaderOptions options;
    options.file_system = files_;
    options.directory = PathOf("wal");
    options.store_id = OpenPages()->superblock().store_id;
    std::vector<FrameInfo> frames;
    EXPECT_TRUE(
        ForEachFrame(options, [&](const FrameInfo& frame) { frames.push_back(frame); }).ok());
    return frames;
  }
  static std::string NameIn(const std::string& directory, const std::string& path) {
    return JoinPath(directory, path.substr(path.find_last_of('/') + 1));
  }

  // Takes rows out of the metadata store, as of the LSN that it has.
  void EraseRow(const RowErase& row, Family family) {
    const std::unique_ptr<MetaStore> meta = OpenMeta();
    const auto index = static_cast<std::size_t>(family);
    RowBatch batch;
    batch.erases.push_back(row);
    ASSERT_TRUE(meta->Apply(batch, meta->applied()[index], FamilySet().set(index)).ok());
    ASSERT_TRUE(meta->Flush().ok());
  }
};

TEST_F(VerifyTest, CleanStoreHasNoFindingsAndIsCounted) {
  MakeStore(End::kClosed);
  const VerifyReport report = Verify();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.patterns, kPatterns + 10 - 3 - 100 - 2);
  EXPECT_GT(report.pages, 10u);
  EXPECT_GT(report.frames, 0u);
  EXPECT_EQ(report.commits, report.frames);
  EXPECT_GT(report.rows, report.patterns * 2);
  EXPECT_EQ(report.restored_pages, 0u);
}

TEST_F(VerifyTest, EmptyStoreHasNoFindings) {
  ASSERT_TRUE(OpenEngine()->Close().ok());
  EXPECT_THAT(Verify().findings, IsEmpty());
}

TEST_F(VerifyTest, KilledStoreHasNoFindings) {
  MakeStore(End::kKilled);
  const VerifyReport report = Verify();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.patterns, kPatterns + 10 - 3 - 100 - 2);
}

TEST_F(VerifyTest, StoreKilledBeforeItsFirstCheckpointHasNoFindings) {
  {
    const auto engine = OpenEngine();
    for (int i = 0; i < 5; ++i) Insert(*engine, 50);
    Erase(*engine, {1, 2});
  }
  const VerifyReport report = Verify();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.patterns, 248u);
}

TEST_F(VerifyTest, ExtentsThatOnlyTheLogKnowsNeedNotBeInTheFileYet) {
  {
    const auto engine = OpenEngine();
    for (int i = 0; i < 5; ++i) Insert(*engine, 50);
  }
  Edit("graph.engram", [](File& file) { ASSERT_TRUE(file.Truncate(kFirstExtentOffset).ok()); });
  const std::vector<std::string> before = Everything();
  const VerifyReport report = Verify();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.patterns, 250u);
  EXPECT_TRUE(before == Everything());
}

TEST_F(VerifyTest, StoreKilledAgainAndAgainHasNoFindings) {
  MakeStore(End::kKilled);
  for (int i = 0; i < 3; ++i) {
    {
      const auto engine = OpenEngine();
      Insert(*engine, 20);
      if (i == 1) {
        ASSERT_TRUE(engine->Checkpoint().ok());
      }
      Insert(*engine, 20);
    }
    EXPECT_THAT(Verify().findings, IsEmpty()) << i;
  }
}

TEST_F(VerifyTest, FamiliesFlushedAtDifferentCommitsAreNoFinding) {
  MakeStore(End::kKilled);
  {
    const auto engine = OpenEngine();
    Insert(*engine, 20);
    ASSERT_TRUE(engine->core().meta->Flush().ok());
    Erase(*engine, {200, 201});
  }
  EXPECT_THAT(Verify().findings, IsEmpty());
}

TEST_F(VerifyTest, ChangesNothing) {
  for (const End end : {End::kKilled, End::kClosed}) {
    MakeStore(end);
    const std::vector<std::string> before = Everything();
    EXPECT_THAT(Verify().findings, IsEmpty());
    EXPECT_TRUE(before == Everything());
    std::filesystem::remove_all(path());
  }
}

TEST_F(VerifyTest, ChangesNothingInADamagedStore) {
  MakeStore(End::kKilled);
  Flip("graph.engram", PageOffset(SegmentKind::kNodes, 0) + 100);
  Flip("wal/" + Names("wal").front(), 5000);
  const std::vector<std::string> before = Everything();
  EXPECT_THAT(Verify().findings, Not(IsEmpty()));
  EXPECT_TRUE(before == Everything());
}

TEST_F(VerifyTest, DirectoryWithoutAStoreIsNotFound) {
  EXPECT_EQ(VerifyStore(files_, path()).code(), Code::kNotFound);
  ASSERT_TRUE(files_->CreateDirectory(path()).ok());
  EXPECT_EQ(VerifyStore(files_, path()).code(), Code::kNotFound);
}

TEST_F(VerifyTest, StoreOpenForWritingIsBusy) {
  const auto engine = OpenEngine();
  EXPECT_EQ(VerifyStore(files_, path()).code(), Code::kBusy);
}

TEST_F(VerifyTest, CopyWithoutALockFileIsLookedAt) {
  MakeStore(End::kClosed);
  ASSERT_TRUE(files_->Unlink(PathOf("LOCK")).ok());
  EXPECT_THAT(Verify().findings, IsEmpty());
}

TEST_F(VerifyTest, BothSuperblocksDamagedAreNamed) {
  MakeStore(End::kClosed);
  Flip("graph.engram", SuperblockOffset(0) + 120);
  Flip("graph.engram", SuperblockOffset(1) + 120);
  const VerifyReport report = Verify();
  EXPECT_THAT(report.findings, Says("graph.engram: superblock 0", "checksum"));
  EXPECT_THAT(report.findings, Says("graph.engram: superblock 1", "checksum"));
}

TEST_F(VerifyTest, OlderSuperblockDamagedAtRestIsNamed) {
  MakeStore(End::kClosed);
  const unsigned older = 1 - OpenPages()->superblock().slot;
  Flip("graph.engram", SuperblockOffset(older) + 120);
  EXPECT_THAT(
      Verify().findings,
      AllOf(SizeIs(1), Says("graph.engram: superblock " + std::to_string(older), "checksum")));
}

TEST_F(VerifyTest, OlderExtentTableDamagedAtRestIsNamed) {
  MakeStore(End::kClosed);
  const unsigned older = 1 - OpenPages()->superblock().slot;
  Flip("graph.engram", ExtentTableOffset(older) + 50);
  EXPECT_THAT(
      Verify().findings,
      AllOf(SizeIs(1), Says("graph.engram: extent table " + std::to_string(older), "checksum")));
}

TEST_F(VerifyTest, BothExtentTablesDamagedAreNamed) {
  MakeStore(End::kClosed);
  Flip("graph.engram", ExtentTableOffset(0) + 50);
  Flip("graph.engram", ExtentTableOffset(1) + 50);
  const VerifyReport report = Verify();
  EXPECT_THAT(report.findings, Says("graph.engram: extent table 0", "checksum"));
  EXPECT_THAT(report.findings, Says("graph.engram: extent table 1", "checksum"));
}

TEST_F(VerifyTest, TornSuperblockOfAnInterruptedCheckpointIsNoFinding) {
  MakeStore(End::kKilled);
  const unsigned older = 1 - OpenPages()->superblock().slot;
  Flip("graph.engram", SuperblockOffset(older) + 120);
  EXPECT_THAT(Verify().findings, IsEmpty());
  EXPECT_NE(OpenEngine(), nullptr);
}

TEST_F(VerifyTest, FlippedByteInAnyKindOfPageIsNamed) {
  MakeStore(End::kClosed);
  for (const SegmentKind segment : {SegmentKind::kNodes, SegmentKind::kNodeSlots}) {
    const std::string name = "graph.engram: " + Describe({segment, PageId{0}});
    for (const std::uint64_t offset : {0u, 10u, 20u, 30u, 40u, 100u, 4095u}) {
      Flip("graph.engram", PageOffset(segment, 0) + offset);
      const VerifyReport report = Verify();
      EXPECT_THAT(report.findings, Contains(Field(&Finding::where, StartsWith(name)))) << offset;
      Flip("graph.engram", PageOffset(segment, 0) + offset);
    }
  }
  EXPECT_THAT(Verify().findings, IsEmpty());
}

TEST_F(VerifyTest, EveryBadPageIsNamedAndTheRestIsStillLookedAt) {
  MakeStore(End::kClosed);
  // Without the journal there is no image of them.
  Flip("graph.journal", 0);
  Flip("graph.engram", PageOffset(SegmentKind::kNodes, 1) + 200);
  Flip("graph.engram", PageOffset(SegmentKind::kNodes, 3) + 200);
  const VerifyReport report = Verify();
  EXPECT_THAT(report.findings, Says("nodes page 1", "checksum"));
  EXPECT_THAT(report.findings, Says("nodes page 3", "checksum"));
  EXPECT_THAT(report.findings, Says("meta", "not compared"));
  EXPECT_THAT(report.findings, SizeIs(3));
  EXPECT_GT(report.patterns, 0u);
}

TEST_F(VerifyTest, PageThatAnInterruptedCheckpointToreIsNoFinding) {
  MakeStore(End::kClosed);
  // The round of a checkpoint whose superblock never came: written whole, then in place half.
  const std::unique_ptr<PageFile> pages = OpenPages();
  const Superblock& superblock = pages->superblock();
  auto journal =
      *Journal::Open(*files_, PathOf("graph.journal"), OpenMode::kReadWrite, superblock.store_id,
                     superblock.parameters.journal_blocks * std::uint64_t{kBlockBytes});
  AlignedBuffer bytes(pages->PageBytes(SegmentKind::kNodes));
  ASSERT_TRUE(pages->ReadPages(SegmentKind::kNodes, 2, 1, bytes.span()).ok());
  const PageImage image{{SegmentKind::kNodes, PageId{2}}, bytes.span()};
  ASSERT_TRUE(journal->WriteRound({1, superblock.checkpoint + 1, 0}, {&image, 1}).ok());
  Flip("graph.engram", PageOffset(SegmentKind::kNodes, 2) + 200);
  const VerifyReport report = Verify();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.restored_pages, 1u);
}

TEST_F(VerifyTest, JournalOfAnImpossibleCheckpointIsNamed) {
  MakeStore(End::kClosed);
  const std::unique_ptr<PageFile> pages = OpenPages();
  const Superblock& superblock = pages->superblock();
  auto journal =
      *Journal::Open(*files_, PathOf("graph.journal"), OpenMode::kReadWrite, superblock.store_id,
                     superblock.parameters.journal_blocks * std::uint64_t{kBlockBytes});
  AlignedBuffer bytes(pages->PageBytes(SegmentKind::kNodes));
  ASSERT_TRUE(pages->ReadPages(SegmentKind::kNodes, 2, 1, bytes.span()).ok());
  const PageImage image{{SegmentKind::kNodes, PageId{2}}, bytes.span()};
  ASSERT_TRUE(journal->WriteRound({1, superblock.checkpoint + 5, 0}, {&image, 1}).ok());
  EXPECT_THAT(Verify().findings, AllOf(SizeIs(1), Says("graph.journal: header", "checkpoint")));
}

TEST_F(VerifyTest, SwappedPagesAreNamed) {
  MakeStore(End::kClosed);
  const std::unique_ptr<PageFile> pages = OpenPages();
  const std::uint32_t page_bytes = pages->PageBytes(SegmentKind::kNodes);
  AlignedBuffer first(page_bytes);
  AlignedBuffer second(page_bytes);
  ASSERT_TRUE(pages->ReadPages(SegmentKind::kNodes, 1, 1, first.span()).ok());
  ASSERT_TRUE(pages->ReadPages(SegmentKind::kNodes, 2, 1, second.span()).ok());
  Edit("graph.engram", [&](File& file) {
    ASSERT_TRUE(file.WriteAt(PageOffset(SegmentKind::kNodes, 1), second.span()).ok());
    ASSERT_TRUE(file.WriteAt(PageOffset(SegmentKind::kNodes, 2), first.span()).ok());
  });
  const VerifyReport report = Verify();
  EXPECT_THAT(report.findings, Says("nodes page 1", "number 2, expected 1"));
  EXPECT_THAT(report.findings, Says("nodes page 2", "number 1, expected 2"));
}

TEST_F(VerifyTest, CutPageFileIsNamed) {
  MakeStore(End::kClosed);
  Edit("graph.engram", [](File& file) { ASSERT_TRUE(file.Truncate(*file.Size() / 2).ok()); });
  EXPECT_THAT(Verify().findings, Says("graph.engram: extent table", "expected an end"));
  Edit("graph.engram", [](File& file) { ASSERT_TRUE(file.Truncate(4096).ok()); });
  EXPECT_THAT(Verify().findings, Says("graph.engram", "4096 bytes"));
}

TEST_F(VerifyTest, MissingFilesAreNamed) {
  for (const std::string name : {"graph.engram", "graph.journal", "wal", "meta"}) {
    MakeStore(End::kKilled);
    std::filesystem::remove_all(PathOf(name));
    EXPECT_THAT(Verify().findings, Contains(Field(&Finding::where, StartsWith(name)))) << name;
    std::filesystem::remove_all(path());
  }
}

TEST_F(VerifyTest, CutJournalIsNamed) {
  MakeStore(End::kClosed);
  Edit("graph.journal", [](File& file) { ASSERT_TRUE(file.Truncate(4096).ok()); });
  EXPECT_THAT(Verify().findings, AllOf(SizeIs(1), Says("graph.journal", "bytes 4096")));
}

TEST_F(VerifyTest, DamageInTheMiddleOfTheLogIsNamedWithItsPlace) {
  MakeStore(End::kKilled);
  const std::vector<FrameInfo> frames = Frames();
  const FrameInfo& frame = frames[frames.size() - 4];
  Flip(NameIn("wal", frame.segment), frame.offset + 60);
  const VerifyReport report = Verify();
  EXPECT_THAT(report.findings, Says(NameIn("wal", frame.segment) + ": offset ",
                                    "expected commit " + std::to_string(Raw(frame.header.lsn))));
  EXPECT_THAT(report.findings, Says("graph.engram", "patterns were not looked at"));
}

TEST_F(VerifyTest, TornTailOfTheLogIsNoFinding) {
  {
    EngineOptions config = Options();
    config.options.durability = Durability::kNone;
    const auto engine = OpenEngine(config);
    Insert(*engine, 10);
  }
  const std::vector<FrameInfo> frames = Frames();
  Flip(NameIn("wal", frames.back().segment), frames.back().offset + 60);
  EXPECT_THAT(Verify().findings, IsEmpty());
}

TEST_F(VerifyTest, MissingSegmentIsNamed) {
  MakeStore(End::kKilled);
  const std::vector<std::string> names = Names("wal");
  ASSERT_GE(names.size(), 2u) << "the test needs several segments";
  // Nothing else tells of commits that only the newest one has.
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    const std::string& name = names[i];
    const std::string bytes = Read("wal/" + name);
    ASSERT_TRUE(files_->Unlink(PathOf("wal/" + name)).ok());
    EXPECT_THAT(Verify().findings, Contains(Field(&Finding::where, StartsWith("wal")))) << name;
    const auto file = files_->Open(PathOf("wal/" + name), OpenMode::kCreateNew);
    ASSERT_TRUE((*file)->WriteAt(0, std::as_bytes(std::span(bytes))).ok());
  }
  EXPECT_THAT(Verify().findings, IsEmpty());
}

TEST_F(VerifyTest, LogThatIsGoneFromACleanStoreIsNamed) {
  MakeStore(End::kClosed);
  for (const std::string& name : Names("wal")) {
    ASSERT_TRUE(files_->Unlink(PathOf("wal/" + name)).ok());
  }
  EXPECT_THAT(Verify().findings, AllOf(SizeIs(1), Says("wal", "no segment")));
}

TEST_F(VerifyTest, FlippedByteInATableOfTheMetadataStoreIsNamed) {
  MakeStore(End::kClosed);
  std::size_t tables = 0;
  for (const std::string& name : Names("meta")) {
    if (!name.ends_with(".sst")) continue;
    ++tables;
    Flip("meta/" + name, 5);
    EXPECT_THAT(Verify().findings, Says("meta", name)) << name;
    Flip("meta/" + name, 5);
  }
  EXPECT_GT(tables, 0u);
  EXPECT_THAT(Verify().findings, IsEmpty());
}

TEST_F(VerifyTest, MissingTableOfTheMetadataStoreIsNamed) {
  MakeStore(End::kClosed);
  for (const std::string& name : Names("meta")) {
    if (!name.ends_with(".sst")) continue;
    ASSERT_TRUE(files_->Unlink(PathOf("meta/" + name)).ok());
    EXPECT_THAT(Verify().findings, Says("meta", name));
    return;
  }
  FAIL() << "no table";
}

TEST_F(VerifyTest, EmptyMetadataStoreInPlaceOfTheRightOneIsNamed) {
  MakeStore(End::kClosed);
  std::filesystem::remove_all(PathOf("meta"));
  OpenMeta();
  EXPECT_THAT(Verify().findings, Not(IsEmpty()));
}

TEST_F(VerifyTest, DeletedRowIsNamedByItsPattern) {
  MakeStore(End::kClosed);
  const auto row = [&] {
    const auto meta = OpenMeta();
    return **meta->FindVersion(140, static_cast<Lsn>(~0ull));
  }();
  RowErase erase;
  erase.id = row.id;
  erase.version = row.version;
  EraseRow(erase, Family::kIds);
  EXPECT_THAT(Verify().findings,
              AllOf(SizeIs(1),
                    Says("meta: family ids",
                         "pattern 140, version " + std::to_string(Raw(row.version)) + ": no row")));
}

TEST_F(VerifyTest, DeletedMetadataLeavesItsFieldRowsBehind) {
  MakeStore(End::kClosed);
  const auto row = [&] {
    const auto meta = OpenMeta();
    return **meta->FindVersion(140, static_cast<Lsn>(~0ull));
  }();
  RowErase erase;
  erase.id = row.id;
  erase.version = row.version;
  EraseRow(erase, Family::kMeta);
  EXPECT_THAT(Verify().findings, AllOf(SizeIs(1), Says("meta: family field", "pattern 140")));
}

TEST_F(VerifyTest, RowThatDisagreesWithItsPatternIsNamed) {
  MakeStore(End::kClosed);
  {
    const auto meta = OpenMeta();
    VersionRow row = **meta->FindVersion(140, static_cast<Lsn>(~0ull));
    RowBatch batch;
    batch.inserts.push_back({.id = row.id,
                             .version = row.version,
                             .slot = static_cast<SlotId>(Raw(row.slot) + 1),
                             .timestamp_us = 77,
                             .type = 9});
    batch.inserts.push_back({.id = 999999, .version = row.version, .slot = row.slot});
    ASSERT_TRUE(meta->Apply(batch, meta->applied()[0], FamilySet().set()).ok());
    ASSERT_TRUE(meta->Flush().ok());
  }
  const std::vector<Finding> findings = Verify().findings;
  EXPECT_THAT(findings, Says("meta: family ids", "pattern 140"));
  EXPECT_THAT(findings, Says("meta: family time", "timestamp 77"));
  EXPECT_THAT(findings, Says("meta: family type", "type 9"));
  EXPECT_THAT(findings, Says("meta: family ids", "pattern 999999"));
  EXPECT_THAT(findings, Says("meta: family time", "no slot holds it"));
}

TEST_F(VerifyTest, MetadataThatCannotBeDecodedIsNamed) {
  MakeStore(End::kClosed);
  {
    const auto meta = OpenMeta();
    const VersionRow row = **meta->FindVersion(140, static_cast<Lsn>(~0ull));
    const std::array<std::byte, 12> garbage{std::byte{1}};
    RowBatch batch;
    batch.inserts.push_back({.id = row.id, .version = row.version, .metadata = garbage});
    ASSERT_TRUE(meta->Apply(batch, meta->applied()[0],
                            FamilySet().set(static_cast<std::size_t>(Family::kMeta)))
                    .ok());
    ASSERT_TRUE(meta->Flush().ok());
  }
  EXPECT_THAT(Verify().findings, Says("meta: family meta", "pattern 140"));
}

TEST_F(VerifyTest, FamilyAheadOfTheLogIsNamed) {
  MakeStore(End::kClosed);
  {
    const auto meta = OpenMeta();
    ASSERT_TRUE(meta->WriteMarkers(static_cast<Lsn>(1000000)).ok());
    ASSERT_TRUE(meta->Flush().ok());
  }
  EXPECT_THAT(Verify().findings, Says("wal", "1000000"));
}

// Pages with right checksums and wrong content.
struct NodeDamage {
  const char* name;
  void (*edit)(NodeHeader&);
  const char* what;
};

class VerifyNodeTest : public VerifyTest, public testing::WithParamInterface<NodeDamage> {};

TEST_P(VerifyNodeTest, IsNamed) {
  MakeStore(End::kClosed);
  // Holds a live pattern from before the checkpoint.
  EditNode(8, GetParam().edit);
  EXPECT_THAT(Verify().findings, Says("graph.engram: nodes page", GetParam().what));
}

INSTANTIATE_TEST_SUITE_P(
    Fields, VerifyNodeTest,
    testing::Values(
        NodeDamage{"Id", [](NodeHeader& h) { h.id = 1u << 30; }, "the id"},
        NodeDamage{"IdOfAnother", [](NodeHeader& h) { h.id = 10; }, "both hold it live"},
        NodeDamage{"Version", [](NodeHeader& h) { h.version = static_cast<Lsn>(1u << 30); },
                   "valid from"},
        NodeDamage{"ValidFrom", [](NodeHeader& h) { h.valid_from = static_cast<Lsn>(1u << 30); },
                   "the last commit"},
        NodeDamage{"ValidTo", [](NodeHeader& h) { h.valid_to = static_cast<Lsn>(2); },
                   "expected forever"},
        NodeDamage{"Norm", [](NodeHeader& h) { h.norm += 1; }, "length of the vector"},
        NodeDamage{"Upper", [](NodeHeader& h) { h.upper = 3; }, "upper block 3"},
        NodeDamage{"LinkCount", [](NodeHeader& h) { h.link_count = 9; }, "9 links"},
        NodeDamage{"UnsetLinks", [](NodeHeader& h) { h.link_count = 2; },
                   "expected none: the list has 2 links"},
        NodeDamage{"Level", [](NodeHeader& h) { h.level = 40; }, "level 40"},
        NodeDamage{"Flags", [](NodeHeader& h) { h.flags = 4; }, "flags 4, expected at most 3"},
        NodeDamage{"Moved", [](NodeHeader& h) { h.flags = 2; }, "live, but moved elsewhere"}),
    [](const auto& damage) { return std::string(damage.param.name); });

// It has neither the rows of one that expires.
TEST_F(VerifyTest, NodeThatSaysThatItExpiresAndDoesNotIsNamed) {
  MakeStore(End::kClosed);
  EditNode(
      8, [](NodeHeader& header) { header.flags = static_cast<std::uint8_t>(NodeFlag::kExpires); });
  const VerifyReport report = Verify();
  EXPECT_THAT(report.findings, Says("meta: family ids", "no time of insertion, expected one"));
  EXPECT_THAT(report.findings, Says("meta: family state", "no row, but slot 8 holds it"));
}

TEST_F(VerifyTest, LinkToItselfAndTwiceToOneNodeIsNamed) {
  MakeStore(End::kClosed);
  const NodeLayout layout = *NodeLayout::Create(OpenPages()->superblock().parameters);
  const SlotId slot{8};
  EditPage(SegmentKind::kNodes, Raw(layout.PageOf(slot)), [&](std::span<std::byte> page) {
    std::byte* block = page.data() + layout.OffsetInPage(slot);
    StoreAs(block + offsetof(NodeHeader, link_count), std::uint16_t{3});
    const std::array<std::uint32_t, 3> links = {8, 9, 9};
    StoreAs(block + layout.links_offset(), links);
  });
  EXPECT_THAT(Verify().findings, Says("nodes page", "leads to itself"));
  EXPECT_THAT(Verify().findings, Says("nodes page", "two links lead to slot 9"));
}

TEST_F(VerifyTest, VectorThatIsNotFiniteIsNamed) {
  MakeStore(End::kClosed);
  const NodeLayout layout = *NodeLayout::Create(OpenPages()->superblock().parameters);
  const SlotId slot{8};
  EditPage(SegmentKind::kNodes, Raw(layout.PageOf(slot)), [&](std::span<std::byte> page) {
    StoreAs(page.data() + layout.OffsetInPage(slot) + layout.vector_offset(),
            std::uint32_t{0x7fc00000});
  });
  EXPECT_THAT(Verify().findings, Says("nodes page", "slot 8"));
}

TEST_F(VerifyTest, SlotStateThatDisagreesIsNamed) {
  MakeStore(End::kClosed);
  EditPage(SegmentKind::kNodeSlots, 0, [](std::span<std::byte> page) {
    page[kPageHeaderBytes + 2] ^= std::byte{3};  // slot 8: live becomes dead
    page[4095] |= std::byte{1};                  // the last of the page, never used
  });
  const std::vector<Finding> findings = Verify().findings;
  EXPECT_THAT(findings, Says("graph.engram: nodes page", "dead, but valid"));
  EXPECT_THAT(findings, Says("graph.engram: node slots page 0", "is not free"));
  EXPECT_THAT(findings, Says("graph.engram: state", "live"));
}

// Whatever byte is damaged, verify ends; and where it finds nothing, the store opens with all that
// was in it.
TEST_F(VerifyTest, DamageAnywhereIsFoundOrHarmless) {
  MakeStore(End::kKilled);
  const VerifyReport sound = Verify();
  const std::filesystem::path copy = path() + ".copy";
  std::filesystem::copy(path(), copy, std::filesystem::copy_options::recursive);
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path())) {
    if (entry.is_regular_file() && entry.file_size() > 0) {
      files.push_back(std::filesystem::relative(entry.path(), path()).string());
    }
  }
  std::sort(files.begin(), files.end());
  std::mt19937_64 random(TestSeed(7));
  for (int i = 0; i < 60; ++i) {
    const std::string& name = files[random() % files.size()];
    // Mostly where something lies.
    const std::uint64_t size = std::filesystem::file_size(PathOf(name));
    const std::uint64_t offset =
        random() % (i % 2 == 0 ? size : std::min<std::uint64_t>(size, 200));
    Flip(name, offset);
    const auto report = VerifyStore(files_, path());
    if (report.ok() && report->findings.empty()) {
      SCOPED_TRACE(name + " at " + std::to_string(offset));
      EXPECT_EQ(report->patterns, sound.patterns);
      const auto engine = OpenEngine();
      ASSERT_NE(engine, nullptr);
      EXPECT_EQ(engine->GetStats()->count, sound.patterns);
    }
    std::filesystem::remove_all(path());
    std::filesystem::copy(copy, path(), std::filesystem::copy_options::recursive);
  }
}

TEST_F(VerifyTest, AnyPartThatIsMissingIsSaidWhateverElseIs) {
  const std::vector<std::string> parts = {"graph.engram", "graph.journal", "wal", "meta"};
  for (const End end : {End::kClosed, End::kKilled}) {
    std::filesystem::remove_all(path());
    MakeStore(end);
    const std::string copy = path() + ".copy";
    std::filesystem::remove_all(copy);
    std::filesystem::copy(path(), copy, std::filesystem::copy_options::recursive);
    for (unsigned missing = 1; missing < 1u << parts.size(); ++missing) {
      SCOPED_TRACE("missing parts, by bit: " + std::to_string(missing));
      for (std::size_t i = 0; i < parts.size(); ++i) {
        if ((missing >> i & 1) == 0) continue;
        const bool directory = std::filesystem::is_directory(PathOf(parts[i]));
        std::filesystem::remove_all(PathOf(parts[i]));
        // As a copy that left out the files would have it.
        if (directory) std::filesystem::create_directory(PathOf(parts[i]));
      }
      const auto report = VerifyStore(files_, path());
      if (report.ok()) {
        EXPECT_THAT(report->findings, Not(IsEmpty()));
      } else {
        EXPECT_EQ(report.code(), Code::kNotFound) << report.status();
      }
      std::filesystem::remove_all(path());
      std::filesystem::copy(copy, path(), std::filesystem::copy_options::recursive);
    }
  }
}

TEST_F(VerifyTest, FindingsOfAKindEndWithHowManyMore) {
  Findings findings("/store");
  for (int i = 0; i < 250; ++i) findings.Add(FindingKind::kRow, "meta", std::to_string(i));
  findings.AddStatus(FindingKind::kFile,
                     Status::CorruptedIndex("/store/graph.engram: superblock 0: bad: worse"));
  const std::vector<Finding> all = findings.Take();
  ASSERT_THAT(all, SizeIs(kMostFindingsOfAKind + 2));
  EXPECT_THAT(all, Says("graph.engram: superblock 0", "bad: worse"));
  EXPECT_EQ(all.back().where, "meta: rows");
  EXPECT_EQ(all.back().what, "150 more of this kind");
}

}  // namespace
}  // namespace engram
