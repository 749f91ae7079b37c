#include "tests/stress/pairs.h"

#include <optional>

namespace engram {
namespace {

std::uint64_t Mix(std::uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

std::optional<std::uint64_t> Number(const Metadata& metadata, const char* name) {
  const auto it = metadata.find(name);
  const auto* number = it == metadata.end() ? nullptr : it->second.As<std::int64_t>();
  if (number == nullptr) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

std::optional<Stamp> StampOf(const Metadata& metadata) {
  const auto pair = Number(metadata, "pair");
  const auto side = Number(metadata, "side");
  const auto token = Number(metadata, "token");
  if (!pair || !side || !token) return std::nullopt;
  return Stamp{*pair, *side, *token};
}

}  // namespace

std::vector<float> VectorFor(const Stamp& stamp, std::uint32_t dimensions) {
  const std::uint64_t seed = Mix(Mix(Mix(stamp.pair) + stamp.side) + stamp.token);
  std::vector<float> vector(dimensions);
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    vector[i] = static_cast<float>(Mix(seed + i) >> 40) / 8388608.0F - 1.0F;
  }
  return vector;
}

Metadata MetadataFor(const Stamp& stamp) {
  return {{"pair", static_cast<std::int64_t>(stamp.pair)},
          {"side", static_cast<std::int64_t>(stamp.side)},
          {"token", static_cast<std::int64_t>(stamp.token)},
          {"padding", std::string(stamp.token % 199, 'x')}};
}

TypeTag TypeFor(const Stamp& stamp) { return static_cast<TypeTag>(stamp.token % 1000); }

Timestamp TimeFor(const Stamp& stamp) {
  return Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(stamp.token)));
}

NewPattern PatternFor(const Stamp& stamp, VectorView vector) {
  return {vector, MetadataFor(stamp), TimeFor(stamp), TypeFor(stamp), std::nullopt};
}

PatternChange ChangeFor(const Stamp& stamp, VectorView vector) {
  return {vector, MetadataFor(stamp), TimeFor(stamp), TypeFor(stamp)};
}

std::string PairCheck::Add(PatternId id, const std::vector<float>& vector,
                           const Metadata& metadata) {
  const std::string name = "pattern " + std::to_string(id);
  const std::optional<Stamp> stamp = StampOf(metadata);
  if (!stamp.has_value()) return name + " has the metadata of nobody";
  if (vector != VectorFor(*stamp, dimensions_)) {
    return name + " has metadata of token " + std::to_string(stamp->token) + " and another vector";
  }
  if (!seen_.emplace(id, stamp->token).second) return name + " came twice";
  if (stamp->side == kSingle) return {};
  if (stamp->side > kSingle || stamp->pair >= tokens_.size()) return name + " is of no pair";
  ++tokens_[stamp->pair].count[stamp->side];
  tokens_[stamp->pair].token[stamp->side] = stamp->token;
  return {};
}

std::string PairCheck::Finish() const {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const Sides& sides = tokens_[i];
    const std::string name = "pair " + std::to_string(i);
    if (sides.count[0] != 1 || sides.count[1] != 1) {
      return name + " has its sides " + std::to_string(sides.count[0]) + " and " +
             std::to_string(sides.count[1]) + " times";
    }
    if (sides.token[0] != sides.token[1]) {
      return name + " has the tokens " + std::to_string(sides.token[0]) + " and " +
             std::to_string(sides.token[1]) + " in one state";
    }
  }
  return {};
}

std::string CheckHeader(const Pattern& pattern) {
  const std::optional<Stamp> stamp = StampOf(pattern.metadata);
  if (!stamp.has_value()) return "no stamp";
  if (pattern.type != TypeFor(*stamp)) return "type of another version";
  if (pattern.timestamp != TimeFor(*stamp)) return "timestamp of another version";
  return {};
}

}  // namespace engram
