#include "storage/slot_map.h"

#include <map>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "storage/base/coding.h"
#include "storage/page_format.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

SlotId Slot(std::uint32_t slot) { return static_cast<SlotId>(slot); }

class SlotMapTest : public testing::Test {
 protected:
  SlotMapTest()
      : space_(std::move(PageSpace::Create(1, {4096, 4096, 4096, 4096}, 64 << 20)).value()),
        map_(*space_, SegmentKind::kNodeSlots) {
    EXPECT_TRUE(space_->Extend(SegmentKind::kNodeSlots, 3).ok());
  }

  // Takes and fills `count` slots.
  void Fill(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) map_.Set(map_.Take(), SlotState::kLive, Lsn{1});
  }
  void Free(std::uint32_t slot) {
    map_.Set(Slot(slot), SlotState::kRetired, Lsn{1});
    map_.Release(Slot(slot));
  }
  void Clean() {
    PageSpace::Images images;
    PageSpace::Cursor cursor;
    ASSERT_TRUE(space_->TakeImages(cursor, ~0ull >> 1, images));
  }

  std::unique_ptr<PageSpace> space_;
  SlotMap map_;
};

TEST_F(SlotMapTest, NewSlotsComeInOrder) {
  EXPECT_EQ(map_.Take(), Slot(0));
  EXPECT_EQ(map_.Take(), Slot(1));
  EXPECT_EQ(map_.used(), 2u);
  EXPECT_EQ(map_.state(Slot(0)), SlotState::kFree);
}

TEST_F(SlotMapTest, CountsFollowStates) {
  Fill(5);
  map_.Set(Slot(1), SlotState::kDead, Lsn{2});
  map_.Set(Slot(2), SlotState::kDead, Lsn{2});
  map_.Set(Slot(2), SlotState::kDead, Lsn{3});  // replay says it again
  map_.Set(Slot(1), SlotState::kRetired, Lsn{3});
  EXPECT_EQ(map_.live(), 3u);
  EXPECT_EQ(map_.dead(), 1u);
  EXPECT_EQ(map_.free(), 0u);
  map_.Release(Slot(1));
  EXPECT_EQ(map_.free(), 1u);
  EXPECT_EQ(map_.state(Slot(1)), SlotState::kFree);
}

TEST_F(SlotMapTest, ReleasedSlotsAreTakenBeforeNewOnes) {
  Fill(5);
  Free(1);
  Free(3);
  EXPECT_EQ(map_.Take(), Slot(3));
  EXPECT_EQ(map_.Take(), Slot(1));
  EXPECT_EQ(map_.Take(), Slot(5));
}

TEST_F(SlotMapTest, SetMakesThePageDirtyAndReleaseDoesNot) {
  Fill(1);
  EXPECT_EQ(space_->dirty_pages(), 1u);
  map_.Set(Slot(0), SlotState::kRetired, Lsn{2});
  Clean();
  map_.Release(Slot(0));
  EXPECT_EQ(space_->dirty_pages(), 0u);
  map_.Set(Slot(2 * kSlotsPerPage), SlotState::kLive, Lsn{3});
  EXPECT_EQ(space_->dirty_pages(), 1u);
}

TEST_F(SlotMapTest, GivingBackUndoesTaking) {
  Fill(4);
  Free(3);
  Free(1);
  std::vector<SlotId> taken;
  for (int i = 0; i < 4; ++i) taken.push_back(map_.Take());  // 1, 3, then new ones 4 and 5
  EXPECT_EQ(map_.used(), 6u);
  for (auto slot = taken.rbegin(); slot != taken.rend(); ++slot) map_.GiveBack(*slot);
  // 3 was filled at some time: it is the last one used, but not a new one.
  EXPECT_EQ(map_.used(), 4u);
  EXPECT_EQ(map_.free(), 2u);
  for (const SlotId slot : taken) EXPECT_EQ(map_.Take(), slot);
}

TEST_F(SlotMapTest, SlotGivenBackBelowAFilledOneIsReused) {
  Fill(1);
  const SlotId skipped = map_.Take();
  map_.Set(map_.Take(), SlotState::kLive, Lsn{1});
  map_.GiveBack(skipped);
  EXPECT_EQ(map_.used(), 3u);
  EXPECT_EQ(map_.Take(), skipped);
}

TEST_F(SlotMapTest, RebuildCountsAndTakesTheLowestFreeSlotFirst) {
  Fill(10);
  map_.Set(Slot(0), SlotState::kDead, Lsn{2});
  map_.Set(Slot(7), SlotState::kFree, Lsn{2});
  map_.Set(Slot(2), SlotState::kRetired, Lsn{2});
  map_.Set(Slot(5), SlotState::kFree, Lsn{2});
  SlotMap reopened(*space_, SegmentKind::kNodeSlots);
  reopened.Rebuild(12);
  EXPECT_EQ(reopened.live(), 6u);
  EXPECT_EQ(reopened.dead(), 1u);
  EXPECT_EQ(reopened.free(), 5u);
  EXPECT_EQ(reopened.state(Slot(2)), SlotState::kFree);
  for (const std::uint32_t slot : {2u, 5u, 7u, 10u, 11u, 12u})
    EXPECT_EQ(reopened.Take(), Slot(slot));
}

TEST_F(SlotMapTest, ALimitGivesTheLowestSlotsBelowItAlone) {
  Fill(10);
  for (const std::uint32_t slot : {3u, 8u, 1u, 6u, 9u}) Free(slot);
  map_.set_limit(7);
  EXPECT_EQ(map_.free(), 3u);
  EXPECT_EQ(map_.held(), 2u);
  EXPECT_EQ(map_.Available(100), 3u) << "never used ones lie above the limit";
  EXPECT_EQ(map_.Take(), Slot(1));
  Free(5);
  Free(7);
  EXPECT_EQ(map_.Available(100), 3u);
  EXPECT_EQ(map_.held(), 3u);
  const SlotId taken = map_.Take();
  EXPECT_EQ(taken, Slot(3));
  map_.GiveBack(taken);
  for (const std::uint32_t slot : {3u, 5u, 6u}) EXPECT_EQ(map_.Take(), Slot(slot));
  EXPECT_EQ(map_.Available(100), 0u);
  map_.clear_limit();
  EXPECT_EQ(map_.free(), 3u);
  EXPECT_EQ(map_.held(), 0u);
  EXPECT_EQ(map_.Available(100), 93u);
  for (const std::uint32_t slot : {7u, 8u, 9u, 10u}) EXPECT_EQ(map_.Take(), Slot(slot));
}

TEST_F(SlotMapTest, ALimitAboveWhatIsUsedLeavesNewSlotsBelowIt) {
  Fill(3);
  Free(1);
  map_.set_limit(5);
  EXPECT_EQ(map_.Available(100), 3u);
  EXPECT_EQ(map_.Available(4), 2u) << "where no more have memory";
  for (const std::uint32_t slot : {1u, 3u, 4u}) EXPECT_EQ(map_.Take(), Slot(slot));
  EXPECT_EQ(map_.Available(100), 0u);
  // What is given back, newest first, is new again.
  map_.GiveBack(Slot(4));
  EXPECT_EQ(map_.used(), 4u);
  EXPECT_EQ(map_.Available(100), 1u);
  EXPECT_EQ(map_.Take(), Slot(4));
}

TEST_F(SlotMapTest, AnotherLimitReplacesTheOneBefore) {
  Fill(10);
  for (const std::uint32_t slot : {8u, 2u, 5u}) Free(slot);
  map_.set_limit(3);
  EXPECT_EQ(map_.free(), 1u);
  map_.set_limit(6);
  EXPECT_EQ(map_.free(), 2u);
  EXPECT_EQ(map_.held(), 1u);
  EXPECT_EQ(map_.Take(), Slot(2));
  EXPECT_EQ(map_.Take(), Slot(5));
  SlotMap reopened(*space_, SegmentKind::kNodeSlots);
  reopened.set_limit(1);
  reopened.Rebuild(10);
  EXPECT_EQ(reopened.Take(), Slot(2)) << "an opening has none";
}

TEST_F(SlotMapTest, CuttingForgetsFreeSlotsAtTheEnd) {
  Fill(10);
  for (const std::uint32_t slot : {9u, 6u, 8u, 7u, 2u}) Free(slot);
  map_.set_limit(6);
  map_.Cut(6);
  EXPECT_EQ(map_.used(), 6u);
  EXPECT_EQ(map_.free(), 1u);
  EXPECT_EQ(map_.held(), 0u);
  EXPECT_EQ(map_.Take(), Slot(2));
  map_.clear_limit();
  EXPECT_EQ(map_.live(), 5u);
  // As if they had never been used: what is given back leaves nothing.
  const SlotId again = map_.Take();
  EXPECT_EQ(again, Slot(6));
  map_.GiveBack(again);
  EXPECT_EQ(map_.used(), 6u);
  EXPECT_EQ(map_.free(), 0u);
  map_.Cut(6);
  // On disk they look as slots that were never used do.
  SlotMap reopened(*space_, SegmentKind::kNodeSlots);
  reopened.Rebuild(10);
  EXPECT_EQ(reopened.live(), map_.live());
  EXPECT_EQ(reopened.free(), 5u);
}

TEST_F(SlotMapTest, WithoutALimitTheRestOfTheListStaysInItsOrder) {
  Fill(8);
  for (const std::uint32_t slot : {6u, 1u, 7u, 3u}) Free(slot);
  map_.Cut(6);
  EXPECT_EQ(map_.Take(), Slot(3)) << "the one freed last first";
  EXPECT_EQ(map_.Take(), Slot(1));
  EXPECT_EQ(map_.Take(), Slot(6));
}

using SlotMapDeathTest = SlotMapTest;

TEST_F(SlotMapDeathTest, CuttingASlotThatIsNotFreeIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Fill(10);
  for (const std::uint32_t slot : {9u, 7u}) Free(slot);
  EXPECT_DEATH(map_.Cut(7), "");  // 8 is live
  map_.Set(Slot(8), SlotState::kRetired, Lsn{2});
  EXPECT_DEATH(map_.Cut(7), "");  // in its grace
  map_.Release(Slot(8));
  map_.Take();
  EXPECT_DEATH(map_.Cut(7), "");  // taken
}

TEST_F(SlotMapTest, RandomHistoryAgreesWithAPlainModel) {
  std::mt19937_64 random(TestSeed(11));
  std::map<std::uint32_t, SlotState> model;  // slots in use
  std::uint32_t limit = Raw(SlotId::kNone);
  constexpr std::uint64_t kSlots = 3 * kSlotsPerPage;
  const auto pick = [&](SlotState state) -> std::uint32_t {
    std::vector<std::uint32_t> slots;
    for (const auto& [slot, its_state] : model) {
      if (its_state == state) slots.push_back(slot);
    }
    return slots.empty() ? Raw(SlotId::kNone) : slots[random() % slots.size()];
  };
  const auto move = [&](SlotState from, SlotState to, Lsn lsn) {
    const std::uint32_t slot = pick(from);
    if (slot == Raw(SlotId::kNone)) return;
    if (from == SlotState::kRetired) {
      map_.Release(Slot(slot));
      model.erase(slot);
    } else {
      map_.Set(Slot(slot), to, lsn);
      model[slot] = to;
    }
  };
  for (std::uint64_t step = 1; step < 5000; ++step) {
    const Lsn lsn{step};
    if (random() % 50 == 0) {
      limit = random() % 2 == 0 ? Raw(SlotId::kNone) : static_cast<std::uint32_t>(random() % 400);
      limit == Raw(SlotId::kNone) ? map_.clear_limit() : map_.set_limit(limit);
    }
    if (random() % 20 == 0) {
      const std::uint32_t end = model.empty() ? 0 : model.rbegin()->first + 1;
      const auto used = static_cast<std::uint32_t>(end + random() % (map_.used() - end + 1));
      map_.Cut(used);
      ASSERT_EQ(map_.used(), used);
    }
    ASSERT_EQ(map_.free() + map_.held(), map_.used() - model.size());
    switch (random() % 5) {
      case 0:
      case 1: {
        if (map_.Available(kSlots) == 0) break;
        std::uint32_t lowest = 0;
        while (model.contains(lowest)) ++lowest;
        const SlotId slot = map_.Take();
        ASSERT_FALSE(model.contains(Raw(slot)));
        ASSERT_LT(Raw(slot), limit);
        if (limit != Raw(SlotId::kNone)) {
          ASSERT_EQ(Raw(slot), lowest);
        }
        if (random() % 4 == 0) {
          map_.GiveBack(slot);
        } else {
          map_.Set(slot, SlotState::kLive, lsn);
          model[Raw(slot)] = SlotState::kLive;
        }
        break;
      }
      case 2:
        move(SlotState::kLive, SlotState::kDead, lsn);
        break;
      case 3:
        move(SlotState::kDead, SlotState::kRetired, lsn);
        break;
      case 4:
        move(SlotState::kRetired, SlotState::kFree, lsn);
        break;
    }
  }
  std::uint64_t live = 0;
  std::uint64_t dead = 0;
  for (const auto& [slot, state] : model) {
    EXPECT_EQ(map_.state(Slot(slot)), state) << slot;
    live += state == SlotState::kLive ? 1 : 0;
    dead += state == SlotState::kDead ? 1 : 0;
  }
  EXPECT_EQ(map_.live(), live);
  EXPECT_EQ(map_.dead(), dead);
  EXPECT_EQ(map_.free() + map_.held(), map_.used() - model.size());
}

}  // namespace
}  // namespace engram
