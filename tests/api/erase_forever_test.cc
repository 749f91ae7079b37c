// Erasing that leaves no byte behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "storage/base/test_hooks.h"
#include "tests/api/upkeep_fixture.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

class EraseForeverTest : public UpkeepTest, public testing::WithParamInterface<Residency> {
 protected:
  EraseForeverTest() {
    options_.residency = GetParam();
    options_.indexed_fields = {"secret"};
  }

  // Bytes that stay what they are in every file: one vector and one text for each pattern.
  struct Secret {
    PatternId id = 0;
    std::vector<float> vector;
    std::string text;
  };
  Secret PutSecret(bool with_metadata = true, std::optional<PatternId> given = {}) {
    Secret secret;
    secret.vector = AnyVector();
    for (int i = 0; i < 24; ++i) secret.text += static_cast<char>('a' + random_() % 26);
    NewPattern pattern;
    pattern.vector = secret.vector;
    pattern.id = given;
    if (with_metadata) pattern.metadata = {{"secret", Value(secret.text)}};
    const auto id = store_->Insert(pattern);
    EXPECT_TRUE(id.ok()) << id.status();
    secret.id = id.ok() ? *id : 0;
    return secret;
  }

  static std::vector<PatternId> IdsOf(const std::vector<Secret>& secrets) {
    std::vector<PatternId> ids;
    for (const Secret& secret : secrets) ids.push_back(secret.id);
    return ids;
  }

  // Ten secrets that a compaction moved. The process died when pages were cut and their space had
  // not gone back; the store is open again.
  void DieBehindACut(std::vector<Secret>& secrets) {
    ASSERT_NO_FATAL_FAILURE(Open());
    const std::vector<PatternId> ids = PutMany(2000);
    for (int i = 0; i < 10; ++i) secrets.push_back(PutSecret());
    ASSERT_TRUE(store_->Checkpoint().ok());
    Erase(ids);
    const TempDir copy;
    const std::string killed = copy.File("store");
    SetSyncPoint("compactor:checkpoint", [&] {
      std::filesystem::copy(Path(), killed, std::filesystem::copy_options::recursive);
    });
    ASSERT_TRUE(store_->Compact().ok());
    ClearSyncPoints();
    ASSERT_TRUE(store_->Close().ok());
    std::filesystem::remove_all(Path());
    std::filesystem::rename(killed, Path());
    ASSERT_NO_FATAL_FAILURE(Open());
  }

  static std::string BytesOf(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // The files that hold one of the bytes.
  std::set<std::string> FilesWith(const Secret& secret) {
    std::string vector(secret.vector.size() * sizeof(float), '\0');
    std::memcpy(vector.data(), secret.vector.data(), vector.size());
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(Path())) {
      if (!entry.is_regular_file()) continue;
      const std::string bytes = BytesOf(entry.path());
      // A part is as bad as the whole.
      const bool holds = bytes.find(vector.substr(0, 16)) != std::string::npos ||
                         bytes.find(vector.substr(16)) != std::string::npos ||
                         bytes.find(secret.text) != std::string::npos;
      if (holds) found.insert(std::filesystem::relative(entry.path(), Path()).string());
    }
    return found;
  }
};

INSTANTIATE_TEST_SUITE_P(Residencies, EraseForeverTest,
                         testing::Values(Residency::kResident, Residency::kMapped),
                         [](const auto& test) { return std::string(ResidencyName(test.param)); });

TEST_P(EraseForeverTest, NoFileHoldsAByteOfIt) {
  ASSERT_NO_FATAL_FAILURE(Open());
  PutMany(500);
  std::vector<Secret> secrets;
  for (int i = 0; i < 20; ++i) secrets.push_back(PutSecret());
  ASSERT_TRUE(store_->Checkpoint().ok());
  // Some are in the log, some in pages and tables, some in the journal.
  for (int i = 0; i < 20; ++i) secrets.push_back(PutSecret());
  for (const Secret& secret : secrets) EXPECT_FALSE(FilesWith(secret).empty());
  EXPECT_TRUE(FilesWith(secrets[0]).contains("graph.engram"));
  EXPECT_TRUE(FilesWith(secrets[0]).contains("graph.journal"));
  std::vector<PatternId> ids;
  for (const Secret& secret : secrets) ids.push_back(secret.id);
  const auto report = store_->EraseForever(ids);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->patterns, 40u);
  EXPECT_EQ(report->versions, 40u);
  EXPECT_EQ(report->journal_bytes, options_.journal_bytes);
  EXPECT_GT(report->log_bytes, 0u);
  EXPECT_GT(report->metadata_bytes, 0u);
  for (const Secret& secret : secrets) EXPECT_THAT(FilesWith(secret), testing::IsEmpty());
  EXPECT_EQ(Ids().size(), 500u);
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  for (const Secret& secret : secrets) EXPECT_THAT(FilesWith(secret), testing::IsEmpty());
  EXPECT_EQ(store_->Get(ids[0]).code(), Code::kNotFound);
  EXPECT_EQ(PutMany(10).size(), 10u);
}

TEST_P(EraseForeverTest, OldVersionsThatWereReclaimedLongAgoGoToo) {
  ASSERT_NO_FATAL_FAILURE(Open());
  PutMany(300);
  const Secret first = PutSecret();
  Secret second = first;
  second.vector = AnyVector();
  second.text = "another one altogether";
  PatternChange change;
  change.vector = second.vector;
  change.metadata = {{"secret", Value(second.text)}};
  ASSERT_TRUE(store_->Update(first.id, change).ok());
  Maintain();
  EXPECT_EQ(GetStats().dead, 0u);
  const Secret erased = PutSecret();
  ASSERT_TRUE(store_->Erase(erased.id).ok());
  ASSERT_TRUE(store_->Checkpoint().ok());
  EXPECT_FALSE(FilesWith(first).empty());
  EXPECT_FALSE(FilesWith(erased).empty());
  const std::vector<PatternId> ids{first.id, erased.id};
  const auto report = store_->EraseForever(ids);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->patterns, 1u);
  EXPECT_GE(report->versions, 2u);  // a place may have been filled again
  for (const Secret& secret : {first, second, erased}) {
    EXPECT_THAT(FilesWith(secret), testing::IsEmpty());
  }
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
}

TEST_P(EraseForeverTest, SnapshotsNamesAndThePastLoseItAndNothingElse) {
  options_.history = Seconds(1000);
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::vector<PatternId> ids = PutMany(300);
  const Secret secret = PutSecret();
  const Timestamp then = Now();
  Wait(Seconds(1));
  std::set<PatternId> others(ids.begin(), ids.end());
  {
    const auto snapshot = store_->GetSnapshot();
    ASSERT_TRUE(store_->CreateNamedSnapshot("all").ok());
    Erase({ids.begin(), ids.begin() + 10});
    const std::vector<PatternId> gone{secret.id};
    ASSERT_TRUE(store_->EraseForever(gone).ok());
    EXPECT_THAT(FilesWith(secret), testing::IsEmpty());
    EXPECT_EQ(Ids(&*snapshot), others);
    ExpectSearchesSee(others, &*snapshot);
    const auto named = store_->OpenNamedSnapshot("all");
    EXPECT_EQ(Ids(&*named), others);
    const auto past = store_->SnapshotAt(then);
    ASSERT_TRUE(past.ok()) << past.status();
    EXPECT_EQ(Ids(&*past), others);
    EXPECT_EQ(Ids().size(), 290u);
  }
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  const auto named = store_->OpenNamedSnapshot("all");
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(Ids(&*named), others);
}

TEST_P(EraseForeverTest, AfterMovesAndCutsToo) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::vector<PatternId> ids = PutMany(2000);
  std::vector<Secret> secrets;
  for (int i = 0; i < 10; ++i) secrets.push_back(PutSecret());
  Erase(ids);
  ASSERT_TRUE(store_->Compact().ok());
  EXPECT_EQ(GetStats().moved, 10u);
  ASSERT_TRUE(store_->EraseForever(IdsOf(secrets)).ok());
  for (const Secret& secret : secrets) EXPECT_THAT(FilesWith(secret), testing::IsEmpty());
  EXPECT_TRUE(Ids().empty());
  ASSERT_NO_FATAL_FAILURE(CloseAndVerify());
}

// The process dies when pages are cut and their space has not gone back: no block is there any
// more.
TEST_P(EraseForeverTest, AfterACompactionThatWasCutShortToo) {
  std::vector<Secret> secrets;
  ASSERT_NO_FATAL_FAILURE(DieBehindACut(secrets));
  EXPECT_EQ(Ids().size(), 10u);
  EXPECT_TRUE(FilesWith(secrets[0]).contains("graph.engram"));
  ASSERT_TRUE(store_->EraseForever(IdsOf(secrets)).ok());
  for (const Secret& secret : secrets) EXPECT_THAT(FilesWith(secret), testing::IsEmpty());
  ASSERT_NO_FATAL_FAILURE(CloseAndVerify());
}

// The same; no superblock names the cut pages any more, and inserts that go on meanwhile grow into
// them behind the checkpoint.
TEST_P(EraseForeverTest, WhereGrowthTakesACutPlaceMeanwhile) {
  // Several extents of nodes, the last ones at the end of the file.
  options_.dimensions = 256;
  options_.m = 4;
  options_.ef_construction = 16;
  std::vector<Secret> secrets;
  ASSERT_NO_FATAL_FAILURE(DieBehindACut(secrets));
  for (int i = 0; i < 2; ++i) {
    Put();
    ASSERT_TRUE(store_->Checkpoint().ok());
  }
  ASSERT_TRUE(store_->Close().ok());
  ASSERT_NO_FATAL_FAILURE(Open());
  SetSyncPoint("forgetter:checkpoint", [&] { PutMany(2500); });
  ASSERT_TRUE(store_->EraseForever(IdsOf(secrets)).ok());
  ClearSyncPoints();
  for (const Secret& secret : secrets) EXPECT_THAT(FilesWith(secret), testing::IsEmpty());
  EXPECT_EQ(Ids().size(), 2502u);
  ASSERT_NO_FATAL_FAILURE(CloseAndVerify());
}

// Its former place was cut, and the space did not go back.
TEST_P(EraseForeverTest, AfterACompactionThatWasCancelledBehindItsCut) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const std::vector<PatternId> ids = PutMany(2000);
  const Secret secret = PutSecret();
  ASSERT_TRUE(store_->Checkpoint().ok());
  Erase(ids);
  // A read that began before the cut, and so looks where it was.
  std::atomic<bool> reading{false};
  std::atomic<bool> done{false};
  std::thread reader;
  CompactOptions options;
  options.progress = [&](const CompactProgress& progress) {
    if (progress.phase != CompactProgress::Phase::kReturning) return true;
    if (reader.joinable()) return false;
    reader = std::thread([&] {
      const Status status = store_->ForEach([&](const Pattern&) {
        reading.store(true);
        while (!done.load()) std::this_thread::yield();
        return false;
      });
      EXPECT_TRUE(status.ok()) << status;
    });
    while (!reading.load()) std::this_thread::yield();
    return true;
  };
  EXPECT_EQ(store_->Compact(options).code(), Code::kCancelled);
  done.store(true);
  reader.join();
  EXPECT_EQ(GetStats().moved, 1u);
  // Growth takes the next place, and a crash may let it take the very same.
  PutMany(100);
  const std::vector<PatternId> gone{secret.id};
  ASSERT_TRUE(store_->EraseForever(gone).ok());
  EXPECT_THAT(FilesWith(secret), testing::IsEmpty());
  EXPECT_EQ(Ids().size(), 100u);
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  EXPECT_THAT(FilesWith(secret), testing::IsEmpty());
}

TEST_P(EraseForeverTest, BadIdsChangeNothing) {
  ASSERT_NO_FATAL_FAILURE(Open());
  const Secret secret = PutSecret();
  EXPECT_EQ(store_->EraseForever(std::span<const PatternId>()).code(), Code::kInvalidArgument);
  const std::vector<PatternId> unknown{secret.id, secret.id + 1};
  EXPECT_EQ(store_->EraseForever(unknown).code(), Code::kNotFound);
  EXPECT_TRUE(store_->Get(secret.id).ok());
  const std::vector<PatternId> zero{0};
  EXPECT_EQ(store_->EraseForever(zero).code(), Code::kNotFound);
  const std::vector<PatternId> twice{secret.id, secret.id};
  EXPECT_TRUE(store_->EraseForever(twice).ok());
  EXPECT_TRUE(store_->EraseForever(twice).ok());
  EXPECT_TRUE(Ids().empty());
}

TEST_P(EraseForeverTest, RangesTakeTheIdsWithinAndNoOther) {
  ASSERT_NO_FATAL_FAILURE(Open());
  constexpr PatternId kFar = 1'764'558'000'000'000;  // a caller's own, behind a wide hole
  std::vector<Secret> secrets;
  for (const PatternId id :
       std::vector<PatternId>{5, 7, 8, 9, 20, 21, 30, kFar, kFar + 1, kFar + 2}) {
    secrets.push_back(PutSecret(true, id));
  }
  // Out of order, one within another, two that touch, one that ends behind the last id.
  const std::vector<IdRange> ranges{{kFar + 1, ~0ULL}, {20, 20}, {8, 8},          {6, 9},
                                    {9, 10},           {11, 19}, {1000, kFar - 1}};
  const auto report = store_->EraseForever(ranges);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->patterns, 6u);
  EXPECT_EQ(report->versions, 6u);
  const std::set<PatternId> left{5, 21, 30, kFar};
  EXPECT_EQ(Ids(), left);
  for (const Secret& secret : secrets) {
    EXPECT_EQ(FilesWith(secret).empty(), !left.contains(secret.id)) << secret.id;
  }
  ASSERT_NO_FATAL_FAILURE(VerifyAndReopen());
  EXPECT_EQ(Ids(), left);
}

TEST_P(EraseForeverTest, BadRangesChangeNothing) {
  ASSERT_NO_FATAL_FAILURE(Open());
  PutSecret(true, 10);
  const auto code = [this](std::vector<IdRange> ranges) {
    ranges.push_back({10, 10});
    return store_->EraseForever(ranges).code();
  };
  EXPECT_EQ(store_->EraseForever(std::span<const IdRange>()).code(), Code::kInvalidArgument);
  EXPECT_EQ(code({{0, 10}}), Code::kInvalidArgument);
  EXPECT_EQ(code({{10, 9}}), Code::kInvalidArgument);
  EXPECT_EQ(code({{0, 0}}), Code::kNotFound);
  EXPECT_EQ(code({{11, 11}}), Code::kNotFound);
  EXPECT_EQ(code({{11, 12}}), Code::kNotFound);
  const auto backwards = store_->EraseForever(std::vector<IdRange>{{10, 9}});
  EXPECT_THAT(backwards.status().message(), testing::HasSubstr("10 to 9"));
  EXPECT_EQ(Ids(), std::set<PatternId>{10});
  EXPECT_EQ(code({{1, 9}}), Code::kOk);  // which may all have been in the store
  EXPECT_TRUE(Ids().empty());
}

TEST_P(EraseForeverTest, ARangeMeansNoIdThatIsGivenMeanwhile) {
  ASSERT_NO_FATAL_FAILURE(Open());
  PutMany(10);
  PatternId later = 0;
  SetSyncPoint("forgetter:voided", [&] { later = Put(); });
  const auto report = store_->EraseForever(std::vector<IdRange>{{1, 1'000'000}});
  ClearSyncPoints();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->patterns, 10u);
  EXPECT_EQ(Ids(), std::set<PatternId>{later});
  ASSERT_NO_FATAL_FAILURE(CloseAndVerify());
}

}  // namespace
}  // namespace engram
