// Which events are unlike all that came before? Names and numbers become vectors by hashing.
// usage: anomalies DIRECTORY
#include <engram/feature_encoder.h>
#include <engram/store.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

struct Login {
  std::string user;
  std::string country;
  int hour;
};

// The circle of hours in steps of six, so that 23 and 1 are near; each feature has a name, a
// weight.
std::vector<float> Encode(const engram::FeatureEncoder& encoder, const Login& login) {
  const std::string user = "user=" + login.user;
  const std::string from = user + " from " + login.country;
  const std::string time = user + " at " + std::to_string((login.hour + 3) / 6 % 4 * 6);
  const std::vector<engram::FeatureEncoder::Feature> features = {
      {user, 1.0F}, {from, 1.0F}, {time, 0.5F}};
  return encoder.Encode(features).value();  // fails for a weight that is NaN or infinite alone
}

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: anomalies DIRECTORY\n", 2;
  const engram::FeatureEncoder encoder = engram::FeatureEncoder::Create(128).value();
  engram::Options options;
  options.dimensions = encoder.dimensions();
  options.metric = engram::Metric::kCosine;
  options.durability = engram::Durability::kInterval;  // a second of events may go in a power cut
  engram::Result<engram::Store> store = engram::Store::Open(argv[1], options);
  if (!store.ok()) return std::cerr << store.status() << "\n", 1;

  const std::vector<Login> logins = {{"alice", "DE", 9}, {"bob", "FR", 14},   {"alice", "DE", 10},
                                     {"bob", "FR", 15},  {"alice", "DE", 11}, {"bob", "FR", 13},
                                     {"alice", "BR", 3}, {"bob", "FR", 14}};
  constexpr std::size_t kLearnt = 6;  // what came before says nothing
  engram::SearchOptions nearest;
  nearest.k = 2;
  for (std::size_t i = 0; i < logins.size(); ++i) {
    const std::vector<float> vector = Encode(encoder, logins[i]);
    if (i >= kLearnt) {
      const auto found = store->Search(vector, nearest);
      if (!found.ok()) return std::cerr << found.status() << "\n", 1;
      // The second nearest: one odd event that was let in does not make the next one normal.
      const float distance = found->hits.back().distance;
      std::printf("%-5s from %s at %02d: %s (%.2f)\n", logins[i].user.c_str(),
                  logins[i].country.c_str(), logins[i].hour,
                  distance > 0.3F ? "ANOMALY" : "as usual", static_cast<double>(distance));
    }
    engram::NewPattern pattern;
    pattern.vector = vector;
    const auto id = store->Insert(pattern);
    if (!id.ok()) return std::cerr << id.status() << "\n", 1;
  }
}
