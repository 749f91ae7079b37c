// Collects what verify finds: so much of each kind, then only how many more.
// Threads: one thread.
#ifndef ENGRAM_ENGINE_VERIFY_FINDINGS_H_
#define ENGRAM_ENGINE_VERIFY_FINDINGS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <engram/status.h>

#include "engine/verify.h"

namespace engram {

enum class FindingKind : std::uint8_t { kFile, kPage, kLog, kPattern, kGraph, kRow };
inline constexpr std::size_t kFindingKinds = 6;
inline constexpr std::size_t kMostFindingsOfAKind = 100;

class Findings {
 public:
  explicit Findings(std::string directory) : directory_(std::move(directory)) {}

  void Add(FindingKind kind, std::string where, std::string what);
  // Takes the place from the message, which begins with it: "<directory>/<file>: <place>: <what>".
  void AddStatus(FindingKind kind, const Status& status);
  // For a status that says what is wrong with the bytes of `file`, or that it is not there: a
  // finding. Any other failure keeps verify from looking, and is returned.
  Status AddOrFail(FindingKind kind, const std::string& file, const Status& status);

  // In the order of their discovery, then one for each kind of which there are more.
  std::vector<Finding> Take();

 private:
  const std::string directory_;
  std::vector<Finding> findings_;
  std::array<std::uint64_t, kFindingKinds> counts_{};
};

// Whether `status` says that the bytes are wrong, rather than that they could not be looked at.
bool IsDamage(const Status& status);

}  // namespace engram

#endif  // ENGRAM_ENGINE_VERIFY_FINDINGS_H_
