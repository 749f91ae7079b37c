#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <unordered_set>

#include "tools/engram/command.h"
#include "tools/engram/json_values.h"
#include "tools/engram/passages.h"
#include "tools/engram/text.h"
#include "tools/engram/text_store.h"

namespace engram::tool {
namespace {

// In 256 components strange words meet by chance, so the nearest passages are compared once more,
// in so many components that hardly any do.
constexpr std::size_t kCandidates = 300;
constexpr std::uint32_t kFineDimensions = 16384;
// What is less alike shares hardly a word with the question.
constexpr float kLeastSimilarity = 0.1F;
constexpr std::size_t kSnippetLines = 3;
constexpr std::size_t kSnippetWidth = 88;

struct AskArguments {
  std::string directory;
  std::vector<std::string> words;
  std::size_t k = 3;
};

struct Answer {
  Passage passage;
  float similarity = 0;
};

float Similarity(const std::vector<float>& a, const std::vector<float>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0F);
}

// The best passage of each file, best first.
std::vector<Answer> Rank(const SearchResult& found, const FeatureEncoder& fine,
                         const std::vector<float>& question, std::size_t k) {
  std::vector<Answer> answers;
  for (const Hit& hit : found.hits) {
    std::optional<Passage> passage = PassageOf(hit.metadata.value_or(Metadata()));
    if (!passage) continue;  // word counts
    const float similarity = Similarity(fine.EncodeText(TextToEncode(*passage)), question);
    if (similarity >= kLeastSimilarity) answers.push_back({std::move(*passage), similarity});
  }
  std::stable_sort(answers.begin(), answers.end(),
                   [](const Answer& a, const Answer& b) { return a.similarity > b.similarity; });
  std::unordered_set<std::string> files;
  std::erase_if(answers, [&files](const Answer& answer) {
    return !files.insert(answer.passage.file).second;
  });
  if (answers.size() > k) answers.resize(k);
  return answers;
}

// The few lines of the passage that say most of what was asked, blank ones left out.
std::vector<std::string> TakeSnippet(const Passage& passage, const FeatureEncoder& encoder,
                                     const std::vector<float>& question) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < passage.text.size();) {
    const std::size_t end = std::min(passage.text.find('\n', begin), passage.text.size());
    std::string line = passage.text.substr(begin, end - begin);
    if (line.find_first_not_of(" \t") != std::string::npos) lines.push_back(std::move(line));
    begin = end + 1;
  }
  if (lines.size() <= kSnippetLines) return lines;
  std::size_t best = 0;
  float best_similarity = -1;
  for (std::size_t first = 0; first + kSnippetLines <= lines.size(); ++first) {
    std::string window;
    for (std::size_t i = 0; i < kSnippetLines; ++i) window += lines[first + i] + "\n";
    const float similarity = Similarity(encoder.EncodeText(window), question);
    if (similarity > best_similarity) {
      best = first;
      best_similarity = similarity;
    }
  }
  const auto from = lines.begin() + static_cast<std::ptrdiff_t>(best);
  return {from, from + kSnippetLines};
}

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

int Ask(Context& context, const AskArguments& arguments) {
  const Store store = OpenForReading(context, arguments.directory);
  const std::optional<std::string> saved = FindSavedWords(store);
  if (!saved) {
    throw Failure(Status::NotFound(arguments.directory +
                                   " holds no text: fill it with `engram index-text` first"));
  }
  const FeatureEncoder coarse = Check(FeatureEncoder::Load(kTextDimensions, *saved));
  const FeatureEncoder fine = Check(FeatureEncoder::Load(kFineDimensions, *saved));
  const std::string question = Join(arguments.words);
  const std::vector<float> fine_question = fine.EncodeText(question);
  if (Similarity(fine_question, fine_question) == 0) {
    throw Failure(Status::InvalidArgument("the question has no word of two letters or more"));
  }

  SearchOptions options;
  options.k = kCandidates;
  options.include_metadata = true;
  const auto begin = std::chrono::steady_clock::now();
  const SearchResult found = Check(store.Search(coarse.EncodeText(question), options));
  const double seconds = SecondsSince(begin);
  std::vector<Answer> answers = Rank(found, fine, fine_question, arguments.k);

  Json list = Json::array();
  if (!context.json) context.out << Bold(context, "? " + question) << "\n";
  for (Answer& answer : answers) {
    const std::vector<std::string> snippet = TakeSnippet(answer.passage, fine, fine_question);
    if (context.json) {
      list.push_back({{"file", answer.passage.file},
                      {"line", answer.passage.line},
                      {"modified", FormatTime(answer.passage.modified)},
                      {"similarity", FloatToJson(answer.similarity)},
                      {"text", answer.passage.text}});
      continue;
    }
    context.out << "  " << Fixed(double{answer.similarity}, 2) << "  "
                << Bold(context, PlaceOf(answer.passage)) << "\n";
    for (const std::string& line : snippet)
      context.out << "        " << Clip(line, kSnippetWidth) << "\n";
  }
  if (answers.empty() && !context.json) context.out << "  nothing like it\n";
  if (context.json) {
    Json report;
    report["question"] = question;
    report["answers"] = std::move(list);
    report["compared"] = found.compared;
    report["seconds"] = seconds;
    context.out << DumpJson(report) << "\n";
  } else {
    context.out << Dim(context, "  " + WithSeparators(found.compared) + " patterns compared in " +
                                    HumanSeconds(seconds))
                << "\n";
  }
  return 0;
}

}  // namespace

Command AddAsk(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<AskArguments>();
  CLI::App* sub =
      AddSubcommand(app, context, "ask", "Find passages of text by a question in plain words",
                    arguments->directory);
  AddResidency(sub, context);
  sub->add_option("WORDS", arguments->words, "The question")->required();
  sub->add_option("--k", arguments->k, "Answers wanted, each of another file")
      ->capture_default_str()
      ->check(CheckNotNegative);
  return {sub, [&context, arguments] { return Ask(context, *arguments); }};
}

}  // namespace engram::tool
