#include "tools/bench/system.h"

#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>

namespace engram::bench {
namespace {

// Fails only where the thread has ended meanwhile, or where it is a kernel's that cannot be bound.
bool Bind(pid_t thread, const std::vector<int>& processors) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int processor : processors) CPU_SET(static_cast<std::size_t>(processor), &set);
  return sched_setaffinity(thread, sizeof(set), &set) == 0;
}

// Directories that go when this process ends, also by Fail(), which runs no destructor. Not when a
// child of it does.
class Temporaries {
 public:
  static Temporaries& Get() {
    static Temporaries all;
    return all;
  }
  ~Temporaries() {
    for (const std::string& path : paths_) Remove(path);
  }
  void Add(const std::string& path) { paths_.insert(path); }
  void Remove(const std::string& path) {
    std::error_code ignored;  // leftovers do no harm
    if (getpid() == owner_) std::filesystem::remove_all(path, ignored);
  }
  void Forget(const std::string& path) { paths_.erase(path); }

 private:
  const pid_t owner_ = getpid();
  std::set<std::string> paths_;
};

}  // namespace

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double ThreadSeconds() {
  timespec now{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) Fail("this thread has no clock");
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void Fail(std::string_view message) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
  std::exit(1);
}

void MustBeOk(const Status& status) {
  if (!status.ok()) Fail(status.ToString());
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double Percentile(std::vector<double> values, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  const auto wanted = values.begin() + static_cast<std::ptrdiff_t>(rank - 1);
  std::nth_element(values.begin(), wanted, values.end());
  return *wanted;
}

std::uint64_t AnonymousBytes() {
  malloc_trim(0);
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;  // in KiB
  }
  Fail("/proc/self/status has no line RssAnon");
}

std::string HugePageSetting() {
  std::ifstream setting("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string line;
  std::getline(setting, line);
  return line;
}

std::string ProcessorName() {
  std::ifstream processors("/proc/cpuinfo");
  for (std::string line; std::getline(processors, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(": ") + 2);
  }
  return "unknown processor";  // other architectures name theirs elsewhere, or not at all
}

std::uint64_t MachineBytes() {
  return static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::string DateAndTime() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

std::uint64_t FileBytes(const std::string& path) {
  if (!std::filesystem::is_directory(path)) return std::filesystem::file_size(path);
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

const std::vector<int>& Processors() {
  static const std::vector<int> processors = [] {
    cpu_set_t set;
    std::vector<int> found;
    if (sched_getaffinity(0, sizeof(set), &set) != 0) Fail("cannot tell the usable processors");
    for (int i = 0; i < CPU_SETSIZE; ++i) {
      if (CPU_ISSET(static_cast<std::size_t>(i), &set)) found.push_back(i);
    }
    return found;
  }();
  return processors;
}

void PinThisThread(int processor) {
  if (!Bind(0, {processor})) Fail("cannot bind a thread to processor " + std::to_string(processor));
}

void PinAllThreads(const std::vector<int>& processors) {
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    Bind(static_cast<pid_t>(std::stol(thread.path().filename())), processors);
  }
}

Directory::Directory(const std::string& kept) : path_(kept), temporary_(kept.empty()) {
  if (temporary_) {
    const char* root = getenv("ENGRAM_BENCH_DIR");
    path_ = std::string(root != nullptr ? root : ".") + "/engram-bench-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) Fail("cannot make " + path_);
    Temporaries::Get().Add(path_);
    return;
  }
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error) Fail("cannot make " + path_ + ": " + error.message());
}

Directory::~Directory() {
  if (!temporary_) return;
  Temporaries::Get().Remove(path_);
  Temporaries::Get().Forget(path_);
}

}  // namespace engram::bench
