#include "tools/bench/churn/sweep_cost.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "tools/bench/churn/store_index.h"
#include "tools/bench/peers/child.h"
#include "tools/bench/peers/store.h"

namespace engram::bench {
namespace {

struct Spent {
  double cpu = 0;
  double wall = 0;
};

Spent SpentIn(const std::function<void()>& work) {
  const auto begin = Clock::now();
  const double cpu = ThreadSeconds();
  work();
  return {ThreadSeconds() - cpu, SecondsSince(begin)};
}

// Nothing but what is measured: no checkpoint, no scrubbing, no thread of the store's own.
Options WithoutThreads(const ChurnBench& bench) {
  Options options = bench.ForStore();
  options.background_threads = 0;
  options.search_threads = 1;
  options.scrub_bytes_per_second = 0;
  options.checkpoint_log_bytes = 1ull << 50;
  options.durability = Durability::kNone;
  return options;
}

void SweepAll(Store& store) {
  constexpr std::chrono::milliseconds kBudget{100};
  for (std::uint64_t dead = MustGetStats(store).dead; dead > 0;) {
    // A round takes its dead out at its end: it may be many calls.
    const Lsn before = MustGetStats(store).last_lsn;
    MustBeOk(store.RunMaintenance(kBudget));
    dead = MustGetStats(store).dead;
    if (dead > 0 && MustGetStats(store).last_lsn == before) {
      Fail("the sweep stopped with " + std::to_string(dead) +
           " dead patterns: --shares asks for too few");
    }
  }
}

// Rounds of one share.
struct ShareRounds {
  std::vector<double> erase_us, sweep_us, insert_us;  // of a pattern, by the processor's time
  std::vector<double> sweep_wall_us, insert_wall_us;
  std::vector<double> ratio, ratio_with_erase, wall_ratio;

  void Add(std::size_t count, const Spent& erase, const Spent& sweep, const Spent& insert) {
    const auto each = [count](double seconds) {
      return seconds * 1e6 / static_cast<double>(count);
    };
    erase_us.push_back(each(erase.cpu));
    sweep_us.push_back(each(sweep.cpu));
    insert_us.push_back(each(insert.cpu));
    sweep_wall_us.push_back(each(sweep.wall));
    insert_wall_us.push_back(each(insert.wall));
    ratio.push_back(sweep.cpu / insert.cpu);
    ratio_with_erase.push_back((erase.cpu + sweep.cpu) / insert.cpu);
    wall_ratio.push_back(sweep.wall / insert.wall);
  }

  Json Figures(double share, std::size_t count) const {
    return {{"share", share},
            {"patterns", count},
            {"erase_us", Repeated(erase_us)},
            {"sweep_us", Repeated(sweep_us)},
            {"insert_us", Repeated(insert_us)},
            {"sweep_wall_us", Repeated(sweep_wall_us)},
            {"insert_wall_us", Repeated(insert_wall_us)},
            {"ratio", Repeated(ratio)},
            {"ratio_with_erase", Repeated(ratio_with_erase)},
            {"wall_ratio", Repeated(wall_ratio)}};
  }
};

class SweepCostPart {
 public:
  explicit SweepCostPart(const ChurnBench& bench)
      : bench_(bench),
        index_(bench.Scratch("swept"), WithoutThreads(bench)),
        population_(bench.options.leaving) {
    index_.Insert(bench_.rows, population_.Come(bench_.options.patterns));
  }

  Json Run() {
    std::map<double, ShareRounds> rounds;
    for (std::size_t round = 0; round < bench_.options.common.rounds; ++round) {
      for (const double share : bench_.options.shares) Measure(Count(share), rounds[share]);
    }
    Json figures = Json::array();
    for (const auto& [share, own] : rounds) figures.push_back(own.Figures(share, Count(share)));
    return figures;
  }

 private:
  std::size_t Count(double share) const {
    const double count = share / 100 * static_cast<double>(bench_.options.patterns);
    return std::max<std::size_t>(1, static_cast<std::size_t>(std::llround(count)));
  }

  void Measure(std::size_t count, ShareRounds& rounds) {
    const std::vector<std::uint64_t> gone = population_.Go(count);
    const Spent erase = SpentIn([&] { EraseAll(gone); });
    const Spent sweep = SpentIn([&] { SweepAll(index_.store()); });
    const std::vector<std::uint64_t> come = population_.Come(count);
    const Spent insert = SpentIn([&] { index_.Insert(bench_.rows, come); });
    rounds.Add(count, erase, sweep, insert);
  }

  void EraseAll(std::span<const std::uint64_t> patterns) {
    constexpr std::size_t kAtATime = 1000;  // as the store inserts
    while (!patterns.empty()) {
      const std::size_t some = std::min(kAtATime, patterns.size());
      index_.Erase(patterns.first(some));
      patterns = patterns.subspan(some);
    }
  }

  const ChurnBench& bench_;
  ChurnStore index_;
  Population population_;
};

}  // namespace

Json RunSweepCost(const ChurnBench& bench) {
  return InChild([&] { return SweepCostPart(bench).Run(); });
}

}  // namespace engram::bench
