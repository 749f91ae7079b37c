#include "tests/support/temp_dir.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <thread>

namespace engram {

TempDir::TempDir() {
  const char* root = getenv("TMPDIR");
  const std::string pattern = std::string(root != nullptr ? root : "/tmp") + "/engram-test-XXXXXX";
  // A busy file system may refuse for a moment.
  constexpr int kTries = 5;
  for (int i = 0; i < kTries; ++i) {
    path_ = pattern;
    if (mkdtemp(path_.data()) != nullptr) return;
    std::cerr << "cannot make " << pattern << ": " << std::strerror(errno) << "\n";
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  abort();
}

TempDir::~TempDir() {
  std::error_code ignored;  // a leftover directory does no harm
  std::filesystem::remove_all(path_, ignored);
}

std::uint64_t TestSeed(std::uint64_t fallback) {
  const char* text = getenv("ENGRAM_TEST_SEED");
  const std::uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 0) : fallback;
  std::cout << "ENGRAM_TEST_SEED=" << seed << "\n";
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  return seed;
}

}  // namespace engram
