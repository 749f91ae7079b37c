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
  // Copies the query. Pre: ValidateVector() accepts it.
  QueryScorer(Metric metric, VectorView query, const DistanceKernels& kernels = BestKernels());

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

  std::size_t dimensions() const { return query_.size(); }

 private:
  float CosineDistance(float dot, float row_norm) const;
  float InnerProductDistance(const float* row, float dot) const;

  Metric metric_;
  const DistanceKernels* kernels_;
  std::vector<float> query_;  // under cosine scaled to a length in [0.5, 1]
  float query_norm_ = 0;      // of query_, under cosine
};

}  // namespace engram

#endif  // ENGRAM_INDEX_METRIC_H_
