#include <algorithm>
#include <chrono>
#include <memory>
#include <span>
#include <unordered_set>

#include "tools/engram/command.h"
#include "tools/engram/json_values.h"
#include "tools/engram/passages.h"
#include "tools/engram/progress.h"
#include "tools/engram/text.h"
#include "tools/engram/text_store.h"

namespace engram::tool {
namespace {

constexpr std::size_t kPassagesTogether = 100;

struct IndexTextArguments {
  std::string directory;
  std::vector<std::string> paths;
  std::size_t limit = 50000;
  bool report_commits = false;
};

// Up to `limit` passages, each text once. The paths share it; what one leaves goes to those behind
// it.
std::vector<Passage> Collect(const std::vector<std::string>& paths, std::size_t limit) {
  std::vector<Passage> all;
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const std::size_t share = all.size() + (limit - all.size()) / (paths.size() - i);
    for (const std::string& file : FindTextFiles(paths[i])) {
      if (all.size() >= share) break;
      for (Passage& passage : ReadPassages(file)) {
        if (all.size() < share && seen.insert(passage.text).second) {
          all.push_back(std::move(passage));
        }
      }
    }
  }
  return all;
}

// The encoder that the store was begun with or, in a new store, one that knows these passages.
FeatureEncoder GetEncoder(Store& store, const std::vector<Passage>& passages) {
  if (const std::optional<std::string> saved = FindSavedWords(store)) {
    return Check(FeatureEncoder::Load(kTextDimensions, *saved));
  }
  FeatureEncoder encoder = Check(FeatureEncoder::Create(kTextDimensions));
  for (const Passage& passage : passages) encoder.LearnWords(TextToEncode(passage));
  SaveWords(store, encoder);
  return encoder;
}

std::unordered_set<std::string> FindStoredPlaces(const Store& store) {
  std::unordered_set<std::string> places;
  GetOptions options;
  options.include_vector = false;
  Check(store.ForEach(
      [&places](const Pattern& pattern) {
        if (const auto passage = PassageOf(pattern.metadata)) places.insert(PlaceOf(*passage));
        return true;
      },
      options));
  return places;
}

std::size_t InsertBatch(Store& store, const FeatureEncoder& encoder,
                        std::span<const Passage> passages) {
  std::vector<std::vector<float>> vectors;
  std::vector<NewPattern> patterns;
  vectors.reserve(passages.size());  // the patterns borrow from it
  for (const Passage& passage : passages) {
    NewPattern& pattern = patterns.emplace_back();
    pattern.vector = vectors.emplace_back(encoder.EncodeText(TextToEncode(passage)));
    pattern.metadata = MetadataOf(passage);
    pattern.timestamp = passage.modified;
    pattern.type = kPassageType;
  }
  const BatchResult stored =
      Check(store.InsertBatch(patterns, WriteOptions::With(Durability::kSync)));
  // A passage whose words cancel out has no direction; any other failure ends the run.
  for (const BatchResult::Failure& failure : stored.failures) {
    if (failure.status.code() != Code::kInvalidVector) throw Failure(failure.status);
  }
  return patterns.size() - stored.failures.size();
}

int IndexText(Context& context, const IndexTextArguments& arguments) {
  std::vector<Passage> passages = Collect(arguments.paths, arguments.limit);
  Options options;
  options.dimensions = kTextDimensions;
  options.metric = Metric::kCosine;
  SetOpening(context, options);
  Store store = Check(Store::Open(arguments.directory, options));
  const FeatureEncoder encoder = GetEncoder(store, passages);
  const std::unordered_set<std::string> stored = FindStoredPlaces(store);
  std::erase_if(passages,
                [&stored](const Passage& passage) { return stored.contains(PlaceOf(passage)); });
  if (arguments.report_commits) {
    context.out << "found " << stored.size() << "\nto insert " << passages.size() << std::endl;
  }

  Progress progress(context, "index");
  const auto begin = std::chrono::steady_clock::now();
  std::size_t inserted = 0;
  for (std::size_t at = 0; at < passages.size(); at += kPassagesTogether) {
    const std::size_t count = std::min(kPassagesTogether, passages.size() - at);
    inserted += InsertBatch(store, encoder, std::span(passages).subspan(at, count));
    if (arguments.report_commits) context.out << "committed " << inserted << std::endl;
    progress.UpdateOf(at + count, passages.size());
  }
  const double seconds = SecondsSince(begin);
  const std::uint64_t syncs = Check(store.GetStats()).log_syncs;
  Check(store.Close());
  if (context.json) {
    Json answer;
    answer["found"] = stored.size();
    answer["inserted"] = inserted;
    answer["seconds"] = seconds;
    answer["log_syncs"] = syncs;
    context.out << DumpJson(answer) << "\n";
  } else {
    context.out << "inserted " << WithSeparators(inserted) << " passages in "
                << HumanSeconds(seconds);
    if (inserted > 0) {
      const double rate = static_cast<double>(inserted) / seconds;
      context.out << " (" << WithSeparators(static_cast<std::uint64_t>(rate)) << "/s, "
                  << WithSeparators(syncs) << " syncs)";
    }
    context.out << "\n";
  }
  return 0;
}

}  // namespace

Command AddIndexText(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<IndexTextArguments>();
  CLI::App* sub =
      AddSubcommand(app, context, "index-text",
                    "Insert the passages of text files, so that `ask` finds them; goes on where an "
                    "earlier run ended",
                    arguments->directory);
  AddResidency(sub, context);
  AddHistory(sub, context);
  sub->add_option("PATH", arguments->paths, "Files and directories")->required();
  sub->add_option("--limit", arguments->limit, "Most passages taken")
      ->capture_default_str()
      ->check(CheckNotNegative);
  sub->add_flag("--report-commits", arguments->report_commits,
                "Print `committed N` when N passages of this run will survive any crash");
  return {sub, [&context, arguments] { return IndexText(context, *arguments); }};
}

}  // namespace engram::tool
