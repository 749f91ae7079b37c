#include "storage/base/uring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cerrno>
#include <vector>

#include "storage/base/posix_file.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

class UringTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<Uring>> ring = Uring::Create();
    if (!ring.ok()) {
      EXPECT_EQ(ring.code(), Code::kNotSupported);
      GTEST_SKIP() << ring.status();
    }
    ring_ = std::move(*ring);
  }
  FileDescriptor Open(const std::string& path, int flags) {
    return std::move(OpenDescriptor(path, flags)).value();
  }

  TempDir dir_;
  std::unique_ptr<Uring> ring_;
};

TEST_F(UringTest, IsNotSupportedWhereTheSystemRefusesARing) {
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const Code code = Uring::Create().code();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(code, Code::kNotSupported);
}

TEST_F(UringTest, ReportsHowFarAReadGot) {
  const FileDescriptor fd = Open(dir_.File("f"), O_RDWR | O_CREAT);
  const std::vector<std::byte> bytes(100, std::byte{3});
  const auto written = ring_->WriteThenSync(fd.get(), 0, bytes);
  EXPECT_EQ(written.written, 100);
  EXPECT_EQ(written.sync, 0);

  std::vector<std::byte> out(300);
  std::vector<Uring::Transfer> reads = {{.offset = 0, .data = out.data(), .size = 60},
                                        {.offset = 60, .data = out.data() + 60, .size = 60},
                                        {.offset = 500, .data = out.data() + 120, .size = 60}};
  ring_->Run(fd.get(), Uring::Direction::kRead, reads);
  EXPECT_EQ(reads[0].result, 60);
  EXPECT_EQ(reads[1].result, 40);
  EXPECT_EQ(reads[2].result, 0);
  EXPECT_EQ(out[99], std::byte{3});
}

TEST_F(UringTest, BeginsNoMoreAfterAnError) {
  const FileDescriptor fd = Open("/dev/full", O_RDWR);
  std::vector<std::byte> bytes(10);
  std::vector<Uring::Transfer> writes(1000,
                                      {.offset = 0, .data = bytes.data(), .size = bytes.size()});
  ring_->Run(fd.get(), Uring::Direction::kWrite, writes);
  EXPECT_EQ(writes.front().result, -ENOSPC);
  EXPECT_EQ(writes.back().result, 0);
  EXPECT_TRUE(ring_->usable());
}

TEST_F(UringTest, DoesNotSyncBehindAFailedWrite) {
  const FileDescriptor fd = Open("/dev/full", O_RDWR);
  const auto result = ring_->WriteThenSync(fd.get(), 0, std::vector<std::byte>(10));
  EXPECT_EQ(result.written, -ENOSPC);
  EXPECT_FALSE(result.sync.has_value());
}

TEST_F(UringTest, ReportsAFailedSyncBehindAGoodWrite) {
  const FileDescriptor fd = Open("/dev/null", O_RDWR);
  const auto result = ring_->WriteThenSync(fd.get(), 0, std::vector<std::byte>(10));
  EXPECT_EQ(result.written, 10);
  EXPECT_EQ(result.sync, -EINVAL);
}

}  // namespace
}  // namespace engram
