// What a store's metric makes of two vectors, and which vectors it can hold.
// Leaves to others: sums over rows (index/distance.h), finding the rows.
// Threads: any thread; a QueryScorer is immutable once built.
// Implements docs/architecture.md, "The parts".
#ifndef ENGRAM_INDEX_METRIC_H_
#define ENGRAM_INDEX_METRIC_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include <engram/status.h>
#include <engram/types.h>

#include "index/distance.h"

namespace engram {

// Euclidean length. Summed in double in a fixed order: the same bits on every machine, since it is
// stored.
float Norm(VectorView vector);

// Whether a store can hold `vector` or be asked for its like.
// Errors: kDimensionMismatch; kInvalidVector for NaN, an infinity, a length beyond the largest
// float, and under cosine a length of zero or so small that a float cannot hold its full precision
// (below 1.2e-38).
Status ValidateVector(Metric metric, std::uint32_t dimensions, VectorView vector);

// One query, prepared: what does not depend on the row is computed once.
class QueryScorer {
 public:
  // Of no query yet.
  QueryScorer() = default;
  // As Prepare().
  QueryScorer(Metric metric, VectorView query, const DistanceKernels& kernels = BestKernels()) {
    Prepare(metric, query, kernels);
  }
  QueryScorer(const QueryScorer&) = delete;
  QueryScorer& operator=(const QueryScorer&) = delete;

  // Copies the query; memory is reused from query to query.
  // Pre: ValidateVector() accepts it.
  void Prepare(Metric metric, VectorView query, const DistanceKernels& kernels = BestKernels());

  // From the query to a row of as many components, by the definitions at Metric; `row_norm` is its
  // length. Never NaN; what exceeds a float is an infinity. Exchanging query and row gives the same
  // bits, unless products of components fall below 1.2e-38.
  float Distance(const float* row, float row_norm) const {
    switch (metric_) {
      case Metric::kL2:
        return kernels_->l2(query_.data(), row, query_.size());
      case Metric::kCosine:
        return CosineDistance(kernels_->dot(query_.data(), row, query_.size()), row_norm);
      case Metric::kInnerProduct:
        break;
    }
    return InnerProductDistance(row, kernels_->dot(query_.data(), row, query_.size()));
  }

  // The same to kRowsTogether rows.
  void FourDistances(const float* const* rows, const float* row_norms, float* distances) const;

  std::size_t dimensions() const { return query_.size(); }
  // Whether Distance() looks at `row_norm`.
  bool needs_row_norm() const { return metric_ == Metric::kCosine; }

 private:
  float CosineDistance(float dot, float row_norm) const;
  float InnerProductDistance(const float* row, float dot) const;

  Metric metric_ = Metric::kL2;
  const DistanceKernels* kernels_ = nullptr;
  std::vector<float> query_;  // under cosine scaled to a length in [0.5, 1]
  float query_norm_ = 0;      // of query_, under cosine
};

// A stored vector and its length.
struct Row {
  const float* vector = nullptr;
  float norm = 0;
};

// Between stored vectors, for choosing links: as near to QueryScorer's as floats are, never NaN,
// the same bits on every machine, symmetric.
class RowScorer {
 public:
  RowScorer(Metric metric, std::size_t dimensions, const DistanceKernels& kernels = BestKernels())
      : metric_(metric), dimensions_(dimensions), kernels_(&kernels) {}

  float Distance(Row a, Row b) const {
    if (metric_ == Metric::kL2) return kernels_->l2(a.vector, b.vector, dimensions_);
    return DotDistance(a, b);
  }

  std::size_t dimensions() const { return dimensions_; }

 private:
  float DotDistance(Row a, Row b) const;

  Metric metric_;
  std::size_t dimensions_;
  const DistanceKernels* kernels_;
};

}  // namespace engram

#endif  // ENGRAM_INDEX_METRIC_H_
