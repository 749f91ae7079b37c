// Batches and write-and-sync; both file systems pass the same tests.
#include "storage/base/uring_file_system.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "storage/base/posix_file_system.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

class BatchTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    fs_ = MakePosixFileSystem();
    if (GetParam() == std::string("uring")) {
      Result<std::shared_ptr<FileSystem>> uring = MakeUringFileSystem();
      if (!uring.ok()) GTEST_SKIP() << uring.status();
      fs_ = *uring;
    }
    file_ = std::move(fs_->Open(dir_.File("f"), OpenMode::kCreate)).value();
  }

  std::vector<std::byte> Content() {
    std::vector<std::byte> out(static_cast<std::size_t>(*file_->Size()));
    EXPECT_TRUE(ReadExactly(*file_, 0, out).ok());
    return out;
  }

  TempDir dir_;
  std::shared_ptr<FileSystem> fs_;
  std::unique_ptr<File> file_;
};

INSTANTIATE_TEST_SUITE_P(Real, BatchTest, ::testing::Values("posix", "uring"),
                         [](const auto& test) { return std::string(test.param); });

// Cuts `bytes` into pieces of 1 to 8000 bytes, in random order.
template <typename Op, typename Span>
std::vector<Op> Pieces(Span bytes, std::mt19937_64& random) {
  std::vector<Op> ops;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t n = std::min<std::size_t>(1 + random() % 8000, bytes.size() - at);
    ops.push_back({at, bytes.subspan(at, n)});
    at += n;
  }
  std::shuffle(ops.begin(), ops.end(), random);
  return ops;
}

std::vector<std::byte> RandomBytes(std::size_t n, std::mt19937_64& random) {
  std::vector<std::byte> bytes(n);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

TEST_P(BatchTest, AThousandWritesAndReadsInAnyOrder) {
  std::mt19937_64 random(TestSeed(1));
  const std::vector<std::byte> bytes = RandomBytes(4 << 20, random);
  const auto writes = Pieces<WriteOp>(std::span<const std::byte>(bytes), random);
  ASSERT_GE(writes.size(), 1000u);
  const Status written = file_->WriteMany(writes);
  ASSERT_TRUE(written.ok()) << written;
  EXPECT_EQ(Content(), bytes);

  std::vector<std::byte> out(bytes.size());
  const Status read = file_->ReadMany(Pieces<ReadOp>(std::span<std::byte>(out), random));
  ASSERT_TRUE(read.ok()) << read;
  EXPECT_EQ(out, bytes);
}

TEST_P(BatchTest, EmptyBatchesAndEmptyOperationsDoNothing) {
  EXPECT_TRUE(file_->WriteMany({}).ok());
  EXPECT_TRUE(file_->ReadMany({}).ok());
  EXPECT_TRUE(file_->WriteMany(std::vector<WriteOp>(3)).ok());
  EXPECT_TRUE(file_->ReadMany(std::vector<ReadOp>(3)).ok());
  EXPECT_TRUE(file_->WriteAndSync(0, {}).ok());
  EXPECT_EQ(*file_->Size(), 0u);
}

TEST_P(BatchTest, AReadBehindTheEndFailsTheBatch) {
  const std::vector<std::byte> bytes(100, std::byte{7});
  ASSERT_TRUE(file_->WriteAt(0, bytes).ok());
  std::vector<std::byte> a(60);
  std::vector<std::byte> b(60);
  EXPECT_TRUE(file_->ReadMany(std::vector<ReadOp>{{0, a}, {40, b}}).ok());
  const Status status = file_->ReadMany(std::vector<ReadOp>{{0, a}, {41, b}});
  EXPECT_EQ(status.code(), Code::kIoError);
  EXPECT_NE(status.message().find(file_->path()), std::string::npos);
}

TEST_P(BatchTest, ALargeBatchThatFailsComesBackWithItsFirstError) {
  const auto file = fs_->Open(dir_.File("f"), OpenMode::kRead);
  const std::vector<std::byte> bytes(1000);
  std::vector<WriteOp> ops;
  for (std::uint64_t i = 0; i < 500; ++i) ops.push_back({i * 1000, bytes});
  const Status status = (*file)->WriteMany(ops);
  EXPECT_EQ(status.code(), Code::kIoError);
  EXPECT_NE(status.message().find("Bad file descriptor"), std::string::npos) << status;
  EXPECT_EQ(*file_->Size(), 0u);
}

TEST_P(BatchTest, WriteAndSyncWritesAll) {
  std::mt19937_64 random(TestSeed(2));
  const std::vector<std::byte> bytes = RandomBytes(3'000'001, random);
  const std::span<const std::byte> all(bytes);
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t n = std::min<std::size_t>(random() % 400'000, bytes.size() - at);
    const Status status = file_->WriteAndSync(at, all.subspan(at, n));
    ASSERT_TRUE(status.ok()) << status;
    at += n;
  }
  EXPECT_EQ(Content(), bytes);
}

TEST_P(BatchTest, FourThreadsWriteAndReadAtOnce) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kPart = 1 << 20;
  std::mt19937_64 random(TestSeed(3));
  const std::vector<std::byte> bytes = RandomBytes(kThreads * kPart, random);
  std::vector<std::byte> out(bytes.size());
  std::vector<Status> results(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t, seed = random()] {
      std::mt19937_64 own(seed);
      const std::size_t first = t * kPart;
      for (int round = 0; round < 3 && results[t].ok(); ++round) {
        auto writes = Pieces<WriteOp>(std::span(bytes).subspan(first, kPart), own);
        auto reads = Pieces<ReadOp>(std::span(out).subspan(first, kPart), own);
        for (WriteOp& op : writes) op.offset += first;
        for (ReadOp& op : reads) op.offset += first;
        results[t] = file_->WriteMany(writes);
        if (results[t].ok()) results[t] = file_->WriteAndSync(first, writes[0].bytes.first(0));
        if (results[t].ok()) results[t] = file_->ReadMany(reads);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Status& result : results) EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(out, bytes);
}

TEST_P(BatchTest, FilesOutliveTheirFileSystem) {
  fs_.reset();
  const std::vector<std::byte> bytes(10, std::byte{1});
  EXPECT_TRUE(file_->WriteMany(std::vector<WriteOp>{{0, bytes}, {10, bytes}}).ok());
  EXPECT_EQ(*file_->Size(), 20u);
}

TEST(BestFileSystem, AlwaysWorks) {
  const TempDir dir;
  const auto file = MakeBestFileSystem()->Open(dir.File("f"), OpenMode::kCreateNew);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->WriteAndSync(0, std::vector<std::byte>(5)).ok());
}

}  // namespace
}  // namespace engram
