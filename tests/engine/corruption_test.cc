// Every file of a real store damaged, cut, swapped or taken away: opening says what is wrong and
// changes nothing, or redundancy makes up for it and all data is right. Never anything else.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include <engram/store.h>

#include "index/node_layout.h"
#include "storage/base/checksum.h"
#include "storage/base/coding.h"
#include "storage/superblock.h"
#include "tests/engine/corruption_fixture.h"
#include "wal/log_segments.h"

namespace engram {
namespace {

// --- Superblocks and extent tables ---

class SuperblockCorruption : public CorruptionTest {
 protected:
  void Seal(unsigned slot, Superblock superblock) {
    SealSuperblock(superblock);
    Put("graph.engram", SuperblockOffset(slot), AsBytes(superblock));
  }
};

TEST_F(SuperblockCorruption, DamageToTheOlderSlotHarmsNothing) {
  MakeAndKeep(End::kClosed);
  const unsigned older = 1 - NewerSlot();
  ForEachDamage("graph.engram", SuperblockOffset(older), SuperblockFields(),
                [&] { ExpectRight(); });
  ForEachDamage("graph.engram", ExtentTableOffset(older), ExtentTableFields(),
                [&] { ExpectRight(); });
}

// The older checkpoint stands in where the log still reaches back to it.
TEST_F(SuperblockCorruption, DamageToTheNewerSlotIsMadeUpForOrNamed) {
  for (const End end : {End::kClosed, End::kKilled}) {
    MakeAndKeep(end);
    const unsigned newer = NewerSlot();
    const auto expect = [&] { ExpectRightOrRefused(Code::kCorruptedIndex, path()); };
    ForEachDamage("graph.engram", SuperblockOffset(newer), SuperblockFields(), expect);
    ForEachDamage("graph.engram", ExtentTableOffset(newer), ExtentTableFields(), expect);
    ForEachDamage("graph.engram", ExtentTableOffset(newer) + sizeof(ExtentTableHeader),
                  ExtentFields(), expect);
    std::filesystem::remove_all(path());
  }
}

TEST_F(SuperblockCorruption, DamageToBothSlotsIsNamedWithBothReasons) {
  MakeAndKeep(End::kClosed);
  for (const FieldPlace& field : SuperblockFields()) {
    for (const Damage damage : kDamages) {
      SCOPED_TRACE(field.name);
      bool changed = true;
      for (const unsigned slot : {0U, 1U}) {
        changed &=
            Spoil("graph.engram", SuperblockOffset(slot) + field.offset, field.bytes, damage);
      }
      if (changed) {
        ExpectRefused(Code::kCorruptedIndex, "superblock 1");
        ExpectRefused(Code::kCorruptedIndex, PathOf("graph.engram"));
        ExpectFinding("superblock 0");
      }
      Restore();
    }
  }
}

TEST_F(SuperblockCorruption, LaterVersionAndUnknownFeatureRefuseWithTheirNumbers) {
  MakeAndKeep(End::kClosed);
  for (const unsigned slot : {0U, 1U}) {
    Superblock superblock = ReadSuperblock(slot);
    superblock.format_version = 7;
    Seal(slot, superblock);
    ExpectRefused(Code::kNotSupported, "format version 7, this build reads versions 1 to 2");
    Restore();
    superblock = ReadSuperblock(slot);
    superblock.required_features = 1ULL << 40;
    Seal(slot, superblock);
    ExpectRefused(Code::kNotSupported, "features 0x");
    Restore();
    superblock = ReadSuperblock(slot);
    superblock.optional_features = 1ULL << 40;
    Seal(slot, superblock);
    ExpectRight();
    Restore();
  }
}

// A right checksum makes no number harmless: each is checked before it is used as a size or a
// place.
TEST_F(SuperblockCorruption, NumbersOutOfRangeUnderARightChecksumDoNoHarm) {
  MakeAndKeep(End::kClosed);
  const unsigned newer = NewerSlot();
  for (const FieldPlace& field : SuperblockFields()) {
    for (const Damage damage : kDamages) {
      SCOPED_TRACE(std::string(field.name) + ", damage " +
                   std::to_string(static_cast<int>(damage)));
      Spoil("graph.engram", SuperblockOffset(newer) + field.offset, field.bytes, damage);
      Seal(newer, ReadSuperblock(newer));
      for (const auto access : {Engine::Access::kReadOnly, Engine::Access::kReadWrite}) {
        const Status status = Try(access).status;
        const bool told =
            status.code() == Code::kCorruptedIndex || status.code() == Code::kNotSupported ||
            status.code() == Code::kDimensionMismatch || status.code() == Code::kInvalidArgument;
        EXPECT_TRUE(status.ok() || told) << status;
      }
      Restore();
    }
  }
}

// --- Pages ---

class PageCorruption : public CorruptionTest {
 protected:
  std::uint64_t OffsetOf(SegmentKind segment, std::uint32_t page) const {
    return OpenPages()->FileOffset({segment, static_cast<PageId>(page)});
  }
  // So that no image makes up for a bad page.
  void SpoilJournal() { Spoil("graph.journal", 0, sizeof(JournalHeader), Damage::kOnes); }
};

TEST_F(PageCorruption, EveryFieldOfPageAndBlockIsNamedOrRestored) {
  MakeAndKeep(End::kClosed);
  struct Place {
    SegmentKind segment;
    std::uint64_t behind;
    std::vector<FieldPlace> fields;
    const char* named;
  };
  const Place places[] = {{SegmentKind::kNodes, 0, PageFields(), "nodes page 1"},
                          {SegmentKind::kNodes, kPageHeaderBytes, NodeFields(), "nodes page 1"},
                          {SegmentKind::kNodeSlots, 0, PageFields(), "node slots page 0"}};
  for (const Place& place : places) {
    const std::uint32_t page = place.segment == SegmentKind::kNodes ? 1 : 0;
    const std::uint64_t offset = OffsetOf(place.segment, page) + place.behind;
    ForEachDamage("graph.engram", offset, place.fields,
                  [&] { ExpectRightOrRefused(Code::kCorruptedIndex, place.named); });
    ForEachDamage("graph.engram", offset, place.fields, [&] {
      SpoilJournal();
      ExpectRefused(Code::kCorruptedIndex, place.named);
      ExpectRefused(Code::kCorruptedIndex, PathOf("graph.engram"));
      ExpectFinding(place.named);
    });
  }
}

// --- The journal ---

class JournalCorruption : public PageCorruption {
 protected:
  // Of the page whose image is the journal's first.
  void TearPage() {
    const std::string journal = Read("graph.journal");
    const auto image =
        LoadAs<JournalImageHeader>(std::as_bytes(std::span(journal)).subspan(kBlockBytes).data());
    ASSERT_EQ(image.store_id, ReadSuperblock(NewerSlot()).store_id) << "no image";
    Spoil("graph.engram", OffsetOf(image.segment, image.page) + 2048, 512, Damage::kOnes);
  }
};

TEST_F(JournalCorruption, DamagedJournalOfASoundPageFileHarmsNothing) {
  MakeAndKeep(End::kClosed);
  ForEachDamage("graph.journal", 0, JournalFields(), [&] { ExpectRight(); });
  ForEachDamage("graph.journal", kBlockBytes, JournalImageFields(), [&] { ExpectRight(); });
}

TEST_F(JournalCorruption, TornPageIsRestoredAndNamedWhereItsImageIsDamagedToo) {
  MakeAndKeep(End::kClosed);
  TearPage();
  ExpectRight();
  Restore();
  const auto expect = [&] {
    TearPage();
    ExpectRefused(Code::kCorruptedIndex, "the journal has no image of it");
  };
  for (const FieldPlace& field : JournalImageFields()) {
    for (const Damage damage : kDamages) {
      SCOPED_TRACE(field.name);
      TearPage();
      if (Spoil("graph.journal", kBlockBytes + field.offset, field.bytes, damage)) {
        ExpectRefused(Code::kCorruptedIndex, "the journal has no image of it");
      }
      Restore();
    }
  }
  ForEachDamage("graph.journal", 0, JournalFields(), expect);
  ForEachDamage("graph.journal", kBlockBytes + sizeof(JournalImageHeader), PageFields(), expect);
}

TEST_F(JournalCorruption, JournalThatIsCutLongerOrGoneIsNamed) {
  MakeAndKeep(End::kClosed);
  const std::uint64_t size = Read("graph.journal").size();
  for (const std::uint64_t cut :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4096}, size - 1, size + 4096}) {
    SCOPED_TRACE(cut);
    Truncate("graph.journal", cut);
    ExpectRefused(Code::kCorruptedIndex, PathOf("graph.journal"));
    ExpectFinding("graph.journal");
    Restore();
  }
  std::filesystem::remove(PathOf("graph.journal"));
  ExpectRefused(Code::kCorruptedIndex, PathOf("graph.journal"));
}

// --- The log ---

class LogCorruption : public CorruptionTest {};

TEST_F(LogCorruption, EveryFieldOfASegmentHeaderIsNamedWithTheSegment) {
  MakeAndKeep(End::kKilled);
  for (const std::string& name : Names("wal")) {
    ForEachDamage("wal/" + name, 0, SegmentFields(), [&] {
      ExpectRefused(Code::kCorruptedIndex, PathOf("wal/" + name));
      ExpectFinding("wal/" + name);
    });
  }
}

TEST_F(LogCorruption, EveryFieldOfAFrameThatWasDurableIsNamedWithItsPlace) {
  MakeAndKeep(End::kKilled);
  const Lsn checkpoint = ReadSuperblock(NewerSlot()).lsn;
  const std::vector<FrameInfo> frames = Frames();
  const Lsn durable = frames.back().header.durable_through;
  std::size_t tried = 0;
  for (std::size_t i = 0; i < frames.size(); i += 3) {
    const FrameInfo& frame = frames[i];
    if (frame.header.lsn <= checkpoint || frame.header.lsn > durable) continue;
    ++tried;
    ForEachDamage(InLog(frame.segment), frame.offset, FrameFields(), [&] {
      ExpectRefused(Code::kCorruptedIndex, frame.segment + ": offset ");
      ExpectRefused(Code::kCorruptedIndex,
                    "expected commit " + std::to_string(Raw(frame.header.lsn)));
    });
  }
  EXPECT_GT(tried, 2U);
}

TEST_F(LogCorruption, LaterVersionOfTheLogIsNotSupported) {
  MakeAndKeep(End::kKilled);
  const std::string name = "wal/" + Names("wal").back();
  std::string bytes = Read(name);
  const std::uint32_t version = 9;
  std::memcpy(bytes.data() + offsetof(SegmentHeader, format_version), &version, sizeof(version));
  const auto block = std::as_bytes(std::span(bytes)).first(kLogBlockBytes);
  const std::uint64_t checksum = Checksum64(block.subspan(sizeof(SegmentHeader::checksum)));
  std::memcpy(bytes.data(), &checksum, sizeof(checksum));
  Put(name, 0, block);
  ExpectRefused(Code::kNotSupported, "log format version 9");
}

TEST_F(LogCorruption, SegmentsThatAreGoneAreMissed) {
  for (const End end : {End::kClosed, End::kKilled}) {
    MakeAndKeep(end);
    const std::vector<std::string> names = Names("wal");
    for (const std::string& name : names) {
      SCOPED_TRACE(name);
      std::filesystem::remove(PathOf("wal/" + name));
      // Of a store that was closed, the newest segment may hold nothing that is not elsewhere.
      if (end == End::kClosed) ExpectRightOrRefused(Code::kCorruptedIndex, PathOf("wal"));
      // The newest alone knows of its commits, where the metadata store has none of them.
      if (end == End::kKilled && name != names.back())
        ExpectRefused(Code::kCorruptedIndex, PathOf("wal"));
      Restore();
    }
    std::filesystem::remove_all(path());
  }
}

TEST_F(LogCorruption, LogBehindTheEndMayHoldZerosOrNothing) {
  MakeAndKeep(End::kKilled);
  const std::string name = "wal/" + Names("wal").back();
  const std::uint64_t size = Read(name).size();
  Truncate(name, size + 8192);
  ExpectRight();
  Restore();
  const FrameInfo last = Frames().back();
  ASSERT_EQ(InLog(last.segment), name);
  Truncate(name, last.offset + last.header.frame_bytes);
  ExpectRight();
}

// --- The page file as a whole ---

class PageFileCorruption : public CorruptionTest {};

TEST_F(PageFileCorruption, CutFileIsNamed) {
  MakeAndKeep(End::kClosed);
  const std::uint64_t size = Read("graph.engram").size();
  for (const std::uint64_t cut :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4095}, std::uint64_t{4096},
        std::uint64_t{8192}, kFirstExtentOffset - 1, kFirstExtentOffset, kFirstExtentOffset + 4096,
        size / 2, size - 1}) {
    SCOPED_TRACE(cut);
    Truncate("graph.engram", cut);
    ExpectRefused(Code::kCorruptedIndex, PathOf("graph.engram"));
    ExpectFinding("graph.engram");
    Restore();
  }
}

TEST_F(PageFileCorruption, ZerosInPlaceOfATailAreNamed) {
  MakeAndKeep(End::kClosed);
  const std::uint64_t size = Read("graph.engram").size();
  for (const std::uint64_t from :
       {std::uint64_t{0}, std::uint64_t{4096}, std::uint64_t{8192}, kFirstExtentOffset}) {
    SCOPED_TRACE(from);
    Truncate("graph.engram", from);
    Truncate("graph.engram", size);
    // All pages of so small a store may be in the last round.
    Spoil("graph.journal", 0, sizeof(JournalHeader), Damage::kOnes);
    ExpectRefused(Code::kCorruptedIndex, PathOf("graph.engram"));
    Restore();
  }
  Truncate("graph.engram", size + (1 << 20));
  ExpectRight();
}

TEST_F(PageFileCorruption, GoneFileIsMissedAndNoNewStoreIsMade) {
  MakeAndKeep(End::kClosed);
  std::filesystem::remove(PathOf("graph.engram"));
  const std::vector<std::string> before = Everything();
  EngineOptions options = Options();
  const auto opened = Engine::Open(path(), options, Engine::Access::kReadWrite);
  EXPECT_EQ(opened.code(), Code::kCorruptedIndex) << opened.status();
  EXPECT_NE(opened.status().message().find("graph.engram is missing"), std::string_view::npos);
  EXPECT_EQ(Names(""),
            (std::vector<std::string>{"LOCK", "graph.journal", "graph.parents", "meta", "wal"}));
}

// --- The metadata store ---

class MetaCorruption : public CorruptionTest {};

TEST_F(MetaCorruption, FilesThatAreGoneAreNamed) {
  MakeAndKeep(End::kClosed);
  for (const std::string& name : Names("meta")) {
    SCOPED_TRACE(name);
    const bool needed =
        name == "CURRENT" || name.starts_with("MANIFEST-") || name.ends_with(".sst");
    if (!needed) continue;
    std::filesystem::remove(PathOf("meta/" + name));
    ExpectRefused(Code::kCorruptedIndex, PathOf("meta"));
    ExpectFinding("meta");
    Restore();
  }
}

TEST_F(MetaCorruption, FilesThatAreCutAreNamed) {
  MakeAndKeep(End::kClosed);
  for (const std::string& name : Names("meta")) {
    const bool needed =
        name == "CURRENT" || name.starts_with("MANIFEST-") || name.ends_with(".sst");
    if (!needed) continue;
    const std::uint64_t size = Read("meta/" + name).size();
    for (const std::uint64_t cut : {std::uint64_t{0}, size / 2}) {
      SCOPED_TRACE(name + " cut to " + std::to_string(cut));
      Truncate("meta/" + name, cut);
      // What is left of a MANIFEST is an older one: then the log is missed that goes with it.
      const bool manifest = name.starts_with("MANIFEST-");
      ExpectRefused(Code::kCorruptedIndex, manifest ? path() : PathOf("meta"));
      ExpectFinding(manifest ? "" : "meta");
      Restore();
    }
  }
}

TEST_F(MetaCorruption, WholeDirectoryGoneIsMissed) {
  MakeAndKeep(End::kClosed);
  std::filesystem::remove_all(PathOf("meta"));
  ExpectRefused(Code::kCorruptedIndex, path());
  ExpectFinding("meta");
}

TEST_F(MetaCorruption, WholeDirectoryGoneIsMadeAgainWhereTheLogHasItAll) {
  MakeAndKeep(End::kKilled);
  ASSERT_EQ(Names("wal").front(), SegmentName(static_cast<Lsn>(1)));
  std::filesystem::remove_all(PathOf("meta"));
  ExpectRight();
}

// --- Another store's files ---

class SwappedFiles : public CorruptionTest {
 protected:
  void SetUp() override {
    MakeStore(End::kClosed);
    std::filesystem::copy(path(), other_.File("store"), std::filesystem::copy_options::recursive);
    std::filesystem::remove_all(path());
    MakeAndKeep(End::kClosed);
  }
  void Swap(const std::string& name) {
    std::filesystem::remove_all(PathOf(name));
    std::filesystem::copy(JoinPath(other_.File("store"), name), PathOf(name),
                          std::filesystem::copy_options::recursive);
  }

  TempDir other_;
};

TEST_F(SwappedFiles, PageFileAndLogSayWhoseTheyAre) {
  Swap("graph.engram");
  ExpectRefused(Code::kCorruptedIndex, "store id");
  Restore();
  Swap("wal");
  ExpectRefused(Code::kCorruptedIndex, "store id");
}

TEST_F(SwappedFiles, RowsSayWhoseTheyAreWhateverTheirLsns) {
  Swap("meta");
  ExpectRefused(Code::kCorruptedIndex, "store id");
}

TEST_F(SwappedFiles, JournalOfAnotherStoreIsNotUsed) {
  Swap("graph.journal");
  ExpectRight();
}

// --- What is no store, or not ours ---

TEST(NoStore, DirectoryOfSomethingElseIsLeftAlone) {
  TempDir dir;
  std::ofstream(dir.File("notes.txt")) << "mine";
  EXPECT_EQ(Store::OpenReadOnly(dir.path()).code(), Code::kNotFound);
  Options options;
  options.create_if_missing = false;
  const auto opened = Store::Open(dir.path(), options);
  EXPECT_EQ(opened.code(), Code::kNotFound);
  EXPECT_NE(opened.status().message().find("no graph.engram"), std::string_view::npos)
      << opened.status();
  std::ofstream(dir.File("graph.engram")) << "no store, but a file of this name";
  for (const auto& status :
       {Store::OpenReadOnly(dir.path()).status(), Store::Open(dir.path(), options).status()}) {
    EXPECT_FALSE(status.ok());
    EXPECT_NE(status.message().find(dir.path()), std::string_view::npos) << status;
  }
  EXPECT_EQ(std::filesystem::file_size(dir.File("notes.txt")), 4U);
  EXPECT_EQ(std::filesystem::file_size(dir.File("graph.engram")), 33U);
}

class Permissions : public CorruptionTest {
 protected:
  // As a user who is not root, in a process of its own; its expectations count.
  static void AsNobody(const std::function<void()>& body) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      if (geteuid() == 0 && seteuid(65534) != 0) _exit(2);
      body();
      std::cout << std::flush;
      _exit(HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "wait status " << status;
  }
};

TEST_F(Permissions, WithoutThemOpeningSaysSoAndNamesTheFile) {
  MakeAndKeep(End::kClosed);
  using std::filesystem::perms;
  const std::string parent = std::filesystem::path(path()).parent_path();
  std::filesystem::permissions(parent, perms::owner_all | perms::others_exec | perms::others_read);
  const std::vector<std::string> before = Everything();
  for (const perms mode : {perms::none, perms::others_read | perms::others_exec}) {
    std::filesystem::permissions(path(), mode);
    AsNobody([&] {
      const Attempt attempt = Try(Engine::Access::kReadWrite);
      EXPECT_EQ(attempt.status.code(), Code::kIoError) << attempt.status;
      const std::string message(attempt.status.message());
      EXPECT_NE(message.find("Permission denied"), std::string::npos) << message;
      EXPECT_NE(message.find(path()), std::string::npos) << message;
    });
    std::filesystem::permissions(path(), perms::owner_all);
    EXPECT_EQ(Everything() == before, true) << "the failed opening changed something";
  }
}

}  // namespace
}  // namespace engram
