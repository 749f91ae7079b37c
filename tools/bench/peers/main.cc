// engram-bench-peers: docs/benchmarks.md, "Peers".
#include <cstdio>
#include <functional>

#include "tools/bench/peers/growth.h"
#include "tools/bench/peers/insert.h"
#include "tools/bench/peers/opening.h"
#include "tools/bench/peers/plots.h"
#include "tools/bench/peers/readers.h"
#include "tools/bench/peers/report.h"
#include "tools/bench/peers/search.h"
#include "tools/bench/peers/written.h"

namespace engram::bench {
namespace {

class Run {
 public:
  explicit Run(const BenchOptions& options) : bench_(options) {
    Measure("setting", [&] { return SettingFigures(bench_); });
  }

  // Whether all that was asked for is there.
  bool All() {
    const Parts& parts = bench_.options.parts;
    if (parts.compare || parts.readers) Measure("build", [&] { return RunBuild(bench_); });
    if (parts.compare) Measure("search", [&] { return RunSearch(bench_); });
    if (parts.readers) Measure("readers", [&] { return RunReaders(bench_); });
    if (parts.growth) Measure("growth", [&] { return RunGrowth(bench_); });
    if (parts.latency) Measure("latency", [&] { return RunLatency(bench_); });
    if (parts.insert) Measure("insert", [&] { return RunInsert(bench_); });
    if (parts.open) Measure("open", [&] { return RunOpening(bench_); });
    if (parts.written) Measure("written", [&] { return RunWritten(bench_); });
    return plotted_;
  }

 private:
  // What is there goes out after each part: the next may take an hour.
  void Measure(const std::string& part, const std::function<Json()>& run) {
    report_[part] = run();
    PrintPart(report_, part);
    const BenchOptions& options = bench_.options;
    if (!options.json.empty()) {
      Json whole = report_;
      whole["figures"] = ComparableFigures(report_);
      WriteJson(options.json, whole);
    }
    if (!options.plots.empty()) plotted_ &= PlotPart(report_, part, options.plots);
  }

  Bench bench_;
  Json report_;
  bool plotted_ = true;
};

}  // namespace
}  // namespace engram::bench

int main(int argc, char** argv) {
  using namespace engram::bench;
  std::setvbuf(stdout, nullptr, _IOLBF,
               0);  // a part takes minutes: its table comes when it is done
  const BenchOptions options = ParseOptions(argc, argv);
  Processors();  // before any thread is bound
  return Run(options).All() ? 0 : 1;
}
