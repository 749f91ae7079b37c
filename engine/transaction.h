// One commit on its way: what a caller asks, and what became of it. Arguments were checked before; vectors are borrowed
// from the caller, who waits.
// Threads: written by the caller, then by the leader that takes it, then read by the caller.
#ifndef ENGRAM_ENGINE_TRANSACTION_H_
#define ENGRAM_ENGINE_TRANSACTION_H_

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include <engram/status.h>
#include <engram/types.h>

#include "storage/base/mutex.h"

namespace engram {

struct PendingInsert {
  std::optional<PatternId> id;  // unset: the next
  VectorView vector;
  float norm = 0;
  std::vector<std::byte> metadata;  // encoded
  std::optional<std::int64_t> timestamp_us;
  TypeTag type = 0;
};

struct PendingUpdate {
  PatternId id = 0;
  std::optional<VectorView> vector;
  float norm = 0;  // of `vector`
  std::optional<std::vector<std::byte>> metadata;
  std::optional<std::int64_t> timestamp_us;
  std::optional<TypeTag> type;
};

struct PendingErase {
  PatternId id = 0;
};

using PendingOp = std::variant<PendingInsert, PendingUpdate, PendingErase>;

struct Transaction {
  std::vector<PendingOp> ops;
  Durability durability = Durability::kSync;

  Status status;
  Lsn lsn = Lsn::kNone;
  std::vector<PatternId> ids;  // of the inserts, in order

  // For the commit queue.
  std::uint64_t bytes = 0;  // about what it will take in the log
  bool done = false;        // guarded by the queue's mutex
  CondVar wake;
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_TRANSACTION_H_
