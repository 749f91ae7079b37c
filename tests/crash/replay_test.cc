// I12: replaying the same log gives the same bytes. A live store's pages are compared with those of
// the same store opened again, all from its log or from a checkpoint in the middle.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
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
  std::vector<PageBytes> uppers;
  std::vector<PageBytes> upper_slots;
};

PageBytes CopyPage(const Core& core, PageRef ref) {
  const std::byte* page = core.pages->page(ref);
  PageBytes bytes(page, page + core.pages->page_bytes(ref.segment));
  // Filled in where an image is written.
  std::memset(bytes.data() + offsetof(PageHeader, checksum), 0, sizeof(PageHeader::checksum));
  return bytes;
}

// A segment of blocks, as far as it is used. Blocks that nobody holds are left out.
struct BlockPages {
  SegmentKind segment;
  const SlotMap* states;
  std::size_t block_bytes;
  // Of a block: its page, and where it lies there.
  std::function<PageId(std::uint32_t)> page;
  std::function<std::size_t(std::uint32_t)> offset;
};

std::vector<PageBytes> CopyBlocks(const Core& core, const BlockPages& blocks) {
  std::vector<PageBytes> pages;
  for (std::uint32_t i = 0; i < blocks.states->used(); ++i) {
    const std::uint32_t page = Raw(blocks.page(i));
    if (page == pages.size()) {
      pages.push_back(CopyPage(core, {blocks.segment, static_cast<PageId>(page)}));
    }
    const SlotState state = blocks.states->state(static_cast<SlotId>(i));
    if (state == SlotState::kLive || state == SlotState::kDead) continue;
    std::memset(pages[page].data() + blocks.offset(i), 0, blocks.block_bytes);
  }
  return pages;
}

// The states of `used` blocks; one in its grace counts as free.
std::vector<PageBytes> CopyStates(const Core& core, SegmentKind segment, std::uint32_t used) {
  std::vector<PageBytes> pages;
  for (std::uint32_t page = 0; page * kSlotsPerPage < used; ++page) {
    pages.push_back(CopyPage(core, {segment, static_cast<PageId>(page)}));
    PageBytes& bytes = pages.back();
    for (std::size_t at = kPageHeaderBytes; at < bytes.size(); at += sizeof(std::uint64_t)) {
      const auto word = LoadAs<std::uint64_t>(bytes.data() + at);
      const std::uint64_t retired = word & word >> 1 & 0x5555555555555555;
      StoreAs(bytes.data() + at, word & ~(retired | retired << 1));
    }
  }
  return pages;
}

// All pages in use.
Pages CopyPages(Engine& engine) {
  const Core& core = engine.core();
  const NodeLayout& layout = *core.layout;
  const auto slot = [](std::uint32_t block) { return static_cast<SlotId>(block); };
  Pages pages;
  pages.nodes =
      CopyBlocks(core, {SegmentKind::kNodes, core.slots.get(), layout.block_bytes(),
                        [&](std::uint32_t block) { return layout.PageOf(slot(block)); },
                        [&](std::uint32_t block) { return layout.OffsetInPage(slot(block)); }});
  pages.uppers =
      CopyBlocks(core, {SegmentKind::kUpper, core.upper_slots.get(), layout.upper_block_bytes(),
                        [&](std::uint32_t block) { return layout.UpperPageOf(block); },
                        [&](std::uint32_t block) { return layout.UpperOffsetInPage(block); }});
  pages.slots = CopyStates(core, SegmentKind::kNodeSlots, core.slots->used());
  pages.upper_slots = CopyStates(core, SegmentKind::kUpperSlots, core.upper_slots->used());
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
  std::uint64_t upper_blocks = 0;
  std::uint64_t freed = 0;  // slots, by sweeps
  for (std::uint64_t seed = first; seed < first + kSeeds; ++seed) {
    std::mt19937_64 random(seed);
    ManualClock clock(1'700'000'000'000'000);
    const auto disk = std::make_shared<SimFileSystem>();
    StoreShape shape(seed);
    // Half of them keep no state of the past, so that sweeps free slots.
    const bool keeps = seed % 2 == 1;
    if (!keeps) shape.history = {};
    Player player({shape, seed, &clock, disk, nullptr}, Known());
    ASSERT_TRUE(player.Open()) << player.failure();
    for (std::size_t i = 0; i < kSteps; ++i) {
      Step step = AnyStep(random, player.known().model->newest());
      const bool other = step == Step::kCheckpoint || step == Step::kBusyCheckpoint ||
                         step == Step::kClose || step == Step::kKill;
      if (other) step = Step::kMixed;
      if (!keeps && (step == Step::kName || step == Step::kTake)) step = Step::kMaintain;
      if (GetParam() && i == kSteps / 2) step = Step::kBusyCheckpoint;
      ASSERT_TRUE(player.Run(step)) << "seed " << seed << ": " << player.failure();
    }
    const Pages live = CopyPages(*player.engine());
    freed += player.engine()->core().counters.reclaimed.load(std::memory_order_relaxed);
    ASSERT_TRUE(player.Run(Step::kKill)) << "seed " << seed << ": " << player.failure();
    const Pages replayed = CopyPages(*player.engine());
    EXPECT_EQ(player.engine()->core().page_file->superblock().lsn == Lsn::kNone, !GetParam());
    EXPECT_EQ(Differs("nodes", live.nodes, replayed.nodes), "") << "seed " << seed;
    EXPECT_EQ(Differs("slots", live.slots, replayed.slots), "") << "seed " << seed;
    EXPECT_EQ(Differs("upper blocks", live.uppers, replayed.uppers), "") << "seed " << seed;
    EXPECT_EQ(Differs("their slots", live.upper_slots, replayed.upper_slots), "")
        << "seed " << seed;
    EXPECT_GT(live.nodes.size(), 3u);
    upper_blocks += player.engine()->core().upper_slots->live();
  }
  EXPECT_GT(upper_blocks, kSeeds * 10);
  EXPECT_GT(freed, kSeeds);
}

INSTANTIATE_TEST_SUITE_P(Log, ReplayTest, testing::Bool(), [](const auto& checkpoint) {
  return std::string(checkpoint.param ? "FromACheckpoint" : "FromNothing");
});

}  // namespace
}  // namespace engram
