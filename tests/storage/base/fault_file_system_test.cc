#include "tests/support/fault_file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "storage/base/posix_file_system.h"
#include "tests/support/sim_file_system.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string Durable(const SimFileSystem& sim, const std::string& path, CrashPolicy policy) {
  CrashReplayer replayer = sim.Replay();
  replayer.AdvanceTo(sim.OpCount());
  std::mt19937_64 random(1);
  const SimImage image = replayer.PowerLoss(random, policy);
  const SimBytes* bytes = image.FindFile(path);
  return bytes != nullptr ? bytes->ToString() : "(none)";
}

// A fault layer over a simulation where /f holds "old", with /f open.
class FaultFileSystemTest : public ::testing::Test {
 protected:
  FaultFileSystemTest() {
    SimImage image;
    image.AddFile("/f", "old");
    sim_ = std::make_shared<SimFileSystem>(image);
    fs_ = std::make_unique<FaultFileSystem>(sim_, kAllIo);
    file_ = std::move(fs_->Open("/f", OpenMode::kReadWrite)).value();
  }

  std::string Live(const std::string& path) const {
    const SimImage image = sim_->LiveImage();
    const SimBytes* bytes = image.FindFile(path);
    return bytes != nullptr ? bytes->ToString() : "(none)";
  }

  std::shared_ptr<SimFileSystem> sim_;
  std::unique_ptr<FaultFileSystem> fs_;
  std::unique_ptr<File> file_;
};

TEST_F(FaultFileSystemTest, WithoutAPlanEverythingPassesAndIsCounted) {
  ASSERT_TRUE(file_->WriteAt(0, Bytes("new")).ok());
  ASSERT_TRUE(file_->WriteAndSync(0, Bytes("n")).ok());
  const std::string text = "ab";
  const std::array<WriteOp, 2> many = {WriteOp{0, Bytes(text)}, WriteOp{5, Bytes(text)}};
  ASSERT_TRUE(file_->WriteMany(many).ok());
  std::array<std::byte, 2> out;
  const std::array<ReadOp, 1> reads = {ReadOp{0, out}};
  ASSERT_TRUE(file_->ReadMany(reads).ok());
  EXPECT_EQ(*file_->Size(), 7U);
  EXPECT_EQ(fs_->ops(), 8U);  // open, write, write and sync, two writes, read, size
  EXPECT_EQ(fs_->faults_hit(), 0U);
  FaultFileSystem mutating_only(sim_);
  ASSERT_TRUE(mutating_only.Stat("/f").ok());
  ASSERT_TRUE(mutating_only.Open("/f", OpenMode::kCreate).ok());
  EXPECT_EQ(mutating_only.ops(), 0U);
  ASSERT_TRUE(mutating_only.Open("/g", OpenMode::kCreate).ok());
  EXPECT_EQ(mutating_only.ops(), 1U);
}

TEST_F(FaultFileSystemTest, OnceHitsTheNthAlone) {
  fs_->SetPlan({.kinds = {IoKind::kWrite}, .nth = 1});
  EXPECT_TRUE(file_->WriteAt(0, Bytes("1")).ok());
  EXPECT_TRUE(file_->SyncData().ok());
  EXPECT_EQ(file_->WriteAt(0, Bytes("2")).code(), Code::kIoError);
  EXPECT_EQ(Live("/f"), "1ld");
  EXPECT_TRUE(file_->WriteAt(0, Bytes("3")).ok());
  EXPECT_EQ(fs_->faults_hit(), 1U);
}

TEST_F(FaultFileSystemTest, StickyHitsAllFromTheNthOn) {
  fs_->SetPlan({.repeat = FaultRepeat::kSticky, .kinds = {IoKind::kWrite}, .nth = 1});
  EXPECT_TRUE(file_->WriteAt(0, Bytes("1")).ok());
  EXPECT_FALSE(file_->WriteAt(0, Bytes("2")).ok());
  EXPECT_FALSE(file_->WriteAt(0, Bytes("3")).ok());
  EXPECT_TRUE(file_->SyncData().ok());
  EXPECT_EQ(fs_->faults_hit(), 2U);
  fs_->ClearPlan();
  EXPECT_TRUE(file_->WriteAt(0, Bytes("4")).ok());
}

TEST_F(FaultFileSystemTest, OnlyPathsThatMatchAreHit) {
  fs_->SetPlan({.repeat = FaultRepeat::kSticky, .kinds = kAllIo, .path_contains = "wal"});
  EXPECT_TRUE(file_->WriteAt(0, Bytes("1")).ok());
  EXPECT_FALSE(fs_->Open("/wal1", OpenMode::kCreate).ok());
  EXPECT_FALSE(fs_->Rename("/f", "/wal2").ok());
  EXPECT_EQ(Live("/f"), "1ld");
}

TEST_F(FaultFileSystemTest, EveryKindCanFail) {
  const auto failing = [&](IoKind kind, auto call) {
    fs_->SetPlan({.kinds = {kind}});
    return call().code() == Code::kIoError;
  };
  std::array<std::byte, 2> out;
  EXPECT_TRUE(failing(IoKind::kOpen, [&] { return fs_->Open("/f", OpenMode::kCreate); }));
  EXPECT_TRUE(failing(IoKind::kCreate, [&] { return fs_->Open("/g", OpenMode::kCreate); }));
  EXPECT_TRUE(failing(IoKind::kRename, [&] { return fs_->Rename("/f", "/g"); }));
  EXPECT_TRUE(failing(IoKind::kUnlink, [&] { return fs_->Unlink("/f"); }));
  EXPECT_TRUE(failing(IoKind::kUnlink, [&] { return fs_->RemoveDirectory("/d"); }));
  EXPECT_TRUE(failing(IoKind::kSyncDir, [&] { return fs_->SyncDirectory("/"); }));
  EXPECT_TRUE(failing(IoKind::kAllocate, [&] { return file_->Allocate(0, 10); }));
  EXPECT_TRUE(failing(IoKind::kAllocate, [&] { return file_->Reserve(0, 10); }));
  EXPECT_TRUE(failing(IoKind::kTruncate, [&] { return file_->Truncate(0); }));
  EXPECT_TRUE(failing(IoKind::kDeallocate, [&] { return file_->Deallocate(0, 10); }));
  EXPECT_TRUE(failing(IoKind::kRead, [&] { return file_->ReadAt(0, out); }));
  EXPECT_TRUE(failing(IoKind::kRead, [&] { return file_->Map(0, 1); }));
  EXPECT_TRUE(failing(IoKind::kRead, [&] { return file_->MapPrivate(0, 0, nullptr); }));
  EXPECT_TRUE(failing(IoKind::kWrite, [&] { return file_->WriteAt(0, Bytes("x")); }));
  EXPECT_TRUE(failing(IoKind::kSync, [&] { return file_->SyncData(); }));
  EXPECT_TRUE(failing(IoKind::kList, [&] { return fs_->List("/"); }));
  EXPECT_TRUE(failing(IoKind::kStat, [&] { return fs_->Stat("/f"); }));
  EXPECT_TRUE(failing(IoKind::kStat, [&] { return file_->Size(); }));
  EXPECT_TRUE(failing(IoKind::kStat, [&] { return file_->AllocatedBytes(); }));
  EXPECT_TRUE(failing(IoKind::kLock, [&] { return fs_->Lock("/l", LockMode::kExclusive, "me"); }));
  EXPECT_TRUE(failing(IoKind::kMkdir, [&] { return fs_->CreateDirectory("/d"); }));
  EXPECT_EQ(fs_->faults_hit(), 21U);
  EXPECT_EQ(sim_->OpCount(), 0U) << "nothing was done";
}

TEST_F(FaultFileSystemTest, ShortWritesLeaveAPrefix) {
  fs_->SetPlan({.fault = Fault::kShort, .kinds = {IoKind::kWrite}});
  EXPECT_EQ(file_->WriteAt(0, Bytes("abcdef")).code(), Code::kIoError);
  EXPECT_EQ(Live("/f"), "abc");
  const std::string text = "1234";
  const std::array<WriteOp, 3> many = {WriteOp{0, Bytes(text)}, WriteOp{10, Bytes(text)},
                                       WriteOp{20, Bytes(text)}};
  fs_->SetPlan({.fault = Fault::kShort, .kinds = {IoKind::kWrite}, .nth = 1});
  EXPECT_EQ(file_->WriteMany(many).code(), Code::kIoError);
  EXPECT_EQ(Live("/f"), std::string("1234\0\0\0\0\0\0"
                                    "12",
                                    12));
}

TEST_F(FaultFileSystemTest, AFullDiskSaysSoWhereSpaceIsNeeded) {
  fs_->SetPlan({.fault = Fault::kNoSpace, .repeat = FaultRepeat::kSticky, .kinds = kMutatingIo});
  EXPECT_EQ(file_->WriteAt(0, Bytes("ab")).code(), Code::kNoSpace);
  EXPECT_EQ(file_->Allocate(0, 10).code(), Code::kNoSpace);
  EXPECT_EQ(file_->Reserve(0, 10).code(), Code::kNoSpace);
  EXPECT_EQ(fs_->Open("/g", OpenMode::kCreate).code(), Code::kNoSpace);
  EXPECT_EQ(fs_->CreateDirectory("/d").code(), Code::kNoSpace);
  EXPECT_EQ(file_->SyncData().code(), Code::kIoError);
  EXPECT_EQ(fs_->Unlink("/f").code(), Code::kIoError);
  EXPECT_EQ(Live("/f"), "ald");
  EXPECT_EQ(Durable(*sim_, "/f", CrashPolicy::kKeepAll), "old") << "the sync failed for good";
}

TEST_F(FaultFileSystemTest, AFailedSyncLosesWhatItShouldHaveWritten) {
  fs_->SetPlan({.fault = Fault::kSyncFail, .kinds = {IoKind::kSync}});
  EXPECT_EQ(file_->WriteAndSync(0, Bytes("new")).code(), Code::kIoError);
  EXPECT_EQ(Live("/f"), "new");
  EXPECT_EQ(file_->SyncData().code(), Code::kOk) << "calling again proves nothing";
  EXPECT_EQ(Durable(*sim_, "/f", CrashPolicy::kKeepAll), "old");
}

TEST_F(FaultFileSystemTest, AFailedSyncWithPlainErrorLeavesTheBytesPending) {
  fs_->SetPlan({.fault = Fault::kError, .kinds = {IoKind::kSync}});
  EXPECT_EQ(file_->WriteAndSync(0, Bytes("new")).code(), Code::kIoError);
  EXPECT_EQ(Durable(*sim_, "/f", CrashPolicy::kKeepAll), "new");
  EXPECT_EQ(Durable(*sim_, "/f", CrashPolicy::kLoseAll), "old");
}

TEST_F(FaultFileSystemTest, ACrashFreezesTheSimulationWithTheOperationUnderWay) {
  fs_->SetPlan({.fault = Fault::kCrash, .kinds = {IoKind::kWrite}});
  EXPECT_EQ(file_->WriteAt(0, Bytes("new")).code(), Code::kIoError);
  EXPECT_TRUE(fs_->crashed());
  fs_->ClearPlan();
  EXPECT_EQ(file_->SyncData().code(), Code::kIoError);
  EXPECT_EQ(fs_->Unlink("/f").code(), Code::kIoError);
  EXPECT_EQ(Durable(*sim_, "/f", CrashPolicy::kKeepAll), "new");
  EXPECT_EQ(Durable(*sim_, "/f", CrashPolicy::kLoseAll), "old");
}

TEST_F(FaultFileSystemTest, ACrashInASyncLeavesItUndone) {
  ASSERT_TRUE(file_->WriteAt(0, Bytes("new")).ok());
  fs_->SetPlan({.fault = Fault::kCrash, .kinds = {IoKind::kSync}});
  EXPECT_EQ(file_->SyncData().code(), Code::kIoError);
  EXPECT_EQ(Durable(*sim_, "/f", CrashPolicy::kLoseAll), "old");
}

TEST(FaultFileSystem, ACrashOverARealFileSystemFailsEverythingAfterIt) {
  TempDir dir;
  FaultFileSystem fs(MakePosixFileSystem());
  const auto file = std::move(fs.Open(dir.File("f"), OpenMode::kCreate)).value();
  fs.SetPlan({.fault = Fault::kCrash, .kinds = {IoKind::kWrite}});
  EXPECT_EQ(file->WriteAt(0, Bytes("new")).code(), Code::kIoError);
  EXPECT_EQ(file->WriteAt(0, Bytes("x")).code(), Code::kIoError);
  EXPECT_EQ(file->Size().code(), Code::kIoError);
  EXPECT_EQ(fs.Open(dir.File("f"), OpenMode::kRead).code(), Code::kIoError);
  EXPECT_EQ(MakePosixFileSystem()->Stat(dir.File("f"))->size, 3U);
}

TEST_F(FaultFileSystemTest, AProbabilityIsKeptAndRepeatable) {
  const auto run = [&](FaultRepeat repeat) {
    fs_->SetPlan({.repeat = repeat, .kinds = {IoKind::kWrite}, .probability = 0.1, .seed = 42});
    std::vector<bool> ok;
    for (int i = 0; i < 1000; ++i) ok.push_back(file_->WriteAt(0, Bytes("x")).ok());
    return ok;
  };
  const std::vector<bool> first = run(FaultRepeat::kOnce);
  const auto failed = std::count(first.begin(), first.end(), false);
  EXPECT_GT(failed, 50);
  EXPECT_LT(failed, 200);
  EXPECT_EQ(run(FaultRepeat::kOnce), first);
  const std::vector<bool> sticky = run(FaultRepeat::kSticky);
  const auto hit = std::find(sticky.begin(), sticky.end(), false);
  EXPECT_EQ(std::count(hit, sticky.end(), true), 0);
}

TEST_F(FaultFileSystemTest, ASyncTakesItsTime) {
  using std::chrono::steady_clock;
  fs_->SetSyncDelay(std::chrono::milliseconds(5));
  const auto begin = steady_clock::now();
  ASSERT_TRUE(file_->SyncData().ok());
  ASSERT_TRUE(file_->WriteAndSync(0, Bytes("x")).ok());
  ASSERT_TRUE(fs_->SyncDirectory("/").ok());
  EXPECT_GE(steady_clock::now() - begin, std::chrono::milliseconds(15));
}

TEST_F(FaultFileSystemTest, ThreadsShareOnePlan) {
  fs_->SetPlan({.kinds = {IoKind::kWrite}, .nth = 500});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 250; ++i) {
        // One of the thousand fails, in whichever thread.
        file_->WriteAt(static_cast<std::uint64_t>(t) * 8, Bytes("x")).IgnoreError();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fs_->faults_hit(), 1U);
  EXPECT_EQ(sim_->OpCount(), 999U);
}

}  // namespace
}  // namespace engram
