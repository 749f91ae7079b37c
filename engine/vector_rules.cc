#include "engine/vector_rules.h"

#include "index/metric.h"
#include "storage/meta_codec.h"

namespace engram {

Status CheckVector(const VectorRules& rules, VectorView vector) {
  return ValidateVector(rules.metric, rules.dimensions, vector);
}

float VectorNorm(VectorView vector) { return Norm(vector); }

Result<std::vector<std::byte>> EncodedMetadata(const Metadata& metadata) {
  return EncodeMetadata(metadata);
}

}  // namespace engram
