// hnswlib. Its one source is a library of its own, since it is compiled for this very processor and
// no function of Engram may come from it, nor one of its from Engram.
// Threads: as PeerIndex.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_HNSWLIB_PEER_H_
#define ENGRAM_TOOLS_BENCH_PEERS_HNSWLIB_PEER_H_

#include <memory>

#include <engram/export.h>

#include "tools/bench/peers/peer.h"

namespace engram::bench {

ENGRAM_EXPORT std::unique_ptr<PeerIndex> MakeHnswlib(const PeerOptions& options);
ENGRAM_EXPORT std::unique_ptr<PeerIndex> OpenHnswlib(const PeerOptions& options);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_HNSWLIB_PEER_H_
