// The figures as tables for a person and as JSON for a program.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_GRAPH_BENCH_REPORT_H_
#define ENGRAM_TOOLS_BENCH_GRAPH_BENCH_REPORT_H_

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tools/bench/graph_bench_build.h"
#include "tools/bench/graph_bench_readers.h"
#include "tools/bench/graph_bench_replay.h"
#include "tools/bench/graph_bench_search.h"

namespace engram::bench {

using Json = nlohmann::ordered_json;

// Each prints its table and returns the same figures.
Json ReportSetting(const Bench& bench);
Json ReportBuild(const BuildFigures& figures);
Json ReportOpen(const OpenIndexes& indexes);
Json ReportSearch(const SearchFigures& figures);
Json ReportReaders(const ReadersFigures& figures);
Json ReportWriterP99(const std::vector<WriterRound>& rounds);
Json ReportReplay(const ReplayFigures& figures);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_GRAPH_BENCH_REPORT_H_
