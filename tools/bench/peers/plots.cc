#include "tools/bench/peers/plots.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <system_error>

#include "tools/bench/peers/gnuplot.h"
#include "tools/bench/peers/peers.h"
#include "tools/bench/peers/report.h"
#include "tools/bench/peers/table.h"

namespace engram::bench {
namespace {

struct Look {
  const char* colour;
  int mark;
};

Look LookOf(const std::string& peer) {
  static const std::map<std::string, Look> kLooks = {{"engram", {"#0b5fa5", 7}},
                                                     {"engram-mapped", {"#6aaede", 11}},
                                                     {"hnswlib", {"#d9822b", 5}},
                                                     {"faiss-hnsw", {"#3f9142", 9}},
                                                     {"faiss-hnsw-sq8", {"#9155a7", 13}}};
  return kLooks.at(peer);
}

constexpr const char* kShades[] = {"#0b5fa5", "#6aaede", "#c5def0", "#e3a857"};

Line LineOf(const std::string& peer) {
  return {.title = FindPeer(peer)->title, .colour = LookOf(peer).colour, .mark = LookOf(peer).mark};
}

Plot NewPlot(const Json& report, const std::string& name, const std::string& about) {
  const Json& setting = report["setting"];
  return {.name = name, .title = about + "\n" + SetLine(setting), .note = MachineLine(setting)};
}

// The nearer to 1, the more room: what is between 0.9 and 0.99 takes as much as up to 0.9.
double RecallPlace(double recall) {
  constexpr double kMost = 0.9999;
  return -std::log10(1 - std::min(recall, kMost));
}

Tics RecallTics() {
  Tics tics;
  for (const char* recall : {"0.1", "0.3", "0.5", "0.7", "0.8", "0.9", "0.95", "0.98", "0.99",
                             "0.995", "0.998", "0.999"}) {
    tics.emplace_back(RecallPlace(std::stod(recall)), recall);
  }
  tics.emplace_back(RecallPlace(1), "1");
  return tics;
}

// Sets a logarithmic axis around every point of the lines. Bars begin at 0: FitBars().
void FitLogY(Panel& panel) {
  double low = std::numeric_limits<double>::max();
  double high = 0;
  for (const Line& line : panel.lines) {
    for (const auto& [x, y] : line.points) {
      low = std::min(low, y);
      high = std::max(high, y);
    }
  }
  panel.log_y = true;
  panel.y_low = low / 1.25;
  panel.y_high = high * 1.25;
  panel.y_tics = LogTics(panel.y_low, panel.y_high);
}

void FitBars(Panel& panel) {
  double high = 0;
  for (const Bar& bar : panel.bars) high = std::max(high, bar.high);
  panel.y_low = 0;
  panel.y_high = high > 0 ? high * 1.08 : 1;  // room for the labels
  panel.y_tics = LinearTics(panel.y_high);
}

bool PlotSearch(const Json& report, const std::string& directory) {
  const Json& setting = report["setting"];
  Plot plot = NewPlot(report, "recall-qps", "Speed at a recall, one thread");
  Panel panel{.x_name = "recall@" + Number(setting["k"]), .y_name = "queries a second"};
  double least = 1;
  double most = 0;
  for (const auto& [peer, own] : report["search"]["peers"].items()) {
    Line line = LineOf(peer);
    for (const Json& point : own["curve"]) {
      const auto recall = point["recall"].get<double>();
      least = std::min(least, recall);
      most = std::max(most, recall);
      line.points.emplace_back(RecallPlace(recall), point["qps"].get<double>());
    }
    panel.lines.push_back(line);
  }
  panel.x_tics = RecallTics();
  panel.x_low = std::max(RecallPlace(least) - 0.1, 0.0);
  panel.x_high = RecallPlace(most) + 0.1;
  FitLogY(panel);
  plot.panels.push_back(panel);
  return Draw(plot, directory);
}

// One bar a peer.
Panel PeerBars(const Json& peers, const std::string& title, const std::string& field, double unit,
               int digits) {
  Panel panel{.title = title};
  double place = 0;
  for (const auto& [peer, own] : peers.items()) {
    const double value = own[field].get<double>() / unit;
    panel.bars.push_back({.left = place - 0.35,
                          .right = place + 0.35,
                          .high = value,
                          .colour = LookOf(peer).colour,
                          .label = Number(value, digits)});
    std::string name = FindPeer(peer)->title;  // a word a line, for there is little room
    std::replace(name.begin(), name.end(), ' ', '\n');
    panel.x_tics.emplace_back(place, name);
    place += 1;
  }
  panel.x_low = -0.6;
  panel.x_high = place - 0.4;
  FitBars(panel);
  return panel;
}

bool PlotBuild(const Json& report, const std::string& directory) {
  const Json& build = report["build"];
  constexpr double kMiB = 1 << 20;
  Plot plot = NewPlot(report, "resources", "What an index costs");
  plot.width = 1200;
  plot.height = 560;
  const std::string threads = Number(report["setting"]["threads"]);
  plot.panels.push_back(
      PeerBars(build, "build, seconds (threads: " + threads + ")", "seconds", 1, 1));
  plot.panels.push_back(PeerBars(build, "memory, MiB", "memory_bytes", kMiB, 0));
  plot.panels.push_back(PeerBars(build, "on disk, MiB", "disk_bytes", kMiB, 0));
  return Draw(plot, directory);
}

// Groups of bars beside each other. `values[g][s]`: of group g, series s.
Panel GroupedBars(const std::vector<std::string>& groups, const std::vector<std::string>& series,
                  const std::vector<std::vector<double>>& values, int digits) {
  constexpr double kGroupWidth = 0.84;
  const double width = kGroupWidth / static_cast<double>(series.size());
  Panel panel;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto place = static_cast<double>(g);
    panel.x_tics.emplace_back(place, groups[g]);
    for (std::size_t s = 0; s < series.size(); ++s) {
      const double left = place - kGroupWidth / 2 + static_cast<double>(s) * width;
      panel.bars.push_back({.left = left + 0.02,
                            .right = left + width - 0.02,
                            .high = values[g][s],
                            .colour = kShades[s],
                            .label = Number(values[g][s], digits)});
    }
  }
  for (std::size_t s = 0; s < series.size(); ++s)
    panel.bar_legend.emplace_back(series[s], kShades[s]);
  panel.x_low = -0.6;
  panel.x_high = static_cast<double>(groups.size()) - 0.4;
  return panel;
}

bool PlotLatency(const Json& report, const std::string& directory) {
  const Json& latency = report["latency"];
  std::vector<std::string> groups;
  std::vector<std::vector<double>> values;
  for (const auto& [name, idle] : latency["idle"].items()) {
    groups.push_back(name.substr(0, name.find('_')));
    values.push_back({MedianOf(idle), MedianOf(latency["busy"][name])});
  }
  const std::string rate = Number(MedianOf(latency["inserts_per_second"]));
  Plot plot = NewPlot(report, "latency", "Engram: a search, ef " + Number(latency["ef"]));
  Panel panel =
      GroupedBars(groups, {"idle", "beside a writer of " + rate + " points/s"}, values, 0);
  panel.y_name = "microseconds";
  FitBars(panel);
  plot.panels.push_back(panel);
  return Draw(plot, directory);
}

bool PlotInsert(const Json& report, const std::string& directory) {
  std::vector<std::string> groups;
  std::vector<std::string> series;
  std::vector<std::vector<double>> values;
  for (const Json& rate : report["insert"]["inserts_per_second"]) {
    const std::string group = "batches of " + Number(rate["batch"]);
    if (groups.empty() || groups.back() != group) {
      groups.push_back(group);
      values.emplace_back();
    }
    values.back().push_back(MedianOf(rate));
    if (groups.size() == 1) series.push_back(rate["durability"].get<std::string>());
  }
  Plot plot = NewPlot(report, "insert", "Engram: inserts a second of one thread, by durability");
  Panel panel = GroupedBars(groups, series, values, 0);
  panel.y_name = "inserts a second";
  FitBars(panel);
  plot.panels.push_back(panel);
  return Draw(plot, directory);
}

bool PlotWritten(const Json& report, const std::string& directory) {
  const std::vector<std::pair<std::string, std::string>> kinds = {{"log", "log_bytes"},
                                                                  {"journal", "journal_bytes"},
                                                                  {"pages", "page_bytes"},
                                                                  {"rows (RocksDB)", "row_bytes"}};
  const Json& written = report["written"];
  Plot plot = NewPlot(report, "written", "Engram: bytes written an insert");
  plot.title = "Engram: bytes written an insert\n" + Number(written[0]["points"]) +
               " made-up points, from the first insert to the closing";
  Panel panel{.y_name = "bytes"};
  for (std::size_t i = 0; i < written.size(); ++i) {
    const auto place = static_cast<double>(i);
    panel.x_tics.emplace_back(place, Number(written[i]["dimensions"]) + " dimensions");
    double low = 0;
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      const double high = low + written[i][kinds[k].second].get<double>();
      const bool top = k + 1 == kinds.size();
      panel.bars.push_back({.left = place - 0.3,
                            .right = place + 0.3,
                            .low = low,
                            .high = high,
                            .colour = kShades[k],
                            .label = top ? Number(high) : ""});
      low = high;
    }
  }
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    panel.bar_legend.emplace_back(kinds[k].first, kShades[k]);
  }
  panel.x_low = -0.6;
  panel.x_high = static_cast<double>(written.size()) - 0.4;
  FitBars(panel);
  plot.panels.push_back(panel);
  return Draw(plot, directory);
}

Panel GrowthPanel(const Json& growth, const std::string& title,
                  const std::function<double(const Json&)>& value) {
  Panel panel{.title = title, .x_name = "points"};
  for (const auto& [peer, sizes] : growth.items()) {
    Line line = LineOf(peer);
    for (const Json& size : sizes) {
      line.points.emplace_back(std::log10(size["points"].get<double>()), value(size));
    }
    panel.lines.push_back(line);
  }
  for (const Json& size : growth.front()) {
    panel.x_tics.emplace_back(std::log10(size["points"].get<double>()), Number(size["points"]));
  }
  panel.x_low = panel.x_tics.front().first - 0.15;
  panel.x_high = panel.x_tics.back().first + 0.15;
  FitLogY(panel);
  return panel;
}

bool PlotGrowth(const Json& report, const std::string& directory) {
  Plot plot = NewPlot(report, "growth", "Growth");
  plot.width = 1280;
  const std::string ef = Number(report["setting"]["at_ef"]);
  plot.panels.push_back(
      GrowthPanel(report["growth"], "queries a second at ef " + ef,
                  [](const Json& size) { return size["at_ef"]["qps"].get<double>(); }));
  plot.panels.push_back(
      GrowthPanel(report["growth"], "points built a second, from the size before",
                  [](const Json& size) { return size["built_per_second"].get<double>(); }));
  return Draw(plot, directory);
}

}  // namespace

bool PlotPart(const Json& report, const std::string& part, const std::string& directory) {
  static const std::map<std::string, bool (*)(const Json&, const std::string&)> kPlotters = {
      {"build", PlotBuild},   {"search", PlotSearch},   {"latency", PlotLatency},
      {"insert", PlotInsert}, {"written", PlotWritten}, {"growth", PlotGrowth}};
  const auto found = kPlotters.find(part);
  if (found == kPlotters.end()) return true;
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error && found->second(report, directory)) return true;
  std::fprintf(stderr, "the plot of %s could not be made in %s\n", part.c_str(), directory.c_str());
  return false;
}

}  // namespace engram::bench
