// What was measured, on the terminal, and as a flat list for programs.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_REPORT_H_
#define ENGRAM_TOOLS_BENCH_PEERS_REPORT_H_

#include <string>

#include "tools/bench/peers/build.h"
#include "tools/bench/peers/json.h"

namespace engram::bench {

// What was measured on what, with what and when.
Json SettingFigures(const Bench& bench);
// In one line: the set and its size.
std::string SetLine(const Json& setting);
// In one line: the machine, the versions and the date.
std::string MachineLine(const Json& setting);

// Prints the tables of that part of `report`, "setting" among them.
void PrintPart(const Json& report, const std::string& part);

// The figures of `report` that one build may have better than another: {name: {"value", "unit",
// "better": "higher" or "lower"}}. tools/bench/compare reads them.
Json ComparableFigures(const Json& report);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_REPORT_H_
