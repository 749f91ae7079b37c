#include "tools/bench/peers/made_up_set.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

#include "tools/bench/system.h"

namespace engram::bench {
namespace {

// Real sets have far fewer directions than dimensions, without which no graph finds its way: the
// later a component, the narrower it is.
class Clusters {
 public:
  Clusters(std::size_t dimensions, std::size_t count) : centers_(count), scales_(dimensions) {
    for (std::size_t i = 0; i < dimensions; ++i) {
      scales_[i] = 1 / std::sqrt(1 + static_cast<float>(i) / 16);
    }
    for (std::vector<float>& center : centers_) {
      center.resize(dimensions);
      for (std::size_t i = 0; i < dimensions; ++i) center[i] = scales_[i] * normal_(random_);
    }
  }

  void Draw(std::vector<float>& point) {
    constexpr float kSpread = 1;  // of a cluster, against that of their centers
    const std::vector<float>& center = centers_[random_() % centers_.size()];
    for (std::size_t i = 0; i < point.size(); ++i) {
      point[i] = center[i] + kSpread * scales_[i] * normal_(random_);
    }
  }

 private:
  std::mt19937_64 random_{42};
  std::normal_distribution<float> normal_;
  std::vector<std::vector<float>> centers_;
  std::vector<float> scales_;
};

void WritePoints(const std::string& path, Clusters& clusters, std::size_t dimensions,
                 std::size_t count) {
  std::ofstream file(path, std::ios::binary);
  const auto header = static_cast<std::int32_t>(dimensions);
  std::vector<float> point(dimensions);
  for (std::size_t i = 0; i < count; ++i) {
    clusters.Draw(point);
    file.write(reinterpret_cast<const char*>(&header), sizeof(header));
    file.write(reinterpret_cast<const char*>(point.data()),
               static_cast<std::streamsize>(dimensions * sizeof(float)));
  }
  file.close();
  if (!file) Fail("cannot write " + path);
}

std::size_t ParseNumber(std::string_view text, std::string_view name) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) {
    Fail("a made-up set is named random-DIMENSIONS-POINTS, found " + std::string(name));
  }
  return number;
}

}  // namespace

std::optional<MadeUpSet> ParseMadeUpSet(std::string_view name) {
  constexpr std::string_view kPrefix = "random-";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const std::string_view numbers = name.substr(kPrefix.size());
  const std::size_t dash = numbers.find('-');
  if (dash == std::string_view::npos) ParseNumber({}, name);  // says what is wrong
  return MadeUpSet{.dimensions = ParseNumber(numbers.substr(0, dash), name),
                   .points = ParseNumber(numbers.substr(dash + 1), name)};
}

std::string MakeSet(const MadeUpSet& set, const std::string& directory) {
  const std::string path =
      directory + "/random-" + std::to_string(set.dimensions) + "-" + std::to_string(set.points);
  if (std::filesystem::exists(path)) return path;
  const std::string unfinished = path + ".unfinished";
  std::filesystem::create_directories(unfinished);
  const auto clusters_wanted = static_cast<std::size_t>(std::sqrt(set.points)) + 1;
  Clusters clusters(set.dimensions, clusters_wanted);
  WritePoints(unfinished + "/base.fvecs", clusters, set.dimensions, set.points);
  WritePoints(unfinished + "/query.fvecs", clusters, set.dimensions, kMadeUpQueries);
  std::filesystem::rename(unfinished, path);
  return path;
}

}  // namespace engram::bench
