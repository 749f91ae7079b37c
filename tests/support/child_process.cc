#include "tests/support/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <iostream>

namespace engram {
namespace {

[[noreturn]] void Abort(const std::string& what) {
  std::cerr << what << ": errno " << errno << "\n";
  abort();
}

void CloseDescriptor(int* fd) {
  if (*fd >= 0) ::close(*fd);
  *fd = -1;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& argv) {
  ::signal(SIGPIPE, SIG_IGN);  // a child that is dead does not read
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) Abort("pipe2");
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) Abort("fork");
  if (pid_ == 0) {  // only what a signal handler may call, for the test may have threads
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(out[1], STDERR_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  input_ = in[1];
  output_ = out[0];
}

ChildProcess::~ChildProcess() {
  if (!status_.has_value()) {
    Kill();
    Wait();
  }
  CloseInput();
  CloseDescriptor(&output_);
}

std::optional<std::string> ChildProcess::NextLine(Time until) {
  while (true) {
    if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    if (ended_ || !ReadSome(until)) return std::nullopt;
  }
}

bool ChildProcess::ReadSome(Time until) {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
        until - std::chrono::steady_clock::now());
    const auto wait = std::max(left, std::chrono::nanoseconds(0)).count();
    const timespec timeout{.tv_sec = wait / 1'000'000'000, .tv_nsec = wait % 1'000'000'000};
    pollfd poll{.fd = output_, .events = POLLIN, .revents = 0};
    const int ready = ::ppoll(&poll, 1, &timeout, nullptr);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    std::array<char, 65536> bytes;
    const ssize_t got = ::read(output_, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      ended_ = true;
    } else {
      buffer_.append(bytes.data(), static_cast<std::size_t>(got));
    }
    return true;
  }
}

void ChildProcess::Write(const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = ::write(input_, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return;  // it is dead: Wait() says how
    done += static_cast<std::size_t>(wrote);
  }
}

void ChildProcess::CloseInput() { CloseDescriptor(&input_); }

void ChildProcess::Kill() { ::kill(pid_, SIGKILL); }

int ChildProcess::Wait() {
  int status = 0;
  while (!status_.has_value()) {
    if (::waitpid(pid_, &status, 0) == pid_) {
      status_ = status;
    } else if (errno != EINTR) {
      Abort("waitpid");
    }
  }
  return *status_;
}

ProgramResult RunProgram(const std::vector<std::string>& argv) {
  ChildProcess child(argv);
  child.CloseInput();
  ProgramResult result;
  while (const auto line = child.NextLine(ChildProcess::Time::max())) result.output += *line + "\n";
  const int status = child.Wait();
  if (WIFEXITED(status)) result.code = WEXITSTATUS(status);
  return result;
}

}  // namespace engram
