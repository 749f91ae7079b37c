#include "index/links.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

namespace engram {
namespace {

TEST(Links, OfNoNodeAreEmpty) {
  const ConstLinks links;
  EXPECT_EQ(links.count(), 0U);
  EXPECT_EQ(links.capacity(), 0U);
}

TEST(Links, GiveBackWhatWasSetByPosition) {
  std::array<SlotId, 4> slots;
  slots.fill(SlotId::kNone);
  std::uint16_t count = 0;
  Links links(slots.data(), &count, 4);
  links.Set(2, SlotId{7});
  links.SetCount(3);
  EXPECT_EQ(links.count(), 3U);
  EXPECT_EQ(links[0], SlotId::kNone);
  EXPECT_EQ(links[2], SlotId{7});
  links.Set(2, SlotId::kNone);
  links.SetCount(0);
  EXPECT_EQ(links.count(), 0U);
  EXPECT_EQ(links[2], SlotId::kNone);
}

TEST(Links, ACountFromADamagedBlockNeverExceedsTheCapacity) {
  std::array<SlotId, 4> slots{};
  std::uint16_t count = 0xffff;
  EXPECT_EQ(ConstLinks(slots.data(), &count, 4).count(), 4U);
}

// For TSan: what a link names was written before it.
TEST(Links, AReaderThatSeesALinkSeesWhatItNames) {
  constexpr std::uint32_t kSlots = 2000;
  std::array<SlotId, 8> slots;
  slots.fill(SlotId::kNone);
  std::uint16_t count = 0;
  std::array<std::uint32_t, kSlots> blocks{};  // not atomic: only the link orders them
  std::atomic<bool> reading{false};            // relaxed: must not order what it is to show
  std::thread reader([&] {
    const ConstLinks links(slots.data(), &count, 8);
    for (bool done = false; !done; std::this_thread::yield()) {
      for (std::uint32_t i = 0; i < links.count(); ++i) {
        const SlotId to = links[i];
        if (to == SlotId::kNone) continue;
        const auto number = static_cast<std::uint32_t>(to);
        EXPECT_EQ(blocks[number], number + 1);
        done = done || number == kSlots - 1;
      }
      reading.store(true, std::memory_order_relaxed);
    }
  });
  while (!reading.load(std::memory_order_relaxed)) std::this_thread::yield();
  Links links(slots.data(), &count, 8);
  for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
    blocks[slot] = slot + 1;
    links.Set(slot % 8, SlotId{slot});
    links.SetCount(std::min(slot + 1, 8U));
  }
  reader.join();
}

}  // namespace
}  // namespace engram
