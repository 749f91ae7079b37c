// Engram's graph against hnswlib's: docs/benchmarks.md, "Graph".
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/bench/graph_bench_report.h"

namespace engram::bench {
namespace {

void WriteJson(const std::string& path, const Json& report) {
  std::ofstream file(path);
  file << report.dump(2) << "\n";
  file.close();
  if (!file) Fail("cannot write " + path);
}

void RunOpenParts(Bench& bench, Json& report) {
  OpenIndexes indexes(bench);
  report["open"] = ReportOpen(indexes);
  if (bench.options.search) {
    bench.data.LoadTruth(bench.options, bench.directory.path());
    report["search"] = ReportSearch(RunSearch(bench, indexes));
  }
  if (bench.options.readers) report["readers"] = ReportReaders(RunReaders(bench, indexes));
  MustBeOk(indexes.store->Close());
}

Json RunParts(Bench& bench) {
  const BenchOptions& options = bench.options;
  Json report = ReportSetting(bench);
  // First, while the process has one thread: it forks.
  if (options.replay) report["replay"] = ReportReplay(RunReplay(bench));
  const bool search = options.search || options.readers;
  const bool needed = (search || options.writer_p99) && !IndexesAreThere(bench);
  if (options.build || needed) report["build"] = ReportBuild(RunBuild(bench));
  if (search) RunOpenParts(bench, report);
  if (options.writer_p99) report["writer_p99"] = ReportWriterP99(RunWriterP99(bench));
  return report;
}

}  // namespace
}  // namespace engram::bench

int main(int argc, char** argv) {
  using namespace engram::bench;
  std::setvbuf(stdout, nullptr, _IOLBF,
               0);  // a part takes minutes: its table comes when it is done
  const BenchOptions options = ParseOptions(argc, argv);
  Processors();  // before any thread is bound
  Bench bench(options);
  const Json report = RunParts(bench);
  if (!options.json.empty()) WriteJson(options.json, report);
  return 0;
}
