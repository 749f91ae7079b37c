#include "tools/bench/graph_bench_report.h"

#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

namespace engram::bench {
namespace {

// The median of `value` over the rounds.
template <typename Round>
double MedianOf(const std::vector<Round>& rounds,
                const std::function<double(const Round&)>& value) {
  std::vector<double> values;
  for (const Round& round : rounds) values.push_back(value(round));
  return Median(values);
}

double MiB(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

double Share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

Json ReportMemory(std::uint64_t peer, std::uint64_t store) {
  std::printf("%-28s %12.1f %12.1f %8.3f\n", "memory, MiB", MiB(peer), MiB(store),
              Share(store, peer));
  return {{"peer_bytes", peer}, {"store_bytes", store}, {"ratio", Share(store, peer)}};
}

void PrintLibraries() { std::printf("%-28s %12s %12s %8s\n", "", "hnswlib", "engram", "ratio"); }

std::string Text(const std::optional<double>& value, int digits) {
  if (!value) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), "%.*f", digits, *value);
  return text;
}

Json OrNull(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json SweepJson(const std::vector<SweepPoint>& points) {
  Json result = Json::array();
  for (const SweepPoint& point : points) {
    result.push_back({{"ef", point.ef},
                      {"recall", point.recall},
                      {"qps", Median(point.queries_per_second)},
                      {"rounds", point.queries_per_second}});
  }
  return result;
}

Json ReadersJson(const std::vector<ReadersRound>& rounds) {
  Json result = {{"one_qps", MedianOf<ReadersRound>(rounds, [](auto& r) { return r.one; })},
                 {"two_qps", MedianOf<ReadersRound>(rounds, [](auto& r) { return r.two; })},
                 {"ratio", MedianOf<ReadersRound>(rounds, [](auto& r) { return r.two / r.one; })}};
  for (const ReadersRound& round : rounds) result["rounds"].push_back({round.one, round.two});
  return result;
}

void PrintReaders(const char* name, const Json& figures) {
  std::printf("%-28s %12.0f %12.0f %8.2f\n", name, figures["one_qps"].get<double>(),
              figures["two_qps"].get<double>(), figures["ratio"].get<double>());
}

}  // namespace

Json ReportSetting(const Bench& bench) {
  const BenchOptions& options = bench.options;
  std::printf("%s, %zu rows of %u dimensions, %zu queries, k %zu, m %u, ef_construction %u\n",
              options.set.c_str(), bench.data.rows(), bench.data.dimensions(),
              bench.data.query_count(), options.k, options.m, options.ef_construction);
  std::printf("processors %zu, transparent huge pages %s\n", Processors().size(),
              HugePageSetting().c_str());
  return {{"set", options.set},
          {"metric", MetricName(options.metric)},
          {"rows", bench.data.rows()},
          {"dimensions", bench.data.dimensions()},
          {"queries", bench.data.query_count()},
          {"k", options.k},
          {"m", options.m},
          {"ef_construction", options.ef_construction},
          {"threads", options.threads},
          {"processors", Processors().size()},
          {"huge_pages", HugePageSetting()}};
}

Json ReportBuild(const BuildFigures& figures) {
  const double peer = MedianOf<BuildRound>(figures.rounds, [](auto& r) { return r.peer_seconds; });
  const double store =
      MedianOf<BuildRound>(figures.rounds, [](auto& r) { return r.store_seconds; });
  const double speed = MedianOf<BuildRound>(
      figures.rounds, [](auto& r) { return r.peer_seconds / r.store_seconds; });
  std::printf("\nbuild, %zu rounds\n", figures.rounds.size());
  PrintLibraries();
  std::printf("%-28s %12.2f %12.2f %8.3f  (of speeds)\n", "seconds", peer, store, speed);
  Json result = {{"peer_seconds", peer},
                 {"store_seconds", store},
                 {"speed_ratio", speed},
                 {"memory", ReportMemory(figures.peer_memory_bytes, figures.store_memory_bytes)},
                 {"log_bytes_written", figures.store.log_bytes_written},
                 {"page_bytes_written", figures.store.page_bytes_written},
                 {"journal_bytes_written", figures.store.journal_bytes_written},
                 {"checkpoints", figures.store.checkpoints}};
  for (const BuildRound& round : figures.rounds) {
    result["rounds"].push_back({round.peer_seconds, round.store_seconds});
  }
  const auto per_row = [&](std::uint64_t bytes) { return Share(bytes, figures.store.count); };
  std::printf("written a row: log %.0f, pages %.0f, journal %.0f bytes; %llu checkpoints\n",
              per_row(figures.store.log_bytes_written), per_row(figures.store.page_bytes_written),
              per_row(figures.store.journal_bytes_written),
              static_cast<unsigned long long>(figures.store.checkpoints));
  return result;
}

Json ReportOpen(const OpenIndexes& indexes) {
  std::printf("\nopened (engram in %.2f s)\n", indexes.store_open_seconds);
  PrintLibraries();
  return {{"store_seconds", indexes.store_open_seconds},
          {"memory", ReportMemory(indexes.peer_memory_bytes, indexes.store_memory_bytes)}};
}

Json ReportSearch(const SearchFigures& figures) {
  std::printf("\nsearch, one thread, medians of %zu rounds\n",
              figures.peer.front().queries_per_second.size());
  std::printf("%6s %12s %12s %12s %12s\n", "ef", "hnswlib", "queries/s", "engram", "queries/s");
  for (std::size_t i = 0; i < figures.peer.size(); ++i) {
    const SweepPoint& peer = figures.peer[i];
    const SweepPoint& store = figures.store[i];
    std::printf("%6zu %12.4f %12.0f %12.4f %12.0f\n", peer.ef, peer.recall,
                Median(peer.queries_per_second), store.recall, Median(store.queries_per_second));
  }
  PrintLibraries();
  Json at_recall = Json::array();
  for (const AtRecall& at : figures.at_recall) {
    std::printf("queries/s at recall %-8.2f %12s %12s %8s\n", at.recall, Text(at.peer, 0).c_str(),
                Text(at.store, 0).c_str(), Text(at.ratio, 3).c_str());
    at_recall.push_back({{"recall", at.recall},
                         {"peer_qps", OrNull(at.peer)},
                         {"store_qps", OrNull(at.store)},
                         {"ratio", OrNull(at.ratio)}});
  }
  return {{"peer", SweepJson(figures.peer)},
          {"store", SweepJson(figures.store)},
          {"at_recall", at_recall}};
}

Json ReportReaders(const ReadersFigures& figures) {
  const Json peer = ReadersJson(figures.peer);
  const Json store = ReadersJson(figures.store);
  std::printf("\nreaders, queries/s, medians of %zu rounds\n", figures.store.size());
  std::printf("%-28s %12s %12s %8s\n", "", "one thread", "two threads", "ratio");
  PrintReaders("hnswlib", peer);
  PrintReaders("engram", store);
  return {{"peer", peer}, {"store", store}};
}

Json ReportWriterP99(const std::vector<WriterRound>& rounds) {
  using Round = WriterRound;
  const double inserts = MedianOf<Round>(rounds, [](auto& r) { return r.inserts_per_second; });
  Json result = {
      {"idle_p50_us", MedianOf<Round>(rounds, [](auto& r) { return r.idle_p50_us; })},
      {"busy_p50_us", MedianOf<Round>(rounds, [](auto& r) { return r.busy_p50_us; })},
      {"p50_ratio", MedianOf<Round>(rounds, [](auto& r) { return r.busy_p50_us / r.idle_p50_us; })},
      {"idle_p99_us", MedianOf<Round>(rounds, [](auto& r) { return r.idle_p99_us; })},
      {"busy_p99_us", MedianOf<Round>(rounds, [](auto& r) { return r.busy_p99_us; })},
      {"p99_ratio", MedianOf<Round>(rounds, [](auto& r) { return r.busy_p99_us / r.idle_p99_us; })},
      {"inserts_per_second", inserts}};
  for (const Round& round : rounds) {
    result["rounds"].push_back({{"idle_p99_us", round.idle_p99_us},
                                {"busy_p99_us", round.busy_p99_us},
                                {"inserts_per_second", round.inserts_per_second}});
  }
  std::printf("\none reader, microseconds a search, medians of %zu rounds\n", rounds.size());
  std::printf("%-28s %12s %12s %8s\n", "", "idle", "writer busy", "ratio");
  for (const char* name : {"p50", "p99"}) {
    const std::string key = name;
    std::printf("%-28s %12.1f %12.1f %8.2f\n", name, result["idle_" + key + "_us"].get<double>(),
                result["busy_" + key + "_us"].get<double>(), result[key + "_ratio"].get<double>());
  }
  std::printf("the writer inserted %.0f rows/s\n", inserts);
  return result;
}

Json ReportReplay(const ReplayFigures& figures) {
  const double seconds = Median(figures.open_seconds);
  const double rate = static_cast<double>(figures.rows) / seconds;
  std::printf("\nreplay, median of %zu rounds: %llu inserts in %.2f s, %.0f a second\n",
              figures.open_seconds.size(), static_cast<unsigned long long>(figures.rows), seconds,
              rate);
  return {{"rows", figures.rows},
          {"seconds", seconds},
          {"inserts_per_second", rate},
          {"rounds", figures.open_seconds}};
}

}  // namespace engram::bench
