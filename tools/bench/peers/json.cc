#include "tools/bench/peers/json.h"

#include <fstream>

#include "tools/bench/system.h"

namespace engram::bench {

Json Repeated(const std::vector<double>& rounds) {
  return {{"median", Median(rounds)}, {"rounds", rounds}};
}

double MedianOf(const Json& repeated) { return repeated.at("median").get<double>(); }

Json ReadJson(const std::string& path) {
  std::ifstream file(path);
  Json figures = Json::parse(file, nullptr, false);
  if (figures.is_discarded()) Fail("cannot read " + path);
  return figures;
}

void WriteJson(const std::string& path, const Json& figures) {
  std::ofstream file(path);
  file << figures.dump(2) << "\n";
  file.close();
  if (!file) Fail("cannot write " + path);
}

}  // namespace engram::bench
