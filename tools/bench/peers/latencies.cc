#include "tools/bench/peers/latencies.h"

#include <thread>

namespace engram::bench {

Window::Window(double seconds)
    : begin(Clock::now() + std::chrono::milliseconds(100)),
      end(begin +
          std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds))) {}

std::vector<double> CallLatencies(const Window& window, const std::function<void()>& call) {
  std::vector<double> latencies;
  latencies.reserve(1 << 20);
  std::this_thread::sleep_until(window.begin);
  for (auto now = Clock::now(); now < window.end;) {
    call();
    const auto after = Clock::now();
    latencies.push_back(std::chrono::duration<double, std::micro>(after - now).count());
    now = after;
  }
  if (latencies.empty()) Fail("no search began in time: --seconds is too small");
  return latencies;
}

void LatencyRounds::Add(const std::vector<double>& latencies) {
  rounds_["p50_us"].push_back(Percentile(latencies, 0.50));
  rounds_["p99_us"].push_back(Percentile(latencies, 0.99));
  rounds_["p99.9_us"].push_back(Percentile(latencies, 0.999));
}

Json LatencyRounds::Figures() const {
  Json figures;
  for (const char* name : {"p50_us", "p99_us", "p99.9_us"}) {
    figures[name] = Repeated(rounds_.at(name));
  }
  return figures;
}

Json Slowdown(const LatencyRounds& idle, const LatencyRounds& busy) {
  Json figures;
  for (const auto& [name, times] : idle.rounds_) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < times.size(); ++i) {
      ratios.push_back(busy.rounds_.at(name)[i] / times[i]);
    }
    figures[name.substr(0, name.find('_'))] = Repeated(ratios);
  }
  return figures;
}

}  // namespace engram::bench
