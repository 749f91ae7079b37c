// A store whose graph is damaged under right checksums, and opened with the counts of a clean
// close: one round of the audit makes it a graph without a finding, whatever is written meanwhile.
#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "index/graph.h"
#include "index/linker.h"
#include "storage/base/coding.h"
#include "storage/parents_file.h"
#include "tests/engine/corruption_fixture.h"
#include "tests/support/graph_check.h"
#include "tests/support/sound_store.h"

namespace engram {
namespace {

class AuditTest : public CorruptionTest, public testing::WithParamInterface<Residency> {
 protected:
  void SetUp() override {
    MakeStore(End::kClosed);
    {
      const auto engine = OpenStore();
      // Frees slots; what is ended then stays dead.
      ASSERT_TRUE(engine->RunMaintenance(std::chrono::seconds(10)).ok());
      Erase(*engine, {200, 201, 202});
      Learn(*engine);
      ASSERT_TRUE(engine->Close().ok());
    }
    Keep();
  }

  std::unique_ptr<Engine> OpenStore() {
    EngineOptions options = Options();
    options.options.residency = GetParam();
    return OpenEngine(std::move(options));
  }

  void Learn(Engine& engine) {
    layout_ = *engine.core().layout;
    const Graph graph = engine.core().GraphNow();
    entry_ = engine.core().entry();
    slots_ = engine.core().slots->used();
    for (std::uint32_t i = slots_; i-- > 0;) {
      const auto slot = static_cast<SlotId>(i);
      const SlotState state = graph.state(slot);
      if (state == SlotState::kFree || state == SlotState::kRetired) free_ = slot;
      if (state != SlotState::kLive || slot == entry_.slot) continue;
      live_.push_back(slot);
      const std::uint32_t level = graph.Node(slot).level();
      if (level == 0 && graph.LinksAt(slot, 0).count() > 2) low_ = slot;
      if (level == 0 || graph.LinksAt(slot, 1).count() < 2) continue;
      high_ = slot;
      upper_ = *graph.UpperBlock(slot, 1);
    }
    ASSERT_NE(free_, SlotId::kNone);
    ASSERT_NE(low_, SlotId::kNone);
    ASSERT_NE(high_, SlotId::kNone);
  }

  void EditLinks(SlotId slot, const std::function<void(Links links)>& edit) {
    EditPage(SegmentKind::kNodes, Raw(layout_.PageOf(slot)), [&](std::span<std::byte> page) {
      edit(NodeView(page.data() + layout_.OffsetInPage(slot), layout_).links());
    });
  }
  void EditUpperLinks(const std::function<void(Links links)>& edit) {
    EditPage(SegmentKind::kUpper, Raw(layout_.UpperPageOf(upper_)), [&](std::span<std::byte> page) {
      edit(UpperView(page.data() + layout_.UpperOffsetInPage(upper_), layout_).links());
    });
  }
  // Nothing leads to it any more.
  void Lose(SlotId lost) {
    for (std::uint32_t i = 0; i < slots_; ++i) {
      EditLinks(static_cast<SlotId>(i), [&](Links links) {
        for (std::uint32_t at = 0; at < links.count(); ++at) {
          if (links[at] == lost) links.Set(at, SlotId::kNone);
        }
      });
    }
  }

  static std::optional<AuditReport> Step(Engine& engine, std::size_t slots) {
    MutexLock role(engine.core().writer_role);
    Writer writer(engine.core());
    const auto step = writer.Audit(slots);
    EXPECT_TRUE(step.ok()) << step.status();
    return step.ok() ? *step : AuditReport();
  }
  static AuditReport Round(
      Engine& engine, const std::function<void()>& between = [] {}) {
    for (;;) {
      if (const auto report = Step(engine, 40)) return *report;
      between();
    }
  }
  static std::string CheckNow(Engine& engine) {
    MutexLock role(engine.core().writer_role);
    return CheckGraph(engine.core());
  }

  // Closed, it has no finding.
  void ExpectSound(Engine& engine) {
    EXPECT_EQ(CheckNow(engine), "");
    EXPECT_EQ(engine.core().linker->auditing(), false);
    const Status closed = engine.Close();
    EXPECT_TRUE(closed.ok()) << closed;
    ExpectSoundStore(files_, path());
  }

  // All that lists say, and the entry point.
  static std::vector<std::uint32_t> AllLinks(Engine& engine) {
    MutexLock role(engine.core().writer_role);
    const Graph graph = engine.core().GraphNow();
    std::vector<std::uint32_t> all{Raw(engine.core().entry().slot), engine.core().entry().level};
    for (std::uint32_t i = 0; i < engine.core().slots->used(); ++i) {
      const auto slot = static_cast<SlotId>(i);
      all.push_back(static_cast<std::uint32_t>(graph.state(slot)));
      if (graph.state(slot) != SlotState::kLive && graph.state(slot) != SlotState::kDead) continue;
      for (std::uint32_t level = 0; level <= graph.Node(slot).level(); ++level) {
        const ConstLinks links = graph.LinksAt(slot, level);
        all.push_back(links.said());
        for (std::uint32_t at = 0; at < links.capacity(); ++at) all.push_back(Raw(links[at]));
      }
    }
    return all;
  }

  // Where the list has its n-th link.
  static std::uint32_t Place(const Links& links, int n) {
    std::uint32_t at = 0;
    for (; links[at] == SlotId::kNone || n-- > 0; ++at) {
    }
    return at;
  }
  static void Repeat(Links links) { links.Set(Place(links, 0), links[Place(links, 1)]); }

  struct Damage {
    const char* name;
    std::function<void()> make;
    std::function<bool(const AuditReport&)> seen;
  };
  std::vector<Damage> Damages() {
    const auto cleared = [](const AuditReport& r) { return r.links == 1 && r.mended >= 1; };
    const auto adopted = [](const AuditReport& r) { return r.adopted >= 1 && r.counts >= 1; };
    return {
        {"a node that nothing leads to", [this] { Lose(low_); }, adopted},
        {"another one, of a high level", [this] { Lose(high_); }, adopted},
        {"all of a node's links",
         [this] {
           EditLinks(entry_.slot, [](Links links) {
             for (std::uint32_t i = 0; i < links.count(); ++i) links.Set(i, SlotId::kNone);
             links.SetCount(0);
           });
         },
         adopted},
        {"a link to itself", [this] { EditLinks(low_, [this](Links l) { l.Set(0, low_); }); },
         cleared},
        {"a link twice", [this] { EditLinks(low_, Repeat); }, cleared},
        {"a link to a free slot", [this] { EditLinks(low_, [this](Links l) { l.Set(0, free_); }); },
         cleared},
        {"a link to outside",
         [this] { EditLinks(low_, [](Links l) { l.Set(0, static_cast<SlotId>(1'000'000)); }); },
         cleared},
        {"a link behind the count",
         [this] { EditLinks(low_, [](Links l) { l.SetCount(l.count() - 1); }); }, cleared},
        {"a count beyond the room", [this] { EditLinks(low_, [](Links l) { l.SetCount(9999); }); },
         [](const AuditReport& r) { return r.mended == 1; }},
        {"a link to a lower level", [this] { EditUpperLinks([this](Links l) { l.Set(0, low_); }); },
         cleared},
        {"an upper link to itself",
         [this] { EditUpperLinks([this](Links l) { l.Set(0, high_); }); }, cleared},
        {"an upper link twice", [this] { EditUpperLinks(Repeat); }, cleared},
    };
  }

  NodeLayout layout_ = *NodeLayout::Create({.dimensions = kDimensions, .m = 4});
  EntryPoint entry_;
  std::uint32_t slots_ = 0;
  std::uint32_t upper_ = 0;
  SlotId free_ = SlotId::kNone, low_ = SlotId::kNone, high_ = SlotId::kNone;
  std::vector<SlotId> live_;
};

TEST_P(AuditTest, OfASoundStoreARoundFindsNothing) {
  const auto engine = OpenStore();
  const auto before = AllLinks(*engine);
  const Lsn last = engine->core().versions.visible();
  const AuditReport report = Round(*engine);
  EXPECT_EQ(report.mended, 0u);
  EXPECT_GT(report.looked_at, 200u);
  EXPECT_EQ(AllLinks(*engine), before);
  EXPECT_EQ(engine->core().versions.visible(), last) << "nothing is written";
  const auto stats = engine->GetStats();
  EXPECT_EQ(stats->audit_rounds, 1u);
  EXPECT_EQ(stats->audited_nodes, report.looked_at);
  EXPECT_EQ(stats->mended_nodes, 0u);
  ExpectSound(*engine);
}

TEST_P(AuditTest, ARoundMendsEachDamage) {
  for (const Damage& damage : Damages()) {
    SCOPED_TRACE(damage.name);
    damage.make();
    {
      const auto verified = VerifyStore(files_, path());
      ASSERT_TRUE(verified.ok()) << verified.status();
      EXPECT_FALSE(verified->findings.empty());
    }
    const auto engine = OpenStore();
    ASSERT_NE(engine, nullptr);
    const AuditReport report = Round(*engine);
    EXPECT_TRUE(damage.seen(report)) << report.links << " links, " << report.counts << " counts, "
                                     << report.adopted << " adopted, " << report.mended;
    EXPECT_EQ(engine->GetStats()->mended_nodes, report.mended);
    EXPECT_EQ(Round(*engine).mended, 0u);
    ExpectSound(*engine);
    Restore();
  }
}

TEST_P(AuditTest, ARoundMendsWhileOthersWrite) {
  std::mt19937_64 random(TestSeed(61));
  for (const Damage& damage : Damages()) {
    SCOPED_TRACE(damage.name);
    damage.make();
    const auto engine = OpenStore();
    ASSERT_NE(engine, nullptr);
    std::vector<PatternId> ids;
    for (PatternId id = 205; id < 290; ++id) ids.push_back(id);
    const AuditReport report = Round(*engine, [&] {
      Insert(*engine, 1 + random() % 3);
      for (int i = 0; i < 3 && !ids.empty(); ++i) {
        std::swap(ids[random() % ids.size()], ids.back());
        Erase(*engine, {ids.back()});
        ids.pop_back();
      }
      MutexLock role(engine->core().writer_role);
      EXPECT_TRUE(Writer(engine->core()).Sweep(100, 1).ok());
    });
    EXPECT_GT(report.looked_at, 0u);
    ExpectSound(*engine);
    Restore();
  }
}

// What it puts right is in the log, the entry point too.
TEST_P(AuditTest, ReplayMakesTheSameGraph) {
  EditState([this](StoreState& state) {
    state.entry_point = low_;
    state.top_level = 0;
  });
  Lose(high_);
  EditLinks(low_, [this](Links l) { l.Set(0, low_); });
  std::optional<ParentsName> name;
  {
    // Counts that fit the entry point.
    const std::string bytes = Read("graph.parents");
    const auto header = LoadAs<ParentsHeader>(std::as_bytes(std::span(bytes)).data());
    name = {header.store_id, header.generation, header.lsn, header.slots};
    auto counts = ReadParents(*files_, path(), *name);
    ASSERT_TRUE(counts.ok());
    (*counts)[Raw(low_)] = 0;
    (*counts)[Raw(entry_.slot)] = 1;
    ASSERT_TRUE(WriteParents(*files_, path(), *name, *counts).ok());
  }
  auto engine = OpenStore();
  ASSERT_NE(engine, nullptr);
  ASSERT_EQ(engine->core().entry().slot, low_);
  const AuditReport report = Round(*engine);
  EXPECT_EQ(report.entries, 1u);
  EXPECT_GT(report.adopted, 0u);
  EXPECT_EQ(engine->core().entry(), entry_);
  EXPECT_EQ(CheckNow(*engine), "");
  const auto links = AllLinks(*engine);
  ASSERT_TRUE(engine->Flush().ok());
  engine.reset();
  engine = OpenStore();
  ASSERT_NE(engine, nullptr);
  EXPECT_GT(engine->GetStats()->replayed_commits, 0u);
  EXPECT_EQ(AllLinks(*engine), links);
  ExpectSound(*engine);
}

TEST_P(AuditTest, CountsOfAFileThatAreWrongAreRightAfterARound) {
  const std::string bytes = Read("graph.parents");
  const auto header = LoadAs<ParentsHeader>(std::as_bytes(std::span(bytes)).data());
  const ParentsName name{header.store_id, header.generation, header.lsn, header.slots};
  auto counts = ReadParents(*files_, path(), name);
  ASSERT_TRUE(counts.ok());
  std::uint64_t wrong = 0;
  for (std::uint32_t i = 0; i < counts->size(); ++i) {
    if ((*counts)[i] == 0 || i % 3 == 0) continue;
    (*counts)[i] = (*counts)[i] == 1 || i % 3 == 1 ? (*counts)[i] + 2 : 1;
    ++wrong;
  }
  ASSERT_TRUE(WriteParents(*files_, path(), name, *counts).ok());
  const auto engine = OpenStore();
  ASSERT_NE(engine, nullptr);
  const AuditReport report = Round(*engine);
  EXPECT_EQ(report.counts, wrong);
  EXPECT_EQ(report.mended, wrong);
  {
    Core& core = engine->core();
    MutexLock role(core.writer_role);
    Linker other{LinkerOptions()};
    ASSERT_TRUE(other.Rebuild(core.GraphNow(), name.slots, core.entry()).ok());
    EXPECT_EQ(core.linker->ParentCounts(core.GraphNow(), name.slots),
              other.ParentCounts(core.GraphNow(), name.slots));
  }
  ExpectSound(*engine);
}

INSTANTIATE_TEST_SUITE_P(Residencies, AuditTest,
                         testing::Values(Residency::kResident, Residency::kMapped),
                         [](const auto& residency) {
                           return std::string(ResidencyName(residency.param));
                         });

// A page that cannot be read ends the round; nothing is changed for it, and the store goes on.
TEST_F(CorruptionTest, AnAuditThatMeetsABadPageChangesNothing) {
  MakeAndKeep(End::kClosed);
  EngineOptions options = Options();
  options.options.residency = Residency::kMapped;
  std::uint64_t offset = 0;
  {
    // One that opening does not look at: it has neither dead nodes nor the entry point.
    const auto engine = OpenEngine(options);
    const Core& core = engine->core();
    std::set<PageId> read{core.layout->PageOf(core.entry().slot)};
    const std::uint32_t used = core.slots->used();
    for (std::uint32_t i = 0; i < used; ++i) {
      const auto slot = static_cast<SlotId>(i);
      if (core.slots->state(slot) == SlotState::kDead) read.insert(core.layout->PageOf(slot));
    }
    PageId page{0};
    while (read.contains(page)) page = static_cast<PageId>(Raw(page) + 1);
    ASSERT_LT(Raw(page), Raw(core.layout->PageOf(static_cast<SlotId>(used))));
    offset = core.page_file->FileOffset({SegmentKind::kNodes, page});
  }
  Restore();
  Flip("graph.engram", offset + 200);
  const auto engine = OpenEngine(options);
  ASSERT_NE(engine, nullptr);
  MutexLock role(engine->core().writer_role);
  Writer writer(engine->core());
  const Lsn last = engine->core().versions.visible();
  for (int i = 0; i < 2; ++i) {
    Status status;
    for (int step = 0; step < 100 && status.ok(); ++step) status = writer.Audit(10).status();
    EXPECT_EQ(status.code(), Code::kCorruptedIndex) << status;
    EXPECT_FALSE(engine->core().linker->auditing());
  }
  EXPECT_EQ(engine->core().versions.visible(), last);
  EXPECT_TRUE(engine->core().log->poisoned().ok());
}

}  // namespace
}  // namespace engram
