#include "tests/support/counts.h"

#include <iostream>
#include <string>

#include <gtest/gtest.h>

namespace engram {

void PrintCounts(std::initializer_list<std::pair<const char*, std::uint64_t>> counts) {
  // Of "Shard/CrashSweep" the part that all shards have in common.
  const std::string suite =
      testing::UnitTest::GetInstance()->current_test_info()->test_suite_name();
  std::string line = "[  COUNTS  ] " + suite.substr(suite.find('/') + 1) + ":";
  const char* separator = " ";
  for (const auto& [name, count] : counts) {
    line += separator + std::string(name) + ' ' + std::to_string(count);
    separator = ", ";
  }
  std::cout << line << std::endl;
}

}  // namespace engram
