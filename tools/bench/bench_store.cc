#include "tools/bench/bench_store.h"

#include <random>
#include <utility>

#include "engine/vector_rules.h"

namespace engram::bench {

std::unique_ptr<Engine> MustOpen(const std::string& directory, EngineOptions config) {
  auto engine = Engine::Open(directory, std::move(config), Engine::Access::kReadWrite);
  MustBeOk(engine.status());
  return std::move(engine).value();
}

std::vector<float> RandomVectors(std::size_t count, std::uint32_t dimensions) {
  std::mt19937 random(42);
  std::normal_distribution<float> component;
  std::vector<float> vectors(count * dimensions);
  for (float& value : vectors) value = component(random);
  return vectors;
}

void InsertRows(Engine& engine, const std::vector<float>& vectors, std::size_t row,
                std::size_t count, Durability durability) {
  const std::uint32_t dimensions = engine.dimensions();
  const std::size_t rows = vectors.size() / dimensions;
  Transaction transaction;
  transaction.durability = durability;
  for (std::size_t i = 0; i < count; ++i) {
    PendingInsert insert;
    insert.vector = VectorView(vectors).subspan((row + i) % rows * dimensions, dimensions);
    insert.norm = VectorNorm(insert.vector);
    auto metadata =
        EncodedMetadata({{"row", static_cast<std::int64_t>(row + i)}, {"source", "bench"}});
    MustBeOk(metadata.status());
    insert.metadata = std::move(metadata).value();
    transaction.ops.emplace_back(std::move(insert));
  }
  engine.Commit(transaction);
  MustBeOk(transaction.status);
}

}  // namespace engram::bench
