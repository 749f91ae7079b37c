#include "tools/bench/peers/opening.h"

#include <algorithm>
#include <filesystem>

#include "tools/bench/peers/child.h"
#include "tools/bench/peers/store.h"

namespace engram::bench {
namespace {

constexpr auto kRecursive = std::filesystem::copy_options::recursive;

// Seconds of opening, of the first search and of closing, none of which finds work left by others.
Json MeasureClean(const Bench& bench, const PeerOptions& options) {
  std::vector<double> open;
  std::vector<double> search;
  std::vector<double> close;
  std::vector<std::uint64_t> found(bench.options.k);
  for (std::size_t round = 0; round < bench.options.rounds; ++round) {
    auto begin = Clock::now();
    StoreIndex index(options);
    open.push_back(SecondsSince(begin));
    index.SetEf(bench.options.at_ef);
    begin = Clock::now();
    index.Search(bench.data.query(0), bench.options.k, found);
    search.push_back(SecondsSince(begin));
    begin = Clock::now();
    index.Save();
    close.push_back(SecondsSince(begin));
  }
  return {{"points", bench.data.rows()},
          {"open_seconds", Repeated(open)},
          {"first_search_seconds", Repeated(search)},
          {"close_seconds", Repeated(close)}};
}

Options WithoutCheckpoints(const PeerOptions& options) {
  Options result = StoreOptions(options);
  result.checkpoint_log_bytes = 1ull << 50;
  result.checkpoint_on_close = false;
  return result;
}

// What the checkpoint wrote, and how long it took.
struct Checkpointed {
  std::vector<double> seconds;
  std::vector<double> bytes;

  void Measure(Store& store) {
    const std::uint64_t before = MustGetStats(store).page_bytes_written;
    const auto begin = Clock::now();
    MustBeOk(store.Checkpoint());
    seconds.push_back(SecondsSince(begin));
    bytes.push_back(static_cast<double>(MustGetStats(store).page_bytes_written - before));
  }
  Json Figures() const { return {{"seconds", Repeated(seconds)}, {"page_bytes", Repeated(bytes)}}; }
};

// On copies of a store whose process was killed after `rows` inserts.
Json MeasureKilled(const Bench& bench, const PeerOptions& options, const std::string& killed,
                   std::size_t rows) {
  std::vector<double> open;
  Checkpointed all;
  Checkpointed few;
  const std::size_t added = std::max<std::size_t>(rows / 100, 1);
  for (std::size_t round = 0; round < bench.options.rounds; ++round) {
    std::filesystem::remove_all(options.path);
    std::filesystem::copy(killed, options.path, kRecursive);
    const auto begin = Clock::now();
    Store store = MustOpen(options.path, WithoutCheckpoints(options));
    open.push_back(SecondsSince(begin));
    const Stats stats = MustGetStats(store);
    if (stats.count != rows || stats.replayed_commits == 0) {
      Fail("the store was not rebuilt from its log");
    }
    all.Measure(store);
    InsertRows(store, bench.data.NewRows(), rows, added, bench.options.batch);
    few.Measure(store);
    MustBeOk(store.Close());
  }
  return {{"points", rows},
          {"open_seconds", Repeated(open)},
          {"replayed_per_second", static_cast<double>(rows) / Median(open)},
          {"checkpoint_of_all", all.Figures()},
          {"points_inserted_then", added},
          {"checkpoint_of_these", few.Figures()}};
}

}  // namespace

Json RunOpening(const Bench& bench) {
  PeerOptions options = bench.ForPeer(NeedStore(bench));
  const Json clean = InChild([&] { return MeasureClean(bench, options); });
  const std::string killed = bench.Scratch("killed");
  std::filesystem::remove_all(killed);
  const std::size_t rows = std::min(bench.options.replayed, bench.data.rows());
  InKilledChild([&] {
    Store store = MustOpen(killed, WithoutCheckpoints(options));
    InsertRows(store, bench.data.StoredRows(), 0, rows, bench.options.batch);
    DieKilled();
  });
  options.path = bench.Scratch("recovered");
  const Json recovery = InChild([&] { return MeasureKilled(bench, options, killed, rows); });
  std::filesystem::remove_all(options.path);
  std::filesystem::remove_all(killed);
  return {{"clean", clean}, {"killed", recovery}};
}

}  // namespace engram::bench
