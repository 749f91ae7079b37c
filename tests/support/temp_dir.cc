#include "tests/support/temp_dir.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <iostream>
#include <system_error>

namespace engram {

TempDir::TempDir() {
  const char* root = getenv("TMPDIR");
  std::string pattern = std::string(root != nullptr ? root : "/tmp") + "/engram-test-XXXXXX";
  const char* made = mkdtemp(pattern.data());
  if (made == nullptr) {
    std::cerr << "cannot make " << pattern << "\n";
    abort();
  }
  path_ = pattern;
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
