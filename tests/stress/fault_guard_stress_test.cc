// Many threads lose the same pages of mapped files at once, while ranges come and go.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "storage/base/fault_guard.h"
#include "storage/base/posix_file_system.h"
#include "tests/support/temp_dir.h"
#include "tests/support/watchdog.h"

namespace engram {
namespace {

TEST(FaultGuardStress, ThreadsThatLosePagesTogetherSeeZerosAndFindThemCounted) {
  const Watchdog watchdog("concurrent faults", std::chrono::seconds(120));
  constexpr std::size_t kPages = 64, kThreads = 6;
  constexpr int kRounds = 30;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const TempDir dir;
  const std::string path = dir.File("mapped");
  std::atomic<bool> stop{false};
  std::thread registering([&] {
    // Elsewhere: nobody touches these.
    void* const nowhere = reinterpret_cast<void*>(page);
    while (!stop.load(std::memory_order_relaxed)) {
      const auto a = FaultRange::Register(nowhere, page), b = FaultRange::Register(nowhere, page);
      EXPECT_TRUE(a.ok() && b.ok());
      EXPECT_EQ(a->count() + b->count(), 0u);
    }
  });
  for (int round = 0; round < kRounds; ++round) {
    std::ofstream(path) << std::string(kPages * page, '\1');
    const auto file = MakePosixFileSystem()->Open(path, OpenMode::kRead);
    ASSERT_TRUE(file.ok()) << file.status();
    const Mapping mapping = (*file)->Map(0, kPages * page).value();
    const auto read = [&mapping, page](std::size_t i) {
      const volatile std::byte* const bytes = mapping.bytes().data();
      const std::byte byte = bytes[i * page];
      return byte;
    };
    const FaultRange range = FaultRange::Register(mapping.bytes().data(), kPages * page).value();
    std::filesystem::resize_file(path, page);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        EXPECT_EQ(read(0), std::byte{1});
        for (std::size_t i = 1; i < kPages; ++i) {
          EXPECT_EQ(read(i), std::byte{0});
          EXPECT_GT(range.count(), 0u);
          EXPECT_TRUE(range.first_offset().has_value());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_GE(range.count(), kPages - 1);
    EXPECT_LE(range.count(), (kPages - 1) * kThreads);
    EXPECT_EQ(*range.first_offset(), page);
  }
  stop.store(true, std::memory_order_relaxed);
  registering.join();
}

}  // namespace
}  // namespace engram
