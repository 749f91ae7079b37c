// Compiled with -mavx2 (index/CMakeLists.txt says what else): runs only where KernelsFor() has seen
// AVX2. The `#if` is one of target, like the flags: on another one this file has no table.
#include "index/distance.h"

#if defined(__AVX2__)
#include <immintrin.h>

#include <cstdint>
#include <xsimd/xsimd.hpp>

namespace engram {
namespace {

using Arch = xsimd::avx2;
using Batch = xsimd::batch<float, Arch>;

// Ones as often as the tail has elements: read from element 8 - n on.
alignas(64) constexpr std::int32_t kMasks[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

inline Batch LoadFirst(const float* from, std::size_t n) {
  const __m256i mask = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMasks + 8 - n));
  return _mm256_maskload_ps(from, mask);
}

inline float AddAcross(Batch sums) {
  const __m256 eight = sums;
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#include "index/distance_xsimd.inc"

}  // namespace

const DistanceKernels* Avx2Kernels() { return &kKernels; }

}  // namespace engram

#else

const engram::DistanceKernels* engram::Avx2Kernels() { return nullptr; }

#endif
