#include "tests/api/model.h"

#include <cmath>
#include <limits>
#include <set>

namespace engram {
namespace {

struct Expected {
  double distance;
  double tolerance;
};

// By the definitions at Metric. The library adds floats in 32 lanes; each of its steps rounds by at
// most one part in 2^24.
Expected DistanceOf(Metric metric, VectorView a, VectorView b) {
  const double unit = std::ldexp(1.0, -23);
  const double steps = static_cast<double>(a.size()) / 32 + 10;
  double squares = 0, dot = 0, absolute = 0, norm_a = 0, norm_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    squares += (x - y) * (x - y);
    dot += x * y;
    absolute += std::abs(x * y);
    norm_a += x * x;
    norm_b += y * y;
  }
  switch (metric) {
    case Metric::kL2:
      return {squares, steps * unit * squares};
    case Metric::kCosine: {
      const double norms = std::sqrt(norm_a) * std::sqrt(norm_b);
      return {1 - dot / norms, steps * unit * absolute / norms + 4 * unit};
    }
    case Metric::kInnerProduct:
      break;
  }
  return {1 - dot, steps * unit * absolute + unit * (1 + std::abs(dot))};
}

}  // namespace

std::string ComparePattern(const Pattern& found, const Pattern& expected, const GetOptions& asked) {
  const std::string name = "pattern " + std::to_string(expected.id);
  if (found.id != expected.id) return name + " came as " + std::to_string(found.id);
  if (found.vector != (asked.include_vector ? expected.vector : std::vector<float>())) {
    return name + " has another vector";
  }
  if (found.metadata != (asked.include_metadata ? expected.metadata : Metadata())) {
    return name + " has other metadata";
  }
  if (found.timestamp != expected.timestamp) return name + " has another timestamp";
  if (found.inserted_at != expected.inserted_at) return name + " has another insertion time";
  if (found.type != expected.type) return name + " has another type";
  if (found.version != expected.version) return name + " has another version";
  return {};
}

std::string CompareHits(const std::vector<Hit>& hits, const StoreModel& state, VectorView query,
                        Metric metric, const SearchOptions& asked) {
  if (hits.size() != state.size()) {
    return std::to_string(hits.size()) + " hits of " + std::to_string(state.size()) + " patterns";
  }
  std::set<PatternId> ids;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const Hit& hit = hits[i];
    const std::string name = "hit " + std::to_string(hit.id);
    const auto it = state.find(hit.id);
    if (it == state.end()) return name + " is not in this state";
    if (!ids.insert(hit.id).second) return name + " came twice";
    const Pattern& pattern = *it->second;
    const Expected expected = DistanceOf(metric, query, pattern.vector);
    const double error = std::abs(static_cast<double>(hit.distance) - expected.distance);
    if (!(error <= expected.tolerance)) {
      return name + " has distance " + std::to_string(hit.distance) + ", expected " +
             std::to_string(expected.distance);
    }
    if (i > 0 && !(hits[i - 1].distance < hit.distance ||
                   (hits[i - 1].distance == hit.distance && hits[i - 1].id < hit.id))) {
      return name + " is out of order";
    }
    if (hit.vector != (asked.include_vector ? pattern.vector : std::vector<float>())) {
      return name + " has another vector";
    }
    if (hit.metadata.has_value() != asked.include_metadata ||
        (asked.include_metadata && *hit.metadata != pattern.metadata)) {
      return name + " has other metadata";
    }
  }
  return {};
}

std::vector<float> RandomValues::Vector() {
  std::vector<float> vector(dimensions_);
  if (OneIn(3)) {  // one of few, so that there are equals
    for (float& component : vector) component = static_cast<float>(Below(2));
  } else {
    std::uniform_real_distribution<float> any(-1, 1);
    const float scale = std::ldexp(1.0F, static_cast<int>(Below(20)) - 10);
    for (float& component : vector) component = scale * any(random_);
  }
  vector[0] += 2;  // never zero
  return vector;
}

Metadata RandomValues::AnyMetadata() {
  Metadata metadata;
  for (std::uint64_t i = Below(4); i > 0; --i) {
    metadata["name" + std::to_string(Below(5))] = AnyValue(0);
  }
  return metadata;
}

Value RandomValues::AnyValue(int depth) {
  switch (Below(depth < 3 ? 9 : 7)) {
    case 0:
      return {};
    case 1:
      return OneIn(2);
    case 2:
      return static_cast<std::int64_t>(random_());
    case 3:
      return std::ldexp(static_cast<double>(random_()), -40);
    case 4:
      return std::string(Below(OneIn(20) ? 20000 : 20), static_cast<char>('a' + Below(26)));
    case 5:
      return Bytes(Below(20), static_cast<std::byte>(Below(256)));
    case 6:
      return Time();
    case 7: {
      ValueList list;
      for (std::uint64_t i = Below(4); i > 0; --i) list.push_back(AnyValue(depth + 1));
      return list;
    }
    default: {
      Metadata map;
      for (std::uint64_t i = Below(4); i > 0; --i) {
        map[std::to_string(Below(9))] = AnyValue(depth + 1);
      }
      return map;
    }
  }
}

Timestamp RandomValues::Time() {
  const auto us = static_cast<std::int64_t>(Below(1ull << 51)) - (1ll << 50);
  return Timestamp(std::chrono::microseconds(us));
}

}  // namespace engram
