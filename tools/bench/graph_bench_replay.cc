#include "tools/bench/graph_bench_replay.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>

namespace engram::bench {
namespace {

Options WithoutCheckpoints(const Bench& bench) {
  Options options = StoreOptions(bench.options, bench.data.dimensions());
  options.checkpoint_log_bytes = 1ull << 50;
  options.checkpoint_on_close = false;
  return options;
}

// Leaves the files of a process that died after `rows` inserts: nothing closed, no row flushed by a
// destructor.
void MakeDeadStore(const Bench& bench, const std::string& directory, std::size_t rows) {
  const pid_t child = fork();
  if (child < 0) Fail("cannot fork");
  if (child == 0) {
    Store store = MustOpen(directory, WithoutCheckpoints(bench));
    InsertRows(store, bench.data.StoredRows(), 0, rows, bench.options.batch);
    MustBeOk(store.Flush());
    _exit(0);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) Fail("the store to replay was not made");
}

}  // namespace

ReplayFigures RunReplay(const Bench& bench) {
  const std::string dead = bench.directory.path() + "/dead.store";
  const std::string copy = bench.directory.path() + "/replayed.store";
  std::filesystem::remove_all(dead);
  ReplayFigures figures;
  figures.rows = std::min(bench.options.replay_rows, bench.data.rows());
  MakeDeadStore(bench, dead, figures.rows);
  for (std::size_t i = 0; i < bench.options.rounds; ++i) {
    std::filesystem::remove_all(copy);
    std::filesystem::copy(dead, copy, std::filesystem::copy_options::recursive);
    const auto begin = Clock::now();
    Store store = MustOpen(copy, WithoutCheckpoints(bench));
    figures.open_seconds.push_back(SecondsSince(begin));
    const Stats stats = MustGetStats(store);
    if (stats.count != figures.rows || stats.replayed_commits == 0) {
      Fail("the store was not rebuilt from its log");
    }
    MustBeOk(store.Close());
  }
  std::filesystem::remove_all(copy);
  std::filesystem::remove_all(dead);
  return figures;
}

}  // namespace engram::bench
