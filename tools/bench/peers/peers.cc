#include "tools/bench/peers/peers.h"

#include "tools/bench/peers/faiss_peer.h"
#include "tools/bench/peers/hnswlib_peer.h"
#include "tools/bench/peers/store.h"

namespace engram::bench {
namespace {

std::unique_ptr<PeerIndex> OpenOrMakeStore(const PeerOptions& options) {
  return std::make_unique<StoreIndex>(options);
}

std::unique_ptr<PeerIndex> OpenOrMakeMapped(const PeerOptions& options) {
  PeerOptions mapped = options;
  mapped.residency = Residency::kMapped;
  return OpenOrMakeStore(mapped);
}

std::unique_ptr<PeerIndex> MakeFlat(const PeerOptions& options) {
  return MakeFaiss(options, FaissStorage::kFlat);
}

std::unique_ptr<PeerIndex> MakeSq8(const PeerOptions& options) {
  return MakeFaiss(options, FaissStorage::kSq8);
}

}  // namespace

const std::vector<Peer>& AllPeers() {
  static const std::vector<Peer> peers = {
      {"engram", "Engram", OpenOrMakeStore, OpenOrMakeStore},
      {"engram-mapped", "Engram, mapped", OpenOrMakeMapped, OpenOrMakeMapped, false},
      {"hnswlib", "hnswlib", MakeHnswlib, OpenHnswlib},
      {"faiss-hnsw", "FAISS HNSW flat", MakeFlat, OpenFaiss},
      {"faiss-hnsw-sq8", "FAISS HNSW SQ8", MakeSq8, OpenFaiss},
  };
  return peers;
}

const Peer* FindPeer(std::string_view name) {
  for (const Peer& peer : AllPeers()) {
    if (peer.name == name) return &peer;
  }
  return nullptr;
}

}  // namespace engram::bench
