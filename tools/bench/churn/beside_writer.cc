#include "tools/bench/churn/beside_writer.h"

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "tools/bench/churn/store_index.h"
#include "tools/bench/peers/child.h"
#include "tools/bench/peers/latencies.h"
#include "tools/bench/peers/store.h"

namespace engram::bench {
namespace {

// A store in which everybody lives, and the changes that replace them.
class Setting {
 public:
  explicit Setting(const ChurnBench& bench)
      : bench_(bench),
        index_(bench.Scratch("changing"), bench.ForStore()),
        population_(bench.options.leaving) {
    index_.Insert(bench_.rows, population_.Come(bench_.options.patterns));
    index_.Settle();
  }

  const ChurnBench& bench() const { return bench_; }
  ChurnStore& index() { return index_; }

  // Patterns that it erased or inserted.
  std::size_t MakeNextChange() {
    if (next_ == changes_.size()) {
      changes_ = population_.TurnOver(bench_.options.changed);
      next_ = 0;
    }
    const Change& change = changes_[next_++];
    if (change.erases) {
      index_.Erase(change.patterns);
    } else {
      index_.Insert(bench_.rows, change.patterns);
    }
    return change.patterns.size();
  }

 private:
  const ChurnBench& bench_;
  ChurnStore index_;
  Population population_;
  std::vector<Change> changes_;
  std::size_t next_ = 0;
};

// Makes changes as long as it lives.
class BusyWriter {
 public:
  explicit BusyWriter(Setting& setting)
      : thread_([this, &setting] {
          const auto begin = Clock::now();
          std::size_t changed = 0;
          // relaxed: it only ends the loop; what the loop did is joined with the thread
          while (!stop_.load(std::memory_order_relaxed)) changed += setting.MakeNextChange();
          rate_ = static_cast<double>(changed) / SecondsSince(begin);
        }) {}

  // Patterns a second that it changed.
  double Stop() {
    stop_.store(true, std::memory_order_relaxed);  // as above
    thread_.join();
    return rate_;
  }

 private:
  std::atomic<bool> stop_ = false;
  double rate_ = 0;
  std::jthread thread_;  // last: it uses the others
};

// Runs `idle` and `busy` in turn; the second beside a writer. Returns what the writer did.
Json TakeTurns(Setting& setting, const std::function<void()>& idle,
               const std::function<void()>& busy) {
  std::vector<double> rates;
  const auto read = [](const std::function<void()>& reads) {
    std::jthread([&] {
      PinThisThread(Processors().front());
      reads();
    }).join();
  };
  for (std::size_t round = 0; round < setting.bench().options.common.rounds; ++round) {
    // The store's own threads too, those it started since the last round among them.
    PinAllThreads({Processors().back()});
    read(idle);
    BusyWriter writer(setting);
    read(busy);
    rates.push_back(writer.Stop());
    MustBeOk(setting.index().store().Flush());  // nor must it disturb the next round
  }
  return Repeated(rates);
}

// Searches by the clock, and by the processor's time of the reader.
struct ReaderRounds {
  LatencyRounds clock;
  LatencyRounds processor;
};

Json Figures(const LatencyRounds& idle, const LatencyRounds& busy) {
  return {{"idle", idle.Figures()}, {"busy", busy.Figures()}, {"slowdown", Slowdown(idle, busy)}};
}

Json MeasureReaders(const ChurnBench& bench) {
  Setting setting(bench);
  ReaderRounds idle;
  ReaderRounds busy;
  std::vector<std::uint64_t> found(bench.options.common.k);
  std::size_t query = 0;
  const auto read = [&](ReaderRounds& rounds) {
    std::vector<double> own;
    own.reserve(1 << 20);
    rounds.clock.Add(CallLatencies(Window(bench.options.common.seconds), [&] {
      const double begin = ThreadSeconds();
      setting.index().Search(bench.data.query(query++ % bench.data.query_count()), found.size(),
                             bench.options.common.at_ef, found);
      own.push_back((ThreadSeconds() - begin) * 1e6);
    }));
    rounds.processor.Add(own);
  };
  const Json changes = TakeTurns(
      setting, [&] { read(idle); }, [&] { read(busy); });
  return {{"clock", Figures(idle.clock, busy.clock)},
          {"processor", Figures(idle.processor, busy.processor)},
          {"changes_per_second", changes}};
}

double SnapshotNanoseconds(const Store& store, std::size_t count) {
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < count; ++i) MustBeOk(store.GetSnapshot().status());
  return SecondsSince(begin) * 1e9 / static_cast<double>(count);
}

Json MeasureSnapshots(const ChurnBench& bench) {
  Setting setting(bench);
  std::vector<double> idle;
  std::vector<double> busy;
  const auto take = [&](std::vector<double>& means) {
    means.push_back(SnapshotNanoseconds(setting.index().store(), bench.options.snapshots));
  };
  const Json changes = TakeTurns(
      setting, [&] { take(idle); }, [&] { take(busy); });
  std::vector<double> ratios;
  for (std::size_t i = 0; i < idle.size(); ++i) ratios.push_back(busy[i] / idle[i]);
  return {{"count", bench.options.snapshots},
          {"idle_ns", Repeated(idle)},
          {"busy_ns", Repeated(busy)},
          {"slowdown", Repeated(ratios)},
          {"changes_per_second", changes}};
}

void NeedTwoProcessors() {
  if (Processors().size() < 2) Fail("readers and snapshots need two processors");
}

}  // namespace

Json RunReaders(const ChurnBench& bench) {
  NeedTwoProcessors();
  return InChild([&] { return MeasureReaders(bench); });
}

Json RunSnapshots(const ChurnBench& bench) {
  NeedTwoProcessors();
  return InChild([&] { return MeasureSnapshots(bench); });
}

}  // namespace engram::bench
