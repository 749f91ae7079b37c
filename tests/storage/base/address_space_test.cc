#include "storage/base/address_space.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <string>
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

// Whether the process may read there, without a fault where it may not.
bool IsReadable(const std::byte* at) {
  int ends[2];
  if (::pipe(ends) != 0) return false;
  const bool readable = ::write(ends[1], at, 1) == 1;
  ::close(ends[0]);
  ::close(ends[1]);
  return readable;
}

// So many mappings of the process are of the file.
std::size_t CountMappings(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.ends_with(path) ? 1u : 0u;
  return count;
}

// Pages of the range that are in memory.
std::size_t PagesInMemory(std::byte* from, std::uint64_t bytes) {
  std::vector<unsigned char> in_memory(bytes / kPage);
  EXPECT_EQ(::mincore(from, bytes, in_memory.data()), 0);
  return static_cast<std::size_t>(
      std::count_if(in_memory.begin(), in_memory.end(), [](unsigned char b) { return b & 1; }));
}

TEST(AddressSpace, ShrinkGivesMemoryBackAndWhatComesAgainIsZero) {
  for (const auto pages : {AddressSpace::Pages::kHuge, AddressSpace::Pages::kSmall}) {
    Result<AddressSpace> reserved = AddressSpace::Reserve(64 * kMiB, 64 * kMiB, pages);
    ASSERT_TRUE(reserved.ok()) << reserved.status();
    AddressSpace& space = *reserved;
    ASSERT_TRUE(space.Extend(9 * kMiB).ok());
    std::byte* const base = space.base();
    std::fill(base, base + 9 * kMiB, std::byte{7});
    EXPECT_GE(PagesInMemory(base, 10 * kMiB), 9 * kMiB / kPage);
    // Amid a huge page, and of a system page.
    constexpr std::uint64_t kLeft = 5 * kMiB + 3 * kPage + 8;
    ASSERT_TRUE(space.Shrink(kLeft).ok());
    EXPECT_EQ(space.size(), kLeft);
    EXPECT_EQ(space.base(), base);
    EXPECT_EQ(base[kLeft - 1], std::byte{7});
    EXPECT_EQ(PagesInMemory(base + 6 * kMiB, 4 * kMiB), 0u);
    EXPECT_EQ(PagesInMemory(base + 5 * kMiB + 4 * kPage, kMiB - 4 * kPage), 0u);
    EXPECT_FALSE(IsReadable(base + 6 * kMiB));
    ASSERT_TRUE(space.Shrink(8 * kMiB).ok());  // never grows
    EXPECT_EQ(space.size(), kLeft);

    ASSERT_TRUE(space.Extend(20 * kMiB).ok());
    EXPECT_EQ(base[kLeft - 1], std::byte{7});
    EXPECT_EQ(std::count(base + kLeft, base + 20 * kMiB, std::byte{0}), 20 * kMiB - kLeft);
    base[20 * kMiB - 1] = std::byte{8};
    ASSERT_TRUE(space.Shrink(0).ok());
    EXPECT_FALSE(IsReadable(base));
    ASSERT_TRUE(space.Extend(20 * kMiB).ok());
    EXPECT_EQ(base[20 * kMiB - 1], std::byte{0});
  }
}

TEST(AddressSpace, ClearedBytesAreZeroAndTheirNeighboursStay) {
  AddressSpace space = MustReserve(8 * kMiB);
  ASSERT_TRUE(space.Extend(8 * kMiB).ok());
  const auto check = [&](std::uint64_t at, std::uint64_t length) {
    std::fill(space.base(), space.base() + 8 * kMiB, std::byte{7});
    space.Clear(at, length);
    EXPECT_EQ(std::count(space.base() + at, space.base() + at + length, std::byte{0}), length);
    EXPECT_EQ(std::count(space.base(), space.base() + 8 * kMiB, std::byte{0}), length);
  };
  check(0, 8 * kMiB);
  check(kPage, 3 * kPage);
  check(kPage + 8, 3 * kPage);
  check(kPage + 8, 16);
  check(3 * kPage - 8, 16);
  check(kPage, 0);
}

TEST(AddressSpace, LockedMemoryIsClearedAndGivenBackToo) {
  AddressSpace space = MustReserve(4 * kMiB);
  ASSERT_TRUE(space.Extend(4 * kMiB).ok());
  std::byte* const base = space.base();
  if (::mlock(base, 8 * kPage) != 0) GTEST_SKIP() << "this process may lock no memory";
  std::fill(base, base + 8 * kPage, std::byte{7});
  space.Clear(kPage, 2 * kPage);
  EXPECT_EQ(base[0], std::byte{7});
  EXPECT_EQ(base[kPage], std::byte{0});
  EXPECT_EQ(base[3 * kPage - 1], std::byte{0});
  ASSERT_TRUE(space.Shrink(kPage).ok());
  ASSERT_TRUE(space.Extend(4 * kMiB).ok());
  EXPECT_EQ(base[4 * kPage], std::byte{0});
}

TEST(AddressSpace, ShrinkTakesViewsAwayWithTheirHoldOnTheFile) {
  const TempDir dir;
  const std::string path = dir.File("viewed");
  auto file = MakePosixFileSystem()->Open(path, OpenMode::kCreateNew);
  ASSERT_TRUE(file.ok());
  const std::vector<std::byte> old(8 * kPage, std::byte{1});
  ASSERT_TRUE((*file)->WriteAt(0, old).ok());
  AddressSpace space = MustReserve(2 * kMiB);
  ASSERT_TRUE(space.MapFile(**file, 0, 4 * kPage, 0).ok());
  ASSERT_TRUE(space.MapFile(**file, 6 * kPage, 2 * kPage, 4 * kPage).ok());
  std::byte* const base = space.base();
  base[0] = std::byte{2};
  base[5 * kPage] = std::byte{3};
  EXPECT_EQ(CountMappings(path), 2u);

  ASSERT_TRUE(space.Shrink(3 * kPage).ok());
  EXPECT_EQ(space.size(), 3 * kPage);
  EXPECT_EQ(CountMappings(path), 1u);
  EXPECT_FALSE(IsReadable(base + 3 * kPage));
  EXPECT_FALSE(IsReadable(base + 5 * kPage));
  EXPECT_EQ(base[0], std::byte{2}) << "what stays keeps its copies";
  EXPECT_EQ(base[2 * kPage], std::byte{1});
  // Nothing is lost with the file's end, and another part of it may come there.
  ASSERT_TRUE((*file)->Truncate(3 * kPage).ok());
  const std::vector<std::byte> fresh(2 * kPage, std::byte{4});
  ASSERT_TRUE((*file)->WriteAt(4 * kPage, fresh).ok());
  ASSERT_TRUE(space.MapFile(**file, 4 * kPage, 2 * kPage, 3 * kPage).ok());
  EXPECT_EQ(base[3 * kPage], std::byte{4});
  EXPECT_EQ(base[4 * kPage], std::byte{4});
  ASSERT_TRUE(space.Shrink(0).ok());
  EXPECT_EQ(CountMappings(path), 0u);
}

TEST(AddressSpace, WhatShrankIsNoChildsEither) {
  AddressSpace space = MustReserve(4 * kMiB);
  ASSERT_TRUE(space.Extend(4 * kMiB).ok());
  ASSERT_TRUE(space.Shrink(kPage).ok());
  ASSERT_TRUE(space.Extend(4 * kMiB).ok());
  space.base()[3 * kMiB] = std::byte{5};
  const pid_t child = ::fork();
  if (child == 0) ::_exit(IsReadable(space.base() + 3 * kMiB) ? 1 : 0);
  int status = 1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
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
