// A program run beside the test: its output line by line, and its death at a moment of the test's
// choice. Threads: one thread.
#ifndef ENGRAM_TESTS_SUPPORT_CHILD_PROCESS_H_
#define ENGRAM_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace engram {

class ChildProcess {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Runs argv[0]; standard error goes the way of standard output. Ends the test program where that
  // cannot be done.
  explicit ChildProcess(const std::vector<std::string>& argv);
  // Killed and waited for where it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // The next whole line without its end. None where the output has ended (ended()) or `until` has
  // passed.
  std::optional<std::string> NextLine(Time until);
  bool ended() const { return ended_; }
  // To its standard input.
  void Write(const std::string& text);
  void CloseInput();
  // SIGKILL, at once; what it wrote before can still be read.
  void Kill();
  // What waitpid() says of its end.
  int Wait();

 private:
  bool ReadSome(Time until);

  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::string buffer_;
  bool ended_ = false;
  std::optional<int> status_;
};

struct ProgramResult {
  int code = -1;  // -1: it was killed
  std::string output;
};
// Runs a program to its end, with nothing on its standard input.
ProgramResult RunProgram(const std::vector<std::string>& argv);

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_CHILD_PROCESS_H_
