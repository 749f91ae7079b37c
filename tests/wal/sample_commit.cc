#include "tests/wal/sample_commit.h"

#include <gtest/gtest.h>

#include <span>
#include <tuple>

#include "storage/base/ids.h"

namespace engram {

SampleCommit::SampleCommit(std::uint32_t seed, std::size_t operations, std::size_t dimensions)
    : random_(seed), vector_(dimensions * 4) {
  for (std::byte& b : vector_) b = static_cast<std::byte>(random_());
  for (std::size_t i = 0; i < operations; ++i) AddOneOfEach(i);
  record_.state = {1, 2, 3, 4, -5, 6, 7, static_cast<SlotId>(8), 9, 10};
}

void SampleCommit::AddOneOfEach(std::size_t i) {
  const auto number = static_cast<std::uint32_t>(i);
  record_.extents.push_back({static_cast<SegmentKind>(1 + i % 4), number, random_(), number + 1});
  record_.field_names.push_back({static_cast<std::uint16_t>(i), Text(i)});
  AddRetire(i);
  record_.ends.push_back({static_cast<SlotId>(i + 5), i, static_cast<Lsn>(random_())});
  AddInsert(i);
  record_.upper_retires.push_back(number + 7000);
  record_.uppers.push_back({number + 8000, static_cast<SlotId>(i + 200), number * 5,
                            static_cast<std::uint8_t>(1 + i % 6)});
  AddLinks(i);
  AddUpkeep(i);
}

void SampleCommit::AddRetire(std::size_t i) {
  RetireRecord retire{static_cast<SlotId>(i),  i + 1, static_cast<Lsn>(i), -7,
                      static_cast<TypeTag>(i), {}};
  for (std::size_t key = 0; key < i % 4; ++key) {
    retire.fields.push_back({static_cast<std::uint16_t>(key), Text(i + key)});
  }
  if (i % 3 == 1) retire.expires_us = static_cast<std::int64_t>(random_() / 2);
  record_.retires.push_back(retire);
}

// Of some it is said when they expire, of some that they were moved, of some both.
void SampleCommit::AddInsert(std::size_t i) {
  const auto number = static_cast<std::uint32_t>(i);
  InsertRecord insert;
  insert.id = i + 100;
  insert.slot = static_cast<SlotId>(i + 200);
  insert.type = number;
  insert.level = static_cast<std::uint8_t>(i % 7);
  insert.upper = number * 3;
  insert.norm = static_cast<float>(i) * 0.5f;
  insert.timestamp_us = -static_cast<std::int64_t>(i);
  insert.inserted_us = static_cast<std::int64_t>(i) << 40;
  insert.vector = vector_;
  insert.metadata = std::as_bytes(std::span(Text(i * 3)));
  if (i % 4 == 1) insert.expires_us = -static_cast<std::int64_t>(random_() / 2);
  if (i % 6 == 1 || i % 6 == 2) {
    insert.version = static_cast<Lsn>(1 + random_() / 2);
    insert.moved_from = static_cast<SlotId>(i + 900);
  }
  record_.inserts.push_back(insert);
}

// Also none at all, and each position there is.
void SampleCommit::AddLinks(std::size_t i) {
  LinkRecord links;
  links.slot = static_cast<SlotId>(i + 300);
  links.level = static_cast<std::uint8_t>(i % 5);
  links.link_count = static_cast<std::uint16_t>(i % 257);
  links.sets = static_cast<std::uint16_t>(i == 7 ? kMaxLinkPositions : i % 11);
  links.clears = static_cast<std::uint16_t>(i == 8 ? kMaxLinkPositions - links.sets : i % 3);
  if (links.sets == kMaxLinkPositions) links.clears = 0;
  record_.links.push_back(links);
  for (std::size_t k = 0; k < links.sets; ++k) {
    const auto neighbour = static_cast<SlotId>(static_cast<std::uint32_t>(random_()));
    record_.link_sets.push_back({neighbour, static_cast<std::uint8_t>(255 - k)});
  }
  for (std::size_t k = 0; k < links.clears; ++k) {
    record_.link_clears.push_back(static_cast<std::uint8_t>(k));
  }
}

// Little of it in any one commit.
void SampleCommit::AddUpkeep(std::size_t i) {
  UpkeepRecord& upkeep = record_.upkeep;
  const auto number = static_cast<std::uint32_t>(i);
  if (i == 0) upkeep.progress = {static_cast<Lsn>(random_()), static_cast<Lsn>(random_()), 77};
  if (i < 4) upkeep.cuts.push_back({static_cast<SegmentKind>(1 + i), number * 9});
  if (i % 2 == 0) {
    upkeep.voids.push_back({static_cast<SlotId>(i + 400), i + 1, static_cast<Lsn>(random_())});
  }
  if (i % 3 == 0) upkeep.wipes.push_back(static_cast<SlotId>(i + 500));
  if (i % 5 == 0) upkeep.clock_erases.push_back(-static_cast<std::int64_t>(random_() / 2));
  if (i % 7 == 1) {  // a name that comes, and the next time one that goes
    const bool comes = i % 2 == 1;
    upkeep.snapshots.push_back({Text(i + 1).empty() ? "x" : Text(i + 1),
                                comes ? static_cast<Lsn>(random_()) : Lsn::kNone,
                                comes ? static_cast<std::int64_t>(random_() / 2) : 0});
  }
  upkeep.keeps_clock = upkeep.keeps_clock || i == 2;
}

namespace {

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void ExpectSameInsert(const InsertRecord& a, const InsertRecord& b) {
  EXPECT_EQ(std::tie(a.id, a.slot, a.type, a.level, a.upper, a.norm, a.timestamp_us, a.inserted_us,
                     a.expires_us, a.version, a.moved_from),
            std::tie(b.id, b.slot, b.type, b.level, b.upper, b.norm, b.timestamp_us, b.inserted_us,
                     b.expires_us, b.version, b.moved_from));
  EXPECT_EQ(AsText(a.vector), AsText(b.vector));
  EXPECT_EQ(AsText(a.metadata), AsText(b.metadata));
}

void ExpectSameEnds(const std::vector<EndRecord>& a, const std::vector<EndRecord>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(std::tie(a[i].slot, a[i].id, a[i].version),
              std::tie(b[i].slot, b[i].id, b[i].version));
  }
}

void ExpectSameState(const StateRecord& a, const StateRecord& b) {
  EXPECT_EQ(std::tie(a.live, a.dead, a.next_id, a.reserved_id, a.clock_us, a.node_slots,
                     a.upper_slots, a.entry_point, a.top_level, a.sweep_cursor),
            std::tie(b.live, b.dead, b.next_id, b.reserved_id, b.clock_us, b.node_slots,
                     b.upper_slots, b.entry_point, b.top_level, b.sweep_cursor));
}

void ExpectSameGraph(const CommitRecord& a, const CommitRecord& b) {
  EXPECT_EQ(a.upper_retires, b.upper_retires);
  ASSERT_EQ(a.uppers.size(), b.uppers.size());
  for (std::size_t i = 0; i < a.uppers.size(); ++i) {
    const UpperRecord& x = a.uppers[i];
    const UpperRecord& y = b.uppers[i];
    EXPECT_EQ(std::tie(x.block, x.node, x.above, x.level),
              std::tie(y.block, y.node, y.above, y.level));
  }
  ASSERT_EQ(a.links.size(), b.links.size());
  for (std::size_t i = 0; i < a.links.size(); ++i) {
    const LinkRecord& x = a.links[i];
    const LinkRecord& y = b.links[i];
    EXPECT_EQ(std::tie(x.slot, x.level, x.link_count, x.sets, x.clears),
              std::tie(y.slot, y.level, y.link_count, y.sets, y.clears));
  }
  ASSERT_EQ(a.link_sets.size(), b.link_sets.size());
  for (std::size_t i = 0; i < a.link_sets.size(); ++i) {
    EXPECT_EQ(a.link_sets[i].neighbour, b.link_sets[i].neighbour);
    EXPECT_EQ(a.link_sets[i].position, b.link_sets[i].position);
  }
  EXPECT_EQ(a.link_clears, b.link_clears);
}

}  // namespace

void ExpectSameUpkeep(const UpkeepRecord& a, const UpkeepRecord& b) {
  EXPECT_EQ(a.progress, b.progress);
  EXPECT_EQ(a.cuts, b.cuts);
  ExpectSameEnds(a.voids, b.voids);
  EXPECT_EQ(a.wipes, b.wipes);
  EXPECT_EQ(a.clock_erases, b.clock_erases);
  ASSERT_EQ(a.snapshots.size(), b.snapshots.size());
  for (std::size_t i = 0; i < a.snapshots.size(); ++i) {
    const SnapshotRecord& x = a.snapshots[i];
    const SnapshotRecord& y = b.snapshots[i];
    EXPECT_EQ(std::tie(x.name, x.lsn, x.taken_us), std::tie(y.name, y.lsn, y.taken_us));
  }
  EXPECT_EQ(a.keeps_clock, b.keeps_clock);
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
    EXPECT_EQ(std::tie(x.slot, x.id, x.version, x.timestamp_us, x.type, x.expires_us),
              std::tie(y.slot, y.id, y.version, y.timestamp_us, y.type, y.expires_us));
    ASSERT_EQ(x.fields.size(), y.fields.size());
    for (std::size_t k = 0; k < x.fields.size(); ++k) {
      EXPECT_EQ(x.fields[k].field, y.fields[k].field);
      EXPECT_EQ(x.fields[k].value, y.fields[k].value);
    }
  }
  ExpectSameEnds(a.ends, b.ends);
  ASSERT_EQ(a.inserts.size(), b.inserts.size());
  for (std::size_t i = 0; i < a.inserts.size(); ++i) ExpectSameInsert(a.inserts[i], b.inserts[i]);
  ExpectSameGraph(a, b);
  ExpectSameUpkeep(a.upkeep, b.upkeep);
  ExpectSameState(a.state, b.state);
}

}  // namespace engram
