#include "engine/recall_meter.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace engram {
namespace {

// Of `hits` without `self`, the first `k`.
std::vector<float> DistancesOf(const std::vector<Hit>& hits, PatternId self, std::size_t k) {
  std::vector<float> distances;
  for (const Hit& hit : hits) {
    if (hit.id != self && distances.size() < k) distances.push_back(hit.distance);
  }
  return distances;
}

// Between minus and plus that much lie 95 % of Student's t distribution. Pre: freedom >= 1.
double StudentQuantile(std::uint64_t freedom) {
  constexpr std::array<double, 5> kFew = {0, 12.7062, 4.3027, 3.1824, 2.7764};
  if (freedom < kFew.size()) return kFew[freedom];
  // Abramowitz and Stegun, 26.7.5: right to three digits from here on.
  constexpr double kZ = 1.959964;
  constexpr double kZ3 = kZ * kZ * kZ;
  constexpr double kZ5 = kZ3 * kZ * kZ;
  const auto d = static_cast<double>(freedom);
  return kZ + (kZ3 + kZ) / (4 * d) + (5 * kZ5 + 16 * kZ3 + 3 * kZ) / (96 * d * d);
}

}  // namespace

void RecallMeter::Add(const std::vector<Hit>& found, const std::vector<Hit>& exact,
                      PatternId self) {
  const std::vector<float> truth = DistancesOf(exact, self, k_);
  if (truth.empty()) return;
  const std::vector<float> near = DistancesOf(found, self, truth.size());
  const auto hits = std::count_if(near.begin(), near.end(),
                                  [&truth](float distance) { return distance <= truth.back(); });
  const double share = static_cast<double>(hits) / static_cast<double>(truth.size());
  ++searches_;
  neighbours_ += truth.size();
  sum_ += share;
  sum_squares_ += share * share;
}

double RecallMeter::recall() const {
  return searches_ == 0 ? 0 : std::min(sum_ / static_cast<double>(searches_), 1.0);
}

double RecallMeter::Trials() const {
  // One says nothing about how searches differ.
  if (searches_ == 1) return 1;
  const auto searches = static_cast<double>(searches_);
  const auto neighbours = static_cast<double>(neighbours_);
  const double p = recall();
  const double spread = (sum_squares_ - searches * p * p) / (searches - 1);
  const double single = p * (1 - p);  // of a trial
  // Also where all searches found the same share.
  if (spread * neighbours <= single * searches) return neighbours;
  return std::max(single * searches / spread, 1.0);
}

RecallMeter::Interval RecallMeter::interval() const {
  if (searches_ == 0) return {};
  const double p = recall();
  const double z = StudentQuantile(std::max<std::uint64_t>(searches_, 2) - 1);
  const double n = Trials();
  const double shrink = 1 / (1 + z * z / n);
  const double middle = shrink * (p + z * z / (2 * n));
  const double half = shrink * z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  // Rounding must not leave `p` outside.
  return {std::clamp(middle - half, 0.0, p), std::clamp(middle + half, p, 1.0)};
}

}  // namespace engram
