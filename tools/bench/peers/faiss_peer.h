// FAISS's HNSW over floats, and over 8-bit codes without re-ranking.
// Threads: as PeerIndex.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_FAISS_PEER_H_
#define ENGRAM_TOOLS_BENCH_PEERS_FAISS_PEER_H_

#include <memory>
#include <string>

#include "tools/bench/peers/peer.h"

namespace engram::bench {

enum class FaissStorage : std::uint8_t { kFlat, kSq8 };

std::unique_ptr<PeerIndex> MakeFaiss(const PeerOptions& options, FaissStorage storage);
std::unique_ptr<PeerIndex> OpenFaiss(const PeerOptions& options);

// "1.7.3" of its headers.
std::string FaissVersion();

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_FAISS_PEER_H_
