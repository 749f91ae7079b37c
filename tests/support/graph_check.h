// Whether the graph of an open store is one that its writer may leave behind a commit: I8a, I9, the
// entry point, levels and upper blocks. Counts for itself, from the bytes; leaves checksums and
// rows to VerifyStore(). Threads: one thread, while no commit is on its way.
#ifndef ENGRAM_TESTS_SUPPORT_GRAPH_CHECK_H_
#define ENGRAM_TESTS_SUPPORT_GRAPH_CHECK_H_

#include <cstdint>
#include <string>

#include "engine/core.h"

namespace engram {

// What a graph consists of: a test that means to try something shows that it did.
struct GraphShape {
  std::uint32_t live = 0;
  std::uint32_t dead = 0;
  std::uint32_t upper_blocks = 0;
  std::uint64_t links = 0;          // of live nodes, at all levels
  std::uint64_t links_to_dead = 0;  // of these
};

// Empty, or the first thing that is wrong. Fills `shape` where it is not nullptr.
std::string CheckGraph(const Core& core, GraphShape* shape = nullptr);

}  // namespace engram

#endif  // ENGRAM_TESTS_SUPPORT_GRAPH_CHECK_H_
