// ComparableFigures(): the flat list for programs.
#include "tools/bench/peers/report.h"
#include "tools/bench/peers/table.h"

namespace engram::bench {
namespace {

class Figures {
 public:
  void Higher(const std::string& name, const Json& value, const char* unit) {
    Add(name, value, unit, "higher");
  }
  void Lower(const std::string& name, const Json& value, const char* unit) {
    Add(name, value, unit, "lower");
  }
  Json Take() { return std::move(figures_); }

 private:
  // What was measured several times counts with its median; what could not be, not at all.
  void Add(const std::string& name, const Json& value, const char* unit, const char* better) {
    const Json number = value.is_object() ? value.at("median") : value;
    if (number.is_null()) return;
    figures_[name] = {{"value", number}, {"unit", unit}, {"better", better}};
  }

  Json figures_ = Json::object();
};

void AddBuild(const Json& build, Figures& figures) {
  for (const auto& [peer, own] : build.items()) {
    figures.Higher(peer + ".built", own["points_per_second"], "points/s");
    figures.Lower(peer + ".memory_built", own["memory_bytes"], "bytes");
    figures.Lower(peer + ".disk", own["disk_bytes"], "bytes");
  }
}

void AddSearch(const Json& search, Figures& figures) {
  for (const auto& [peer, own] : search["peers"].items()) {
    for (const Json& at : own["at_recall"]) {
      figures.Higher(peer + ".at_recall_" + Number(at["recall"], 2), at["qps"], "queries/s");
    }
    for (const Json& point : own["curve"]) {
      const std::string ef = std::to_string(point["ef"].get<std::uint64_t>());
      figures.Higher(peer + ".ef_" + ef, point["qps"], "queries/s");
      figures.Higher(peer + ".recall_ef_" + ef, point["recall"], "");
    }
    figures.Lower(peer + ".open", own["open_seconds"], "s");
    figures.Lower(peer + ".memory_opened", own["memory_bytes"], "bytes");
  }
}

void AddReaders(const Json& readers, Figures& figures) {
  for (const auto& [peer, own] : readers.items()) {
    figures.Higher(peer + ".two_readers", own["two_qps"], "queries/s");
  }
}

void AddLatency(const Json& latency, Figures& figures) {
  for (const char* state : {"idle", "busy"}) {
    for (const auto& [name, time] : latency[state].items()) {
      figures.Lower("engram." + std::string(state) + "_" + name.substr(0, name.find('_')), time,
                    "us");
    }
  }
  figures.Higher("engram.inserts_beside_reader", latency["inserts_per_second"], "points/s");
}

void AddInsert(const Json& insert, Figures& figures) {
  for (const Json& rate : insert["inserts_per_second"]) {
    figures.Higher("engram.insert_" + rate["durability"].get<std::string>() + "_" +
                       std::to_string(rate["batch"].get<std::uint64_t>()),
                   rate, "points/s");
  }
}

void AddOpen(const Json& open, Figures& figures) {
  figures.Lower("engram.open_clean", open["clean"]["open_seconds"], "s");
  figures.Lower("engram.open_killed", open["killed"]["open_seconds"], "s");
  figures.Lower("engram.checkpoint_all", open["killed"]["checkpoint_of_all"]["seconds"], "s");
  figures.Lower("engram.checkpoint_few", open["killed"]["checkpoint_of_these"]["seconds"], "s");
}

void AddWritten(const Json& written, Figures& figures) {
  for (const Json& own : written) {
    const std::string d = "engram.d" + std::to_string(own["dimensions"].get<std::uint64_t>());
    for (const char* kind : {"log", "journal", "page", "row"}) {
      figures.Lower(d + "_" + kind + "_written", own[std::string(kind) + "_bytes"], "bytes");
    }
  }
}

void AddGrowth(const Json& growth, Figures& figures) {
  for (const auto& [peer, sizes] : growth.items()) {
    for (const Json& size : sizes) {
      const std::string at = peer + ".at_" + std::to_string(size["points"].get<std::uint64_t>());
      figures.Higher(at + "_built", size["built_per_second"], "points/s");
      figures.Higher(at + "_searched", size["at_ef"]["qps"], "queries/s");
    }
  }
}

}  // namespace

Json ComparableFigures(const Json& report) {
  Figures figures;
  if (report.contains("build")) AddBuild(report["build"], figures);
  if (report.contains("search")) AddSearch(report["search"], figures);
  if (report.contains("readers")) AddReaders(report["readers"], figures);
  if (report.contains("latency")) AddLatency(report["latency"], figures);
  if (report.contains("insert")) AddInsert(report["insert"], figures);
  if (report.contains("open")) AddOpen(report["open"], figures);
  if (report.contains("written")) AddWritten(report["written"], figures);
  if (report.contains("growth")) AddGrowth(report["growth"], figures);
  return figures.Take();
}

}  // namespace engram::bench
