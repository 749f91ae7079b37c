// A disk of a few megabytes that is really full when it is full: a tmpfs in a mount namespace of
// its own. Threads: one thread.
#ifndef ENGRAM_TESTS_SUPPORT_SMALL_DISK_H_
#define ENGRAM_TESTS_SUPPORT_SMALL_DISK_H_

#include <cstdint>
#include <functional>
#include <string>

namespace engram {

// Runs `body` in a forked process where `directory` is such a disk; its expectations count as the
// test's. Empty, or why this system allows no mount: the test should be skipped then.
// Pre: this process has no thread but the caller's that holds a lock.
std::string OnSmallDisk(const std::string& directory, std::uint64_t megabytes,
                        const std::function<void()>& body);

// A file that takes up room.
class Ballast {
 public:
  explicit Ballast(std::string path) : path_(std::move(path)) {}
  // So many bytes more. False where the disk has not so many.
  bool Grow(std::uint64_t bytes);
  // All that is left.
  void Fill();
  void Remove();

 private:
  const std::string path_;
};

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_SMALL_DISK_H_
