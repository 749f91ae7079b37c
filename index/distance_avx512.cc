// Compiled with -mavx512f and its like (index/CMakeLists.txt): runs only where KernelsFor() has
// seen AVX-512. The `#if` is one of target, like the flags: on another one this file has no table.
#include "index/distance.h"

#if defined(__AVX512F__)
#include <immintrin.h>

#include <xsimd/xsimd.hpp>

namespace engram {
namespace {

using Arch = xsimd::avx512bw;
using Batch = xsimd::batch<float, Arch>;

inline Batch LoadFirst(const float* from, std::size_t n) {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << n) - 1), from);
}

inline float AddAcross(Batch sums) {
  const __m512 sixteen = sums;
  // The forms with a full mask: gcc 12 warns of the plain ones' undefined pass-through operand.
  const __m256 eight = _mm256_add_ps(_mm512_maskz_extractf32x8_ps(0xff, sixteen, 0),
                                     _mm512_maskz_extractf32x8_ps(0xff, sixteen, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#include "index/distance_xsimd.inc"

}  // namespace

const DistanceKernels* Avx512Kernels() { return &kKernels; }

}  // namespace engram

#else

const engram::DistanceKernels* engram::Avx512Kernels() { return nullptr; }

#endif
