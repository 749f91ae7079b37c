#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tools/engram/command.h"
#include "tools/engram/json_values.h"

namespace engram::tool {
namespace {

struct CreateArguments {
  std::string directory;
  std::uint32_t dimensions = 0;
  std::optional<std::string> metric;
  std::string preset = "default";
  std::optional<std::uint32_t> m;
  std::optional<std::uint32_t> ef_construction;
  std::uint64_t max_elements = 0;
  std::optional<std::uint64_t> seed;
};

Options MakeOptions(const CreateArguments& arguments) {
  Options options;
  if (arguments.preset == "accuracy") options = Options::HighAccuracy();
  if (arguments.preset == "speed") options = Options::HighSpeed();
  const std::map<std::string, Metric> metrics = {
      {"l2", Metric::kL2}, {"cosine", Metric::kCosine}, {"ip", Metric::kInnerProduct}};
  options.dimensions = arguments.dimensions;
  if (arguments.metric) options.metric = metrics.at(*arguments.metric);
  options.m = arguments.m.value_or(options.m);
  options.ef_construction = arguments.ef_construction.value_or(options.ef_construction);
  options.seed = arguments.seed.value_or(options.seed);
  options.max_elements = arguments.max_elements;
  options.error_if_exists = true;
  return options;
}

int Create(Context& context, const CreateArguments& arguments) {
  if (arguments.dimensions == 0) {
    throw Failure(
        Status::InvalidArgument("--dim is 0, expected 1 to " + std::to_string(kMaxDimensions)));
  }
  Options options = MakeOptions(arguments);
  SetOpening(context, options);
  Store store = Check(Store::Open(arguments.directory, options));
  const Stats stats = Check(store.GetStats());
  Check(store.Close());
  if (context.json) {
    Json answer;
    answer["directory"] = arguments.directory;
    answer["dimensions"] = options.dimensions;
    answer["metric"] = MetricName(stats.metric);
    answer["m"] = stats.m;
    answer["seed"] = options.seed;
    context.out << DumpJson(answer) << "\n";
  } else {
    context.out << "created " << arguments.directory << ": " << options.dimensions
                << " dimensions, metric " << MetricName(stats.metric) << ", m " << stats.m << "\n";
  }
  return 0;
}

}  // namespace

Command AddCreate(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<CreateArguments>();
  CLI::App* sub =
      AddSubcommand(app, context, "create", "Make an empty store", arguments->directory);
  sub->add_option("--dim", arguments->dimensions,
                  "Components of a vector, 1 to " + std::to_string(kMaxDimensions))
      ->required();
  sub->add_option("--metric", arguments->metric, "l2 (default), cosine or ip")
      ->check(CLI::IsMember({"l2", "cosine", "ip"}));
  sub->add_option("--preset", arguments->preset, "default (m 16), accuracy (m 32) or speed (m 8)")
      ->check(CLI::IsMember({"default", "accuracy", "speed"}));
  sub->add_option("--m", arguments->m,
                  "Links a node keeps above level 0, 2 to 128; default: the preset's");
  sub->add_option("--ef-construction", arguments->ef_construction,
                  "Candidates looked at by an insert, unless an opening says otherwise");
  sub->add_option("--max-elements", arguments->max_elements,
                  "Most patterns the store takes, unless an opening says otherwise")
      ->check(CheckNotNegative);
  sub->add_option("--seed", arguments->seed, "Seeds what is random")->check(CheckNotNegative);
  AddHistory(sub, context);
  return {sub, [&context, arguments] { return Create(context, *arguments); }};
}

}  // namespace engram::tool
