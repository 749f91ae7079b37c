#include <chrono>
#include <memory>
#include <optional>
#include <set>

#include "tools/engram/command.h"
#include "tools/engram/json_values.h"
#include "tools/engram/past.h"
#include "tools/engram/text.h"
#include "tools/engram/vector_file.h"

namespace engram::tool {
namespace {

struct SearchArguments {
  std::string directory;
  std::string query_file;
  std::string vector_json;
  std::size_t k = 10;
  std::vector<std::string> include;
  std::size_t ef = 0;
  bool exact = false;
  std::string at;
};

// One vector, or an array of them.
std::vector<std::vector<float>> QueriesFromJson(const std::string& text) {
  const InputJson json = Check(ParseJson(text));
  std::vector<std::vector<float>> queries;
  if (json.is_array() && !json.empty() && json.front().is_array()) {
    for (const InputJson& query : json) queries.push_back(Check(VectorFromJson(query)));
  } else {
    queries.push_back(Check(VectorFromJson(json)));
  }
  return queries;
}

Json HitToJson(const Hit& hit, const SearchOptions& options) {
  Json json;
  json["id"] = hit.id;
  json["distance"] = FloatToJson(hit.distance);
  if (options.include_metadata)
    json["metadata"] = MetadataToJson(hit.metadata.value_or(Metadata()));
  if (options.include_vector) json["vector"] = VectorToJson(hit.vector);
  return json;
}

void PrintHits(Context& context, const SearchResult& result, const SearchOptions& options) {
  std::size_t rank = 0;
  for (const Hit& hit : result.hits) {
    const std::string number = std::to_string(++rank);
    const std::string id = std::to_string(hit.id);
    context.out << std::string(number.size() < 4 ? 4 - number.size() : 0, ' ') << number << "  "
                << Bold(context, id) << std::string(id.size() < 10 ? 10 - id.size() : 0, ' ')
                << "  " << Fixed(double{hit.distance}, 6);
    if (hit.metadata && !hit.metadata->empty()) {
      context.out << "  " << DumpJson(MetadataToJson(*hit.metadata));
    }
    context.out << "\n";
    if (options.include_vector) {
      context.out << "      " << Dim(context, DumpJson(VectorToJson(hit.vector))) << "\n";
    }
  }
}

int Search(Context& context, const SearchArguments& arguments) {
  const std::vector<std::vector<float>> queries = arguments.query_file.empty()
                                                      ? QueriesFromJson(arguments.vector_json)
                                                      : ReadVectors(arguments.query_file);
  const std::set<std::string> include(arguments.include.begin(), arguments.include.end());
  SearchOptions options;
  options.k = arguments.k;
  options.ef = arguments.ef;
  options.exact = arguments.exact;
  options.include_metadata = include.contains("metadata");
  options.include_vector = include.contains("vector");

  const Store store = OpenForReading(context, arguments.directory);
  std::optional<PastState> past;
  if (!arguments.at.empty()) past = OpenPast(store, arguments.at);
  if (past) options.snapshot = &past->snapshot;
  if (past && !context.json) context.out << Dim(context, "at " + past->what) << "\n";
  Json results = Json::array();
  bool degraded = false;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const Result<SearchResult> result = store.Search(queries[i], options);
    const double seconds = SecondsSince(begin);
    if (!result.ok()) {
      const std::string which = queries.size() > 1 ? "query " + std::to_string(i + 1) + ": " : "";
      throw Failure(Status(result.code(), which + std::string(result.status().message())));
    }
    degraded = degraded || result->degraded;
    if (context.json) {
      Json hits = Json::array();
      for (const Hit& hit : result->hits) hits.push_back(HitToJson(hit, options));
      results.push_back(std::move(hits));
      continue;
    }
    if (queries.size() > 1) context.out << "query " << i + 1 << "\n";
    PrintHits(context, *result, options);
    context.out << Dim(context, std::to_string(result->hits.size()) + " nearest of " +
                                    WithSeparators(result->compared) + " compared in " +
                                    HumanSeconds(seconds))
                << "\n";
  }
  if (degraded) {
    context.err << "engram: the graph is damaged, so every pattern was compared: run `engram "
                   "verify`\n";
  }
  if (context.json) {
    Json answer;
    if (past) answer["at"] = past->json;
    answer["results"] = std::move(results);
    if (degraded) answer["degraded"] = true;
    context.out << DumpJson(answer) << "\n";
  }
  return 0;
}

}  // namespace

Command AddSearch(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<SearchArguments>();
  CLI::App* sub = AddSubcommand(app, context, "search", "Find the patterns nearest to a vector",
                                arguments->directory);
  AddResidency(sub, context);
  CLI::Option_group* source = sub->add_option_group("query", "What to search for");
  source->add_option("--query", arguments->query_file,
                     "File of vectors (.fvecs, .bvecs, .npy, .jsonl), one search a row");
  source->add_option("--vector", arguments->vector_json, "A vector in JSON: \"[0.1, 2, -3]\"");
  source->require_option(1);
  sub->add_option("--k", arguments->k, "Hits wanted, 1 to 1000000")
      ->capture_default_str()
      ->check(CheckNotNegative);
  sub->add_option("--include", arguments->include, "Also answer with metadata, vector or both")
      ->delimiter(',')
      ->check(CLI::IsMember({"metadata", "vector"}));
  sub->add_option("--ef", arguments->ef,
                  "Candidates kept: more find more of the nearest and take longer; from k to " +
                      std::to_string(kMaxEf) + ", default: 100, or k where that is more")
      ->check(CheckNotNegative);
  sub->add_flag("--exact", arguments->exact, "Compare with every pattern");
  AddAtOption(sub, arguments->at, "Search in a state of the past");
  return {sub, [&context, arguments] { return Search(context, *arguments); }};
}

}  // namespace engram::tool
