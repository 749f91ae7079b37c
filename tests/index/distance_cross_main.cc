// The kernels of every instruction set against the scalar ones, without a test framework:
// cross-compiled for AArch64 and run under qemu (tests/index/tests.cmake). Exit 0: all bits agree;
// 1: they do not, or there was nothing to compare.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "index/distance.h"

namespace engram {
namespace {

bool SameBits(float a, float b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

// Differences are printed.
bool Agree(const DistanceKernels& kernels, const float* a, const float* b, std::size_t d) {
  const float l2 = kernels.l2(a, b, d);
  const float dot = kernels.dot(a, b, d);
  const float expected_l2 = ScalarKernels().l2(a, b, d);
  const float expected_dot = ScalarKernels().dot(a, b, d);
  if (SameBits(l2, expected_l2) && SameBits(dot, expected_dot)) return true;
  std::printf("%s, d %zu: l2 %a, expected %a; dot %a, expected %a\n", kernels.name, d,
              static_cast<double>(l2), static_cast<double>(expected_l2), static_cast<double>(dot),
              static_cast<double>(expected_dot));
  return false;
}

bool AllAgree(const DistanceKernels& kernels, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> component;
  std::vector<float> a(16384 + 3), b(16384 + 3);
  bool agree = true;
  for (const float scale : {1.0F, 1e-22F, 1e17F}) {
    for (float& value : a) value = scale * component(random);
    for (float& value : b) value = scale * component(random);
    for (std::size_t d = 1; d <= 300; ++d) {
      agree &= Agree(kernels, a.data() + d % 3, b.data() + d % 2, d);
    }
    for (const std::size_t d : {768, 1536, 4095, 16384})
      agree &= Agree(kernels, a.data(), b.data(), d);
  }
  return agree;
}

int Main() {
  constexpr std::uint64_t kSeed = 7;
  int compared = 0;
  bool agree = true;
  for (const InstructionSet set : kAllInstructionSets) {
    const DistanceKernels* kernels = KernelsFor(set);
    if (kernels == nullptr || set == InstructionSet::kScalar) continue;
    const bool same = AllAgree(*kernels, kSeed);
    std::printf("%s: %s (seed %" PRIu64 ")\n", kernels->name, same ? "same bits" : "DIFFERS",
                kSeed);
    agree &= same;
    ++compared;
  }
  if (compared == 0) std::printf("no kernels but the scalar ones\n");
  return agree && compared > 0 ? 0 : 1;
}

}  // namespace
}  // namespace engram

int main() { return engram::Main(); }
