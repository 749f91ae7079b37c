// The graph of a real store damaged under right checksums: verify names each damage, and openings,
// searches and writes do what they can, and never look outside.
#include <cstring>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/vector_rules.h"
#include "index/graph.h"
#include "storage/base/coding.h"
#include "storage/slot_bits.h"
#include "storage/superblock.h"
#include "tests/engine/corruption_fixture.h"
#include "tests/support/sound_store.h"

namespace engram {
namespace {

class GraphCorruption : public CorruptionTest {
 protected:
  // Slots of each kind, and a live node of level 2 or more with its blocks.
  void SetUp() override {
    MakeStore(End::kClosed);
    {
      const auto engine = OpenEngine();
      // Frees slots; what is ended then stays dead.
      ASSERT_TRUE(engine->RunMaintenance(std::chrono::seconds(10)).ok());
      Erase(*engine, {200, 201, 202});
      Learn(*engine);
      ASSERT_TRUE(engine->Close().ok());
    }
    ASSERT_NE(high_, SlotId::kNone) << "the test needs a node of level 2";
    ASSERT_NE(free_, SlotId::kNone);
    ASSERT_NE(dead_, SlotId::kNone);
    ASSERT_NE(low_, SlotId::kNone);
    Keep();
    ExpectNoFinding();
  }

  void Learn(Engine& engine) {
    layout_ = *engine.core().layout;
    const Graph graph = engine.core().GraphNow();
    entry_ = engine.core().entry();
    for (std::uint32_t i = engine.core().slots->used(); i-- > 0;) {
      const auto slot = static_cast<SlotId>(i);
      const std::uint32_t level = graph.Node(slot).level();
      const SlotState state = graph.state(slot);
      if (state == SlotState::kFree || state == SlotState::kRetired) free_ = slot;
      if (state == SlotState::kDead) dead_ = slot;
      if (state != SlotState::kLive || slot == entry_.slot) continue;
      if (level == 0) low_ = slot;
      if (level < 2 || graph.LinksAt(slot, 1).count() == 0) continue;
      high_ = slot;
      blocks_ = {*graph.UpperBlock(slot, 1), *graph.UpperBlock(slot, 2)};
    }
    slots_ = engine.core().slots->used();
    uppers_ = engine.core().upper_slots->used();
  }

  void ExpectNoFinding() { ExpectSoundStore(files_, path()); }

  void EditNode(SlotId slot, const std::function<void(std::byte* block)>& edit) {
    EditPage(SegmentKind::kNodes, Raw(layout_.PageOf(slot)),
             [&](std::span<std::byte> page) { edit(page.data() + layout_.OffsetInPage(slot)); });
  }
  void EditUpper(std::uint32_t block, const std::function<void(std::byte* block)>& edit) {
    EditPage(SegmentKind::kUpper, Raw(layout_.UpperPageOf(block)), [&](std::span<std::byte> page) {
      edit(page.data() + layout_.UpperOffsetInPage(block));
    });
  }
  void EditUpperState(std::uint32_t block, SlotState state) {
    EditPage(SegmentKind::kUpperSlots, Raw(SlotBitsPage(block)), [&](std::span<std::byte> page) {
      StoreSlotState(page.data(), block % kSlotsPerPage, state);
    });
  }
  void EditNodeState(SlotId slot, SlotState state) {
    EditPage(SegmentKind::kNodeSlots, Raw(SlotBitsPage(Raw(slot))), [&](std::span<std::byte> page) {
      StoreSlotState(page.data(), Raw(slot) % kSlotsPerPage, state);
    });
  }
  // What no superblock may say: the older one would make up for the newer.
  void EditBothStates(const std::function<void(StoreState&)>& edit) {
    for (const unsigned slot : {0U, 1U}) {
      Superblock superblock = ReadSuperblock(slot);
      edit(superblock.state);
      SealSuperblock(superblock);
      Put("graph.engram", SuperblockOffset(slot), AsBytes(superblock));
    }
  }
  // `position` of a list becomes `to`, whatever was there.
  static void SetLink(std::byte* links, std::uint32_t position, std::uint32_t to) {
    StoreAs(links + position * sizeof(SlotId), to);
  }

  EngineOptions With(Residency residency) const {
    EngineOptions options = Options();
    options.options.residency = residency;
    options.options.sweep_interval = std::chrono::seconds(0);
    return options;
  }
  void ExpectNotOpened(const std::string& named, Residency residency = Residency::kResident) {
    for (const auto access : {Engine::Access::kReadOnly, Engine::Access::kReadWrite}) {
      const auto opened = Engine::Open(path(), With(residency), access);
      EXPECT_EQ(opened.code(), Code::kCorruptedIndex) << opened.status();
      EXPECT_NE(opened.status().message().find(named), std::string::npos) << opened.status();
    }
  }

  void ExpectNamedAndHarmless(const std::string& named) {
    ExpectFinding(named);
    ExpectHarmless();
    Restore();
  }

  // Each field of a struct at a place that `edit` gives.
  void ForEachField(const std::vector<FieldPlace>& fields,
                    const std::function<void(const std::function<void(std::byte*)>&)>& edit,
                    const std::string& named) {
    for (const FieldPlace& field : fields) {
      for (const Damage damage : kDamages) {
        SCOPED_TRACE(std::string(field.name) + ", damage " +
                     std::to_string(static_cast<int>(damage)));
        bool changed = false;
        edit([&](std::byte* block) {
          std::byte* const at = block + field.offset;
          const std::vector<std::byte> before(at, at + field.bytes);
          if (damage == Damage::kOneBit) at[field.bytes / 2] ^= std::byte{0x04};
          if (damage == Damage::kOnes) std::memset(at, 0xff, field.bytes);
          if (damage == Damage::kZeros) std::memset(at, 0, field.bytes);
          changed = std::memcmp(before.data(), at, field.bytes) != 0;
        });
        if (changed) ExpectNamedAndHarmless(named);
      }
    }
  }

  void ExpectHarmless() {
    for (const auto access : {Engine::Access::kReadOnly, Engine::Access::kReadWrite}) {
      auto opened = Engine::Open(path(), Options(), access);
      if (!opened.ok()) {
        EXPECT_EQ(opened.code(), Code::kCorruptedIndex) << opened.status();
        continue;
      }
      SearchAll(**opened);
      if (access == Engine::Access::kReadWrite) Write(**opened);
    }
  }

  // Whatever is found was stored, and at the distance that is said.
  void SearchAll(Engine& engine) {
    for (float first = 0; first < 400; first += 23) {
      std::vector<float> query(kDimensions, first);
      SearchRequest request;
      request.query = query;
      request.k = 10;
      request.ef = 30;
      request.include_vector = true;
      const auto result = engine.Search(request);
      ASSERT_TRUE(result.ok()) << result.status();
      std::set<PatternId> ids;
      for (const Hit& hit : result->hits) {
        EXPECT_TRUE(ids.insert(hit.id).second) << "pattern " << hit.id << " twice";
        const auto there = engine.Contains(hit.id, std::nullopt);
        EXPECT_TRUE(there.ok() && *there) << "pattern " << hit.id;
        float distance = 0;
        for (std::size_t i = 0; i < query.size(); ++i) {
          distance += (query[i] - hit.vector[i]) * (query[i] - hit.vector[i]);
        }
        EXPECT_NEAR(hit.distance, distance, distance * 1e-4F);
      }
    }
  }

  // Succeeds, or says what is wrong.
  void Write(Engine& engine) {
    const auto commit = [&](std::vector<PendingOp> ops) {
      Transaction transaction;
      transaction.durability = Durability::kNone;
      transaction.ops = std::move(ops);
      engine.Commit(transaction);
      const Code code = transaction.status.code();
      EXPECT_TRUE(code == Code::kOk || code == Code::kCorruptedIndex || code == Code::kReadOnly ||
                  code == Code::kNotFound)
          << transaction.status;
    };
    std::vector<std::vector<float>> vectors;
    for (int i = 0; i < 20; ++i) vectors.emplace_back(kDimensions, static_cast<float>(i) * 17);
    for (const std::vector<float>& vector : vectors) {
      PendingInsert insert;
      insert.vector = vector;
      insert.norm = VectorNorm(vector);
      std::vector<PendingOp> ops;
      ops.emplace_back(std::move(insert));
      commit(std::move(ops));
    }
    for (PatternId id = 120; id < 300; ++id) commit({PendingErase{id}});
    engine.RunMaintenance(std::chrono::seconds(10)).IgnoreError();  // may refuse
    SearchAll(engine);
  }

  NodeLayout layout_ = *NodeLayout::Create({.dimensions = kDimensions, .m = 4});
  EntryPoint entry_;
  SlotId high_ = SlotId::kNone;  // of level 2 or more
  SlotId low_ = SlotId::kNone;   // of level 0
  SlotId dead_ = SlotId::kNone;
  SlotId free_ = SlotId::kNone;
  std::vector<std::uint32_t> blocks_;  // of high_, levels 1 and 2
  std::uint32_t slots_ = 0;
  std::uint32_t uppers_ = 0;
};

TEST_F(GraphCorruption, EveryFieldOfAnUpperBlockIsNamed) {
  const std::string of_slot = " of slot " + std::to_string(Raw(high_)) + ")";
  ForEachField(
      UpperFields(), [&](const auto& edit) { EditUpper(blocks_[0], edit); }, of_slot);
}

TEST_F(GraphCorruption, EveryFieldOfANodeThatTheGraphHangsOnIsNamed) {
  std::vector<FieldPlace> fields;
  for (const FieldPlace& field : NodeFields()) {
    const std::string name = field.name;
    if (name == "upper" || name == "link_count" || name == "level") fields.push_back(field);
  }
  ASSERT_EQ(fields.size(), 3u);
  ForEachField(
      fields, [&](const auto& edit) { EditNode(high_, edit); },
      "slot " + std::to_string(Raw(high_)));
}

TEST_F(GraphCorruption, LinksThatCannotBeAreNamedAtEveryLevel) {
  const std::uint32_t outside[] = {slots_, slots_ + 100, 1u << 20, 0xfffffffe};
  const auto at_level0 = [&](std::uint32_t to) {
    EditNode(high_, [&](std::byte* block) { SetLink(block + layout_.links_offset(), 0, to); });
  };
  const auto at_level1 = [&](std::uint32_t to) {
    EditUpper(blocks_[0], [&](std::byte* block) { SetLink(block + sizeof(UpperHeader), 0, to); });
  };
  for (const std::uint32_t to : outside) {
    SCOPED_TRACE(to);
    const std::string named = "link 0 leads to slot " + std::to_string(to) + ", expected one below";
    at_level0(to);
    ExpectNamedAndHarmless(named);
    at_level1(to);
    ExpectNamedAndHarmless(named);
  }
  at_level0(Raw(high_));
  ExpectNamedAndHarmless("level 0: link 0 leads to itself");
  at_level1(Raw(high_));
  ExpectNamedAndHarmless("): link 0 leads to itself");
  at_level0(Raw(free_));
  ExpectNamedAndHarmless("which is free");
  at_level1(Raw(free_));
  ExpectNamedAndHarmless("which is free");
  at_level1(Raw(low_));
  ExpectNamedAndHarmless("whose level is 0, expected at least 1");
}

TEST_F(GraphCorruption, LinkBehindTheLastOrTwiceIsNamed) {
  const auto edit_list =
      [&](const std::function<void(std::uint16_t & count, std::uint32_t * links)>& edit) {
        EditUpper(blocks_[0], [&](std::byte* block) {
          auto header = LoadAs<UpperHeader>(block);
          std::vector<std::uint32_t> links(layout_.max_links());
          std::memcpy(links.data(), block + sizeof(header), links.size() * sizeof(SlotId));
          edit(header.link_count, links.data());
          StoreAs(block, header);
          std::memcpy(block + sizeof(header), links.data(), links.size() * sizeof(SlotId));
        });
      };
  edit_list([](std::uint16_t& count, std::uint32_t* links) {
    count = 3;
    links[1] = links[2] = links[0];
  });
  ExpectNamedAndHarmless("two links lead to slot");
  edit_list([](std::uint16_t& count, std::uint32_t*) { --count; });
  ExpectNamedAndHarmless("expected none: the list has");
}

TEST_F(GraphCorruption, ClearPositionsBelowTheCountAreNoFinding) {
  EditUpper(blocks_[0], [&](std::byte* block) { SetLink(block + sizeof(UpperHeader), 0, ~0u); });
  ExpectNoFinding();
}

TEST_F(GraphCorruption, NodeWithoutAParentIsNamedAndWhatIsNotReachedIsCounted) {
  for (std::uint32_t i = 0; i < slots_; ++i) {
    EditNode(static_cast<SlotId>(i), [&](std::byte* block) {
      for (std::uint32_t at = 0; at < layout_.max_links0(); ++at) {
        std::byte* const link = block + layout_.links_offset() + at * sizeof(SlotId);
        if (LoadAs<SlotId>(link) == low_) StoreAs(link, SlotId::kNone);
      }
    });
  }
  const std::string slot = "slot " + std::to_string(Raw(low_)) + " (pattern ";
  ExpectFinding(slot);
  ExpectFinding("no live node that ranks above it links to it");
  ExpectFinding("graph.engram: graph: 1 of ");
  ExpectHarmless();
}

TEST_F(GraphCorruption, StatesOfUpperBlocksThatDisagreeAreNamed) {
  const std::string of_high = " (level 2 of slot " + std::to_string(Raw(high_)) + ")";
  const std::string block = "upper block " + std::to_string(blocks_[1]);
  EditUpperState(blocks_[1], SlotState::kFree);
  ExpectNotOpened(block + of_high + " is free, expected live");
  ExpectNamedAndHarmless(of_high + ": is free");
  EditUpperState(blocks_[1], SlotState::kDead);
  ExpectNotOpened(block + of_high + " is dead, expected live");
  ExpectNamedAndHarmless(block + " is dead");
  EditUpperState(blocks_[1], SlotState::kRetired);
  ExpectNotOpened(block + of_high + " is free, expected live");  // as all that are retired
  ExpectNamedAndHarmless(block + " is retired");
  const std::string behind = "upper block " + std::to_string(uppers_);
  for (const SlotState state : {SlotState::kLive, SlotState::kDead, SlotState::kRetired}) {
    EditUpperState(uppers_, state);
    ExpectNotOpened(behind + " is not free, expected only the first " + std::to_string(uppers_));
    ExpectNotOpened(behind + " is not free", Residency::kMapped);
    ExpectNamedAndHarmless(behind + " is not free");
  }
  // One that no node leads to.
  EditState([](StoreState& state) { ++state.upper_slots; });
  EditUpperState(uppers_, SlotState::kLive);
  ExpectNotOpened(behind + " (level 0 of slot 0) is live, expected free, as no node has it");
  ExpectNamedAndHarmless(behind + " is live, but no node");
}

// No page of nodes is needed to see it.
TEST_F(GraphCorruption, UpperBlockInUseOfASlotThatIsNotIsRefusedMappedToo) {
  for (const std::uint32_t slot : {Raw(free_), slots_, 0xffffffffu}) {
    EditUpper(blocks_[0], [&](std::byte* block) {
      auto header = LoadAs<UpperHeader>(block);
      header.node = slot;
      StoreAs(block, header);
    });
    const std::string named = "upper block " + std::to_string(blocks_[0]) + " (level 1 of slot " +
                              std::to_string(slot) + ") is live, expected free";
    ExpectNotOpened(named, Residency::kMapped);
    // By its node, the ones above it have lost theirs too.
    ExpectNotOpened("is live, expected free, as no node has it");
    Restore();
  }
}

// Opening does not look at mapped nodes.
TEST_F(GraphCorruption, UpperBlockOfAMappedNodeThatIsSaidToBeFreeEndsTheSweepAndTheCompaction) {
  const PatternId id = OpenEngine()->core().Node(high_).id();
  const std::string named = "upper block " + std::to_string(blocks_[1]) + " (level 2 of slot " +
                            std::to_string(Raw(high_)) + ") is free, expected live";
  const auto expect_named = [&](const Status& status) {
    EXPECT_EQ(status.code(), Code::kCorruptedIndex) << status;
    EXPECT_NE(status.message().find(named), std::string::npos) << status;
  };
  for (const bool swept : {true, false}) {
    SCOPED_TRACE(swept);
    Restore();
    EditUpperState(blocks_[1], SlotState::kFree);
    const auto engine = OpenEngine(With(Residency::kMapped));
    ASSERT_NE(engine, nullptr);
    Erase(*engine, {id});
    if (swept) expect_named(engine->RunMaintenance(std::chrono::seconds(10)));
    for (int i = 0; i < 2; ++i) expect_named(engine->Compact({}).status());
    EXPECT_TRUE(engine->Close().ok());
  }
}

// One that comes free twice would be counted twice by the cut.
TEST_F(GraphCorruption, ACompactionThatLeavesNearlyNothingRefusesABlockSaidToBeFree) {
  for (const std::uint32_t block : blocks_) {
    EditUpperState(block, SlotState::kFree);
    const auto engine = OpenEngine(With(Residency::kMapped));
    ASSERT_NE(engine, nullptr);
    std::vector<PatternId> ids;
    const auto collect = [&](const Pattern& pattern) {
      ids.push_back(pattern.id);
      return true;
    };
    ASSERT_TRUE(engine->ForEach(collect, {}).ok());
    Erase(*engine, ids);
    EXPECT_EQ(engine->Compact({}).code(), Code::kCorruptedIndex);
    Restore();
  }
}

// Counts fit where two slots have changed places. One that ends twice would come free twice.
TEST_F(GraphCorruption, ALivePatternInASlotThatIsSaidToBeDeadIsNotEnded) {
  const PatternId id = OpenEngine()->core().Node(low_).id();
  Restore();
  EditNodeState(low_, SlotState::kDead);
  EditNodeState(dead_, SlotState::kLive);
  const auto engine = OpenEngine();
  ASSERT_NE(engine, nullptr);
  Transaction transaction;
  transaction.ops.emplace_back(PendingErase{id});
  engine->Commit(transaction);
  EXPECT_EQ(transaction.status.code(), Code::kCorruptedIndex) << transaction.status;
  EXPECT_NE(transaction.status.message().find("slot " + std::to_string(Raw(low_)) + " holds"),
            std::string::npos)
      << transaction.status;
}

// Nobody counts parents of what lies behind the slots in use.
TEST_F(GraphCorruption, LiveSlotBehindThoseInUseIsRefusedWithALinkThatLeadsThere) {
  for (const SlotState state : {SlotState::kLive, SlotState::kDead, SlotState::kRetired}) {
    EditPage(SegmentKind::kNodeSlots, Raw(SlotBitsPage(slots_)), [&](std::span<std::byte> page) {
      StoreSlotState(page.data(), slots_ % kSlotsPerPage, state);
    });
    EditNode(entry_.slot,
             [&](std::byte* block) { SetLink(block + layout_.links_offset(), 0, slots_); });
    const std::string named = "slot " + std::to_string(slots_) + " is not free";
    ExpectFinding(named);
    ExpectNotOpened(named);
    Restore();
  }
}

// Until a commit fills it.
TEST_F(GraphCorruption, LinkToASlotThatIsFilledLaterLeadsNowhereOutside) {
  for (const std::uint32_t ahead : {0u, 1u, 10u, 600u}) {
    SCOPED_TRACE(ahead);
    for (const SlotId from : {entry_.slot, high_, low_}) {
      EditNode(from, [&](std::byte* block) {
        SetLink(block + layout_.links_offset(), 0, slots_ + ahead);
      });
    }
    const auto engine = OpenEngine();
    ASSERT_NE(engine, nullptr);
    Insert(*engine, 1100);  // more than are linked at once
    Write(*engine);
    Restore();
  }
}

TEST_F(GraphCorruption, EntryPointWithoutALinkIsFollowedByAnotherNode) {
  EditNode(entry_.slot, [&](std::byte* block) {
    auto header = LoadAs<NodeHeader>(block);
    header.link_count = 0;
    StoreAs(block, header);
    std::memset(block + layout_.links_offset(), 0xff, layout_.max_links0() * sizeof(SlotId));
  });
  const auto engine = OpenEngine();
  ASSERT_NE(engine, nullptr);
  const PatternId id = engine->core().Node(entry_.slot).id();
  Erase(*engine, {id});
  const EntryPoint next = engine->core().entry();
  ASSERT_NE(next.slot, SlotId::kNone);
  EXPECT_EQ(engine->core().slots->state(next.slot), SlotState::kLive);
  Write(*engine);
}

TEST_F(GraphCorruption, EntryPointThatIsWrongIsNamed) {
  const auto entry = [&](SlotId slot, std::uint32_t level) {
    EditState([&](StoreState& state) {
      state.entry_point = slot;
      state.top_level = level;
    });
  };
  entry(low_, 0);
  ExpectNamedAndHarmless("which ranks above all others");
  entry(dead_, 0);
  ExpectNamedAndHarmless("which is dead, expected a live one");
  entry(free_, 0);
  ExpectNamedAndHarmless("which is free, expected a live one");
  entry(SlotId::kNone, 0);
  ExpectNamedAndHarmless("there is no entry point");
  entry(entry_.slot, entry_.level + 1);
  ExpectNamedAndHarmless("the top");
  entry(entry_.slot, entry_.level - 1);
  ExpectNamedAndHarmless("the top");
  EditBothStates([&](StoreState& state) { state.entry_point = static_cast<SlotId>(slots_ + 3); });
  ExpectNamedAndHarmless("entry point " + std::to_string(slots_ + 3));
  EditBothStates([](StoreState& state) { state.top_level = kMaxLevel + 1; });
  ExpectNamedAndHarmless("top level 32");
}

TEST_F(GraphCorruption, CountOfUpperBlocksThatIsWrongIsNamed) {
  for (const std::uint32_t used : {0u, 1u}) {
    EditState([&](StoreState& state) { state.upper_slots = used; });
    ExpectNamedAndHarmless("expected one below " + std::to_string(used));
  }
  EditBothStates([](StoreState& state) { state.upper_slots = 1u << 30; });
  ExpectNamedAndHarmless("upper slots");
}

TEST_F(GraphCorruption, VectorThatIsNotANumberEndsNoWalkInALoop) {
  for (std::uint32_t i = 0; i < slots_; i += 3) {
    EditNode(static_cast<SlotId>(i), [&](std::byte* block) {
      StoreAs(block + layout_.vector_offset(), std::numeric_limits<float>::quiet_NaN());
    });
  }
  const auto engine = OpenEngine();
  std::vector<float> query(kDimensions, 100);
  SearchRequest request;
  request.query = query;
  request.k = 10;
  for (const std::size_t ef : {10u, 50u, 400u}) {
    request.ef = ef;
    EXPECT_TRUE(engine->Search(request).ok());
  }
}

}  // namespace
}  // namespace engram
