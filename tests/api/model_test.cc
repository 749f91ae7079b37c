// Random operations on a store against a map with brute force: whatever is asked of the newest
// state or of a snapshot, the answer is exactly that state (I6), also after reopening.
// ENGRAM_TEST_SEED repeats a run, ENGRAM_MODEL_STEPS makes it longer.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <engram/store.h>

#include "tests/api/model.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

constexpr std::uint64_t kDefaultSteps = 250;
constexpr std::size_t kMostPatterns = 150;
constexpr std::size_t kMostSnapshots = 4;

std::uint64_t Steps() {
  const char* text = getenv("ENGRAM_MODEL_STEPS");
  const std::uint64_t steps = text != nullptr ? std::strtoull(text, nullptr, 0) : kDefaultSteps;
  std::cout << "ENGRAM_MODEL_STEPS=" << steps << "\n";
  return steps;
}

class ModelTest : public ::testing::TestWithParam<std::tuple<Metric, std::uint32_t>> {
 protected:
  struct Held {
    Snapshot snapshot;
    StoreModel state;
  };

  ModelTest()
      : metric_(std::get<0>(GetParam())),
        dimensions_(std::get<1>(GetParam())),
        values_(TestSeed(77) + dimensions_ * 3 + static_cast<std::uint64_t>(metric_), dimensions_) {
    if (values_.OneIn(2)) options_.indexed_fields = {"name0", "name1"};
    options_.dimensions = dimensions_;
    options_.metric = metric_;
    options_.journal_bytes = 256 << 10;
    options_.metadata_buffer_bytes = 1 << 20;
    options_.max_elements = kMostPatterns;
  }

  // --- Opening and closing ---

  void Open() {
    options_.background_threads = static_cast<std::uint32_t>(values_.Below(2));
    options_.search_threads = 1 + static_cast<std::uint32_t>(values_.Below(3));
    options_.log_segment_bytes = values_.OneIn(2) ? 64 << 10 : 1 << 20;
    options_.checkpoint_log_bytes = 64 << 10;
    options_.dirty_page_bytes = values_.OneIn(2) ? 0 : 8192;
    options_.sync_interval = std::chrono::milliseconds(1 + values_.Below(50));
    options_.checkpoint_on_close = !values_.OneIn(3);
    options_.residency = values_.OneIn(2) ? Residency::kResident : Residency::kMapped;
    auto opened = Store::Open(dir_.File("store"), options_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_.emplace(std::move(opened).value());
  }

  void Reopen() {
    if (!held_.empty()) {
      EXPECT_EQ(store_->Close().code(), Code::kBusy);
      ASSERT_NO_FATAL_FAILURE(CheckState(nullptr, model_));  // still open
      held_.clear();
    }
    if (values_.OneIn(2)) {
      const Status status = store_->Close();
      ASSERT_TRUE(status.ok()) << status;
    }
    store_.reset();  // closes too
    ASSERT_NO_FATAL_FAILURE(LookReadOnly());
    ASSERT_NO_FATAL_FAILURE(Open());
    EXPECT_EQ(store_->GetStats()->restored_pages, 0u);
    CheckState(nullptr, model_);
  }

  void LookReadOnly() {
    auto opened = Store::OpenReadOnly(dir_.File("store"));
    if (!options_.checkpoint_on_close && opened.code() == Code::kNotSupported) return;
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_.emplace(std::move(opened).value());
    CheckState(nullptr, model_);
    EXPECT_EQ(store_->Erase(1).code(), Code::kReadOnly);
    store_.reset();
  }

  // --- Asking ---

  void CheckState(const Snapshot* snapshot, const StoreModel& state) {
    CheckSearch(snapshot, state);
    CheckVisits(snapshot, state);
  }

  void CheckSearch(const Snapshot* snapshot, const StoreModel& state) {
    const std::vector<float> query = values_.Vector();
    SearchOptions options;
    options.snapshot = snapshot;
    options.k = state.size() + values_.Below(5);
    options.k = std::max<std::size_t>(options.k, 1);
    options.include_vector = values_.OneIn(2);
    options.include_metadata = values_.OneIn(2);
    const auto all = store_->Search(query, options);
    if (state.empty()) {
      EXPECT_EQ(all.code(), Code::kEmptyIndex) << all.status();
      return;
    }
    ASSERT_TRUE(all.ok()) << all.status();
    EXPECT_EQ(CompareHits(all->hits, state, query, metric_, options), "");
    EXPECT_FALSE(all->partial);
    EXPECT_EQ(all->compared, state.size());
    if (snapshot != nullptr) {
      EXPECT_EQ(all->lsn, snapshot->lsn());
    }
    // Fewer are the first of all.
    options.k = 1 + values_.Below(state.size());
    const auto some = store_->Search(query, options);
    ASSERT_TRUE(some.ok()) << some.status();
    ASSERT_EQ(some->hits.size(), options.k);
    for (std::size_t i = 0; i < options.k; ++i) {
      EXPECT_EQ(some->hits[i].id, all->hits[i].id);
      EXPECT_EQ(some->hits[i].distance, all->hits[i].distance);
      EXPECT_EQ(some->hits[i].vector, all->hits[i].vector);
      EXPECT_EQ(some->hits[i].metadata, all->hits[i].metadata);
    }
  }

  void CheckVisits(const Snapshot* snapshot, const StoreModel& state) {
    GetOptions options;
    options.snapshot = snapshot;
    options.include_vector = values_.OneIn(2);
    options.include_metadata = values_.OneIn(2);
    const std::size_t most = values_.OneIn(3) ? 1 + values_.Below(kMostPatterns) : state.size() + 1;
    std::set<PatternId> visited;
    const Status status = store_->ForEach(
        [&](const Pattern& pattern) {
          EXPECT_TRUE(visited.insert(pattern.id).second) << pattern.id;
          EXPECT_TRUE(state.contains(pattern.id)) << pattern.id;
          if (!state.contains(pattern.id)) return false;
          EXPECT_EQ(ComparePattern(pattern, *state.at(pattern.id), options), "");
          return visited.size() < most;
        },
        options);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(visited.size(), std::min(most, state.size()));
  }

  void CheckGet(const Snapshot* snapshot, const StoreModel& state) {
    const PatternId id = AnyId();
    const auto contains = store_->Contains(id, snapshot);
    ASSERT_TRUE(contains.ok()) << contains.status();
    EXPECT_EQ(*contains, state.contains(id));
    GetOptions options;
    options.snapshot = snapshot;
    options.include_vector = values_.OneIn(2);
    options.include_metadata = values_.OneIn(2);
    const auto got = store_->Get(id, options);
    if (!state.contains(id)) {
      EXPECT_EQ(got.code(), Code::kNotFound) << got.status();
      return;
    }
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(ComparePattern(*got, *state.at(id), options), "");
  }

  void Ask() {
    const Held* held =
        held_.empty() || values_.OneIn(2) ? nullptr : &held_[values_.Below(held_.size())];
    const Snapshot* snapshot = held == nullptr ? nullptr : &held->snapshot;
    const StoreModel& state = held == nullptr ? model_ : held->state;
    switch (values_.Below(3)) {
      case 0:
        return CheckSearch(snapshot, state);
      case 1:
        return CheckVisits(snapshot, state);
      default:
        for (int i = 0; i < 5; ++i) CheckGet(snapshot, state);
    }
  }

  void TakeOrDropSnapshot() {
    if (held_.size() < kMostSnapshots && !values_.OneIn(3)) {
      auto snapshot = store_->GetSnapshot();
      ASSERT_TRUE(snapshot.ok()) << snapshot.status();
      held_.push_back({std::move(snapshot).value(), model_});
    } else if (!held_.empty()) {
      const std::size_t which = values_.Below(held_.size());
      CheckState(&held_[which].snapshot, held_[which].state);
      held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(which));
    }
  }

  // --- Writing ---

  PatternId AnyLive() {
    auto it = model_.begin();
    std::advance(it, values_.Below(model_.size()));
    return it->first;
  }
  // Perhaps one that is not there, or no more, or not yet.
  PatternId AnyId() {
    return model_.empty() || values_.OneIn(4) ? 1 + values_.Below(next_id_ + 3) : AnyLive();
  }
  WriteOptions AnyDurability() {
    if (values_.OneIn(8)) return WriteOptions::With(Durability::kSync);
    return WriteOptions::With(values_.OneIn(2) ? Durability::kInterval : Durability::kNone);
  }

  // Borrowed by the patterns and changes that it is made for, until the next step.
  VectorView KeptVector() { return kept_.emplace_back(values_.Vector()); }

  NewPattern AnyNew() {
    NewPattern pattern;
    pattern.vector = KeptVector();
    pattern.metadata = values_.AnyMetadata();
    pattern.type = static_cast<TypeTag>(values_.Below(5));
    if (values_.OneIn(2)) pattern.timestamp = values_.Time();
    return pattern;
  }
  PatternChange AnyChange() {
    PatternChange change;
    if (values_.OneIn(2)) change.vector = KeptVector();
    if (values_.OneIn(2)) change.metadata = values_.AnyMetadata();
    if (values_.OneIn(4)) change.type = static_cast<TypeTag>(values_.Below(5));
    if (values_.OneIn(4)) change.timestamp = values_.Time();
    return change;
  }

  // What `model_` will hold; the times that the store chooses are learned from it.
  static void Put(StoreModel& state, PatternId id, const NewPattern& from) {
    Pattern pattern;
    pattern.id = id;
    pattern.vector.assign(from.vector.begin(), from.vector.end());
    pattern.metadata = from.metadata;
    pattern.type = from.type;
    pattern.timestamp = from.timestamp.value_or(kChosenByStore);
    state[id] = std::make_shared<const Pattern>(std::move(pattern));
  }
  static void Change(StoreModel& state, PatternId id, const PatternChange& change) {
    Pattern pattern = *state.at(id);
    if (change.vector) pattern.vector.assign(change.vector->begin(), change.vector->end());
    if (change.metadata) pattern.metadata = *change.metadata;
    if (change.type) pattern.type = *change.type;
    if (change.timestamp) pattern.timestamp = *change.timestamp;
    state[id] = std::make_shared<const Pattern>(std::move(pattern));
  }

  // `ids` have a version that was just written, by `lsn` where that is known.
  void Learn(const StoreModel& next, const std::set<PatternId>& ids, std::optional<Lsn> lsn) {
    model_ = next;
    for (const PatternId id : ids) {
      const auto got = store_->Get(id);
      if (!model_.contains(id)) {
        EXPECT_EQ(got.code(), Code::kNotFound) << id;
        continue;
      }
      ASSERT_TRUE(got.ok()) << got.status();
      Pattern expected = *model_.at(id);
      if (expected.timestamp == kChosenByStore) expected.timestamp = got->inserted_at;
      EXPECT_GE(got->inserted_at, last_inserted_);
      last_inserted_ = std::max(last_inserted_, got->inserted_at);
      expected.inserted_at = got->inserted_at;
      EXPECT_GT(got->version, expected.version);
      expected.version = lsn.value_or(got->version);
      EXPECT_EQ(ComparePattern(*got, expected), "");
      model_[id] = std::make_shared<const Pattern>(std::move(expected));
    }
  }

  void Insert() {
    NewPattern pattern = AnyNew();
    Code code = Code::kOk;
    if (values_.OneIn(3)) {
      pattern.id = 1 + values_.Below(next_id_ + 20);
      if (*pattern.id < next_id_) code = Code::kAlreadyExists;
    }
    if (code == Code::kOk && model_.size() >= kMostPatterns) code = Code::kIndexFull;
    const auto id = store_->Insert(pattern, AnyDurability());
    ASSERT_EQ(id.code(), code) << id.status();
    if (!id.ok()) return;
    EXPECT_EQ(*id, pattern.id.value_or(next_id_));
    next_id_ = *id + 1;
    StoreModel next = model_;
    Put(next, *id, pattern);
    Learn(next, {*id}, std::nullopt);
  }

  void Update() {
    const PatternId id = AnyId();
    const PatternChange change = AnyChange();
    const Status status = store_->Update(id, change, AnyDurability());
    ASSERT_EQ(status.code(), model_.contains(id) ? Code::kOk : Code::kNotFound) << status;
    if (!status.ok()) return;
    StoreModel next = model_;
    Change(next, id, change);
    Learn(next, {id}, std::nullopt);
  }

  void Erase() {
    const PatternId id = AnyId();
    const Status status = store_->Erase(id, AnyDurability());
    ASSERT_EQ(status.code(), model_.contains(id) ? Code::kOk : Code::kNotFound) << status;
    model_.erase(id);
    EXPECT_FALSE(store_->Contains(id).value());
  }

  // A vector that the store refuses, and its code.
  Code Spoil(NewPattern& pattern) {
    std::vector<float>& vector = kept_.emplace_back(values_.Vector());
    Code code = Code::kInvalidVector;
    switch (values_.Below(3)) {
      case 0:
        vector.push_back(1);
        code = Code::kDimensionMismatch;
        break;
      case 1:
        vector.back() = std::numeric_limits<float>::quiet_NaN();
        break;
      default:
        vector[0] = -std::numeric_limits<float>::infinity();
    }
    pattern.vector = vector;
    return code;
  }

  void InsertBatch() {
    std::vector<NewPattern> patterns;
    std::vector<Code> codes;
    StoreModel next = model_;
    std::vector<PatternId> ids;
    PatternId next_id = next_id_;
    for (std::uint64_t i = 1 + values_.Below(12); i > 0; --i) {
      NewPattern pattern = AnyNew();
      Code code = Code::kOk;
      if (values_.OneIn(8)) {
        code = Spoil(pattern);
      } else if (values_.OneIn(5)) {
        pattern.id = 1 + values_.Below(next_id + 5);
        if (*pattern.id < next_id) code = Code::kAlreadyExists;
      }
      if (code == Code::kOk && next.size() >= kMostPatterns) code = Code::kIndexFull;
      ids.push_back(code == Code::kOk ? pattern.id.value_or(next_id) : 0);
      if (code == Code::kOk) {
        next_id = ids.back() + 1;
        Put(next, ids.back(), pattern);
      }
      codes.push_back(code);
      patterns.push_back(std::move(pattern));
    }
    const auto done = store_->InsertBatch(patterns, AnyDurability());
    ASSERT_TRUE(done.ok()) << done.status();
    EXPECT_EQ(done->ids, ids);
    std::vector<Code> found(patterns.size(), Code::kOk);
    for (const BatchResult::Failure& failure : done->failures) {
      found[failure.position] = failure.status.code();
    }
    EXPECT_EQ(found, codes);
    next_id_ = next_id;
    std::set<PatternId> written(ids.begin(), ids.end());
    written.erase(0);
    Learn(next, written, std::nullopt);
  }

  // Some operations, often on the same few ids; one of them may be impossible.
  void WriteMixed() {
    WriteBatch batch;
    StoreModel next = model_;
    std::vector<PatternId> inserted;
    std::set<PatternId> touched;
    PatternId next_id = next_id_;
    Code code = Code::kOk;
    const auto pick = [&] {
      return touched.empty() || values_.OneIn(2)
                 ? AnyId()
                 : *std::next(touched.begin(),
                              static_cast<std::ptrdiff_t>(values_.Below(touched.size())));
    };
    for (std::uint64_t i = 1 + values_.Below(10); i > 0 && code == Code::kOk; --i) {
      const std::uint64_t kind = values_.Below(4);
      if (kind < 2) {
        NewPattern pattern = AnyNew();
        if (values_.OneIn(3)) pattern.id = next_id + values_.Below(4);
        if (values_.OneIn(20)) code = Spoil(pattern);
        batch.Insert(pattern);
        if (code != Code::kOk) break;
        inserted.push_back(pattern.id.value_or(next_id));
        next_id = inserted.back() + 1;
        Put(next, inserted.back(), pattern);
        touched.insert(inserted.back());
        continue;
      }
      const PatternId id = pick();
      if (!next.contains(id)) {
        if (!values_.OneIn(4)) continue;
        code = Code::kNotFound;
      }
      const PatternChange change = AnyChange();
      kind == 2 ? batch.Update(id, change) : batch.Erase(id);
      if (code != Code::kOk) break;
      touched.insert(id);
      if (kind == 2) {
        Change(next, id, change);
      } else {
        next.erase(id);
      }
    }
    if (batch.empty()) code = Code::kInvalidArgument;
    if (code == Code::kOk && next.size() > std::max(model_.size(), kMostPatterns)) {
      code = Code::kIndexFull;
    }
    const auto done = store_->Write(batch, AnyDurability());
    ASSERT_EQ(done.code(), code) << done.status();
    if (!done.ok()) return;
    EXPECT_EQ(done->ids, inserted);
    next_id_ = next_id;
    Learn(next, touched, done->lsn);
  }

  // --- Looking after ---

  void Maintain() {
    switch (values_.Below(4)) {
      case 0: {
        const Status status = store_->Checkpoint();
        ASSERT_TRUE(status.ok()) << status;
        break;
      }
      case 1: {
        const Status status = store_->RunMaintenance(std::chrono::milliseconds(values_.Below(3)));
        ASSERT_TRUE(status.ok()) << status;
        break;
      }
      default: {
        const Status status = store_->Flush();
        ASSERT_TRUE(status.ok()) << status;
      }
    }
    const auto stats = store_->GetStats();
    ASSERT_TRUE(stats.ok()) << stats.status();
    EXPECT_EQ(stats->count, model_.size());
    EXPECT_EQ(stats->next_id, next_id_);
    EXPECT_EQ(stats->snapshots, held_.size());
    ASSERT_TRUE(store_->WaitDurable(stats->last_lsn).ok());
  }

  void Step() {
    kept_.clear();
    const std::uint64_t what = values_.Below(100);
    if (what < 15) return Insert();
    if (what < 20) return InsertBatch();
    if (what < 32) return Update();
    // The fuller, the more goes.
    if (what < 42) return model_.size() * 2 > values_.Below(kMostPatterns) ? Erase() : Insert();
    if (what < 60) return WriteMixed();
    if (what < 82) return Ask();
    if (what < 92) return TakeOrDropSnapshot();
    if (what < 98) return Maintain();
    return Reopen();
  }

  // Before any version, and no time that RandomValues gives.
  static constexpr Timestamp kChosenByStore = Timestamp::min();

  const Metric metric_;
  const std::uint32_t dimensions_;
  RandomValues values_;
  TempDir dir_;
  Options options_;
  std::optional<Store> store_;
  std::vector<Held> held_;  // after the store: destroyed before it
  StoreModel model_;
  PatternId next_id_ = 1;
  Timestamp last_inserted_ = Timestamp::min();
  std::deque<std::vector<float>> kept_;
};

TEST_P(ModelTest, AnswersAsAMapWithBruteForceDoes) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::uint64_t steps = Steps();
  for (std::uint64_t step = 0; step < steps; ++step) {
    Step();
    ASSERT_FALSE(HasFailure()) << "step " << step;
  }
  for (const Held& held : held_) CheckState(&held.snapshot, held.state);
  Reopen();
}

std::string NameOf(const ::testing::TestParamInfo<ModelTest::ParamType>& info) {
  return std::string(MetricName(std::get<0>(info.param))) + "_" +
         std::to_string(std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(All, ModelTest,
                         ::testing::Combine(::testing::Values(Metric::kL2, Metric::kCosine,
                                                              Metric::kInnerProduct),
                                            ::testing::Values(1u, 3u, 16u, 100u, 257u)),
                         NameOf);

}  // namespace
}  // namespace engram
