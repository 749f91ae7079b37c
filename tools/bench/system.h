// What benchmarks ask of the machine: memory, processors, time, a directory.
// Threads: any thread, except PinAllThreads().
#ifndef ENGRAM_TOOLS_BENCH_SYSTEM_H_
#define ENGRAM_TOOLS_BENCH_SYSTEM_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <engram/status.h>

namespace engram::bench {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin);
// The processor's time that the calling thread has had: what other processes take is not in it.
double ThreadSeconds();

// Ends the process with the message: a benchmark that fails says nothing.
[[noreturn]] void Fail(std::string_view message);
void MustBeOk(const Status& status);

// Pre for both: `values` is not empty; `share` is in (0, 1].
double Median(std::vector<double> values);
double Percentile(std::vector<double> values, double share);

// Memory of this process that no file backs, after the allocator gave back what is free. Vectors
// that were read through a mapping of their file are not counted.
std::uint64_t AnonymousBytes();

// What the system says of transparent huge pages, since it decides how far memory is away.
std::string HugePageSetting();
// The processor's name.
std::string ProcessorName();
// Memory of the machine.
std::uint64_t MachineBytes();
// Day and minute in UTC, "2026-01-31 23:59 UTC".
std::string DateAndTime();

// Sizes of the file, or of all files of the directory.
std::uint64_t FileBytes(const std::string& path);

// The processors this process could use when it started.
const std::vector<int>& Processors();
void PinThisThread(int processor);
// Every thread that this process has now; threads they make later are bound alike.
void PinAllThreads(const std::vector<int>& processors);

// A directory that stays where a path was given, and otherwise is a temporary one under
// $ENGRAM_BENCH_DIR, or the current one, and goes with its scope.
class Directory {
 public:
  explicit Directory(const std::string& kept = {});
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool temporary_;
};

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_SYSTEM_H_
