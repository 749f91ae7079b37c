// What kill_child stores under a token, so that whoever reads it back knows all of it.
// Threads: pure functions.
#ifndef ENGRAM_TESTS_CRASH_KILL_PATTERN_H_
#define ENGRAM_TESTS_CRASH_KILL_PATTERN_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <engram/metadata.h>
#include <engram/store.h>

namespace engram {

inline constexpr std::uint32_t kKillDimensions = 48;

// Never used twice in a store: run of the program, writer in it, number of its operations.
inline std::uint64_t KillToken(std::uint64_t run, std::uint64_t writer, std::uint64_t number) {
  return run << 32 | writer << 24 | number;
}
inline std::uint64_t WriterOf(std::uint64_t token) { return token >> 24 & 0xff; }

// What upkeep inserts, to see it go: with an even number it expires at once, else it is erased for
// ever.
inline constexpr std::uint64_t kUpkeepWriter = 255;
inline bool ExpiresAtOnce(std::uint64_t token) { return token % 2 == 0; }
inline constexpr TypeTag kUpkeepType = 77;
// Nothing else has this text.
inline std::string KillSecret(std::uint64_t token) {
  return "secret-" + std::to_string(token) + "-of-upkeep";
}

inline std::vector<float> KillVector(std::uint64_t token) {
  std::vector<float> vector(kKillDimensions);
  std::uint64_t state = token * 0x9e3779b97f4a7c15;
  for (float& component : vector) {
    state = state * 6364136223846793005 + 1442695040888963407;
    component = static_cast<float>(state >> 40) / 1024.0F - 8192.0F;
  }
  return vector;
}

inline Metadata KillMetadata(std::uint64_t token) {
  // Long enough that the metadata store's small buffers are full again and again.
  return {{"token", static_cast<std::int64_t>(token)},
          {"text", std::string(100 + token % 700, static_cast<char>('a' + token % 26))}};
}

inline TypeTag KillType(std::uint64_t token) { return static_cast<TypeTag>(token % 5); }
inline Timestamp KillTime(std::uint64_t token) {
  return Timestamp(std::chrono::microseconds(1'700'000'000'000'000 + token % 1'000'000'007));
}

}  // namespace engram

#endif  // ENGRAM_TESTS_CRASH_KILL_PATTERN_H_
