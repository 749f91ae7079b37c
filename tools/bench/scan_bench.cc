// Exact scan against a plain read of as much memory. `bytes_per_second` counts what a scan must
// touch: header and vector of each pattern.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "tools/bench/bench_store.h"

namespace engram::bench {
namespace {

constexpr std::uint32_t kDimensions = 128;
constexpr std::size_t kPatterns = 1'000'000;
constexpr std::size_t kTouched = 64 + kDimensions * sizeof(float);

// An engine that was opened with `threads`.
struct Loaded {
  explicit Loaded(std::uint32_t threads) {
    EngineOptions config;
    config.options.dimensions = kDimensions;
    config.options.search_threads = threads;
    config.options.durability = Durability::kNone;
    config.options.ef_construction = 8;  // the graph is not what is measured
    engine = MustOpen(directory.path() + "/store", config);
    std::mt19937 random(threads);
    std::uniform_real_distribution<float> component(-1, 1);
    std::vector<float> vectors(kRows * kDimensions);
    for (std::size_t row = 0; row < kPatterns; row += kRows) {
      for (float& value : vectors) value = component(random);
      InsertRows(*engine, vectors, 0, kRows, Durability::kNone);
    }
    query.assign(vectors.begin(), vectors.begin() + kDimensions);
  }
  static constexpr std::size_t kRows = 1000;
  Directory directory;
  std::vector<float> query;
  std::unique_ptr<Engine> engine;
};

// One store for all rounds.
Loaded& StoreFor(std::uint32_t threads) {
  static std::map<std::uint32_t, Loaded> stores;
  Loaded& loaded = stores.try_emplace(threads, threads).first->second;
  // Behind the first opening: closed before what RocksDB keeps in statics goes.
  [[maybe_unused]] static const int registered = std::atexit([] { stores.clear(); });
  return loaded;
}

void Scan(benchmark::State& state) {
  const Loaded& loaded = StoreFor(static_cast<std::uint32_t>(state.range(0)));
  SearchRequest request;
  request.exact = true;
  request.query = loaded.query;
  for (auto _ : state) {
    const auto found = loaded.engine->Search(request);
    MustBeOk(found.status());
    benchmark::DoNotOptimize(found->hits.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kPatterns * kTouched));
}
BENCHMARK(Scan)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

std::uint64_t Sum(const std::uint64_t* from, std::size_t words) {
  std::uint64_t lanes[8] = {};
  for (std::size_t i = 0; i + 8 <= words; i += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) lanes[lane] += from[i + lane];
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t lane : lanes) sum += lane;
  return sum;
}

// What the machine can read: a sum over as many bytes, in as many threads.
void PlainRead(benchmark::State& state) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  const std::size_t words = kPatterns * kTouched / sizeof(std::uint64_t);
  const std::vector<std::uint64_t> memory(words, 1);
  for (auto _ : state) {
    std::vector<std::thread> helpers;
    std::atomic<std::uint64_t> total{0};  // relaxed: keeps the sums alive
    const auto part = [&](std::size_t i) {
      total.fetch_add(Sum(memory.data() + words / threads * i, words / threads),
                      std::memory_order_relaxed);
    };
    for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back(part, i);
    part(0);
    for (std::thread& helper : helpers) helper.join();
    benchmark::DoNotOptimize(total.load(std::memory_order_relaxed));
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(words * sizeof(std::uint64_t)));
}
BENCHMARK(PlainRead)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace engram::bench
