// Has this incident been seen before? Reads one a line. usage: tutorial DIRECTORY
#include <engram/feature_encoder.h>
#include <engram/store.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

constexpr float kAlike = 0.5F;  // cosine distance: 0 is the same, 1 has nothing in common

int Fail(const engram::Status& status) {
  std::cerr << "tutorial: " << status << "\n";
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: tutorial DIRECTORY\n", 2;
  const auto encoder = engram::FeatureEncoder::Create(256);  // words to vectors; a model does too
  if (!encoder.ok()) return Fail(encoder.status());
  engram::Options options;
  options.dimensions = encoder->dimensions();
  options.metric = engram::Metric::kCosine;
  engram::Result<engram::Store> store = engram::Store::Open(argv[1], options);
  if (!store.ok()) return Fail(store.status());

  engram::SearchOptions nearest;
  nearest.k = 1;
  nearest.include_metadata = true;
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "crash") std::raise(SIGKILL);  // as kill -9: nothing is closed or flushed
    const std::vector<float> vector = encoder->EncodeText(line);
    const auto found = store->Search(vector, nearest);
    if (!found.ok() && found.code() != engram::Code::kEmptyIndex) return Fail(found.status());
    if (found.ok() && found->hits[0].distance < kAlike) {
      const engram::Hit& hit = found->hits[0];
      std::cout << "seen: " << *hit.metadata->at("text").As<std::string>() << "\n";
      continue;
    }
    engram::NewPattern incident;
    incident.vector = vector;
    incident.metadata = {{"text", line}};
    const auto id = store->Insert(incident);  // on disk when this returns
    if (!id.ok()) return Fail(id.status());
    std::cout << "new: remembered as " << *id << std::endl;
  }
  const engram::Status closed = store->Close();
  return closed.ok() ? 0 : Fail(closed);
}
