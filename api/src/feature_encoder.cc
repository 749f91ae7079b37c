#include <engram/feature_encoder.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <unordered_set>

#include <engram/types.h>

namespace engram {
namespace {

constexpr int kComponentsPerFeature = 8;
constexpr std::uint64_t kSavedMagic = 0x31534452574d4745;  // "EGMWRDS1"
constexpr std::size_t kSavedHeaderBytes = 24;              // magic, texts, words
constexpr std::size_t kSavedWordBytes = 12;                // hash, texts with it

// The step of splitmix64: bijective, every bit depends on every bit.
std::uint64_t MixHash(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

// FNV-1a over the bytes. Vectors are stored: this, MixHash() and AddFeature() must never change.
std::uint64_t HashName(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

// Adds the feature to a few components, each with a sign of its own. With a single one, two heavy
// features that meet there look alike altogether; over several, what they share by chance is small.
void AddFeature(std::uint64_t hash, double weight, std::vector<double>& sums) {
  for (int i = 0; i < kComponentsPerFeature; ++i) {
    hash = MixHash(hash);
    // The top bit is the sign, the 32 below it choose the component (Lemire's multiply-shift).
    const std::size_t component = (hash >> 31 & 0xffffffff) * sums.size() >> 32;
    sums[component] += hash >> 63 != 0 ? -weight : weight;
  }
}

std::vector<float> ScaledToUnit(const std::vector<double>& sums) {
  // By the largest first: squares of very large or very small weights would leave the range of
  // double.
  double largest = 0;
  for (const double sum : sums) largest = std::max(largest, std::abs(sum));
  std::vector<float> unit(sums.size(), 0.0F);
  if (largest == 0) return unit;
  double squares = 0;
  for (const double sum : sums) squares += sum / largest * (sum / largest);
  const double length = std::sqrt(squares);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    unit[i] = static_cast<float>(sums[i] / largest / length);
  }
  return unit;
}

// Bytes of UTF-8 beyond ASCII count as letters: words of any script stay whole, without tables of
// Unicode.
bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Plural and singular are one word (after the "S stemmer" of Harman, JASIS 42, 1991).
void DropPlural(std::string& word) {
  if (word.size() < 4 || word.back() != 's') return;
  const std::string_view w = word;
  if (w.ends_with("ies") && !w.ends_with("eies") && !w.ends_with("aies")) {
    word.replace(word.size() - 3, 3, "y");
  } else if (w.ends_with("sses")) {
    word.resize(word.size() - 2);
  } else if (!w.ends_with("us") && !w.ends_with("ss") && !w.ends_with("is")) {
    word.pop_back();
  }
}

template <typename Visit>
void ForEachWord(std::string_view text, Visit visit) {
  std::string word;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && IsWordByte(text[i])) {
      const char c = text[i];
      word.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
      continue;
    }
    if (word.size() >= 2) {
      DropPlural(word);
      visit(HashName(word));
    }
    word.clear();
  }
}

void PutNumber(std::string& out, std::uint64_t number, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(number >> 8 * i & 0xff));
}

std::uint64_t TakeNumber(std::string_view& in, std::size_t bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = bytes; i-- > 0;) {
    number = number << 8 | static_cast<unsigned char>(in[i]);
  }
  in.remove_prefix(bytes);
  return number;
}

}  // namespace

Result<FeatureEncoder> FeatureEncoder::Create(std::uint32_t dimensions) {
  if (dimensions < 1 || dimensions > kMaxDimensions) {
    return Status::InvalidArgument("dimensions is " + std::to_string(dimensions) +
                                   ", expected 1 to " + std::to_string(kMaxDimensions));
  }
  return FeatureEncoder(dimensions);
}

Result<std::vector<float>> FeatureEncoder::Encode(std::span<const Feature> features) const {
  std::vector<double> sums(dimensions_, 0.0);
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (!std::isfinite(features[i].weight)) {
      return Status::InvalidVector("the weight of feature " + std::to_string(i) +
                                   " is NaN or infinite, expected a finite number");
    }
    AddFeature(HashName(features[i].name), double{features[i].weight}, sums);
  }
  return ScaledToUnit(sums);
}

std::vector<float> FeatureEncoder::EncodeText(std::string_view text) const {
  std::vector<std::uint64_t> words;
  ForEachWord(text, [&words](std::uint64_t word) { words.push_back(word); });
  // In the order of the hashes, so that the sums are the same to the last bit everywhere.
  std::sort(words.begin(), words.end());
  std::vector<double> sums(dimensions_, 0.0);
  for (auto first = words.begin(); first != words.end();) {
    const auto last = std::upper_bound(first, words.end(), *first);
    const auto count = static_cast<double>(last - first);
    AddFeature(*first, (1 + std::log(count)) * Rarity(*first), sums);
    first = last;
  }
  return ScaledToUnit(sums);
}

double FeatureEncoder::Rarity(std::uint64_t word) const {
  if (texts_ == 0) return 1;
  const auto found = texts_with_word_.find(word);
  const double texts_with = found == texts_with_word_.end() ? 1 : found->second;
  return std::log(1 + static_cast<double>(texts_) / texts_with);
}

void FeatureEncoder::LearnWords(std::string_view text) {
  ++texts_;
  std::unordered_set<std::uint64_t> seen;
  ForEachWord(text, [&](std::uint64_t word) {
    if (seen.insert(word).second) ++texts_with_word_[word];
  });
}

std::string FeatureEncoder::SaveWords() const {
  // A word of one text weighs as one never seen, and most words are of one text.
  std::vector<std::pair<std::uint64_t, std::uint32_t>> words;
  for (const auto& [word, texts] : texts_with_word_) {
    if (texts > 1) words.emplace_back(word, texts);
  }
  std::sort(words.begin(), words.end());
  std::string saved;
  saved.reserve(kSavedHeaderBytes + words.size() * kSavedWordBytes);
  PutNumber(saved, kSavedMagic, 8);
  PutNumber(saved, texts_, 8);
  PutNumber(saved, words.size(), 8);
  for (const auto& [word, texts] : words) {
    PutNumber(saved, word, 8);
    PutNumber(saved, texts, 4);
  }
  return saved;
}

Result<FeatureEncoder> FeatureEncoder::Load(std::uint32_t dimensions, std::string_view saved) {
  Result<FeatureEncoder> encoder = Create(dimensions);
  if (!encoder.ok()) return encoder;
  if (saved.size() < kSavedHeaderBytes || TakeNumber(saved, 8) != kSavedMagic) {
    return Status::InvalidArgument("saved words do not begin with EGMWRDS1");
  }
  encoder->texts_ = TakeNumber(saved, 8);
  const std::uint64_t words = TakeNumber(saved, 8);
  if (saved.size() % kSavedWordBytes != 0 || saved.size() / kSavedWordBytes != words) {
    return Status::InvalidArgument("saved words: found " + std::to_string(saved.size()) +
                                   " bytes behind the header, expected " + std::to_string(words) +
                                   " words of 12 bytes");
  }
  encoder->texts_with_word_.reserve(words);
  while (!saved.empty()) {
    const std::uint64_t word = TakeNumber(saved, 8);
    const auto texts = static_cast<std::uint32_t>(TakeNumber(saved, 4));
    if (texts == 0 || texts > encoder->texts_) {
      return Status::InvalidArgument("saved words: a word is in " + std::to_string(texts) +
                                     " texts of " + std::to_string(encoder->texts_));
    }
    encoder->texts_with_word_[word] = texts;
  }
  return encoder;
}

}  // namespace engram
