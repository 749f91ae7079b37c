#include "storage/base/fault_guard.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <limits>
#include <string>
#include <utility>

#include "storage/base/mutex.h"
#include "storage/base/posix_file.h"
#include "storage/base/status_macros.h"

namespace engram {
namespace {

// --- The registry: written under g_mutex, read by the handler without ---

struct Entry {
  // Odd while begin, end and owner are being changed. A fault meets its own range's entry at rest:
  // who reads a range has registered it before, and unregisters it afterwards. So the handler may
  // pass over an entry that moves; it must only never see parts of two ranges as one.
  std::atomic<std::uint64_t> sequence{0};
  std::atomic<std::uintptr_t> begin{0};  // 0: free
  std::atomic<std::uintptr_t> end{0};
  std::atomic<pid_t> owner{0};
  std::atomic<std::uint64_t> faults{0};
  std::atomic<std::uint64_t> first{0};  // offset + 1 of the first fault; 0: none
};
// Anything else would take locks in a signal handler.
static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
              std::atomic<std::uintptr_t>::is_always_lock_free &&
              std::atomic<pid_t>::is_always_lock_free && std::atomic<void*>::is_always_lock_free &&
              std::atomic<bool>::is_always_lock_free);

Mutex g_mutex;
Entry g_entries[FaultRange::kMostRanges];

void SetRange(Entry& entry, std::uintptr_t begin, std::uintptr_t end, pid_t owner)
    ENGRAM_REQUIRES(g_mutex) {
  // Relaxed: only who holds the mutex stores.
  const std::uint64_t odd = entry.sequence.load(std::memory_order_relaxed) + 1;
  entry.sequence.store(odd, std::memory_order_relaxed);
  // Releases, all three: pair with the acquires in Holds(); who sees one sees `odd` or more.
  entry.begin.store(begin, std::memory_order_release);
  entry.end.store(end, std::memory_order_release);
  entry.owner.store(owner, std::memory_order_release);
  // Release: pairs with the first load in Holds(); who sees it sees all of the range.
  entry.sequence.store(odd + 1, std::memory_order_release);
}

bool Holds(const Entry& entry, std::uintptr_t address, pid_t process) {
  // Acquires: pair with the releases in SetRange().
  const std::uint64_t before = entry.sequence.load(std::memory_order_acquire);
  const std::uintptr_t begin = entry.begin.load(std::memory_order_acquire);
  const std::uintptr_t end = entry.end.load(std::memory_order_acquire);
  const pid_t owner = entry.owner.load(std::memory_order_acquire);
  // Relaxed: the acquires before it keep it behind them.
  const std::uint64_t after = entry.sequence.load(std::memory_order_relaxed);
  const bool at_rest = before == after && before % 2 == 0;
  return at_rest && owner == process && begin <= address && address < end;
}

void Count(Entry& entry, std::uintptr_t address) {
  const std::uint64_t offset = address - entry.begin.load(std::memory_order_relaxed);  // as checked
  std::uint64_t none = 0;
  // Relaxed: the addition publishes it.
  entry.first.compare_exchange_strong(none, offset + 1, std::memory_order_relaxed);
  entry.faults.fetch_add(1, std::memory_order_release);  // pairs with count()
}

// --- The handler: calls nothing but what may be called in one ---

using Action = void (*)(int, siginfo_t*, void*);
using Handler = void (*)(int);

// What was there before ours. Release in KeepEarlier(), acquire in PassOn(); g_earlier_action, if
// it is not null, goes before g_earlier_handler.
std::atomic<Action> g_earlier_action{nullptr};
std::atomic<Handler> g_earlier_handler{SIG_DFL};
// It is to be called once (SA_RESETHAND). Relaxed: stored before the two, loaded behind them.
std::atomic<bool> g_earlier_once{false};
// Relaxed: stored before the first handler is installed, whose system call comes between.
std::atomic<std::size_t> g_page_bytes{0};

// A page of zeros over the one at `address`. The plain system call: the library's function may do
// more than a handler may, above all under a sanitizer.
bool PutZeros(std::uintptr_t address) {
  const std::size_t page = g_page_bytes.load(std::memory_order_relaxed);
  const long at = ::syscall(SYS_mmap, address / page * page, page, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  return at != -1;
}

// Whether the fault was in a registered range, and reading can go on.
bool TakeFault(const siginfo_t& info) {
  // Sent by a process, it has no address.
  if (info.si_code != BUS_ADRERR && info.si_code != BUS_MCEERR_AR) return false;
  const auto address = reinterpret_cast<std::uintptr_t>(info.si_addr);
  const pid_t process = ::getpid();
  bool taken = false;
  for (Entry& entry : g_entries) {
    if (!Holds(entry, address, process)) continue;
    // First: who reads a zero finds it counted.
    Count(entry, address);
    taken = true;
  }
  return taken && PutZeros(address);
}

// A fault comes again when the handler returns; what a process has sent does not.
bool ComesAgain(const siginfo_t& info) { return info.si_code > 0 && info.si_code != BUS_MCEERR_AO; }

// What the system does where there is no handler.
void EndProcess(int signal, siginfo_t* info) {
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  ::sigaction(signal, &standard, nullptr);
  // The same once more, with its reason and address; it is blocked until the handler returns.
  if (::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), ::syscall(SYS_gettid), signal, info) != 0) {
    ::raise(signal);
  }
}

void PassOn(int signal, siginfo_t* info, void* context) {
  // Acquires: pair with the releases in KeepEarlier().
  const Action action = g_earlier_action.load(std::memory_order_acquire);
  const Handler handler = g_earlier_handler.load(std::memory_order_acquire);
  if (g_earlier_once.exchange(false, std::memory_order_relaxed)) {
    g_earlier_handler.store(SIG_DFL, std::memory_order_release);  // pairs with the acquire above
    g_earlier_action.store(nullptr, std::memory_order_release);
  }
  if (action != nullptr) {
    action(signal, info, context);
  } else if (handler == SIG_DFL || (handler == SIG_IGN && ComesAgain(*info))) {
    EndProcess(signal, info);  // nor does the system ignore a fault
  } else if (handler != SIG_IGN) {
    handler(signal);
  }
}

void OnSigbus(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  if (!TakeFault(*info)) PassOn(signal, info, context);
  errno = error;
}

// --- Installing it ---

bool IsOurs(const struct sigaction& found) {
  return (found.sa_flags & SA_SIGINFO) != 0 && found.sa_sigaction == OnSigbus;
}

bool IsFunction(const struct sigaction& found) {
  return (found.sa_flags & SA_SIGINFO) != 0 ||
         (found.sa_handler != SIG_DFL && found.sa_handler != SIG_IGN);
}

void KeepEarlier(const struct sigaction& found) ENGRAM_REQUIRES(g_mutex) {
  const bool full = (found.sa_flags & SA_SIGINFO) != 0;
  g_earlier_once.store(
      IsFunction(found) && (static_cast<unsigned>(found.sa_flags) & SA_RESETHAND) != 0,
      std::memory_order_relaxed);
  // Releases: pair with the acquires in PassOn().
  if (!full) g_earlier_handler.store(found.sa_handler, std::memory_order_release);
  g_earlier_action.store(full ? found.sa_sigaction : nullptr, std::memory_order_release);
}

Status Install() ENGRAM_REQUIRES(g_mutex) {
  static bool installed = false;  // guarded by g_mutex
  g_page_bytes.store(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), std::memory_order_relaxed);
  struct sigaction found = {};
  if (::sigaction(SIGBUS, nullptr, &found) != 0) return ErrnoStatus(errno, "look at", "SIGBUS");
  // A function that came after ours passes on to it, or its owner wants it so; ours before it once
  // more would make a circle of the two. Where ours was merely taken away, it is put back.
  if (IsOurs(found) || (installed && IsFunction(found))) return Status::Ok();
  KeepEarlier(found);
  struct sigaction ours = {};
  ours.sa_sigaction = OnSigbus;
  // What was blocked, and whether system calls go on, is as it was. On the alternate stack, where
  // the thread has one: its own may be what cannot be read.
  ours.sa_mask = found.sa_mask;
  ours.sa_flags =
      SA_SIGINFO | SA_ONSTACK | (IsFunction(found) ? found.sa_flags & SA_RESTART : SA_RESTART);
  if (::sigaction(SIGBUS, &ours, &found) != 0) return ErrnoStatus(errno, "handle", "SIGBUS");
  if (!IsOurs(found)) KeepEarlier(found);  // it may have changed between the two calls
  installed = true;
  return Status::Ok();
}

// A child that is forked while another thread holds the mutex could never take it.
Status KeepMutexAcrossForks() ENGRAM_REQUIRES(g_mutex) {
  static bool kept = false;  // guarded by g_mutex
  if (kept) return Status::Ok();
  const int error = ::pthread_atfork([]() ENGRAM_NO_THREAD_SAFETY_ANALYSIS { g_mutex.Lock(); },
                                     []() ENGRAM_NO_THREAD_SAFETY_ANALYSIS { g_mutex.Unlock(); },
                                     []() ENGRAM_NO_THREAD_SAFETY_ANALYSIS { g_mutex.Unlock(); });
  if (error != 0) return ErrnoStatus(error, "prepare", "for forks");
  kept = true;
  return Status::Ok();
}

}  // namespace

Result<FaultRange> FaultRange::Register(const void* base, std::size_t size) {
  const auto begin = reinterpret_cast<std::uintptr_t>(base);
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  if (begin == 0 || begin % page != 0 || size == 0 ||
      size > std::numeric_limits<std::uintptr_t>::max() - begin) {
    return Status::InvalidArgument("no range of memory: " + std::to_string(size) + " bytes at " +
                                   std::to_string(begin) + ", expected whole pages");
  }
  MutexLock lock(g_mutex);
  ENGRAM_RETURN_IF_ERROR(KeepMutexAcrossForks());
  for (std::size_t i = 0; i < kMostRanges; ++i) {
    Entry& entry = g_entries[i];
    // Relaxed, all: under the mutex, and no fault can be in a range before it is set.
    if (entry.begin.load(std::memory_order_relaxed) != 0) continue;
    ENGRAM_RETURN_IF_ERROR(Install());
    entry.faults.store(0, std::memory_order_relaxed);
    entry.first.store(0, std::memory_order_relaxed);
    SetRange(entry, begin, begin + size, ::getpid());
    return FaultRange(i);
  }
  return Status::IoError("all " + std::to_string(kMostRanges) +
                         " ranges of mapped memory that this process can watch are in use");
}

FaultRange::FaultRange(FaultRange&& other) noexcept
    : entry_(std::exchange(other.entry_, std::nullopt)) {}

FaultRange& FaultRange::operator=(FaultRange&& other) noexcept {
  FaultRange taken(std::move(other));
  std::swap(entry_, taken.entry_);
  return *this;
}

FaultRange::~FaultRange() {
  if (!entry_) return;
  MutexLock lock(g_mutex);
  SetRange(g_entries[*entry_], 0, 0, 0);
}

std::uint64_t FaultRange::count() const {
  // Acquire: pairs with the release in Count().
  return entry_ ? g_entries[*entry_].faults.load(std::memory_order_acquire) : 0;
}

std::optional<std::uint64_t> FaultRange::first_offset() const {
  if (count() == 0) return std::nullopt;
  return g_entries[*entry_].first.load(std::memory_order_relaxed) - 1;  // stored before the count
}

}  // namespace engram
