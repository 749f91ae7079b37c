// The libraries that are compared, by name.
// Threads: immutable.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_PEERS_H_
#define ENGRAM_TOOLS_BENCH_PEERS_PEERS_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/peers/peer.h"

namespace engram::bench {

struct Peer {
  std::string name;   // as the command line and the figures have it
  std::string title;  // as a plot has it
  std::function<std::unique_ptr<PeerIndex>(const PeerOptions&)> make;
  std::function<std::unique_ptr<PeerIndex>(const PeerOptions&)> open;  // what was saved
  bool by_default = true;  // else only where it is asked for
};

const std::vector<Peer>& AllPeers();
// nullptr: there is none.
const Peer* FindPeer(std::string_view name);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_PEERS_H_
