// Recall and queries a second over several widths, one thread, the peers taking turns.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_SEARCH_H_
#define ENGRAM_TOOLS_BENCH_PEERS_SEARCH_H_

#include <optional>
#include <span>
#include <vector>

#include "tools/bench/peers/build.h"
#include "tools/bench/peers/data.h"
#include "tools/bench/peers/json.h"

namespace engram::bench {

// The recalls at which speeds are compared.
inline constexpr double kRecalls[] = {0.90, 0.95, 0.99};

struct CurvePoint {
  std::size_t ef = 0;
  double recall = 0;
  std::vector<double> queries_per_second;  // by round
};
using Curve = std::vector<CurvePoint>;

// A curve for each of `peers`: every round has every width, and in it slices of the queries, each
// taken by one peer after another, so that whatever else the machine does meets all of them alike.
// The calling thread is bound to the last processor meanwhile. Pre: data.LoadTruth().
std::vector<Curve> Sweep(const BenchOptions& options, const DataSet& data,
                         std::span<PeerIndex* const> peers);

// Queries a second of that round at a recall, between the two nearest points; unset where no width
// reached it, or every one passed it.
std::optional<double> SpeedAt(const Curve& curve, double recall, std::size_t round);

// {"curve": [...], "at_recall": [...]}; and how often `first` does what `other` does once.
Json CurveFigures(const Curve& curve);
Json RatioFigures(const Curve& first, const Curve& other);

// Opens what was built. {"peers": by name, "ratios": of Engram to each other}.
Json RunSearch(Bench& bench);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_SEARCH_H_
