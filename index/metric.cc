#include "index/metric.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace engram {
namespace {

// Four sums, so that the additions need not wait for each other; the order is part of the file
// format. The squares of 16,384 floats do not exceed a double.
double NormInDouble(VectorView vector) {
  double sums[4] = {};
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const double component = vector[i];
    sums[i % 4] += component * component;
  }
  return std::sqrt((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

Status NotFinite(VectorView vector) {
  const auto bad =
      std::find_if(vector.begin(), vector.end(), [](float c) { return !std::isfinite(c); });
  return Status::InvalidVector("component " + std::to_string(bad - vector.begin()) + " is " +
                               (std::isnan(*bad) ? "NaN" : "infinite") +
                               ", expected a finite number");
}

}  // namespace

float Norm(VectorView vector) { return static_cast<float>(NormInDouble(vector)); }

Status ValidateVector(Metric metric, std::uint32_t dimensions, VectorView vector) {
  if (vector.size() != dimensions) {
    return Status::DimensionMismatch("vector has " + std::to_string(vector.size()) +
                                     (vector.size() == 1 ? " component" : " components") +
                                     ", the store holds " + std::to_string(dimensions));
  }
  const double norm = NormInDouble(vector);
  if (!std::isfinite(norm)) return NotFinite(vector);
  const auto stored = static_cast<float>(norm);
  if (!std::isfinite(stored)) {
    return Status::InvalidVector("the vector's length exceeds the largest float, 3.4e38");
  }
  if (metric == Metric::kCosine && stored < std::numeric_limits<float>::min()) {
    return Status::InvalidVector(
        norm == 0 ? "a zero vector has no direction, which the cosine metric needs"
                  : "the vector's length is below 1.2e-38, too small for the "
                    "cosine metric to tell its direction");
  }
  return Status::Ok();
}

void QueryScorer::Prepare(Metric metric, VectorView query, const DistanceKernels& kernels) {
  metric_ = metric;
  kernels_ = &kernels;
  query_.assign(query.begin(), query.end());
  if (metric_ != Metric::kCosine) return;
  // By a power of two, which changes no digit: then the dot product with a vector of any length is
  // within the range of a float.
  const int scale = -1 - std::ilogb(NormInDouble(query));
  for (float& component : query_) component = std::ldexp(component, scale);
  query_norm_ = Norm(query_);
}

void QueryScorer::FourDistances(const float* const* rows, const float* row_norms,
                                float* distances) const {
  if (metric_ == Metric::kL2) {
    kernels_->four_l2(query_.data(), rows, query_.size(), distances);
    return;
  }
  float dots[kRowsTogether];
  kernels_->four_dots(query_.data(), rows, query_.size(), dots);
  for (std::size_t i = 0; i < kRowsTogether; ++i) {
    distances[i] = metric_ == Metric::kCosine ? CosineDistance(dots[i], row_norms[i])
                                              : InnerProductDistance(rows[i], dots[i]);
  }
}

float QueryScorer::CosineDistance(float dot, float row_norm) const {
  const double norms = static_cast<double>(query_norm_) * static_cast<double>(row_norm);
  const double cosine = static_cast<double>(dot) / norms;
  return static_cast<float>(std::clamp(1.0 - cosine, 0.0, 2.0));
}

float QueryScorer::InnerProductDistance(const float* row, float dot) const {
  if (std::isfinite(dot)) return 1.0F - dot;
  // A part of the sum left the range of a float, the whole need not have: again, in double.
  double sum = 0;
  for (std::size_t i = 0; i < query_.size(); ++i) {
    sum += static_cast<double>(query_[i]) * static_cast<double>(row[i]);
  }
  return static_cast<float>(1.0 - sum);
}

float RowScorer::DotDistance(Row a, Row b) const {
  const double norms = static_cast<double>(a.norm) * static_cast<double>(b.norm);
  // Within it the float sum neither leaves the range of a float nor loses its digits.
  constexpr double kLeast = 1e-24;
  constexpr double kMost = 1e30;
  double dot = 0;
  if (norms > kLeast && norms < kMost) {
    dot = static_cast<double>(kernels_->dot(a.vector, b.vector, dimensions_));
  } else {
    for (std::size_t i = 0; i < dimensions_; ++i) {
      dot += static_cast<double>(a.vector[i]) * static_cast<double>(b.vector[i]);
    }
  }
  if (metric_ == Metric::kInnerProduct) return static_cast<float>(1.0 - dot);
  return static_cast<float>(std::clamp(1.0 - dot / norms, 0.0, 2.0));
}

}  // namespace engram
