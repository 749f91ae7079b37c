#include "tools/bench/peers/insert.h"

#include <filesystem>

#include "tools/bench/peers/child.h"
#include "tools/bench/peers/store.h"

namespace engram::bench {
namespace {

struct Way {
  const char* name;
  Durability durability;
  std::size_t batch;
  std::vector<double> rates;
};

std::vector<Way> AllWays(std::span<const std::size_t> batches) {
  std::vector<Way> ways;
  for (const std::size_t batch : batches) {
    ways.push_back({"sync", Durability::kSync, batch, {}});
    ways.push_back({"interval", Durability::kInterval, batch, {}});
    ways.push_back({"none", Durability::kNone, batch, {}});
  }
  return ways;
}

// Whole batches for at least `seconds`; returns rows a second.
double InsertFor(Store& store, const RowSource& rows, const Way& way, double seconds) {
  const auto begin = Clock::now();
  std::size_t inserted = 0;
  const std::size_t first = MustGetStats(store).next_id - 1;
  while (SecondsSince(begin) < seconds) {
    InsertRows(store, rows, first + inserted, way.batch, way.batch,
               WriteOptions::With(way.durability));
    inserted += way.batch;
  }
  return static_cast<double>(inserted) / SecondsSince(begin);
}

Json Measure(const Bench& bench, const PeerOptions& options) {
  Store store = MustOpen(options.path, StoreOptions(options));
  const RowSource rows = bench.data.NewRows();
  std::vector<Way> ways = AllWays(bench.options.batches);
  const std::uint64_t before = MustGetStats(store).count;
  for (std::size_t round = 0; round < bench.options.rounds; ++round) {
    for (Way& way : ways) {
      way.rates.push_back(InsertFor(store, rows, way, bench.options.seconds));
      MustBeOk(store.Flush());  // nobody pays for what another left unsynced
    }
  }
  Json rates = Json::array();
  for (const Way& way : ways) {
    Json rate = Repeated(way.rates);
    rate["durability"] = way.name;
    rate["batch"] = way.batch;
    rates.push_back(rate);
  }
  return {{"points_before", before},
          {"points_after", MustGetStats(store).count},
          {"threads", options.threads},
          {"inserts_per_second", rates}};
}

}  // namespace

Json RunInsert(const Bench& bench) {
  PeerOptions options = bench.ForPeer(NeedStore(bench));
  const std::string copy = bench.Scratch("insert");
  std::filesystem::remove_all(copy);
  std::filesystem::copy(options.path, copy, std::filesystem::copy_options::recursive);
  options.path = copy;
  Json figures = InChild([&] { return Measure(bench, options); });
  std::filesystem::remove_all(copy);
  return figures;
}

}  // namespace engram::bench
