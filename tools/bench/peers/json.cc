#include "tools/bench/peers/json.h"

#include <fstream>

#include <engram/version.h>

#include "tools/bench/system.h"

namespace engram::bench {

Json Repeated(const std::vector<double>& rounds) {
  return {{"median", Median(rounds)}, {"rounds", rounds}};
}

double MedianOf(const Json& repeated) { return repeated.at("median").get<double>(); }

void AddMachine(Json& setting) {
  setting["processor"] = ProcessorName();
  setting["processors"] = Processors().size();
  setting["memory_bytes"] = MachineBytes();
  setting["huge_pages"] = HugePageSetting();
  setting["compiler"] = __VERSION__;
  setting["engram"] = LibraryVersion();
  setting["date"] = DateAndTime();
}

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
