#include "wal/record_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "storage/base/aligned_buffer.h"
#include "storage/base/coding.h"
#include "tests/support/temp_dir.h"
#include "tests/wal/sample_commit.h"
#include "wal/log_format.h"
#include "wal/log_frames.h"

namespace engram {
namespace {

TEST(RecordCodec, CommitOfAllKindsComesBack) {
  SampleCommit sample(1, 30, 16);
  RecordEncoder encoder;
  const auto& payloads = encoder.Encode(sample.record(), kTargetPayloadBytes);
  ASSERT_EQ(payloads.size(), 1u);
  CommitRecord decoded;
  ASSERT_TRUE(DecodePayload(payloads[0], decoded).ok());
  ExpectSame(sample.record(), decoded);
}

TEST(RecordCodec, EmptyCommitIsOnePayloadWithTheState) {
  SampleCommit sample(1, 0, 16);
  RecordEncoder encoder;
  const auto& payloads = encoder.Encode(sample.record(), kTargetPayloadBytes);
  ASSERT_EQ(payloads.size(), 1u);
  CommitRecord decoded;
  ASSERT_TRUE(DecodePayload(payloads[0], decoded).ok());
  ExpectSame(sample.record(), decoded);
}

TEST(RecordCodec, LargeCommitIsCutBetweenOperations) {
  SampleCommit sample(2, 100, 32);
  RecordEncoder encoder;
  constexpr std::size_t kMostUpkeep = 4096;
  for (const std::size_t target : {1u, 100u, 1000u, 5000u}) {
    const auto& payloads = encoder.Encode(sample.record(), target);
    EXPECT_GT(payloads.size(), 3u);
    CommitRecord decoded;
    for (const auto& payload : payloads) {
      // The largest operation beyond the target, and the table; the first one has the upkeep too.
      const std::size_t upkeep = &payload == &payloads.front() ? kMostUpkeep : 0;
      EXPECT_LT(payload.size(), target + LinkBytes(kMaxLinkPositions, 0) + 512 + upkeep);
      ASSERT_TRUE(DecodePayload(payload, decoded).ok());
    }
    ExpectSame(sample.record(), decoded);
  }
}

TEST(RecordCodec, EncoderForgetsTheCommitBefore) {
  RecordEncoder encoder;
  SampleCommit large(3, 200, 32);
  SampleCommit small(4, 3, 8);
  encoder.Encode(large.record(), 2000);
  const auto& payloads = encoder.Encode(small.record(), kTargetPayloadBytes);
  ASSERT_EQ(payloads.size(), 1u);
  CommitRecord decoded;
  ASSERT_TRUE(DecodePayload(payloads[0], decoded).ok());
  ExpectSame(small.record(), decoded);
}

// The budget of the issue: 900 bytes an insert at 128 dimensions in batches of 100 with small
// metadata.
TEST(RecordCodec, BatchOfInsertsStaysInItsByteBudget) {
  const std::vector<std::byte> vector(128 * 4);
  const std::vector<std::byte> metadata(100);
  CommitRecord record;
  for (std::uint64_t i = 0; i < 100; ++i) {
    InsertRecord insert;
    insert.id = i;
    insert.vector = vector;
    insert.metadata = metadata;
    record.inserts.push_back(insert);
  }
  RecordEncoder encoder;
  const std::uint64_t bytes = CommitSpace(encoder.Encode(record, kTargetPayloadBytes));
  RecordProperty("log_bytes_per_insert", std::to_string(bytes / 100));
  EXPECT_LE(AlignUp(bytes, kLogBlockBytes), 100 * 720u);
}

void ExpectLinksAddUp(const CommitRecord& record) {
  std::size_t sets = 0;
  std::size_t clears = 0;
  for (const LinkRecord& r : record.links) {
    sets += r.sets;
    clears += r.clears;
  }
  EXPECT_EQ(record.link_sets.size(), sets);
  EXPECT_EQ(record.link_clears.size(), clears);
}

TEST(RecordCodec, LinksAreNeverCutFromTheirRecord) {
  SampleCommit sample(9, 60, 4);
  RecordEncoder encoder;
  for (const std::size_t target : {1u, 64u, 300u, 2000u}) {
    std::size_t links = 0;
    for (const auto& payload : encoder.Encode(sample.record(), target)) {
      CommitRecord part;
      ASSERT_TRUE(DecodePayload(payload, part).ok());
      ExpectLinksAddUp(part);
      links += part.links.size();
    }
    EXPECT_EQ(links, 60u);
  }
}

// What linking one pattern takes, beside the pattern: 16 links of its own and 16 back, each of
// which displaces some others.
TEST(RecordCodec, LinksOfInsertsStayInTheirByteBudget) {
  CommitRecord record;
  for (std::uint32_t i = 0; i < 100; ++i) {
    for (std::uint32_t k = 0; k < 17; ++k) {
      const std::uint16_t sets = k == 0 ? 16 : 3;
      record.links.push_back({static_cast<SlotId>(i * 17 + k), 0, 32, sets, 1});
      record.link_sets.resize(record.link_sets.size() + sets);
      record.link_clears.push_back(31);
    }
  }
  RecordEncoder encoder;
  const std::uint64_t bytes = CommitSpace(encoder.Encode(record, kTargetPayloadBytes));
  const std::uint64_t exact = 100 * (LinkBytes(16, 1) + 16 * LinkBytes(3, 1));
  EXPECT_LE(bytes, exact + 256);
}

struct Actual {
  std::uint64_t bytes = 0;
  std::uint32_t frames = 0;
};

Actual EncodedSize(RecordEncoder& encoder, const CommitRecord& record, std::size_t target) {
  Actual actual;
  for (const auto& payload : encoder.Encode(record, target)) {
    actual.bytes += payload.size();
    ++actual.frames;
  }
  return actual;
}

TEST(RecordBound, HoldsForAnyRecordAndAnyCut) {
  std::mt19937_64 random(TestSeed(20240711));
  RecordEncoder encoder;
  for (int round = 0; round < 300; ++round) {
    const auto seed = static_cast<std::uint32_t>(random());
    SampleCommit sample(seed, random() % 50, 1 + random() % 64);
    for (const std::size_t target :
         {std::size_t{1}, 1 + static_cast<std::size_t>(random() % 5000), kTargetPayloadBytes}) {
      const EncodedBound bound = BoundOf(sample.record(), 0, target);
      const Actual actual = EncodedSize(encoder, sample.record(), target);
      ASSERT_LE(actual.bytes, bound.bytes) << round << " cut at " << target;
      ASSERT_LE(actual.frames, bound.frames) << round << " cut at " << target;
    }
  }
}

TEST(RecordBound, HoldsForLinksAndUpperBlocksThatAreAddedLater) {
  std::mt19937_64 random(TestSeed(20240712));
  RecordEncoder encoder;
  for (int round = 0; round < 300; ++round) {
    const auto seed = static_cast<std::uint32_t>(random());
    SampleCommit sample(seed, random() % 50, 1 + random() % 64);
    CommitRecord before = sample.record();
    std::uint64_t added = before.uppers.size() * kUpperBytes;
    for (const LinkRecord& r : before.links) added += LinkBytes(r.sets, r.clears);
    before.uppers.clear();
    before.links.clear();
    before.link_sets.clear();
    before.link_clears.clear();
    const std::size_t target = 1 + random() % 5000;
    const EncodedBound bound = BoundOf(before, added, target);
    const Actual actual = EncodedSize(encoder, sample.record(), target);
    ASSERT_LE(actual.bytes, bound.bytes) << round << " cut at " << target;
    ASSERT_LE(actual.frames, bound.frames) << round << " cut at " << target;
  }
}

TEST(RecordBound, AsksForLittleMoreThanIsWritten) {
  SampleCommit sample(10, 200, 128);
  const EncodedBound bound = BoundOf(sample.record(), 0);
  RecordEncoder encoder;
  const Actual actual = EncodedSize(encoder, sample.record(), kTargetPayloadBytes);
  EXPECT_EQ(bound.frames, 1u);
  EXPECT_LE(bound.bytes, actual.bytes + 512 + 256);  // what a payload and its upkeep take beside
}

TEST(RecordCodec, SegmentKindOutOfRangeIsCorruption) {
  for (const unsigned kind : {0u, 5u, 255u}) {
    CommitRecord record;
    record.extents.push_back({static_cast<SegmentKind>(kind), 0, 0, 1});
    RecordEncoder encoder;
    CommitRecord decoded;
    EXPECT_EQ(DecodePayload(encoder.Encode(record, kTargetPayloadBytes)[0], decoded).code(),
              Code::kCorruptedIndex);
  }
}

AlignedBuffer Copy(std::span<const std::byte> bytes) {
  AlignedBuffer copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
  return copy;
}

Code DecodedCode(std::span<const std::byte> payload) {
  CommitRecord decoded;
  return DecodePayload(payload, decoded).code();
}

// docs/record-format.md, "Links".
struct RawLinks {
  std::uint32_t slot;
  std::uint16_t sets;
  std::uint16_t clears;
  std::uint16_t link_count;
  std::uint8_t level;
  std::uint8_t padding;
};

class CorruptedLinks : public testing::Test {
 protected:
  static constexpr std::uint16_t kSets = 113;
  static constexpr std::uint16_t kClears = 127;
  static constexpr std::uint16_t kCount = 211;
  static constexpr std::uint32_t kSlot = 0x5a5b5c5d;  // lies nowhere else

  CorruptedLinks() {
    record_.links.push_back({static_cast<SlotId>(kSlot), 0, kCount, kSets, kClears});
    record_.link_sets.resize(kSets);
    record_.link_clears.resize(kClears);
  }
  std::span<const std::byte> Payload() { return encoder_.Encode(record_, kTargetPayloadBytes)[0]; }
  // The payload with another struct for the slot.
  AlignedBuffer With(std::uint16_t sets, std::uint16_t clears, std::uint16_t count) {
    AlignedBuffer copy = Copy(Payload());
    const auto slot = kSlot;
    const auto at = std::search(copy.span().begin(), copy.span().end(),
                                std::as_bytes(std::span(&slot, 1)).begin(),
                                std::as_bytes(std::span(&slot, 1)).end());
    EXPECT_NE(at, copy.span().end());
    const RawLinks raw{kSlot, sets, clears, count, 0, 0};
    std::memcpy(&*at, &raw, sizeof(raw));
    return copy;
  }

  CommitRecord record_;
  RecordEncoder encoder_;
};

TEST_F(CorruptedLinks, AreReadWhereNothingIsWrong) { EXPECT_EQ(DecodedCode(Payload()), Code::kOk); }

TEST_F(CorruptedLinks, SetsThatDoNotAddUpAreCorruption) {
  for (const unsigned sets : {0u, 112u, 114u, 128u}) {
    const auto wrong = With(static_cast<std::uint16_t>(sets), kClears, kCount);
    EXPECT_EQ(DecodedCode(wrong.span()), Code::kCorruptedIndex) << sets;
  }
}

TEST_F(CorruptedLinks, ClearsThatDoNotAddUpAreCorruption) {
  for (const unsigned clears : {0u, 126u, 128u, 143u}) {
    const auto wrong = With(kSets, static_cast<std::uint16_t>(clears), kCount);
    EXPECT_EQ(DecodedCode(wrong.span()), Code::kCorruptedIndex) << clears;
  }
}

// Their lengths are the words 113 (neighbours, then positions behind it) and 127.
TEST_F(CorruptedLinks, VectorsShorterThanTheStructsSayAreCorruption) {
  const AlignedBuffer payload = Copy(Payload());
  std::size_t lengths = 0;
  for (std::size_t at = 0; at + 4 <= payload.size(); at += 4) {
    const auto word = LoadAs<std::uint32_t>(payload.data() + at);
    if (word != kSets && word != kClears) continue;
    AlignedBuffer wrong = Copy(payload.span());
    const std::uint32_t shorter = word - 1;
    std::memcpy(wrong.data() + at, &shorter, sizeof(shorter));
    EXPECT_EQ(DecodedCode(wrong.span()), Code::kCorruptedIndex) << at;
    ++lengths;
  }
  EXPECT_EQ(lengths, 3u);
}

TEST_F(CorruptedLinks, MoreChangesOrLinksThanPositionsAreCorruption) {
  const auto wrong = With(kSets, kClears, kMaxLinkPositions + 1);
  EXPECT_EQ(DecodedCode(wrong.span()), Code::kCorruptedIndex);
  record_.links[0].sets = kMaxLinkPositions - kClears + 1;
  record_.link_sets.resize(record_.links[0].sets);
  EXPECT_EQ(DecodedCode(Payload()), Code::kCorruptedIndex);
}

TEST_F(CorruptedLinks, RecordsThatClaimTheLinksOfTheNextAreCorruption) {
  record_.links.push_back({static_cast<SlotId>(6), 0, 9, 1, 0});
  record_.link_sets.resize(kSets + 1);
  ASSERT_EQ(DecodedCode(Payload()), Code::kOk);
  const auto wrong = With(kSets + 1, kClears, kCount);
  EXPECT_EQ(DecodedCode(wrong.span()), Code::kCorruptedIndex);
}

TEST(RecordCodec, UpperBlockOfLevelZeroIsCorruption) {
  CommitRecord record;
  record.uppers.push_back({1, static_cast<SlotId>(2), 3, 0});
  RecordEncoder encoder;
  EXPECT_EQ(DecodedCode(encoder.Encode(record, kTargetPayloadBytes)[0]), Code::kCorruptedIndex);
}

TEST(RecordCodec, CutPayloadIsCorruption) {
  SampleCommit sample(6, 4, 8);
  RecordEncoder encoder;
  const auto payload = encoder.Encode(sample.record(), kTargetPayloadBytes)[0];
  for (std::size_t size = 0; size < payload.size(); ++size) {
    const AlignedBuffer cut = Copy(payload.first(size));
    CommitRecord decoded;
    const Status status = DecodePayload(cut.span(), decoded);
    // FlatBuffers does not need the last padding.
    if (size + 8 < payload.size()) {
      ASSERT_EQ(status.code(), Code::kCorruptedIndex) << size;
    }
  }
}

// Whatever is wrong, an error or some record, and no access outside the payload (run with ASan).
TEST(RecordCodec, DamagedPayloadIsNeverReadOutOfBounds) {
  SampleCommit sample(7, 5, 8);
  RecordEncoder encoder;
  const auto payload = encoder.Encode(sample.record(), kTargetPayloadBytes)[0];
  std::mt19937_64 random(TestSeed(20240607));
  std::size_t refused = 0;
  for (int round = 0; round < 20000; ++round) {
    AlignedBuffer damaged = Copy(payload);
    for (std::uint64_t i = 0; i <= random() % 3; ++i) {
      damaged.span()[random() % damaged.size()] = static_cast<std::byte>(random());
    }
    CommitRecord decoded;
    if (DecodePayload(damaged.span(), decoded).ok()) {
      ExpectLinksAddUp(decoded);
    } else {
      ++refused;
    }
    std::size_t sum = 0;
    for (const InsertRecord& insert : decoded.inserts) {
      for (const std::byte b : insert.vector) sum += static_cast<std::size_t>(b);
      for (const std::byte b : insert.metadata) sum += static_cast<std::size_t>(b);
    }
    for (const SnapshotRecord& snapshot : decoded.upkeep.snapshots) {
      for (const char c : snapshot.name) sum += static_cast<unsigned char>(c);
    }
    ASSERT_LT(sum, std::size_t{1} << 40);
  }
  EXPECT_GT(refused, 100u);
}

}  // namespace
}  // namespace engram
