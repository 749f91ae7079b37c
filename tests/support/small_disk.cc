#include "tests/support/small_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

namespace engram {
namespace {

constexpr int kPassed = 0;
constexpr int kFailed = 1;
constexpr int kCannotMount = 77;

bool WriteText(const char* path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  return file.good();
}

// As root in a namespace of mounts; else as root of a namespace of users.
std::string Mount(const std::string& directory, std::uint64_t megabytes) {
  const std::string uid = std::to_string(geteuid());
  const std::string gid = std::to_string(getegid());
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWNS | CLONE_NEWUSER) != 0)
      return std::string("unshare: ") + strerror(errno);
    if (!WriteText("/proc/self/setgroups", "deny") ||
        !WriteText("/proc/self/uid_map", "0 " + uid + " 1") ||
        !WriteText("/proc/self/gid_map", "0 " + gid + " 1")) {
      return "the user namespace's maps cannot be written";
    }
  }
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return std::string("making mounts private: ") + strerror(errno);
  }
  const std::string options = "mode=0700,size=" + std::to_string(megabytes) + "m";
  if (mount("tmpfs", directory.c_str(), "tmpfs", 0, options.c_str()) != 0) {
    return std::string("mounting a tmpfs: ") + strerror(errno);
  }
  return {};
}

[[noreturn]] void RunInChild(const std::string& directory, std::uint64_t megabytes,
                             const std::function<void()>& body) {
  if (const std::string why = Mount(directory, megabytes); !why.empty()) {
    std::cout << why << std::endl;
    _exit(kCannotMount);
  }
  body();
  std::cout << std::flush;
  _exit(::testing::Test::HasFailure() ? kFailed : kPassed);
}

}  // namespace

std::string OnSmallDisk(const std::string& directory, std::uint64_t megabytes,
                        const std::function<void()>& body) {
  std::cout << std::flush;
  const pid_t child = fork();
  if (child < 0) return std::string("fork: ") + strerror(errno);
  if (child == 0) RunInChild(directory, megabytes, body);
  int status = 0;
  while (waitpid(child, &status, 0) != child) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotMount) {
    return "neither root's rights nor a user namespace to mount a small tmpfs with";
  }
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == kPassed)
      << "the process on the small disk failed: wait status " << status;
  return {};
}

bool Ballast::Grow(std::uint64_t bytes) {
  const int fd = open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  struct stat info;
  const bool grown =
      fstat(fd, &info) == 0 && posix_fallocate(fd, info.st_size, static_cast<off_t>(bytes)) == 0;
  close(fd);
  return grown;
}

void Ballast::Fill() {
  for (std::uint64_t bytes = 16 << 20; bytes >= 4096;) {
    if (!Grow(bytes)) bytes /= 2;
  }
}

void Ballast::Remove() { unlink(path_.c_str()); }

}  // namespace engram
