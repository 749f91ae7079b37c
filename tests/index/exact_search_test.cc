#include "index/exact_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "index/node_view.h"
#include "storage/base/aligned_buffer.h"
#include "storage/slot_bits.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

// Node and slots segments in memory, and what a scan of them should say.
class Segments {
 public:
  Segments(std::uint32_t dimensions, std::uint32_t slots, std::uint64_t seed)
      : layout_(MakeLayout(dimensions)),
        slots_(slots),
        random_(seed),
        nodes_((slots / layout_.blocks_per_page() + 1) * layout_.page_bytes()),
        states_((slots / kSlotsPerPage + 1) * kBlockBytes) {
    // What is in free slots must not matter.
    std::memset(nodes_.data(), 0xa5, nodes_.size());
    std::memset(states_.data(), 0, states_.size());
  }

  void Write(std::uint32_t slot, PatternId id, Lsn from, VectorView vector) {
    Node(slot).WriteNode({.id = id,
                          .version = from,
                          .valid_from = from,
                          .norm = Norm(vector),
                          .vector = std::as_bytes(vector)});
    StoreSlotState(states_.data(), slot, SlotState::kLive);
  }
  void End(std::uint32_t slot, Lsn to) {
    Node(slot).SetValidTo(to);
    StoreSlotState(states_.data(), slot, SlotState::kDead);
  }
  void SetState(std::uint32_t slot, SlotState state) {
    StoreSlotState(states_.data(), slot, state);
  }

  std::vector<float> RandomVector() {
    std::vector<float> vector(layout_.dimensions());
    // Few values, so that there are ties.
    for (float& component : vector) component = static_cast<float>(1 + random_() % 3);
    return vector;
  }

  // A mixture of all states, over LSN 1 to 20.
  void FillAtRandom() {
    for (std::uint32_t slot = 0; slot < slots_; ++slot) {
      const auto from = 1 + random_() % 20;
      switch (random_() % 8) {
        case 0:
          break;  // stays free
        case 1:
          Write(slot, slot + 1, Lsn{from}, RandomVector());
          SetState(slot, SlotState::kRetired);
          break;
        case 2:
        case 3:
          Write(slot, slot + 1, Lsn{from}, RandomVector());
          End(slot, Lsn{from + random_() % 10});
          break;
        default:
          Write(slot, slot + 1, Lsn{from}, RandomVector());
      }
    }
  }

  NodeView Node(std::uint32_t slot) {
    return {nodes_.data() + layout_.OffsetInSegment(SlotId{slot}), layout_};
  }
  ScanSource Source() const { return {nodes_.data(), states_.data(), &layout_, slots_}; }

  std::vector<PatternId> BruteForce(const QueryScorer& query, Lsn snapshot, std::uint32_t begin,
                                    std::uint32_t end, std::size_t k) {
    std::vector<ScoredSlot> all;
    for (std::uint32_t slot = begin; slot < end; ++slot) {
      const SlotState state = LoadSlotState(states_.data(), slot);
      if (state != SlotState::kLive && state != SlotState::kDead) continue;
      const NodeView node = Node(slot);
      if (node.valid_from() > snapshot || node.valid_to() <= snapshot) continue;
      all.push_back({query.Distance(node.vector().data(), node.norm()), SlotId{slot}, node.id()});
    }
    std::sort(all.begin(), all.end());
    std::vector<PatternId> ids;
    for (std::size_t i = 0; i < std::min(k, all.size()); ++i) ids.push_back(all[i].id);
    return ids;
  }

 private:
  static NodeLayout MakeLayout(std::uint32_t dimensions) {
    StoreParameters parameters{};
    parameters.dimensions = dimensions;
    parameters.m = 4;
    return std::move(NodeLayout::Create(parameters)).value();
  }

  const NodeLayout layout_;
  const std::uint32_t slots_;
  std::mt19937_64 random_;
  AlignedBuffer nodes_;
  AlignedBuffer states_;
};

std::vector<PatternId> Ids(TopK* top) {
  std::vector<PatternId> ids;
  for (const ScoredSlot& scored : top->Sort()) ids.push_back(scored.id);
  return ids;
}

std::vector<PatternId> Scan(const ScanSource& source, const QueryScorer& query, Lsn snapshot,
                            std::uint32_t begin, std::uint32_t end, std::size_t k) {
  TopK top(k);
  ScanStats stats;
  EXPECT_TRUE(ScanRange(source, {&query, {snapshot}, {}}, SlotId{begin}, SlotId{end}, nullptr, &top,
                        &stats));
  return Ids(&top);
}

TEST(ScanRange, AgreesWithBruteForceForEverySnapshotMetricAndRange) {
  std::mt19937_64 random(TestSeed(10));
  for (const std::uint32_t dimensions : {1U, 3U, 40U, 1100U}) {
    constexpr std::uint32_t kSlots = 700;
    Segments segments(dimensions, kSlots, random());
    segments.FillAtRandom();
    for (int round = 0; round < 60; ++round) {
      const auto metric = static_cast<Metric>(1 + random() % 3);
      const QueryScorer query(metric, segments.RandomVector());
      const Lsn snapshot{random() % 32};
      const auto begin = static_cast<std::uint32_t>(random() % kSlots);
      const auto end = begin + static_cast<std::uint32_t>(random() % (kSlots - begin + 1));
      const std::size_t k = 1 + random() % 50;
      EXPECT_EQ(Scan(segments.Source(), query, snapshot, begin, end, k),
                segments.BruteForce(query, snapshot, begin, end, k))
          << "d " << dimensions << " slots " << begin << " to " << end;
    }
  }
}

TEST(ScanRange, CrossesThePagesOfTheSlotsSegment) {
  constexpr std::uint32_t kSlots = 2 * kSlotsPerPage + 100;
  Segments segments(2, kSlots, TestSeed(11));
  segments.FillAtRandom();
  const QueryScorer query(Metric::kL2, segments.RandomVector());
  EXPECT_EQ(Scan(segments.Source(), query, Lsn{12}, 0, kSlots, 20000),
            segments.BruteForce(query, Lsn{12}, 0, kSlots, 20000));
}

TEST(ScanRange, PartsMergedAreTheWhole) {
  constexpr std::uint32_t kSlots = 3000;
  Segments segments(7, kSlots, TestSeed(12));
  segments.FillAtRandom();
  const QueryScorer query(Metric::kCosine, segments.RandomVector());
  TopK merged(25);
  ScanStats stats;
  for (std::uint32_t begin = 0; begin < kSlots; begin += 977) {
    TopK part(25);
    EXPECT_TRUE(ScanRange(segments.Source(), {&query, Lsn{15}, {}}, SlotId{begin},
                          SlotId{std::min(begin + 977, kSlots)}, nullptr, &part, &stats));
    merged.Merge(part);
  }
  EXPECT_EQ(Ids(&merged), segments.BruteForce(query, Lsn{15}, 0, kSlots, 25));
  EXPECT_EQ(stats.slots, kSlots);
  EXPECT_EQ(stats.compared, segments.BruteForce(query, Lsn{15}, 0, kSlots, kSlots).size());
}

TEST(ScanRange, LooksAtNoSlotThatWasNeverUsed) {
  Segments segments(3, 40, TestSeed(13));
  segments.Write(7, 8, Lsn{1}, segments.RandomVector());
  segments.Write(39, 40, Lsn{1}, segments.RandomVector());
  const QueryScorer query(Metric::kL2, segments.RandomVector());
  ScanSource source = segments.Source();
  source.node_slots = 39;
  EXPECT_EQ(Scan(source, query, Lsn{1}, 0, 0xffffffff, 5), (std::vector<PatternId>{8}));
  EXPECT_TRUE(Scan(source, query, Lsn{1}, 8, 8, 5).empty());
  EXPECT_TRUE(Scan(source, query, Lsn{1}, 39, 40, 5).empty());
}

TEST(ScanRange, AnUpdatedPatternIsSeenOnceInEachSnapshot) {
  Segments segments(3, 64, TestSeed(14));
  segments.Write(10, 1, Lsn{5}, segments.RandomVector());
  segments.Write(20, 1, Lsn{9}, segments.RandomVector());
  segments.End(10, Lsn{9});
  const QueryScorer query(Metric::kL2, segments.RandomVector());
  for (const auto& [lsn, slot] : {std::pair{8, 10}, std::pair{9, 20}}) {
    TopK top(5);
    ScanStats stats;
    EXPECT_TRUE(ScanRange(segments.Source(), {&query, static_cast<Lsn>(lsn), {}}, SlotId{0},
                          SlotId{64}, nullptr, &top, &stats));
    ASSERT_EQ(top.size(), 1U);
    EXPECT_EQ(top.Sort().front().slot, static_cast<SlotId>(slot));
  }
  EXPECT_TRUE(Scan(segments.Source(), query, Lsn{4}, 0, 64, 5).empty());
}

TEST(ScanRange, GivesUpWhenToldToOrWhenTheDeadlineHasPassed) {
  Segments segments(3, 5000, TestSeed(15));
  segments.FillAtRandom();
  const QueryScorer query(Metric::kL2, segments.RandomVector());
  TopK top(5);
  ScanStats stats;
  std::atomic<bool> stop{true};
  EXPECT_FALSE(ScanRange(segments.Source(), {&query, {Lsn{9}}, {}}, SlotId{0}, SlotId{5000}, &stop,
                         &top, &stats));
  const auto passed = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_FALSE(ScanRange(segments.Source(), {&query, {Lsn{9}}, passed}, SlotId{0}, SlotId{5000},
                         nullptr, &top, &stats));
  EXPECT_EQ(stats.slots, 0U);
  stop.store(false);
  const auto later = std::chrono::steady_clock::now() + std::chrono::hours(1);
  EXPECT_TRUE(ScanRange(segments.Source(), {&query, {Lsn{9}}, later}, SlotId{0}, SlotId{5000},
                        &stop, &top, &stats));
  EXPECT_EQ(Ids(&top), segments.BruteForce(query, Lsn{9}, 0, 5000, 5));
}

// For TSan: a writer adds and ends nodes; what a snapshot saw at the start it sees until the end.
TEST(ScanRange, AnOlderSnapshotIsNotDisturbedByTheWriter) {
  constexpr std::uint32_t kSlots = 2000;
  Segments segments(5, kSlots, TestSeed(16));
  for (std::uint32_t slot = 0; slot < kSlots / 2; ++slot) {
    segments.Write(slot, slot + 1, Lsn{1}, segments.RandomVector());
  }
  const QueryScorer query(Metric::kL2, segments.RandomVector());
  const auto expected = segments.BruteForce(query, Lsn{1}, 0, kSlots / 2, 30);
  const ScanSource source = segments.Source();
  std::atomic<bool> reading{false};  // relaxed: must not order what it is to show unordered
  std::thread reader([&] {
    // A scan before the first change, and one after the last.
    for (bool done = false; !done; std::this_thread::yield()) {
      done = LoadSlotState(source.slots, kSlots - 1) == SlotState::kLive;
      EXPECT_EQ(Scan(source, query, Lsn{1}, 0, kSlots, 30), expected);
      reading.store(true, std::memory_order_relaxed);
    }
  });
  while (!reading.load(std::memory_order_relaxed)) std::this_thread::yield();
  for (std::uint32_t i = 0; i < kSlots / 2; ++i) {
    const Lsn lsn{2 + i};
    segments.Write(kSlots / 2 + i, kSlots + i, lsn, segments.RandomVector());
    segments.End(i, lsn);
  }
  reader.join();
}

}  // namespace
}  // namespace engram
