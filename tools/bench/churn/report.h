// What was measured, on the terminal.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_CHURN_REPORT_H_
#define ENGRAM_TOOLS_BENCH_CHURN_REPORT_H_

#include <string>

#include "tools/bench/churn/bench.h"
#include "tools/bench/peers/json.h"

namespace engram::bench {

// What was measured on what, with what and when.
Json ChurnSetting(const ChurnBench& bench);

// Prints the table of that part of `report`, "setting" among them.
void PrintChurnPart(const Json& report, const std::string& part);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_CHURN_REPORT_H_
