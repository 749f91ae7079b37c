// A store as a plain map, and what a search in it must answer.
// Threads: plain data.
#ifndef ENGRAM_TESTS_API_MODEL_H_
#define ENGRAM_TESTS_API_MODEL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <engram/store.h>

namespace engram {

// Copies share their patterns, which do not change.
using StoreModel = std::map<PatternId, std::shared_ptr<const Pattern>>;

// Empty, or how `found` differs from `expected`; members that were not asked for must be empty.
std::string ComparePattern(const Pattern& found, const Pattern& expected,
                           const GetOptions& asked = {});

// Empty, or what is wrong with a search that brought all patterns of `state`: each once, nearest
// first and of equals the lower id, with the distance of double arithmetic but for the rounding of
// a float.
std::string CompareHits(const std::vector<Hit>& hits, const StoreModel& state, VectorView query,
                        Metric metric, const SearchOptions& asked);

// Values that a store must keep: vectors of many lengths, often equal to others; nested metadata.
class RandomValues {
 public:
  RandomValues(std::uint64_t seed, std::uint32_t dimensions)
      : random_(seed), dimensions_(dimensions) {}

  // Uniform below `bound`.
  std::uint64_t Below(std::uint64_t bound) { return random_() % bound; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }
  std::vector<float> Vector();
  Metadata AnyMetadata();
  Timestamp Time();

 private:
  Value AnyValue(int depth);

  std::mt19937_64 random_;
  const std::uint32_t dimensions_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_API_MODEL_H_
