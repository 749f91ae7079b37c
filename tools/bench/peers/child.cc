#include "tools/bench/peers/child.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tools/bench/system.h"

namespace engram::bench {
namespace {

pid_t Fork() {
  std::fflush(nullptr);  // or both would write what is buffered
  const pid_t child = fork();
  if (child < 0) Fail("cannot fork");
  return child;
}

int WaitFor(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) != child) {
    if (errno != EINTR) Fail("cannot wait for a child");
  }
  return status;
}

void WriteAll(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) Fail("cannot tell the parent");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string ReadAll(int file) {
  std::string text;
  char buffer[1 << 16];
  while (true) {
    const ssize_t got = read(file, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace

Json InChild(const std::function<Json()>& measure) {
  int ends[2];
  if (pipe(ends) != 0) Fail("cannot make a pipe");
  const pid_t child = Fork();
  if (child == 0) {
    close(ends[0]);
    WriteAll(ends[1], measure().dump());
    std::fflush(nullptr);
    _exit(0);  // what is static belongs to the parent
  }
  close(ends[1]);
  const std::string text = ReadAll(ends[0]);
  close(ends[0]);
  if (WaitFor(child) != 0) Fail("a measurement failed");
  return Json::parse(text);
}

void InKilledChild(const std::function<void()>& work) {
  const pid_t child = Fork();
  if (child == 0) {
    work();
    _exit(1);
  }
  const int status = WaitFor(child);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) Fail("the process to kill ended before");
}

void DieKilled() {
  raise(SIGKILL);
  std::abort();  // not reached
}

}  // namespace engram::bench
