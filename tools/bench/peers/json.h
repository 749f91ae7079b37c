// How figures are kept: every part returns its own as JSON, from which tables, plots and the file
// are made.
// Threads: pure functions.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_JSON_H_
#define ENGRAM_TOOLS_BENCH_PEERS_JSON_H_

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace engram::bench {

using Json = nlohmann::ordered_json;

// One figure measured several times: {"median": ..., "rounds": [...]}. Pre: not empty.
Json Repeated(const std::vector<double>& rounds);
// The median of what Repeated() made.
double MedianOf(const Json& repeated);

// Adds what was measured on, with what, and when.
void AddMachine(Json& setting);

// Ends the process where the file cannot be read, or written.
Json ReadJson(const std::string& path);
void WriteJson(const std::string& path, const Json& figures);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_JSON_H_
