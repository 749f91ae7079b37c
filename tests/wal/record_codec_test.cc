#include "wal/record_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "storage/base/aligned_buffer.h"
#include "storage/base/coding.h"
#include "tests/support/temp_dir.h"
#include "wal/log_format.h"
#include "wal/log_frames.h"

namespace engram {
namespace {

// A commit with bytes of its own behind its views.
class SampleCommit {
 public:
  SampleCommit(std::uint32_t seed, std::size_t operations, std::size_t dimensions)
      : random_(seed), vector_(dimensions * 4) {
    for (std::byte& b : vector_) b = static_cast<std::byte>(random_());
    for (std::size_t i = 0; i < operations; ++i) AddOneOfEach(i);
    record_.state = {1, 2, 3, 4, -5, 6, 7, static_cast<SlotId>(8), 9, 10};
  }

  CommitRecord& record() { return record_; }

 private:
  std::string_view Text(std::size_t i) { return std::string_view(text_).substr(0, i % 40); }

  void AddOneOfEach(std::size_t i) {
    const auto number = static_cast<std::uint32_t>(i);
    record_.extents.push_back({static_cast<SegmentKind>(1 + i % 4), number, random_(), number + 1});
    record_.field_names.push_back({static_cast<std::uint16_t>(i), Text(i)});
    RetireRecord retire{static_cast<SlotId>(i), i + 1, static_cast<Lsn>(i), -7, number, {}};
    for (std::size_t key = 0; key < i % 4; ++key) {
      retire.fields.push_back({static_cast<std::uint16_t>(key), Text(i + key)});
    }
    record_.retires.push_back(retire);
    record_.ends.push_back({static_cast<SlotId>(i + 5), i, static_cast<Lsn>(random_())});
    InsertRecord insert;
    insert.id = i + 100;
    insert.slot = static_cast<SlotId>(i + 200);
    insert.type = number;
    insert.level = static_cast<std::uint8_t>(i % 7);
    insert.norm = static_cast<float>(i) * 0.5f;
    insert.timestamp_us = -static_cast<std::int64_t>(i);
    insert.inserted_us = static_cast<std::int64_t>(i) << 40;
    insert.vector = vector_;
    insert.metadata = std::as_bytes(std::span(Text(i * 3)));
    record_.inserts.push_back(insert);
  }

  std::mt19937_64 random_;
  std::vector<std::byte> vector_;
  const std::string text_ = std::string(40, 'k') + std::string(1, '\0');
  CommitRecord record_;
};

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void ExpectSameInsert(const InsertRecord& a, const InsertRecord& b) {
  EXPECT_EQ(std::tie(a.id, a.slot, a.type, a.level, a.norm, a.timestamp_us, a.inserted_us),
            std::tie(b.id, b.slot, b.type, b.level, b.norm, b.timestamp_us, b.inserted_us));
  EXPECT_EQ(AsText(a.vector), AsText(b.vector));
  EXPECT_EQ(AsText(a.metadata), AsText(b.metadata));
}

void ExpectSameState(const StateRecord& a, const StateRecord& b) {
  EXPECT_EQ(std::tie(a.live, a.dead, a.next_id, a.reserved_id, a.clock_us, a.node_slots,
                     a.upper_slots, a.entry_point, a.top_level, a.sweep_cursor),
            std::tie(b.live, b.dead, b.next_id, b.reserved_id, b.clock_us, b.node_slots,
                     b.upper_slots, b.entry_point, b.top_level, b.sweep_cursor));
}

void ExpectSame(const CommitRecord& a, const CommitRecord& b) {
  ASSERT_EQ(a.extents.size(), b.extents.size());
  for (std::size_t i = 0; i < a.extents.size(); ++i) {
    const ExtentRecord& x = a.extents[i];
    const ExtentRecord& y = b.extents[i];
    EXPECT_EQ(std::tie(x.segment, x.index, x.file_offset, x.pages),
              std::tie(y.segment, y.index, y.file_offset, y.pages));
  }
  ASSERT_EQ(a.field_names.size(), b.field_names.size());
  for (std::size_t i = 0; i < a.field_names.size(); ++i) {
    EXPECT_EQ(a.field_names[i].field, b.field_names[i].field);
    EXPECT_EQ(a.field_names[i].name, b.field_names[i].name);
  }
  ASSERT_EQ(a.retires.size(), b.retires.size());
  for (std::size_t i = 0; i < a.retires.size(); ++i) {
    const RetireRecord& x = a.retires[i];
    const RetireRecord& y = b.retires[i];
    EXPECT_EQ(std::tie(x.slot, x.id, x.version, x.timestamp_us, x.type),
              std::tie(y.slot, y.id, y.version, y.timestamp_us, y.type));
    ASSERT_EQ(x.fields.size(), y.fields.size());
    for (std::size_t k = 0; k < x.fields.size(); ++k) {
      EXPECT_EQ(x.fields[k].field, y.fields[k].field);
      EXPECT_EQ(x.fields[k].value, y.fields[k].value);
    }
  }
  ASSERT_EQ(a.ends.size(), b.ends.size());
  for (std::size_t i = 0; i < a.ends.size(); ++i) {
    EXPECT_EQ(std::tie(a.ends[i].slot, a.ends[i].id, a.ends[i].version),
              std::tie(b.ends[i].slot, b.ends[i].id, b.ends[i].version));
  }
  ASSERT_EQ(a.inserts.size(), b.inserts.size());
  for (std::size_t i = 0; i < a.inserts.size(); ++i) ExpectSameInsert(a.inserts[i], b.inserts[i]);
  ExpectSameState(a.state, b.state);
}

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
  for (const std::size_t target : {1u, 100u, 1000u, 5000u}) {
    const auto& payloads = encoder.Encode(sample.record(), target);
    EXPECT_GT(payloads.size(), 3u);
    CommitRecord decoded;
    for (const auto& payload : payloads) {
      EXPECT_LT(payload.size(), target + 1024);
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
    if (!DecodePayload(damaged.span(), decoded).ok()) ++refused;
    std::size_t sum = 0;
    for (const InsertRecord& insert : decoded.inserts) {
      for (const std::byte b : insert.vector) sum += static_cast<std::size_t>(b);
      for (const std::byte b : insert.metadata) sum += static_cast<std::size_t>(b);
    }
    ASSERT_LT(sum, std::size_t{1} << 40);
  }
  EXPECT_GT(refused, 100u);
}

}  // namespace
}  // namespace engram
