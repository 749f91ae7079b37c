#include <algorithm>
#include <bit>
#include <memory>
#include <string>
#include <vector>

#include "tools/engram/command.h"
#include "tools/engram/json_values.h"
#include "tools/engram/text.h"

namespace engram::tool {
namespace {

constexpr std::size_t kBarWidth = 32;

struct AnalyzeArguments {
  std::string directory;
  AnalyzeOptions options;
};

Json ReportToJson(const GraphReport& report) {
  Json json;
  json["lsn"] = static_cast<std::uint64_t>(report.lsn);
  json["count"] = report.count;
  json["dead"] = report.dead;
  json["unreachable"] = report.unreachable;
  json["components"] = report.components;
  json["bytes_on_disk"] = report.bytes_on_disk;
  json["memory_bytes"] = report.memory_bytes;
  json["sampled"] = report.sampled;
  // Without a sample there is none, which is not the same as 0.
  json["recall"] = report.sampled == 0 ? Json() : Json(report.recall);
  json["recall_error"] = report.sampled == 0 ? Json() : Json(report.recall_error);
  json["mean_compared"] = report.mean_compared;
  json["exact"] = report.exact;
  json["degraded"] = report.degraded;
  json["levels"] = Json::array();
  for (const LevelReport& level : report.levels) {
    json["levels"].push_back({{"nodes", level.nodes},
                              {"links", level.links},
                              {"links_to_dead", level.links_to_dead},
                              {"least_links", level.least_links},
                              {"most_links", level.most_links}});
  }
  json["most_in_links"] = report.most_in_links;
  json["out_degrees"] = report.out_degrees;
  json["in_degrees"] = report.in_degrees;
  return json;
}

std::string RecallText(const GraphReport& report) {
  if (report.sampled == 0) return "not sampled";
  std::string text = Fixed(report.recall, 4) + " ± " + Fixed(report.recall_error, 4) + " of " +
                     WithSeparators(report.sampled) + " searches, " +
                     WithSeparators(static_cast<std::uint64_t>(report.mean_compared)) +
                     " vectors compared by each";
  if (report.degraded) return text + ": all, since the graph is damaged (run `engram verify`)";
  return report.exact ? text + ": all, since the store is small" : text;
}

void PrintLevels(Context& context, const std::vector<LevelReport>& levels) {
  const auto line = [&context](const std::vector<std::string>& cells) {
    for (const std::string& cell : cells)
      context.out << AlignRight(cell, &cell == &cells[0] ? 7 : 13);
    context.out << "\n";
  };
  context.out << "\n";
  line({"level", "nodes", "links", "a node", "least", "most", "to ended"});
  for (std::size_t i = levels.size(); i-- > 0;) {
    const LevelReport& level = levels[i];
    const double mean = level.nodes == 0 ? 0
                                         : static_cast<double>(level.links + level.links_to_dead) /
                                               static_cast<double>(level.nodes);
    line({std::to_string(i), WithSeparators(level.nodes), WithSeparators(level.links),
          Fixed(mean, 1), std::to_string(level.least_links), std::to_string(level.most_links),
          WithSeparators(level.links_to_dead)});
  }
}

// Nodes by a number of links, in groups 0, 1, 2-3, 4-7, ...; the last may stand for more.
void PrintHistogram(Context& context, const std::string& title,
                    const std::vector<std::uint64_t>& histogram, bool open_end) {
  std::vector<std::uint64_t> groups;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    const auto group = static_cast<std::size_t>(std::bit_width(i));
    if (group == groups.size()) {
      const std::size_t last = std::min((std::size_t{1} << group) - 1, histogram.size() - 1);
      std::string name = std::to_string(i);
      if (last > i) name += "-" + std::to_string(last);
      if (open_end && last == histogram.size() - 1) name += "+";
      names.push_back(name);
      groups.push_back(0);
    }
    groups[group] += histogram[i];
  }
  while (groups.size() > 1 && groups.back() == 0) groups.pop_back();
  const std::uint64_t largest = *std::max_element(groups.begin(), groups.end());
  context.out << "\n  " << Bold(context, title) << "\n";
  for (std::size_t group = 0; group < groups.size(); ++group) {
    const double share = static_cast<double>(groups[group]) /
                         static_cast<double>(std::max<std::uint64_t>(largest, 1));
    const std::string bar = HistogramBar(share, kBarWidth);
    context.out << AlignRight(names[group], 12) << AlignRight(WithSeparators(groups[group]), 14)
                << (bar.empty() ? "" : "  ") << bar << "\n";
  }
}

void PrintReport(Context& context, const GraphReport& report, const AnalyzeOptions& options) {
  context.out << Bold(context, WithSeparators(report.count) + " patterns") << " in a graph of "
              << report.levels.size() << (report.levels.size() == 1 ? " level" : " levels") << "\n";
  PrintFields(context, {{"ended, not reclaimed", WithSeparators(report.dead)},
                        {"unreachable", WithSeparators(report.unreachable)},
                        {"parts", WithSeparators(report.components)},
                        {"on disk", HumanBytes(report.bytes_on_disk)},
                        {"in memory", HumanBytes(report.memory_bytes)},
                        {"recall@" + std::to_string(options.k), RecallText(report)}});
  if (report.count == 0) return;
  PrintLevels(context, report.levels);
  PrintHistogram(context, "nodes by links from them, level 0", report.out_degrees, false);
  PrintHistogram(context,
                 "nodes by links to them, level 0; at most " + WithSeparators(report.most_in_links),
                 report.in_degrees, true);
}

int Analyze(Context& context, const AnalyzeArguments& arguments) {
  const Store store = OpenForReading(context, arguments.directory);
  const GraphReport report = Check(store.Analyze(arguments.options));
  if (context.json) {
    context.out << DumpJson(ReportToJson(report)) << "\n";
  } else {
    PrintReport(context, report, arguments.options);
  }
  return 0;
}

}  // namespace

Command AddAnalyze(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<AnalyzeArguments>();
  CLI::App* sub = AddSubcommand(app, context, "analyze",
                                "Show how the graph is linked, and what its searches find",
                                arguments->directory);
  AddResidency(sub, context);
  sub->add_option("--sample", arguments->options.sample,
                  "Stored patterns whose neighbours are searched for, also exactly; 0: none")
      ->capture_default_str()
      ->check(CheckNotNegative);
  sub->add_option("--k", arguments->options.k, "Neighbours of each")
      ->capture_default_str()
      ->check(CheckNotNegative);
  sub->add_option("--ef", arguments->options.ef, "Candidates kept; default: as `search`")
      ->check(CheckNotNegative);
  return {sub, [&context, arguments] { return Analyze(context, *arguments); }};
}

}  // namespace engram::tool
