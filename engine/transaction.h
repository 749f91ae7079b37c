// One commit on its way: what a caller asks, and what became of it. Arguments were checked before;
// vectors are borrowed from the caller, who waits. Threads: written by the caller, then by the
// leader that takes it, then read by the caller.
#ifndef ENGRAM_ENGINE_TRANSACTION_H_
#define ENGRAM_ENGINE_TRANSACTION_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <variant>
#include <vector>

#include <engram/status.h>
#include <engram/types.h>

#include "index/linker.h"
#include "storage/base/mutex.h"

namespace engram {

struct PendingInsert {
  std::optional<PatternId> id;  // unset: the next
  VectorView vector;
  float norm = 0;
  std::optional<FoundNear> near;    // nodes near it; unset: the leader searches
  std::vector<std::byte> metadata;  // encoded
  std::optional<std::int64_t> timestamp_us;
  TypeTag type = 0;
  std::optional<std::int64_t> ttl_us;  // from the commit on
};

struct PendingUpdate {
  PatternId id = 0;
  std::optional<VectorView> vector;
  float norm = 0;                 // of `vector`
  std::optional<FoundNear> near;  // as above
  std::optional<std::vector<std::byte>> metadata;
  std::optional<std::int64_t> timestamp_us;
  std::optional<TypeTag> type;
  std::optional<std::int64_t> ttl_us;  // 0: none any more
};

// Which live versions an erase means.
struct EraseMatch {
  std::optional<TypeTag> type;
  std::int64_t from_us = std::numeric_limits<std::int64_t>::min();  // their own time: from here
  std::optional<std::int64_t> before_us;                            // until before here
  std::optional<std::int64_t> expired_by_us;                        // that have expired by then
};

struct PendingErase {
  PatternId id = 0;
  // Set: where the pattern is not live, or its live version is another one, nothing is done, which
  // is no error.
  std::optional<EraseMatch> only_if{};
};

using PendingOp = std::variant<PendingInsert, PendingUpdate, PendingErase>;

// What becomes of a transaction of which one operation cannot be.
enum class OnRefusal : std::uint8_t {
  kFail,  // nothing is done
  kSkip,  // the others are done; only for inserts
};

struct Refusal {
  std::size_t position = 0;  // in `ops`
  Status status;
};

struct Transaction {
  std::vector<PendingOp> ops;
  Durability durability = Durability::kSync;
  OnRefusal on_refusal = OnRefusal::kFail;

  // With kSkip a success says that every operation but the refused ones is done; not that there is
  // one.
  Status status;
  std::vector<Refusal> refused;  // by position; only with kSkip
  Lsn lsn = Lsn::kNone;
  std::vector<PatternId> ids;  // of the inserts, in order, without the refused ones
  std::uint64_t ended = 0;     // versions that it ended

  // For the commit queue.
  std::uint64_t bytes = 0;  // about what it will take in the log
  bool done = false;        // guarded by the queue's mutex
  CondVar wake;
};

}  // namespace engram

#endif  // ENGRAM_ENGINE_TRANSACTION_H_
