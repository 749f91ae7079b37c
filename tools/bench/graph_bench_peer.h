// The peer: an index of hnswlib. Its one source is a library of its own, since it is compiled for
// this very processor and no function of Engram may come from it, nor one of its from Engram.
// Threads: as SearchIndex.
#ifndef ENGRAM_TOOLS_BENCH_GRAPH_BENCH_PEER_H_
#define ENGRAM_TOOLS_BENCH_GRAPH_BENCH_PEER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <engram/export.h>

#include "tools/bench/graph_bench_index.h"

namespace engram::bench {

struct PeerOptions {
  std::size_t dimensions = 0;
  Metric metric = Metric::kL2;  // kCosine takes rows of length 1
  std::size_t m = 16;
  std::size_t ef_construction = 200;
  std::size_t threads = 1;  // that build
};

class PeerIndex : public SearchIndex {
 public:
  virtual void Save(const std::string& path) const = 0;
};

// Rows 0 to `count` - 1 of `rows`.
ENGRAM_EXPORT std::unique_ptr<PeerIndex> BuildPeer(const PeerOptions& options,
                                                   const RowSource& rows, std::size_t count);
ENGRAM_EXPORT std::unique_ptr<PeerIndex> LoadPeer(const PeerOptions& options,
                                                  const std::string& path);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_GRAPH_BENCH_PEER_H_
