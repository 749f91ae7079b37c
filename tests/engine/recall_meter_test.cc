#include "engine/recall_meter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <initializer_list>
#include <random>
#include <utility>
#include <vector>

#include "tests/support/temp_dir.h"

namespace engram {
namespace {

std::vector<Hit> Hits(std::initializer_list<std::pair<PatternId, float>> hits) {
  std::vector<Hit> made;
  for (const auto& [id, distance] : hits) {
    made.emplace_back();
    made.back().id = id;
    made.back().distance = distance;
  }
  return made;
}

TEST(RecallMeter, CountsByDistanceWithoutThePatternItself) {
  RecallMeter meter(2);
  // 4 is as near as 3, so it does not matter which of them was found; 5 is too far.
  meter.Add(Hits({{1, 0}, {2, 1}, {4, 2}}), Hits({{1, 0}, {2, 1}, {3, 2}}), 1);
  EXPECT_EQ(meter.recall(), 1);
  meter.Add(Hits({{1, 0}, {2, 1}, {5, 3}}), Hits({{1, 0}, {2, 1}, {3, 2}}), 1);
  EXPECT_EQ(meter.recall(), 0.75);
  EXPECT_EQ(meter.searches(), 2U);
}

TEST(RecallMeter, ThatThePatternItselfWasMissedGivesNoOtherHitItsPlace) {
  RecallMeter meter(2);
  meter.Add(Hits({{2, 1}, {3, 2}, {4, 2}}), Hits({{1, 0}, {2, 1}, {3, 2}}), 1);
  EXPECT_EQ(meter.recall(), 1);
}

TEST(RecallMeter, WhereThereAreFewerThanKThoseCount) {
  RecallMeter meter(10);
  meter.Add(Hits({{1, 0}}), Hits({{1, 0}, {2, 1}}), 1);
  EXPECT_EQ(meter.recall(), 0);
  EXPECT_EQ(meter.searches(), 1U);
}

TEST(RecallMeter, APatternAloneHasNothingToFind) {
  RecallMeter meter(10);
  meter.Add(Hits({{1, 0}}), Hits({{1, 0}}), 1);
  EXPECT_EQ(meter.searches(), 0U);
  EXPECT_EQ(meter.recall(), 0);
  EXPECT_EQ(meter.interval().low, 0);
  EXPECT_EQ(meter.interval().high, 0);
}

// Adds a search that found `found` of its `k` neighbours.
void AddSearch(RecallMeter& meter, int found, int k) {
  std::vector<Hit> exact(static_cast<std::size_t>(k));
  for (int i = 0; i < k; ++i) {
    exact[static_cast<std::size_t>(i)].id = static_cast<PatternId>(i) + 2;
    exact[static_cast<std::size_t>(i)].distance = 1;
  }
  std::vector<Hit> near(exact.begin(), exact.begin() + found);
  meter.Add(near, exact, 1);
}

TEST(RecallMeter, WhereEachNeighbourIsATrialTheIntervalIsWilsons) {
  RecallMeter meter(1);
  for (int i = 0; i < 1000; ++i) AddSearch(meter, i < 900 ? 1 : 0, 1);
  // As any table of the binomial distribution has it, of 900 in 1,000.
  EXPECT_NEAR(meter.interval().low, 0.8798, 0.0002);
  EXPECT_NEAR(meter.interval().high, 0.9171, 0.0002);
}

TEST(RecallMeter, WhereAllWasFoundTheIntervalStillEndsBelowOne) {
  RecallMeter meter(10);
  for (int i = 0; i < 100; ++i) AddSearch(meter, 10, 10);
  EXPECT_EQ(meter.recall(), 1);
  EXPECT_EQ(meter.interval().high, 1);
  // z^2 / (n + z^2), of 1,000 trials and t of 99 degrees: 1.984.
  EXPECT_NEAR(meter.interval().low, 1 - 3.937 / 1003.937, 1e-4);
  RecallMeter none(10);
  for (int i = 0; i < 100; ++i) AddSearch(none, 0, 10);
  EXPECT_EQ(none.interval().low, 0);
  EXPECT_NEAR(none.interval().high, 3.937 / 1003.937, 1e-4);
}

TEST(RecallMeter, NeighboursThatAreMissedTogetherSayNoMoreThanOne) {
  RecallMeter single(1);
  RecallMeter together(10);
  for (int i = 0; i < 100; ++i) {
    AddSearch(single, i % 2, 1);
    AddSearch(together, i % 2 * 10, 10);
  }
  EXPECT_NEAR(together.interval().low, single.interval().low, 0.005);
  EXPECT_NEAR(together.interval().high, single.interval().high, 0.005);
  EXPECT_NEAR(single.interval().low, 0.5 - 0.098, 0.005);
}

TEST(RecallMeter, OneSearchSaysNextToNothing) {
  RecallMeter meter(10);
  AddSearch(meter, 10, 10);
  EXPECT_LT(meter.interval().low, 0.05);
  EXPECT_EQ(meter.interval().high, 1);
}

// How many of `times` samples have an interval with the true recall in it: each search has a recall
// of its own, a mixture of `sure` and less, so that neighbours are missed together.
int TimesCovered(std::mt19937_64& random, int searches, double sure, double other) {
  constexpr int kTimes = 1000;
  constexpr int kNeighbours = 10;
  std::uniform_real_distribution<double> uniform(0, 1);
  const double truth = 0.75 * sure + 0.25 * other;
  int covered = 0;
  for (int i = 0; i < kTimes; ++i) {
    RecallMeter meter(kNeighbours);
    for (int search = 0; search < searches; ++search) {
      const double recall = uniform(random) < 0.75 ? sure : other;
      int found = 0;
      for (int n = 0; n < kNeighbours; ++n) found += uniform(random) < recall ? 1 : 0;
      AddSearch(meter, found, kNeighbours);
    }
    const RecallMeter::Interval interval = meter.interval();
    if (interval.low <= truth && truth <= interval.high) ++covered;
  }
  return covered;
}

TEST(RecallMeter, NineteenOfTwentyIntervalsHoldTheTruth) {
  std::mt19937_64 random(TestSeed(1));
  for (const int searches : {5, 20, 100}) {
    for (const auto& [sure, other] : {std::pair(0.8, 0.8),
                                      {0.95, 0.95},
                                      {0.99, 0.99},
                                      {0.999, 0.999},
                                      {0.99, 0.6},
                                      {1.0, 0.9},
                                      {0.9, 0.2}}) {
      // Of a normal distribution 950; a skewed one and few searches cost some.
      EXPECT_GE(TimesCovered(random, searches, sure, other), 870)
          << searches << " searches, recall " << sure << " or " << other;
    }
  }
}

}  // namespace
}  // namespace engram
