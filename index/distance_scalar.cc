// The kernels that every machine runs, and the definition that the others are tested against.
#include "index/distance.h"

namespace engram {
namespace {

struct SquaredDifference {
  static float Of(float a, float b) {
    const float difference = a - b;
    return difference * difference;
  }
};

struct Product {
  static float Of(float a, float b) { return a * b; }
};

template <typename Term>
float SumOfTerms(const float* a, const float* b, std::size_t d) {
  float lanes[kKernelLanes] = {};
  std::size_t i = 0;
  for (; i + kKernelLanes <= d; i += kKernelLanes) {
    for (std::size_t j = 0; j < kKernelLanes; ++j) lanes[j] += Term::Of(a[i + j], b[i + j]);
  }
  for (std::size_t j = 0; i + j < d; ++j) lanes[j] += Term::Of(a[i + j], b[i + j]);
  for (std::size_t n = kKernelLanes / 2; n > 0; n /= 2) {
    for (std::size_t j = 0; j < n; ++j) lanes[j] += lanes[j + n];
  }
  return lanes[0];
}

template <typename Term>
void FourSums(const float* a, const float* const* rows, std::size_t d, float* out) {
  for (std::size_t row = 0; row < kRowsTogether; ++row)
    out[row] = SumOfTerms<Term>(a, rows[row], d);
}

constexpr DistanceKernels kScalarKernels = {&SumOfTerms<SquaredDifference>, &SumOfTerms<Product>,
                                            &FourSums<SquaredDifference>, &FourSums<Product>,
                                            "scalar"};

}  // namespace

const DistanceKernels& ScalarKernels() { return kScalarKernels; }

}  // namespace engram
