// How much of the truth a store's searches find, and how fast.
// Leaves arguments and the report to eval.cc.
// Threads: one thread calls; Measure() starts its own.
#ifndef ENGRAM_TOOLS_ENGRAM_EVALUATION_H_
#define ENGRAM_TOOLS_ENGRAM_EVALUATION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <engram/store.h>

namespace engram::tool {

using Vectors = std::vector<std::vector<float>>;

// The nearest rows of the data for each query, nearest first; 0 is the first row.
struct Truth {
  std::string path;
  std::vector<std::vector<std::uint32_t>> rows;
};

// An .ivecs file: each row is its length, then row numbers, all int32.
// Throws Failure: kNotFound, kIoError, kInvalidArgument (another ending, truncated, a length or a
// row number that cannot be).
Truth ReadTruth(const std::string& path);

struct EvalSetting {
  std::size_t k = 10;
  std::size_t threads = 1;
  PatternId first_id = 1;  // the pattern of row 0; those of the other rows follow without a gap
};

// For each query the distance of its k-th true neighbour, computed from the vectors in the store:
// a hit that is as near counts, whichever of equally near ones the truth names.
// Throws Failure: kInvalidArgument (not as many rows as queries, rows shorter than k, a neighbour
// that the store does not hold), kDimensionMismatch, kInvalidVector.
std::vector<float> TrueDistances(const Store& store, const Vectors& queries, const Truth& truth,
                                 const EvalSetting& setting);

struct EvalRow {
  std::size_t ef = 0;
  double recall = 0;  // share of the k nearest that was found, mean of all queries
  double queries_per_second = 0;
  double p50_us = 0;  // of the time of one query
  double p95_us = 0;
  double p99_us = 0;
  bool exact = false;     // SearchResult::exact, of any query
  bool degraded = false;  // SearchResult::degraded
};

// Searches for each query at this ef: once for the recall, which also warms up, then in three
// rounds, of which the fastest counts. `progress` gets the queries done between rounds.
// Throws Failure as Search() fails, with the number of the query.
EvalRow Measure(const Store& store, const Vectors& queries,
                const std::vector<float>& true_distances, const EvalSetting& setting,
                std::size_t ef,
                const std::function<void(std::size_t done, std::size_t of)>& progress);

}  // namespace engram::tool

#endif  // ENGRAM_TOOLS_ENGRAM_EVALUATION_H_
