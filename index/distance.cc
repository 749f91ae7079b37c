#include "index/distance.h"

#include <initializer_list>
#ifdef ENGRAM_TEST_HOOKS
#include <atomic>
#endif

namespace engram {
namespace {

// What a processor can do is asked here and nowhere else, hence the `#if` outside of storage/base.
bool CpuRuns(InstructionSet set) {
  switch (set) {
    case InstructionSet::kScalar:
    case InstructionSet::kNeon:  // part of every AArch64; elsewhere there is no table
      return true;
#if defined(__x86_64__)
    case InstructionSet::kAvx2:
      return __builtin_cpu_supports("avx2") != 0;
    case InstructionSet::kAvx512:
      return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
             __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
#else
    case InstructionSet::kAvx2:
    case InstructionSet::kAvx512:
      return false;
#endif
  }
  return false;
}

const DistanceKernels& ChooseByCpu() {
  for (const InstructionSet set :
       {InstructionSet::kAvx512, InstructionSet::kAvx2, InstructionSet::kNeon}) {
    if (const DistanceKernels* kernels = KernelsFor(set)) return *kernels;
  }
  return ScalarKernels();
}

#ifdef ENGRAM_TEST_HOOKS
std::atomic<const DistanceKernels*> g_forced{nullptr};
#endif

}  // namespace

const DistanceKernels* KernelsFor(InstructionSet set) {
  if (!CpuRuns(set)) return nullptr;
  switch (set) {
    case InstructionSet::kScalar:
      return &ScalarKernels();
    case InstructionSet::kAvx2:
      return Avx2Kernels();
    case InstructionSet::kAvx512:
      return Avx512Kernels();
    case InstructionSet::kNeon:
      return NeonKernels();
  }
  return nullptr;
}

const DistanceKernels& BestKernels() {
#ifdef ENGRAM_TEST_HOOKS
  // relaxed: the tables are constants, nothing is published with the pointer.
  if (const DistanceKernels* forced = g_forced.load(std::memory_order_relaxed)) return *forced;
#endif
  static const DistanceKernels& best = ChooseByCpu();
  return best;
}

#ifdef ENGRAM_TEST_HOOKS
void ForceKernelsForTesting(const DistanceKernels* kernels) {
  g_forced.store(kernels, std::memory_order_relaxed);  // relaxed: as in BestKernels()
}
#endif

}  // namespace engram
