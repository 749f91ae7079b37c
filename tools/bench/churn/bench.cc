#include "tools/bench/churn/bench.h"

#include <algorithm>
#include <utility>

#include "tools/bench/peers/store.h"
#include "tools/bench/peers/truth.h"

namespace engram::bench {

ChurnBench::ChurnBench(const ChurnOptions& given)
    : options(given),
      data(given.common, directory.path()),
      rows(RoundAndRound(data.StoredRows(), data.rows())) {}

PeerOptions ChurnBench::ForPeers(std::size_t capacity) const {
  return {.dimensions = data.dimensions(),
          .metric = options.common.metric,
          .m = options.common.m,
          .ef_construction = options.common.ef_construction,
          .threads = options.common.threads,
          .capacity = capacity,
          .residency = options.common.residency,
          .path = {}};
}

Options ChurnBench::ForStore() const { return StoreOptions(ForPeers(options.patterns)); }

std::string ChurnBench::Scratch(const std::string& name) const {
  return directory.path() + "/" + name;
}

LiveTruth::LiveTruth(const ChurnBench& bench, std::vector<std::uint64_t> live)
    : bench_(bench), live_(std::move(live)) {
  const std::size_t k = bench_.options.common.k;
  const std::size_t queries = bench_.data.query_count();
  const RowSource rows{bench_.rows.dimensions, [this](std::size_t place, auto out) {
                         bench_.rows.copy(live_[place], out);
                       }};
  const std::vector<std::int32_t> nearest =
      NearestRows(bench_.data.queries(0, queries), rows, live_.size(), k);
  for (std::size_t q = 0; q < queries; ++q) {
    borders_.push_back(DistanceTo(q, live_[static_cast<std::size_t>(nearest[q * k + k - 1])]));
  }
}

double LiveTruth::Recall(const std::string& index, std::span<const std::uint64_t> found) const {
  const std::size_t k = bench_.options.common.k;
  std::size_t hits = 0;
  for (std::size_t q = 0; q < borders_.size(); ++q) {
    std::vector<std::uint64_t> own(found.begin() + static_cast<std::ptrdiff_t>(q * k),
                                   found.begin() + static_cast<std::ptrdiff_t>((q + 1) * k));
    std::sort(own.begin(), own.end());
    std::uint64_t before = kNoRow;
    for (const std::uint64_t pattern : own) {
      if (pattern == kNoRow) continue;
      if (pattern == before || !std::binary_search(live_.begin(), live_.end(), pattern)) {
        Fail(index + " found pattern " + std::to_string(pattern) + " for query " +
             std::to_string(q) + (pattern == before ? " twice" : ", which was erased"));
      }
      before = pattern;
      if (DistanceTo(q, pattern) <= borders_[q]) ++hits;
    }
  }
  return static_cast<double>(hits) / static_cast<double>(found.size());
}

double LiveTruth::DistanceTo(std::size_t query, std::uint64_t pattern) const {
  std::vector<float> vector(bench_.rows.dimensions);
  bench_.rows.copy(pattern, vector);
  return static_cast<double>(Distance(bench_.data.query(query), vector));
}

}  // namespace engram::bench
