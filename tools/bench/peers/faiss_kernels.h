// Squared Euclidean distances for FAISS's indexes, compiled for this very processor: Debian builds
// its FAISS for every x86-64, which more than halves its speed. Plain functions over plain memory,
// so that nothing else is compiled with those flags.
// Threads: pure functions.
#ifndef ENGRAM_TOOLS_BENCH_PEERS_FAISS_KERNELS_H_
#define ENGRAM_TOOLS_BENCH_PEERS_FAISS_KERNELS_H_

#include <cstddef>
#include <cstdint>

namespace engram::bench {

float NativeDistance(const float* a, const float* b, std::size_t dimensions);
// Component i of the coded vector is steps[i] * codes[i], of the other query[i].
float NativeCodeDistance(const float* query, const float* steps, const std::uint8_t* codes,
                         std::size_t dimensions);
// Of two coded vectors.
float NativeCodesDistance(const float* steps, const std::uint8_t* a, const std::uint8_t* b,
                          std::size_t dimensions);

}  // namespace engram::bench

#endif  // ENGRAM_TOOLS_BENCH_PEERS_FAISS_KERNELS_H_
