#include "storage/base/file.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

namespace engram {
namespace {

// What the defaults of File are made of: ten bytes of memory, and a record of the calls.
class MemoryFile : public File {
 public:
  MemoryFile() : File("memory") {}

  Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::byte> out) const override {
    const std::size_t left = offset < bytes.size() ? bytes.size() - offset : 0;
    const std::size_t n = std::min(left, out.size());
    if (n > 0) std::memcpy(out.data(), bytes.data() + offset, n);
    return n;
  }
  Status WriteAt(std::uint64_t offset, std::span<const std::byte> in) override {
    if (fail_writes) return Status::NoSpace("full");
    std::memcpy(bytes.data() + offset, in.data(), in.size());
    calls += 'w';
    return {};
  }
  Status SyncData() override {
    calls += 's';
    return {};
  }
  Status Allocate(std::uint64_t, std::uint64_t) override { return {}; }
  Status Reserve(std::uint64_t, std::uint64_t) override { return {}; }
  Status Truncate(std::uint64_t) override { return {}; }
  Status Deallocate(std::uint64_t, std::uint64_t) override { return {}; }
  Result<std::uint64_t> Size() const override { return bytes.size(); }
  Result<std::uint64_t> AllocatedBytes() const override { return bytes.size(); }
  Result<Mapping> Map(std::uint64_t, std::size_t) const override { return Mapping(); }

  std::array<std::byte, 10> bytes = {};
  std::string calls;
  bool fail_writes = false;
};

int g_released = 0;
void CountRelease(void*, std::size_t size) { g_released += static_cast<int>(size); }

TEST(Mapping, IsReleasedOnceHoweverItMoves) {
  g_released = 0;
  const std::byte bytes[4] = {};
  {
    Mapping first(bytes, 4, CountRelease);
    Mapping second(std::move(first));
    Mapping third;
    third = std::move(second);
    EXPECT_EQ(third.bytes().size(), 4u);
    EXPECT_EQ(second.bytes().size(), 0u);  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(g_released, 0);
  }
  EXPECT_EQ(g_released, 4);
}

TEST(Mapping, AssignmentReleasesWhatWasThere) {
  g_released = 0;
  const std::byte bytes[4] = {};
  Mapping view(bytes, 1, CountRelease);
  view = Mapping(bytes, 2, CountRelease);
  EXPECT_EQ(g_released, 1);
  Mapping& self = view;
  view = std::move(self);
  EXPECT_EQ(view.bytes().size(), 2u);
  EXPECT_EQ(g_released, 1);
}

TEST(File, DefaultWriteAndSyncSyncsAfterTheWrite) {
  MemoryFile file;
  const std::array<std::byte, 2> two = {std::byte{1}, std::byte{2}};
  ASSERT_TRUE(file.WriteAndSync(3, two).ok());
  EXPECT_EQ(file.calls, "ws");
  EXPECT_EQ(file.bytes[4], std::byte{2});
}

TEST(File, DefaultWriteAndSyncDoesNotSyncAfterAFailedWrite) {
  MemoryFile file;
  file.fail_writes = true;
  EXPECT_EQ(file.WriteAndSync(0, std::array<std::byte, 1>{}).code(), Code::kNoSpace);
  EXPECT_EQ(file.calls, "");
}

TEST(File, DefaultReadManyFailsBehindTheEnd) {
  MemoryFile file;
  std::array<std::byte, 4> out;
  const std::vector<ReadOp> inside = {{0, out}, {6, out}};
  const std::vector<ReadOp> outside = {{0, out}, {7, out}};
  EXPECT_TRUE(file.ReadMany(inside).ok());
  EXPECT_EQ(file.ReadMany(outside).code(), Code::kIoError);
}

TEST(File, ReadExactlyCallsAShortFileCorrupted) {
  MemoryFile file;
  std::array<std::byte, 4> out;
  EXPECT_TRUE(ReadExactly(file, 6, out).ok());
  const Status status = ReadExactly(file, 7, out);
  EXPECT_EQ(status.code(), Code::kCorruptedIndex);
  EXPECT_EQ(status.message(), "memory ends too early: at 7 found 3 bytes, expected 4");
}

TEST(File, JoinPathAddsASlashWhereThereIsNone) {
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("/", "b"), "/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
}

}  // namespace
}  // namespace engram
