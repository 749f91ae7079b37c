#include "storage/meta_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <thread>
#include <tuple>

#include "storage/base/coding.h"
#include "storage/base/posix_file_system.h"
#include "storage/base/test_hooks.h"
#include "storage/meta_codec.h"
#include "storage/meta_keys.h"
#include "tests/storage/recording_file_system.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

constexpr Lsn kEnd{1ull << 60};
// A new one every few flushes, and yet not with each record.
constexpr std::uint64_t kSmallManifest = 16 << 10;

FamilySet Only(std::initializer_list<Family> families) {
  FamilySet set;
  for (const Family family : families) set.set(static_cast<std::size_t>(family));
  return set;
}

const FamilySet kAll = FamilySet().set();

Lsn Of(const FamilyLsns& lsns, Family family) { return lsns[static_cast<std::size_t>(family)]; }

FamilyLsns Everywhere(Lsn lsn) {
  FamilyLsns lsns;
  lsns.fill(lsn);
  return lsns;
}

RowInsert Insert(PatternId id, std::uint64_t version) {
  return {.id = id,
          .version = static_cast<Lsn>(version),
          .slot = static_cast<SlotId>(version * 10),
          .timestamp_us = -static_cast<std::int64_t>(version)};
}

// A row that every family but kState gets something of.
RowInsert FullInsert(PatternId id, std::uint64_t version, std::span<const std::byte> metadata) {
  RowInsert row = Insert(id, version);
  row.type = 3;
  row.metadata = metadata;
  return row;
}

bool IsSync(const std::string& event) { return event.starts_with("sync"); }

class MetaStoreTest : public ::testing::Test {
 protected:
  MetaStoreOptions Options() {
    MetaStoreOptions options;
    options.file_system = files_;
    options.directory = dir_.File("meta");
    options.buffer_bytes = 1 << 20;
    options.log_barrier = [this] { return files_->Note("barrier"); };
    options.log = [this](LogLevel, std::string_view line) {
      MutexLock lock(mutex_);
      lines_.emplace_back(line);
    };
    return options;
  }
  std::unique_ptr<MetaStore> Open(const MetaStoreOptions& options) {
    auto store = MetaStore::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? std::move(*store) : nullptr;
  }
  std::unique_ptr<MetaStore> Open() { return Open(Options()); }
  void Apply(MetaStore& store, const RowBatch& batch, std::uint64_t lsn,
             FamilySet families = kAll) {
    const Status status = store.Apply(batch, static_cast<Lsn>(lsn), families);
    ASSERT_TRUE(status.ok()) << status;
  }
  // One insert that touches every family.
  void ApplyFull(MetaStore& store, std::uint64_t lsn) {
    RowBatch batch;
    batch.inserts = {FullInsert(lsn, lsn, metadata_)};
    batch.field_names = {{0, "color"}};
    Apply(store, batch, lsn);
  }
  static std::vector<std::tuple<PatternId, std::uint64_t>> IndexRows(const MetaStore& store,
                                                                     Family family) {
    std::vector<std::tuple<PatternId, std::uint64_t>> rows;
    const Status status = store.ForEachIndexRow(family, [&](const MetaStore::IndexRow& row) {
      rows.emplace_back(row.id, Raw(row.version));
      return Status::Ok();
    });
    EXPECT_TRUE(status.ok()) << status;
    return rows;
  }
  std::vector<std::string> lines() {
    MutexLock lock(mutex_);
    return lines_;
  }
  // The first file of the store whose name ends so.
  std::string FileEndingWith(const std::string& end) {
    for (const auto& entry : std::filesystem::directory_iterator(dir_.File("meta"))) {
      if (entry.path().string().ends_with(end)) return entry.path().string();
    }
    return "";
  }
  void TearDown() override { SetMutant(Mutant::kNone); }

  TempDir dir_;
  std::shared_ptr<RecordingFileSystem> files_ =
      std::make_shared<RecordingFileSystem>(MakePosixFileSystem());
  const Metadata sample_ = {{"color", "red"}, {"size", 7}};
  const std::vector<std::byte> metadata_ = *EncodeMetadata(sample_);
  Mutex mutex_;
  std::vector<std::string> lines_ ENGRAM_GUARDED_BY(mutex_);
};

TEST_F(MetaStoreTest, ANewStoreHoldsNothingAndSaysNothing) {
  auto store = Open();
  EXPECT_EQ(store->applied(), Everywhere(Lsn::kNone));
  EXPECT_EQ(*store->DurableLsns(), Everywhere(Lsn::kNone));
  EXPECT_THAT(store->field_names(), IsEmpty());
  EXPECT_FALSE(store->FindVersion(1, kEnd)->has_value());
  EXPECT_TRUE(store->GetMetadata(1, Lsn{1})->empty());
  EXPECT_TRUE(store->BackgroundError().ok());
  EXPECT_TRUE(store->VerifyChecksums().ok());
  EXPECT_THAT(lines(), IsEmpty());
}

TEST_F(MetaStoreTest, RowsOfAnInsertAreInTheirFamilies) {
  auto store = Open();
  RowBatch batch;
  batch.field_names = {{0, "color"}, {1, "size"}};
  batch.inserts = {FullInsert(5, 1, metadata_), Insert(6, 1)};
  Apply(*store, batch, 1);
  const auto found = store->FindVersion(5, kEnd);
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->version, Lsn{1});
  EXPECT_EQ((*found)->slot, SlotId{10});
  EXPECT_EQ(*store->GetMetadata(5, Lsn{1}), sample_);
  EXPECT_EQ(*store->GetEncodedMetadata(5, Lsn{1}), metadata_);
  EXPECT_TRUE(store->GetEncodedMetadata(6, Lsn{1})->empty());
  using Row = std::tuple<PatternId, std::uint64_t>;
  EXPECT_THAT(IndexRows(*store, Family::kMeta), ElementsAre(Row(5, 1)));
  EXPECT_THAT(IndexRows(*store, Family::kTime), ElementsAre(Row(5, 1), Row(6, 1)));
  EXPECT_THAT(IndexRows(*store, Family::kType), ElementsAre(Row(5, 1)));
  EXPECT_THAT(IndexRows(*store, Family::kField), ElementsAre(Row(5, 1), Row(5, 1)));
}

TEST_F(MetaStoreTest, FindVersionGivesTheNewestAtOrBelow) {
  auto store = Open();
  RowBatch batch;
  batch.inserts = {Insert(7, 10), Insert(7, 20), Insert(8, 5)};
  Apply(*store, batch, 20);
  const auto at = [&](PatternId id, std::uint64_t lsn) -> std::uint64_t {
    const auto found = store->FindVersion(id, static_cast<Lsn>(lsn));
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() && found->has_value() ? Raw((*found)->version) : 0;
  };
  for (int flushed = 0; flushed < 2; ++flushed) {
    EXPECT_EQ(at(7, 9), 0u);
    EXPECT_EQ(at(7, 10), 10u);
    EXPECT_EQ(at(7, 19), 10u);
    EXPECT_EQ(at(7, 20), 20u);
    EXPECT_EQ(at(7, ~0ull), 20u);
    EXPECT_EQ(at(6, ~0ull), 0u);
    EXPECT_EQ(at(9, ~0ull), 0u);
    EXPECT_EQ(at(~0ull, ~0ull), 0u);
    ASSERT_TRUE(store->Flush().ok());
  }
}

TEST_F(MetaStoreTest, EraseRemovesEveryRowOfTheVersionAndNoOther) {
  auto store = Open();
  RowBatch batch;
  batch.field_names = {{0, "color"}};
  batch.inserts = {FullInsert(5, 1, metadata_), FullInsert(5, 2, metadata_)};
  Apply(*store, batch, 2);
  batch.Clear();
  const RowInsert gone = FullInsert(5, 1, metadata_);
  auto fields = store->FieldKeys(metadata_);
  ASSERT_TRUE(fields.ok());
  batch.erases.push_back({.id = gone.id,
                          .version = gone.version,
                          .timestamp_us = gone.timestamp_us,
                          .type = gone.type,
                          .fields = *std::move(fields)});
  Apply(*store, batch, 3);
  using Row = std::tuple<PatternId, std::uint64_t>;
  for (const Family family : {Family::kMeta, Family::kTime, Family::kType, Family::kField}) {
    EXPECT_THAT(IndexRows(*store, family), ElementsAre(Row(5, 2)));
  }
  EXPECT_FALSE(store->FindVersion(5, Lsn{1})->has_value());
  EXPECT_TRUE(store->FindVersion(5, Lsn{2})->has_value());
}

TEST_F(MetaStoreTest, FieldKeysFollowNamesAndSurviveReopening) {
  auto store = Open();
  RowBatch batch;
  batch.field_names = {{2, "color"}, {0, "size"}};
  Apply(*store, batch, 1);
  ASSERT_TRUE(store->Flush().ok());
  store.reset();
  store = Open();
  EXPECT_THAT(store->field_names(), ElementsAre("size", "", "color"));
  const auto unnamed = EncodeMetadata({{"", "x"}, {"color", "red"}, {"size", ValueList{}}});
  const auto keys = store->FieldKeys(*unnamed);
  ASSERT_TRUE(keys.ok());
  ASSERT_EQ(keys->size(), 1u);
  EXPECT_EQ((*keys)[0].field, 2);
  EXPECT_EQ((*keys)[0].value, *MakeValueKey("red"));
}

TEST_F(MetaStoreTest, OnlyFamiliesThatGetARowTakeTheLsn) {
  auto store = Open();
  RowBatch batch;
  batch.inserts = {Insert(1, 4)};
  Apply(*store, batch, 4);
  EXPECT_EQ(Of(store->applied(), Family::kIds), Lsn{4});
  EXPECT_EQ(Of(store->applied(), Family::kTime), Lsn{4});
  for (const Family family : {Family::kMeta, Family::kType, Family::kField, Family::kState}) {
    EXPECT_EQ(Of(store->applied(), family), Lsn::kNone);
  }
}

TEST_F(MetaStoreTest, FamiliesLeftOutGetNeitherRowNorLsn) {
  auto store = Open();
  RowBatch batch;
  batch.inserts = {FullInsert(1, 4, metadata_)};
  Apply(*store, batch, 4, Only({Family::kTime}));
  EXPECT_EQ(Of(store->applied(), Family::kTime), Lsn{4});
  EXPECT_EQ(Of(store->applied(), Family::kIds), Lsn::kNone);
  EXPECT_FALSE(store->FindVersion(1, kEnd)->has_value());
  EXPECT_THAT(IndexRows(*store, Family::kMeta), IsEmpty());
  EXPECT_EQ(IndexRows(*store, Family::kTime).size(), 1u);
}

TEST_F(MetaStoreTest, DurableLsnsLeaveOutMemtables) {
  auto store = Open();
  ApplyFull(*store, 1);
  EXPECT_EQ(*store->DurableLsns(), Everywhere(Lsn::kNone));
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_EQ(*store->DurableLsns(), Everywhere(Lsn{1}));
  ApplyFull(*store, 2);
  EXPECT_EQ(*store->DurableLsns(), Everywhere(Lsn{1}));
  EXPECT_EQ(store->applied(), Everywhere(Lsn{2}));
}

TEST_F(MetaStoreTest, MarkersReachEveryFamily) {
  auto store = Open();
  ASSERT_TRUE(store->WriteMarkers(Lsn{9}).ok());
  EXPECT_EQ(store->applied(), Everywhere(Lsn{9}));
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_EQ(*store->DurableLsns(), Everywhere(Lsn{9}));
  EXPECT_TRUE(
      store->ForEachVersion([](const VersionRow&) { return Status::IoError("a row"); }).ok());
}

TEST_F(MetaStoreTest, ReopeningWithoutFlushShowsExactlyWhatWasFlushed) {
  auto store = Open();
  ApplyFull(*store, 1);
  ASSERT_TRUE(store->Flush().ok());
  ApplyFull(*store, 2);
  store.reset();
  store = Open();
  EXPECT_EQ(store->applied(), Everywhere(Lsn{1}));
  EXPECT_TRUE(store->FindVersion(1, kEnd)->has_value());
  EXPECT_FALSE(store->FindVersion(2, kEnd)->has_value());
}

TEST_F(MetaStoreTest, AutomaticFlushesKeepEachFamilyWithItsOwnLsn) {
  const std::vector<std::byte> large = *EncodeMetadata({{"text", std::string(3000, 'x')}});
  std::uint64_t next = 1;
  for (int round = 0; round < 3; ++round) {
    auto store = Open();
    const FamilyLsns start = store->applied();
    for (std::uint64_t lsn = Raw(*std::min_element(start.begin(), start.end())) + 1;
         lsn < next + 600; ++lsn) {
      FamilySet families;
      for (std::size_t i = 0; i < kFamilies; ++i) families[i] = Raw(start[i]) < lsn;
      RowBatch batch;
      batch.inserts = {FullInsert(lsn, lsn, large)};
      Apply(*store, batch, lsn, families);
    }
    next += 600;
    store.reset();
    store = Open();
    const FamilyLsns held = store->applied();
    EXPECT_NE(Of(held, Family::kMeta), Of(held, Family::kIds)) << "families were to differ";
    for (const Family family : {Family::kMeta, Family::kTime, Family::kType}) {
      const auto rows = IndexRows(*store, family);
      EXPECT_EQ(rows.size(), Raw(Of(held, family)));
    }
    for (const auto& [id, version] : IndexRows(*store, Family::kMeta)) {
      EXPECT_LE(version, Raw(Of(held, Family::kMeta)));
    }
  }
}

TEST_F(MetaStoreTest, TheMutantBelievesOneLsnForAll) {
  SetMutant(Mutant::kOneLsnForAllFamilies);
  auto store = Open();
  RowBatch batch;
  batch.inserts = {Insert(1, 4)};
  Apply(*store, batch, 4);
  EXPECT_EQ(store->applied(), Everywhere(Lsn{4}));
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_EQ(*store->DurableLsns(), Everywhere(Lsn{4}));
}

TEST_F(MetaStoreTest, EverySyncFollowsABarrier) {
  auto store = Open();
  ApplyFull(*store, 1);
  ASSERT_TRUE(store->Flush().ok());
  store.reset();
  store = Open();
  ApplyFull(*store, 2);
  ASSERT_TRUE(store->Flush().ok());
  std::vector<std::string> events = files_->TakeEvents();
  int syncs = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (!IsSync(events[i])) continue;
    ++syncs;
    // Syncs run on several threads, but with one flush at a time and nothing else to do, never at
    // once.
    ASSERT_GT(i, 0u);
    EXPECT_EQ(events[i - 1], "barrier") << events[i];
  }
  EXPECT_GT(syncs, 20);
}

TEST_F(MetaStoreTest, AFailedBarrierFailsTheFlushForGood) {
  auto store = Open();
  ApplyFull(*store, 1);
  files_->Refuse([](const std::string& event) {
    return event == "barrier" ? Status::ReadOnly("the log is poisoned") : Status::Ok();
  });
  const Status flushed = store->Flush();
  EXPECT_EQ(flushed.code(), Code::kIoError);
  EXPECT_THAT(std::string(flushed.message()), HasSubstr("the log is poisoned"));
  EXPECT_EQ(store->BackgroundError().code(), Code::kIoError);
  EXPECT_THAT(std::string(store->BackgroundError().message()), HasSubstr("the log is poisoned"));
  EXPECT_EQ(*store->DurableLsns(), Everywhere(Lsn::kNone));
  files_->Refuse(nullptr);
  EXPECT_FALSE(store->Resume().ok());
  RowBatch batch;
  batch.inserts = {Insert(2, 2)};
  EXPECT_FALSE(store->Apply(batch, Lsn{2}, kAll).ok());
  EXPECT_FALSE(store->Flush().ok());
  EXPECT_TRUE(store->FindVersion(1, kEnd)->has_value()) << "reads go on";
  store.reset();
  EXPECT_EQ(Open()->applied(), Everywhere(Lsn::kNone));
}

// Each sync and directory sync of a flush, failed in turn.
TEST_F(MetaStoreTest, AFailedSyncAnywhereInAFlushIsReportedAndNothingIsBelieved) {
  for (int n = 0; n < 1000; ++n) {
    std::filesystem::remove_all(dir_.File("meta"));
    auto store = Open();
    ApplyFull(*store, 1);
    std::atomic<int> left = n;
    std::atomic<bool> hit = false;
    files_->Refuse([&](const std::string& event) {
      if (!IsSync(event) || left.fetch_sub(1) != 0) return Status::Ok();
      hit = true;
      return Status::IoError("sync failed on purpose");
    });
    const Status flushed = store->Flush();
    files_->Refuse(nullptr);
    if (!hit) {
      EXPECT_TRUE(flushed.ok()) << flushed;
      EXPECT_GT(n, 10);
      return;
    }
    ASSERT_FALSE(flushed.ok()) << "sync " << n;
    ASSERT_FALSE(store->BackgroundError().ok()) << "sync " << n;
    ASSERT_FALSE(store->Flush().ok()) << "sync " << n;
    const FamilyLsns durable = *store->DurableLsns();
    store.reset();
    const FamilyLsns reopened = Open()->applied();
    for (std::size_t i = 0; i < kFamilies; ++i) ASSERT_LE(durable[i], reopened[i]) << "sync " << n;
  }
  FAIL() << "a flush has no end of syncs";
}

TEST_F(MetaStoreTest, AFullDiskIsReportedAndClearedOnceThereIsRoom) {
  auto store = Open();
  ApplyFull(*store, 1);
  files_->Refuse([](const std::string& event) {
    return event.starts_with("write") ? Status::NoSpace("disk full") : Status::Ok();
  });
  EXPECT_EQ(store->Flush().code(), Code::kNoSpace);
  EXPECT_EQ(store->BackgroundError().code(), Code::kNoSpace);
  EXPECT_EQ(store->Resume().code(), Code::kNoSpace);
  files_->Refuse(nullptr);
  const Status resumed = store->Resume();
  ASSERT_TRUE(resumed.ok()) << resumed;
  EXPECT_TRUE(store->BackgroundError().ok());
  ApplyFull(*store, 2);
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_EQ(*store->DurableLsns(), Everywhere(Lsn{2}));
  EXPECT_TRUE(store->Resume().ok());
}

TEST_F(MetaStoreTest, WhatACrashLeftOfRoomIsRemoved) {
  Open();
  MetaStoreOptions reading = Options();
  reading.read_only = true;
  for (const char* name : {"room.tmp", "manifest.spare", "current.spare"}) {
    const std::string left = JoinPath(dir_.File("meta"), name);
    std::ofstream(left) << "allocated";
    Open(reading);
    EXPECT_TRUE(std::filesystem::exists(left)) << name;
    Open();
    EXPECT_FALSE(std::filesystem::exists(left)) << name;
  }
}

// Before it becomes a MANIFEST that cannot be written, which no repetition would mend.
TEST_F(MetaStoreTest, AFullDiskIsMetBeforeTheManifestNeedsIt) {
  MetaStoreOptions options = Options();
  options.manifest_bytes = kSmallManifest;
  auto store = Open(options);
  files_->Refuse([](const std::string& event) {
    return event.starts_with("reserve") ? Status::NoSpace("disk full") : Status::Ok();
  });
  std::uint64_t lsn = 0;
  for (int refused = 0; refused < 3; ++refused) {
    ApplyFull(*store, ++lsn);
    EXPECT_EQ(store->Resume().ok() ? store->Flush().code() : Code::kNoSpace, Code::kNoSpace);
    EXPECT_EQ(store->BackgroundError().code(), Code::kNoSpace);
  }
  files_->Refuse(nullptr);
  const Status resumed = store->Resume();
  ASSERT_TRUE(resumed.ok()) << resumed;
  ApplyFull(*store, ++lsn);
  ASSERT_TRUE(store->Flush().ok());
  store.reset();
  EXPECT_EQ(Open()->applied(), Everywhere(static_cast<Lsn>(lsn)));
}

// What RocksDB makes beside tables while it runs; for each there must be room in advance.
TEST_F(MetaStoreTest, AfterAnOpenOnlyTablesAndPreparedFilesAreMade) {
  MetaStoreOptions options = Options();
  options.manifest_bytes = kSmallManifest;
  auto store = Open(options);
  files_->TakeEvents();
  for (std::uint64_t lsn = 1; lsn <= 100; ++lsn) {
    ApplyFull(*store, lsn);
    ASSERT_TRUE(store->Flush().ok());
  }
  ASSERT_TRUE(store->Resume().ok());
  std::size_t rolled = 0;
  for (const std::string& event : files_->TakeEvents()) {
    if (event.starts_with("create")) {
      EXPECT_THAT(event, MatchesRegex("create ([0-9]+\\.sst|manifest\\.spare|current\\.spare)"));
    }
    if (event == "rename CURRENT") ++rolled;
  }
  EXPECT_GT(rolled, 2u);
}

TEST_F(MetaStoreTest, LinesOfRocksDbComeOnlyWhenTheyAreAskedFor) {
  auto store = Open();
  ApplyFull(*store, 1);
  files_->Refuse([](const std::string& event) {
    return event == "barrier" ? Status::ReadOnly("the log is poisoned") : Status::Ok();
  });
  ASSERT_FALSE(store->Flush().ok());
  ASSERT_THAT(lines(), IsEmpty());
  store->DeliverLog();
  EXPECT_FALSE(lines().empty());
}

// Their commits are in the log already: RocksDB must take them, and must not wait.
TEST_F(MetaStoreTest, RowsAreTakenAfterAFlushFoundNoRoom) {
  auto store = Open();
  ApplyFull(*store, 1);
  files_->Refuse([](const std::string& event) {
    return event.starts_with("write") ? Status::NoSpace("disk full") : Status::Ok();
  });
  EXPECT_EQ(store->Flush().code(), Code::kNoSpace);
  const std::vector<std::byte> large =
      *EncodeMetadata({{"text", std::string(std::size_t{700} << 10, 'x')}});
  for (std::uint64_t lsn = 2; lsn < 6; ++lsn) {  // each fills a write buffer
    RowBatch batch;
    batch.inserts = {FullInsert(lsn, lsn, large)};
    Apply(*store, batch, lsn);
  }
  EXPECT_EQ(store->Resume().code(), Code::kNoSpace);
  EXPECT_EQ(*store->DurableLsns(), Everywhere(Lsn::kNone));
  files_->Refuse(nullptr);
  const Status resumed = store->Resume();
  ASSERT_TRUE(resumed.ok()) << resumed;
  EXPECT_EQ(Of(*store->DurableLsns(), Family::kMeta), Lsn{5});
  EXPECT_EQ(*store->GetEncodedMetadata(5, Lsn{5}), large);
  store.reset();
  EXPECT_EQ(Of(Open()->applied(), Family::kIds), Lsn{5});
}

// What a failed sync has lost no repetition brings back.
TEST_F(MetaStoreTest, ASyncThatFindsNoRoomFailsForGood) {
  auto store = Open();
  ApplyFull(*store, 1);
  files_->Refuse([](const std::string& event) {
    return IsSync(event) ? Status::NoSpace("disk full") : Status::Ok();
  });
  EXPECT_EQ(store->Flush().code(), Code::kIoError);
  files_->Refuse(nullptr);
  EXPECT_EQ(store->Resume().code(), Code::kIoError);
  EXPECT_EQ(store->BackgroundError().code(), Code::kIoError);
}

// Neither the caller nor RocksDB waits for ever where rows come faster than they can be flushed.
TEST_F(MetaStoreTest, RowsThatComeFastWaitForFlushesAndCompactions) {
  auto store = Open();
  const std::vector<std::byte> large =
      *EncodeMetadata({{"text", std::string(std::size_t{300} << 10, 'x')}});
  for (std::uint64_t lsn = 1; lsn <= 200; ++lsn) {
    const Status status = store->Resume();
    ASSERT_TRUE(status.ok()) << status;
    RowBatch batch;
    batch.inserts = {FullInsert(lsn, lsn, large)};
    Apply(*store, batch, lsn);
  }
  EXPECT_LT(store->MemoryBytes(), 8u << 20);
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_EQ(Of(*store->DurableLsns(), Family::kMeta), Lsn{200});
}

TEST_F(MetaStoreTest, AnotherStoresRowsAreRefused) {
  MetaStoreOptions options = Options();
  options.store_id = 7;
  auto store = Open(options);
  ApplyFull(*store, 1);
  ASSERT_TRUE(store->Flush().ok());
  store.reset();
  for (const bool read_only : {false, true}) {
    options.read_only = read_only;
    options.store_id = 8;
    const auto opened = MetaStore::Open(options);
    EXPECT_EQ(opened.code(), Code::kCorruptedIndex);
    EXPECT_THAT(std::string(opened.status().message()), HasSubstr("store id 7, expected 8"));
    options.store_id = 7;
    EXPECT_THAT(Open(options)->field_names(), ElementsAre("color"));
  }
}

TEST_F(MetaStoreTest, RowsWithoutAStoreIdAreRefused) {
  MetaStoreOptions options = Options();
  auto store = Open(options);
  ApplyFull(*store, 1);
  ASSERT_TRUE(store->Flush().ok());
  store.reset();
  options.store_id = 8;
  const auto opened = MetaStore::Open(options);
  EXPECT_EQ(opened.code(), Code::kCorruptedIndex);
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("no store id, expected 8"));
}

TEST_F(MetaStoreTest, ReadOnlySeesAllAndChangesNothing) {
  auto store = Open();
  ApplyFull(*store, 1);
  ASSERT_TRUE(store->Flush().ok());
  store.reset();
  files_->TakeEvents();
  MetaStoreOptions options = Options();
  options.read_only = true;
  store = Open(options);
  EXPECT_EQ(store->applied(), Everywhere(Lsn{1}));
  EXPECT_EQ(*store->GetMetadata(1, Lsn{1}), sample_);
  EXPECT_THAT(store->field_names(), ElementsAre("color"));
  EXPECT_TRUE(store->VerifyChecksums().ok());
  auto beside = Open(options);
  EXPECT_TRUE(beside->FindVersion(1, kEnd)->has_value());
  RowBatch batch;
  batch.inserts = {Insert(2, 2)};
  EXPECT_EQ(store->Apply(batch, Lsn{2}, kAll).code(), Code::kNotSupported);
  store.reset();
  EXPECT_THAT(files_->TakeEvents(), IsEmpty());
}

TEST_F(MetaStoreTest, ReadOnlyOfNothingFailsAndMakesNothing) {
  MetaStoreOptions options = Options();
  options.read_only = true;
  EXPECT_FALSE(MetaStore::Open(options).ok());
  EXPECT_THAT(files_->TakeEvents(), IsEmpty());
}

TEST_F(MetaStoreTest, ASecondOpenIsBusy) {
  auto store = Open();
  EXPECT_EQ(MetaStore::Open(Options()).code(), Code::kBusy);
}

// Each call that changes the disk while a store is made, failed in turn.
TEST_F(MetaStoreTest, AnOpenThatFailsAnywhereCanBeRepeated) {
  for (int n = 0; n < 1000; ++n) {
    std::filesystem::remove_all(dir_.File("meta"));
    std::atomic<int> left = n;
    files_->Refuse([&](const std::string& event) {
      const bool fails = event != "barrier" && left.fetch_sub(1) == 0;
      return fails ? Status::IoError("failed on purpose") : Status::Ok();
    });
    MetaStoreOptions options = Options();
    options.store_id = 7;
    const auto first = MetaStore::Open(options);
    files_->Refuse(nullptr);
    if (first.ok()) {
      if (left > 0) {
        EXPECT_GT(n, 15);
        return;
      }
      continue;  // a call that may fail, such as the removal of an obsolete file
    }
    {
      const auto again = MetaStore::Open(options);
      ASSERT_TRUE(again.ok()) << "call " << n << ": " << again.status();
      ASSERT_EQ((*again)->applied(), Everywhere(Lsn::kNone));
    }
    options.store_id = 8;
    ASSERT_EQ(MetaStore::Open(options).code(), Code::kCorruptedIndex) << "call " << n;
  }
  FAIL() << "an open has no end of calls";
}

TEST_F(MetaStoreTest, ADamagedBlockIsCorruption) {
  auto store = Open();
  ApplyFull(*store, 1);
  ASSERT_TRUE(store->Flush().ok());
  store.reset();
  const std::string table = FileEndingWith(".sst");
  ASSERT_FALSE(table.empty());
  {
    std::fstream file(table, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(1);
    file.put('\x5a');
  }
  auto opened = MetaStore::Open(Options());
  const Status status = opened.ok() ? (*opened)->VerifyChecksums() : opened.status();
  EXPECT_EQ(status.code(), Code::kCorruptedIndex) << status;
}

TEST_F(MetaStoreTest, AMissingTableIsReportedAtOpen) {
  auto store = Open();
  ApplyFull(*store, 1);
  ASSERT_TRUE(store->Flush().ok());
  store.reset();
  std::filesystem::remove(FileEndingWith(".sst"));
  EXPECT_THAT(MetaStore::Open(Options()).code(), AnyOf(Code::kCorruptedIndex, Code::kIoError));
}

TEST_F(MetaStoreTest, DamagedMetadataIsCorruptionForWhoeverReadsIt) {
  auto store = Open();
  const std::vector<std::byte> damaged(40, std::byte{0x77});
  RowBatch batch;
  batch.inserts = {FullInsert(1, 1, damaged)};
  Apply(*store, batch, 1);
  EXPECT_EQ(store->GetMetadata(1, Lsn{1}).code(), Code::kCorruptedIndex);
  batch.field_names = {{0, "color"}};
  EXPECT_EQ(store->Apply(batch, Lsn{2}, kAll).code(), Code::kCorruptedIndex);
  EXPECT_EQ(Of(store->applied(), Family::kIds), Lsn{1});
  EXPECT_THAT(store->field_names(), IsEmpty());
}

TEST_F(MetaStoreTest, AFailingVisitorEndsTheWalk) {
  auto store = Open();
  RowBatch batch;
  batch.inserts = {Insert(1, 1), Insert(2, 1)};
  Apply(*store, batch, 1);
  int visited = 0;
  const Status status = store->ForEachVersion([&](const VersionRow&) {
    ++visited;
    return Status::Cancelled("enough");
  });
  EXPECT_EQ(status.code(), Code::kCancelled);
  EXPECT_EQ(visited, 1);
  EXPECT_EQ(store->ForEachIndexRow(Family::kIds, [](const auto&) { return Status::Ok(); }).code(),
            Code::kInvalidArgument);
}

TEST_F(MetaStoreTest, RandomInsertsAndErasesAgreeWithAModel) {
  std::mt19937_64 random(TestSeed(7));
  std::map<std::pair<PatternId, std::uint64_t>, Metadata> model;
  auto store = Open();
  std::uint64_t lsn = 0;
  for (int step = 0; step < 300; ++step) {
    RowBatch batch;
    std::vector<std::vector<std::byte>> encoded;
    encoded.reserve(20);
    ++lsn;
    for (auto n = random() % 20; n > 0; --n) {
      const PatternId id = random() % 50;
      if (random() % 3 != 0) {
        Metadata metadata;
        if (random() % 2 == 0) metadata = {{"n", static_cast<std::int64_t>(random())}};
        encoded.push_back(*EncodeMetadata(metadata));
        if (!model.emplace(std::pair(id, lsn), metadata).second) continue;
        RowInsert row = Insert(id, lsn);
        row.metadata = encoded.back();
        batch.inserts.push_back(row);
      } else if (const auto it = model.lower_bound({id, 0});
                 it != model.end() && it->first.first == id && it->first.second < lsn) {
        const RowInsert row = Insert(id, it->first.second);
        batch.erases.push_back({.id = id,
                                .version = row.version,
                                .timestamp_us = row.timestamp_us,
                                .type = 0,
                                .fields = {}});
        model.erase(it);
      }
    }
    Apply(*store, batch, lsn);
    if (random() % 40 == 0) {
      ASSERT_TRUE(store->WriteMarkers(static_cast<Lsn>(lsn)).ok());
      ASSERT_TRUE(store->Flush().ok());
      store.reset();
      store = Open();
      ASSERT_EQ(store->applied(), Everywhere(static_cast<Lsn>(lsn)));
    }
  }
  std::map<std::pair<PatternId, std::uint64_t>, Metadata> found;
  const Status status = store->ForEachVersion([&](const VersionRow& row) {
    EXPECT_EQ(Raw(row.slot), Raw(row.version) * 10);
    auto metadata = store->GetMetadata(row.id, row.version);
    if (!metadata.ok()) return metadata.status();
    found.emplace(std::pair(row.id, Raw(row.version)), *std::move(metadata));
    return Status::Ok();
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(found, model);
  EXPECT_EQ(IndexRows(*store, Family::kTime).size(), model.size());
}

TEST_F(MetaStoreTest, ReadersRunBesideTheWriterAndAFlush) {
  auto store = Open();
  std::atomic<std::uint64_t> newest = 0;
  std::atomic<bool> done = false;
  std::thread reader([&] {
    // acquire: pairs with the release below, so the row must be there.
    while (!done.load(std::memory_order_acquire)) {
      const std::uint64_t id = newest.load(std::memory_order_acquire);
      if (id == 0) continue;
      const auto found = store->FindVersion(id, kEnd);
      ASSERT_TRUE(found.ok() && found->has_value()) << id;
      ASSERT_EQ(*store->GetMetadata(id, static_cast<Lsn>(id)), sample_);
    }
  });
  std::thread flusher([&] {
    while (!done.load(std::memory_order_acquire)) ASSERT_TRUE(store->Flush().ok());
  });
  for (std::uint64_t lsn = 1; lsn <= 1000; ++lsn) {
    ApplyFull(*store, lsn);
    newest.store(lsn, std::memory_order_release);
  }
  done.store(true, std::memory_order_release);
  reader.join();
  flusher.join();
}

TEST_F(MetaStoreTest, MemoryGrowsWithRows) {
  auto store = Open();
  const std::uint64_t before = store->MemoryBytes();
  const std::vector<std::byte> large = *EncodeMetadata({{"text", std::string(50'000, 'x')}});
  RowBatch batch;
  batch.inserts = {FullInsert(1, 1, large), FullInsert(2, 1, large)};
  Apply(*store, batch, 1);
  EXPECT_GE(store->MemoryBytes(), before + 100'000);
}

}  // namespace
}  // namespace engram
