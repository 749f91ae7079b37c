// What the benchmarks share: a directory on a real disk, vectors, and a store opened with internal
// options. Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_BENCH_STORE_H_
#define ENGRAM_TOOLS_BENCH_BENCH_STORE_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace engram {

// A directory under $ENGRAM_BENCH_DIR, or the current one, that goes with its scope.
class BenchDirectory {
 public:
  BenchDirectory();
  ~BenchDirectory();
  BenchDirectory(const BenchDirectory&) = delete;
  BenchDirectory& operator=(const BenchDirectory&) = delete;
  std::string StorePath() const { return path_ + "/store"; }

 private:
  std::string path_;
};

// Ends the process with the message where `status` is a failure: a benchmark of a failing store
// says nothing.
void MustBeOk(const Status& status);

std::unique_ptr<Engine> MustOpen(const std::string& directory, EngineOptions config);

// `count` random vectors of `dimensions` normal components, one behind the other. Fixed seed.
std::vector<float> RandomVectors(std::size_t count, std::uint32_t dimensions);

// Inserts row `row` of `vectors` and the `count - 1` behind it (round again at the end) as one
// commit.
void InsertRows(Engine& engine, const std::vector<float>& vectors, std::size_t row,
                std::size_t count, Durability durability);

}  // namespace engram

#endif  // ENGRAM_TOOLS_BENCH_BENCH_STORE_H_
