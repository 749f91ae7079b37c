// How long a checkpoint keeps one insert waiting, and what it writes.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "tools/bench/bench_store.h"

namespace engram::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::uint32_t kDimensions = 128;
constexpr std::size_t kPatterns = 200'000;

double Milliseconds(SteadyClock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

void InsertsDuringCheckpoint(benchmark::State& state) {
  const std::vector<float> vectors = RandomVectors(10000, kDimensions);
  double longest_ms = 0, longest_idle_ms = 0;
  for (auto _ : state) {
    Directory directory;
    EngineOptions config;
    config.options.dimensions = kDimensions;
    config.options.background_threads = 0;
    const auto engine = MustOpen(directory.path() + "/store", config);
    for (std::size_t row = 0; row < kPatterns; row += 1000) {
      InsertRows(*engine, vectors, row, 1000, Durability::kNone);
    }
    std::atomic<bool> done{false};  // seq_cst: tells the inserting thread to stop
    const auto insert_timed = [&](double& longest) {
      const auto begin = SteadyClock::now();
      InsertRows(*engine, vectors, 0, 1, Durability::kNone);
      longest = std::max(longest, Milliseconds(SteadyClock::now() - begin));
    };
    for (int i = 0; i < 5000; ++i) insert_timed(longest_idle_ms);
    std::thread checkpoint([&] {
      MustBeOk(engine->Checkpoint());
      done.store(true);
    });
    const auto begin = SteadyClock::now();
    while (!done.load()) insert_timed(longest_ms);
    state.SetIterationTime(std::chrono::duration<double>(SteadyClock::now() - begin).count());
    checkpoint.join();
  }
  state.counters["longest_insert_ms"] = longest_ms;
  state.counters["longest_insert_idle_ms"] = longest_idle_ms;
}
BENCHMARK(InsertsDuringCheckpoint)->UseManualTime()->Iterations(3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace engram::bench
