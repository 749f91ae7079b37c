// A directory that goes with its scope, and the seed of a random test.
#ifndef ENGRAM_TESTS_SUPPORT_TEMP_DIR_H_
#define ENGRAM_TESTS_SUPPORT_TEMP_DIR_H_

#include <cstdint>
#include <string>

namespace engram {

// Made under $TMPDIR or /tmp, removed with all it holds by the destructor. Threads: one thread.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// $ENGRAM_TEST_SEED where set, else `fallback`; recorded in the test's output, so that a failure
// can be repeated.
std::uint64_t TestSeed(std::uint64_t fallback);

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_TEMP_DIR_H_
