#include "index/metric.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tests/support/temp_dir.h"

namespace engram {
namespace {

constexpr Metric kMetrics[] = {Metric::kL2, Metric::kCosine, Metric::kInnerProduct};

float Distance(Metric metric, VectorView query, VectorView row) {
  return QueryScorer(metric, query).Distance(row.data(), Norm(row));
}

TEST(Norm, IsTheEuclideanLengthOfVectorsOfAnySize) {
  EXPECT_EQ(Norm(std::vector<float>{3, 4}), 5.0F);
  EXPECT_EQ(Norm(std::vector<float>{-3e30F, 4e30F}), 5e30F);
  EXPECT_EQ(Norm(std::vector<float>{0, 0, 0}), 0.0F);
  const float smallest = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(Norm(std::vector<float>{smallest}), smallest);
  EXPECT_EQ(Norm(std::vector<float>(16384, 1.0F)), 128.0F);
}

TEST(Norm, GivesTheBitsThatStoredNormsHave) {
  std::vector<float> vector;
  for (int i = 0; i < 103; ++i) vector.push_back(1.0F / static_cast<float>(i + 1) - 0.1F);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(Norm(vector)), 0x3fa3037dU);
}

TEST(ValidateVector, AnotherLengthIsADimensionMismatch) {
  const Status status = ValidateVector(Metric::kL2, 128, std::vector<float>{1, 2, 3});
  EXPECT_EQ(status.code(), Code::kDimensionMismatch);
  EXPECT_EQ(status.message(), "vector has 3 components, the store holds 128");
  EXPECT_EQ(ValidateVector(Metric::kL2, 2, {}).code(), Code::kDimensionMismatch);
}

TEST(ValidateVector, NamesThePlaceOfWhatIsNotANumber) {
  for (const Metric metric : kMetrics) {
    const Status nan = ValidateVector(metric, 3, std::vector<float>{1, NAN, 3});
    EXPECT_EQ(nan.code(), Code::kInvalidVector);
    EXPECT_EQ(nan.message(), "component 1 is NaN, expected a finite number");
    const Status infinite = ValidateVector(metric, 3, std::vector<float>{1, 2, -INFINITY});
    EXPECT_EQ(infinite.code(), Code::kInvalidVector);
    EXPECT_EQ(infinite.message(), "component 2 is infinite, expected a finite number");
  }
}

TEST(ValidateVector, AZeroVectorIsRefusedUnderCosineOnly) {
  const std::vector<float> zero(3, 0.0F);
  EXPECT_EQ(ValidateVector(Metric::kCosine, 3, zero).code(), Code::kInvalidVector);
  EXPECT_TRUE(ValidateVector(Metric::kL2, 3, zero).ok());
  EXPECT_TRUE(ValidateVector(Metric::kInnerProduct, 3, zero).ok());
}

TEST(ValidateVector, ALengthWithoutFullPrecisionIsRefusedUnderCosineOnly) {
  const std::vector<float> tiny(3, 1e-40F);
  EXPECT_EQ(ValidateVector(Metric::kCosine, 3, tiny).code(), Code::kInvalidVector);
  EXPECT_TRUE(ValidateVector(Metric::kL2, 3, tiny).ok());
  EXPECT_TRUE(ValidateVector(Metric::kCosine, 3, std::vector<float>(3, 1e-38F)).ok());
}

TEST(ValidateVector, ALengthBeyondTheLargestFloatIsRefused) {
  for (const Metric metric : kMetrics) {
    EXPECT_EQ(ValidateVector(metric, 2, std::vector<float>{3e38F, 3e38F}).code(),
              Code::kInvalidVector);
    EXPECT_TRUE(ValidateVector(metric, 2, std::vector<float>{3e38F, 1}).ok());
  }
}

TEST(QueryScorer, FollowsTheDefinitionsOfTheMetrics) {
  const std::vector<float> a{1, 2, 2}, b{3, 0, 4};
  EXPECT_FLOAT_EQ(Distance(Metric::kL2, a, b), 4 + 4 + 4);
  EXPECT_FLOAT_EQ(Distance(Metric::kCosine, a, b), 1 - 11.0F / 15);
  EXPECT_FLOAT_EQ(Distance(Metric::kInnerProduct, a, b), 1 - 11);
}

TEST(QueryScorer, EqualDirectionsHaveCosineDistanceZeroAndOppositeOnesTwo) {
  std::mt19937_64 random(TestSeed(5));
  std::normal_distribution<float> component;
  for (int round = 0; round < 100; ++round) {
    std::vector<float> a(100), opposite(100);
    for (std::size_t i = 0; i < a.size(); ++i) {
      a[i] = component(random);
      opposite[i] = -3 * a[i];
    }
    const float same = Distance(Metric::kCosine, a, a);
    EXPECT_GE(same, 0.0F);
    EXPECT_NEAR(same, 0.0F, 1e-6F);
    const float far = Distance(Metric::kCosine, a, opposite);
    EXPECT_LE(far, 2.0F);
    EXPECT_NEAR(far, 2.0F, 1e-6F);
  }
}

TEST(QueryScorer, CosineDoesNotDependOnLengths) {
  for (const float query_scale : {2e-38F, 1e-30F, 1.0F, 1e30F, 8e37F}) {
    for (const float row_scale : {2e-38F, 1e-30F, 1.0F, 1e30F, 8e37F}) {
      const std::vector<float> a{query_scale, 0, query_scale}, b{row_scale, row_scale, 0};
      ASSERT_TRUE(ValidateVector(Metric::kCosine, 3, a).ok());
      ASSERT_TRUE(ValidateVector(Metric::kCosine, 3, b).ok());
      EXPECT_NEAR(Distance(Metric::kCosine, a, b), 0.5F, 1e-6F) << query_scale << " " << row_scale;
    }
  }
  const std::vector<float> longest(2, 2.4e38F);
  EXPECT_NEAR(Distance(Metric::kCosine, longest, longest), 0.0F, 1e-6F);
}

TEST(QueryScorer, ExchangingQueryAndRowGivesTheSameBits) {
  std::mt19937_64 random(TestSeed(6));
  std::normal_distribution<float> component;
  std::uniform_real_distribution<float> exponent(-10, 10);
  for (int round = 0; round < 300; ++round) {
    std::vector<float> a(1 + static_cast<std::size_t>(random() % 90)), b(a.size());
    const float a_scale = std::exp2(exponent(random)), b_scale = std::exp2(exponent(random));
    for (float& value : a) value = a_scale * component(random);
    for (float& value : b) value = b_scale * component(random);
    for (const Metric metric : kMetrics) EXPECT_EQ(Distance(metric, a, b), Distance(metric, b, a));
  }
}

TEST(QueryScorer, IsNeverNaN) {
  // Products in different lanes exceed a float in both directions; their sum does not.
  std::vector<float> a(2, 2e38F), b{2e38F, -2e38F};
  EXPECT_EQ(Distance(Metric::kInnerProduct, a, b), 1.0F);
  EXPECT_EQ(Distance(Metric::kInnerProduct, a, a), -INFINITY);
  EXPECT_EQ(Distance(Metric::kL2, a, b), INFINITY);
}

TEST(QueryScorer, EveryInstructionSetGivesTheSameBits) {
  std::mt19937_64 random(TestSeed(7));
  std::normal_distribution<float> component;
  std::vector<float> a(333), b(333);
  for (float& value : a) value = component(random);
  for (float& value : b) value = component(random);
  for (const Metric metric : kMetrics) {
    const float scalar = QueryScorer(metric, a, ScalarKernels()).Distance(b.data(), Norm(b));
    for (const InstructionSet set : kAllInstructionSets) {
      const DistanceKernels* kernels = KernelsFor(set);
      if (kernels == nullptr) continue;
      EXPECT_EQ(QueryScorer(metric, a, *kernels).Distance(b.data(), Norm(b)), scalar)
          << kernels->name;
    }
  }
}

}  // namespace
}  // namespace engram
