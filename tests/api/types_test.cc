#include <engram/types.h>
#include <gtest/gtest.h>

namespace engram {
namespace {

TEST(MetricName, IsTheWordThatTheToolTakes) {
  EXPECT_EQ(MetricName(Metric::kL2), "l2");
  EXPECT_EQ(MetricName(Metric::kCosine), "cosine");
  EXPECT_EQ(MetricName(Metric::kInnerProduct), "ip");
  EXPECT_EQ(MetricName(static_cast<Metric>(99)), "unknown");
}

}  // namespace
}  // namespace engram
