#include "tests/support/sound_store.h"

#include <gtest/gtest.h>

#include "engine/verify.h"

namespace engram {

void ExpectSoundStore(const std::shared_ptr<FileSystem>& files, const std::string& directory,
                      std::optional<std::uint64_t> patterns) {
  const auto report = VerifyStore(files, directory);
  ASSERT_TRUE(report.ok()) << report.status();
  for (const Finding& finding : report->findings) {
    ADD_FAILURE() << finding.where << ": " << finding.what;
  }
  if (patterns) {
    EXPECT_EQ(report->patterns, *patterns);
  }
}

}  // namespace engram
