#include <engram/store.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <thread>

#include "tests/api/store_fixture.h"

namespace engram {
namespace {

TEST_F(StoreTest, FindsWhatWasInserted) {
  Open();
  const auto a = Vector(1), b = Vector(5);
  const PatternId first = Insert(a), second = Insert(b);
  EXPECT_LT(first, second);
  const auto found = store_->Search(b);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->hits.size(), 2u);
  EXPECT_EQ(found->hits[0].id, second);
  EXPECT_EQ(found->hits[0].distance, 0.0f);
  EXPECT_EQ(found->hits[1].id, first);
  EXPECT_TRUE(found->hits[0].vector.empty());
  EXPECT_FALSE(found->hits[0].metadata.has_value());
  EXPECT_FALSE(found->partial);
}

TEST_F(StoreTest, SearchBringsVectorAndMetadataWhereAsked) {
  Open();
  const auto a = Vector(1);
  Insert(a, {{"name", "one"}, {"size", 3}});
  SearchOptions options;
  options.include_vector = true;
  options.include_metadata = true;
  const auto found = store_->Search(a, options);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->hits[0].vector, a);
  EXPECT_EQ(*found->hits[0].metadata, (Metadata{{"name", "one"}, {"size", 3}}));
}

TEST_F(StoreTest, KAboveTheCountGivesAll) {
  Open();
  Insert(Vector(1));
  SearchOptions options;
  options.k = 1000000;
  const auto found = store_->Search(Vector(1), options);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->hits.size(), 1u);
}

TEST_F(StoreTest, BadSearchesSayWhatIsWrong) {
  Open();
  EXPECT_EQ(store_->Search(Vector(1)).code(), Code::kEmptyIndex);
  Insert(Vector(1));
  SearchOptions options;
  options.k = 0;
  EXPECT_EQ(store_->Search(Vector(1), options).code(), Code::kInvalidArgument);
  options.k = 1000001;
  EXPECT_EQ(store_->Search(Vector(1), options).code(), Code::kInvalidArgument);
  const auto narrow = store_->Search(std::vector<float>(3, 1.0f));
  EXPECT_EQ(narrow.code(), Code::kDimensionMismatch);
  EXPECT_NE(narrow.status().message().find("3"), std::string_view::npos);
  EXPECT_NE(narrow.status().message().find("8"), std::string_view::npos);
  auto nan = Vector(1);
  nan[4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(store_->Search(nan).code(), Code::kInvalidVector);
}

TEST_F(StoreTest, ADeadlineInThePastTimesOut) {
  Open();
  Insert(Vector(1));
  SearchOptions options;
  options.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(store_->Search(Vector(1), options).code(), Code::kSearchTimeout);
}

TEST_F(StoreTest, BadInsertsChangeNothing) {
  options_.metric = Metric::kCosine;
  Open();
  NewPattern pattern;
  const std::vector<float> zero(kDimensions, 0.0f);
  pattern.vector = zero;
  EXPECT_EQ(store_->Insert(pattern).code(), Code::kInvalidVector);
  std::vector<float> infinite(kDimensions, std::numeric_limits<float>::infinity());
  pattern.vector = infinite;
  EXPECT_EQ(store_->Insert(pattern).code(), Code::kInvalidVector);
  pattern.vector = VectorView(infinite).first(2);
  EXPECT_EQ(store_->Insert(pattern).code(), Code::kDimensionMismatch);
  EXPECT_EQ(store_->GetStats()->count, 0u);
  EXPECT_EQ(store_->GetStats()->last_lsn, Lsn::kNone);
}

TEST_F(StoreTest, EverythingIsThereAfterReopening) {
  Open();
  std::vector<PatternId> ids;
  for (int i = 0; i < 300; ++i) ids.push_back(Insert(Vector(static_cast<float>(i)), {{"i", i}}));
  ASSERT_TRUE(store_->Erase(ids[7]).ok());
  Reopen();
  EXPECT_EQ(store_->GetStats()->count, 299u);
  EXPECT_EQ(store_->GetStats()->replayed_commits, 0u);
  const auto pattern = store_->Get(ids[42]);
  ASSERT_TRUE(pattern.ok()) << pattern.status();
  EXPECT_EQ(pattern->vector[0], 42.0f);
  EXPECT_EQ(pattern->metadata, (Metadata{{"i", 42}}));
  EXPECT_EQ(store_->Get(ids[7]).code(), Code::kNotFound);
  EXPECT_GT(Insert(Vector(1)), ids.back());
}

TEST_F(StoreTest, WithoutACheckpointTheLogBringsItBack) {
  options_.checkpoint_on_close = false;
  Open();
  const PatternId id = Insert(Vector(3), {{"x", "y"}});
  Reopen();
  EXPECT_GT(store_->GetStats()->replayed_commits, 0u);
  const auto pattern = store_->Get(id);
  ASSERT_TRUE(pattern.ok()) << pattern.status();
  EXPECT_EQ(pattern->metadata, (Metadata{{"x", "y"}}));
}

TEST_F(StoreTest, UpdateKeepsTheIdAndWhatItDoesNotName) {
  Open();
  NewPattern pattern;
  const auto before = Vector(1), after = Vector(9);
  pattern.vector = before;
  pattern.metadata = {{"kind", "a"}};
  pattern.type = 7;
  pattern.timestamp = Timestamp(std::chrono::microseconds(12345));
  const PatternId id = *store_->Insert(pattern);
  PatternChange change;
  change.vector = after;
  ASSERT_TRUE(store_->Update(id, change).ok());
  auto now = store_->Get(id);
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_EQ(now->vector, after);
  EXPECT_EQ(now->metadata, (Metadata{{"kind", "a"}}));
  EXPECT_EQ(now->type, 7u);
  EXPECT_EQ(now->timestamp.time_since_epoch().count(), 12345);
  PatternChange rename;
  rename.metadata = Metadata{{"kind", "b"}};
  ASSERT_TRUE(store_->Update(id, rename).ok());
  now = store_->Get(id);
  EXPECT_EQ(now->vector, after);
  EXPECT_EQ(now->metadata, (Metadata{{"kind", "b"}}));
  EXPECT_EQ(store_->GetStats()->count, 1u);
  EXPECT_EQ(store_->Update(id + 100, rename).code(), Code::kNotFound);
}

TEST_F(StoreTest, AnErasedIdIsGoneAndNeverComesBack) {
  Open();
  const PatternId id = Insert(Vector(1));
  ASSERT_TRUE(store_->Erase(id).ok());
  EXPECT_EQ(store_->Erase(id).code(), Code::kNotFound);
  EXPECT_FALSE(*store_->Contains(id));
  NewPattern again;
  const auto vector = Vector(1);
  again.vector = vector;
  again.id = id;
  const auto refused = store_->Insert(again);
  EXPECT_EQ(refused.code(), Code::kAlreadyExists);
  Reopen();
  EXPECT_EQ(store_->Insert(again).code(), Code::kAlreadyExists);
}

TEST_F(StoreTest, OwnIdsMustGrow) {
  Open();
  NewPattern pattern;
  const auto vector = Vector(1);
  pattern.vector = vector;
  pattern.id = 1000;
  EXPECT_EQ(*store_->Insert(pattern), 1000u);
  pattern.id = 1001;
  EXPECT_EQ(*store_->Insert(pattern), 1001u);
  pattern.id = 1001;
  EXPECT_EQ(store_->Insert(pattern).code(), Code::kAlreadyExists);
  pattern.id = 0;
  EXPECT_EQ(store_->Insert(pattern).code(), Code::kInvalidArgument);
  pattern.id.reset();
  EXPECT_EQ(*store_->Insert(pattern), 1002u);
}

TEST_F(StoreTest, AsynchronousIdsAreNeverGivenTwiceAndACleanCloseWastesNone) {
  options_.durability = Durability::kNone;
  Open();
  const PatternId first = Insert(Vector(1));
  Reopen();
  EXPECT_EQ(Insert(Vector(2)), first + 1);
}

TEST_F(StoreTest, ABatchHappensWhollyOrNotAtAll) {
  Open();
  const PatternId old = Insert(Vector(1));
  WriteBatch batch;
  const auto vector = Vector(2);
  batch.Insert({.vector = vector, .metadata = {{"n", 1}}});
  batch.Erase(old);
  batch.Insert({.vector = vector});
  const auto written = store_->Write(batch);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->ids.size(), 2u);
  EXPECT_FALSE(*store_->Contains(old));

  WriteBatch bad;
  bad.Insert({.vector = vector});
  bad.Erase(old);
  const auto refused = store_->Write(bad);
  EXPECT_EQ(refused.code(), Code::kNotFound);
  EXPECT_NE(refused.status().message().find("operation 1"), std::string_view::npos);
  EXPECT_EQ(store_->GetStats()->count, 2u);
  EXPECT_EQ(store_->Write(WriteBatch()).code(), Code::kInvalidArgument);
}

TEST_F(StoreTest, OperationsOnOneIdInABatchAreCoalesced) {
  Open();
  const PatternId old = Insert(Vector(1));
  const auto v2 = Vector(2), v3 = Vector(3);
  WriteBatch batch;
  batch.Update(old, {.vector = v2});
  batch.Update(old, {.vector = v3});
  batch.Insert({.vector = v2, .id = 50});
  batch.Update(50, {.metadata = Metadata{{"late", true}}});
  batch.Insert({.vector = v2, .id = 60});
  batch.Erase(60);
  const auto written = store_->Write(batch);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(store_->Get(old)->vector, v3);
  EXPECT_EQ(store_->Get(50)->metadata, (Metadata{{"late", true}}));
  EXPECT_FALSE(*store_->Contains(60));
  EXPECT_EQ(store_->GetStats()->count, 2u);
  WriteBatch after;
  after.Erase(50);
  after.Update(50, {.vector = v2});
  EXPECT_EQ(store_->Write(after).code(), Code::kNotFound);
  EXPECT_TRUE(*store_->Contains(50));
}

TEST_F(StoreTest, InsertBatchStoresTheGoodAndNamesTheBad) {
  Open();
  const auto good = Vector(1);
  auto bad = Vector(2);
  bad[3] = std::numeric_limits<float>::infinity();
  std::vector<NewPattern> patterns(5);
  for (NewPattern& pattern : patterns) pattern.vector = good;
  patterns[1].vector = bad;
  patterns[3].vector = VectorView(good).first(2);
  const auto result = store_->InsertBatch(patterns);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->failures.size(), 2u);
  EXPECT_EQ(result->failures[0].position, 1u);
  EXPECT_EQ(result->failures[0].status.code(), Code::kInvalidVector);
  EXPECT_EQ(result->failures[1].position, 3u);
  EXPECT_EQ(result->failures[1].status.code(), Code::kDimensionMismatch);
  EXPECT_EQ(result->ids[1], 0u);
  EXPECT_NE(result->ids[4], 0u);
  EXPECT_EQ(store_->GetStats()->count, 3u);
}

TEST_F(StoreTest, InsertBatchRefusesTakenIdsOneByOne) {
  Open();
  const auto vector = Vector(1);
  std::vector<NewPattern> patterns(3);
  for (NewPattern& pattern : patterns) pattern.vector = vector;
  patterns[0].id = 10;
  patterns[1].id = 10;
  patterns[2].id = 11;
  const auto result = store_->InsertBatch(patterns);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->failures.size(), 1u);
  EXPECT_EQ(result->failures[0].position, 1u);
  EXPECT_EQ(result->failures[0].status.code(), Code::kAlreadyExists);
  EXPECT_EQ(result->ids[2], 11u);
}

TEST_F(StoreTest, AFullStoreTakesNoMoreUntilSomethingIsErased) {
  options_.max_elements = 2;
  Open();
  const PatternId first = Insert(Vector(1));
  Insert(Vector(2));
  NewPattern pattern;
  const auto vector = Vector(3);
  pattern.vector = vector;
  EXPECT_EQ(store_->Insert(pattern).code(), Code::kIndexFull);
  ASSERT_TRUE(store_->Erase(first).ok());
  EXPECT_TRUE(store_->Insert(pattern).ok());
}

TEST_F(StoreTest, ALimitGivenAtCreationHoldsWhereAnOpeningNamesNone) {
  options_.max_elements = 1;
  Open();
  Insert(Vector(1));
  NewPattern pattern;
  const auto vector = Vector(2);
  pattern.vector = vector;
  options_.max_elements = 0;
  Reopen();
  EXPECT_EQ(store_->Insert(pattern).code(), Code::kIndexFull);
  options_.max_elements = 2;
  Reopen();
  EXPECT_TRUE(store_->Insert(pattern).ok());
  options_.max_elements = 0;
  Reopen();
  EXPECT_EQ(store_->Insert(pattern).code(), Code::kIndexFull) << "the other was for one opening";
}

TEST_F(StoreTest, ASnapshotSeesTheStateItWasTakenAt) {
  Open();
  const auto a = Vector(1), b = Vector(2);
  const PatternId id = Insert(a, {{"v", 1}});
  auto snapshot = store_->GetSnapshot();
  ASSERT_TRUE(snapshot.ok());
  ASSERT_TRUE(store_->Update(id, {.vector = b, .metadata = Metadata{{"v", 2}}}).ok());
  const PatternId later = Insert(Vector(3));
  ASSERT_TRUE(store_->Erase(id).ok());

  GetOptions at;
  at.snapshot = &*snapshot;
  const auto then = store_->Get(id, at);
  ASSERT_TRUE(then.ok()) << then.status();
  EXPECT_EQ(then->vector, a);
  EXPECT_EQ(then->metadata, (Metadata{{"v", 1}}));
  EXPECT_FALSE(*store_->Contains(later, &*snapshot));
  SearchOptions search;
  search.snapshot = &*snapshot;
  const auto found = store_->Search(a, search);
  ASSERT_EQ(found->hits.size(), 1u);
  EXPECT_EQ(found->hits[0].id, id);
  EXPECT_EQ(found->hits[0].distance, 0.0f);
  EXPECT_EQ(store_->Close().code(), Code::kBusy);
  { const Snapshot gone = std::move(*snapshot); }
  EXPECT_TRUE(store_->Close().ok());
  EXPECT_EQ(store_->Flush().code(), Code::kInvalidArgument);
}

TEST_F(StoreTest, SlotsOfErasedPatternsAreReused) {
  Open();
  std::vector<PatternId> ids;
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 100; ++i) ids.push_back(Insert(Vector(static_cast<float>(i))));
    for (const PatternId id : ids) ASSERT_TRUE(store_->Erase(id).ok());
    ids.clear();
  }
  const auto stats = store_->GetStats();
  EXPECT_EQ(stats->count, 0u);
  EXPECT_LT(stats->dead + stats->free_slots, 500u) << "3000 were inserted";
}

TEST_F(StoreTest, ForEachVisitsEachPatternOnce) {
  Open();
  std::set<PatternId> expected;
  for (int i = 0; i < 50; ++i) expected.insert(Insert(Vector(1), {{"i", i}}));
  const PatternId gone = *expected.begin();
  ASSERT_TRUE(store_->Erase(gone).ok());
  expected.erase(gone);
  std::set<PatternId> seen;
  ASSERT_TRUE(store_
                  ->ForEach([&](const Pattern& pattern) {
                    EXPECT_TRUE(seen.insert(pattern.id).second);
                    EXPECT_FALSE(pattern.metadata.empty());
                    return true;
                  })
                  .ok());
  EXPECT_EQ(seen, expected);
  int visits = 0;
  ASSERT_TRUE(store_->ForEach([&](const Pattern&) { return ++visits < 3; }).ok());
  EXPECT_EQ(visits, 3);
}

TEST_F(StoreTest, WhatCannotChangeIsCheckedOnOpen) {
  Open();
  ASSERT_TRUE(store_->Close().ok());
  store_.reset();
  options_.dimensions = 9;
  EXPECT_EQ(Store::Open(Path(), options_).code(), Code::kDimensionMismatch);
  options_.dimensions = 8;
  options_.metric = Metric::kCosine;
  EXPECT_EQ(Store::Open(Path(), options_).code(), Code::kInvalidArgument);
  options_.metric = Metric::kL2;
  options_.m = 8;
  EXPECT_EQ(Store::Open(Path(), options_).code(), Code::kInvalidArgument);
  options_ = Options();
  EXPECT_TRUE(Store::Open(Path(), options_).ok()) << "0 dimensions accept what the store has";
}

TEST_F(StoreTest, OpeningWhatIsNoStoreSaysSo) {
  options_.create_if_missing = false;
  EXPECT_EQ(Store::Open(Path(), options_).code(), Code::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(Path()));
  options_.create_if_missing = true;
  std::ofstream(dir_.File("file")) << "no directory";
  EXPECT_FALSE(Store::Open(dir_.File("file"), options_).ok());
  options_.dimensions = 0;
  EXPECT_EQ(Store::Open(Path(), options_).code(), Code::kInvalidArgument);
  options_.dimensions = 8;
  Open();
  options_.error_if_exists = true;
  EXPECT_TRUE(store_->Close().ok());
  EXPECT_EQ(Store::Open(Path(), options_).code(), Code::kAlreadyExists);
}

TEST_F(StoreTest, ADirectoryThatOthersMayWriteToIsRefused) {
  std::filesystem::create_directory(Path());
  ASSERT_EQ(chmod(Path().c_str(), 0777), 0);
  EXPECT_EQ(Store::Open(Path(), options_).code(), Code::kInvalidArgument);
  options_.check_permissions = false;
  EXPECT_TRUE(Store::Open(Path(), options_).ok());
}

TEST_F(StoreTest, ASecondOpeningIsRefusedAndNamesTheOwner) {
  Open();
  const auto second = Store::Open(Path(), options_);
  EXPECT_EQ(second.code(), Code::kBusy);
  EXPECT_NE(second.status().message().find(std::to_string(getpid())), std::string_view::npos)
      << second.status();
}

TEST_F(StoreTest, ReadOnlyReadsAndRefusesWritesAndUncleanStores) {
  Open();
  const auto vector = Vector(4);
  const PatternId id = Insert(vector, {{"a", 1}});
  EXPECT_EQ(Store::OpenReadOnly(Path()).code(), Code::kBusy);
  ASSERT_TRUE(store_->Close().ok());
  {
    const auto one = Store::OpenReadOnly(Path());
    ASSERT_TRUE(one.ok()) << one.status();
    auto two = Store::OpenReadOnly(Path());
    ASSERT_TRUE(two.ok()) << two.status();
    EXPECT_EQ(one->Get(id)->metadata, (Metadata{{"a", 1}}));
    EXPECT_EQ(one->Search(vector)->hits[0].id, id);
    NewPattern pattern;
    pattern.vector = vector;
    EXPECT_EQ(two->Insert(pattern).code(), Code::kReadOnly);
    EXPECT_EQ(two->Checkpoint().code(), Code::kReadOnly);
    EXPECT_EQ(Store::Open(Path(), options_).code(), Code::kBusy);
  }
  options_.checkpoint_on_close = false;
  Open();
  Insert(vector);
  ASSERT_TRUE(store_->Close().ok());
  EXPECT_EQ(Store::OpenReadOnly(Path()).code(), Code::kNotSupported);
}

TEST_F(StoreTest, AForkedChildIsToldToOpenItsOwn) {
  Open();
  const PatternId id = Insert(Vector(1));
  const pid_t child = fork();
  if (child == 0) _exit(store_->Get(id).code() == Code::kNotSupported ? 0 : 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_TRUE(store_->Get(id).ok());
}

TEST_F(StoreTest, WaitDurableAndFlushMakeAsynchronousWritesDurable) {
  options_.durability = Durability::kNone;
  Open();
  Insert(Vector(1));  // syncs for the ids it reserves
  Insert(Vector(2));
  const Lsn last = store_->GetStats()->last_lsn;
  EXPECT_LT(store_->GetStats()->durable_lsn, last);
  EXPECT_TRUE(store_->WaitDurable(last).ok());
  EXPECT_EQ(store_->GetStats()->durable_lsn, last);
  Insert(Vector(3));
  EXPECT_TRUE(store_->Flush().ok());
  EXPECT_EQ(store_->GetStats()->durable_lsn, store_->GetStats()->last_lsn);
  EXPECT_EQ(store_->WaitDurable(static_cast<Lsn>(1000000)).code(), Code::kInvalidArgument);
}

TEST_F(StoreTest, ACheckpointLetsTheLogGo) {
  options_.log_segment_bytes = 64 << 10;
  Open();
  for (int i = 0; i < 2000; ++i) Insert(Vector(1));
  const std::uint64_t before = store_->GetStats()->log_bytes;
  ASSERT_TRUE(store_->Checkpoint().ok());
  const auto stats = store_->GetStats();
  EXPECT_LT(stats->log_bytes, before / 2);
  EXPECT_EQ(stats->checkpoint_lsn, stats->last_lsn);
  EXPECT_EQ(stats->dirty_page_bytes, 0u);
}

TEST_F(StoreTest, CheckpointsHappenByThemselvesWhenTheLogIsLong) {
  options_.background_threads = 1;
  options_.checkpoint_log_bytes = 64 << 10;
  options_.log_segment_bytes = 64 << 10;
  options_.sync_interval = std::chrono::milliseconds(1);
  Open();
  const std::uint64_t before = store_->GetStats()->checkpoints;
  for (int i = 0; i < 100000 && store_->GetStats()->checkpoints < before + 2; ++i)
    Insert(Vector(1));
  EXPECT_GE(store_->GetStats()->checkpoints, before + 2);
}

TEST_F(StoreTest, ManyWritersAndReadersAgree) {
  options_.background_threads = 1;
  Open();
  constexpr int kThreads = 8, kEach = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<float> vector(kDimensions, static_cast<float>(t));
      for (int i = 0; i < kEach; ++i) {
        vector[0] = static_cast<float>(i);
        NewPattern pattern;
        pattern.vector = vector;
        const auto id = store_->Insert(pattern);
        ASSERT_TRUE(id.ok()) << id.status();
        const auto found = store_->Search(vector);
        ASSERT_TRUE(found.ok()) << found.status();
        EXPECT_EQ(found->hits[0].distance, 0.0f);
        EXPECT_TRUE(store_->Contains(*id).value());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store_->GetStats()->count, static_cast<std::uint64_t>(kThreads * kEach));
}

TEST_F(StoreTest, IndexedFieldsAreFixedAtCreation) {
  options_.indexed_fields = {"kind", "size"};
  Open();
  const PatternId id = Insert(Vector(1), {{"kind", "a"}, {"size", 4}, {"other", 1}});
  ASSERT_TRUE(store_->Erase(id).ok());
  Reopen();
  ASSERT_TRUE(store_->Close().ok());
  options_.indexed_fields = {"kind"};
  EXPECT_EQ(Store::Open(Path(), options_).code(), Code::kInvalidArgument);
  options_.indexed_fields.clear();
  EXPECT_TRUE(Store::Open(Path(), options_).ok());
}

TEST_F(StoreTest, EachMetricMeasuresAsDocumented) {
  const std::vector<float> a = {1, 0, 0, 0, 0, 0, 0, 0}, b = {3, 4, 0, 0, 0, 0, 0, 0};
  const std::pair<Metric, float> cases[] = {
      {Metric::kL2, 20.0f}, {Metric::kCosine, 0.4f}, {Metric::kInnerProduct, -2.0f}};
  for (const auto& [metric, expected] : cases) {
    Options options = options_;
    options.metric = metric;
    auto store = Store::Open(dir_.File(std::string(MetricName(metric))), options);
    ASSERT_TRUE(store.ok()) << store.status();
    NewPattern pattern;
    pattern.vector = b;
    ASSERT_TRUE(store->Insert(pattern).ok());
    EXPECT_NEAR(store->Search(a)->hits[0].distance, expected, 1e-6) << MetricName(metric);
  }
}

}  // namespace
}  // namespace engram
