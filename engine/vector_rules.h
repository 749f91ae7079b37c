// The checks of vectors and metadata that callers of the engine make before they queue anything.
// Threads: pure functions.
#ifndef ENGRAM_ENGINE_VECTOR_RULES_H_
#define ENGRAM_ENGINE_VECTOR_RULES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include <engram/metadata.h>
#include <engram/result.h>
#include <engram/types.h>

namespace engram {

// What a vector of the store must be.
struct VectorRules {
  Metric metric = Metric::kL2;
  std::uint32_t dimensions = 0;
};

// Errors: kDimensionMismatch, kInvalidVector.
Status CheckVector(const VectorRules& rules, VectorView vector);
float VectorNorm(VectorView vector);
// What a search for `query` says of `row`, to the bit. Pre: CheckVector() accepts both.
float VectorDistance(Metric metric, VectorView query, VectorView row);
// Errors: kInvalidArgument.
Result<std::vector<std::byte>> EncodedMetadata(const Metadata& metadata);

}  // namespace engram

#endif  // ENGRAM_ENGINE_VECTOR_RULES_H_
