// Squared L2 distance and dot product of two rows of floats, one implementation for each
// instruction set, chosen once at run time. All of them add in the same order and none fuses a
// multiplication with an addition, so that they give the same bits: neither a graph nor a search
// result depends on the machine.
// Leaves metrics, norms and checks to index/metric.h.
// This header is compiled with each instruction set's own flags: it must define no function.
// Threads: any thread. Implements docs/architecture.md, "The parts".
#ifndef ENGRAM_INDEX_DISTANCE_H_
#define ENGRAM_INDEX_DISTANCE_H_

#include <cstddef>

namespace engram {

enum class InstructionSet { kScalar, kAvx2, kAvx512, kNeon };
inline constexpr InstructionSet kAllInstructionSets[] = {
    InstructionSet::kScalar, InstructionSet::kAvx2, InstructionSet::kAvx512, InstructionSet::kNeon};

inline constexpr std::size_t kRowsTogether = 4;

// Rows need only the alignment of a float; nothing beyond element d - 1 is read. d may be 0.
struct DistanceKernels {
  float (*l2)(const float* a, const float* b, std::size_t d);   // sum (a_i - b_i)^2
  float (*dot)(const float* a, const float* b, std::size_t d);  // sum a_i b_i
  // The same from `a` to kRowsTogether rows, bit for bit, in less time than one by one.
  void (*four_l2)(const float* a, const float* const* rows, std::size_t d, float* sums);
  void (*four_dots)(const float* a, const float* const* rows, std::size_t d, float* sums);
  const char* name;  // "avx2" and its like
};

// Element i is added to lane i mod kKernelLanes in order of i; then lane j + n is added to lane j
// for n = 16, 8, 4, 2, 1. Changing it changes graphs.
inline constexpr std::size_t kKernelLanes = 32;

const DistanceKernels& ScalarKernels();
// nullptr where this build or this CPU has none.
const DistanceKernels* KernelsFor(InstructionSet set);
// The fastest ones that this CPU runs; where forced, those.
const DistanceKernels& BestKernels();

#ifdef ENGRAM_TEST_HOOKS
// From now on BestKernels() returns `kernels`; nullptr goes back to the choice by CPU.
void ForceKernelsForTesting(const DistanceKernels* kernels);
#endif

// The tables of the single files, for KernelsFor() alone. nullptr where the target has no such
// instructions; whether this CPU has them is not looked at.
const DistanceKernels* Avx2Kernels();
const DistanceKernels* Avx512Kernels();
const DistanceKernels* NeonKernels();

}  // namespace engram

#endif  // ENGRAM_INDEX_DISTANCE_H_
