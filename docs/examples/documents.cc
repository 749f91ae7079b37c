// Near-duplicates in a collection of texts; words that are rare in it weigh more.
// usage: documents DIRECTORY
#include <engram/feature_encoder.h>
#include <engram/store.h>

#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: documents DIRECTORY\n", 2;
  const std::vector<std::string> texts = {"The store keeps vectors and finds the nearest ones.",
                                          "A store keeps vectors, and it finds the nearest.",
                                          "The kernel keeps pages and writes the dirty ones.",
                                          "Bread needs flour, water, salt and time.",
                                          "Time, salt, water and flour are what bread needs."};
  engram::FeatureEncoder encoder = engram::FeatureEncoder::Create(512).value();
  for (const std::string& text : texts) encoder.LearnWords(text);

  engram::Options options = engram::Options::HighAccuracy();
  options.dimensions = encoder.dimensions();
  options.metric = engram::Metric::kCosine;
  options.error_if_exists = true;
  auto store = engram::Store::Open(argv[1], options);
  if (!store.ok()) return std::cerr << store.status() << "\n", 1;

  std::vector<std::vector<float>> vectors;
  for (const std::string& text : texts) vectors.push_back(encoder.EncodeText(text));
  const std::vector<engram::VectorView> views(vectors.begin(), vectors.end());
  std::vector<engram::NewPattern> patterns(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    patterns[i].vector = views[i];
    patterns[i].id = i + 1;  // ids of our own, larger than all before
  }
  const auto stored = store->InsertBatch(patterns);
  if (!stored.ok()) return std::cerr << stored.status() << "\n", 1;
  if (!stored->failures.empty()) return std::cerr << stored->failures[0].status << "\n", 1;

  // All questions at once, on all cores, of one state of the store.
  engram::SearchOptions search;
  search.k = 2;  // each finds itself first
  const auto answers = store->SearchBatch(views, search);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i].ok()) return std::cerr << answers[i].status() << "\n", 1;
    const engram::Hit& other = answers[i]->hits[1];
    if (other.id > i + 1 && other.distance < 0.5F) {
      std::printf("%zu and %u: distance %.2f\n", i + 1, static_cast<unsigned>(other.id),
                  static_cast<double>(other.distance));
    }
  }
}
