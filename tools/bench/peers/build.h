// The indexes of one run: what they are made of, where they lie, and the building of them.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_BUILD_H_
#define ENGRAM_TOOLS_BENCH_PEERS_BUILD_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/bench/peers/data.h"
#include "tools/bench/peers/json.h"
#include "tools/bench/peers/options.h"
#include "tools/bench/peers/peers.h"
#include "tools/bench/system.h"

namespace engram::bench {

// What a part works on.
struct Bench {
  explicit Bench(const BenchOptions& given);

  const BenchOptions options;
  const Directory directory;
  DataSet data;
  std::vector<const Peer*> peers;

  // Its path tells what an index was built from and with.
  PeerOptions ForPeer(const Peer& peer) const;
  // A path for what goes with the part that makes it.
  std::string Scratch(const std::string& name) const;
};

// What the process has more than before it called `make`. Never below 0: freed memory of an earlier
// step may have gone back only now.
std::uint64_t GrowthOf(const std::function<void()>& make);

// By peer: seconds, memory, bytes on disk. Each peer is built in a process of its own and saved;
// one that lies in the directory already is not built again, and the figures of its build are those
// kept beside it.
Json RunBuild(const Bench& bench);

// One peer as it was saved, opened.
struct OpenPeer {
  OpenPeer(const Bench& bench, const Peer& which);

  const Peer* peer;
  std::unique_ptr<PeerIndex> index;
  double seconds = 0;
  std::uint64_t memory_bytes = 0;
};

std::vector<OpenPeer> OpenAll(const Bench& bench);

// Engram's store, which the parts about Engram alone need. Builds it where it is not there.
const Peer& NeedStore(const Bench& bench);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_BUILD_H_
