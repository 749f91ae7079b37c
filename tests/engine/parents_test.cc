// What a clean close leaves of the linker's counts: the next opening takes it where it is of just
// this graph, and counts in any other case. Whatever the file says, nobody looks outside.
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/vector_rules.h"
#include "index/linker.h"
#include "storage/base/checksum.h"
#include "storage/base/coding.h"
#include "storage/base/test_hooks.h"
#include "storage/parents_file.h"
#include "tests/engine/corruption_fixture.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/sound_store.h"

namespace engram {
namespace {

constexpr const char* kName = "graph.parents";

class ParentsFile : public CorruptionTest {
 protected:
  using Counts = std::vector<std::uint32_t>;

  ParentsFile() {
    SetSyncPoint("linker:rebuild", [this] { ++rebuilds_; });
  }
  ~ParentsFile() override { ClearSyncPoints(); }

  bool IsThere() const { return std::filesystem::exists(PathOf(kName)); }
  // How often an opening for writing, which finds all patterns, looks at all links.
  int Rebuilds() {
    rebuilds_ = 0;
    const Attempt attempt = Try(Engine::Access::kReadWrite);
    EXPECT_TRUE(attempt.status.ok()) << attempt.status;
    EXPECT_EQ(attempt.content == expected(), true) << "other patterns than were stored";
    return rebuilds_;
  }
  void ExpectCounted() {
    EXPECT_EQ(Rebuilds(), 1);
    Restore();
  }

  static Counts CountsOf(Engine& engine) {
    Core& core = engine.core();
    MutexLock role(core.writer_role);
    return core.linker->ParentCounts(core.GraphNow(), core.writer.state.node_slots);
  }
  static Counts CountedAnew(Engine& engine) {
    Core& core = engine.core();
    MutexLock role(core.writer_role);
    Linker linker{LinkerOptions()};
    const std::uint32_t slots = core.writer.state.node_slots;
    const Status status = linker.Rebuild(core.GraphNow(), slots, core.entry());
    EXPECT_TRUE(status.ok()) << status;
    return linker.ParentCounts(core.GraphNow(), slots);
  }

  // As it lies there.
  ParentsHeader Header() const {
    const std::string bytes = Read(kName);
    return LoadAs<ParentsHeader>(std::as_bytes(std::span(bytes)).data());
  }
  Counts Kept() const {
    const ParentsHeader header = Header();
    const auto kept = ReadParents(*files_, path(), NameIn(header));
    EXPECT_TRUE(kept.ok()) << kept.status();
    return kept.ok() ? *kept : Counts();
  }
  static ParentsName NameIn(const ParentsHeader& header) {
    return {header.store_id, header.generation, header.lsn, header.slots};
  }
  void Put(const ParentsName& name, const Counts& counts) {
    ASSERT_TRUE(WriteParents(*files_, path(), name, counts).ok());
  }
  // The header changed, with a checksum as if it had been written so.
  void EditHeader(const std::function<void(ParentsHeader&)>& edit) {
    std::string bytes = Read(kName);
    const auto all = std::as_writable_bytes(std::span(bytes));
    auto header = LoadAs<ParentsHeader>(all.data());
    edit(header);
    StoreAs(all.data(), header);
    header.checksum =
        Checksum64(all.subspan(sizeof(header.checksum)), ReadSuperblock(NewerSlot()).store_id);
    StoreAs(all.data(), header);
    CorruptionTest::Put(kName, 0, all);
  }

  // Commits of every kind, which may not always succeed, and never end the process.
  void LiveOn(Engine& engine) {
    std::vector<std::vector<float>> vectors;
    for (int i = 0; i < 40; ++i) vectors.emplace_back(kDimensions, static_cast<float>(i) * 9);
    for (PatternId id = 120; id < 300; ++id) {
      Transaction transaction;
      transaction.durability = Durability::kNone;
      transaction.ops.emplace_back(PendingErase{id});
      engine.Commit(transaction);
      if (id % 5 != 0) continue;
      Transaction insert;
      insert.durability = Durability::kNone;
      PendingInsert op;
      op.vector = vectors[id % 40];
      op.norm = VectorNorm(op.vector);
      insert.ops.emplace_back(std::move(op));
      engine.Commit(insert);
      EXPECT_TRUE(insert.status.ok()) << insert.status;
    }
    EXPECT_TRUE(engine.RunMaintenance(std::chrono::seconds(10)).ok());
    SearchRequest request;
    const std::vector<float> query(kDimensions, 50);
    request.query = query;
    EXPECT_TRUE(engine.Search(request).ok());
  }

  int rebuilds_ = 0;
};

TEST_F(ParentsFile, ReopeningAfterACleanCloseLooksAtNoList) {
  MakeAndKeep(End::kClosed);
  ASSERT_TRUE(IsThere());
  for (int i = 0; i < 3; ++i) {
    rebuilds_ = 0;
    const auto engine = OpenEngine();
    EXPECT_EQ(rebuilds_, 0);
    EXPECT_FALSE(IsThere()) << "it is of the past with the first write";
    EXPECT_EQ(CountsOf(*engine), CountedAnew(*engine));
    LiveOn(*engine);
    EXPECT_EQ(CountsOf(*engine), CountedAnew(*engine));
    ASSERT_TRUE(engine->Close().ok());
    EXPECT_TRUE(IsThere());
    ExpectSoundStore(files_, path());
  }
}

TEST_F(ParentsFile, OfAnEmptyStoreItIsTakenToo) {
  ASSERT_TRUE(OpenEngine()->Close().ok());
  ASSERT_TRUE(IsThere());
  rebuilds_ = 0;
  const auto engine = OpenEngine();
  EXPECT_EQ(rebuilds_, 0);
  Insert(*engine, 3);
}

TEST_F(ParentsFile, AKilledStoreHasNone) {
  MakeAndKeep(End::kKilled);
  EXPECT_FALSE(IsThere());
  EXPECT_EQ(Rebuilds(), 1);
}

TEST_F(ParentsFile, ACloseWithoutACheckpointLeavesOneForTheReplayedGraph) {
  MakeAndKeep(End::kClosed);
  {
    EngineOptions options = Options();
    options.options.checkpoint_on_close = false;
    const auto engine = OpenEngine(options);
    LiveOn(*engine);
    ASSERT_TRUE(engine->Close().ok());
  }
  rebuilds_ = 0;
  const auto engine = OpenEngine();
  EXPECT_GT(engine->GetStats()->replayed_commits, 0u);
  EXPECT_EQ(rebuilds_, 0);
  EXPECT_EQ(CountsOf(*engine), CountedAnew(*engine));
}

TEST_F(ParentsFile, ReadOnlyOpeningsLeaveItAlone) {
  MakeAndKeep(End::kClosed);
  const std::string before = Read(kName);
  const Attempt attempt = Try(Engine::Access::kReadOnly);
  EXPECT_TRUE(attempt.status.ok()) << attempt.status;
  EXPECT_EQ(Read(kName), before);
  EXPECT_EQ(Rebuilds(), 0);
}

TEST_F(ParentsFile, DamageAnywhereMeansCountingAndIsNamed) {
  MakeAndKeep(End::kClosed);
  const std::vector<FieldPlace> fields = {
      ENGRAM_FIELD(ParentsHeader, checksum),       ENGRAM_FIELD(ParentsHeader, magic),
      ENGRAM_FIELD(ParentsHeader, store_id),       ENGRAM_FIELD(ParentsHeader, lsn),
      ENGRAM_FIELD(ParentsHeader, format_version), ENGRAM_FIELD(ParentsHeader, generation),
      ENGRAM_FIELD(ParentsHeader, slots),          ENGRAM_FIELD(ParentsHeader, reserved)};
  ForEachDamage(kName, 0, fields, [&] {
    ExpectFinding(kName);
    EXPECT_EQ(Rebuilds(), 1);
  });
  const std::uint64_t size = Read(kName).size();
  for (std::uint64_t at = sizeof(ParentsHeader); at < size; at += 97) {
    ASSERT_TRUE(Spoil(kName, at, 1, Damage::kOneBit));
    ExpectFinding(kName);
    ExpectCounted();
  }
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{5}, sizeof(ParentsHeader) + 0,
                                    size - 1, size + 1, size + 4096}) {
    SCOPED_TRACE(bytes);
    Truncate(kName, bytes);
    ExpectFinding(kName);
    ExpectCounted();
  }
}

TEST_F(ParentsFile, OneOfAnotherGraphMeansCountingAndIsNoFinding) {
  MakeAndKeep(End::kClosed);
  const std::function<void(ParentsHeader&)> others[] = {
      [](ParentsHeader& h) { ++h.store_id; },
      [](ParentsHeader& h) { ++h.generation; },
      [](ParentsHeader& h) { --h.generation; },
      [](ParentsHeader& h) { h.lsn = Next(h.lsn); },
      [](ParentsHeader& h) { h.lsn = static_cast<Lsn>(Raw(h.lsn) - 1); },
      [](ParentsHeader& h) { ++h.format_version; }};
  for (const auto& other : others) {
    EditHeader(other);
    const auto report = VerifyStore(files_, path());
    ASSERT_TRUE(report.ok());
    EXPECT_TRUE(report->findings.empty());
    ExpectCounted();
  }
  EditHeader([](ParentsHeader& h) { h.reserved = 1; });
  ExpectCounted();
  EditHeader([](ParentsHeader& h) { h.magic ^= 1; });
  ExpectCounted();
  for (const std::int64_t more : {-1, 1}) {
    Counts counts = Kept();
    counts.resize(counts.size() + static_cast<std::size_t>(more));
    ParentsName name = NameIn(Header());
    name.slots = static_cast<std::uint32_t>(counts.size());
    Put(name, counts);
    ExpectCounted();
  }
}

TEST_F(ParentsFile, AnOldOneThatComesBackMeansCounting) {
  MakeAndKeep(End::kClosed);
  const std::string old = Read(kName);
  const auto bring_back = [&] {
    ASSERT_FALSE(IsThere());
    ASSERT_TRUE(files_->Open(PathOf(kName), OpenMode::kCreateNew).ok());
    CorruptionTest::Put(kName, 0, std::as_bytes(std::span(old)));
  };
  // Killed without a commit: the same LSN, but nobody knows that nothing was done.
  EXPECT_EQ(Rebuilds(), 0);
  bring_back();
  EXPECT_EQ(Rebuilds(), 1);
  {
    const auto engine = OpenEngine();
    Insert(*engine, 5);
    ASSERT_TRUE(engine->Flush().ok());
  }
  bring_back();
  rebuilds_ = 0;
  const auto engine = OpenEngine();
  EXPECT_EQ(rebuilds_, 1);
  EXPECT_EQ(CountsOf(*engine), CountedAnew(*engine));
}

TEST_F(ParentsFile, CountsThatCannotBeAreNotTaken) {
  MakeAndKeep(End::kClosed);
  const ParentsName name = NameIn(Header());
  const Counts good = Kept();
  std::uint32_t entry = 0, live = 0, unused = 0;
  {
    const auto engine = OpenEngine();
    entry = Raw(engine->core().entry().slot);
    for (std::uint32_t i = 0; i < good.size(); ++i) {
      const SlotState state = engine->core().slots->state(static_cast<SlotId>(i));
      if (state == SlotState::kLive && i != entry) live = i;
      if (state != SlotState::kLive) unused = i;
    }
  }
  Restore();
  ASSERT_EQ(good[entry], 0u);
  ASSERT_EQ(good[unused], 0u);
  struct Case {
    std::uint32_t slot, count;
  };
  for (const Case& c :
       {Case{live, 0}, Case{live, name.slots}, Case{live, ~0u}, Case{entry, 1}, Case{unused, 1}}) {
    SCOPED_TRACE(std::to_string(c.slot) + ": " + std::to_string(c.count));
    Counts counts = good;
    counts[c.slot] = c.count;
    Put(name, counts);
    ExpectFinding(std::string(kName) + ": slot " + std::to_string(c.slot));
    ExpectCounted();
  }
}

TEST_F(ParentsFile, CountsThatCouldBeAndAreWrongAreNamedAndHarmless) {
  MakeAndKeep(End::kClosed);
  const ParentsName name = NameIn(Header());
  const Counts good = Kept();
  for (const std::uint32_t most : {1u, 1000u}) {
    SCOPED_TRACE(most);
    Counts counts = good;
    for (std::uint32_t i = 0; i < counts.size(); ++i) {
      if (counts[i] == 0) continue;
      counts[i] = most == 1000 ? counts[i] + 3 : std::min(counts[i], most);
    }
    ASSERT_NE(counts, good);
    Put(name, counts);
    ExpectFinding(std::string(kName) + ": slot ");
    rebuilds_ = 0;
    const auto engine = OpenEngine();
    ASSERT_NE(engine, nullptr);
    EXPECT_EQ(rebuilds_, 0);
    LiveOn(*engine);
    ASSERT_TRUE(engine->Close().ok());
    Restore();
  }
}

TEST_F(ParentsFile, ThatItCannotBeWrittenOrReadFailsNothing) {
  MakeAndKeep(End::kClosed);
  for (const IoKind kind : {IoKind::kCreate, IoKind::kWrite, IoKind::kSync, IoKind::kRename,
                            IoKind::kOpen, IoKind::kRead, IoKind::kStat, IoKind::kUnlink}) {
    SCOPED_TRACE(static_cast<int>(kind));
    EngineOptions options = Options();
    const auto faults = std::make_shared<FaultFileSystem>(files_, kAllIo);
    options.file_system = faults;
    int warnings = 0;
    options.options.log = [&](LogLevel, std::string_view) { ++warnings; };
    faults->SetPlan({.fault = Fault::kError,
                     .repeat = FaultRepeat::kSticky,
                     .kinds = {kind},
                     .path_contains = kName});
    const auto engine = OpenEngine(options);
    ASSERT_NE(engine, nullptr);
    Insert(*engine, 1);
    const Status closed = engine->Close();
    EXPECT_TRUE(closed.ok()) << closed;
    EXPECT_GT(faults->faults_hit(), 0u);
    const bool writes = kind == IoKind::kCreate || kind == IoKind::kWrite ||
                        kind == IoKind::kSync || kind == IoKind::kRename;
    EXPECT_EQ(warnings, writes ? 1 : 0);
    rebuilds_ = 0;
    ASSERT_TRUE(OpenEngine()->Close().ok());
    EXPECT_EQ(rebuilds_, writes ? 1 : 0);
    Restore();
  }
}

TEST_F(ParentsFile, WhatACrashLeftOfOneIsReplaced) {
  MakeAndKeep(End::kClosed);
  const std::string temporary = std::string(kName) + ".tmp";
  ASSERT_TRUE(files_->Open(PathOf(temporary), OpenMode::kCreateNew).ok());
  Truncate(temporary, 100'000);
  ASSERT_TRUE(OpenEngine()->Close().ok());
  EXPECT_FALSE(std::filesystem::exists(PathOf(temporary)));
  EXPECT_EQ(Rebuilds(), 0);
}

}  // namespace
}  // namespace engram
