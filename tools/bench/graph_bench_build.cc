#include "tools/bench/graph_bench_build.h"

#include <cstdio>
#include <filesystem>
#include <functional>

namespace engram::bench {
namespace {

// What the process has more than before it called `make`. Never below 0: freed memory of an earlier
// step may have gone back only now.
std::uint64_t GrowthOf(const std::function<void()>& make) {
  const std::uint64_t before = AnonymousBytes();
  make();
  const std::uint64_t after = AnonymousBytes();
  return after > before ? after - before : 0;
}

void BuildPeerIndex(const Bench& bench, BuildRound& round, BuildFigures& figures) {
  std::unique_ptr<PeerIndex> index;
  figures.peer_memory_bytes = GrowthOf([&] {
    const auto begin = Clock::now();
    index = BuildPeer(bench.ForPeer(), bench.data.StoredRows(), bench.data.rows());
    round.peer_seconds = SecondsSince(begin);
  });
  index->Save(bench.PeerPath());
}

void BuildStore(const Bench& bench, BuildRound& round, BuildFigures& figures) {
  std::filesystem::remove_all(bench.StorePath());
  std::unique_ptr<Store> store;
  figures.store_memory_bytes = GrowthOf([&] {
    store = std::make_unique<Store>(
        MustOpen(bench.StorePath(), StoreOptions(bench.options, bench.data.dimensions())));
    const auto begin = Clock::now();
    InsertRows(*store, bench.data.StoredRows(), 0, bench.data.rows(), bench.options.batch);
    MustBeOk(store->Flush());
    round.store_seconds = SecondsSince(begin);
    MustBeOk(store->Checkpoint());  // what one that is running holds for a moment does not count
  });
  figures.store = MustGetStats(*store);
  MustBeOk(store->Close());
}

}  // namespace

PeerOptions Bench::ForPeer() const {
  return {.dimensions = data.dimensions(),
          .metric = options.metric,
          .m = options.m,
          .ef_construction = options.ef_construction,
          .threads = options.threads};
}

std::string Bench::IndexPath() const {
  return directory.path() + "/" + options.set + "-" + std::to_string(data.rows()) + "-" +
         std::string(MetricName(options.metric)) + "-m" + std::to_string(options.m) + "-efc" +
         std::to_string(options.ef_construction);
}

BuildFigures RunBuild(const Bench& bench) {
  BuildFigures figures;
  for (std::size_t i = 0; i < bench.options.build_rounds; ++i) {
    BuildRound round;
    BuildPeerIndex(bench, round, figures);
    BuildStore(bench, round, figures);
    std::fprintf(stderr, "built %zu of %zu: hnswlib %.1f s, engram %.1f s\n", i + 1,
                 bench.options.build_rounds, round.peer_seconds, round.store_seconds);
    figures.rounds.push_back(round);
  }
  return figures;
}

OpenIndexes::OpenIndexes(const Bench& bench) {
  peer_memory_bytes = GrowthOf([&] { peer = LoadPeer(bench.ForPeer(), bench.PeerPath()); });
  store_memory_bytes = GrowthOf([&] {
    Options options = StoreOptions(bench.options, bench.data.dimensions());
    options.create_if_missing = false;
    const auto begin = Clock::now();
    store = std::make_unique<Store>(MustOpen(bench.StorePath(), options));
    store_open_seconds = SecondsSince(begin);
  });
  if (MustGetStats(*store).count != bench.data.rows()) Fail("the kept store is incomplete");
}

bool IndexesAreThere(const Bench& bench) {
  return std::filesystem::exists(bench.PeerPath()) && std::filesystem::exists(bench.StorePath());
}

}  // namespace engram::bench
