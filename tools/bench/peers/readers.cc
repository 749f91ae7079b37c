#include "tools/bench/peers/readers.h"

#include <filesystem>
#include <numeric>
#include <string>
#include <thread>

#include "tools/bench/peers/child.h"
#include "tools/bench/peers/latencies.h"
#include "tools/bench/peers/store.h"

namespace engram::bench {
namespace {

void NeedTwoProcessors() {
  if (Processors().size() < 2) Fail("readers and latency need two processors");
}

// The queries round and round from `first`.
std::vector<double> SearchLatencies(const Bench& bench, const PeerIndex& index,
                                    const Window& window, std::size_t first) {
  std::vector<std::uint64_t> found(bench.options.k);
  return CallLatencies(window, [&, q = first]() mutable {
    index.Search(bench.data.query(q++ % bench.data.query_count()), bench.options.k, found);
  });
}

// All searching threads together; thread i is bound to the processor i places before the last.
double SearchesPerSecond(const Bench& bench, const PeerIndex& index, std::size_t threads) {
  const Window window(bench.options.seconds);
  std::vector<double> rates(threads);
  std::vector<std::jthread> readers;
  for (std::size_t i = 0; i < threads; ++i) {
    readers.emplace_back([&, i] {
      PinThisThread(Processors()[Processors().size() - 1 - i]);
      const auto latencies =
          SearchLatencies(bench, index, window, i * bench.data.query_count() / threads);
      const double total = std::accumulate(latencies.begin(), latencies.end(), 0.0);
      rates[i] = static_cast<double>(latencies.size()) / total * 1e6;
    });
  }
  readers.clear();  // joins
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

std::vector<double> PinnedLatencies(const Bench& bench, const PeerIndex& index,
                                    const Window& window, std::size_t first) {
  std::vector<double> latencies;
  std::jthread([&] {
    PinThisThread(Processors().back());
    latencies = SearchLatencies(bench, index, window, first);
  }).join();
  return latencies;
}

// Inserts from before the window begins until it ends, and counts what falls into it.
class BusyWriter {
 public:
  BusyWriter(const Bench& bench, Store& store, const Window& window, std::size_t first)
      : thread_([this, &bench, &store, window, first] {
          const RowSource rows = bench.data.NewRows();
          const std::size_t batch = bench.options.batch;
          auto begin = Clock::now();
          std::size_t before = 0;
          while (Clock::now() < window.end) {
            InsertRows(store, rows, first + inserted_, batch, batch);
            inserted_ += batch;
            if (Clock::now() < window.begin) {
              begin = Clock::now();
              before = inserted_;
            }
          }
          rate_ = static_cast<double>(inserted_ - before) / SecondsSince(begin);
        }) {}

  void Join() { thread_.join(); }
  // After Join():
  double rate() const { return rate_; }

 private:
  std::size_t inserted_ = 0;
  double rate_ = 0;
  std::jthread thread_;  // last: it uses the others
};

Json MeasureLatency(const Bench& bench, StoreIndex& index) {
  LatencyRounds idle;
  LatencyRounds busy;
  std::vector<double> inserts;
  index.SetEf(bench.options.at_ef);
  for (std::size_t round = 0; round < bench.options.rounds; ++round) {
    // The store's own threads too, those it started since the last round among them.
    PinAllThreads({Processors().front()});
    idle.Add(PinnedLatencies(bench, index, Window(bench.options.seconds), round));
    const Window window(bench.options.seconds);
    BusyWriter writer(bench, index.store(), window, MustGetStats(index.store()).next_id - 1);
    busy.Add(PinnedLatencies(bench, index, window, round));
    writer.Join();
    inserts.push_back(writer.rate());
    MustBeOk(index.store().Flush());  // what is left to be synced must not disturb the next round
  }
  return {{"ef", bench.options.at_ef},
          {"idle", idle.Figures()},
          {"busy", busy.Figures()},
          {"slowdown", Slowdown(idle, busy)},
          {"inserts_per_second", Repeated(inserts)}};
}

}  // namespace

Json RunReaders(const Bench& bench) {
  NeedTwoProcessors();
  return InChild([&] {
    const std::vector<OpenPeer> opened = OpenAll(bench);
    std::vector<std::vector<double>> one(opened.size());
    std::vector<std::vector<double>> two(opened.size());
    std::vector<std::vector<double>> ratio(opened.size());
    for (std::size_t round = 0; round < bench.options.rounds; ++round) {
      for (std::size_t p = 0; p < opened.size(); ++p) {
        opened[p].index->SetEf(bench.options.at_ef);
        one[p].push_back(SearchesPerSecond(bench, *opened[p].index, 1));
        two[p].push_back(SearchesPerSecond(bench, *opened[p].index, 2));
        ratio[p].push_back(two[p].back() / one[p].back());
      }
    }
    Json figures;
    for (std::size_t p = 0; p < opened.size(); ++p) {
      figures[opened[p].peer->name] = {{"one_qps", Repeated(one[p])},
                                       {"two_qps", Repeated(two[p])},
                                       {"ratio", Repeated(ratio[p])}};
    }
    return figures;
  });
}

Json RunLatency(const Bench& bench) {
  NeedTwoProcessors();
  PeerOptions options = bench.ForPeer(NeedStore(bench));
  const std::string copy = bench.Scratch("latency");
  std::filesystem::remove_all(copy);
  std::filesystem::copy(options.path, copy, std::filesystem::copy_options::recursive);
  options.path = copy;
  Json figures = InChild([&] {
    StoreIndex index(options);
    return MeasureLatency(bench, index);
  });
  std::filesystem::remove_all(copy);
  return figures;
}

}  // namespace engram::bench
