// How much of the truth a sample of searches found, and how well the sample tells.
// Leaves to others: choosing the sample (engine/analyze.h), running the searches (engine/stats.cc).
// Threads: one thread.
#ifndef ENGRAM_ENGINE_RECALL_METER_H_
#define ENGRAM_ENGINE_RECALL_METER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include <engram/search.h>

namespace engram {

// Adds up what searches for stored patterns found of their true neighbours.
class RecallMeter {
 public:
  struct Interval {
    double low = 0;
    double high = 0;
  };

  // Pre: k >= 1.
  explicit RecallMeter(std::size_t k) : k_(k) {}

  // What a search for the pattern `self` found, and what an exact one did, both nearest first and
  // of k + 1 hits where the store has so many. `self` is left out of both.
  void Add(const std::vector<Hit>& found, const std::vector<Hit>& exact, PatternId self);

  std::uint64_t searches() const { return searches_; }  // that had a neighbour to find
  double recall() const;                                // 0 where there was none
  // Its 95 % confidence interval, within 0 and 1: Wilson's, which stays honest near 1, where each
  // neighbour was found. It counts as many trials as the searches are worth: neighbours of one
  // pattern are found or missed together, so how much searches differ among themselves says how
  // many independent ones would differ so, at most as many as there were neighbours. Of few
  // searches, Student's t stands for the normal distribution's quantile. Nothing where there was no
  // search.
  Interval interval() const;

 private:
  double Trials() const;

  const std::size_t k_;
  std::uint64_t searches_ = 0;
  std::uint64_t neighbours_ = 0;  // to be found, by all searches
  double sum_ = 0;                // of the shares that searches found
  double sum_squares_ = 0;
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_RECALL_METER_H_
