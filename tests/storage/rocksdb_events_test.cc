#include "storage/rocksdb_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace engram {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RocksDbLoggerTest : public testing::Test {
 protected:
  std::vector<std::string> lines_;
  RocksDbLogger logger_{[this](LogLevel level, std::string_view text) {
    lines_.push_back((level == LogLevel::kError ? "E " : "W ") + std::string(text));
  }};
};

TEST_F(RocksDbLoggerTest, CallsNobodyBeforeItIsTold) {
  rocksdb::Error(&logger_, "disk %d", 7);
  rocksdb::Warn(&logger_, "slow");
  rocksdb::Info(&logger_, "chatter");
  EXPECT_THAT(lines_, IsEmpty());
  logger_.Deliver();
  EXPECT_THAT(lines_, ElementsAre("E RocksDB: disk 7", "W RocksDB: slow"));
  logger_.Deliver();
  EXPECT_EQ(lines_.size(), 2u);
}

TEST_F(RocksDbLoggerTest, CountsWhatItDropsWhereNobodyListens) {
  for (int i = 0; i < 100; ++i) rocksdb::Warn(&logger_, "line %d", i);
  logger_.Deliver();
  ASSERT_EQ(lines_.size(), 65u);
  EXPECT_EQ(lines_[63], "W RocksDB: line 63");
  EXPECT_THAT(lines_[64], HasSubstr("36 more"));
  lines_.clear();
  rocksdb::Warn(&logger_, "again");
  logger_.Deliver();
  EXPECT_THAT(lines_, ElementsAre("W RocksDB: again"));
}

TEST(RocksDbLogger, WithoutACallbackNothingIsKept) {
  RocksDbLogger logger(nullptr);
  rocksdb::Error(&logger, "lost");
  logger.Deliver();
}

TEST(BackgroundWork, ACompactionWithoutRoomIsKeptFromRocksDb) {
  BackgroundWork work;
  rocksdb::Status error = rocksdb::Status::NoSpace("/meta/000007.sst: disk full");
  work.OnBackgroundError(rocksdb::BackgroundErrorReason::kCompaction, &error);
  EXPECT_TRUE(error.ok());
  EXPECT_TRUE(work.error().ok());
  EXPECT_EQ(work.counts().failed_compactions, 1u);
}

TEST(BackgroundWork, ACompactionThatCouldNotWriteTheManifestFailsForGood) {
  BackgroundWork work;
  rocksdb::Status error = rocksdb::Status::NoSpace("/meta/MANIFEST-000005: disk full");
  work.OnBackgroundError(rocksdb::BackgroundErrorReason::kCompaction, &error);
  EXPECT_FALSE(error.ok());
  EXPECT_EQ(work.error().code(), Code::kIoError);
}

TEST(BackgroundWork, WhoWaitsForAChangeGoesOnAfterATime) {
  BackgroundWork work;
  const BackgroundWork::Counts seen = work.counts();
  work.WaitForChange(seen, std::chrono::milliseconds(1));  // nothing has changed
  EXPECT_EQ(work.counts(), seen);
  work.CountCompaction();
  work.WaitForChange(seen);
  EXPECT_EQ(work.counts().compactions, 1u);
}

}  // namespace
}  // namespace engram
