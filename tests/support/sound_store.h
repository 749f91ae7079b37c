// Asks VerifyStore() whether a closed store is sound; what it finds fails the test.
// Threads: one thread.
#ifndef ENGRAM_TESTS_SUPPORT_SOUND_STORE_H_
#define ENGRAM_TESTS_SUPPORT_SOUND_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "storage/base/file.h"

namespace engram {

// Fails, fatally, where it cannot be looked at. `patterns`: how many must live in it.
void ExpectSoundStore(const std::shared_ptr<FileSystem>& files, const std::string& directory,
                      std::optional<std::uint64_t> patterns = std::nullopt);

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_SOUND_STORE_H_
