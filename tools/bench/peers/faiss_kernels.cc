#include "tools/bench/peers/faiss_kernels.h"

namespace engram::bench {

// The loops are left to the compiler, which may change the order of the sums (CMakeLists.txt).

float NativeDistance(const float* a, const float* b, std::size_t dimensions) {
  float sum = 0;
  for (std::size_t i = 0; i < dimensions; ++i) {
    const float difference = a[i] - b[i];
    sum += difference * difference;
  }
  return sum;
}

float NativeCodeDistance(const float* query, const float* steps, const std::uint8_t* codes,
                         std::size_t dimensions) {
  float sum = 0;
  for (std::size_t i = 0; i < dimensions; ++i) {
    const float difference = query[i] - steps[i] * static_cast<float>(codes[i]);
    sum += difference * difference;
  }
  return sum;
}

float NativeCodesDistance(const float* steps, const std::uint8_t* a, const std::uint8_t* b,
                          std::size_t dimensions) {
  float sum = 0;
  for (std::size_t i = 0; i < dimensions; ++i) {
    const float difference = steps[i] * static_cast<float>(static_cast<int>(a[i]) - b[i]);
    sum += difference * difference;
  }
  return sum;
}

}  // namespace engram::bench
