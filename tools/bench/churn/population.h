// Who lives, who goes next and who comes: patterns are numbered in the order in which they come, no
// number is given twice, and pattern n is row n of the set, round and round.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_CHURN_POPULATION_H_
#define ENGRAM_TOOLS_BENCH_CHURN_POPULATION_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <vector>

#include "tools/bench/peers/peer.h"

namespace engram::bench {

// Rows of a set of `rows`, by the numbers of patterns.
RowSource RoundAndRound(RowSource source, std::size_t rows);

// kOldest: the first who came, as in a store that expires them. kRandom: anyone of those who were
// there when the turnover began.
enum class Leaving : std::uint8_t { kOldest, kRandom };

// Patterns that are erased or inserted together.
struct Change {
  bool erases = false;
  std::vector<std::uint64_t> patterns;
};

class Population {
 public:
  explicit Population(Leaving leaving) : leaving_(leaving) {}

  // The next `count`: those that come, ascending; those that go. Pre, of the second: so many live.
  std::vector<std::uint64_t> Come(std::size_t count);
  std::vector<std::uint64_t> Go(std::size_t count);

  // Erasing and inserting, by random sizes of `changed` on average and in random order, though
  // never further apart than MostAhead(): everyone who lives goes, and as many come.
  std::vector<Change> TurnOver(std::size_t changed);
  static std::size_t MostAhead(std::size_t changed) { return 6 * changed; }

  std::size_t size() const { return line_.size() + arrived_.size(); }
  // Ascending.
  std::vector<std::uint64_t> live() const;

 private:
  // Whoever is there is in the line then.
  void LineUp();

  Leaving leaving_;
  std::uint64_t next_ = 0;
  std::deque<std::uint64_t> line_;      // in the order in which they go
  std::vector<std::uint64_t> arrived_;  // since the line was made
  std::mt19937_64 random_{1};
};

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_CHURN_POPULATION_H_
