// What benchmarks of the engine share: vectors, and a store opened with internal options.
// Threads: one thread.
#ifndef ENGRAM_TOOLS_BENCH_BENCH_STORE_H_
#define ENGRAM_TOOLS_BENCH_BENCH_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tools/bench/system.h"

namespace engram::bench {

std::unique_ptr<Engine> MustOpen(const std::string& directory, EngineOptions config);

// `count` random vectors of `dimensions` normal components, one behind the other. Fixed seed.
std::vector<float> RandomVectors(std::size_t count, std::uint32_t dimensions);

// Inserts row `row` of `vectors` and the `count - 1` behind it (round again at the end) as one
// commit.
void InsertRows(Engine& engine, const std::vector<float>& vectors, std::size_t row,
                std::size_t count, Durability durability);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_BENCH_STORE_H_
