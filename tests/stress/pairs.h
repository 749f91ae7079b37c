// Patterns that come in pairs, and what one state of a store must look like that holds them: each
// write changes both sides of a pair at once, and vector, type and time follow from a token that
// also stands in the metadata. A torn block, a slot reused under a reader, half a commit or rows of
// another version do not agree.
// Threads: pure functions; a PairCheck belongs to one thread.
#ifndef ENGRAM_TESTS_STRESS_PAIRS_H_
#define ENGRAM_TESTS_STRESS_PAIRS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <engram/store.h>

namespace engram {

struct Stamp {
  std::uint64_t pair = 0;
  std::uint64_t side = 0;  // 0 or 1; kSingle: a pattern of its own, which comes and goes
  std::uint64_t token = 0;
};

inline constexpr std::uint64_t kSingle = 2;

std::vector<float> VectorFor(const Stamp& stamp, std::uint32_t dimensions);
Metadata MetadataFor(const Stamp& stamp);
TypeTag TypeFor(const Stamp& stamp);
Timestamp TimeFor(const Stamp& stamp);
// All of it; the vector is borrowed.
NewPattern PatternFor(const Stamp& stamp, VectorView vector);
PatternChange ChangeFor(const Stamp& stamp, VectorView vector);

// Collects the patterns of one state.
class PairCheck {
 public:
  PairCheck(std::size_t pairs, std::uint32_t dimensions)
      : tokens_(pairs), dimensions_(dimensions) {}

  // Empty, or what is wrong with this pattern.
  std::string Add(PatternId id, const std::vector<float>& vector, const Metadata& metadata);
  // The same of the whole state: both sides of each pair, with one token.
  std::string Finish() const;

  // Token by id, of all that was added.
  const std::map<PatternId, std::uint64_t>& seen() const { return seen_; }

 private:
  struct Sides {
    std::uint64_t count[2] = {};
    std::uint64_t token[2] = {};
  };
  std::vector<Sides> tokens_;
  std::map<PatternId, std::uint64_t> seen_;
  const std::uint32_t dimensions_;
};

// Empty, or what is wrong with times and type.
std::string CheckHeader(const Pattern& pattern);

}  // namespace engram

#endif  // ENGRAM_TESTS_STRESS_PAIRS_H_
