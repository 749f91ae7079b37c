#include "storage/base/logger.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace engram {
namespace {

TEST(Logger, HandsLevelAndTextToTheCallback) {
  std::vector<std::pair<LogLevel, std::string>> lines;
  const Logger logger(
      [&](LogLevel level, std::string_view text) { lines.emplace_back(level, text); });
  logger.Warning("b");
  logger.Error("c");
  const std::vector<std::pair<LogLevel, std::string>> expected = {{LogLevel::kWarning, "b"},
                                                                  {LogLevel::kError, "c"}};
  EXPECT_EQ(lines, expected);
}

TEST(Logger, IsSilentWithoutACallback) {
  Logger().Error("nobody hears");
  Logger(nullptr).Error("nobody hears");
}

}  // namespace
}  // namespace engram
