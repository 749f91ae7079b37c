// Every AArch64 processor has these instructions, so no flags and no question to the CPU.
// The `#if` is one of target: on another one this file has no table.
#include "index/distance.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#include <xsimd/xsimd.hpp>

namespace engram {
namespace {

using Arch = xsimd::neon64;
using Batch = xsimd::batch<float, Arch>;

inline Batch LoadFirst(const float* from, std::size_t n) {
  float padded[4] = {};
  for (std::size_t i = 0; i < n; ++i) padded[i] = from[i];
  return Batch::load_unaligned(padded);
}

inline float AddAcross(Batch sums) {
  const float32x4_t four = sums;
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

#include "index/distance_xsimd.inc"

}  // namespace

const DistanceKernels* NeonKernels() { return &kKernels; }

}  // namespace engram

#else

const engram::DistanceKernels* engram::NeonKernels() { return nullptr; }

#endif
