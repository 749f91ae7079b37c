#include "storage/base/fault_guard.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/watchdog.h"

namespace engram {
namespace {

const std::size_t kPage = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));

// A file full of ones, mapped privately. It has no name: a process that dies leaves nothing.
class MappedFile {
 public:
  explicit MappedFile(std::size_t pages) : size_(pages * kPage) {
    std::FILE* const file = std::tmpfile();
    EXPECT_NE(file, nullptr);
    file_.reset(file);
    const std::string ones(size_, '\1');
    EXPECT_EQ(std::fwrite(ones.data(), 1, size_, file), size_);
    EXPECT_EQ(std::fflush(file), 0);
    void* base = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, ::fileno(file), 0);
    EXPECT_NE(base, MAP_FAILED);
    base_ = static_cast<volatile char*>(base);
  }
  ~MappedFile() { ::munmap(base(), size_); }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  void* base() const { return const_cast<char*>(base_); }
  std::size_t size() const { return size_; }
  FaultRange Register() const {
    Result<FaultRange> range = FaultRange::Register(base(), size_);
    EXPECT_TRUE(range.ok()) << range.status();
    return range.ok() ? std::move(*range) : FaultRange();
  }
  void CutTo(std::size_t pages) const {
    EXPECT_EQ(::ftruncate(::fileno(file_.get()), static_cast<off_t>(pages * kPage)), 0);
  }

  char Read(std::size_t page, std::size_t offset = 0) const { return base_[page * kPage + offset]; }
  void Write(std::size_t page, char value) const { base_[page * kPage] = value; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const std::size_t size_;
  std::unique_ptr<std::FILE, Close> file_;
  volatile char* base_ = nullptr;
};

TEST(FaultGuardTest, LostPagesReadAsZerosAndAreCountedAndTheRestStays) {
  const MappedFile file(4);
  const FaultRange range = file.Register();
  file.CutTo(1);
  EXPECT_EQ(range.count(), 0u);
  EXPECT_EQ(range.first_offset(), std::nullopt);
  EXPECT_EQ(file.Read(2, 100), 0);
  EXPECT_EQ(range.count(), 1u);
  EXPECT_EQ(range.first_offset(), 2 * kPage + 100);
  EXPECT_EQ(file.Read(2, 200), 0);  // is there now
  EXPECT_EQ(range.count(), 1u);
  EXPECT_EQ(file.Read(3), 0);
  EXPECT_EQ(range.count(), 2u);
  EXPECT_EQ(range.first_offset(), 2 * kPage + 100);
  EXPECT_EQ(file.Read(0), 1);
}

TEST(FaultGuardTest, WhatIsWrittenToALostPageStays) {
  const MappedFile file(2);
  const FaultRange range = file.Register();
  file.CutTo(0);
  file.Write(1, 9);
  EXPECT_EQ(range.count(), 1u);
  EXPECT_EQ(file.Read(1), 9);
  EXPECT_EQ(file.Read(1, 1), 0);
}

TEST(FaultGuardTest, CuttingAFileTakesPrivateCopiesToo) {
  const MappedFile file(3);
  const FaultRange range = file.Register();
  file.Write(0, 7);
  file.Write(2, 8);
  file.CutTo(1);
  EXPECT_EQ(file.Read(2), 0);
  EXPECT_EQ(range.count(), 1u);
  EXPECT_EQ(file.Read(0), 7);
}

TEST(FaultGuardTest, EachRangeCountsItsOwnAndOverlappingOnesBoth) {
  const MappedFile a(2), b(3);
  const FaultRange range_a = a.Register(), range_b = b.Register(), again = b.Register();
  a.CutTo(0);
  b.CutTo(0);
  EXPECT_EQ(b.Read(1), 0);
  EXPECT_EQ(b.Read(2), 0);
  EXPECT_EQ(range_a.count(), 0u);
  EXPECT_EQ(range_b.count(), 2u);
  EXPECT_EQ(again.count(), 2u);
  EXPECT_EQ(again.first_offset(), kPage);
  EXPECT_EQ(a.Read(0), 0);
  EXPECT_EQ(range_a.count(), 1u);
  EXPECT_EQ(range_a.first_offset(), 0u);
}

TEST(FaultGuardTest, ErrnoIsAsItWas) {
  const MappedFile file(1);
  const FaultRange range = file.Register();
  file.CutTo(0);
  errno = 12345;
  const char read = file.Read(0);
  EXPECT_EQ(errno, 12345);
  EXPECT_EQ(read, 0);
  EXPECT_EQ(range.count(), 1u);
}

TEST(FaultGuardTest, CountsMoveWithTheRangeAndANewOneBeginsAtNone) {
  const MappedFile file(3);
  FaultRange range = file.Register();
  file.CutTo(0);
  EXPECT_EQ(file.Read(1), 0);
  FaultRange moved(std::move(range));
  EXPECT_EQ(range.count(), 0u);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(range.first_offset(), std::nullopt);
  EXPECT_EQ(moved.count(), 1u);
  range = std::move(moved);
  EXPECT_EQ(range.count(), 1u);
  range = FaultRange();
  EXPECT_EQ(range.count(), 0u);
  range = file.Register();
  EXPECT_EQ(range.count(), 0u);
  EXPECT_EQ(file.Read(2), 0);
  EXPECT_EQ(range.count(), 1u);
  EXPECT_EQ(range.first_offset(), 2 * kPage);
}

TEST(FaultGuardTest, RefusesWhatIsNoRange) {
  const auto at = [](std::uintptr_t address) { return reinterpret_cast<void*>(address); };
  EXPECT_EQ(FaultRange::Register(nullptr, kPage).code(), Code::kInvalidArgument);
  EXPECT_EQ(FaultRange::Register(at(kPage), 0).code(), Code::kInvalidArgument);
  EXPECT_EQ(FaultRange::Register(at(kPage), ~std::size_t{0}).code(), Code::kInvalidArgument);
  EXPECT_EQ(FaultRange::Register(at(kPage + 1), kPage).code(), Code::kInvalidArgument);
}

TEST(FaultGuardTest, AFullRegistryIsAnErrorUntilARangeGoes) {
  const auto take = [](std::size_t i) {
    // Nobody touches these.
    return FaultRange::Register(reinterpret_cast<void*>((i + 1) * kPage), kPage);
  };
  std::vector<FaultRange> ranges;
  for (std::size_t i = 0; i < FaultRange::kMostRanges; ++i) {
    Result<FaultRange> range = take(i);
    ASSERT_TRUE(range.ok()) << range.status() << " at " << i;
    ranges.push_back(std::move(*range));
  }
  const auto refused = take(FaultRange::kMostRanges);
  EXPECT_EQ(refused.code(), Code::kIoError);
  EXPECT_NE(refused.status().message().find("1024 ranges"), std::string::npos) << refused.status();
  ranges[500] = FaultRange();
  EXPECT_TRUE(take(FaultRange::kMostRanges).ok());
}

TEST(FaultGuardTest, ForksGoOnWhileRangesComeAndGo) {
  const Watchdog watchdog("forks beside registrations", std::chrono::seconds(120));
  const MappedFile file(1);
  std::atomic<bool> stop{false};
  std::thread registering([&] {
    while (!stop.load(std::memory_order_relaxed)) file.Register();
  });
  for (int i = 0; i < 100; ++i) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(FaultRange::Register(file.base(), kPage).ok() ? 0 : 1);
    int status = 1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }
  stop.store(true, std::memory_order_relaxed);
  registering.join();
}

// --- Beside other handlers: each test in a new process, whose handlers are its own ---

class FaultGuardDeathTest : public ::testing::Test {
 protected:
  FaultGuardDeathTest() {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    // In the process that dies too, and only then of interest: it makes no core.
    const rlimit none = {0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
  }

  // What other libraries do.
  static void Handle(void (*handler)(int, siginfo_t*, void*), int flags = 0) {
    struct sigaction action = {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    ::sigaction(SIGBUS, &action, &g_before);
  }
  static void HandlePlainly(void (*handler)(int)) { ::signal(SIGBUS, handler); }
  static bool OnTop(void (*handler)(int, siginfo_t*, void*)) {
    struct sigaction found = {};
    ::sigaction(SIGBUS, nullptr, &found);
    return found.sa_sigaction == handler;
  }

  // A fault that is nobody's.
  static void FaultElsewhere() {
    const MappedFile file(1);
    file.CutTo(0);
    file.Read(0);
  }
  // One that is ours; ends the process with 99 where it is not taken as it should be.
  static void FaultInARange(const MappedFile& file, const FaultRange& range) {
    const std::uint64_t before = range.count();
    file.CutTo(0);
    const bool zero = file.Read(1) == 0;
    if (!zero || range.count() != before + 1) ::_exit(99);
  }

  static void ExitWith7(int, siginfo_t*, void*) { ::_exit(7); }
  static void ExitWith8(int) { ::_exit(8); }
  static void PassToTheOneBefore(int signal, siginfo_t* info, void* context) {
    ++g_calls;
    g_before.sa_sigaction(signal, info, context);
  }
  static void CountCall(int, siginfo_t*, void*) {
    if (++g_calls > 1) ::_exit(9);
  }

  static inline struct sigaction g_before = {};
  static inline std::atomic<int> g_calls{0};
};

TEST_F(FaultGuardDeathTest, AFaultElsewhereEndsTheProcessAsEver) {
  EXPECT_EXIT(
      {
        HandlePlainly(SIG_DFL);
        const MappedFile file(2);
        const FaultRange range = file.Register();
        FaultInARange(file, range);
        FaultElsewhere();
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

TEST_F(FaultGuardDeathTest, AfterTheRangeIsGoneItsFaultsAreNobodys) {
  EXPECT_EXIT(
      {
        HandlePlainly(SIG_DFL);
        const MappedFile file(2);
        file.Register();
        file.CutTo(0);
        file.Read(0);
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

TEST_F(FaultGuardDeathTest, AnEarlierHandlerGetsWhatIsNotOurs) {
  EXPECT_EXIT(
      {
        Handle(ExitWith7);
        const MappedFile file(2);
        const FaultRange range = file.Register();
        FaultInARange(file, range);
        FaultElsewhere();
      },
      ::testing::ExitedWithCode(7), "");
}

TEST_F(FaultGuardDeathTest, AnEarlierPlainHandlerDoesToo) {
  EXPECT_EXIT(
      {
        HandlePlainly(ExitWith8);
        const MappedFile file(2);
        const FaultRange range = file.Register();
        FaultInARange(file, range);
        FaultElsewhere();
      },
      ::testing::ExitedWithCode(8), "");
}

TEST_F(FaultGuardDeathTest, AnEarlierHandlerThatWantsOneCallGetsOne) {
  EXPECT_EXIT(
      {
        Handle(CountCall, static_cast<int>(SA_RESETHAND));
        const MappedFile file(2);
        const FaultRange range = file.Register();
        FaultElsewhere();  // comes again when the handler has returned
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

TEST_F(FaultGuardDeathTest, WhereItIsIgnoredASentOneIsAndAFaultIsNot) {
  EXPECT_EXIT(
      {
        HandlePlainly(SIG_IGN);
        const MappedFile file(2);
        const FaultRange range = file.Register();
        ::raise(SIGBUS);
        ::kill(::getpid(), SIGBUS);
        FaultInARange(file, range);
        ::_exit(0);
      },
      ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(
      {
        HandlePlainly(SIG_IGN);
        const MappedFile file(2);
        const FaultRange range = file.Register();
        FaultElsewhere();
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

TEST_F(FaultGuardDeathTest, ASentSignalIsNeverTakenForAFault) {
  EXPECT_EXIT(
      {
        HandlePlainly(SIG_DFL);
        const MappedFile file(2);
        const FaultRange range = file.Register();
        sigval value = {};
        value.sival_ptr = file.base();
        ::sigqueue(::getpid(), SIGBUS, value);
        ::_exit(0);
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

TEST_F(FaultGuardDeathTest, ALaterHandlerStaysAndLeadsToOurs) {
  EXPECT_EXIT(
      {
        Handle(ExitWith7);
        const MappedFile file(2);
        const FaultRange range = file.Register();
        Handle(PassToTheOneBefore);
        FaultInARange(file, range);
        if (g_calls != 1) ::_exit(1);
        const MappedFile other(2);
        const FaultRange second = other.Register();
        if (!OnTop(PassToTheOneBefore)) ::_exit(2);
        FaultInARange(other, second);
        if (g_calls != 2) ::_exit(3);
        FaultElsewhere();  // theirs, ours, the earlier one, and no circle
      },
      ::testing::ExitedWithCode(7), "");
}

TEST_F(FaultGuardDeathTest, TakenAwayItComesBackWithTheNextRange) {
  EXPECT_EXIT(
      {
        Handle(ExitWith7);
        const MappedFile file(2);
        const FaultRange range = file.Register();
        HandlePlainly(SIG_DFL);
        const MappedFile other(2);
        const FaultRange second = other.Register();
        FaultInARange(file, range);
        FaultInARange(other, second);
        FaultElsewhere();
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

// The earlier handler can tell where it runs, ours cannot.
void ExitWithWhetherOnTheAlternateStack(int, siginfo_t*, void*) {
  stack_t stack = {};
  ::sigaltstack(nullptr, &stack);
  ::_exit((stack.ss_flags & SS_ONSTACK) != 0 ? 5 : 6);
}

TEST_F(FaultGuardDeathTest, RunsOnTheAlternateStackOfAThreadThatHasOne) {
  EXPECT_EXIT(
      {
        Handle(ExitWithWhetherOnTheAlternateStack);
        const MappedFile file(2);
        const FaultRange range = file.Register();
        std::vector<char> memory(1 << 16);
        stack_t stack = {};
        stack.ss_sp = memory.data();
        stack.ss_size = memory.size();
        ::sigaltstack(&stack, nullptr);
        FaultInARange(file, range);
        FaultElsewhere();
      },
      ::testing::ExitedWithCode(5), "");
}

// What a child's end says of the guard in it: the status of waitpid().
int StatusOf(pid_t child) {
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}

TEST_F(FaultGuardDeathTest, AForkedChildIsProtectedWhereItRegistersItself) {
  EXPECT_EXIT(
      {
        HandlePlainly(SIG_DFL);
        const MappedFile file(2);
        const FaultRange range = file.Register();
        file.CutTo(0);
        pid_t child = ::fork();
        if (child == 0) {
          file.Read(1);
          ::_exit(0);
        }
        const int inherited = StatusOf(child);
        if (!WIFSIGNALED(inherited) || WTERMSIG(inherited) != SIGBUS) ::_exit(1);
        child = ::fork();
        if (child == 0) {
          const FaultRange own = file.Register();
          FaultInARange(file, own);
          ::_exit(range.count() == 0 ? 0 : 2);
        }
        const int registered = StatusOf(child);
        if (!WIFEXITED(registered) || WEXITSTATUS(registered) != 0) ::_exit(3);
        FaultInARange(file, range);  // none of it was the parent's
        ::_exit(range.count() == 1 ? 0 : 4);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace engram
