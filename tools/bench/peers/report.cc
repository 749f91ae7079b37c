#include "tools/bench/peers/report.h"

#include <cstdio>
#include <map>

#include "tools/bench/peers/faiss_peer.h"
#include "tools/bench/peers/table.h"

namespace engram::bench {
namespace {

std::string Title(const std::string& peer) { return FindPeer(peer)->title; }

void PrintSetting(const Json& report) {
  const Json& setting = report["setting"];
  std::printf("%s\n%s\nm %s, ef_construction %s, transparent huge pages %s\n",
              SetLine(setting).c_str(), MachineLine(setting).c_str(), Number(setting["m"]).c_str(),
              Number(setting["ef_construction"]).c_str(),
              setting["huge_pages"].get<std::string>().c_str());
}

void PrintBuild(const Json& report) {
  Table table({"", "seconds", "points/s", "memory, MiB", "on disk, MiB"});
  for (const auto& [peer, own] : report["build"].items()) {
    table.Add({Title(peer), Number(own["seconds"], 1), Number(own["points_per_second"]),
               MiB(own["memory_bytes"]), MiB(own["disk_bytes"])});
  }
  const std::string threads = Number(report["setting"]["threads"]);
  table.Print("Build, " + threads + (threads == "1" ? " thread" : " threads"));
  if (!report["build"].contains("engram")) return;
  const Json& store = report["build"]["engram"]["store"];
  std::printf("  on disk, of Engram: page file %s, journal %s, log %s, rows %s MiB\n",
              MiB(store["page_file_bytes"]).c_str(), MiB(store["journal_bytes"]).c_str(),
              MiB(store["log_bytes"]).c_str(), MiB(store["metadata_bytes"]).c_str());
}

void PrintCurves(const Json& peers) {
  std::vector<std::string> heads = {"ef"};
  for (const auto& [peer, own] : peers.items()) {
    heads.push_back(Title(peer));
    heads.push_back("queries/s");
  }
  Table table(heads);
  const Json& widths = peers.front()["curve"];
  for (std::size_t i = 0; i < widths.size(); ++i) {
    std::vector<std::string> row = {Number(widths[i]["ef"])};
    for (const auto& [peer, own] : peers.items()) {
      row.push_back(Number(own["curve"][i]["recall"], 4));
      row.push_back(Number(own["curve"][i]["qps"]));
    }
    table.Add(row);
  }
  table.Print("Search, one thread: recall and queries a second");
}

// One row a peer, one column a recall.
void PrintAtRecall(const Json& search) {
  std::vector<std::string> heads = {""};
  for (const Json& at : search["peers"].front()["at_recall"]) {
    heads.push_back(Number(at["recall"], 2));
  }
  Table table(heads);
  for (const auto& [peer, own] : search["peers"].items()) {
    std::vector<std::string> row = {Title(peer)};
    for (const Json& at : own["at_recall"]) row.push_back(Number(at["qps"]));
    table.Add(row);
  }
  for (const auto& [peer, ratios] : search["ratios"].items()) {
    std::map<double, std::string> by_recall;
    for (const Json& ratio : ratios) {
      by_recall[ratio["recall"].get<double>()] = Number(MedianOf(ratio), 2);
    }
    std::vector<std::string> row = {"Engram to " + Title(peer)};
    for (const Json& at : search["peers"].front()["at_recall"]) {
      const auto found = by_recall.find(at["recall"].get<double>());
      row.push_back(found == by_recall.end() ? "-" : found->second);
    }
    table.Add(row);
  }
  table.Print("Queries a second at a recall");
}

void PrintSearch(const Json& report) {
  const Json& search = report["search"];
  PrintCurves(search["peers"]);
  PrintAtRecall(search);
  Table table({"", "seconds", "memory, MiB"});
  for (const auto& [peer, own] : search["peers"].items()) {
    table.Add({Title(peer), Number(own["open_seconds"], 3), MiB(own["memory_bytes"])});
  }
  table.Print("Opened");
}

void PrintReaders(const Json& report) {
  Table table({"", "one thread", "two threads", "ratio"});
  for (const auto& [peer, own] : report["readers"].items()) {
    table.Add({Title(peer), Number(MedianOf(own["one_qps"])), Number(MedianOf(own["two_qps"])),
               Number(MedianOf(own["ratio"]), 2)});
  }
  table.Print("Readers: queries a second, ef " + Number(report["setting"]["at_ef"]));
}

void PrintLatency(const Json& report) {
  const Json& latency = report["latency"];
  Table table({"", "idle", "writer busy", "ratio"});
  for (const auto& [name, idle] : latency["idle"].items()) {
    const std::string percentile = name.substr(0, name.find('_'));
    table.Add({percentile, Duration(MedianOf(idle) / 1e6),
               Duration(MedianOf(latency["busy"][name]) / 1e6),
               Number(MedianOf(latency["slowdown"][percentile]), 2)});
  }
  table.Print("Engram: one search, ef " + Number(latency["ef"]));
  std::printf("  the writer inserted %s points/s\n",
              Number(MedianOf(latency["inserts_per_second"])).c_str());
}

void PrintInsert(const Json& report) {
  const Json& insert = report["insert"];
  std::map<std::uint64_t, std::vector<std::string>> rows;
  for (const Json& rate : insert["inserts_per_second"]) {
    const auto batch = rate["batch"].get<std::uint64_t>();
    if (rows[batch].empty()) rows[batch].push_back(Number(rate["batch"]));
    rows[batch].push_back(Number(MedianOf(rate)));
  }
  Table table({"batch", "sync", "interval", "none"});
  for (const auto& [batch, row] : rows) table.Add(row);
  table.Print("Engram: inserts a second by durability, the store growing from " +
              Number(insert["points_before"]) + " to " + Number(insert["points_after"]) +
              " points");
}

void PrintOpen(const Json& report) {
  const Json& clean = report["open"]["clean"];
  const Json& killed = report["open"]["killed"];
  const auto took = [](const Json& figures, const char* name) {
    return Duration(MedianOf(figures[name]));
  };
  Table table({"", "took"});
  table.Add({"opening " + Number(clean["points"]) + " points, closed before",
             took(clean, "open_seconds")});
  table.Add({"the first search then", took(clean, "first_search_seconds")});
  table.Add({"closing, nothing changed", took(clean, "close_seconds")});
  table.Add({"opening " + Number(killed["points"]) + " points in the log of a killed process",
             took(killed, "open_seconds")});
  table.Add({"a checkpoint of all of them, " +
                 MiB(Json(MedianOf(killed["checkpoint_of_all"]["page_bytes"]))) + " MiB",
             took(killed["checkpoint_of_all"], "seconds")});
  table.Add({"a checkpoint of " + Number(killed["points_inserted_then"]) + " more, " +
                 MiB(Json(MedianOf(killed["checkpoint_of_these"]["page_bytes"]))) + " MiB",
             took(killed["checkpoint_of_these"], "seconds")});
  table.Print("Engram: opening and checkpoints, files in the page cache");
  std::printf("  replayed %s inserts/s\n", Number(killed["replayed_per_second"]).c_str());
}

double AllBytes(const Json& written) {
  double sum = 0;
  for (const char* name :
       {"log_bytes", "journal_bytes", "page_bytes", "row_bytes", "other_bytes"}) {
    sum += written[name].get<double>();
  }
  return sum;
}

void PrintWritten(const Json& report) {
  Table table({"dimensions", "vector", "log", "journal", "pages", "rows", "together"});
  for (const Json& written : report["written"]) {
    table.Add({Number(written["dimensions"]), Number(written["vector_bytes"]),
               Number(written["log_bytes"]), Number(written["journal_bytes"]),
               Number(written["page_bytes"]), Number(written["row_bytes"]),
               Number(AllBytes(written))});
  }
  table.Print("Engram: bytes written an insert, " + Number(report["written"][0]["points"]) +
              " inserts and closing");
}

void PrintGrowth(const Json& report) {
  const std::string ef = Number(report["setting"]["at_ef"]);
  Table table({"", "points", "built, points/s", "ef " + ef + ": recall", "queries/s",
               "at 0.95: queries/s"});
  for (const auto& [peer, sizes] : report["growth"].items()) {
    for (const Json& size : sizes) {
      table.Add({Title(peer), Number(size["points"]), Number(size["built_per_second"]),
                 Number(size["at_ef"]["recall"], 4), Number(size["at_ef"]["qps"]),
                 Number(size["at_recall"][1]["qps"])});  // the second of kRecalls
    }
  }
  table.Print("Growth");
}

}  // namespace

Json SettingFigures(const Bench& bench) {
  const BenchOptions& options = bench.options;
  const bool native = options.faiss_kernels == FaissKernels::kNative;
  Json setting = {{"set", options.set},
                  {"metric", MetricName(options.metric)},
                  {"points", bench.data.rows()},
                  {"dimensions", bench.data.dimensions()},
                  {"queries", bench.data.query_count()},
                  {"k", options.k},
                  {"m", options.m},
                  {"ef_construction", options.ef_construction},
                  {"threads", options.threads},
                  {"at_ef", options.at_ef},
                  {"rounds", options.rounds},
                  {"faiss", FaissVersion()},
                  {"faiss_kernels", native ? "native" : "packaged"}};
  AddMachine(setting);
  return setting;
}

std::string SetLine(const Json& setting) {
  return setting["set"].get<std::string>() + ": " + Number(setting["points"]) + " points of " +
         Number(setting["dimensions"]) + " dimensions, " + setting["metric"].get<std::string>() +
         ", " + Number(setting["queries"]) + " queries, k " + Number(setting["k"]);
}

std::string MachineLine(const Json& setting) {
  return setting["processor"].get<std::string>() + ", " + Number(setting["processors"]) +
         " processors, " + Number(setting["memory_bytes"].get<double>() / (1 << 30)) +
         " GiB · Engram " + setting["engram"].get<std::string>() + ", FAISS " +
         setting["faiss"].get<std::string>() + " (" + setting["faiss_kernels"].get<std::string>() +
         " kernels) · " + setting["date"].get<std::string>();
}

void PrintPart(const Json& report, const std::string& part) {
  static const std::map<std::string, void (*)(const Json&)> kPrinters = {
      {"setting", PrintSetting}, {"build", PrintBuild},     {"search", PrintSearch},
      {"readers", PrintReaders}, {"latency", PrintLatency}, {"insert", PrintInsert},
      {"open", PrintOpen},       {"written", PrintWritten}, {"growth", PrintGrowth}};
  kPrinters.at(part)(report);
}

}  // namespace engram::bench
