// What an agent remembers: recall by likeness and age, correct a memory, forget what is old and
// unimportant. usage: agent_memory DIRECTORY
#include <engram/feature_encoder.h>
#include <engram/store.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

using Days = std::chrono::duration<double, std::ratio<86400>>;
constexpr engram::Timestamp kToday = std::chrono::sys_days{std::chrono::year{2026} / 6 / 1};

struct Memory {
  std::string text;
  int days_ago;
  bool important;
};

std::vector<engram::PatternId> Remember(engram::Store& store, const engram::FeatureEncoder& encoder,
                                        const std::vector<Memory>& memories) {
  engram::WriteBatch batch;  // all of them or none
  for (const Memory& memory : memories) {
    const std::vector<float> vector = encoder.EncodeText(memory.text);
    engram::NewPattern pattern;
    pattern.vector = vector;  // the batch copies it
    pattern.timestamp = kToday - std::chrono::days(memory.days_ago);
    pattern.metadata = {{"text", memory.text}, {"important", memory.important}};
    batch.Insert(pattern);
  }
  return store.Write(batch).value().ids;  // value() ends the program where this failed
}

// The nearest ten, ordered by likeness that fades: to a half in 30 days.
void Recall(const engram::Store& store, const engram::FeatureEncoder& encoder,
            const std::string& question) {
  engram::SearchOptions search;
  search.include_metadata = true;
  const auto found = store.Search(encoder.EncodeText(question), search);
  std::vector<std::pair<double, std::string>> memories;
  for (const engram::Hit& hit : found.value().hits) {
    const engram::Pattern pattern = store.Get(hit.id).value();
    const double age = Days(kToday - pattern.timestamp).count();
    memories.emplace_back((1 - hit.distance) * std::exp2(-age / 30),
                          *hit.metadata->at("text").As<std::string>());
  }
  std::sort(memories.rbegin(), memories.rend());
  std::cout << question << "\n  " << memories[0].second << "\n";
}

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: agent_memory DIRECTORY\n", 2;
  const engram::FeatureEncoder encoder = engram::FeatureEncoder::Create(256).value();
  engram::Options options;
  options.dimensions = encoder.dimensions();
  options.metric = engram::Metric::kCosine;
  auto opened = engram::Store::Open(argv[1], options);
  if (!opened.ok()) return std::cerr << opened.status() << "\n", 1;
  engram::Store& store = *opened;

  const auto ids = Remember(store, encoder,
                            {{"Ada likes tea with milk", 90, true},
                             {"Ada likes coffee since spring", 5, true},
                             {"the printer of floor 2 is out of paper", 45, false},
                             {"the meeting on Tuesday is at ten", 3, true}});
  Recall(store, encoder, "what does Ada like to drink, tea or coffee?");

  // A correction is a new version of the same memory: the id stays.
  const std::string corrected = "the meeting on Tuesday is at eleven";
  const std::vector<float> vector = encoder.EncodeText(corrected);
  engram::PatternChange change;
  change.vector = vector;
  change.metadata = {{"text", corrected}, {"important", true}};
  if (const auto status = store.Update(ids[3], change); !status.ok()) {
    return std::cerr << status << "\n", 1;
  }
  Recall(store, encoder, "when is the meeting on Tuesday?");

  // What is older than 30 days and not important expires.
  engram::WriteBatch expired;
  const auto collect = [&](const engram::Pattern& memory) {
    const bool old = memory.timestamp < kToday - std::chrono::days(30);
    if (old && !*memory.metadata.at("important").As<bool>()) expired.Erase(memory.id);
    return true;
  };
  if (const auto status = store.ForEach(collect, {.include_vector = false}); !status.ok()) {
    return std::cerr << status << "\n", 1;
  }
  if (!expired.empty()) store.Write(expired).value();  // an empty batch is refused
  std::cout << "forgotten: " << expired.size() << ", left: " << store.GetStats().value().count
            << "\n";
}
