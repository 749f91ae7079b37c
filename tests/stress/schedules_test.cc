// Forced schedules: one thread stops at a named point of a search or an insert, another one erases,
// sweeps and fills slots again. Each schedule shows that the right code holds, and that the check
// would see the mutant that breaks the rule.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "index/node_key.h"
#include "storage/base/coding.h"
#include "tests/api/graph_fixture.h"
#include "tests/engine/engine_fixture.h"
#include "tests/support/graph_check.h"

namespace engram {
namespace {

constexpr std::uint32_t kPatterns = 400;  // beyond the few that are scanned
constexpr float kMiddle = 200;            // of the line on which they lie
constexpr std::size_t kErased = 20;
constexpr float kFar = 1e6;

class ScheduleTest : public EngineTest {
 protected:
  ScheduleTest() {
    config_.options.m = 4;
    config_.options.ef_construction = 40;
    config_.options.search_threads = 1;
    config_.options.durability = Durability::kNone;
  }
  ~ScheduleTest() override { SetMutant(Mutant::kNone); }

  // Pattern i, from 1 on, lies at i.
  void Fill() {
    ASSERT_NO_FATAL_FAILURE(Open());
    for (std::uint32_t i = 1; i <= kPatterns; ++i) {
      ASSERT_EQ(Insert(static_cast<float>(i), Durability::kNone), i);
    }
  }

  // What happens while a thread stands at `point`, for the first time: on a thread of its own, with
  // pins of its own.
  void Meanwhile(const char* point, std::function<void()> what) {
    SetSyncPoint(point, [what = std::move(what)] {
      ClearSyncPoints();
      std::thread(what).join();
    });
  }

  static std::vector<PatternId> AroundTheMiddle() {
    std::vector<PatternId> ids;
    for (std::size_t i = 0; i < kErased; ++i) {
      ids.push_back(static_cast<PatternId>(kMiddle) - kErased / 2 + i);
    }
    return ids;
  }

  void EraseAll(const std::vector<PatternId>& ids) {
    for (const PatternId id : ids) {
      const Status status = Commit({PendingErase{id}}, Durability::kNone).status;
      EXPECT_TRUE(status.ok()) << status;
    }
  }
  // A full round: nothing leads to the dead any more, and their slots wait for their grace.
  void Sweep() {
    const Status status = engine_->RunMaintenance(std::chrono::seconds(100));
    EXPECT_TRUE(status.ok()) << status;
  }
  std::vector<PatternId> InsertFar(std::size_t count) {
    std::vector<PatternId> ids;
    for (std::size_t i = 0; i < count; ++i) {
      ids.push_back(Insert(kFar + static_cast<float>(i), Durability::kNone));
    }
    return ids;
  }

  std::vector<SlotId> SlotsOf(const std::vector<PatternId>& ids) {
    std::vector<SlotId> slots;
    const Core& core = engine_->core();
    for (std::uint32_t i = 0; i < core.slots->used(); ++i) {
      const auto slot = static_cast<SlotId>(i);
      const SlotState state = core.slots->state(slot);
      const bool there = state == SlotState::kLive || state == SlotState::kDead;
      if (there && std::find(ids.begin(), ids.end(), core.Node(slot).id()) != ids.end()) {
        slots.push_back(slot);
      }
    }
    return slots;
  }
  // Whether each slot still holds one of these patterns.
  bool StillHold(const std::vector<SlotId>& slots, const std::vector<PatternId>& ids) {
    return std::all_of(slots.begin(), slots.end(), [&](SlotId slot) {
      const PatternId id = engine_->core().Node(slot).id();
      return std::find(ids.begin(), ids.end(), id) != ids.end();
    });
  }

  std::string CheckGraphNow() {
    MutexLock role(engine_->core().writer_role);
    return CheckGraph(engine_->core());
  }

  SearchResult Search(float first, std::size_t k,
                      const std::optional<KeptState>& at = std::nullopt) {
    const std::vector<float> query = Vector(first);
    SearchRequest request;
    request.query = query;
    request.k = k;
    request.snapshot = at;
    auto result = engine_->Search(request);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? std::move(result).value() : SearchResult();
  }

  // Empty where the hits are those k of `line`, by which all distances are whole numbers.
  static std::string Differs(const SearchResult& result, float first, std::size_t k,
                             std::vector<PatternId> line) {
    std::sort(line.begin(), line.end(), [&](PatternId a, PatternId b) {
      const auto away = [&](PatternId id) { return std::abs(static_cast<float>(id) - first); };
      return std::pair(away(a), a) < std::pair(away(b), b);
    });
    if (result.degraded) return "a whole graph was taken for a damaged one";
    if (result.exact) return "the graph did not do";
    if (result.hits.size() != k) return std::to_string(result.hits.size()) + " hits";
    for (std::size_t i = 0; i < k; ++i) {
      const float away = static_cast<float>(line[i]) - first;
      if (result.hits[i].id == line[i] && result.hits[i].distance == away * away) continue;
      return "hit " + std::to_string(i) + " is pattern " + std::to_string(result.hits[i].id) +
             ", expected " + std::to_string(line[i]);
    }
    return {};
  }
  static std::vector<PatternId> Line() {
    std::vector<PatternId> line;
    for (PatternId id = 1; id <= kPatterns; ++id) line.push_back(id);
    return line;
  }
  static std::vector<PatternId> LineWithout(const std::vector<PatternId>& ids) {
    std::vector<PatternId> line = Line();
    std::erase_if(line,
                  [&](PatternId id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); });
    return line;
  }

  // Search, erase, sweep, reuse, link. What is wrong with the graph afterwards.
  std::string InsertWhileCandidatesGo(bool reuse) {
    const std::vector<PatternId> erased = AroundTheMiddle();
    std::string wrong;
    Meanwhile("commit:searched", [&] {
      const std::vector<SlotId> slots = SlotsOf(erased);
      EraseAll(erased);
      Sweep();
      if (reuse) InsertFar(2 * kErased);
      if (!StillHold(slots, erased)) wrong = "slots of candidates were filled again";
    });
    const PatternId id = Insert(kMiddle, Durability::kNone);
    const std::string after = CheckGraphNow();
    if (!after.empty()) return after;
    const ConstLinks links = engine_->core().Node(SlotsOf({id}).at(0)).links();
    for (std::uint32_t i = 0; i < links.count(); ++i) {
      if (links[i] == SlotId::kNone) continue;
      const float first = engine_->core().Node(links[i]).vector()[0];
      if (std::abs(first - kMiddle) <= kErased) continue;
      return wrong + "; it links to what came to their place";
    }
    return wrong;
  }
};

TEST_F(ScheduleTest, CandidatesThatAreErasedAndSweptAreNotLinkedTo) {
  ASSERT_NO_FATAL_FAILURE(Fill());
  EXPECT_EQ(InsertWhileCandidatesGo(false), "");
}

TEST_F(ScheduleTest, LinksToDeadCandidatesWouldBeSeen) {
  ASSERT_NO_FATAL_FAILURE(Fill());
  SetMutant(Mutant::kLinkToDead);
  EXPECT_NE(InsertWhileCandidatesGo(false).find("which ended before this one began"),
            std::string::npos);
}

TEST_F(ScheduleTest, SlotsOfCandidatesAreNotFilledUntilTheyAreLinked) {
  ASSERT_NO_FATAL_FAILURE(Fill());
  EXPECT_EQ(InsertWhileCandidatesGo(true), "");
}

TEST_F(ScheduleTest, CandidatesThatNobodyPinsWouldBeSeen) {
  ASSERT_NO_FATAL_FAILURE(Fill());
  SetMutant(Mutant::kCandidatesNotPinned);
  EXPECT_EQ(InsertWhileCandidatesGo(true),
            "slots of candidates were filled again; it links to what came to their place");
}

// A walk holds links to slots that are freed before it looks at the blocks.
class GraceTest : public ScheduleTest {
 protected:
  std::string WalkWhileSlotsGo() {
    const std::vector<PatternId> erased = AroundTheMiddle();
    const std::vector<SlotId> slots = SlotsOf(erased);
    EraseAll(erased);
    std::string wrong = "no link was read";
    Meanwhile("walk:links_read", [&] {
      Sweep();
      for (const SlotId slot : slots) {
        EXPECT_EQ(engine_->core().slots->state(slot), SlotState::kRetired);
      }
      InsertFar(2 * kErased);
      wrong = StillHold(slots, erased) ? "" : "slots were filled again under a walk";
    });
    const std::string differs = Differs(Search(kMiddle, 5), kMiddle, 5, LineWithout(erased));
    return wrong + differs;
  }
};

TEST_F(GraceTest, SlotsAreNotFilledUnderAWalk) {
  ASSERT_NO_FATAL_FAILURE(Fill());
  EXPECT_EQ(WalkWhileSlotsGo(), "");
  // Now they are.
  const std::uint32_t used = engine_->core().slots->used();
  InsertFar(kErased);
  EXPECT_EQ(engine_->core().slots->used(), used);
}

TEST_F(GraceTest, SlotsWithoutGraceWouldBeSeen) {
  ASSERT_NO_FATAL_FAILURE(Fill());
  SetMutant(Mutant::kNoGrace);
  EXPECT_EQ(WalkWhileSlotsGo(), "slots were filled again under a walk");
}

TEST_F(ScheduleTest, AWalkBeginsAtAnEntryPointThatIsErasedAndReplaced) {
  ASSERT_NO_FATAL_FAILURE(Fill());
  const SlotId entry = engine_->core().entry().slot;
  const PatternId id = engine_->core().Node(entry).id();
  Meanwhile("search:begun", [&] {
    EraseAll({id});
    Sweep();
    InsertFar(kErased);
    EXPECT_NE(engine_->core().entry().slot, entry);
    // The state that the walk looks at still has it.
    EXPECT_EQ(engine_->core().slots->state(entry), SlotState::kDead);
  });
  const auto first = static_cast<float>(id);
  const SearchResult before = Search(first, 5);
  EXPECT_FALSE(before.exact);
  ASSERT_EQ(before.hits.size(), 5u);
  EXPECT_EQ(before.hits[0].id, id);
  const SearchResult after = Search(first, 5);
  EXPECT_FALSE(after.exact);
  ASSERT_EQ(after.hits.size(), 5u);
  EXPECT_NE(after.hits[0].id, id);
  EXPECT_EQ(Differs(Search(kMiddle, 5), kMiddle, 5, LineWithout({id})), "");
  EXPECT_EQ(CheckGraphNow(), "");
}

TEST_F(ScheduleTest, AWalkFindsItsStateWhenAllOfItIsErasedMeanwhile) {
  ASSERT_NO_FATAL_FAILURE(Fill());
  const KeptState before = engine_->TakeSnapshot();
  Meanwhile("search:begun", [&] {
    EraseAll(Line());
    InsertFar(1);
    Sweep();
    EXPECT_EQ(GetStats().count, 1u);
  });
  EXPECT_EQ(Differs(Search(kMiddle, 5), kMiddle, 5, Line()), "");
  // The graph of today no longer leads to all of it: looked through whole.
  const SearchResult later = Search(kMiddle, 5, before);
  ASSERT_EQ(later.hits.size(), 5u);
  EXPECT_EQ(later.hits[0].id, static_cast<PatternId>(kMiddle));
  EXPECT_EQ(later.hits[4].distance, 4);
  engine_->DropSnapshot(before);
  Sweep();
  EXPECT_EQ(GetStats().dead, 0u);
  EXPECT_EQ(CheckGraphNow(), "");
}

TEST_F(ScheduleTest, LinksToMemoryThatCameSinceAreNoDamage) {
  ASSERT_NO_FATAL_FAILURE(Fill());
  const std::uint32_t limit = engine_->core().GraphNow().node_limit();
  Meanwhile("search:begun", [&] {
    while (engine_->core().slots->used() < limit + kErased) Insert(kMiddle, Durability::kNone);
  });
  EXPECT_EQ(Differs(Search(kMiddle - 20, 5), kMiddle - 20, 5, Line()), "");
}

// A commit of more nodes near each query than a walk keeps candidates, linked and not yet visible.
class CrowdTest : public ScheduleTest {
 protected:
  static constexpr std::uint32_t kMany = 16;  // dimensions
  static constexpr std::size_t kK = 10;

  CrowdTest() {
    config_.options.dimensions = kMany;
    config_.options.m = 8;
    config_.options.ef_construction = 100;
    queries_.assign(base_.begin(), base_.begin() + 20);
    base_.erase(base_.begin(), base_.begin() + 20);
  }

  void InsertAll(const std::vector<std::vector<float>>& vectors) {
    std::vector<PendingOp> ops;
    for (const std::vector<float>& vector : vectors) ops.emplace_back(InsertOf(vector));
    const Done done = Commit(std::move(ops), Durability::kNone);
    ASSERT_TRUE(done.status.ok()) << done.status;
  }

  std::vector<Hit> Find(const std::vector<float>& query, bool exact) {
    SearchRequest request;
    request.query = query;
    request.k = kK;
    request.ef = 3 * kK;
    request.exact = exact;
    auto result = engine_->Search(request);
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) return {};
    EXPECT_TRUE(result->exact || !exact);
    return std::move(result->hits);
  }

  // How many of the true nearest walks find.
  std::size_t CountFound() {
    std::size_t found = 0;
    for (const std::vector<float>& query : queries_) {
      const std::vector<Hit> nearest = Find(query, true);
      for (const Hit& hit : Find(query, false)) found += hit.distance <= nearest.back().distance;
    }
    return found;
  }

  std::vector<std::vector<float>> base_ = GaussianMixture(3020, kMany, 10, TestSeed(91));
  std::vector<std::vector<float>> queries_;
};

TEST_F(CrowdTest, ACommitThatIsBeingLinkedTakesNoPlacesFromWhatIsVisible) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_NO_FATAL_FAILURE(InsertAll(base_));
  const std::size_t before = CountFound();
  EXPECT_GE(before, queries_.size() * kK * 9 / 10);

  std::mt19937_64 random(TestSeed(92));
  std::normal_distribution<float> noise(0, 0.01F);
  std::vector<std::vector<float>> crowd;
  for (const std::vector<float>& query : queries_) {
    for (std::size_t i = 0; i < 10 * kK; ++i) {
      crowd.push_back(query);
      for (float& component : crowd.back()) component += noise(random);
    }
  }
  std::size_t meanwhile = 0;
  const Core& core = engine_->core();
  SetSyncPoint("writer:linked", [&] {
    if (core.slots->live() == base_.size()) return;  // another commit makes room first
    ClearSyncPoints();
    std::thread([&] { meanwhile = CountFound(); }).join();
  });
  ASSERT_NO_FATAL_FAILURE(InsertAll(crowd));
  EXPECT_GE(meanwhile + queries_.size() / 2, before);
}

// While a node of the highest level so far is linked, a walk begins where it can.
class EntryTest : public ScheduleTest {
 protected:
  // The search of a reader who comes when the first link is about to be set.
  std::string SearchWhileAnEntryIsLinked() {
    Core& core = engine_->core();
    const StoreParameters& parameters = core.page_file->parameters();
    PatternId id = kPatterns + 1;
    while (LevelOf(parameters.seed, id, parameters.m) <= core.entry().level) ++id;
    std::string differs = "no link was set";
    Meanwhile("writer:set_links",
              [&] { differs = Differs(Search(kMiddle, 5), kMiddle, 5, Line()); });
    const std::vector<float> vector = Vector(kFar);
    PendingInsert insert = InsertOf(vector);
    insert.id = id;
    std::vector<PendingOp> ops;
    ops.emplace_back(std::move(insert));
    const Done done = Commit(std::move(ops), Durability::kNone);
    EXPECT_TRUE(done.status.ok()) << done.status;
    EXPECT_EQ(core.Node(core.entry().slot).id(), id);
    return differs;
  }
};

TEST_F(EntryTest, WalksDoNotBeginAtANodeThatIsBeingLinked) {
  ASSERT_NO_FATAL_FAILURE(Fill());
  EXPECT_EQ(SearchWhileAnEntryIsLinked(), "");
}

TEST_F(EntryTest, AnEntryWithoutLinksWouldBeSeen) {
  ASSERT_NO_FATAL_FAILURE(Fill());
  SetMutant(Mutant::kEntryBeforeLinks);
  EXPECT_EQ(SearchWhileAnEntryIsLinked(), "the graph did not do");
}

}  // namespace
}  // namespace engram
