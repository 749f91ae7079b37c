// Sets that need no download: points in clusters, the same on every machine.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_MADE_UP_SET_H_
#define ENGRAM_TOOLS_BENCH_PEERS_MADE_UP_SET_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace engram::bench {

struct MadeUpSet {
  std::size_t dimensions = 0;
  std::size_t points = 0;
};

inline constexpr std::size_t kMadeUpQueries = 1000;

// "random-D-N"; unset: another name. Ends the process where D or N make no sense.
std::optional<MadeUpSet> ParseMadeUpSet(std::string_view name);

// base.fvecs and query.fvecs in a directory of their own in `directory`, whose path it returns;
// does nothing where they are there.
std::string MakeSet(const MadeUpSet& set, const std::string& directory);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_MADE_UP_SET_H_
