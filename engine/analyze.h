// What a graph looks like: its links, and which nodes hold the same vector.
// Leaves to others: sizes of files and memory, running the searches of the sample
// (engine/stats.cc), what these found (engine/recall_meter.h).
// Threads: pure functions over a graph that has one writer and many readers.
#ifndef ENGRAM_ENGINE_ANALYZE_H_
#define ENGRAM_ENGINE_ANALYZE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <engram/analyze.h>

#include "index/graph.h"
#include "storage/base/checksum.h"

namespace engram {

// What `at` sees of the graph: everything of a report but duplicates, recall and the sizes of
// files and memory. Takes a look at each node, and about nine bytes of memory for each. What a
// writer changes meanwhile may be counted or not. Pre: the caller has held a pin at `at` since
// before it took `graph` and `entry`.
GraphReport AnalyzeGraph(const Graph& graph, EntryPoint entry, Lsn at);

// How many of the nodes that `at` sees hold the same vector.
struct Duplicates {
  std::uint64_t nodes = 0;    // beyond the first of each vector
  std::uint64_t vectors = 0;  // that more than one node holds
  std::uint64_t largest = 0;  // nodes of the vector that most hold; 0 where each is alone
};

// 64 bits of the bytes of a vector.
using VectorHash = std::uint64_t (*)(std::span<const std::byte> bytes);
inline std::uint64_t HashVector(std::span<const std::byte> bytes) { return Checksum64(bytes); }

// Exact, whatever the hash: vectors are hashed, and compared number by number where hashes are
// equal. Reads each vector once, and again where it has the hash of another. Takes 16 bytes of
// memory for each node. Pre: as of AnalyzeGraph().
Duplicates CountDuplicates(const Graph& graph, Lsn at, VectorHash hash = HashVector);

// Nodes that `at` sees, each as likely as the others: `wanted` of them, or all where there are not
// more. The same ones for the same graph and seed. Pre: as of AnalyzeGraph().
std::vector<SlotId> ChooseNodes(const Graph& graph, Lsn at, std::size_t wanted, std::uint64_t seed);

}  // namespace engram

#endif  // ENGRAM_ENGINE_ANALYZE_H_
