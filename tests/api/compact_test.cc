// Compaction, in both residencies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "tests/api/upkeep_fixture.h"

namespace engram {
namespace {

class CompactTest : public UpkeepTest, public testing::WithParamInterface<Residency> {
 protected:
  CompactTest() {
    options_.residency = GetParam();
    options_.dimensions = 64;
    options_.m = 6;
  }
  CompactReport Compact(const CompactOptions& options = {}) {
    const auto report = store_->Compact(options);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : CompactReport();
  }
  // Nearly all patterns find themselves: as in a store that was never compacted, which the graph of
  // so few links and random vectors does not let find all.
  void ExpectAllFound(const std::set<PatternId>& ids) {
    std::size_t lost = 0;
    for (const PatternId id : ids) {
      const auto pattern = store_->Get(id);
      ASSERT_TRUE(pattern.ok()) << pattern.status();
      SearchOptions options;
      options.k = 1;
      const auto found = store_->Search(pattern->vector, options);
      ASSERT_TRUE(found.ok()) << found.status();
      if (found->hits[0].id != id) ++lost;
    }
    EXPECT_LE(lost, ids.size() / 20);
  }
};

INSTANTIATE_TEST_SUITE_P(Residencies, CompactTest,
                         testing::Values(Residency::kResident, Residency::kMapped),
                         [](const auto& test) { return std::string(ResidencyName(test.param)); });

TEST_P(CompactTest, MostErasedTheFileIsThatOfAFreshStore) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::vector<PatternId> ids = PutMany(12'000);
  ASSERT_TRUE(store_->Checkpoint().ok());
  const std::uint64_t full = GetStats().page_file_bytes;
  std::set<PatternId> stay;
  std::vector<PatternId> gone;
  for (const PatternId id : ids) {
    if (id % 10 == 0) stay.insert(id);
    if (id % 10 != 0) gone.push_back(id);
  }
  for (std::size_t i = 0; i < gone.size(); i += 1000) {
    Erase({gone.begin() + static_cast<std::ptrdiff_t>(i),
           gone.begin() + static_cast<std::ptrdiff_t>(std::min(gone.size(), i + 1000))});
  }
  const CompactReport report = Compact();
  EXPECT_EQ(report.reclaimed, gone.size() + report.moved);
  EXPECT_GT(report.moved, stay.size() / 2);
  EXPECT_EQ(report.held, 0u);
  EXPECT_FALSE(report.gave_way);
  EXPECT_LT(report.bytes_after, report.bytes_before);
  EXPECT_LT(GetStats().page_file_bytes, full / 6);
  EXPECT_EQ(Ids(), stay);
  ExpectAllFound(stay);
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  EXPECT_EQ(Ids(), stay);
  ExpectAllFound(stay);
  // It grows again where it was cut.
  const std::vector<PatternId> more = PutMany(8000);
  stay.insert(more.begin(), more.end());
  EXPECT_EQ(Ids(), stay);
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  EXPECT_EQ(Ids(), stay);
  EXPECT_EQ(Compact().moved, 0u);
}

TEST_P(CompactTest, EverythingErasedNothingIsLeft) {
  ASSERT_NO_FATAL_FAILURE(Open());
  Erase(PutMany(3000));
  const CompactReport report = Compact();
  EXPECT_EQ(report.moved, 0u);
  EXPECT_EQ(GetStats().free_slots, 0u);
  EXPECT_LE(GetStats().page_file_bytes, 128u << 10);
  EXPECT_TRUE(Ids().empty());
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  const std::vector<PatternId> ids = PutMany(2000);
  EXPECT_EQ(Ids(), std::set<PatternId>(ids.begin(), ids.end()));
  ASSERT_NO_FATAL_FAILURE(CloseAndVerify());
}

TEST_P(CompactTest, SnapshotsKeepWhatTheySeeAndReadItWhereItWas) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::vector<PatternId> ids = PutMany(3000);
  Erase({ids.begin(), ids.begin() + 2000});
  const std::set<PatternId> stay(ids.begin() + 2000, ids.end());
  // Sees the living alone, so that what is dead can go and these can move.
  std::optional<Snapshot> snapshot = store_->GetSnapshot().value();
  const CompactReport report = Compact();
  EXPECT_EQ(report.moved, 1000u);
  EXPECT_EQ(report.held, 1000u);  // where they were
  EXPECT_EQ(Ids(&*snapshot), stay);
  EXPECT_EQ(Ids(), stay);
  for (const PatternId id : stay) {
    GetOptions then;
    then.snapshot = &*snapshot;
    const auto old = store_->Get(id, then);
    const auto now = store_->Get(id);
    ASSERT_TRUE(old.ok() && now.ok()) << old.status() << now.status();
    EXPECT_EQ(old->vector, now->vector);
    EXPECT_EQ(old->version, now->version);
  }
  ExpectSearchesSee(stay, &*snapshot);
  // Nothing can move on while the former place is wanted, and nothing is lost for it.
  EXPECT_EQ(Compact().moved, 0u);
  EXPECT_EQ(Ids(&*snapshot), stay);
  snapshot.reset();
  EXPECT_EQ(Compact().held, 0u);
  EXPECT_EQ(Ids(), stay);
  ASSERT_NO_FATAL_FAILURE(CloseAndVerify());
}

TEST_P(CompactTest, VersionsTtlsMetadataAndNamesMoveAlong) {
  options_.indexed_fields = {"name"};
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::vector<PatternId> ids = PutMany(2000);
  std::vector<PatternId> with;
  for (int i = 0; i < 50; ++i) {
    const std::vector<float> vector = AnyVector();
    NewPattern pattern;
    pattern.vector = vector;
    pattern.metadata = {{"name", Value("n" + std::to_string(i))}};
    pattern.type = 9;
    pattern.ttl = Seconds(1000 + i);
    with.push_back(store_->Insert(pattern).value());
  }
  ASSERT_TRUE(store_->CreateNamedSnapshot("all").ok());
  Erase(ids);
  std::vector<Pattern> before;
  for (const PatternId id : with) before.push_back(store_->Get(id).value());
  ASSERT_TRUE(store_->DropNamedSnapshot("all").ok());
  ASSERT_TRUE(store_->CreateNamedSnapshot("now").ok());
  EXPECT_EQ(Compact().moved, with.size());
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  for (const Pattern& old : before) {
    const auto now = store_->Get(old.id);
    ASSERT_TRUE(now.ok()) << now.status();
    EXPECT_EQ(now->vector, old.vector);
    EXPECT_EQ(now->metadata, old.metadata);
    EXPECT_EQ(now->version, old.version);
    EXPECT_EQ(now->inserted_at, old.inserted_at);
    EXPECT_EQ(now->expires_at, old.expires_at);
    EXPECT_EQ(now->type, 9u);
  }
  PatternFilter filter;
  filter.type = 9;
  EXPECT_EQ(*store_->EraseMatching(filter), with.size());
  const auto named = store_->OpenNamedSnapshot("now");
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(Ids(&*named), std::set<PatternId>(with.begin(), with.end()));
}

TEST_P(CompactTest, CancelledAnywhereTheStoreGoesOn) {
  ASSERT_NO_FATAL_FAILURE(Open());
  std::set<PatternId> stay;
  for (int round = 0; round < 12; ++round) {
    const std::vector<PatternId> ids = PutMany(600);
    std::vector<PatternId> gone;
    for (const PatternId id : ids) {
      if (id % 5 == 0) stay.insert(id);
      if (id % 5 != 0) gone.push_back(id);
    }
    Erase(gone);
    int calls = 0;
    CompactOptions options;
    options.progress = [&](const CompactProgress& progress) {
      EXPECT_LE(progress.done, progress.total);
      return ++calls < 1 + 3 * round;
    };
    const auto report = store_->Compact(options);
    EXPECT_TRUE(report.ok() || report.code() == Code::kCancelled) << report.status();
    EXPECT_EQ(Ids(), stay);
    if (round % 4 == 3) {
      ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
    }
  }
  Compact();
  ExpectAllFound(stay);
  ASSERT_NO_FATAL_FAILURE(CloseAndVerify());
}

TEST_P(CompactTest, ReadersAndWritersGoOn) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::vector<PatternId> ids = PutMany(4000);
  const std::set<PatternId> kept(ids.begin() + 3500, ids.end());
  Erase({ids.begin(), ids.begin() + 3500});
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> searches{0};
  std::thread reader([&] {
    std::mt19937_64 random(1);
    std::vector<float> query(options_.dimensions, 0.5f);
    while (!stop.load()) {
      SearchOptions options;
      options.k = 3000;
      options.exact = random() % 2 == 0;
      const auto found = store_->Search(query, options);
      ASSERT_TRUE(found.ok()) << found.status();
      std::set<PatternId> hits;
      for (const Hit& hit : found->hits) ASSERT_TRUE(hits.insert(hit.id).second) << hit.id;
      for (const PatternId id : kept) ASSERT_TRUE(hits.contains(id)) << id;
      const auto got = store_->Get(ids[3500 + random() % 500]);
      ASSERT_TRUE(got.ok()) << got.status();
      searches.fetch_add(1);
    }
  });
  std::set<PatternId> added;
  std::thread writer([&] {
    while (!stop.load()) {
      const PatternId id = Put();
      if (id % 2 == 0 || added.size() >= 1000) {
        ASSERT_TRUE(store_->Erase(id, WriteOptions::With(Durability::kNone)).ok());
      } else {
        added.insert(id);
      }
    }
  });
  for (int i = 0; i < 4; ++i) Compact();
  while (searches.load() < 3) std::this_thread::yield();
  stop.store(true);
  reader.join();
  writer.join();
  std::set<PatternId> all = kept;
  all.insert(added.begin(), added.end());
  EXPECT_EQ(Ids(), all);
  ASSERT_NO_FATAL_FAILURE(CloseAndVerify());
}

}  // namespace
}  // namespace engram
