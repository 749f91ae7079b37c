#include "tools/bench/churn/population.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace engram::bench {

RowSource RoundAndRound(RowSource source, std::size_t rows) {
  return {source.dimensions, [copy = std::move(source.copy), rows](std::size_t pattern, auto out) {
            copy(pattern % rows, out);
          }};
}

std::vector<std::uint64_t> Population::Come(std::size_t count) {
  std::vector<std::uint64_t> come(count);
  std::iota(come.begin(), come.end(), next_);
  next_ += count;
  arrived_.insert(arrived_.end(), come.begin(), come.end());
  return come;
}

void Population::LineUp() {
  if (leaving_ == Leaving::kRandom) std::shuffle(arrived_.begin(), arrived_.end(), random_);
  line_.insert(line_.end(), arrived_.begin(), arrived_.end());
  arrived_.clear();
}

std::vector<std::uint64_t> Population::Go(std::size_t count) {
  std::vector<std::uint64_t> gone;
  while (gone.size() < count) {
    if (line_.empty()) LineUp();
    gone.push_back(line_.front());
    line_.pop_front();
  }
  return gone;
}

std::vector<Change> Population::TurnOver(std::size_t changed) {
  LineUp();  // those who come from now on stay
  std::vector<Change> changes;
  std::uniform_int_distribution<std::size_t> sizes(1, 2 * changed - 1);
  std::size_t to_erase = size();
  std::size_t to_insert = size();
  const std::size_t ahead = MostAhead(changed) - 2 * changed;  // before the last change
  while (to_erase + to_insert > 0) {
    bool erases = random_() % 2 == 0;
    if (to_erase + ahead < to_insert || to_erase == 0) erases = false;
    if (to_insert + ahead < to_erase || to_insert == 0) erases = true;
    std::size_t& left = erases ? to_erase : to_insert;
    const std::size_t count = std::min(sizes(random_), left);
    left -= count;
    changes.push_back({erases, erases ? Go(count) : Come(count)});
  }
  return changes;
}

std::vector<std::uint64_t> Population::live() const {
  std::vector<std::uint64_t> all(line_.begin(), line_.end());
  all.insert(all.end(), arrived_.begin(), arrived_.end());
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace engram::bench
