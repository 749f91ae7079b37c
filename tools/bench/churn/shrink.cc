#include "tools/bench/churn/shrink.h"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "tools/bench/churn/store_index.h"
#include "tools/bench/peers/child.h"
#include "tools/bench/peers/store.h"

namespace engram::bench {
namespace {

constexpr std::size_t kLeftShare = 10;  // one in so many stays

Json SizesOf(ChurnStore& index) {
  MustBeOk(index.store().Checkpoint());
  const Stats stats = MustGetStats(index.store());
  return {{"disk_bytes", stats.bytes_on_disk},
          {"page_file_bytes", stats.page_file_bytes},
          {"metadata_bytes", stats.metadata_bytes},
          {"free_slots", stats.free_slots}};
}

double RecallOf(const ChurnBench& bench, const ChurnStore& index, const LiveTruth& truth,
                const std::string& name) {
  const BenchOptions& common = bench.options.common;
  const std::size_t count = bench.data.query_count();
  std::vector<std::uint64_t> found(count * common.k);
  index.Search(bench.data.queries(0, count), common.k, common.at_ef, found);
  return truth.Recall(name, found);
}

void EraseAll(ChurnStore& index, std::span<const std::uint64_t> patterns) {
  constexpr std::size_t kAtATime = 1000;
  while (!patterns.empty()) {
    const std::size_t some = std::min(kAtATime, patterns.size());
    index.Erase(patterns.first(some));
    patterns = patterns.subspan(some);
  }
}

Json Shrink(const ChurnBench& bench) {
  ChurnStore index(bench.Scratch("shrunk"), bench.ForStore());
  Population population(Leaving::kRandom);
  index.Insert(bench.rows, population.Come(bench.options.patterns));
  Json figures;
  figures["full"] = SizesOf(index);
  const std::size_t left = bench.options.patterns / kLeftShare;
  EraseAll(index, population.Go(bench.options.patterns - left));
  figures["erased"] = SizesOf(index);
  const auto begin = Clock::now();
  const auto report = index.store().Compact();
  MustBeOk(report.status());
  figures["compact_seconds"] = SecondsSince(begin);
  figures["moved"] = report->moved;
  figures["compacted"] = SizesOf(index);

  ChurnStore fresh(bench.Scratch("rest"), bench.ForStore());
  const std::vector<std::uint64_t> live = population.live();
  const auto fresh_begin = Clock::now();
  fresh.Insert(bench.rows, live);
  figures["insert_seconds"] = SecondsSince(fresh_begin);
  figures["fresh"] = SizesOf(fresh);
  const LiveTruth truth(bench, live);
  figures["compacted"]["recall"] = RecallOf(bench, index, truth, "Engram, compacted");
  figures["fresh"]["recall"] = RecallOf(bench, fresh, truth, "Engram, fresh");
  figures["compacted"]["unreachable"] = index.Unreachable();
  figures["patterns_left"] = left;
  return figures;
}

}  // namespace

Json RunShrink(const ChurnBench& bench) {
  return InChild([&] { return Shrink(bench); });
}

}  // namespace engram::bench
