#include "tools/bench/peers/build.h"

#include <cstdio>
#include <filesystem>

#include "tools/bench/peers/child.h"
#include "tools/bench/peers/store.h"

namespace engram::bench {
namespace {

Json StoreFigures(const Store& store) {
  const Stats stats = MustGetStats(store);
  return {{"log_bytes_written", stats.log_bytes_written},
          {"page_bytes_written", stats.page_bytes_written},
          {"journal_bytes_written", stats.journal_bytes_written},
          {"checkpoints", stats.checkpoints},
          {"page_file_bytes", stats.page_file_bytes},
          {"journal_bytes", stats.journal_bytes},
          {"log_bytes", stats.log_bytes},
          {"metadata_bytes", stats.metadata_bytes}};
}

Json Build(const Bench& bench, const Peer& peer) {
  const PeerOptions options = bench.ForPeer(peer);
  Json figures;
  std::unique_ptr<PeerIndex> index;
  const std::uint64_t memory = GrowthOf([&] {
    index = peer.make(options);
    const auto begin = Clock::now();
    index->Add(bench.data.StoredRows(), 0, bench.data.rows());
    figures["seconds"] = SecondsSince(begin);
    index->Settle();
  });
  figures["threads"] = bench.options.threads;
  figures["points_per_second"] =
      static_cast<double>(bench.data.rows()) / figures["seconds"].get<double>();
  figures["memory_bytes"] = memory;
  if (auto* store = dynamic_cast<StoreIndex*>(index.get())) {
    figures["store"] = StoreFigures(store->store());
  }
  index->Save();
  figures["disk_bytes"] = FileBytes(options.path);
  return figures;
}

Json BuildOrRead(const Bench& bench, const Peer& peer) {
  const std::string path = bench.ForPeer(peer).path;
  const std::string kept = path + ".json";
  if (std::filesystem::exists(kept) && std::filesystem::exists(path)) return ReadJson(kept);
  std::filesystem::remove_all(path);
  const Json figures = InChild([&] { return Build(bench, peer); });
  WriteJson(kept, figures);
  std::fprintf(stderr, "built %s: %.1f s\n", peer.name.c_str(), figures["seconds"].get<double>());
  return figures;
}

std::vector<const Peer*> Chosen(const BenchOptions& options) {
  std::vector<const Peer*> peers;
  for (const std::string& name : options.peers) peers.push_back(FindPeer(name));
  return peers;
}

}  // namespace

Bench::Bench(const BenchOptions& given)
    : options(given), directory(given.keep), data(given, directory.path()), peers(Chosen(given)) {}

PeerOptions Bench::ForPeer(const Peer& peer) const {
  const std::string set = std::filesystem::path(options.set).filename();
  const bool packaged = options.faiss_kernels == FaissKernels::kPackaged;
  return {.dimensions = data.dimensions(),
          .metric = options.metric,
          .m = options.m,
          .ef_construction = options.ef_construction,
          .threads = options.threads,
          .batch = options.batch,
          .faiss_kernels = options.faiss_kernels,
          .capacity = data.rows(),
          .residency = options.residency,
          .path = directory.path() + "/" + set + "-" + std::to_string(data.rows()) + "-" +
                  std::string(MetricName(options.metric)) + "-m" + std::to_string(options.m) +
                  "-efc" + std::to_string(options.ef_construction) + "-t" +
                  std::to_string(options.threads) + (packaged ? "-packaged." : ".") + peer.name};
}

std::string Bench::Scratch(const std::string& name) const {
  return directory.path() + "/scratch-" + name;
}

std::uint64_t GrowthOf(const std::function<void()>& make) {
  const std::uint64_t before = AnonymousBytes();
  make();
  const std::uint64_t after = AnonymousBytes();
  return after > before ? after - before : 0;
}

Json RunBuild(const Bench& bench) {
  Json figures;
  for (const Peer* peer : bench.peers) figures[peer->name] = BuildOrRead(bench, *peer);
  return figures;
}

OpenPeer::OpenPeer(const Bench& bench, const Peer& which) : peer(&which) {
  memory_bytes = GrowthOf([&] {
    const auto begin = Clock::now();
    index = which.open(bench.ForPeer(which));
    seconds = SecondsSince(begin);
  });
}

std::vector<OpenPeer> OpenAll(const Bench& bench) {
  std::vector<OpenPeer> opened;
  for (const Peer* peer : bench.peers) opened.emplace_back(bench, *peer);
  return opened;
}

const Peer& NeedStore(const Bench& bench) {
  const Peer& engram = *FindPeer("engram");
  BuildOrRead(bench, engram);
  return engram;
}

}  // namespace engram::bench
