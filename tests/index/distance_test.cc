#include "index/distance.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "tests/support/temp_dir.h"

namespace engram {
namespace {

struct Reference {
  double value;
  double magnitude;  // sum of the terms' absolute values: what rounding is relative to
};

Reference L2InDouble(const float* a, const float* b, std::size_t d) {
  double sum = 0;
  for (std::size_t i = 0; i < d; ++i)
    sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
  return {sum, sum};
}

Reference DotInDouble(const float* a, const float* b, std::size_t d) {
  Reference result{0, 0};
  for (std::size_t i = 0; i < d; ++i) {
    const double term = static_cast<double>(a[i]) * static_cast<double>(b[i]);
    result.value += term;
    result.magnitude += std::abs(term);
  }
  return result;
}

// Each lane adds at most d / 32 terms, then five more additions; a term itself is rounded twice.
// The last summand stands for products below the smallest float.
double Tolerance(std::size_t d, double magnitude) {
  const double roundings = static_cast<double>(d) / 32 + 8;
  return roundings * std::ldexp(magnitude, -24) + static_cast<double>(d) * 1.5e-45;
}

std::uint32_t Bits(float value) { return std::bit_cast<std::uint32_t>(value); }

class DistanceTest : public testing::TestWithParam<InstructionSet> {
 protected:
  void SetUp() override {
    kernels_ = KernelsFor(GetParam());
    if (kernels_ == nullptr) GTEST_SKIP() << "not on this machine";
  }

  void ExpectExact(const float* a, const float* b, std::size_t d) const {
    const float l2 = kernels_->l2(a, b, d);
    const float dot = kernels_->dot(a, b, d);
    const Reference l2_reference = L2InDouble(a, b, d);
    const Reference dot_reference = DotInDouble(a, b, d);
    EXPECT_NEAR(l2, l2_reference.value, Tolerance(d, l2_reference.magnitude)) << "d " << d;
    EXPECT_NEAR(dot, dot_reference.value, Tolerance(d, dot_reference.magnitude)) << "d " << d;
    EXPECT_EQ(Bits(l2), Bits(ScalarKernels().l2(a, b, d))) << "d " << d;
    EXPECT_EQ(Bits(dot), Bits(ScalarKernels().dot(a, b, d))) << "d " << d;
  }

  const DistanceKernels* kernels_ = nullptr;
};

TEST_P(DistanceTest, EveryLengthAgreesWithDoubleAndBitForBitWithScalar) {
  std::mt19937_64 random(TestSeed(1));
  std::normal_distribution<float> component;
  std::vector<float> a(20000), b(20000);
  for (float& value : a) value = component(random);
  for (float& value : b) value = component(random);
  for (std::size_t d = 0; d <= 300; ++d) ExpectExact(a.data(), b.data(), d);
  for (const std::size_t d : {384U, 768U, 1000U, 1536U, 4095U, 16384U})
    ExpectExact(a.data(), b.data(), d);
}

TEST_P(DistanceTest, FourRowsTogetherGiveTheBitsOfEach) {
  std::mt19937_64 random(TestSeed(5));
  std::normal_distribution<float> normal;
  for (const std::size_t d : {1u, 3u, 16u, 31u, 32u, 33u, 47u, 64u, 100u, 128u, 255u, 768u}) {
    std::vector<float> values(d * (kRowsTogether + 1));
    for (float& value : values) value = normal(random);
    const float* rows[kRowsTogether];
    for (std::size_t i = 0; i < kRowsTogether; ++i) rows[i] = values.data() + (i + 1) * d;
    float l2[kRowsTogether];
    float dots[kRowsTogether];
    kernels_->four_l2(values.data(), rows, d, l2);
    kernels_->four_dots(values.data(), rows, d, dots);
    for (std::size_t i = 0; i < kRowsTogether; ++i) {
      EXPECT_EQ(Bits(l2[i]), Bits(kernels_->l2(values.data(), rows[i], d))) << d;
      EXPECT_EQ(Bits(dots[i]), Bits(kernels_->dot(values.data(), rows[i], d))) << d;
    }
  }
}

TEST_P(DistanceTest, RowsNeedNoAlignment) {
  std::mt19937_64 random(TestSeed(2));
  std::uniform_real_distribution<float> component(-1, 1);
  std::vector<float> a(200), b(200);
  for (float& value : a) value = component(random);
  for (float& value : b) value = component(random);
  for (std::size_t i = 0; i < 17; ++i) {
    for (std::size_t j = 0; j < 17; ++j) ExpectExact(a.data() + i, b.data() + j, 131);
  }
}

TEST_P(DistanceTest, HugeAndTinyComponentsAgree) {
  std::mt19937_64 random(TestSeed(3));
  std::uniform_real_distribution<float> mantissa(-1, 1);
  for (const int exponent : {-149, -130, -126, -80, -70, -64, -60, -20, 20, 55, 59}) {
    std::vector<float> a(77), b(77);
    for (float& value : a) value = std::ldexp(mantissa(random), exponent);
    for (float& value : b) value = std::ldexp(mantissa(random), exponent);
    ExpectExact(a.data(), b.data(), a.size());
  }
}

TEST_P(DistanceTest, MixedMagnitudesAgree) {
  std::mt19937_64 random(TestSeed(4));
  std::uniform_real_distribution<float> mantissa(-1, 1);
  std::uniform_int_distribution<int> exponent(-60, 55);
  for (int round = 0; round < 200; ++round) {
    std::vector<float> a(1 + static_cast<std::size_t>(random() % 200)), b(a.size());
    for (float& value : a) value = std::ldexp(mantissa(random), exponent(random));
    for (float& value : b) value = std::ldexp(mantissa(random), exponent(random));
    ExpectExact(a.data(), b.data(), a.size());
  }
}

TEST_P(DistanceTest, WhatExceedsAFloatIsInfinite) {
  const std::vector<float> a(40, 3e38F), b(40, -3e38F);
  EXPECT_EQ(kernels_->l2(a.data(), b.data(), 40), INFINITY);
  EXPECT_EQ(kernels_->dot(a.data(), b.data(), 40), -INFINITY);
  EXPECT_EQ(kernels_->l2(a.data(), a.data(), 40), 0.0F);
}

// Both rows end where a page begins that nobody may read.
TEST_P(DistanceTest, NothingBehindTheRowsIsRead) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto map = [page] {
    void* pages =
        mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(pages, MAP_FAILED);
    EXPECT_EQ(mprotect(static_cast<std::byte*>(pages) + page, page, PROT_NONE), 0);
    return static_cast<std::byte*>(pages);
  };
  std::byte* const a = map();
  std::byte* const b = map();
  for (std::size_t d = 1; d <= 130; ++d) {
    auto* row_a = reinterpret_cast<float*>(a + page) - d;
    auto* row_b = reinterpret_cast<float*>(b + page) - d;
    for (std::size_t i = 0; i < d; ++i) {
      row_a[i] = static_cast<float>(i + 1);
      row_b[i] = static_cast<float>(i) - 20;
    }
    ExpectExact(row_a, row_b, d);
  }
  munmap(a, 2 * page);
  munmap(b, 2 * page);
}

INSTANTIATE_TEST_SUITE_P(Kernels, DistanceTest, testing::ValuesIn(kAllInstructionSets),
                         [](const auto& param) {
                           switch (param.param) {
                             case InstructionSet::kScalar:
                               return "Scalar";
                             case InstructionSet::kAvx2:
                               return "Avx2";
                             case InstructionSet::kAvx512:
                               return "Avx512";
                             case InstructionSet::kNeon:
                               return "Neon";
                           }
                           return "Unknown";
                         });

TEST(Kernels, TheBestOnesAreOfThisMachineUnlessForced) {
  const DistanceKernels* const by_cpu = &BestKernels();
  bool known = false;
  for (const InstructionSet set : kAllInstructionSets) known |= KernelsFor(set) == by_cpu;
  EXPECT_TRUE(known);
  ForceKernelsForTesting(&ScalarKernels());
  EXPECT_STREQ(BestKernels().name, "scalar");
  ForceKernelsForTesting(nullptr);
  EXPECT_EQ(&BestKernels(), by_cpu);
}

}  // namespace
}  // namespace engram
