// Opening a store whose log holds everything: inserts replayed a second, into pages and rows.
#include <benchmark/benchmark.h>

#include <chrono>

#include "tools/bench/bench_store.h"

namespace engram::bench {
namespace {

constexpr std::uint32_t kDimensions = 128;
constexpr std::size_t kPatterns = 300'000;

EngineOptions NoCheckpoints() {
  EngineOptions config;
  config.options.dimensions = kDimensions;
  config.options.background_threads = 0;
  config.options.checkpoint_on_close = false;
  return config;
}

void Replay(benchmark::State& state) {
  const auto batch = static_cast<std::size_t>(state.range(0));
  const std::vector<float> vectors = RandomVectors(10000, kDimensions);
  for (auto _ : state) {
    Directory directory;
    {
      const auto engine = MustOpen(directory.path() + "/store", NoCheckpoints());
      for (std::size_t row = 0; row < kPatterns; row += batch) {
        InsertRows(*engine, vectors, row, batch, Durability::kNone);
      }
      MustBeOk(engine->Flush());
    }  // without Close(): as after the death of the process, rows not flushed
    const auto begin = std::chrono::steady_clock::now();
    const auto engine = MustOpen(directory.path() + "/store", NoCheckpoints());
    state.SetIterationTime(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    if (engine->GetStats()->count != kPatterns)
      MustBeOk(Status::CorruptedIndex("patterns are missing"));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kPatterns));
}
BENCHMARK(Replay)->ArgName("batch")->Arg(1)->Arg(100)->UseManualTime()->Iterations(3)->Unit(
    benchmark::kMillisecond);

}  // namespace
}  // namespace engram::bench
