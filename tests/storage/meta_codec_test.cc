#include "storage/meta_codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>

#include "tests/support/temp_dir.h"

namespace engram {
namespace {

Timestamp TimeAt(std::int64_t microseconds) {
  return Timestamp(std::chrono::microseconds(microseconds));
}

std::vector<std::byte> Encoded(const Metadata& metadata) {
  auto encoded = EncodeMetadata(metadata);
  EXPECT_TRUE(encoded.ok()) << encoded.status();
  return encoded.ok() ? std::move(*encoded) : std::vector<std::byte>();
}

Metadata RoundTrip(const Metadata& metadata) {
  auto decoded = DecodeMetadata(Encoded(metadata));
  EXPECT_TRUE(decoded.ok()) << decoded.status();
  return decoded.ok() ? std::move(*decoded) : Metadata();
}

// Something of every kind.
Metadata Sample() {
  return {{"null", Value()},
          {"flag", true},
          {"count", std::int64_t{-42}},
          {"ratio", 0.25},
          {"text", "some text"},
          {"blob", Bytes{std::byte{0}, std::byte{255}}},
          {"when", TimeAt(-1)},
          {"list", ValueList{1, "two", ValueList{}, Metadata{}}},
          {"map", Metadata{{"inner", Metadata{{"deep", 1.5}}}}}};
}

Value RandomValue(std::mt19937_64& random, int depth) {
  const auto text = [&random] {
    std::string out(random() % 12, '\0');
    for (char& c : out) c = static_cast<char>(random());
    return out;
  };
  switch (random() % (depth < 4 ? 9 : 7)) {
    case 0:
      return {};
    case 1:
      return random() % 2 == 0;
    case 2:
      return static_cast<std::int64_t>(random());
    case 3:
      return static_cast<double>(static_cast<std::int64_t>(random())) / 1e6;
    case 4:
      return text();
    case 5:
      return Bytes(random() % 20, static_cast<std::byte>(random()));
    case 6:
      return TimeAt(static_cast<std::int64_t>(random()));
    case 7: {
      ValueList list;
      for (auto n = random() % 5; n > 0; --n) list.push_back(RandomValue(random, depth + 1));
      return list;
    }
    default: {
      Metadata map;
      for (auto n = random() % 5; n > 0; --n) map[text()] = RandomValue(random, depth + 1);
      return map;
    }
  }
}

// `levels` lists, one in another, in a map: levels + 1 levels of nesting.
Metadata Nested(int levels) {
  Value value;
  for (int i = 0; i < levels; ++i) {
    ValueList list;
    list.push_back(std::move(value));
    value = std::move(list);
  }
  Metadata metadata;
  metadata.emplace("list", std::move(value));
  return metadata;
}

TEST(MetaCodec, EmptyMetadataTakesNoBytes) {
  EXPECT_TRUE(Encoded({}).empty());
  EXPECT_TRUE(RoundTrip({}).empty());
}

TEST(MetaCodec, EveryKindSurvives) { EXPECT_EQ(RoundTrip(Sample()), Sample()); }

TEST(MetaCodec, RandomMetadataSurvives) {
  std::mt19937_64 random(TestSeed(1));
  for (int round = 0; round < 2000; ++round) {
    Metadata metadata;
    for (auto n = random() % 6; n > 0; --n) {
      metadata["name" + std::to_string(random() % 10)] = RandomValue(random, 1);
    }
    ASSERT_EQ(RoundTrip(metadata), metadata) << "round " << round;
  }
}

TEST(MetaCodec, DoublesKeepTheirBits) {
  const std::uint64_t odd_nan = 0xfff8dead0000beefu;
  for (const double value : {0.0, -0.0, std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::denorm_min(),
                             std::bit_cast<double>(odd_nan), -std::numeric_limits<double>::max()}) {
    const Metadata decoded = RoundTrip({{"d", value}});
    const auto* back = decoded.at("d").As<double>();
    ASSERT_NE(back, nullptr);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(*back), std::bit_cast<std::uint64_t>(value));
  }
}

TEST(MetaCodec, NamesAndStringsMayHoldAnyByte) {
  const std::string odd("a\0\xff\n", 4);
  const Metadata metadata = {{odd, odd}, {"", ""}, {std::string("\0", 1), 1}};
  EXPECT_EQ(RoundTrip(metadata), metadata);
}

TEST(MetaCodec, TheDeepestAllowedNestingSurvivesAndOneMoreIsRefused) {
  const Metadata deepest = Nested(kMaxMetadataDepth - 1);
  EXPECT_EQ(RoundTrip(deepest), deepest);
  const auto refused = EncodeMetadata(Nested(kMaxMetadataDepth));
  EXPECT_EQ(refused.code(), Code::kInvalidArgument);
  EXPECT_NE(refused.status().message().find("32"), std::string_view::npos) << refused.status();
}

TEST(MetaCodec, MoreThanTheLimitIsRefusedAndNamesIt) {
  for (const std::size_t size :
       {kMaxMetadataBytes - 8, kMaxMetadataBytes + 1, std::size_t{8} << 20}) {
    const auto refused = EncodeMetadata({{"text", std::string(size, 'x')}});
    EXPECT_EQ(refused.code(), Code::kInvalidArgument);
    EXPECT_NE(refused.status().message().find("1048576"), std::string_view::npos)
        << refused.status();
  }
  const Metadata large = {{"text", std::string(kMaxMetadataBytes - 200, 'x')}};
  EXPECT_EQ(RoundTrip(large), large);
  const auto many = EncodeMetadata({{"list", ValueList(kMaxMetadataBytes / 4)}});
  EXPECT_EQ(many.code(), Code::kInvalidArgument);
}

TEST(MetaCodec, ManySmallValuesUpToTheLimitSurvive) {
  const Metadata metadata = {{"nulls", ValueList(30'000)},
                             {"flags", ValueList(30'000, Value(true))}};
  EXPECT_EQ(RoundTrip(metadata), metadata);
}

TEST(MetaCodec, BytesAtAnyAddressDecode) {
  const std::vector<std::byte> bytes = Encoded(Sample());
  std::vector<std::byte> shifted(bytes.size() + 8);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::copy(bytes.begin(), bytes.end(), shifted.begin() + static_cast<std::ptrdiff_t>(shift));
    const auto decoded = DecodeMetadata(std::span(shifted).subspan(shift, bytes.size()));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, Sample());
  }
}

TEST(MetaCodec, NoChangedByteCrashesAndFailuresAreCorruption) {
  const std::vector<std::byte> bytes = Encoded(Sample());
  const std::vector<std::string> names = {"text", "count"};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bits = 1; bits < 256; ++bits) {
      std::vector<std::byte> damaged = bytes;
      damaged[i] ^= static_cast<std::byte>(bits);
      const auto decoded = DecodeMetadata(damaged);
      if (!decoded.ok()) {
        ASSERT_EQ(decoded.code(), Code::kCorruptedIndex);
      }
      const auto found = FindScalars(damaged, names);
      if (!found.ok()) {
        ASSERT_EQ(found.code(), Code::kCorruptedIndex);
      }
    }
  }
}

TEST(MetaCodec, NoShorterPrefixAndNoRandomBytesCrash) {
  const std::vector<std::byte> bytes = Encoded(Sample());
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    const auto decoded = DecodeMetadata(std::span(bytes).first(size));
    if (!decoded.ok()) {
      ASSERT_EQ(decoded.code(), Code::kCorruptedIndex);
    }
  }
  std::mt19937_64 random(TestSeed(2));
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> damaged = bytes;
    for (int changes = 0; changes < 4; ++changes) {
      damaged[random() % damaged.size()] = static_cast<std::byte>(random());
    }
    DecodeMetadata(damaged).status().IgnoreError();  // either outcome is right
  }
}

TEST(MetaCodec, MoreBytesThanAnyMetadataHasAreCorruption) {
  const std::vector<std::byte> bytes(kMaxMetadataBytes + 1);
  EXPECT_EQ(DecodeMetadata(bytes).code(), Code::kCorruptedIndex);
}

TEST(MetaCodec, FindScalarsGivesTheNamedTopLevelScalars) {
  const std::vector<std::string> names = {"map", "text", "deep", "when", "list", "absent", "null"};
  const auto found = FindScalars(Encoded(Sample()), names);
  ASSERT_TRUE(found.ok()) << found.status();
  const std::vector<std::pair<std::size_t, Value>> expected = {
      {6, Value()}, {1, "some text"}, {3, TimeAt(-1)}};
  EXPECT_EQ(*found, expected);
}

TEST(Value, DoublesCompareAsNumbers) {
  EXPECT_EQ(Value(0.0), Value(-0.0));
  EXPECT_FALSE(Value(std::nan("")) == Value(std::nan("")));
  EXPECT_FALSE(Value(1) == Value(1.0));
}

}  // namespace
}  // namespace engram
