#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "storage/base/coding.h"
#include "storage/base/test_hooks.h"
#include "storage/meta_codec.h"
#include "storage/meta_store.h"
#include "tests/support/counts.h"
#include "tests/support/sim_file_system.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

const FamilySet kAll = FamilySet().set();

Result<std::unique_ptr<MetaStore>> Open(const std::shared_ptr<SimFileSystem>& files,
                                        std::function<Status()> barrier) {
  MetaStoreOptions options;
  options.file_system = files;
  options.directory = "/db/meta";
  options.buffer_bytes = 256 << 10;
  options.log_barrier = std::move(barrier);
  return MetaStore::Open(options);
}

// Commit n inserts pattern n; the log is durable up to what the last barrier found appended. Marks:
// a number when the log became durable up to it, a text when a flush up to it returned.
class History {
 public:
  void Run() {
    ASSERT_TRUE(files_->CreateDirectory("/db").ok());
    ASSERT_TRUE(files_->SyncDirectory("/").ok());
    Reopen();
    ASSERT_TRUE(files_->SyncDirectory("/db").ok());
    for (int round = 0; round < 4; ++round) {
      Commit(3);
      Flush();
      Commit(2);
      if (round % 2 == 1) Reopen();
      if (round % 2 == 0) Rewrite();
    }
    const std::uint64_t before = appended_;
    Commit(40);  // more than the buffers take: flushes that nobody asked for
    const auto durable = [this] {
      const auto lsns = store_->DurableLsns();
      return lsns.ok() ? Raw((*lsns)[static_cast<std::size_t>(Family::kMeta)]) : 0;
    };
    while (durable() <= before && store_->BackgroundError().ok()) std::this_thread::yield();
    store_.reset();
  }

  const SimFileSystem& files() const { return *files_; }

 private:
  void Reopen() {
    store_.reset();
    auto opened = Open(files_, [this] {
      files_->Mark(appended_);
      return Status::Ok();
    });
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = std::move(*opened);
    // The log still has what a family lost by the reopening.
    const FamilyLsns held = store_->applied();
    for (std::uint64_t lsn = 1; lsn <= appended_; ++lsn) {
      FamilySet behind;
      for (std::size_t i = 0; i < kFamilies; ++i) behind[i] = Raw(held[i]) < lsn;
      if (behind.any()) Apply(lsn, behind);
    }
  }
  void Commit(int count) {
    for (; count > 0; --count) Apply(++appended_, kAll);
  }
  void Apply(std::uint64_t lsn, FamilySet families) {
    RowBatch batch;
    batch.inserts = {{.id = lsn,
                      .version = static_cast<Lsn>(lsn),
                      .slot = static_cast<SlotId>(lsn),
                      .timestamp_us = static_cast<std::int64_t>(lsn),
                      .type = 1,
                      .metadata = metadata_}};
    ASSERT_TRUE(store_->Apply(batch, static_cast<Lsn>(lsn), families).ok());
  }
  void Flush() {
    files_->Mark(appended_);  // a checkpoint syncs the log first
    ASSERT_TRUE(store_->Flush().ok());
    files_->Mark("flushed " + std::to_string(appended_));
  }

  // Closes and opens RocksDB, with rows that were in memory alone until then.
  void Rewrite() {
    files_->Mark(appended_);
    const Status rewritten = store_->Rewrite();
    ASSERT_TRUE(rewritten.ok()) << rewritten;
    files_->Mark("flushed " + std::to_string(appended_));
  }

  const std::vector<std::byte> metadata_ = *EncodeMetadata({{"text", std::string(5000, 'x')}});
  std::shared_ptr<SimFileSystem> files_ = std::make_shared<SimFileSystem>();
  std::unique_ptr<MetaStore> store_;
  std::uint64_t appended_ = 0;
};

std::uint64_t LastFlushed(const CrashReplayer& replayer) {
  return replayer.texts().empty() ? 0 : std::stoull(replayer.texts().back().substr(8));
}

std::uint64_t LastDurable(const CrashReplayer& replayer) {
  const auto& marks = replayer.numbers();
  return marks.empty() ? 0 : *std::max_element(marks.begin(), marks.end());
}

// What is wrong with a store after a power loss; success where nothing is.
Status CheckFamilies(const MetaStore& store, std::uint64_t flushed, std::uint64_t durable) {
  const FamilyLsns held = store.applied();
  for (const Family family : {Family::kMeta, Family::kIds, Family::kTime, Family::kType}) {
    const std::uint64_t lsn = Raw(held[static_cast<std::size_t>(family)]);
    const std::string where =
        "family " + std::to_string(static_cast<int>(family)) + " at " + std::to_string(lsn) + ": ";
    if (lsn < flushed) return Status::IoError(where + "flushed up to " + std::to_string(flushed));
    if (lsn > durable) return Status::IoError(where + "log ends at " + std::to_string(durable));
    std::uint64_t rows = 0;
    std::uint64_t newest = 0;
    const auto count = [&](Lsn version) {
      ++rows;
      newest = std::max(newest, Raw(version));
      return Status::Ok();
    };
    const Status walked =
        family == Family::kIds
            ? store.ForEachVersion([&](const VersionRow& row) { return count(row.version); })
            : store.ForEachIndexRow(
                  family, [&](const MetaStore::IndexRow& row) { return count(row.version); });
    if (!walked.ok()) return walked;
    if (rows != lsn || newest != lsn) {
      return Status::IoError(where + std::to_string(rows) + " rows up to " +
                             std::to_string(newest));
    }
  }
  return store.VerifyChecksums();
}

struct Sweep {
  std::size_t images = 0;
  std::size_t wrong = 0;
  std::string first;
};

// A power loss after each operation under each policy, and what is then wrong.
Sweep LosePowerEverywhere(const SimFileSystem& files, std::uint64_t seed) {
  Sweep sweep;
  std::mt19937_64 random(seed);
  CrashReplayer replayer = files.Replay();
  for (std::size_t op = 0; op <= files.OpCount(); ++op) {
    replayer.AdvanceTo(op);
    if (replayer.PendingCount() == 0) continue;
    for (const CrashPolicy policy : kAllCrashPolicies) {
      auto image = std::make_shared<SimFileSystem>(replayer.PowerLoss(random, policy));
      image->CreateDirectory("/db").IgnoreError();  // there but for the first operations
      ++sweep.images;
      const auto store = Open(image, {});
      const Status status =
          store.ok() ? CheckFamilies(**store, LastFlushed(replayer), LastDurable(replayer))
                     : store.status();
      if (!status.ok() && ++sweep.wrong == 1) {
        sweep.first = "operation " + std::to_string(op) + ", policy " +
                      std::to_string(static_cast<int>(policy)) + ": " + status.ToString();
      }
    }
  }
  PrintCounts(
      {{"images", sweep.images}, {"crash points", files.OpCount()}, {"wrong", sweep.wrong}});
  return sweep;
}

TEST(MetaPowerLoss, EveryFamilyHoldsExactlyItsLsnAndNeverMoreThanTheLog) {
  History history;
  history.Run();
  const Sweep sweep = LosePowerEverywhere(history.files(), TestSeed(1));
  EXPECT_GT(sweep.images, 500u);
  EXPECT_EQ(sweep.wrong, 0u) << sweep.first;
}

TEST(MetaPowerLoss, WithoutTheBarrierAFamilyOvertakesTheLog) {
  SetMutant(Mutant::kBarrierSkipped);
  History history;
  history.Run();
  SetMutant(Mutant::kNone);
  EXPECT_GT(LosePowerEverywhere(history.files(), TestSeed(2)).wrong, 0u);
}

// Files of `image` that hold `secret`.
std::size_t FilesWith(SimFileSystem& image, std::string_view secret) {
  std::size_t found = 0;
  const auto names = image.List("/db/meta");
  if (!names.ok()) return 0;
  for (const std::string& name : *names) {
    const auto file = image.Open("/db/meta/" + name, OpenMode::kRead);
    std::string content(*(*file)->Size(), '\0');
    (*file)->ReadAt(0, std::as_writable_bytes(std::span(content))).status().IgnoreError();
    if (content.find(secret) != content.npos) ++found;
  }
  return found;
}

// From the return of a rewrite on: neither rows nor names of files that held them come back.
TEST(MetaPowerLoss, WhatARewriteHasErasedNeverComesBack) {
  const std::string secret("\xf1\x52\x93\xd4\x25\x66\xa7\xe8\x39\x7a\xbb\xfc\x4d\x8e\xcf\x1f");
  const std::vector<std::byte> metadata = *EncodeMetadata({{"text", secret}});
  auto files = std::make_shared<SimFileSystem>();
  ASSERT_TRUE(files->CreateDirectory("/db").ok());
  ASSERT_TRUE(files->SyncDirectory("/").ok());
  auto opened = Open(files, {});
  ASSERT_TRUE(opened.ok()) << opened.status();
  ASSERT_TRUE(files->SyncDirectory("/db").ok());
  MetaStore& store = **opened;
  RowBatch batch;
  batch.field_names = {{0, "text"}};
  batch.inserts = {{.id = 1, .version = Lsn{1}, .metadata = metadata},
                   {.id = 2, .version = Lsn{1}}};
  ASSERT_TRUE(store.Apply(batch, Lsn{1}, kAll).ok());
  ASSERT_TRUE(store.Flush().ok());
  files->Mark("written");
  batch.Clear();
  batch.erases = {{.id = 1, .version = Lsn{1}, .fields = *store.FieldKeys(metadata)}};
  ASSERT_TRUE(store.Apply(batch, Lsn{2}, kAll).ok());
  ASSERT_TRUE(store.Rewrite().ok());
  files->Mark("erased");
  batch.Clear();
  batch.inserts = {{.id = 3, .version = Lsn{3}}};
  ASSERT_TRUE(store.Apply(batch, Lsn{3}, kAll).ok());
  ASSERT_TRUE(store.Flush().ok());
  opened->reset();

  std::mt19937_64 random(TestSeed(3));
  std::size_t images = 0;
  std::size_t with_before = 0;
  std::size_t with_after = 0;
  CrashReplayer replayer = files->Replay();
  for (std::size_t op = 0; op <= files->OpCount(); ++op) {
    replayer.AdvanceTo(op);
    if (replayer.texts().empty()) continue;
    const bool erased = replayer.texts().back() == "erased";
    for (const CrashPolicy policy : kAllCrashPolicies) {
      auto image = std::make_shared<SimFileSystem>(replayer.PowerLoss(random, policy));
      (erased ? with_after : with_before) += FilesWith(*image, secret);
      ++images;
      const auto again = Open(image, {});
      ASSERT_TRUE(again.ok()) << again.status() << " at operation " << op;
      ASSERT_TRUE((*again)->FindVersion(2, Lsn{9})->has_value()) << op;
      const bool held = (*again)->applied()[static_cast<std::size_t>(Family::kIds)] < Lsn{2};
      ASSERT_EQ((*again)->FindVersion(1, Lsn{9})->has_value(), held) << op;
      if (erased) {
        ASSERT_FALSE(held) << op;
      }
    }
  }
  PrintCounts({{"images", images}, {"with the row before", with_before}});
  EXPECT_GT(images, 300u);
  EXPECT_GT(with_before, 100u);
  EXPECT_EQ(with_after, 0u);
}

}  // namespace
}  // namespace engram
