// I12: replaying the same log gives the same bytes. A live store's pages are compared with those of
// the same store opened again, all from its log or from a checkpoint in the middle.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/base/coding.h"
#include "tests/crash/history.h"
#include "tests/crash/player.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

using PageBytes = std::vector<std::byte>;

struct Pages {
  std::vector<PageBytes> nodes;
  std::vector<PageBytes> slots;
};

PageBytes CopyPage(const Core& core, PageRef ref) {
  const std::byte* page = core.pages->page(ref);
  PageBytes bytes(page, page + core.pages->page_bytes(ref.segment));
  // Filled in where an image is written.
  std::memset(bytes.data() + offsetof(PageHeader, checksum), 0, sizeof(PageHeader::checksum));
  return bytes;
}

// All pages in use. Blocks that no version holds are left out, a slot in its grace counts as free.
Pages CopyPages(Engine& engine) {
  Core& core = engine.core();
  const std::uint32_t used = core.slots->used();
  Pages pages;
  for (std::uint32_t i = 0; i < used; ++i) {
    const SlotId slot = static_cast<SlotId>(i);
    const std::uint32_t page = Raw(core.layout->PageOf(slot));
    if (page == pages.nodes.size()) {
      pages.nodes.push_back(CopyPage(core, {SegmentKind::kNodes, static_cast<PageId>(page)}));
    }
    const SlotState state = core.slots->state(slot);
    if (state == SlotState::kLive || state == SlotState::kDead) continue;
    std::memset(pages.nodes[page].data() + core.layout->OffsetInPage(slot), 0,
                core.layout->block_bytes());
  }
  for (std::uint32_t page = 0; page * kSlotsPerPage < used; ++page) {
    pages.slots.push_back(CopyPage(core, {SegmentKind::kNodeSlots, static_cast<PageId>(page)}));
    PageBytes& bytes = pages.slots.back();
    for (std::size_t at = kPageHeaderBytes; at < bytes.size(); at += sizeof(std::uint64_t)) {
      const auto word = LoadAs<std::uint64_t>(bytes.data() + at);
      const std::uint64_t retired = word & word >> 1 & 0x5555555555555555;
      StoreAs(bytes.data() + at, word & ~(retired | retired << 1));
    }
  }
  return pages;
}

std::string Differs(const char* segment, const std::vector<PageBytes>& live,
                    const std::vector<PageBytes>& replayed) {
  if (live.size() != replayed.size()) return std::string(segment) + ": another number of pages";
  for (std::size_t page = 0; page < live.size(); ++page) {
    for (std::size_t at = 0; at < live[page].size(); ++at) {
      if (live[page][at] == replayed[page][at]) continue;
      return std::string(segment) + " page " + std::to_string(page) + ", byte " +
             std::to_string(at) + ": " + std::to_string(static_cast<int>(live[page][at])) +
             " live, " + std::to_string(static_cast<int>(replayed[page][at])) + " replayed";
    }
  }
  return {};
}

// Whether a checkpoint is made after half of the steps.
class ReplayTest : public testing::TestWithParam<bool> {};

TEST_P(ReplayTest, GivesTheSameBytes) {
  constexpr std::uint64_t kSeeds = 12;
  constexpr std::size_t kSteps = 80;
  const std::uint64_t first = TestSeed(1) * 100;
  for (std::uint64_t seed = first; seed < first + kSeeds; ++seed) {
    std::mt19937_64 random(seed);
    ManualClock clock(1'700'000'000'000'000);
    const auto disk = std::make_shared<SimFileSystem>();
    Player player({StoreShape(seed), seed, &clock, disk, nullptr}, Known());
    ASSERT_TRUE(player.Open()) << player.failure();
    for (std::size_t i = 0; i < kSteps; ++i) {
      Step step = AnyStep(random, player.known().model->newest());
      const bool other = step == Step::kCheckpoint || step == Step::kBusyCheckpoint ||
                         step == Step::kClose || step == Step::kKill;
      if (other) step = Step::kMixed;
      if (GetParam() && i == kSteps / 2) step = Step::kBusyCheckpoint;
      ASSERT_TRUE(player.Run(step)) << "seed " << seed << ": " << player.failure();
    }
    const Pages live = CopyPages(*player.engine());
    ASSERT_TRUE(player.Run(Step::kKill)) << "seed " << seed << ": " << player.failure();
    const Pages replayed = CopyPages(*player.engine());
    EXPECT_EQ(player.engine()->core().page_file->superblock().lsn == Lsn::kNone, !GetParam());
    EXPECT_EQ(Differs("nodes", live.nodes, replayed.nodes), "") << "seed " << seed;
    EXPECT_EQ(Differs("slots", live.slots, replayed.slots), "") << "seed " << seed;
    EXPECT_GT(live.nodes.size(), 3u);
  }
}

INSTANTIATE_TEST_SUITE_P(Log, ReplayTest, testing::Bool(), [](const auto& checkpoint) {
  return std::string(checkpoint.param ? "FromACheckpoint" : "FromNothing");
});

}  // namespace
}  // namespace engram
