#include "tools/bench/graph_bench_options.h"

#include <getopt.h>
#include <stdlib.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <functional>
#include <map>
#include <string_view>

#include "tools/bench/graph_bench_system.h"

namespace engram::bench {
namespace {

constexpr char kUsage[] =
    R"(usage: engram_graph_bench [PART...] [OPTION VALUE...]
Engram's graph against hnswlib's on the same vectors, in one process.

parts (default: all)
  --build        both indexes: seconds, memory
  --search       recall and queries a second, one thread, over several ef
  --readers      two searching threads against one
  --writer-p99   99th percentile of a search, idle and beside a writer on another core
  --replay       opening a store whose log holds everything

options
  --data DIR           directory of the data sets ($ENGRAM_DATA)
  --set NAME           DIR/NAME/base.{fvecs,bvecs}, query.{fvecs,bvecs}, gt.ivecs (sift-1m)
  --metric l2|cosine   (l2)
  --rows N             use the first N rows of the base (all)
  --queries N          use the first N queries (all)
  --k N                neighbours wanted (10)
  --m N                links (16)
  --ef-construction N  (200)
  --threads N          that build (2)
  --batch N            rows of one InsertBatch (1000)
  --build-rounds N     build both this often (1)
  --ef N[,N...]        widths of --search (10,20,40,60,80,100,150,200,300)
  --reader-ef N        width of --readers and --writer-p99 (100)
  --rounds N           of everything that alternates (5)
  --seconds S          of one measurement of --readers and --writer-p99 (5)
  --replay-rows N      (200000)
  --keep DIR           leave indexes and truth there, use those that are there
  --json FILE          write the figures there too
)";

[[noreturn]] void Refuse(const std::string& message) {
  std::fprintf(stderr, "engram_graph_bench: %s\n%s", message.c_str(), kUsage);
  std::exit(2);
}

template <typename Number>
Number Parse(std::string_view name, std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value <= Number{0}) {
    Refuse("--" + std::string(name) + " takes a number above 0, found " + std::string(text));
  }
  return value;
}

std::vector<std::size_t> ParseList(std::string_view name, std::string_view text) {
  std::vector<std::size_t> values;
  while (true) {
    const std::size_t comma = text.find(',');
    values.push_back(Parse<std::size_t>(name, text.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  std::sort(values.begin(), values.end());
  return values;
}

Metric ParseMetric(std::string_view text) {
  if (text == "l2") return Metric::kL2;
  if (text == "cosine") return Metric::kCosine;
  Refuse("--metric takes l2 or cosine, found " + std::string(text));
}

using Setter = std::function<void(std::string_view name, std::string_view value)>;

template <typename Number>
Setter SetNumber(Number& target) {
  return [&target](std::string_view name, std::string_view value) {
    target = Parse<Number>(name, value);
  };
}

Setter SetText(std::string& target) {
  return [&target](std::string_view, std::string_view value) { target = value; };
}

std::map<std::string, bool*> Parts(BenchOptions& options) {
  return {{"build", &options.build},
          {"search", &options.search},
          {"readers", &options.readers},
          {"writer-p99", &options.writer_p99},
          {"replay", &options.replay}};
}

std::map<std::string, Setter> Values(BenchOptions& options) {
  return {
      {"data", SetText(options.data)},
      {"set", SetText(options.set)},
      {"metric", [&](auto, auto value) { options.metric = ParseMetric(value); }},
      {"rows", SetNumber(options.rows)},
      {"queries", SetNumber(options.queries)},
      {"k", SetNumber(options.k)},
      {"m", SetNumber(options.m)},
      {"ef-construction", SetNumber(options.ef_construction)},
      {"threads", SetNumber(options.threads)},
      {"batch", SetNumber(options.batch)},
      {"build-rounds", SetNumber(options.build_rounds)},
      {"ef", [&](auto name, auto value) { options.efs = ParseList(name, value); }},
      {"reader-ef", SetNumber(options.ef)},
      {"rounds", SetNumber(options.rounds)},
      {"seconds", SetNumber(options.seconds)},
      {"replay-rows", SetNumber(options.replay_rows)},
      {"keep", SetText(options.keep)},
      {"json", SetText(options.json)},
  };
}

void CheckOptions(const BenchOptions& options) {
  if (options.data.empty()) Refuse("--data or ENGRAM_DATA must name the directory of the sets");
  if (options.efs.front() < options.k || options.ef < options.k) Refuse("ef must be at least k");
}

}  // namespace

BenchOptions ParseOptions(int argc, char** argv) {
  BenchOptions options;
  if (const char* data = getenv("ENGRAM_DATA")) options.data = data;
  const auto parts = Parts(options);
  const auto values = Values(options);
  std::vector<option> known;
  for (const auto& [name, flag] : parts) {
    known.push_back({name.c_str(), no_argument, nullptr, 'p'});
  }
  for (const auto& [name, set] : values) {
    known.push_back({name.c_str(), required_argument, nullptr, 'v'});
  }
  known.push_back({});
  int index = 0;
  for (int kind; (kind = getopt_long(argc, argv, "", known.data(), &index)) != -1;) {
    if (kind == '?') Refuse("wrong command line");
    const std::string name = known[static_cast<std::size_t>(index)].name;
    if (kind == 'p') {
      *parts.at(name) = true;
    } else {
      values.at(name)(name, optarg);
    }
  }
  if (optind != argc) Refuse("unexpected " + std::string(argv[optind]));
  const bool chosen =
      std::any_of(parts.begin(), parts.end(), [](const auto& part) { return *part.second; });
  if (!chosen) {
    for (const auto& [name, flag] : parts) *flag = true;
  }
  CheckOptions(options);
  return options;
}

}  // namespace engram::bench
