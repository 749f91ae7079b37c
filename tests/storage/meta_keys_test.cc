#include "storage/meta_keys.h"

#include <gtest/gtest.h>

#include <bit>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>
#include <tuple>
#include <vector>

#include "tests/support/temp_dir.h"

namespace engram {
namespace {

constexpr std::int64_t kMinInt = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMaxInt = std::numeric_limits<std::int64_t>::max();

std::string KeyOf(const Value& value) {
  const auto key = MakeValueKey(value);
  EXPECT_TRUE(key.has_value());
  return key.value_or("");
}

// Small ones, extreme ones and any.
std::int64_t RandomInt(std::mt19937_64& random) {
  switch (random() % 4) {
    case 0:
      return static_cast<std::int64_t>(random() % 5) - 2;
    case 1:
      return random() % 2 == 0 ? kMinInt : kMaxInt;
    default:
      return static_cast<std::int64_t>(random());
  }
}

// Of few letters, zero and 0xff among them, so that many begin alike.
std::string RandomText(std::mt19937_64& random) {
  constexpr std::string_view letters("\0\1\2a\xfe\xff", 6);
  std::string text(random() % 6, '\0');
  for (char& c : text) c = letters[random() % letters.size()];
  return text;
}

template <typename T>
void ExpectSameOrder(const T& a, const T& b, const std::string& key_a, const std::string& key_b) {
  EXPECT_EQ(a < b, key_a < key_b);
  EXPECT_EQ(a == b, key_a == key_b);
}

TEST(MetaKeys, TimeAndTypeKeysSortAsTheirNumbers) {
  std::mt19937_64 random(TestSeed(1));
  for (int round = 0; round < 20'000; ++round) {
    const auto draw = [&random] {
      return std::tuple{static_cast<TypeTag>(random() % 3), RandomInt(random),
                        static_cast<PatternId>(RandomInt(random)),
                        static_cast<Lsn>(RandomInt(random))};
    };
    const auto a = draw();
    const auto b = draw();
    const auto type_key = [](const auto& t) {
      return std::string(
          MakeTypeKey(std::get<0>(t), std::get<1>(t), std::get<2>(t), std::get<3>(t)).view());
    };
    const auto time_key = [](const auto& t) {
      return std::string(MakeTimeKey(std::get<1>(t), std::get<2>(t), std::get<3>(t)).view());
    };
    const auto tail = [](const auto& t) {
      return std::tuple{std::get<1>(t), std::get<2>(t), std::get<3>(t)};
    };
    ExpectSameOrder(a, b, type_key(a), type_key(b));
    ExpectSameOrder(tail(a), tail(b), time_key(a), time_key(b));
  }
}

TEST(MetaKeys, ClockAndExpiryKeysSortAsTheirNumbers) {
  std::mt19937_64 random(TestSeed(6));
  for (int round = 0; round < 20'000; ++round) {
    const auto draw = [&random] {
      return std::tuple{RandomInt(random), static_cast<PatternId>(RandomInt(random)),
                        static_cast<Lsn>(RandomInt(random))};
    };
    const auto expiry_key = [](const auto& t) {
      return std::string(MakeExpiryKey(std::get<0>(t), std::get<1>(t), std::get<2>(t)).view());
    };
    const auto clock_key = [](const auto& t) {
      return std::string(MakeClockKey(std::get<0>(t)).view());
    };
    const auto a = draw();
    const auto b = draw();
    ExpectSameOrder(a, b, expiry_key(a), expiry_key(b));
    ExpectSameOrder(std::get<0>(a), std::get<0>(b), clock_key(a), clock_key(b));
  }
}

TEST(MetaKeys, EachTagsKeysLieBetweenItsEnds) {
  const std::vector<std::string> keys = {
      std::string(MakeNameKey(0).view()),
      std::string(MakeNameKey(0xffff).view()),
      std::string(kStoreIdKey),
      MakeSnapshotKey(std::string(1, '\0')),
      MakeSnapshotKey(std::string(kMaxSnapshotNameBytes, '\xff')),
      std::string(MakeClockKey(kMinInt).view()),
      std::string(MakeClockKey(kMaxInt).view()),
      std::string(MakeExpiryKey(kMinInt, 0, Lsn{0}).view()),
      std::string(MakeExpiryKey(kMaxInt, ~0ull, static_cast<Lsn>(~0ull)).view())};
  for (const char tag : {kFieldNameTag, kSnapshotTag, kClockTag, kExpiryTag}) {
    const TagKey begin = MakeTagKey(tag);
    const TagKey end = MakeTagEnd(tag);
    int inside = 0;
    for (const std::string& key : keys) {
      const bool between = begin.view() <= key && key < end.view();
      EXPECT_EQ(between, key[0] == tag);
      if (between) ++inside;
    }
    EXPECT_EQ(inside, 2) << tag;
  }
}

TEST(MetaKeys, IdsKeysSortByIdThenNewestFirst) {
  const auto key = [](PatternId id, std::uint64_t version) {
    return std::string(MakeIdsKey(id, static_cast<Lsn>(version)).view());
  };
  EXPECT_LT(key(1, 9), key(1, 8));
  EXPECT_LT(key(1, 1), key(2, 9));
  EXPECT_LT(key(255, 1), key(256, 1));
}

TEST(MetaKeys, ParsingGivesBackWhatWasMade) {
  const PatternId id = 0x0102030405060708;
  const Lsn version{0x1112131415161718};
  const auto meta = ParseMetaKey(MakeMetaKey(id, version).view());
  const auto ids = ParseIdsKey(MakeIdsKey(id, version).view());
  const auto time = ParseTimeKey(MakeTimeKey(-5, id, version).view());
  const auto type = ParseTypeKey(MakeTypeKey(7, -5, id, version).view());
  std::string field_key = "old content";
  MakeFieldKey(3, KeyOf("x"), id, version, field_key);
  const auto field = ParseFieldKey(field_key);
  for (const auto* parsed : {&meta, &ids, &time, &type, &field}) {
    ASSERT_TRUE(parsed->ok()) << parsed->status();
    EXPECT_EQ((*parsed)->id, id);
    EXPECT_EQ((*parsed)->version, version);
  }
  EXPECT_EQ(time->timestamp_us, -5);
  EXPECT_EQ(type->timestamp_us, -5);
  EXPECT_EQ(type->type, 7u);
  EXPECT_EQ(*ParseNameKey(MakeNameKey(513).view()), 513);
  EXPECT_EQ(*ParseClockKey(MakeClockKey(-5).view()), -5);
  const auto expiry = ParseExpiryKey(MakeExpiryKey(-5, id, version).view());
  ASSERT_TRUE(expiry.ok()) << expiry.status();
  EXPECT_EQ(expiry->timestamp_us, -5);
  EXPECT_EQ(expiry->id, id);
  EXPECT_EQ(expiry->version, version);
  const std::string name("a\0b", 3);
  EXPECT_EQ(*ParseSnapshotKey(MakeSnapshotKey(name)), name);
}

TEST(MetaKeys, KeysOfAnotherLengthAreCorruption) {
  const std::string key(100, '\0');
  for (std::size_t size = 0; size < key.size(); ++size) {
    const auto part = std::string_view(key).substr(0, size);
    EXPECT_EQ(ParseMetaKey(part).ok(), size == 16);
    EXPECT_EQ(ParseIdsKey(part).ok(), size == 16);
    EXPECT_EQ(ParseTimeKey(part).ok(), size == 24);
    EXPECT_EQ(ParseTypeKey(part).ok(), size == 28);
    EXPECT_EQ(ParseFieldKey(part).ok(), size >= 19);
    EXPECT_EQ(ParseNameKey(part).code(), Code::kCorruptedIndex);  // of any length: 'f' is missing
  }
}

TEST(MetaKeys, KeysOfStateOfAnotherLengthOrTagAreCorruption) {
  for (std::size_t size = 0; size < 400; ++size) {
    const auto key = [size](char tag) { return std::string(1, tag) + std::string(size, '\1'); };
    EXPECT_EQ(ParseNameKey(key(kFieldNameTag)).ok(), size == 2);
    EXPECT_EQ(ParseClockKey(key(kClockTag)).ok(), size == 8);
    EXPECT_EQ(ParseExpiryKey(key(kExpiryTag)).ok(), size == 24);
    EXPECT_EQ(ParseSnapshotKey(key(kSnapshotTag)).ok(), size >= 1 && size <= 255);
    EXPECT_EQ(ParseSnapshotKey(key(kClockTag)).code(), Code::kCorruptedIndex);
    EXPECT_EQ(ParseClockKey(key(kExpiryTag)).code(), Code::kCorruptedIndex);
    EXPECT_EQ(ParseExpiryKey(key(kFieldNameTag)).code(), Code::kCorruptedIndex);
  }
  EXPECT_EQ(ParseExpiryKey("").code(), Code::kCorruptedIndex);
  const Status status = ParseClockKey("t1234567").status();
  EXPECT_EQ(status.message(),
            "a row of state with the tag 116 has a key of 7 bytes behind it, expected 8");
}

TEST(MetaKeys, ARowThatSaysItNeverExpiresIsCorruption) {
  EXPECT_TRUE(ParseExpiryKey(MakeExpiryKey(kMaxInt - 1, 1, Lsn{1}).view()).ok());
  EXPECT_EQ(ParseExpiryKey(MakeExpiryKey(kMaxInt, 1, Lsn{1}).view()).code(), Code::kCorruptedIndex);
}

TEST(MetaKeys, EveryKeyIsLongerThanTheAppliedKey) {
  EXPECT_EQ(kAppliedKey.size(), 1u);
  EXPECT_LT(std::string(kAppliedKey), std::string(MakeIdsKey(0, static_cast<Lsn>(~0ull)).view()));
  EXPECT_LT(std::string(kAppliedKey), std::string(MakeTimeKey(kMinInt, 0, Lsn{0}).view()));
}

TEST(ValueKey, KindsSortInTheirFixedOrder) {
  const std::vector<Value> ascending = {Value(),
                                        Value(false),
                                        Value(true),
                                        Value(kMinInt),
                                        Value(kMaxInt),
                                        Value(-std::numeric_limits<double>::infinity()),
                                        Value(std::nan("")),
                                        Value(Timestamp(std::chrono::microseconds(kMinInt))),
                                        Value(Timestamp(std::chrono::microseconds(kMaxInt))),
                                        Value(""),
                                        Value("\xff"),
                                        Value(Bytes{}),
                                        Value(Bytes{std::byte{1}})};
  for (std::size_t i = 1; i < ascending.size(); ++i) {
    EXPECT_LT(KeyOf(ascending[i - 1]), KeyOf(ascending[i])) << i;
  }
}

TEST(ValueKey, IntegersAndTimesSortAsNumbers) {
  std::mt19937_64 random(TestSeed(2));
  for (int round = 0; round < 20'000; ++round) {
    const std::int64_t a = RandomInt(random);
    const std::int64_t b = RandomInt(random);
    ExpectSameOrder(a, b, KeyOf(a), KeyOf(b));
    const Timestamp time_a{std::chrono::microseconds(a)};
    const Timestamp time_b{std::chrono::microseconds(b)};
    ExpectSameOrder(a, b, KeyOf(time_a), KeyOf(time_b));
  }
}

TEST(ValueKey, DoublesSortAsNumbersWithNanLast) {
  std::mt19937_64 random(TestSeed(3));
  const std::vector<double> special = {0.0,
                                       -0.0,
                                       1.0,
                                       -1.0,
                                       std::numeric_limits<double>::infinity(),
                                       -std::numeric_limits<double>::infinity(),
                                       std::numeric_limits<double>::denorm_min(),
                                       -std::numeric_limits<double>::denorm_min()};
  const auto draw = [&] {
    if (random() % 2 == 0) return special[random() % special.size()];
    const auto bits = std::bit_cast<double>(random());
    return std::isnan(bits) ? 2.0 : bits;
  };
  for (int round = 0; round < 20'000; ++round) {
    const double a = draw();
    const double b = draw();
    ExpectSameOrder(a, b, KeyOf(a), KeyOf(b));
    ASSERT_LT(KeyOf(a), KeyOf(std::nan("")));
  }
  EXPECT_EQ(KeyOf(std::nan("")), KeyOf(-std::nan("7")));
}

TEST(ValueKey, StringsAndBytesSortAsTheirBytes) {
  std::mt19937_64 random(TestSeed(4));
  for (int round = 0; round < 50'000; ++round) {
    const std::string a = RandomText(random);
    const std::string b = RandomText(random);
    ExpectSameOrder(a, b, KeyOf(a), KeyOf(b));
    const auto bytes = [](const std::string& text) {
      const auto span = std::as_bytes(std::span(text));
      return Bytes(span.begin(), span.end());
    };
    ExpectSameOrder(a, b, KeyOf(bytes(a)), KeyOf(bytes(b)));
  }
}

TEST(ValueKey, NoKeyIsTheBeginningOfAnother) {
  std::mt19937_64 random(TestSeed(5));
  for (int round = 0; round < 50'000; ++round) {
    const std::string a = KeyOf(RandomText(random));
    const std::string b = KeyOf(RandomText(random));
    if (a != b) {
      ASSERT_FALSE(a.starts_with(b) || b.starts_with(a));
    }
  }
}

TEST(ValueKey, LongTextIsCutAndSortsBehindAllThatEndsThere) {
  const std::string most(kMaxKeyedBytes, 'x');
  EXPECT_LT(KeyOf(most.substr(1)), KeyOf(most));
  EXPECT_LT(KeyOf(most), KeyOf(most + "a"));
  EXPECT_EQ(KeyOf(most + "a"), KeyOf(most + "b"));
  EXPECT_LT(KeyOf(most + "b"), KeyOf(most.substr(1) + "y"));
  EXPECT_LE(KeyOf(std::string(1 << 20, '\0')).size(), 2 * kMaxKeyedBytes + 3);
}

TEST(ValueKey, ListsAndMapsHaveNone) {
  EXPECT_FALSE(MakeValueKey(ValueList{}).has_value());
  EXPECT_FALSE(MakeValueKey(Metadata{}).has_value());
}

}  // namespace
}  // namespace engram
