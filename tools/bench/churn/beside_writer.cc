#include "tools/bench/churn/beside_writer.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
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

// Makes changes as long as it lives, beside a thread that compacts the store where `compacts`.
class BusyWriter {
 public:
  BusyWriter(Setting& setting, bool compacts)
      : writer_([this, &setting] {
          const auto begin = Clock::now();
          std::size_t changed = 0;
          while (GoesOn()) changed += setting.MakeNextChange();
          rate_ = static_cast<double>(changed) / SecondsSince(begin);
        }) {
    if (!compacts) return;
    compactor_ = std::jthread([this, &setting] {
      CompactOptions options;
      options.progress = [this](const CompactProgress&) { return GoesOn(); };
      while (GoesOn()) {
        const Status status = setting.index().store().Compact(options).status();
        if (status.code() != Code::kCancelled) MustBeOk(status);
      }
    });
  }

  // Patterns a second that it changed.
  double Stop() {
    stop_.store(true, std::memory_order_relaxed);  // as in GoesOn()
    writer_.join();
    if (compactor_.joinable()) compactor_.join();
    return rate_;
  }

 private:
  // Relaxed: it only ends loops; what these did is joined with the threads.
  bool GoesOn() const { return !stop_.load(std::memory_order_relaxed); }

  std::atomic<bool> stop_ = false;
  double rate_ = 0;
  std::jthread writer_;  // last, as the next: they use the others
  std::jthread compactor_;
};

enum class Beside : std::uint8_t { kNobody, kWriter, kWriterAndCompaction };

struct Turn {
  Beside beside = Beside::kNobody;
  std::function<void()> reads;
};

// Runs the turns one after the other, as often as there are rounds. Returns what the writer did in
// the turns that have it alone.
Json TakeTurns(Setting& setting, const std::vector<Turn>& turns) {
  std::vector<double> rates;
  for (std::size_t round = 0; round < setting.bench().options.common.rounds; ++round) {
    for (const Turn& turn : turns) {
      // The store's own threads too, those it started since the last turn among them.
      PinAllThreads({Processors().back()});
      std::optional<BusyWriter> writer;
      if (turn.beside != Beside::kNobody) {
        writer.emplace(setting, turn.beside == Beside::kWriterAndCompaction);
      }
      std::jthread([&turn] {
        PinThisThread(Processors().front());
        turn.reads();
      }).join();
      if (!writer) continue;
      const double rate = writer->Stop();
      if (turn.beside == Beside::kWriter) rates.push_back(rate);
      MustBeOk(setting.index().store().Flush());  // nor must it disturb the next turn
    }
  }
  return Repeated(rates);
}

// Searches by the clock, and by the processor's time of the reader.
struct ReaderRounds {
  LatencyRounds clock;
  LatencyRounds processor;
};

Json Figures(const LatencyRounds& idle, const LatencyRounds& busy,
             const LatencyRounds& compacting) {
  return {{"idle", idle.Figures()},
          {"busy", busy.Figures()},
          {"slowdown", Slowdown(idle, busy)},
          {"compacting", compacting.Figures()},
          {"slowdown_compacting", Slowdown(idle, compacting)}};
}

Json MeasureReaders(const ChurnBench& bench) {
  Setting setting(bench);
  ReaderRounds idle;
  ReaderRounds busy;
  ReaderRounds compacting;
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
  const Json changes =
      TakeTurns(setting, {{Beside::kNobody, [&] { read(idle); }},
                          {Beside::kWriter, [&] { read(busy); }},
                          {Beside::kWriterAndCompaction, [&] { read(compacting); }}});
  return {{"clock", Figures(idle.clock, busy.clock, compacting.clock)},
          {"processor", Figures(idle.processor, busy.processor, compacting.processor)},
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
      setting, {{Beside::kNobody, [&] { take(idle); }}, {Beside::kWriter, [&] { take(busy); }}});
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
