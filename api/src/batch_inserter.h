// InsertBatch: good patterns in bounded atomic sub-batches, bad ones each with its reason.
// Threads: one thread.
#ifndef ENGRAM_API_SRC_BATCH_INSERTER_H_
#define ENGRAM_API_SRC_BATCH_INSERTER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <engram/store.h>

#include "engine/engine.h"
#include "engine/transaction.h"

namespace engram {

class BatchInserter {
 public:
  BatchInserter(Engine& engine, Durability durability) : engine_(engine) {
    transaction_.durability = durability;
    transaction_.on_refusal = OnRefusal::kSkip;
  }

  // Says of each pattern that it was stored, or why not. Pre: called once.
  BatchResult Run(std::span<const NewPattern> patterns);

 private:
  static constexpr std::size_t kPatterns = 1000;
  static constexpr std::uint64_t kBytes = 4ull << 20;

  // Commits what was collected, in one commit. Errors: what the store as a whole met.
  Status CommitCollected();

  Engine& engine_;
  BatchResult result_;
  Transaction transaction_;
  std::vector<std::size_t> positions_;  // of the transaction's operations, in the caller's span
};

}  // namespace engram

#endif  // ENGRAM_API_SRC_BATCH_INSERTER_H_
