// Commits: how many inserts share a sync, and what an insert takes in the log.
#include <benchmark/benchmark.h>

#include <thread>

#include "storage/base/posix_file_system.h"
#include "tests/support/fault_file_system.h"
#include "tools/bench/bench_store.h"

namespace engram::bench {
namespace {

constexpr std::uint32_t kDimensions = 128;

EngineOptions SmallStore() {
  EngineOptions config;
  config.options.dimensions = kDimensions;
  config.options.background_threads = 0;
  return config;
}

// Threads that insert one by one with kSync, over a file layer whose sync takes 5 ms.
void InsertsPerSync(benchmark::State& state) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  const std::vector<float> vectors = RandomVectors(1000, kDimensions);
  Directory directory;
  EngineOptions config = SmallStore();
  const auto slow = std::make_shared<FaultFileSystem>(MakePosixFileSystem());
  slow->SetSyncDelay(std::chrono::milliseconds(5));
  config.file_system = slow;
  const auto engine = MustOpen(directory.path() + "/store", config);
  constexpr std::size_t kEach = 40;
  const LogCounters before = engine->core().log->counters();
  for (auto _ : state) {
    std::vector<std::thread> writers;
    for (std::size_t t = 0; t < threads; ++t) {
      writers.emplace_back([&, t] {
        for (std::size_t i = 0; i < kEach; ++i) {
          InsertRows(*engine, vectors, t * kEach + i, 1, Durability::kSync);
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
  }
  const auto inserts =
      static_cast<double>(state.iterations()) * static_cast<double>(threads * kEach);
  state.counters["inserts_per_sync"] =
      inserts / static_cast<double>(engine->core().log->counters().syncs - before.syncs);
  state.SetItemsProcessed(static_cast<std::int64_t>(inserts));
}
BENCHMARK(InsertsPerSync)
    ->Arg(1)
    ->Arg(8)
    ->Arg(32)
    ->Iterations(3)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// Batches on a real disk: inserts a second, log bytes an insert.
void InsertBatches(benchmark::State& state) {
  const auto durability = static_cast<Durability>(state.range(0));
  const auto batch = static_cast<std::size_t>(state.range(1));
  const std::vector<float> vectors = RandomVectors(10000, kDimensions);
  Directory directory;
  const auto engine = MustOpen(directory.path() + "/store", SmallStore());
  const LogCounters before = engine->core().log->counters();
  std::size_t row = 0;
  for (auto _ : state) {
    InsertRows(*engine, vectors, row, batch, durability);
    row += batch;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(row));
  state.counters["log_bytes_per_insert"] =
      static_cast<double>(engine->core().log->counters().bytes_appended - before.bytes_appended) /
      static_cast<double>(row);
}
BENCHMARK(InsertBatches)
    ->ArgNames({"durability", "batch"})
    ->Args({1, 1})
    ->Args({1, 100})
    ->Args({1, 1000})
    ->Args({3, 1})
    ->Args({3, 100})
    ->Args({3, 1000})
    ->UseRealTime();

}  // namespace
}  // namespace engram::bench
