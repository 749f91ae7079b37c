// hnswlib, built once, or changed all the time. Its one source is a library of its own, since it is
// compiled for this very processor and no function of Engram may come from it, nor one of its from
// Engram.
// Threads: as PeerIndex and ChurnIndex.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_HNSWLIB_PEER_H_
#define ENGRAM_TOOLS_BENCH_PEERS_HNSWLIB_PEER_H_

#include <cstdint>
#include <memory>

#include <engram/export.h>

#include "tools/bench/churn/churn_index.h"
#include "tools/bench/peers/peer.h"

namespace engram::bench {

ENGRAM_EXPORT std::unique_ptr<PeerIndex> MakeHnswlib(const PeerOptions& options);
ENGRAM_EXPORT std::unique_ptr<PeerIndex> OpenHnswlib(const PeerOptions& options);

// What becomes of an erased pattern's place. hnswlib 0.6.2 cannot give it to a new label (0.7 can:
// allow_replace_deleted).
enum class ErasedPlaces : std::uint8_t {
  // markDelete(); the place's own label is given to the next pattern, which addPoint() takes for an
  // update: what replacing comes down to in 0.7 too.
  kReused,
  // markDelete() alone: the index grows.
  kKept,
};
// Pre: PeerOptions::capacity is the most patterns that live at a time (kReused), or that ever come.
ENGRAM_EXPORT std::unique_ptr<ChurnIndex> MakeChurnHnswlib(const PeerOptions& options,
                                                           ErasedPlaces places);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_HNSWLIB_PEER_H_
