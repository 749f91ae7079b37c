// What MetaStore::Purge() and Rewrite() leave on disk, and what they leave usable.
#include "storage/meta_purge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "storage/base/coding.h"
#include "storage/base/posix_file_system.h"
#include "storage/meta_codec.h"
#include "tests/storage/recording_file_system.h"
#include "tests/support/counts.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/sim_file_system.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr Lsn kEnd{1ull << 60};
const FamilySet kAll = FamilySet().set();

// Bytes that no compression shortens, and that a key shows as they are.
std::string RandomText(std::mt19937_64& random, std::size_t size, char first) {
  std::string text(size, first);
  for (std::size_t i = 1; i < size; ++i) text[i] = static_cast<char>(1 + random() % 255);
  return text;
}

// Names of files in `directory` that hold some part of `secret`.
std::vector<std::string> FilesWith(FileSystem& files, const std::string& directory,
                                   std::string_view secret) {
  constexpr std::size_t kPart = 12;
  std::vector<std::string> found;
  const std::vector<std::string> names = *files.List(directory);
  for (const std::string& name : names) {
    const auto opened = files.Open(JoinPath(directory, name), OpenMode::kRead);
    const File* const file = opened->get();
    std::string content(*file->Size(), '\0');
    const auto bytes = std::as_writable_bytes(std::span(content));
    EXPECT_EQ(*file->ReadAt(0, bytes), content.size()) << name;
    for (std::size_t i = 0; i + kPart <= secret.size(); i += kPart / 2) {
      if (content.find(secret.substr(i, kPart)) == content.npos) continue;
      found.push_back(name);
      break;
    }
  }
  return found;
}

// Patterns with an indexed text each, one of them secret: in keys of kField, values of kMeta and in
// the MANIFEST, as the last key of a table.
class Rows {
 public:
  static constexpr PatternId kSecretId = 40;
  static constexpr PatternId kPatterns = 60;

  explicit Rows(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    secret_ = RandomText(random, 100, '\xff');
    for (PatternId id = 1; id <= kPatterns; ++id) {
      texts_.push_back(id == kSecretId ? secret_ : RandomText(random, 100, 'a'));
      encoded_.push_back(*EncodeMetadata({{"text", texts_.back()}}));
    }
  }

  const std::string& secret() const { return secret_; }

  RowInsert Insert(PatternId id) const {
    return {.id = id,
            .version = Lsn{1},
            .slot = static_cast<SlotId>(id),
            .timestamp_us = static_cast<std::int64_t>(id),
            .type = 3,
            .metadata = encoded_[id - 1],
            .expires_us = 1000};
  }
  RowErase Erase(const MetaStore& store, PatternId id) const {
    return {.id = id,
            .version = Lsn{1},
            .timestamp_us = static_cast<std::int64_t>(id),
            .type = 3,
            .fields = *store.FieldKeys(encoded_[id - 1]),
            .expires_us = 1000};
  }
  // All of them, as commit 1, flushed.
  Status AddAll(MetaStore& store) const {
    RowBatch batch;
    batch.field_names = {{0, "text"}};
    for (PatternId id = 1; id <= kPatterns; ++id) batch.inserts.push_back(Insert(id));
    batch.state = {SnapshotRow{secret_, Lsn{1}, 5}, SnapshotRow{"kept", Lsn{1}, 5}};
    if (Status status = store.Apply(batch, Lsn{1}, kAll); !status.ok()) return status;
    return store.Flush();
  }
  // The secret one and the snapshot that is named so, as commit 2.
  Status EraseSecret(MetaStore& store) const {
    RowBatch batch;
    batch.erases.push_back(Erase(store, kSecretId));
    batch.state = {SnapshotErase{secret_}};
    return store.Apply(batch, Lsn{2}, kAll);
  }
  // Every row but those that are erased.
  Status CheckRest(const MetaStore& store) const {
    for (PatternId id = 1; id <= kPatterns; ++id) {
      const auto found = store.FindVersion(id, kEnd);
      if (!found.ok()) return found.status();
      if (found->has_value() != (id != kSecretId)) return Wrong("version", id);
      const auto metadata = store.GetEncodedMetadata(id, Lsn{1});
      if (!metadata.ok()) return metadata.status();
      if (*metadata != (id == kSecretId ? std::vector<std::byte>() : encoded_[id - 1])) {
        return Wrong("metadata", id);
      }
    }
    const auto snapshots = store.ReadSnapshots();
    if (!snapshots.ok()) return snapshots.status();
    if (*snapshots != std::vector<SnapshotRow>{{"kept", Lsn{1}, 5}}) return Wrong("snapshots", 0);
    return store.VerifyChecksums();
  }

 private:
  static Status Wrong(const std::string& what, PatternId id) {
    return Status::CorruptedIndex("test: " + what + " of " + std::to_string(id));
  }

  std::string secret_;
  std::vector<std::string> texts_;
  std::vector<std::vector<std::byte>> encoded_;
};

class MetaPurgeTest : public ::testing::Test {
 protected:
  MetaStoreOptions Options() {
    MetaStoreOptions options;
    options.file_system = files_;
    options.directory = directory_;
    options.store_id = 7;
    options.buffer_bytes = 1 << 20;
    options.log_barrier = [this] { return files_->Note("barrier"); };
    options.log = [this](LogLevel, std::string_view) {
      delivered_.fetch_add(1, std::memory_order_relaxed);  // a count, read when all is quiet
    };
    return options;
  }
  std::unique_ptr<MetaStore> Open() {
    auto store = MetaStore::Open(Options());
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? std::move(*store) : nullptr;
  }
  std::vector<std::string> WithSecret() { return FilesWith(*files_, directory_, rows_.secret()); }
  std::uint64_t TableBytes() const {
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      if (entry.path().extension() == ".sst") bytes += entry.file_size();
    }
    return bytes;
  }
  static Status Purge(MetaStore& store) {
    return store.Purge([] { return false; });
  }

  TempDir dir_;
  const std::string directory_ = dir_.File("meta");
  std::shared_ptr<RecordingFileSystem> files_ =
      std::make_shared<RecordingFileSystem>(MakePosixFileSystem());
  const Rows rows_{TestSeed(1)};
  std::atomic<int> delivered_ = 0;
};

constexpr const char* kTable = "[0-9]+\\.sst";
constexpr const char* kManifest = "MANIFEST-[0-9]+";

TEST_F(MetaPurgeTest, OnlyARewriteLeavesNoByteOfWhatIsErased) {
  auto store = Open();
  ASSERT_TRUE(rows_.AddAll(*store).ok());
  EXPECT_THAT(WithSecret(), Contains(MatchesRegex(kTable)).Times(3)) << "meta, field and state";
  EXPECT_THAT(WithSecret(), Contains(MatchesRegex(kManifest)));
  ASSERT_TRUE(rows_.EraseSecret(*store).ok());
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_THAT(WithSecret(), Contains(MatchesRegex(kTable))) << "a deletion hides it only";
  const Status purged = Purge(*store);
  ASSERT_TRUE(purged.ok()) << purged;
  EXPECT_THAT(WithSecret(), Not(Contains(MatchesRegex(kTable))));
  EXPECT_THAT(WithSecret(), Contains(MatchesRegex(kManifest))) << "it names keys of tables";
  EXPECT_TRUE(rows_.CheckRest(*store).ok()) << rows_.CheckRest(*store);
  const FamilyLsns applied = store->applied();
  const Status rewritten = store->Rewrite();
  ASSERT_TRUE(rewritten.ok()) << rewritten;
  EXPECT_THAT(WithSecret(), IsEmpty());
  EXPECT_TRUE(rows_.CheckRest(*store).ok()) << rows_.CheckRest(*store);
  EXPECT_EQ(store->applied(), applied);
  EXPECT_EQ(*store->DurableLsns(), applied);
  store.reset();
  EXPECT_THAT(WithSecret(), IsEmpty());
  EXPECT_TRUE(rows_.CheckRest(*Open()).ok());
}

TEST_F(MetaPurgeTest, ARewriteFlushesWhatIsErasedInMemoryAlone) {
  auto store = Open();
  ASSERT_TRUE(rows_.AddAll(*store).ok());
  ASSERT_TRUE(rows_.EraseSecret(*store).ok());
  ASSERT_TRUE(store->Rewrite().ok());
  EXPECT_THAT(WithSecret(), IsEmpty());
  EXPECT_TRUE(rows_.CheckRest(*store).ok());
}

TEST_F(MetaPurgeTest, OverwrittenRowsGoToo) {
  MetaStoreOptions options = Options();
  options.store_id.reset();  // one table of kState less: RocksDB compacts four of its own
  auto opened = MetaStore::Open(options);
  ASSERT_TRUE(opened.ok()) << opened.status();
  MetaStore* const store = opened->get();
  const std::string old("\x11\x52\x93\xd4\x25\x66\xa7\xe8\x39\x7a\xbb\xfc\x4d\x8e\xcf\x1f");
  RowBatch batch;
  const auto bytes = std::as_bytes(std::span(old));
  batch.state = {
      SnapshotRow{"kept", LoadAs<Lsn>(bytes.data()), LoadAs<std::int64_t>(bytes.data() + 8)}};
  ASSERT_TRUE(store->Apply(batch, Lsn{2}, kAll).ok());
  ASSERT_TRUE(store->Flush().ok());
  batch.state = {SnapshotRow{"kept", Lsn{3}, 4}};
  ASSERT_TRUE(store->Apply(batch, Lsn{3}, kAll).ok());
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_THAT(FilesWith(*files_, directory_, old), Not(IsEmpty()));
  ASSERT_TRUE(Purge(*store).ok());
  EXPECT_THAT(FilesWith(*files_, directory_, old), IsEmpty());
}

// Whose thread may still be about to remove what it has replaced, here slowly.
TEST_F(MetaPurgeTest, APurgeWaitsForACompactionOfRocksDbsOwn) {
  const std::thread::id self = std::this_thread::get_id();
  files_->Refuse([self](const std::string& event) {
    if (event.starts_with("unlink") && std::this_thread::get_id() != self) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return Status::Ok();
  });
  for (int round = 0; round < 5; ++round) {
    std::filesystem::remove_all(directory_);
    auto store = Open();
    ASSERT_TRUE(rows_.AddAll(*store).ok());
    ASSERT_TRUE(rows_.EraseSecret(*store).ok());
    RowBatch batch;
    for (std::uint64_t lsn = 3; lsn < 5; ++lsn) {  // four tables of a family, and it begins
      batch.state = {ClockRow{1, static_cast<Lsn>(lsn)}};
      batch.inserts = {{.id = 1000 + lsn, .version = Lsn{1}, .type = 3}};
      ASSERT_TRUE(store->WriteMarkers(static_cast<Lsn>(lsn)).ok());
      ASSERT_TRUE(store->Apply(batch, static_cast<Lsn>(lsn), kAll).ok());
      ASSERT_TRUE(store->Flush().ok());
    }
    ASSERT_TRUE(Purge(*store).ok());
    ASSERT_THAT(WithSecret(), Not(Contains(MatchesRegex(kTable)))) << round;
  }
}

TEST_F(MetaPurgeTest, APurgeGivesBackTheSpaceAndASecondOneWritesNothing) {
  MetaStoreOptions options = Options();
  options.buffer_bytes = 64 << 20;  // so that RocksDB compacts nothing of its own
  auto opened = MetaStore::Open(options);
  ASSERT_TRUE(opened.ok()) << opened.status();
  MetaStore* const store = opened->get();
  std::mt19937_64 random(TestSeed(2));
  std::vector<std::byte> metadata;
  std::uint64_t lsn = 0;
  for (PatternId id = 1; id <= 2000; ++id) {
    metadata = *EncodeMetadata({{"text", RandomText(random, 2000, 'a')}});
    RowBatch batch;
    batch.inserts = {{.id = id, .version = Lsn{1}, .type = 3, .metadata = metadata}};
    ASSERT_TRUE(store->Apply(batch, static_cast<Lsn>(++lsn), kAll).ok());
  }
  ASSERT_TRUE(store->Flush().ok());
  RowBatch batch;
  for (PatternId id = 1; id <= 1900; ++id) {
    batch.erases.push_back({.id = id, .version = Lsn{1}, .type = 3});
  }
  ASSERT_TRUE(store->Apply(batch, static_cast<Lsn>(++lsn), kAll).ok());
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_GT(TableBytes(), 3'500'000u);
  const Status purged = Purge(*store);
  ASSERT_TRUE(purged.ok()) << purged;
  EXPECT_LT(TableBytes(), 400'000u);
  EXPECT_GT(TableBytes(), 200'000u);
  for (PatternId id = 1; id <= 2000; ++id) {
    ASSERT_EQ(store->FindVersion(id, kEnd)->has_value(), id > 1900) << id;
    ASSERT_EQ(store->GetEncodedMetadata(id, Lsn{1})->empty(), id <= 1900) << id;
  }
  files_->TakeEvents();
  ASSERT_TRUE(Purge(*store).ok());
  EXPECT_THAT(files_->TakeEvents(), IsEmpty());
}

TEST_F(MetaPurgeTest, AFamilyOfWhichNothingIsLeftHasNoTable) {
  auto store = Open();
  RowBatch batch;
  batch.inserts = {{.id = 1, .version = Lsn{1}}};
  ASSERT_TRUE(store->Apply(batch, Lsn{1}, kAll).ok());
  ASSERT_TRUE(store->Flush().ok());
  batch.Clear();
  batch.erases = {{.id = 1, .version = Lsn{1}}};
  ASSERT_TRUE(store->Apply(batch, Lsn{2}, kAll).ok());
  const Status rewritten = store->Rewrite();
  ASSERT_TRUE(rewritten.ok()) << rewritten;
  EXPECT_FALSE(store->FindVersion(1, kEnd)->has_value());
  EXPECT_EQ(store->applied()[static_cast<std::size_t>(Family::kIds)], Lsn{2});
}

TEST_F(MetaPurgeTest, ACancelledPurgeEndsBetweenFamilies) {
  auto store = Open();
  ASSERT_TRUE(rows_.AddAll(*store).ok());
  ASSERT_TRUE(rows_.EraseSecret(*store).ok());
  int asked = 0;
  EXPECT_EQ(store->Purge([&] { return ++asked == 3; }).code(), Code::kCancelled);
  EXPECT_EQ(asked, 3);
  EXPECT_THAT(WithSecret(), Not(IsEmpty())) << "fields come behind";
  asked = 0;
  EXPECT_TRUE(store->Purge([&] { return ++asked > 6; }).ok());
  EXPECT_EQ(asked, 6);
  EXPECT_THAT(WithSecret(), Not(Contains(MatchesRegex(kTable))));
}

TEST_F(MetaPurgeTest, AReadOnlyStoreIsNotPurged) {
  auto store = Open();
  ASSERT_TRUE(rows_.AddAll(*store).ok());
  store.reset();
  MetaStoreOptions options = Options();
  options.read_only = true;
  auto reading = MetaStore::Open(options);
  ASSERT_TRUE(reading.ok()) << reading.status();
  files_->TakeEvents();
  EXPECT_EQ(Purge(**reading).code(), Code::kNotSupported);
  EXPECT_EQ((*reading)->Rewrite().code(), Code::kNotSupported);
  EXPECT_TRUE((*reading)->FindVersion(1, kEnd)->has_value());
  EXPECT_THAT(files_->TakeEvents(), IsEmpty());
}

TEST_F(MetaPurgeTest, WithoutRoomForTablesAllGoesOnAsBefore) {
  for (const bool flushed : {true, false}) {
    std::filesystem::remove_all(directory_);
    auto store = Open();
    ASSERT_TRUE(rows_.AddAll(*store).ok());
    ASSERT_TRUE(rows_.EraseSecret(*store).ok());
    if (flushed) {
      ASSERT_TRUE(store->Flush().ok());
    }
    files_->Refuse([](const std::string& event) {
      const bool table = event.starts_with("write") && event.ends_with(".sst");
      return table ? Status::NoSpace("disk full") : Status::Ok();
    });
    EXPECT_EQ(Purge(*store).code(), Code::kNoSpace);
    EXPECT_EQ(store->Rewrite().code(), Code::kNoSpace);
    EXPECT_EQ(store->BackgroundError().code(), flushed ? Code::kOk : Code::kNoSpace);
    EXPECT_TRUE(rows_.CheckRest(*store).ok()) << rows_.CheckRest(*store);
    RowBatch batch;
    batch.state = {ClockRow{5, Lsn{3}}};
    EXPECT_TRUE(store->Apply(batch, Lsn{3}, kAll).ok());
    files_->Refuse(nullptr);
    const Status rewritten = store->Rewrite();
    ASSERT_TRUE(rewritten.ok()) << rewritten;
    EXPECT_TRUE(store->BackgroundError().ok());
    EXPECT_THAT(WithSecret(), IsEmpty());
    EXPECT_TRUE(rows_.CheckRest(*store).ok()) << rows_.CheckRest(*store);
    EXPECT_EQ(store->FindClock(5)->value().lsn, Lsn{3});
  }
}

// Found before anything is closed: a database that could not be opened again would be lost.
TEST_F(MetaPurgeTest, WithoutRoomForAnOpeningNothingIsClosed) {
  auto store = Open();
  ASSERT_TRUE(rows_.AddAll(*store).ok());
  ASSERT_TRUE(rows_.EraseSecret(*store).ok());
  ASSERT_TRUE(Purge(*store).ok());
  files_->Refuse([](const std::string& event) {
    return event == "allocate room.tmp" ? Status::NoSpace("disk full") : Status::Ok();
  });
  EXPECT_EQ(store->Rewrite().code(), Code::kNoSpace);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/room.tmp"));
  EXPECT_TRUE(rows_.CheckRest(*store).ok());
  files_->Refuse(nullptr);
  EXPECT_TRUE(store->Rewrite().ok());
  EXPECT_THAT(WithSecret(), IsEmpty());
}

TEST_F(MetaPurgeTest, AFailedSyncOfATableFailsForGood) {
  auto store = Open();
  ASSERT_TRUE(rows_.AddAll(*store).ok());
  ASSERT_TRUE(rows_.EraseSecret(*store).ok());
  ASSERT_TRUE(store->Flush().ok());
  files_->Refuse([](const std::string& event) {
    const bool table = event.starts_with("sync ") && event.ends_with(".sst");
    return table ? Status::NoSpace("disk full") : Status::Ok();
  });
  EXPECT_EQ(Purge(*store).code(), Code::kIoError);
  files_->Refuse(nullptr);
  EXPECT_EQ(store->BackgroundError().code(), Code::kIoError);
  EXPECT_EQ(store->Rewrite().code(), Code::kIoError);
  EXPECT_TRUE(rows_.CheckRest(*store).ok()) << "reads go on";
}

// RocksDB keeps it to itself where it cannot remove what it does not need.
TEST_F(MetaPurgeTest, FilesThatRocksDbCouldNotRemoveAreRemoved) {
  auto store = Open();
  ASSERT_TRUE(rows_.AddAll(*store).ok());
  ASSERT_TRUE(rows_.EraseSecret(*store).ok());
  files_->Refuse([](const std::string& event) {
    const bool rows = event.ends_with(".sst") || event.find("MANIFEST") != event.npos;
    return event.starts_with("unlink") && rows ? Status::IoError("refused on purpose")
                                               : Status::Ok();
  });
  ASSERT_TRUE(Purge(*store).ok());
  EXPECT_THAT(WithSecret(), Contains(MatchesRegex(kTable)));
  EXPECT_EQ(store->Rewrite().code(), Code::kIoError);
  files_->Refuse(nullptr);
  EXPECT_TRUE(store->Rewrite().ok());
  EXPECT_THAT(WithSecret(), IsEmpty());
  EXPECT_TRUE(rows_.CheckRest(*store).ok());
}

TEST_F(MetaPurgeTest, AllOfTheStoreSurvivesARewrite) {
  auto store = Open();
  ASSERT_TRUE(rows_.AddAll(*store).ok());
  files_->TakeEvents();
  ASSERT_TRUE(store->Rewrite().ok());
  std::vector<std::string> events = files_->TakeEvents();
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].starts_with("sync")) {
      EXPECT_EQ(events[i - 1], "barrier") << events[i];
    }
  }
  EXPECT_THAT(events, Contains("rename CURRENT"));
  EXPECT_EQ(events.back(), "syncdir meta");
  EXPECT_THAT(store->field_names(), testing::ElementsAre("text"));
  // Background errors, and lines of RocksDB.
  ASSERT_TRUE(rows_.EraseSecret(*store).ok());
  files_->Refuse([](const std::string& event) {
    return event == "barrier" ? Status::ReadOnly("the log is poisoned") : Status::Ok();
  });
  EXPECT_EQ(store->Flush().code(), Code::kIoError);
  files_->Refuse(nullptr);
  EXPECT_THAT(std::string(store->BackgroundError().message()), HasSubstr("the log is poisoned"));
  EXPECT_EQ(delivered_.load(std::memory_order_relaxed), 0);
  store->DeliverLog();
  EXPECT_GT(delivered_.load(std::memory_order_relaxed), 0);
}

TEST_F(MetaPurgeTest, ARewriteCallsNobodyForTheLog) {
  auto store = Open();
  ASSERT_TRUE(rows_.AddAll(*store).ok());
  ASSERT_TRUE(rows_.EraseSecret(*store).ok());
  files_->Refuse([](const std::string& event) {
    const bool table = event.starts_with("write") && event.ends_with(".sst");
    return table ? Status::NoSpace("disk full") : Status::Ok();
  });
  EXPECT_FALSE(store->Rewrite().ok());  // RocksDB has something to say now
  files_->Refuse(nullptr);
  EXPECT_TRUE(store->Rewrite().ok());
  EXPECT_EQ(delivered_.load(std::memory_order_relaxed), 0) << "its caller holds the writer role";
  store.reset();
  EXPECT_GT(delivered_.load(std::memory_order_relaxed), 0);
}

TEST_F(MetaPurgeTest, ReadersWaitWhileTheDatabaseIsClosed) {
  auto store = Open();
  ASSERT_TRUE(rows_.AddAll(*store).ok());
  ASSERT_TRUE(rows_.EraseSecret(*store).ok());
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> reads = 0;
  // relaxed, all of them: a flag to end and a count.
  const auto more = [&] { return !done.load(std::memory_order_relaxed); };
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (more()) {
        const Status rest = rows_.CheckRest(*store);
        ASSERT_TRUE(rest.ok()) << rest;
        reads.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  readers.emplace_back([&] {  // reads while it reads, as verify does
    while (more()) {
      PatternId versions = 0;
      const Status walked = store->ForEachVersion([&](const VersionRow& row) {
        ++versions;
        return store->GetMetadata(row.id, row.version).status();
      });
      ASSERT_TRUE(walked.ok()) << walked;
      ASSERT_EQ(versions, Rows::kPatterns - 1);
    }
  });
  readers.emplace_back([&] {  // as a checkpoint and Stats() do
    while (more()) {
      ASSERT_TRUE(store->Flush().ok());
      ASSERT_TRUE(store->DurableLsns().ok());
      ASSERT_TRUE(store->BackgroundError().ok());
      ASSERT_GT(store->MemoryBytes(), 0u);
    }
  });
  for (std::uint64_t lsn = 3; lsn < 23; ++lsn) {
    RowBatch batch;
    batch.inserts = {rows_.Insert(1)};
    ASSERT_TRUE(store->Apply(batch, static_cast<Lsn>(lsn), kAll).ok());
    const Status rewritten = store->Rewrite();
    ASSERT_TRUE(rewritten.ok()) << rewritten;
  }
  done.store(true, std::memory_order_relaxed);
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(reads.load(std::memory_order_relaxed), 0u);
}

TEST_F(MetaPurgeTest, APurgeRunsBesideAWriterAndReaders) {
  MetaStoreOptions options = Options();
  options.buffer_bytes = 256 << 10;  // so that RocksDB flushes and compacts of its own
  auto opened = MetaStore::Open(options);
  ASSERT_TRUE(opened.ok()) << opened.status();
  MetaStore& store = **opened;
  const std::vector<std::byte> large = *EncodeMetadata({{"text", std::string(3000, 'x')}});
  std::atomic<bool> done = false;
  std::atomic<int> purges = 0;
  std::thread purger([&] {
    while (!done.load(std::memory_order_relaxed)) {  // a flag and a count
      const Status purged = Purge(store);
      ASSERT_TRUE(purged.ok()) << purged;
      purges.fetch_add(1, std::memory_order_relaxed);
    }
  });
  constexpr std::uint64_t kCommits = 3000;
  constexpr std::uint64_t kKept = 50;  // the newest
  for (std::uint64_t lsn = 1; lsn <= kCommits; ++lsn) {
    RowBatch batch;
    batch.inserts = {{.id = lsn, .version = Lsn{1}, .type = 3, .metadata = large}};
    if (lsn > kKept) batch.erases = {{.id = lsn - kKept, .version = Lsn{1}, .type = 3}};
    const Status resumed = store.Resume();
    ASSERT_TRUE(resumed.ok()) << resumed;
    ASSERT_TRUE(store.Apply(batch, static_cast<Lsn>(lsn), kAll).ok());
    if (lsn % 100 == 0) {
      for (const PatternId id : {lsn - kKept, lsn - kKept + 1, lsn}) {
        ASSERT_EQ(store.FindVersion(id, kEnd)->has_value(), id > lsn - kKept) << id;
        ASSERT_EQ(store.GetEncodedMetadata(id, Lsn{1})->empty(), id <= lsn - kKept) << id;
      }
    }
  }
  done.store(true, std::memory_order_relaxed);
  purger.join();
  EXPECT_GT(purges.load(std::memory_order_relaxed), 3);
  std::uint64_t versions = 0;
  const Status walked = store.ForEachVersion([&](const VersionRow& row) {
    EXPECT_GT(row.id, kCommits - kKept);
    ++versions;
    return Status::Ok();
  });
  EXPECT_TRUE(walked.ok()) << walked;
  EXPECT_EQ(versions, kKept);
  EXPECT_TRUE(store.VerifyChecksums().ok());
}

// Each call of a rewrite that changes the disk, and each that reads it, failed in turn, once and
// for good.
class MetaRewriteFaultTest : public ::testing::TestWithParam<std::tuple<Fault, FaultRepeat>> {
 protected:
  std::unique_ptr<MetaStore> Open() {
    MetaStoreOptions options;
    options.file_system = files_;
    options.directory = "/meta";
    options.store_id = 7;
    options.buffer_bytes = 1 << 20;
    auto store = MetaStore::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? std::move(*store) : nullptr;
  }
  // Every call that needs RocksDB says the same, and none crashes.
  static void ExpectLost(MetaStore& store, const Status& why) {
    const auto visit = [](const auto&) -> Result<bool> { return true; };
    const auto look = [](const auto&) { return Status::Ok(); };
    const std::vector<Status> answers = {store.BackgroundError(),
                                         store.Rewrite(),
                                         store.Purge([] { return false; }),
                                         store.Flush(),
                                         store.Resume(),
                                         store.Apply({}, Lsn{9}, kAll),
                                         store.WriteMarkers(Lsn{9}),
                                         store.DurableLsns().status(),
                                         store.FindVersion(1, kEnd).status(),
                                         store.GetMetadata(1, Lsn{1}).status(),
                                         store.GetEncodedMetadata(1, Lsn{1}).status(),
                                         store.ForEachVersion(look),
                                         store.ForEachIndexRow(Family::kTime, look),
                                         store.ForEachInTime(0, 1, visit),
                                         store.ForEachOfType(1, 0, 1, visit),
                                         store.ForEachExpiry(0, 1, visit),
                                         store.FindClock(0).status(),
                                         store.FindClockOf(Lsn{1}).status(),
                                         store.ForEachClock(1, visit),
                                         store.ReadSnapshots().status(),
                                         store.VerifyChecksums()};
    for (std::size_t i = 0; i < answers.size(); ++i) {
      EXPECT_EQ(answers[i].code(), why.code()) << i;
      EXPECT_EQ(answers[i].message(), why.message()) << i;
    }
    EXPECT_EQ(store.MemoryBytes(), 0u);
    EXPECT_EQ(store.field_names().size(), 1u);
    store.DeliverLog();
  }

  std::shared_ptr<FaultFileSystem> files_;
  const Rows rows_{TestSeed(3)};
};

TEST_P(MetaRewriteFaultTest, LeavesAStoreThatIsWholeOrSaysThatItIsLost) {
  std::uint64_t whole = 0;
  std::uint64_t lost = 0;
  std::uint64_t broken = 0;
  FaultPlan plan;
  std::tie(plan.fault, plan.repeat) = GetParam();
  plan.kinds = kAllIo;
  for (plan.nth = 0; plan.nth < 2000; ++plan.nth) {
    files_ = std::make_shared<FaultFileSystem>(std::make_shared<SimFileSystem>());
    auto store = Open();
    ASSERT_TRUE(rows_.AddAll(*store).ok());
    ASSERT_TRUE(rows_.EraseSecret(*store).ok());
    const std::uint64_t hits = files_->faults_hit();
    files_->SetPlan(plan);
    const Status rewritten = store->Rewrite();
    files_->ClearPlan();
    const bool hit = files_->faults_hit() != hits;
    const Status background = store->BackgroundError();
    SCOPED_TRACE("operation " + std::to_string(plan.nth) + ": " + rewritten.ToString());
    if (rewritten.ok()) {
      EXPECT_THAT(FilesWith(*files_, "/meta", rows_.secret()), IsEmpty());
    }
    if (!rewritten.ok() && background.message().find("after it was written anew") != 0 &&
        rows_.CheckRest(*store).ok()) {
      const bool mends = background.ok() || background.code() == Code::kNoSpace;
      EXPECT_EQ(store->Rewrite().ok(), mends) << background;
      ++(mends ? whole : broken);
    } else if (!rewritten.ok()) {
      EXPECT_EQ(background.message().find("after it was written anew"), 0u) << background;
      EXPECT_NE(background.code(), Code::kNoSpace) << "no call mends it";
      ExpectLost(*store, background);
      ++lost;
    }
    store.reset();
    store = Open();
    ASSERT_NE(store, nullptr);
    // What the log has: this store's rows may have been in memory alone.
    if (store->applied()[static_cast<std::size_t>(Family::kMeta)] < Lsn{2} ||
        store->applied()[static_cast<std::size_t>(Family::kState)] < Lsn{2}) {
      EXPECT_FALSE(rewritten.ok());
      ASSERT_TRUE(rows_.EraseSecret(*store).ok());
    }
    const Status rest = rows_.CheckRest(*store);
    ASSERT_TRUE(rest.ok()) << rest;
    if (!hit) {
      PrintCounts({{"operations", plan.nth}, {"whole", whole}, {"lost", lost}, {"broken", broken}});
      EXPECT_GT(whole, 3u);
      EXPECT_GT(lost, 3u);
      return;
    }
  }
  FAIL() << "a rewrite has no end of operations";
}

INSTANTIATE_TEST_SUITE_P(Faults, MetaRewriteFaultTest,
                         ::testing::Values(std::tuple(Fault::kError, FaultRepeat::kOnce),
                                           std::tuple(Fault::kError, FaultRepeat::kSticky),
                                           std::tuple(Fault::kSyncFail, FaultRepeat::kOnce),
                                           std::tuple(Fault::kNoSpace, FaultRepeat::kOnce),
                                           std::tuple(Fault::kNoSpace, FaultRepeat::kSticky)),
                         [](const auto& values) {
                           const Fault fault = std::get<0>(values.param);
                           const bool once = std::get<1>(values.param) == FaultRepeat::kOnce;
                           const std::string name = fault == Fault::kError     ? "Error"
                                                    : fault == Fault::kNoSpace ? "NoSpace"
                                                                               : "SyncFail";
                           return name + (once ? "Once" : "Sticky");
                         });

}  // namespace
}  // namespace engram
