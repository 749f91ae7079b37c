// Which plots there are of what was measured.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_PLOTS_H_
#define ENGRAM_TOOLS_BENCH_PEERS_PLOTS_H_

#include <string>

#include "tools/bench/peers/json.h"

namespace engram::bench {

// Draws that part of `report` into `directory`, which it makes. false: it could not, which is no
// reason to lose what will be measured next.
bool PlotPart(const Json& report, const std::string& part, const std::string& directory);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_PLOTS_H_
