// How long calls take, one by one, in windows of time that alternate.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_LATENCIES_H_
#define ENGRAM_TOOLS_BENCH_PEERS_LATENCIES_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tools/bench/peers/json.h"
#include "tools/bench/system.h"

namespace engram::bench {

// Both ends of a measurement, known to all its threads before it begins: they need not talk.
struct Window {
  explicit Window(double seconds);
  Clock::time_point begin;  // soon
  Clock::time_point end;
};

// Microseconds of each call that began in the window.
std::vector<double> CallLatencies(const Window& window, const std::function<void()>& call);

// Percentiles of several windows, "p50_us", "p99_us" and "p99.9_us".
class LatencyRounds {
 public:
  void Add(const std::vector<double>& latencies);
  Json Figures() const;
  // How many times as long the calls of `busy` took, round by round: "p50", "p99", "p99.9".
  // Pre: as many rounds.
  friend Json Slowdown(const LatencyRounds& idle, const LatencyRounds& busy);

 private:
  std::map<std::string, std::vector<double>> rounds_;
};

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_LATENCIES_H_
