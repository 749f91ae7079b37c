#include "engine/vector_rules.h"

#include "index/metric.h"
#include "storage/meta_codec.h"

namespace engram {

Status CheckVector(const VectorRules& rules, VectorView vector) {
  return ValidateVector(rules.metric, rules.dimensions, vector);
}

float VectorNorm(VectorView vector) { return Norm(vector); }

float VectorDistance(Metric metric, VectorView query, VectorView row) {
  return QueryScorer(metric, query).Distance(row.data(), Norm(row));
}

Result<std::vector<std::byte>> EncodedMetadata(const Metadata& metadata) {
  return EncodeMetadata(metadata);
}

}  // namespace engram
