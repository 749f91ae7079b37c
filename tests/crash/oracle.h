// Says whether an open store, or a crashed one as it lies, is what it must be.
// Threads: pure functions.
#ifndef ENGRAM_TESTS_CRASH_ORACLE_H_
#define ENGRAM_TESTS_CRASH_ORACLE_H_

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "engine/engine.h"
#include "storage/base/file.h"
#include "tests/crash/model.h"
#include "tests/support/sim_image.h"

namespace engram {

// Empty where what `engine` answers is `state`: each pattern with its vector, metadata, times, type
// and version, and nothing else (I2); searches exact (I6). Else what differs. Of the newest state,
// or of the one that is kept.
std::string CheckAnswers(Engine& engine, const ModelState& state,
                         const std::optional<KeptState>& kept = std::nullopt);

// The same, and there is a row for each version in the pages and no other (I3). A poisoned store
// may have changes in pages that nobody sees and no row names.
std::string CheckHolds(Engine& engine, const ModelState& state);

// Empty where no file has one of these bytes; else which one does.
std::string CheckHoldsNothingOf(const SimImage& image, std::span<const std::string> secrets);

// Empty where VerifyStore() finds nothing wrong, or there is no store yet.
std::string CheckVerifies(const std::shared_ptr<FileSystem>& files, const std::string& directory);

}  // namespace engram

#endif  // ENGRAM_TESTS_CRASH_ORACLE_H_
