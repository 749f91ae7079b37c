#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <engram/rebalance.h>

#include "tools/engram/command.h"
#include "tools/engram/interrupt.h"
#include "tools/engram/json_values.h"
#include "tools/engram/progress.h"
#include "tools/engram/text.h"

namespace engram::tool {
namespace {

struct RebalanceArguments {
  std::string directory;
  RebalanceOptions options;
};

Json HealthToJson(const GraphHealth& health) {
  Json json;
  json["count"] = health.count;
  json["mean_links_out"] = health.mean_links_out;
  json["mean_links_in"] = health.mean_links_in;
  json["least_links_in"] = health.least_links_in;
  json["one_link_in"] = health.one_link_in;
  json["sampled"] = health.sampled;
  json["finds_itself"] = health.finds_itself;
  json["recall"] = health.recall;
  json["recall_error"] = health.recall_error;
  return json;
}

std::string PercentOf(double share) { return Fixed(100 * share, 1) + " %"; }

// "was, is", where they differ.
std::string Change(const std::string& before, const std::string& after) {
  return before == after ? after : before + ", now " + after;
}

void PrintRebalance(Context& context, const RebalanceReport& report, double seconds) {
  const GraphHealth& before = report.before;
  const GraphHealth& after = report.after;
  context.out << Bold(context, WithSeparators(report.relinked) + " of " +
                                   WithSeparators(report.looked_at) + " patterns linked anew")
              << " in " << HumanSeconds(seconds) << "\n";
  std::vector<std::pair<std::string, std::string>> fields = {
      {"badly linked", WithSeparators(report.bad)},
      {"with one link in",
       Change(WithSeparators(before.one_link_in), WithSeparators(after.one_link_in))},
      {"fewest links in",
       Change(std::to_string(before.least_links_in), std::to_string(after.least_links_in))},
      {"links in, mean", Change(Fixed(before.mean_links_in, 1), Fixed(after.mean_links_in, 1))},
      {"links out, mean", Change(Fixed(before.mean_links_out, 1), Fixed(after.mean_links_out, 1))}};
  if (after.sampled > 0) {
    fields.emplace_back("found by a short walk",
                        Change(PercentOf(before.finds_itself), PercentOf(after.finds_itself)));
    fields.emplace_back("recall of the nearest 10",
                        Change(PercentOf(before.recall), PercentOf(after.recall)) + " (+- " +
                            PercentOf(after.recall_error) + ", " + WithSeparators(after.sampled) +
                            " searches)");
  }
  PrintFields(context, fields);
}

RebalanceReport RebalanceWithProgress(Context& context, Store& store, RebalanceOptions options) {
  const Interrupt interrupt;
  Progress line(context, "rebalance");
  line.Begin();
  options.progress = [&](const RebalanceProgress& now) {
    line.UpdateOf(now.done, now.total);
    return !interrupt.seen();
  };
  return Check(store.Rebalance(options));
}

int Rebalance(Context& context, const RebalanceArguments& arguments) {
  Store store = OpenForWriting(context, arguments.directory);
  const auto begin = std::chrono::steady_clock::now();
  const RebalanceReport report = RebalanceWithProgress(context, store, arguments.options);
  const double seconds = SecondsSince(begin);
  Check(store.Close());
  if (!context.json) {
    PrintRebalance(context, report, seconds);
    return 0;
  }
  Json answer;
  answer["looked_at"] = report.looked_at;
  answer["bad"] = report.bad;
  answer["relinked"] = report.relinked;
  answer["before"] = HealthToJson(report.before);
  answer["after"] = HealthToJson(report.after);
  answer["seconds"] = seconds;
  context.out << DumpJson(answer) << "\n";
  return 0;
}

}  // namespace

Command AddRebalance(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<RebalanceArguments>();
  CLI::App* sub = AddSubcommand(app, context, "rebalance",
                                "Link the worst nodes of the graph anew; Ctrl-C ends it, and what "
                                "was done stays done",
                                arguments->directory);
  AddResidency(sub, context);
  AddHistory(sub, context);
  sub->add_option("--worst-share", arguments->options.worst_share,
                  "The most nodes that are linked anew, as a share of all, 0 to 1")
      ->capture_default_str();
  sub->add_option("--sample", arguments->options.sample,
                  "Patterns that are searched for to measure the graph before and after")
      ->capture_default_str()
      ->check(CheckNotNegative);
  return {sub, [&context, arguments] { return Rebalance(context, *arguments); }};
}

}  // namespace engram::tool
