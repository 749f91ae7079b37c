// InsertBatch: good patterns in bounded atomic sub-batches, bad ones each with its reason.
// Threads: one thread.
#ifndef ENGRAM_API_SRC_BATCH_INSERTER_H_
#define ENGRAM_API_SRC_BATCH_INSERTER_H_

#include <cstddef>
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
  }

  // Errors: what the store as a whole met; `result` says what was stored before.
  Status Run(std::span<const NewPattern> patterns, BatchResult& result);

 private:
  static constexpr std::size_t kPatterns = 1000;
  static constexpr std::uint64_t kBytes = 4ull << 20;

  // Commits what was collected; where one pattern spoils it for all, each by itself.
  Status CommitCollected(BatchResult& result);
  Status CommitOneByOne(BatchResult& result);
  void Reset();

  Engine& engine_;
  Transaction transaction_;
  std::vector<std::size_t> positions_;  // of the transaction's operations, in the caller's span
};

}  // namespace engram

#endif  // ENGRAM_API_SRC_BATCH_INSERTER_H_
