// Turns names and numbers, or plain text, into a vector by signed feature hashing
// (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009).
// Threads: see the class.
#ifndef ENGRAM_FEATURE_ENCODER_H_
#define ENGRAM_FEATURE_ENCODER_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <engram/export.h>
#include <engram/result.h>

namespace engram {

// Each feature's name is hashed to 8 components and their signs, and its weight is added there. The
// same input gives the same vector on every machine and in every version of the library. Threads:
// immutable after construction; any thread may encode.
class ENGRAM_EXPORT FeatureEncoder {
 public:
  // One name with its weight, which is finite.
  struct Feature {
    std::string_view name;  // borrowed
    float weight = 1;       // finite
  };

  // Range of `dimensions`: 1 to kMaxDimensions (types.h).
  static Result<FeatureEncoder> Create(std::uint32_t dimensions);

  // Components of what it makes.
  std::uint32_t dimensions() const { return dimensions_; }

  // The sum of the features, scaled to unit length; all zero where there is none.
  // Errors: kInvalidVector for a weight that is NaN or infinite.
  Result<std::vector<float>> Encode(std::span<const Feature> features) const;

  // Words of `text` (two or more letters and digits; ASCII is lower-cased, every other byte of
  // UTF-8 counts as a letter; plural and singular are one), each weighted by (1 + ln count) and,
  // where LearnWords() has seen texts, by its rarity ln(1 + texts / texts with it); scaled to unit
  // length, all zero without words.
  std::vector<float> EncodeText(std::string_view text) const;

  // Counts the words of one more text, for the rarity weight. Call before encoding, from one
  // thread.
  void LearnWords(std::string_view text);
  // What was learnt, to be stored with the patterns, and the way back. Words seen in one text only
  // are left out: they weigh as much as words never seen. Errors of Load: kInvalidArgument:
  std::string SaveWords() const;
  static Result<FeatureEncoder> Load(std::uint32_t dimensions, std::string_view saved);

 private:
  explicit FeatureEncoder(std::uint32_t dimensions) : dimensions_(dimensions) {}
  double Rarity(std::uint64_t word) const;

  std::uint32_t dimensions_;
  std::uint64_t texts_ = 0;
  std::unordered_map<std::uint64_t, std::uint32_t> texts_with_word_;  // by the word's hash
};

}  // namespace engram

#endif  // ENGRAM_FEATURE_ENCODER_H_
