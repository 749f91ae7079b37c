#include "tools/bench/graph_bench_readers.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <thread>

namespace engram::bench {
namespace {

// Both ends of a measurement, known to all its threads before it begins: they need not talk.
struct Window {
  explicit Window(double seconds)
      : begin(Clock::now() + std::chrono::milliseconds(100)),
        end(begin +
            std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds))) {}
  Clock::time_point begin;
  Clock::time_point end;
};

void NeedTwoProcessors() {
  if (Processors().size() < 2) Fail("--readers and --writer-p99 need two processors");
}

// Microseconds of each search that began in the window, the queries round and round from `first`.
std::vector<double> SearchLatencies(const Bench& bench, const SearchIndex& index,
                                    const Window& window, std::size_t first) {
  std::vector<double> latencies;
  latencies.reserve(1 << 20);
  std::vector<std::uint64_t> found(bench.options.k);
  std::this_thread::sleep_until(window.begin);
  auto now = Clock::now();
  for (std::size_t q = first; now < window.end; ++q) {
    index.Search(bench.data.query(q % bench.data.query_count()), found);
    const auto after = Clock::now();
    latencies.push_back(std::chrono::duration<double, std::micro>(after - now).count());
    now = after;
  }
  return latencies;
}

// All searching threads together; thread i is bound to the processor i places before the last.
double SearchesPerSecond(const Bench& bench, const SearchIndex& index, std::size_t threads) {
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

std::vector<double> PinnedLatencies(const Bench& bench, const SearchIndex& index,
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
  std::size_t inserted() const { return inserted_; }
  double rate() const { return rate_; }

 private:
  std::size_t inserted_ = 0;
  double rate_ = 0;
  std::jthread thread_;  // last: it uses the others
};

WriterRound MeasureRound(const Bench& bench, Store& store, std::size_t number) {
  StoreIndex index(store);
  index.SetEf(bench.options.ef);
  // The store's own threads too, those it started since the last round among them.
  PinAllThreads({Processors().front()});
  WriterRound round;
  const auto idle = PinnedLatencies(bench, index, Window(bench.options.seconds), number);
  round.idle_p50_us = Percentile(idle, 0.50);
  round.idle_p99_us = Percentile(idle, 0.99);
  const std::size_t rows = MustGetStats(store).next_id - 1;
  const Window window(bench.options.seconds);
  BusyWriter writer(bench, store, window, rows);
  const auto busy = PinnedLatencies(bench, index, window, number);
  writer.Join();
  round.busy_p50_us = Percentile(busy, 0.50);
  round.busy_p99_us = Percentile(busy, 0.99);
  round.inserts_per_second = writer.rate();
  MustBeOk(store.Flush());  // what it leaves to be synced must not disturb the next idle searches
  return round;
}

}  // namespace

ReadersFigures RunReaders(const Bench& bench, OpenIndexes& indexes) {
  NeedTwoProcessors();
  StoreIndex store(*indexes.store);
  store.SetEf(bench.options.ef);
  indexes.peer->SetEf(bench.options.ef);
  ReadersFigures figures;
  for (std::size_t i = 0; i < bench.options.rounds; ++i) {
    const auto measure = [&](const SearchIndex& index) {
      return ReadersRound{.one = SearchesPerSecond(bench, index, 1),
                          .two = SearchesPerSecond(bench, index, 2)};
    };
    figures.peer.push_back(measure(*indexes.peer));
    figures.store.push_back(measure(store));
  }
  return figures;
}

std::vector<WriterRound> RunWriterP99(const Bench& bench) {
  NeedTwoProcessors();
  const std::string copy = bench.directory.path() + "/writer.store";
  std::filesystem::remove_all(copy);
  std::filesystem::copy(bench.StorePath(), copy, std::filesystem::copy_options::recursive);
  std::vector<WriterRound> rounds;
  {
    Options options = StoreOptions(bench.options, bench.data.dimensions());
    options.checkpoint_on_close = false;  // it is thrown away
    Store store = MustOpen(copy, options);
    for (std::size_t i = 0; i < bench.options.rounds; ++i) {
      rounds.push_back(MeasureRound(bench, store, i));
    }
    MustBeOk(store.Close());
  }
  PinAllThreads(Processors());
  std::filesystem::remove_all(copy);
  return rounds;
}

}  // namespace engram::bench
