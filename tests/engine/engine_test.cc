#include "engine/engine.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/engine/engine_fixture.h"

namespace engram {
namespace {

class EngineCallsTest : public EngineTest {
 protected:
  // But those that RocksDB names, and the kernel's for io_uring.
  static std::vector<std::string> ThreadNames() {
    std::vector<std::string> names;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      std::ifstream file(task.path() / "comm");
      std::string name;
      std::getline(file, name);
      if (!name.starts_with("rocksdb:") && !name.starts_with("iou-")) names.push_back(name);
    }
    return names;
  }
};

TEST_F(EngineCallsTest, WhatIsDurableIsSoAfterAFailureToo) {
  ASSERT_NO_FATAL_FAILURE(Open());
  Insert(1, Durability::kNone);  // syncs for the ids it reserves
  const Lsn durable = visible();
  files_->SetPlan({.fault = Fault::kSyncFail,
                   .repeat = FaultRepeat::kSticky,
                   .kinds = {IoKind::kSync},
                   .path_contains = "/wal/"});
  Insert(2, Durability::kNone);
  EXPECT_EQ(engine_->Flush().code(), Code::kIoError);
  EXPECT_TRUE(engine_->WaitDurable(durable).ok());
  EXPECT_EQ(engine_->WaitDurable(visible()).code(), Code::kReadOnly);
}

TEST_F(EngineCallsTest, ACallOnAClosedEngineEndsTheProcess) {
  ASSERT_NO_FATAL_FAILURE(Open());
  ASSERT_TRUE(engine_->Close().ok());
  EXPECT_DEATH({ (void)engine_->Flush(); }, "check failed");
  EXPECT_DEATH({ (void)engine_->Get(1, {}); }, "check failed");
  EXPECT_DEATH({ (void)engine_->Close(); }, "check failed");
}

// As Options::background_threads says. RocksDB's timer has no name of its own.
TEST_F(EngineCallsTest, WithoutBackgroundThreadsOnlyRocksDbHasSome) {
  const std::size_t before = ThreadNames().size();
  config_.options.search_threads = 0;
  ASSERT_NO_FATAL_FAILURE(Open());
  Insert(1);
  ASSERT_TRUE(engine_->Checkpoint().ok());
  std::string all;
  for (const std::string& name : ThreadNames()) all += name + " ";
  EXPECT_LE(ThreadNames().size(), before + 1) << all;
  ASSERT_NO_FATAL_FAILURE(CloseAndOpen());
  EXPECT_LE(ThreadNames().size(), before + 1);
  engine_.reset();
  config_.options.background_threads = 1;
  ASSERT_NO_FATAL_FAILURE(Open());
  EXPECT_GE(ThreadNames().size(), before + 3) << "the test counts what it is to count";
}

}  // namespace
}  // namespace engram
