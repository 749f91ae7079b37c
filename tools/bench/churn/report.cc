#include "tools/bench/churn/report.h"

#include <cstdio>
#include <map>
#include <utility>

#include "tools/bench/peers/table.h"

namespace engram::bench {
namespace {

const std::map<std::string, std::string> kTitles = {{"engram", "Engram"},
                                                    {"fresh", "Engram, fresh"},
                                                    {"hnswlib", "hnswlib"},
                                                    {"hnswlib-growing", "hnswlib, growing"}};
const std::map<std::string, std::string> kNotes = {
    {"hnswlib",
     "markDelete(), and the place's label given to the next pattern by addPoint(): an "
     "update; 0.6.2 has no allow_replace_deleted"},
    {"hnswlib-growing", "markDelete() alone; every pattern takes a new place"}};

void PrintSetting(const Json& report) {
  const Json& setting = report["setting"];
  std::printf("%s: %s patterns of %s dimensions live, %s of %s rows, %s queries, k %s, ef %s\n",
              setting["set"].get<std::string>().c_str(), Number(setting["patterns"]).c_str(),
              Number(setting["dimensions"]).c_str(), setting["metric"].get<std::string>().c_str(),
              Number(setting["rows"]).c_str(), Number(setting["queries"]).c_str(),
              Number(setting["k"]).c_str(), Number(setting["at_ef"]).c_str());
  std::printf("m %s, ef_construction %s, %s leave, %s changed at a time, %s inserting threads\n",
              Number(setting["m"]).c_str(), Number(setting["ef_construction"]).c_str(),
              setting["leaving"].get<std::string>().c_str(), Number(setting["changed"]).c_str(),
              Number(setting["threads"]).c_str());
  std::printf("%s, %s processors · Engram %s · %s\n",
              setting["processor"].get<std::string>().c_str(),
              Number(setting["processors"]).c_str(), setting["engram"].get<std::string>().c_str(),
              setting["date"].get<std::string>().c_str());
}

std::string MiBOrNone(const Json& figures, const char* name) {
  return figures.contains(name) ? MiB(figures[name]) : "-";
}

void PrintTurnover(const Json& report) {
  Table table({"turnovers", "recall", "compared", "queries/s", "of fresh", "inserts/s", "erases/s",
               "unreachable", "dead", "pages, MiB", "disk, MiB", "memory, MiB"});
  for (const Json& look : report["turnover"]) {
    for (const auto& [name, own] : look["indexes"].items()) {
      table.Add({Number(look["turnovers"]) + " " + kTitles.at(name), Number(own["recall"], 4),
                 Number(own["compared"]), Number(MedianOf(own["qps"])),
                 Number(MedianOf(own["of_fresh"]), 2), Number(own["inserts_per_second"]),
                 Number(own["erases_per_second"]), Number(own["unreachable"]),
                 own.contains("dead") ? Number(own["dead"]) : "-",
                 MiBOrNone(own, "page_file_bytes"), MiBOrNone(own, "disk_bytes"),
                 MiB(own["memory_bytes"])});
    }
  }
  table.Print("Turnovers");
  for (const auto& [name, note] : kNotes) {
    if (!report["turnover"].front()["indexes"].contains(name)) continue;
    std::printf("  %s: %s\n", kTitles.at(name).c_str(), note.c_str());
  }
}

void PrintSweepCost(const Json& report) {
  Table table({"share, %", "patterns", "erase, µs", "sweep, µs", "insert, µs", "sweep / insert",
               "with erasing", "by the clock"});
  for (const Json& share : report["sweep-cost"]) {
    const auto median = [&share](const char* name, int digits) {
      return Number(MedianOf(share[name]), digits);
    };
    table.Add({Number(share["share"], 1), Number(share["patterns"]), median("erase_us", 1),
               median("sweep_us", 1), median("insert_us", 1), median("ratio", 2),
               median("ratio_with_erase", 2), median("wall_ratio", 2)});
  }
  table.Print("Sweeping: the processor's time for one pattern, one thread");
}

void PrintReaders(const Json& report) {
  const Json& readers = report["readers"];
  Table table({"", "idle", "writer busy", "ratio", "and compaction", "ratio"});
  for (const auto& [clock, title] : {std::pair{"clock", ""}, {"processor", ", processor's time"}}) {
    const Json& own = readers[clock];
    for (const auto& [name, idle] : own["idle"].items()) {
      const std::string percentile = name.substr(0, name.find('_'));
      table.Add({percentile + title, Duration(MedianOf(idle) / 1e6),
                 Duration(MedianOf(own["busy"][name]) / 1e6),
                 Number(MedianOf(own["slowdown"][percentile]), 2),
                 Duration(MedianOf(own["compacting"][name]) / 1e6),
                 Number(MedianOf(own["slowdown_compacting"][percentile]), 2)});
    }
  }
  table.Print("One search beside a writer that erases and inserts");
  std::printf("  the writer changed %s patterns/s\n",
              Number(MedianOf(readers["changes_per_second"])).c_str());
}

void PrintSnapshots(const Json& report) {
  const Json& snapshots = report["snapshots"];
  Table table({"", "idle", "writer busy", "ratio"});
  table.Add({"taken and dropped", Duration(MedianOf(snapshots["idle_ns"]) / 1e9),
             Duration(MedianOf(snapshots["busy_ns"]) / 1e9),
             Number(MedianOf(snapshots["slowdown"]), 2)});
  table.Print("A snapshot, mean of " + Number(snapshots["count"]));
  std::printf("  the writer changed %s patterns/s\n",
              Number(MedianOf(snapshots["changes_per_second"])).c_str());
}

void PrintShrink(const Json& report) {
  const Json& shrink = report["shrink"];
  const Json& fresh = shrink["fresh"];
  Table table({"", "pages, MiB", "of fresh", "metadata, MiB", "disk, MiB", "of fresh", "recall"});
  for (const char* name : {"full", "erased", "compacted", "fresh"}) {
    const Json& own = shrink[name];
    const auto of_fresh = [&](const char* what) {
      return Number(own[what].get<double>() / fresh[what].get<double>(), 2);
    };
    table.Add({name, MiB(own["page_file_bytes"]), of_fresh("page_file_bytes"),
               MiB(own["metadata_bytes"]), MiB(own["disk_bytes"]), of_fresh("disk_bytes"),
               own.contains("recall") ? Number(own["recall"], 4) : "-"});
  }
  table.Print("Nine tenths erased, and compacted");
  std::printf("  compacted in %s, %s patterns moved; inserting the rest took %s\n",
              Duration(shrink["compact_seconds"]).c_str(), Number(shrink["moved"]).c_str(),
              Duration(shrink["insert_seconds"]).c_str());
}

}  // namespace

Json ChurnSetting(const ChurnBench& bench) {
  const BenchOptions& common = bench.options.common;
  Json setting = {{"set", common.set},
                  {"metric", MetricName(common.metric)},
                  {"rows", bench.data.rows()},
                  {"patterns", bench.options.patterns},
                  {"changed", bench.options.changed},
                  {"leaving", bench.options.leaving == Leaving::kOldest ? "oldest" : "random"},
                  {"dimensions", bench.data.dimensions()},
                  {"queries", bench.data.query_count()},
                  {"k", common.k},
                  {"at_ef", common.at_ef},
                  {"m", common.m},
                  {"ef_construction", common.ef_construction},
                  {"threads", common.threads},
                  {"residency", ResidencyName(common.residency)},
                  {"rounds", common.rounds}};
  AddMachine(setting);
  return setting;
}

void PrintChurnPart(const Json& report, const std::string& part) {
  static const std::map<std::string, void (*)(const Json&)> kPrinters = {
      {"setting", PrintSetting}, {"turnover", PrintTurnover},   {"sweep-cost", PrintSweepCost},
      {"readers", PrintReaders}, {"snapshots", PrintSnapshots}, {"shrink", PrintShrink}};
  kPrinters.at(part)(report);
}

}  // namespace engram::bench
