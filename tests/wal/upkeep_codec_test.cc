#include "wal/upkeep_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "storage/base/aligned_buffer.h"
#include "storage/base/coding.h"
#include "tests/support/temp_dir.h"
#include "tests/wal/sample_commit.h"
#include "wal/log_format.h"
#include "wal/record_codec.h"

namespace engram {
namespace {

using testing::HasSubstr;

AlignedBuffer Copy(std::span<const std::byte> bytes, std::size_t room = 0) {
  AlignedBuffer copy(bytes.size() + room);
  std::memset(copy.data(), 0, copy.size());
  std::memcpy(copy.data(), bytes.data(), bytes.size());
  return copy;
}

// One payload of `record`.
AlignedBuffer Encoded(const CommitRecord& record) {
  RecordEncoder encoder;
  const auto& payloads = encoder.Encode(record, kTargetPayloadBytes);
  EXPECT_EQ(payloads.size(), 1u);
  return Copy(payloads[0]);
}

Status Decode(std::span<const std::byte> payload) {
  CommitRecord decoded;
  return DecodePayload(payload, decoded);
}

void ExpectComesBack(const CommitRecord& record) {
  const AlignedBuffer payload = Encoded(record);
  CommitRecord decoded;
  const Status status = DecodePayload(payload.span(), decoded);
  ASSERT_TRUE(status.ok()) << status;
  ExpectSame(record, decoded);
}

// Where `value`, of which there is one, lies in the payload.
template <typename Value>
std::size_t Find(const AlignedBuffer& payload, Value value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  const auto all = payload.span();
  const auto at = std::search(all.begin(), all.end(), bytes.begin(), bytes.end());
  EXPECT_NE(at, all.end());
  EXPECT_EQ(std::search(at + 1, all.end(), bytes.begin(), bytes.end()), all.end());
  return static_cast<std::size_t>(at - all.begin());
}

constexpr std::int64_t kMark = 0x5a5b5c5d6a6b6c6d;  // lies nowhere else

UpkeepRecord FullUpkeep() {
  UpkeepRecord upkeep;
  upkeep.progress = {static_cast<Lsn>(11), static_cast<Lsn>(12), 13};
  upkeep.cuts = {{SegmentKind::kNodes, 14}, {SegmentKind::kUpperSlots, 0}};
  upkeep.voids = {{static_cast<SlotId>(15), 16, static_cast<Lsn>(17)}};
  upkeep.wipes = {static_cast<SlotId>(18), static_cast<SlotId>(19)};
  upkeep.clock_erases = {-20, 21};
  upkeep.snapshots = {{"monday", static_cast<Lsn>(22), 23}, {"sunday", Lsn::kNone, 0}};
  upkeep.keeps_clock = true;
  return upkeep;
}

TEST(UpkeepCodec, EachPartComesBackAloneAndTogether) {
  const UpkeepRecord full = FullUpkeep();
  void (*const takes[])(UpkeepRecord&, const UpkeepRecord&) = {
      [](UpkeepRecord& to, const UpkeepRecord& from) { to.progress = from.progress; },
      [](UpkeepRecord& to, const UpkeepRecord& from) { to.cuts = from.cuts; },
      [](UpkeepRecord& to, const UpkeepRecord& from) { to.voids = from.voids; },
      [](UpkeepRecord& to, const UpkeepRecord& from) { to.wipes = from.wipes; },
      [](UpkeepRecord& to, const UpkeepRecord& from) { to.clock_erases = from.clock_erases; },
      [](UpkeepRecord& to, const UpkeepRecord& from) { to.snapshots = from.snapshots; },
      [](UpkeepRecord& to, const UpkeepRecord& from) { to.keeps_clock = from.keeps_clock; }};
  for (std::size_t parts = 0; parts < std::size_t{1} << std::size(takes); ++parts) {
    CommitRecord record;
    for (std::size_t i = 0; i < std::size(takes); ++i) {
      if ((parts >> i & 1) != 0) takes[i](record.upkeep, full);
    }
    SCOPED_TRACE(parts);
    EXPECT_EQ(record.upkeep.empty(), parts == 0);
    ExpectComesBack(record);
  }
}

TEST(UpkeepCodec, ACommitWithoutUpkeepTakesNoByteForIt) {
  CommitRecord record;
  const std::size_t without = Encoded(record).size();
  EXPECT_EQ(UpkeepBytes(record.upkeep), 0u);
  record.upkeep.keeps_clock = true;
  EXPECT_GT(Encoded(record).size(), without);
}

TEST(UpkeepCodec, ProgressOfZerosIsNotTheSameAsNone) {
  CommitRecord record;
  record.upkeep.progress.emplace();
  ExpectComesBack(record);
}

TEST(UpkeepCodec, WhatAVersionHasBesideComesBack) {
  CommitRecord record;
  record.inserts.resize(5);
  record.inserts[1].expires_us = -1;
  record.inserts[2].version = static_cast<Lsn>(7);
  record.inserts[2].moved_from = static_cast<SlotId>(8);
  record.inserts[4].version = static_cast<Lsn>(9);
  record.inserts[4].moved_from = static_cast<SlotId>(10);
  record.inserts[4].expires_us = kNeverExpires - 1;
  record.retires.resize(3);
  record.retires[0].expires_us = 12;
  record.retires[2].expires_us = -13;
  ExpectComesBack(record);
}

// The upkeep is in the first payload alone, the origins in that of their inserts.
TEST(UpkeepCodec, ACommitOfSeveralPayloadsHasItsUpkeepOnce) {
  SampleCommit sample(21, 40, 16);
  RecordEncoder encoder;
  for (const std::size_t target : {1u, 300u, 3000u}) {
    const auto& payloads = encoder.Encode(sample.record(), target);
    ASSERT_GT(payloads.size(), 3u);
    CommitRecord all;
    for (std::size_t i = 0; i < payloads.size(); ++i) {
      CommitRecord part;
      ASSERT_TRUE(DecodePayload(payloads[i], part).ok());
      EXPECT_EQ(part.upkeep.empty(), i > 0) << "payload " << i << " cut at " << target;
      ASSERT_TRUE(DecodePayload(payloads[i], all).ok());
    }
    ExpectSame(sample.record(), all);
  }
}

TEST(UpkeepCodec, TheBoundHoldsForUpkeepAlone) {
  std::mt19937_64 random(TestSeed(20250310));
  RecordEncoder encoder;
  for (int round = 0; round < 500; ++round) {
    SampleCommit sample(static_cast<std::uint32_t>(random()), random() % 60, 1);
    CommitRecord record;
    record.upkeep = sample.record().upkeep;
    if (random() % 2 == 0) record.upkeep.progress.reset();
    if (random() % 2 == 0) record.upkeep.cuts.clear();
    if (random() % 2 == 0) record.upkeep.snapshots.clear();
    for (const std::size_t target : {std::size_t{1}, kTargetPayloadBytes}) {
      const auto& payloads = encoder.Encode(record, target);
      ASSERT_EQ(payloads.size(), 1u);
      const EncodedBound bound = BoundOf(record, 0, target);
      ASSERT_LE(payloads[0].size(), bound.bytes) << round;
      ASSERT_GE(bound.frames, 1u);
      // What it adds to an empty commit is no more than it says.
      const std::size_t added = payloads[0].size() - Encoded(CommitRecord{}).size();
      ASSERT_LE(added, UpkeepBytes(record.upkeep)) << round;
    }
  }
}

// docs/record-format.md, "Origin" and "Expiry": where the index lies behind the time.
constexpr std::size_t kIndexOfOrigin = 20;
constexpr std::size_t kIndexOfExpiry = 8;

// What lies `offset` behind the mark is the index 1; one that is not of two is corruption.
void ExpectIndexInTwo(AlignedBuffer payload, std::size_t offset) {
  std::byte* const index = payload.data() + Find(payload, kMark) + offset;
  ASSERT_EQ(LoadAs<std::uint32_t>(index), 1u);
  for (const std::uint32_t wrong : {2u, 3u, 0xffffffffu}) {
    StoreAs(index, wrong);
    const Status status = Decode(payload.span());
    EXPECT_EQ(status.code(), Code::kCorruptedIndex) << wrong;
    EXPECT_THAT(std::string(status.message()), HasSubstr("of 2"));
  }
  StoreAs(index, 0u);
  EXPECT_TRUE(Decode(payload.span()).ok());
}

TEST(UpkeepCodec, AnOriginOfNoInsertIsCorruption) {
  CommitRecord record;
  record.inserts.resize(2);
  record.inserts[1].expires_us = kMark;
  ExpectIndexInTwo(Encoded(record), kIndexOfOrigin);
}

TEST(UpkeepCodec, AnExpiryOfNoRetireIsCorruption) {
  CommitRecord record;
  record.retires.resize(2);
  record.retires[1].expires_us = kMark;
  ExpectIndexInTwo(Encoded(record), kIndexOfExpiry);
}

// An index counts within its payload: never into what an earlier one said.
TEST(UpkeepCodec, AnOriginDoesNotReachIntoThePayloadBefore) {
  CommitRecord before;
  before.inserts.resize(5);
  CommitRecord record;
  record.inserts.resize(1);
  record.inserts[0].expires_us = kMark;
  AlignedBuffer payload = Encoded(record);
  CommitRecord decoded;
  const AlignedBuffer first = Encoded(before);
  ASSERT_TRUE(DecodePayload(first.span(), decoded).ok());
  ASSERT_TRUE(DecodePayload(payload.span(), decoded).ok());
  EXPECT_EQ(decoded.inserts[0].expires_us, kNeverExpires);
  EXPECT_EQ(decoded.inserts[5].expires_us, kMark);
  StoreAs(payload.data() + Find(payload, kMark) + kIndexOfOrigin, 5u);
  EXPECT_EQ(DecodePayload(payload.span(), decoded).code(), Code::kCorruptedIndex);
}

TEST(UpkeepCodec, ACutOfNoSegmentIsCorruption) {
  for (const unsigned kind : {0u, 5u, 255u}) {
    CommitRecord record;
    record.upkeep.cuts.push_back({static_cast<SegmentKind>(kind), 3});
    const Status status = Decode(Encoded(record).span());
    EXPECT_EQ(status.code(), Code::kCorruptedIndex);
    EXPECT_THAT(std::string(status.message()), HasSubstr("cut of segment " + std::to_string(kind)));
  }
}

// --- Names ---

class CorruptedNames : public testing::Test {
 protected:
  static constexpr std::size_t kLength = 16;  // docs/record-format.md, "Snapshot"
  static constexpr std::uint32_t kFirst = 83;
  static constexpr std::uint32_t kSecond = 106;

  CorruptedNames() {
    record_.upkeep.snapshots = {{first_, static_cast<Lsn>(kMark), 1},
                                {second_, static_cast<Lsn>(kMark + 1), 2}};
  }
  // What a payload says whose names are that long.
  Status With(std::uint32_t first, std::uint32_t second) const {
    AlignedBuffer payload = Encoded(record_);
    StoreAs(payload.data() + Find(payload, kMark) + kLength, first);
    StoreAs(payload.data() + Find(payload, kMark + 1) + kLength, second);
    return Decode(payload.span());
  }

  const std::string first_ = std::string(kFirst, 'a');
  const std::string second_ = std::string(kSecond, 'b');
  CommitRecord record_;
};

TEST_F(CorruptedNames, AreReadWhereNothingIsWrong) {
  EXPECT_TRUE(With(kFirst, kSecond).ok());
  EXPECT_TRUE(With(kFirst + 1, kSecond - 1).ok());  // they add up
}

TEST_F(CorruptedNames, LengthsThatDoNotAddUpAreCorruption) {
  const std::pair<std::uint32_t, std::uint32_t> wrong[] = {{kFirst, kSecond - 1},
                                                           {kFirst, kSecond + 1},
                                                           {kFirst + kSecond, kSecond},
                                                           {kFirst - 1, kSecond},
                                                           {0xffffffff, kSecond},
                                                           {kFirst, 0xffffffff},
                                                           {0xffffffff, kSecond + kFirst + 1}};
  for (const auto& [first, second] : wrong) {
    const Status status = With(first, second);
    EXPECT_EQ(status.code(), Code::kCorruptedIndex) << first << ", " << second;
    EXPECT_THAT(std::string(status.message()), HasSubstr("snapshot names do not add up"));
  }
}

TEST_F(CorruptedNames, ANameWithoutALetterIsCorruption) {
  EXPECT_EQ(With(0, kFirst + kSecond).code(), Code::kCorruptedIndex);
  EXPECT_EQ(With(kFirst + kSecond, 0).code(), Code::kCorruptedIndex);
  record_.upkeep.snapshots[0].name = "";
  EXPECT_EQ(Decode(Encoded(record_).span()).code(), Code::kCorruptedIndex);
}

TEST_F(CorruptedNames, FewerOrMoreBytesThanTheLengthsSayAreCorruption) {
  AlignedBuffer payload = Encoded(record_);
  std::byte* length = payload.data() + Find(payload, kFirst + kSecond);
  for (const std::uint32_t wrong : {0u, kFirst, kFirst + kSecond - 1}) {
    StoreAs(length, wrong);
    EXPECT_EQ(Decode(payload.span()).code(), Code::kCorruptedIndex) << wrong;
  }
}

// --- Alignment ---

// The vector of the struct that holds `kMark` at its front, moved to the end of the payload, so
// that its elements lie `behind` bytes behind a multiple of 8.
AlignedBuffer WithVectorMoved(const CommitRecord& record, std::size_t struct_bytes,
                              std::size_t behind) {
  const AlignedBuffer whole = Encoded(record);
  const std::size_t from = Find(whole, kMark) - sizeof(std::uint32_t);
  EXPECT_EQ(LoadAs<std::uint32_t>(whole.data() + from), 1u) << "a vector of one";
  const std::size_t elements = AlignUp(whole.size(), std::size_t{8}) + 8 + behind;
  const std::size_t to = elements - sizeof(std::uint32_t);
  AlignedBuffer moved = Copy(whole.span(), elements + struct_bytes + 8 - whole.size());
  std::memcpy(moved.data() + to, whole.data() + from, sizeof(std::uint32_t) + struct_bytes);
  int fields = 0;
  for (std::size_t at = 0; at < from; at += sizeof(std::uint32_t)) {
    if (at + LoadAs<std::uint32_t>(whole.data() + at) != from) continue;
    StoreAs(moved.data() + at, static_cast<std::uint32_t>(to - at));
    ++fields;
  }
  EXPECT_EQ(fields, 1);
  return moved;
}

TEST(UpkeepCodec, VectorsThatAreNotAlignedAreCorruption) {
  const struct {
    const char* name;
    std::size_t struct_bytes;
    void (*mark)(CommitRecord&);
  } vectors[] = {
      {"origins", 24,
       [](CommitRecord& r) {
         r.inserts.resize(1);
         r.inserts[0].expires_us = kMark;
       }},
      {"expiries", 16,
       [](CommitRecord& r) {
         r.retires.resize(1);
         r.retires[0].expires_us = kMark;
       }},
      {"voids", 24,
       [](CommitRecord& r) {
         r.upkeep.voids.push_back({SlotId{1}, kMark, Lsn{2}});
       }},
      {"clock erases", 8, [](CommitRecord& r) { r.upkeep.clock_erases.push_back(kMark); }},
      {"snapshots", 24,
       [](CommitRecord& r) {
         r.upkeep.snapshots.push_back({"name", static_cast<Lsn>(kMark), 1});
       }},
  };
  for (const auto& vector : vectors) {
    CommitRecord record;
    vector.mark(record);
    const AlignedBuffer aligned = WithVectorMoved(record, vector.struct_bytes, 0);
    CommitRecord decoded;
    const Status status = DecodePayload(aligned.span(), decoded);
    ASSERT_TRUE(status.ok()) << vector.name << ": " << status;
    ExpectSame(record, decoded);
    const AlignedBuffer wrong = WithVectorMoved(record, vector.struct_bytes, 4);
    const Status refused = Decode(wrong.span());
    EXPECT_EQ(refused.code(), Code::kCorruptedIndex) << vector.name;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("not aligned")) << vector.name;
  }
}

// --- Whatever is wrong ---

TEST(UpkeepCodec, ACutPayloadIsCorruption) {
  CommitRecord record;
  record.upkeep = FullUpkeep();
  const AlignedBuffer payload = Encoded(record);
  for (std::size_t size = 0; size + 8 < payload.size(); ++size) {
    ASSERT_EQ(Decode(Copy(payload.span().first(size)).span()).code(), Code::kCorruptedIndex)
        << size;
  }
}

// An error or some record, and no access outside the payload (run with ASan). Most of what tables
// and vectors say of each other lies in few bytes: each takes each value.
TEST(UpkeepCodec, EachByteWithEachValueIsReadWithinBounds) {
  CommitRecord record;
  record.upkeep = FullUpkeep();
  record.inserts.resize(1);
  record.inserts[0].expires_us = 5;
  record.retires.resize(1);
  record.retires[0].expires_us = 6;
  const AlignedBuffer payload = Encoded(record);
  std::size_t refused = 0;
  std::size_t letters = 0;
  for (std::size_t at = 0; at < payload.size(); ++at) {
    AlignedBuffer damaged = Copy(payload.span());
    for (int value = 0; value < 256; ++value) {
      damaged.data()[at] = static_cast<std::byte>(value);
      CommitRecord decoded;
      if (!DecodePayload(damaged.span(), decoded).ok()) ++refused;
      for (const SnapshotRecord& snapshot : decoded.upkeep.snapshots) {
        for (const char c : snapshot.name) letters += static_cast<std::size_t>(c == 'y');
      }
    }
  }
  EXPECT_GT(refused, 1000u);
  EXPECT_GT(letters, 1000u);
}

}  // namespace
}  // namespace engram
