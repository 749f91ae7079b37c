// engram_churn_bench: docs/benchmarks.md, "Churn".
#include <cstdio>
#include <functional>
#include <string>

#include "tools/bench/churn/beside_writer.h"
#include "tools/bench/churn/report.h"
#include "tools/bench/churn/shrink.h"
#include "tools/bench/churn/sweep_cost.h"
#include "tools/bench/churn/turnover.h"

namespace engram::bench {
namespace {

class ChurnRun {
 public:
  explicit ChurnRun(const ChurnOptions& options) : bench_(options) {
    Measure("setting", [&] { return ChurnSetting(bench_); });
  }

  void All() {
    const ChurnParts& parts = bench_.options.parts;
    if (parts.turnover) Measure("turnover", [&] { return RunTurnover(bench_); });
    if (parts.sweep_cost) Measure("sweep-cost", [&] { return RunSweepCost(bench_); });
    if (parts.readers) Measure("readers", [&] { return RunReaders(bench_); });
    if (parts.snapshots) Measure("snapshots", [&] { return RunSnapshots(bench_); });
    if (parts.shrink) Measure("shrink", [&] { return RunShrink(bench_); });
  }

 private:
  // What is there goes out after each part.
  void Measure(const std::string& part, const std::function<Json()>& run) {
    report_[part] = run();
    PrintChurnPart(report_, part);
    const std::string& file = bench_.options.common.json;
    if (!file.empty()) WriteJson(file, report_);
  }

  ChurnBench bench_;
  Json report_;
};

}  // namespace
}  // namespace engram::bench

int main(int argc, char** argv) {
  using namespace engram::bench;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // a part takes minutes: its table comes when done
  const ChurnOptions options = ParseChurnOptions(argc, argv);
  Processors();  // before any thread is bound
  ChurnRun(options).All();
}
