#include <memory>
#include <string>

#include "tools/engram/analyze_text.h"
#include "tools/engram/command.h"
#include "tools/engram/json_values.h"

namespace engram::tool {
namespace {

struct AnalyzeArguments {
  std::string directory;
  AnalyzeOptions options;
};

Json SpaceToJson(const SpaceReport& space) {
  Json json;
  json["page_file_bytes"] = space.page_file_bytes;
  json["node_bytes"] = space.node_bytes;
  json["live_node_bytes"] = space.live_node_bytes;
  json["dead_node_bytes"] = space.dead_node_bytes;
  json["free_node_bytes"] = space.free_node_bytes;
  json["upper_bytes"] = space.upper_bytes;
  json["live_upper_bytes"] = space.live_upper_bytes;
  json["dead_upper_bytes"] = space.dead_upper_bytes;
  json["free_upper_bytes"] = space.free_upper_bytes;
  json["slot_state_bytes"] = space.slot_state_bytes;
  json["journal_bytes"] = space.journal_bytes;
  json["log_bytes"] = space.log_bytes;
  json["metadata_bytes"] = space.metadata_bytes;
  json["page_memory_bytes"] = space.page_memory_bytes;
  json["page_copy_bytes"] = space.page_copy_bytes;
  json["metadata_memory_bytes"] = space.metadata_memory_bytes;
  return json;
}

Json ReportToJson(const GraphReport& report) {
  Json json;
  json["lsn"] = static_cast<std::uint64_t>(report.lsn);
  json["count"] = report.count;
  json["dead"] = report.dead;
  json["dead_share"] = report.dead_share;
  json["free_slots"] = report.free_slots;
  json["unreachable"] = report.unreachable;
  json["components"] = report.components;
  json["hanging"] = report.hanging;
  json["duplicates"] = report.duplicates;
  json["duplicated_vectors"] = report.duplicated_vectors;
  json["largest_heap"] = report.largest_heap;
  json["bytes_on_disk"] = report.bytes_on_disk;
  json["memory_bytes"] = report.memory_bytes;
  json["space"] = SpaceToJson(report.space);
  json["sampled"] = report.sampled;
  // Without a sample there is none, which is not the same as 0.
  const auto sampled = [&report](double value) {
    return report.sampled == 0 ? Json() : Json(value);
  };
  json["recall"] = sampled(report.recall);
  json["recall_low"] = sampled(report.recall_low);
  json["recall_high"] = sampled(report.recall_high);
  json["recall_error"] = sampled(report.recall_error);
  json["mean_compared"] = report.mean_compared;
  json["exact"] = report.exact;
  json["degraded"] = report.degraded;
  json["levels"] = Json::array();
  for (const LevelReport& level : report.levels) {
    json["levels"].push_back({{"nodes", level.nodes},
                              {"links", level.links},
                              {"links_to_dead", level.links_to_dead},
                              {"least_links", level.least_links},
                              {"most_links", level.most_links},
                              {"unreached", level.unreached}});
  }
  json["hubs"] = Json::array();
  for (const HubReport& hub : report.hubs) {
    json["hubs"].push_back({{"id", hub.id}, {"in_links", hub.in_links}, {"level", hub.level}});
  }
  json["hub_share"] = report.hub_share;
  json["most_in_links"] = report.most_in_links;
  json["out_degrees"] = report.out_degrees;
  json["in_degrees"] = report.in_degrees;
  return json;
}

int Analyze(Context& context, const AnalyzeArguments& arguments) {
  const Store store = OpenForReading(context, arguments.directory);
  const GraphReport report = Check(store.Analyze(arguments.options));
  if (context.json) {
    context.out << DumpJson(ReportToJson(report)) << "\n";
  } else {
    PrintReport(context, report, arguments.options.k);
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
