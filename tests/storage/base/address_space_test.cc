#include "storage/base/address_space.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "storage/base/posix_file_system.h"
#include "tests/support/temp_dir.h"

namespace engram {
namespace {

constexpr std::uint64_t kMiB = 1ull << 20;
constexpr std::uint64_t kPage = 4096;

AddressSpace MustReserve(std::uint64_t capacity) {
  Result<AddressSpace> space = AddressSpace::Reserve(capacity, 2 * kMiB);
  EXPECT_TRUE(space.ok()) << space.status();
  return space.ok() ? std::move(*space) : AddressSpace();
}

TEST(AddressSpace, IsAlignedAndRoundedUpToHugePages) {
  const AddressSpace space = MustReserve(5 * kMiB + 1);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(space.base()) % AddressSpace::kHugePageBytes, 0u);
  EXPECT_EQ(space.capacity(), 6 * kMiB);
  EXPECT_EQ(space.size(), 0u);
}

TEST(AddressSpace, ExtendGivesZeroMemoryAndKeepsWhatIsThere) {
  AddressSpace space = MustReserve(64 * kMiB);
  std::byte* const base = space.base();
  ASSERT_TRUE(space.Extend(100).ok());
  base[99] = std::byte{7};
  ASSERT_TRUE(space.Extend(5 * kMiB).ok());
  EXPECT_EQ(space.base(), base);
  EXPECT_EQ(base[99], std::byte{7});
  EXPECT_EQ(base[100], std::byte{0});
  EXPECT_EQ(base[5 * kMiB - 1], std::byte{0});
  base[5 * kMiB - 1] = std::byte{8};
  ASSERT_TRUE(space.Extend(space.capacity()).ok());
  EXPECT_EQ(base[5 * kMiB - 1], std::byte{8});
  base[space.capacity() - 1] = std::byte{9};
  EXPECT_EQ(space.size(), 64 * kMiB);
}

TEST(AddressSpace, ExtendNeverShrinksAndRefusesMoreThanItsCapacity) {
  AddressSpace space = MustReserve(4 * kMiB);
  ASSERT_TRUE(space.Extend(3 * kMiB).ok());
  ASSERT_TRUE(space.Extend(kMiB).ok());
  EXPECT_EQ(space.size(), 3 * kMiB);
  EXPECT_EQ(space.Extend(4 * kMiB + 1).code(), Code::kIoError);
  EXPECT_EQ(space.Extend(~0ull).code(), Code::kIoError);
  EXPECT_EQ(space.size(), 3 * kMiB);
  EXPECT_EQ(AddressSpace().Extend(1).code(), Code::kIoError);
}

TEST(AddressSpace, ALargeReservationTakesNoMemory) {
  AddressSpace space = MustReserve(1ull << 40);
  EXPECT_GE(space.capacity(), 1ull << 30);
  ASSERT_TRUE(space.Extend(kMiB).ok());
  space.base()[kMiB - 1] = std::byte{1};
}

TEST(AddressSpace, FallsBackToWhatTheSystemHas) {
  const AddressSpace space = MustReserve(~0ull);
  EXPECT_NE(space.base(), nullptr);
  EXPECT_LT(space.capacity(), 1ull << 56);
  const Result<AddressSpace> refused = AddressSpace::Reserve(~0ull, ~0ull);
  EXPECT_EQ(refused.code(), Code::kIoError);
}

TEST(AddressSpace, MovesWithoutMovingItsBytes) {
  AddressSpace space = MustReserve(4 * kMiB);
  ASSERT_TRUE(space.Extend(10).ok());
  std::byte* const base = space.base();
  base[0] = std::byte{5};
  AddressSpace moved(std::move(space));
  EXPECT_EQ(space.base(), nullptr);  // NOLINT(bugprone-use-after-move)
  AddressSpace assigned = MustReserve(2 * kMiB);
  assigned = std::move(moved);
  EXPECT_EQ(assigned.base(), base);
  EXPECT_EQ(assigned.size(), 10u);
  EXPECT_EQ(base[0], std::byte{5});
}

TEST(AddressSpace, AFileIsSeenUntilAPageIsWrittenAndAgainWhenItIsDropped) {
  const TempDir dir;
  const auto files = MakePosixFileSystem();
  auto file = files->Open(dir.File("viewed"), OpenMode::kCreateNew);
  ASSERT_TRUE(file.ok()) << file.status();
  const std::vector<std::byte> old(3 * kPage, std::byte{1});
  ASSERT_TRUE((*file)->WriteAt(0, old).ok());
  AddressSpace space = MustReserve(2 * kMiB);
  ASSERT_TRUE(space.MapFile(**file, kPage, 2 * kPage, kPage).ok());
  EXPECT_EQ(space.size(), 3 * kPage);
  std::byte* const bytes = space.base();
  const auto seen = [&](std::size_t at) {  // the compiler knows nothing of a view that changes
    return std::atomic_ref(bytes[at]).load(std::memory_order_relaxed);
  };
  EXPECT_EQ(seen(kPage), std::byte{1});
  bytes[kPage] = std::byte{2};
  const std::vector<std::byte> fresh(2 * kPage, std::byte{3});
  ASSERT_TRUE((*file)->WriteAt(kPage, fresh).ok());
  EXPECT_EQ(seen(kPage), std::byte{2});
  EXPECT_EQ(seen(2 * kPage), std::byte{3});
  EXPECT_TRUE(space.Drop(kPage, kPage));
  EXPECT_EQ(seen(kPage), std::byte{3});
}

TEST(AddressSpace, LockedPagesAreDroppedOrTheirCopiesStay) {
  const TempDir dir;
  auto file = MakePosixFileSystem()->Open(dir.File("viewed"), OpenMode::kCreateNew);
  ASSERT_TRUE(file.ok() && (*file)->Allocate(0, kPage).ok());
  AddressSpace space = MustReserve(2 * kMiB);
  ASSERT_TRUE(space.MapFile(**file, 0, kPage, 0).ok());
  std::byte* const bytes = space.base();
  const auto seen = [&](std::size_t at) {  // the compiler knows nothing of a view that changes
    return std::atomic_ref(bytes[at]).load(std::memory_order_relaxed);
  };
  bytes[0] = std::byte{2};
  ASSERT_EQ(::mlock(space.base(), kPage), 0);
  const bool dropped = space.Drop(0, kPage);
  EXPECT_EQ(seen(0), dropped ? std::byte{0} : std::byte{2});
}

TEST(AddressSpace, AViewBehindTheEndOfTheRangeIsRefused) {
  const TempDir dir;
  auto file = MakePosixFileSystem()->Open(dir.File("viewed"), OpenMode::kCreateNew);
  ASSERT_TRUE(file.ok() && (*file)->Allocate(0, 4 * kMiB).ok());
  AddressSpace space = MustReserve(2 * kMiB);
  EXPECT_EQ(space.MapFile(**file, 0, 4 * kMiB, 0).code(), Code::kIoError);
  EXPECT_EQ(space.MapFile(**file, 0, 2 * kPage, space.capacity() - kPage).code(), Code::kIoError);
  EXPECT_EQ(space.size(), 0u);
}

TEST(AddressSpace, AForkedChildMayDestroyItsCopy) {
  AddressSpace space = MustReserve(4 * kMiB);
  ASSERT_TRUE(space.Extend(10).ok());
  space.base()[0] = std::byte{5};
  const pid_t child = ::fork();
  if (child == 0) {
    space = AddressSpace();
    ::_exit(0);
  }
  int status = 1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(space.base()[0], std::byte{5});
}

}  // namespace
}  // namespace engram
